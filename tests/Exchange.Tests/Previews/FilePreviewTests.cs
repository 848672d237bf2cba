using System.Text;
using Exchange.Catalogue.Previews;
using Xunit;
using static Exchange.Tests.Previews.PreviewFiles;

namespace Exchange.Tests.Previews;

/// <summary>What honest files show.</summary>
public sealed class FilePreviewTests
{
    private static readonly Encoding Gb18030 = CodePagesEncodingProvider.Instance.GetEncoding(54936)!;

    [Fact]
    public async Task Csv_shows_its_first_rows_under_the_entrys_names_as_what_they_are()
    {
        var (preview, _) = await ReadAsync("spreadsheet/csv", Encoding.UTF8.GetBytes("\uFEFF姓名,缴费月数,备注\r\n示例甲,12,\"=1+1,\"\"x\"\"\"\r\n示例乙,,\r\n\r\n示例甲,240,@SUM(A1)\r\n"));
        Assert.Equal(["person", "months", "备注"], preview!.Names());
        Assert.Equal(["姓名:C", "缴费月数:I", ":"], preview!.Columns.Select(c => $"{c.Title}:{c.Type}"));
        Assert.Equal(["示例甲|12|=1+1,\"x\"", "示例乙|∅|∅", "示例甲|240|@SUM(A1)"], preview.Lines());
        Assert.Equal(new PreviewRead { Form = "csv", Encoding = "utf-8", Separator = "comma", Rows = 3, Bytes = preview.Read.Bytes, Whole = true }, preview.Read);
        Assert.False(preview.More);

        var (person, months) = (preview.Columns[0].Figures, preview.Columns[1].Figures);
        Assert.Equal((3, 0, 2, true, 3, 3, null), (person.Values, person.Empty, person.Distinct, person.DistinctExact, person.Shortest, person.Longest, person.Kind));
        Assert.Equal([new FrequentValue("示例甲", 2)], person.Frequent!);
        Assert.Equal((2, 1, 2, "number", "12", "240", null), (months.Values, months.Empty, months.Distinct, months.Kind, months.Least, months.Greatest, months.Frequent));
    }

    [Theory]
    [InlineData("姓名;缴费月数\n示例甲;1\n", "semicolon", false)]
    [InlineData("sep=;\r\n姓名;缴费月数\r\n示例甲;1\r\n", "semicolon", false)]
    [InlineData("姓名\t缴费月数\r示例甲\t1\r", "tab", true)]
    [InlineData("姓名,缴费月数\n示例甲,1", "comma", true)]
    public async Task Csv_is_read_in_the_encoding_and_with_the_separator_that_it_has(string text, string separator, bool gb18030)
    {
        var (preview, word) = await ReadAsync("self_describing/csv", gb18030 ? Gb18030.GetBytes(text) : Encoding.UTF8.GetBytes(text));
        Assert.Equal((null, gb18030 ? "gb18030" : "utf-8", separator), (word, preview!.Read.Encoding, preview.Read.Separator));
        Assert.Equal(["示例甲|1"], preview.Lines());
    }

    [Fact]
    public async Task Of_a_long_file_the_beginning_is_read_and_said_to_be_no_more()
    {
        var text = new StringBuilder("姓名,缴费月数\n");
        for (var i = 0; i < 60_000; i++)
        {
            text.Append(System.Globalization.CultureInfo.InvariantCulture, $"示例{i:D6},{i}\n");
        }

        foreach (var content in new[] { Encoding.UTF8.GetBytes(text.ToString()), Gb18030.GetBytes(text.ToString()) })
        {
            var (many, _) = await ReadAsync("spreadsheet/csv", content, show: 7);
            Assert.Equal((7, true, 10_000, false), (many!.Rows.Count, many.More, many.Read.Rows, many.Read.Whole));
            Assert.Equal(("0", "9999", 1000, false, null), (many.Columns[1].Figures.Least, many.Columns[1].Figures.Greatest, many.Columns[0].Figures.Distinct, many.Columns[0].Figures.DistinctExact, many.Columns[0].Figures.Frequent));

            // Wherever the window ends, in a row or in a character, no part of a row is shown.
            for (var window = 3000; window < 3040; window++)
            {
                var (cut, word) = await ReadAsync("spreadsheet/csv", content, PreviewLimits.Default with { Window = window }, show: 100);
                Assert.Equal((null, false, true), (word, cut!.Read.Whole, cut.More));
                Assert.All(cut.Lines().Select((line, i) => (line, i)), row => Assert.Equal($"示例{row.i:D6}|{row.i}", row.line));
                Assert.InRange(cut.Read.Rows, 100, 300);
            }
        }

        var (open, _) = await ReadAsync("spreadsheet/csv", Encoding.UTF8.GetBytes("a,b\n1,2\n3,\"" + string.Concat(Enumerable.Repeat("line\n", 1000)) + "\"\n"), PreviewLimits.Default with { Window = 2000 });
        Assert.Equal(["1|2"], open!.Lines());
        Assert.Equal((false, null), (open!.Read.Whole, open.Read.FaultyRows));
    }

    [Fact]
    public async Task Rows_of_csv_that_cannot_be_read_are_counted_and_long_values_cut()
    {
        var (preview, _) = await ReadAsync("spreadsheet/csv", Encoding.UTF8.GetBytes($"a,b\n1,2,3\n\"x\"y,2\n{new string('长', 499)}😀😀,2\n"));
        Assert.Equal((1, 2), (preview!.Read.Rows, preview.Read.FaultyRows));
        Assert.Equal(new string('长', 499) + "…|2", Assert.Single(preview.Lines()));
        Assert.Equal(503, preview.Columns[0].Figures.Longest);

        // What is shown has an end in all, too.
        var wide = string.Join('\n', [string.Join(',', Enumerable.Range(0, 400)), .. Enumerable.Repeat(string.Join(',', Enumerable.Repeat(new string('x', 100), 400)), 100)]);
        var (much, _) = await ReadAsync("spreadsheet/csv", Encoding.UTF8.GetBytes(wide), show: 100);
        Assert.Equal((26, 100, true), (much!.Rows.Count, much.Read.Rows, much.More));
    }

    [Theory]
    [InlineData("""[{"姓名":"示例甲","缴费月数":12},{"缴费月数":1e999,"更多":{"a":["深",1]}}, {}]""", "json")]
    [InlineData("{\"姓名\":\"示例甲\",\"缴费月数\":12}\n{\"缴费月数\":1e999,\"更多\":{\"a\":[\"深\",1]}}\n{}\n", "ndjson")]
    public async Task Json_shows_its_objects_as_an_array_and_line_by_line(string text, string form)
    {
        var (preview, word) = await ReadAsync($"self_describing/{form}", Encoding.UTF8.GetBytes(text));
        Assert.Equal((null, form, true, false), (word, preview!.Read.Form, preview.Read.Whole, preview.More));
        Assert.Equal(["person", "months", "更多"], preview.Names());
        Assert.Equal(["示例甲|12|∅", "∅|1e999|{\"a\":[\"深\",1]}", "∅|∅|∅"], preview.Lines());
        Assert.Equal((1, 2), (preview.Columns[0].Figures.Values, preview.Columns[0].Figures.Empty));
    }

    [Fact]
    public async Task Of_long_json_the_first_objects_are_read_and_a_single_object_is_one_row()
    {
        var objects = string.Join(",\n", Enumerable.Range(0, 20_000).Select(i => $$"""{"姓名":"示例{{i}}","n":{{i}}}"""));
        foreach (var (format, text) in new[] { ("self_describing/json", $"[{objects}]"), ("self_describing/jsonl", objects.Replace(",\n", "\n", StringComparison.Ordinal)) })
        {
            var (many, _) = await ReadAsync(format, Encoding.UTF8.GetBytes(text));
            Assert.Equal((20, 10_000, false, "9999"), (many!.Rows.Count, many.Read.Rows, many.Read.Whole, many.Columns[1].Figures.Greatest));
            for (var window = 1000; window < 1030; window++)
            {
                var (cut, word) = await ReadAsync(format, Encoding.UTF8.GetBytes(text), PreviewLimits.Default with { Window = window }, show: 100);
                Assert.Equal((null, false), (word, cut!.Read.Whole));
                Assert.All(cut.Lines().Select((line, i) => (line, i)), row => Assert.Equal($"示例{row.i}|{row.i}", row.line));
            }
        }

        Assert.Equal(["1|∅|true"], (await ReadAsync("self_describing/geojson", """{"a":1,"b":null,"c":true}"""u8.ToArray())).Preview!.Lines());
        Assert.Equal(["2"], (await ReadAsync("self_describing/json", """[{"a":1,"a":2}]"""u8.ToArray())).Preview!.Lines());
        Assert.Empty((await ReadAsync("self_describing/json", "[]"u8.ToArray())).Preview!.Lines());
    }

    [Fact]
    public async Task A_workbook_shows_texts_numbers_dates_and_the_kept_values_of_formulas()
    {
        var workbook = new Workbook
        {
            Sheets =
            [
                ("隐藏", "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row>"),
                ("数据", """
                    <row r="2"><c r="A2" t="s"><v>0</v></c><c r="B2" t="s"><v>2</v></c><c r="D2" t="inlineStr"><is><t>日期</t></is></c><c r="E2" t="inlineStr"><is><r><t xml:space="preserve">时 </t></r><r><t>间</t></r></is></c></row>
                    <row r="3" spans="1:4"><c r="A3" t="s"><v>1</v></c><c r="B3"><v>12</v></c><c r="C3" t="b"><v>1</v></c><c r="D3" s="1"><v>46000</v></c><c r="E3" s="2"><v>46000.5</v></c></row>
                    <row r="5"/>
                    <row r="9"><c r="A9" t="str"><f>HYPERLINK("http://example.org","x")</f><v>=cmd|' /C calc'!A1</v></c><c r="B9"><f>SUM(B1:B3)</f><v>240</v></c><c r="C9" t="e"><f>1/0</f><v>#DIV/0!</v></c><c r="F9"><f>NOW()</f></c></row>
                    <row r="10"><c r="XFD10" s="1"/></row>
                    """),
                ("另一个", "<row><c><v>7</v></c><c><v>8</v></c></row>"),
            ],
            States = new Dictionary<string, string> { ["隐藏"] = "state=\"hidden\"" },
            Texts = "<si><t>姓名</t></si><si><r><t>示例</t></r><r><rPr/><t>甲</t></r><rPh sb=\"0\" eb=\"1\"><t>shi li</t></rPh></si><si><t>缴费月数</t></si><si><t>不用</t></si>",
            Styles = "<numFmts><numFmt numFmtId=\"170\" formatCode=\"[$-804]yyyy&quot;年&quot;m&quot;月&quot;d\\d\"/><numFmt numFmtId=\"171\" formatCode=\"&quot;d&quot;0\\y[Red]\"/></numFmts><cellStyleXfs><xf numFmtId=\"14\"/></cellStyleXfs><cellXfs><xf numFmtId=\"171\"/><xf numFmtId=\"170\"/><xf numFmtId=\"22\"/></cellXfs>",
        };
        var (preview, word) = await ReadAsync("spreadsheet/xlsx", workbook.ToBytes());
        Assert.Null(word);
        Assert.Equal(["person", "months", "C", "日期", "时 间"], preview!.Names());
        Assert.Equal(["示例甲|12|true|2025-12-09|2025-12-09T12:00:00", "=cmd|' /C calc'!A1|240|#DIV/0!|∅|∅"], preview!.Lines());
        Assert.Equal(["A9", "B9", "C9"], preview!.FormulaCells!);
        Assert.Equal((1, 1, 1, null), (preview.Columns[0].Figures.Formulas, preview.Columns[1].Figures.Formulas, preview.Columns[2].Figures.Formulas, preview.Columns[3].Figures.Formulas));
        Assert.Equal(["数据", "另一个"], preview.Read.Sheets!);
        Assert.Equal(("数据", 2, true), (preview.Read.Sheet, preview.Read.Rows, preview.Read.Whole));
        Assert.Equal(("number", "12", "240"), (preview.Columns[1].Figures.Kind, preview.Columns[1].Figures.Least, preview.Columns[1].Figures.Greatest));

        Assert.Equal(["7", "8"], (await ReadAsync("spreadsheet/xlsx", workbook.ToBytes(), sheet: "另一个")).Preview!.Names());
        Assert.Equal("no-sheet", (await ReadAsync("spreadsheet/xlsx", workbook.ToBytes(), sheet: "隐藏")).Word);
        Assert.Equal("1904-01-02", (await ReadAsync("spreadsheet/xlsx", (Workbook.Of("<row><c><v>0</v></c></row><row><c s=\"0\"><v>1</v></c></row>") with
        {
            WorkbookProperties = "<workbookPr date1904=\"1\"/>", Styles = "<cellXfs><xf numFmtId=\"14\"/></cellXfs>",
        }).ToBytes())).Preview!.Rows[0][0]);
    }

    [Fact]
    public async Task Of_a_long_sheet_the_first_rows_are_read()
    {
        var rows = string.Concat(Enumerable.Range(1, 500).Select(i => $"<row r=\"{i}\"><c r=\"A{i}\" t=\"s\"><v>{i % 7}</v></c><c r=\"B{i}\"><v>{i}</v></c></row>"));
        var content = (Workbook.Of(rows) with { Texts = string.Concat(Enumerable.Range(0, 7).Select(i => $"<si><t>t{i}</t></si>")) }).ToBytes();
        var (preview, _) = await ReadAsync("spreadsheet/xlsx", content, PreviewLimits.Default with { Rows = 100 }, show: 3);
        Assert.Equal((3, 100, false, "101"), (preview!.Rows.Count, preview.Read.Rows, preview.Read.Whole, preview.Columns[1].Figures.Greatest));
        Assert.Equal(7, preview.Columns[0].Figures.Distinct);
        var (window, _) = await ReadAsync("spreadsheet/xlsx", content, PreviewLimits.Default with { Window = 5000 });
        Assert.Equal((true, false), (window!.Read.Rows is > 20 and < 400, window.Read.Whole));
        Assert.Equal((499, true), ((await ReadAsync("spreadsheet/xlsx", content)).Preview!.Read.Rows, (await ReadAsync("spreadsheet/xlsx", content)).Preview!.Read.Whole));
    }

    [Theory]
    [InlineData("document/pdf")]
    [InlineData("spreadsheet/xls")]
    [InlineData("spreadsheet/ods")]
    [InlineData("document/docx")]
    [InlineData("self_describing/xml")]
    public async Task There_is_no_preview_of_other_files(string format) => Assert.Equal("preview-none", (await ReadAsync(format, [1])).Word);
}
