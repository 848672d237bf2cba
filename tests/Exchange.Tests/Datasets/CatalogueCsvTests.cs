using System.Text;
using Exchange.Catalogue;
using Exchange.Catalogue.Datasets;
using Exchange.Hosting;
using Xunit;

namespace Exchange.Tests.Datasets;

public sealed class CatalogueCsvTests
{
    private const string Header = "信息资源代码,信息资源名称,信息资源提供方,信息资源提供方代码,信息资源摘要,主题分类,信息资源格式,共享类型,共享条件,共享方式,是否向社会开放,更新周期,数据分类,数据分级,信息项名称,信息项标识,数据类型,数据长度,是否个人信息";
    private const string First = "307001/1,甲（示例）,某局,91350100M000100Y43,摘要,住房,库表,有条件共享,共享范围：甲；使用用途：乙,数据库,否,每月,一般数据,2级,证件号码,document_no,字符型C,30,是";
    private const string Second = ",,,,,,,,,,,,,,金额,amount,货币型Y,,";
    private const string Other = "307001/2,乙（示例）,某局,91350100M000100Y43,摘要,A0200,电子表格/XLSX,1,,文件,1,daily,general,1,名称,entity_name,C,60,0";

    [Fact]
    public async Task An_entry_spans_the_lines_of_its_items()
    {
        var (entries, faults) = await Read($"{Header}\n{First}\n{Second}\n{Other}\n");
        Assert.Empty(faults);
        Assert.Equal([("甲（示例）", 2, 2), ("乙（示例）", 4, 1)], entries.Select(e => (e.Draft.Name, e.Row, e.Draft.Fields!.Count)));
        var first = entries[0].Draft;
        Assert.Equal(("C0400", "table", "conditional", "rows", "monthly", "general", 2), (first.Theme, first.Format, first.SharingType, first.SharingMethod, first.UpdateFrequency, first.Classification, first.Grade));
        Assert.Equal(("amount", "Y", (int?)null, "conditional", false), (first.Fields![1].Name, first.Fields[1].Type, first.Fields[1].Length, first.Fields[1].SharingType, first.Fields[1].Personal));
        Assert.Equal(("spreadsheet/xlsx", "unconditional", true), (entries[1].Draft.Format, entries[1].Draft.SharingType, entries[1].Draft.OpenToSociety));
    }

    [Fact]
    public async Task Repeated_columns_say_the_same_as_blank_ones()
    {
        var repeated = First.Replace("证件号码,document_no,字符型C,30,是", "金额,amount,货币型Y,,", StringComparison.Ordinal);
        var (blank, _) = await Read($"{Header}\n{First}\n{Second}\n");
        var (same, faults) = await Read($"{Header}\r\n{First}\r\n{repeated}\r\n");
        Assert.Empty(faults);
        Assert.True(blank[0].Draft.Says(same[0].Draft));
    }

    [Fact]
    public async Task A_byte_order_mark_quoted_line_breaks_and_another_column_order_change_nothing()
    {
        var columns = Header.Split(',');
        var cells = First.Split(',');
        var text = '\uFEFF' + string.Join(',', columns.Reverse()) + "\r\n\r\n" + string.Join(',', cells.Reverse()).Replace("摘要", "\"第一行\r\n第二行\"", StringComparison.Ordinal);
        var (entries, faults) = await Read(text);
        Assert.Empty(faults);
        Assert.Equal(("第一行\n第二行", 3), (entries[0].Draft.Abstract, entries[0].Row));
    }

    [Fact]
    public async Task All_faults_are_told_with_line_and_column()
    {
        var (_, faults) = await Read($"{Header}\n{First.Replace("每月", "偶尔", StringComparison.Ordinal)}\n,,,,,,,,,,,,,,金额,Amount,货币型Y,五,也许\n{Other.Replace("91350100M000100Y43", "91350100M000100Y44", StringComparison.Ordinal)}\n");
        Assert.Equal(
            ["2:更新周期 unknown-value", "3:信息项标识 field-name", "3:数据长度 not-a-number", "3:是否个人信息 unknown-value", "4:信息资源提供方代码 credit-code"],
            faults.Select(f => $"{f.Field} {f.Rule}").Order(StringComparer.Ordinal));
        Assert.All(faults, f => Assert.StartsWith($"第 {f.At!.Row} 行 {f.At.Letter} 列“{f.At.Column}”：", f.Message.Zh, StringComparison.Ordinal));
        Assert.All(faults, f => Assert.StartsWith($"Row {f.At!.Row}, column {f.At.Letter} ({f.At.Column}): ", f.Message.En, StringComparison.Ordinal));
        Assert.Equal(["偶尔", "Amount", "五", "也许", "91350100M000100Y44"], faults.OrderBy(f => f.Field, StringComparer.Ordinal).Select(f => f.At!.Value));
        Assert.All(faults, f => Assert.NotNull(f.Advice));
    }

    [Fact]
    public async Task Lines_of_one_entry_that_contradict_each_other_are_told()
    {
        var (_, faults) = await Read($"{Header}\n{First}\n,,,,另一摘要,,,,,,,,,,金额,amount,货币型Y,,\n");
        Assert.Equal("3:信息资源摘要 entry-differs", Assert.Single(faults.Select(f => $"{f.Field} {f.Rule}")));
    }

    [Fact]
    public async Task An_entry_that_comes_back_later_is_told()
    {
        var (_, faults) = await Read($"{Header}\n{First}\n{Other}\n{First}\n");
        Assert.Equal("4:信息资源代码 entry-twice", Assert.Single(faults.Select(f => $"{f.Field} {f.Rule}")));
    }

    [Fact]
    public async Task Header_faults_stop_before_the_lines()
    {
        var (entries, faults) = await Read(Header.Replace("更新周期", "更新", StringComparison.Ordinal).Replace("数据分级", "数据分类", StringComparison.Ordinal) + "\n" + First);
        Assert.Empty(entries);
        Assert.Equal(["1:更新 unknown-column", "1:数据分类 column-twice", "1:更新周期 column-missing", "1:数据分级 column-missing"], faults.Select(f => $"{f.Field} {f.Rule}"));
    }

    [Theory]
    [InlineData("", "1:* empty")]
    [InlineData(Header, "1:* empty")]
    [InlineData(Header + "\n" + First + ",x", "2:* cell-count")]
    [InlineData(Header + "\n" + First + "\n\"open", "3:* quote-open")]
    public async Task What_is_no_table_is_told(string text, string fault) =>
        Assert.Equal(fault, Assert.Single((await Read(text)).Faults.Select(f => $"{f.Field} {f.Rule}")));

    [Fact]
    public async Task A_stray_quote_is_a_fault_of_its_line()
    {
        var (_, faults) = await Read($"{Header}\n{First.Replace("摘要", "摘\"要", StringComparison.Ordinal)}\n{Other.Replace("摘要", "\"摘\"要", StringComparison.Ordinal)}\n");
        Assert.Equal(["2:* stray-quote", "3:* stray-quote"], faults.Where(f => f.Rule == "stray-quote").Select(f => $"{f.Field} {f.Rule}"));
    }

    [Fact]
    public async Task A_quote_that_never_closes_does_not_fill_the_memory()
    {
        var faults = new CsvFaults();
        using var table = new CsvTable(new Endless(Encoding.UTF8.GetBytes(Header + "\n\""), (byte)'x'), ',', null, faults);
        await CatalogueCsv.ReadAsync(table, faults, null, CancellationToken.None);
        Assert.Equal("line-too-long", Assert.Single(faults.Listed.All).Rule);
    }

    [Fact]
    public async Task Past_the_limit_faults_are_only_counted()
    {
        var (_, faults) = await Samples.CatalogueAsync(Header + "\n" + string.Concat(Enumerable.Repeat("x\n", 20)), new CsvFaults(limit: 5));
        Assert.Equal((20, 6, "more-faults"), (faults.Total, faults.Listed.All.Count, faults.Listed.All[^1].Rule));
    }

    private static async Task<(IReadOnlyList<ImportedEntry> Entries, IReadOnlyList<Fault> Faults)> Read(string text)
    {
        var (entries, faults) = await Samples.CatalogueAsync(text);
        return (entries, faults.Listed.All);
    }

    /// <summary>Gives its start and then one byte for ever; fails when somebody reads far more than a record may hold.</summary>
    private sealed class Endless(byte[] start, byte then) : Stream
    {
        private long given;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => given; set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            Assert.True(given < 64 << 20);
            for (var i = 0; i < buffer.Length; i++)
            {
                buffer[i] = given < start.Length ? start[given] : then;
                given++;
            }

            return buffer.Length;
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.FromResult(Read(buffer.Span));

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => Task.FromResult(Read(buffer.AsSpan(offset, count)));

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
