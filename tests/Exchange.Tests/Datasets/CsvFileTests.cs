using System.Text;
using Exchange.Catalogue.Datasets;
using Exchange.Contracts;
using Exchange.Hosting;
using Xunit;

namespace Exchange.Tests.Datasets;

/// <summary>Files as spreadsheet programs save them.</summary>
public sealed class CsvFileTests
{
    private static readonly Encoding Gb18030 = CodePagesEncodingProvider.Instance.GetEncoding("gb18030")!;

    private static readonly DatasetField[] Fields = [Field("name", "名称"), Field("note", "说明")];

    [Fact]
    public async Task The_same_table_in_three_encodings_holds_the_same()
    {
        var text = await File.ReadAllTextAsync(Samples.Catalogue("zhuzhou")) + "307999/77,生僻字𠮷㐀（示例）,,91350100M000100Y43,摘要,住房,库表,无条件共享,,,数据库,否,,每月,,一般数据,1,金额,amount,货币型Y,,,\n";
        var plain = await Samples.CatalogueAsync(Encoding.UTF8.GetBytes(text));
        var marked = await Samples.CatalogueAsync([.. Encoding.UTF8.Preamble, .. Encoding.UTF8.GetBytes(text)]);
        var chinese = await Samples.CatalogueAsync(Gb18030.GetBytes(text));
        var told = await Samples.CatalogueAsync(Gb18030.GetBytes(text), "gbk");
        Assert.Empty(plain.Faults.Listed.All);
        Assert.True(plain.Entries.Count > 12);
        foreach (var (entries, faults) in (IEnumerable<(IReadOnlyList<ImportedEntry>, CsvFaults)>)[marked, chinese, told])
        {
            Assert.Empty(faults.Listed.All);
            Assert.Equal(plain.Entries.Count, entries.Count);
            Assert.All(plain.Entries.Zip(entries), pair => Assert.True(pair.First.Draft.Says(pair.Second.Draft) && pair.First.Row == pair.Second.Row));
        }
    }

    [Fact]
    public async Task The_last_byte_may_decide_and_pieces_cut_characters_anywhere()
    {
        var long1 = "名称,说明\n" + string.Concat(Enumerable.Repeat("甲𠮷乙,丙a丁\n", 20_000));
        foreach (var start in (string[])["", "x", "xx", "xxx"])
        {
            foreach (var encoding in (Encoding[])[Encoding.UTF8, Gb18030])
            {
                var (rows, faults) = await Samples.RowsAsync(encoding.GetBytes(long1 + start + "末,尾"), Fields);
                Assert.Empty(faults);
                Assert.Equal((20_001, "甲𠮷乙", start + "末"), (rows.Count, rows[19_999][0], rows[20_000][0]));
            }
        }
    }

    [Theory]
    [InlineData("utf-16", new byte[] { 0xFF, 0xFE, 0x0D, 0x54 }, null)]
    [InlineData("utf-16", new byte[] { 0xFE, 0xFF, 0x54, 0x0D }, null)]
    [InlineData("workbook", new byte[] { (byte)'P', (byte)'K', 3, 4, 0, 0 }, null)]
    [InlineData("not-text", new byte[] { (byte)'a', 0, (byte)'b', 0 }, null)]
    [InlineData("not-utf-8", new byte[] { (byte)'a', (byte)'\n', 0xB9, 0xAB, 0xBB, (byte)'\n' }, null)]
    [InlineData("not-utf-8", new byte[] { (byte)'a', (byte)'\n', 0xB9, 0xAB, (byte)'\n' }, "utf-8")]
    [InlineData("not-gb-18030", new byte[] { (byte)'a', (byte)'\n', 0xFF, (byte)'\n' }, "gbk")]
    [InlineData("charset-mismatch", new byte[] { 0xEF, 0xBB, 0xBF, (byte)'a' }, "gb2312")]
    public async Task What_is_no_text_is_told_with_what_to_do_in_the_spreadsheet(string rule, byte[] bytes, string? charset)
    {
        var (_, faults) = await Samples.CatalogueAsync(bytes, charset);
        var fault = Assert.Single(faults.Listed.All);
        Assert.Equal((rule, rule.StartsWith("not-utf", StringComparison.Ordinal) || rule == "not-gb-18030" ? 2 : 1), (fault.Rule, fault.At!.Row));
        Assert.Contains("CSV UTF-8（逗号分隔）", fault.Advice!.Zh, StringComparison.Ordinal);
        Assert.Contains("Save As", fault.Advice.En, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_broken_row_is_named_as_the_spreadsheet_numbers_it()
    {
        byte[] bytes = [.. Gb18030.GetBytes("名称,说明\r\n\"一\r\n二\",x\r\n\r\n甲,乙\r\n"), 0x81, 0x20];
        Assert.Equal(("not-utf-8", 5), Assert.Single((await Samples.RowsAsync(bytes, Fields)).Faults.Select(f => (f.Rule, f.At!.Row))));
    }

    [Theory]
    [InlineData("名称;说明\n甲,乙;丙\n")]
    [InlineData("名称\t说明\r\n\"甲,乙\"\t丙\r\n")]
    [InlineData("名称,说明\r\"甲,乙\",丙\r")]
    [InlineData("sep=;\r\n名称;说明\r\n甲,乙;丙")]
    [InlineData("\n\n名称,说明,,\n\"甲,乙\",丙,,\n,,,\n\n\n")]
    [InlineData("\"说明\",\"名称\"\n丙,\"甲,乙\"\n")]
    public async Task Separators_line_ends_and_empty_rests_of_spreadsheets_are_read(string text)
    {
        var (rows, faults) = await Samples.RowsAsync(Encoding.UTF8.GetBytes(text), Fields);
        Assert.Empty(faults);
        Assert.Equal(["甲,乙", "丙"], Assert.Single(rows));
    }

    [Theory]
    [InlineData("名称,说明\n甲,乙,丙\n", 2)]
    [InlineData("名称,说明\n\n\"甲\n\n甲\",乙\n甲\n", 4)]
    public async Task A_cell_too_many_or_too_few_is_told(string text, int row) =>
        Assert.Equal(("cell-count", row), Assert.Single((await Samples.RowsAsync(Encoding.UTF8.GetBytes(text), Fields)).Faults.Select(f => (f.Rule, f.At!.Row))));

    [Theory]
    [InlineData(0, "A")]
    [InlineData(25, "Z")]
    [InlineData(26, "AA")]
    [InlineData(701, "ZZ")]
    [InlineData(702, "AAA")]
    public void Columns_have_the_spreadsheets_letters(int index, string letter) => Assert.Equal(letter, CsvFaults.Letter(index));

    [Theory]
    [InlineData("=1+1", "'=1+1")]
    [InlineData("+86", "'+86")]
    [InlineData("-1", "'-1")]
    [InlineData("@x,\"y\"", "\"'@x,\"\"y\"\"\"")]
    [InlineData("\tx", "\"'\tx\"")]
    [InlineData("＝1", "'＝1")]
    [InlineData("甲\n乙", "\"甲\n乙\"")]
    [InlineData(null, "")]
    public void A_report_holds_no_formula(string? value, string cell) => Assert.Equal(cell, CsvCells.Safe(value));

    private static DatasetField Field(string name, string title) => new() { Name = name, Title = title, Type = "C", Length = 60, SharingType = "unconditional" };
}
