using Exchange.Catalogue.Datasets;
using Exchange.Contracts;
using Exchange.Hosting;
using Xunit;

namespace Exchange.Tests.Datasets;

public sealed class RowsCsvTests
{
    private static readonly DatasetField[] Fields =
    [
        Field("name", "名称", "C", 4), Field("size", "数量", "I"), Field("price", "单价", "Y"), Field("on_day", "日期", "D"), Field("at", "时刻", "T"), Field("ok", "有效", "L"),
    ];

    [Fact]
    public async Task Cells_become_values_in_the_order_of_the_entry()
    {
        var (rows, faults) = await Read("有效,名称,数量,price,日期,时刻\n是,甲乙丙丁,-7,12.50,2026-03-05,2026-03-05 08:30:00\n0,,,,20260305,2026-03-05T08:30:00+08:00\n");
        Assert.Empty(faults);
        var instant = new DateTimeOffset(2026, 3, 5, 0, 30, 0, TimeSpan.Zero);
        Assert.Equal(["甲乙丙丁", -7L, 12.50m, new DateOnly(2026, 3, 5), instant, true], rows[0]);
        Assert.Equal([null, null, null, new DateOnly(2026, 3, 5), instant, false], rows[1]);
    }

    [Fact]
    public async Task Every_fault_has_its_line_and_column_and_good_lines_still_come()
    {
        var (rows, faults) = await Read("name,size,price,on_day,at,ok\n一二三四五,1.5,1.23456,2026-02-30,今天,大概\n\n\"a\nb\",1,1,2026-01-01,,1\nx,9223372036854775808,1e3,,,1\n");
        Assert.Equal(
            ["2:名称", "2:数量", "2:单价", "2:日期", "2:时刻", "2:有效", "5:数量", "5:单价"], faults.Select(f => f.Field));
        Assert.Equal("a\nb", Assert.Single(rows)[0]);
    }

    [Theory]
    [InlineData("=1+1")]
    [InlineData("@x")]
    [InlineData("𠮷𠮷𠮷𠮷")]
    public async Task Formula_like_cells_and_rare_characters_are_data(string cell) =>
        Assert.Equal(cell, Assert.Single((await Read($"name,size,price,on_day,at,ok\n{cell},,,,,\n")).Rows)[0]);

    [Theory]
    [InlineData("a\u0000")]
    [InlineData("a\u001B[")]
    [InlineData("\u202Ea")]
    public async Task Cells_with_control_characters_are_not(string cell) =>
        Assert.Equal("2:名称", Assert.Single((await Read($"name,size,price,on_day,at,ok\n{cell},,,,,\n")).Faults).Field);

    [Theory]
    [InlineData("name,size,price,on_day,at", "1:有效 column-missing")]
    [InlineData("name,size,price,on_day,at,ok,名称", "1:名称 column-twice")]
    [InlineData("name,size,price,on_day,at,ok,x", "1:x unknown-column")]
    [InlineData("", "1:* empty")]
    public async Task The_header_names_every_item_once(string header, string fault) =>
        Assert.Equal(fault, Assert.Single((await Read(header + "\n")).Faults.Select(f => $"{f.Field} {f.Rule}")));

    [Theory]
    [InlineData("N", 3, "0.25", true)]
    [InlineData("N", 3, "-999", true)]
    [InlineData("N", 3, "1000", false)]
    [InlineData("N", 3, "12.34", false)]
    [InlineData("N", 3, "1,5", false)]
    [InlineData("N", 28, "79228162514264337593543950335999", false)]
    [InlineData("Y", null, "-0.0001", true)]
    [InlineData("Y", null, "0.00001", false)]
    [InlineData("B", null, "1e300", true)]
    [InlineData("B", null, "1e999", false)]
    [InlineData("F", null, "NaN", false)]
    [InlineData("I", null, " 1", false)]
    [InlineData("D", null, "2026-2-3", false)]
    [InlineData("T", null, "2026-03-05T08:30:00Z", true)]
    [InlineData("T", null, "0001-01-01 00:00:00", true)]
    [InlineData("M", null, "甲\n乙", true)]
    public void Values_follow_the_type_and_length(string type, int? length, string cell, bool accepted) =>
        Assert.Equal(accepted, FieldTypes.Read(type, length, cell).Fault is null);

    private static DatasetField Field(string name, string title, string type, int? length = null) => new() { Name = name, Title = title, Type = type, Length = length, SharingType = "unconditional" };

    private static Task<(List<object?[]> Rows, IReadOnlyList<Fault> Faults)> Read(string text) => Samples.RowsAsync(System.Text.Encoding.UTF8.GetBytes(text), Fields);
}
