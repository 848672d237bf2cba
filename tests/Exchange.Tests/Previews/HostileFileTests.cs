using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Exchange.Catalogue.Previews;
using Exchange.Tests.Files;
using Xunit;
using static Exchange.Tests.Previews.PreviewFiles;

namespace Exchange.Tests.Previews;

/// <summary>Alone, since what the whole process allocates is what is measured.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class MeasuredAlone
{
    public const string Name = "measured alone";
}

/// <summary>Files that somebody made to hurt whoever looks into them, each as it would lie in the store: each ends in a refusal that names its limit, or in a preview of what is harmless, and none in memory.</summary>
[Collection(MeasuredAlone.Name)]
public sealed class HostileFileTests
{
    /// <summary>Bytes that a preview may allocate in all, freed or not: a few windows' worth, far below what these contents unpack to.</summary>
    private const long MostAllocated = 64L << 20;

    private const int Large = 32 << 20;

    private static readonly Dictionary<string, (string Format, Func<byte[]> Content, string? Word)> Contents = new(StringComparer.Ordinal)
    {
        // CSV
        ["csv: a line of 32 MB"] = ("spreadsheet/csv", () => [.. "a,b\n"u8, .. Filled('x', Large)], "line-too-long"),
        ["csv: a cell of 32 MB"] = ("spreadsheet/csv", () => [.. "a,b\n1,\""u8, .. Filled('x', Large), .. "\"\n"u8], "line-too-long"),
        ["csv: a cell of 100 kB"] = ("spreadsheet/csv", () => [.. "a,b\n1,"u8, .. Filled('x', 100_000), .. "\n"u8], "cell-too-long"),
        ["csv: no line break at all"] = ("spreadsheet/csv", () => Filled('x', Large), "line-too-long"),
        ["csv: a quote that never closes"] = ("spreadsheet/csv", () => [.. "a,b\n\""u8, .. Repeated("1,2\n", 2_000_000)], "line-too-long"),
        ["csv: a small file with an open quote"] = ("spreadsheet/csv", () => "a,b\n1,\"2\n3,4\n"u8.ToArray(), "line-too-long"),
        ["csv: 20,000 columns"] = ("spreadsheet/csv", () => [.. Repeated("c,", 20_000), .. "\n1\n"u8], "too-many-columns"),
        ["csv: a header and a row of 500,000 commas"] = ("spreadsheet/csv", () => [.. "a,b\n"u8, .. Repeated(",", 500_000), .. "\n"u8], "too-many-columns"),
        ["csv: a million empty rows"] = ("spreadsheet/csv", () => [.. "a,b\n"u8, .. Repeated("\n", 1_000_000), .. "1,2\n"u8], null),
        ["csv: only empty rows for ever"] = ("spreadsheet/csv", () => [.. "a,b\n"u8, .. Repeated("\n", Large)], null),
        ["csv: every row is faulty"] = ("spreadsheet/csv", () => [.. "a,b\n"u8, .. Repeated("\"x\"y\n", 1_000_000)], null),
        ["csv: a million different values"] = ("spreadsheet/csv", () => [.. "a,b\n"u8, .. Different(200_000)], null),
        ["csv: neither UTF-8 nor GB 18030"] = ("spreadsheet/csv", () => [.. "姓名\n"u8, 0xFF, 0xFF], "wrong-content"),
        ["csv: broken in its last character"] = ("spreadsheet/csv", () => [.. "姓名\n"u8, 0xE5], "wrong-content"),
        ["csv: UTF-16"] = ("spreadsheet/csv", () => Encoding.Unicode.GetBytes("\uFEFFa,b\n1,2\n"), "wrong-content"),
        ["csv: a script"] = ("spreadsheet/csv", () => "<script>alert(1)</script>,b\n1,2\n"u8.ToArray(), "active-content"),
        ["csv: a stray quote in the header"] = ("spreadsheet/csv", () => "\"a\"x,b\n1,2\n"u8.ToArray(), "no-header"),
        ["csv: a workbook"] = ("spreadsheet/csv", () => Workbook.Of("<row/>").ToBytes(), "wrong-content"),

        // JSON
        ["json: 100,000 levels"] = ("self_describing/json", () => [.. "[{\"a\":"u8, .. Repeated("[", 100_000), .. Repeated("]", 100_000), .. "}]"u8], "too-deep"),
        ["json: 33 levels"] = ("self_describing/json", () => [.. "[{\"a\":"u8, .. Repeated("{\"b\":", 31), .. "1"u8, .. Repeated("}", 32), .. "]"u8], "too-deep"),
        ["json: a string of 32 MB"] = ("self_describing/json", () => [.. "[{\"a\":\""u8, .. Filled('x', Large), .. "\"}]"u8], "line-too-long"),
        ["json: a second object of 32 MB"] = ("self_describing/ndjson", () => [.. "{\"a\":1}\n{\"a\":["u8, .. Repeated("1,", Large / 2), .. "1]}"u8], "line-too-long"),
        ["json: a string of 100 kB"] = ("self_describing/json", () => [.. "[{\"a\":\""u8, .. Filled('x', 100_000), .. "\"}]"u8], "cell-too-long"),
        ["json: an array of 100 kB in a field"] = ("self_describing/json", () => [.. "[{\"a\":["u8, .. Repeated("1,", 50_000), .. "1]}]"u8], "cell-too-long"),
        ["json: a name of 100 kB"] = ("self_describing/json", () => [.. "[{\""u8, .. Filled('x', 100_000), .. "\":1}]"u8], "cell-too-long"),
        ["json: 20,000 names"] = ("self_describing/json", () => Encoding.UTF8.GetBytes($"[{{{string.Join(',', Enumerable.Range(0, 20_000).Select(i => $"\"n{i}\":1"))}}}]"), "too-many-columns"),
        ["json: another name in each object"] = ("self_describing/ndjson", () => Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 20_000).Select(i => $"{{\"n{i}\":1}}\n"))), "too-many-columns"),
        ["json: spaces for ever"] = ("self_describing/json", () => [.. "["u8, .. Filled(' ', Large), .. "]"u8], "line-too-long"),
        ["json: numbers, no objects"] = ("self_describing/json", () => "[1,2]"u8.ToArray(), "no-objects"),
        ["json: arrays, no objects"] = ("self_describing/json", () => "[[1],[2]]"u8.ToArray(), "no-objects"),
        ["json: more after the end"] = ("self_describing/json", () => "[{\"a\":1}]{\"a\":2}"u8.ToArray(), "no-objects"),
        ["json: NaN"] = ("self_describing/json", () => "[{\"a\":NaN}]"u8.ToArray(), "json-broken"),
        ["json: broken off"] = ("self_describing/json", () => "[{\"a\":1},{\"b\":]"u8.ToArray(), "json-broken"),
        ["json: half of a character"] = ("self_describing/json", () => "[{\"a\":\"\\ud800\"}]"u8.ToArray(), "invalid-encoding"),
        ["json: a name with half of a character"] = ("self_describing/json", () => "[{\"\\udc00\":1}]"u8.ToArray(), "invalid-encoding"),
        ["json: invalid UTF-8"] = ("self_describing/json", () => [.. "[{\"a\":\""u8, 0xC3, 0x28, .. "\"}]"u8], "wrong-content"),

        // Workbooks: the package
        ["xlsx: no package"] = ("spreadsheet/xlsx", () => "PK\u0003\u0004 and no directory"u8.ToArray(), "wrong-content"),
        ["xlsx: an encrypted workbook"] = ("spreadsheet/xlsx", () => SampleFiles.Compound("EncryptedPackage"), "wrong-content"),
        ["xlsx: an encrypted part"] = ("spreadsheet/xlsx", () => Workbook.Patch(Workbook.Of("<row/>").ToBytes(), "xl/worksheets/sheet1.xml", (b, at) => b[at + 8] |= 1), "encrypted"),
        ["xlsx: an archive in it"] = ("spreadsheet/xlsx", () => (Workbook.Of("<row/>") with { More = [("xl/embeddings/a.bin", SampleFiles.Zip(("a", [1])))] }).ToBytes(), "nested"),
        ["xlsx: macros"] = ("spreadsheet/xlsx", () => (Workbook.Of("<row/>") with { More = [("xl/vbaProject.bin", [1])] }).ToBytes(), "macros"),
        ["xlsx: a bomb"] = ("spreadsheet/xlsx", () => Workbook.Of(new string(' ', 80 << 20)).ToBytes(), "zip-bomb"),
        ["xlsx: a bomb of parts that are the same bytes"] = ("spreadsheet/xlsx", () => Workbook.Overlap(Workbook.Of(Noise(3 << 20)).ToBytes(), "xl/worksheets/sheet1.xml", 60_000), "zip-bomb"),
        ["xlsx: some parts that are the same bytes"] = ("spreadsheet/xlsx", () => Workbook.Overlap(Workbook.Of(Noise(3 << 20)).ToBytes(), "xl/worksheets/sheet1.xml", 5), "zip-bomb"),
        ["xlsx: a part that says it is small"] = ("spreadsheet/xlsx", () => Workbook.Patch(Workbook.Of(Rows(400_000)).ToBytes(), "xl/worksheets/sheet1.xml", (b, at) => BinaryPrimitives.WriteUInt32LittleEndian(b.AsSpan(at + 24), 1000)), "damaged"),
        ["xlsx: a part whose place is wrong"] = ("spreadsheet/xlsx", () => Workbook.Patch(Workbook.Of("<row/>").ToBytes(), "xl/worksheets/sheet1.xml", (b, at) => b[at + 42] ^= 0x55), "wrong-content"),
        ["xlsx: broken bytes in a part"] = ("spreadsheet/xlsx", () => Broken(Workbook.Of(Noise(1 << 20)).ToBytes()), "damaged"),

        // Workbooks: what its parts hold
        ["xlsx: a cell of 32 MB"] = ("spreadsheet/xlsx", () => Workbook.Of($"<row><c t=\"inlineStr\"><is><t>{new string('x', Large)}</t></is></c></row>").ToBytes(), "cell-too-long"),
        ["xlsx: a cell of references, 32 MB"] = ("spreadsheet/xlsx", () => Workbook.Of($"<row><c t=\"inlineStr\"><is><t>{string.Concat(Enumerable.Repeat("&#x10FFFF;", Large / 10))}</t></is></c></row>").ToBytes(), "cell-too-long"),
        ["xlsx: a cell in a million runs"] = ("spreadsheet/xlsx", () => Workbook.Of($"<row><c t=\"inlineStr\"><is>{string.Concat(Enumerable.Repeat("<r><t>xxxxxxxxxxxxxxxx</t></r>", 1_000_000))}</is></c></row>").ToBytes(), "cell-too-long"),
        ["xlsx: a cell in a million empty runs"] = ("spreadsheet/xlsx", () => Workbook.Of($"<row><c t=\"inlineStr\"><is>{string.Concat(Enumerable.Repeat("<r><t></t></r>", 1_000_000))}</is></c></row>").ToBytes(), "line-too-long"),
        ["xlsx: an attribute of 32 MB"] = ("spreadsheet/xlsx", () => Workbook.Of($"<row r=\"{new string('1', Large)}\"/>").ToBytes(), "cell-too-long"),
        ["xlsx: a comment of 32 MB"] = ("spreadsheet/xlsx", () => Workbook.Of($"<!--{string.Concat(Enumerable.Repeat("<x ", Large / 3))}--><row><c><v>1</v></c></row>").ToBytes(), "line-too-long"),
        ["xlsx: an instruction of 32 MB"] = ("spreadsheet/xlsx", () => Workbook.Of($"<row/><?x {string.Concat(Enumerable.Repeat("<x ", Large / 3))}?>").ToBytes(), "line-too-long"),
        ["xlsx: a million elements in a row"] = ("spreadsheet/xlsx", () => Workbook.Of($"<row>{string.Concat(Enumerable.Repeat("<x/>", 1_000_000))}</row>").ToBytes(), "line-too-long"),
        ["xlsx: 100,000 names"] = ("spreadsheet/xlsx", () => Workbook.Of($"<row>{string.Concat(Enumerable.Range(0, 100_000).Select(i => $"<x{i}/>"))}</row>").ToBytes(), "damaged"),
        ["xlsx: a million empty rows"] = ("spreadsheet/xlsx", () => Workbook.Of("<row><c><v>1</v></c></row>" + string.Concat(Enumerable.Repeat("<row/>", 1_000_000))).ToBytes(), null),
        ["xlsx: two million empty rows of styles"] = ("spreadsheet/xlsx", () => Workbook.Of(string.Concat(Enumerable.Repeat("<row><c s=\"1\"/></row>", 2_000_000))).ToBytes(), null),
        ["xlsx: 20,000 columns"] = ("spreadsheet/xlsx", () => Workbook.Of($"<row>{string.Concat(Enumerable.Repeat("<c><v>1</v></c>", 20_000))}</row>").ToBytes(), "too-many-columns"),
        ["xlsx: a cell far out"] = ("spreadsheet/xlsx", () => Workbook.Of("<row><c r=\"XFD1\"><v>1</v></c></row>").ToBytes(), "too-many-columns"),
        ["xlsx: a cell beyond every column"] = ("spreadsheet/xlsx", () => Workbook.Of("<row><c r=\"ZZZZZZZZZZZZ1\"><v>1</v></c></row>").ToBytes(), "too-many-columns"),
        ["xlsx: cells backwards"] = ("spreadsheet/xlsx", () => Workbook.Of("<row><c r=\"B1\"><v>1</v></c><c r=\"A1\"><v>1</v></c></row>").ToBytes(), "damaged"),
        ["xlsx: a cell without a place"] = ("spreadsheet/xlsx", () => Workbook.Of("<row><c r=\"1\"><v>1</v></c></row>").ToBytes(), "damaged"),
        ["xlsx: deep elements"] = ("spreadsheet/xlsx", () => Workbook.Of($"<row><c>{string.Concat(Enumerable.Repeat("<x>", 50_000))}").ToBytes(), "too-deep"),
        ["xlsx: entities that grow"] = ("spreadsheet/xlsx", () => Workbook.Of("<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]><worksheet><sheetData><row><c><v>&b;</v></c></row></sheetData></worksheet>").ToBytes(), "markup"),
        ["xlsx: an entity from outside, in its texts"] = ("spreadsheet/xlsx", () => (Workbook.Of("<row><c t=\"s\"><v>0</v></c></row>") with { Texts = "<?xml version=\"1.0\"?><!DOCTYPE x SYSTEM \"http://127.0.0.1/x.dtd\"><sst/>" }).ToBytes(), "markup"),
        ["xlsx: an entity that nobody declares"] = ("spreadsheet/xlsx", () => Workbook.Of("<row><c><v>&x;</v></c></row>").ToBytes(), "damaged"),
        ["xlsx: CDATA"] = ("spreadsheet/xlsx", () => Workbook.Of($"<row><c><v><![CDATA[{string.Concat(Enumerable.Repeat("<x", Large / 2))}]]></v></c></row>").ToBytes(), "markup"),
        ["xlsx: texts for ever"] = ("spreadsheet/xlsx", () => (Workbook.Of("<row><c t=\"s\"><v>2000000000</v></c></row>") with { Texts = string.Concat(Enumerable.Repeat("<si><t>x</t></si>", 3_000_000)) }).ToBytes(), "damaged"),
        ["xlsx: a text that is not there"] = ("spreadsheet/xlsx", () => (Workbook.Of("<row><c t=\"s\"><v>1</v></c></row>") with { Texts = "<si><t>x</t></si>" }).ToBytes(), "damaged"),
        ["xlsx: the number of a text that is none"] = ("spreadsheet/xlsx", () => (Workbook.Of("<row><c t=\"s\"><v>-1</v></c></row>") with { Texts = "<si><t>x</t></si>" }).ToBytes(), "damaged"),
        ["xlsx: a text of 32 MB"] = ("spreadsheet/xlsx", () => (Workbook.Of("<row><c t=\"s\"><v>0</v></c></row>") with { Texts = $"<si><t>{new string('x', Large)}</t></si>" }).ToBytes(), "cell-too-long"),
        ["xlsx: a sheet from outside"] = ("spreadsheet/xlsx", () => (Workbook.Of("<row/>") with { FirstTarget = "Target=\"http://127.0.0.1/sheet1.xml\" TargetMode=\"External\"" }).ToBytes(), "external"),
        ["xlsx: a sheet that is not there"] = ("spreadsheet/xlsx", () => (Workbook.Of("<row/>") with { FirstTarget = "Target=\"../../../../etc/passwd\"" }).ToBytes(), "damaged"),
        ["xlsx: UTF-16"] = ("spreadsheet/xlsx", () => (Workbook.Of("<row/>") with { FirstTarget = "Target=\"x.xml\"", More = [("xl/x.xml", Encoding.Unicode.GetBytes("\uFEFF<worksheet><sheetData/></worksheet>"))] }).ToBytes(), "damaged"),
        ["xlsx: invalid UTF-8"] = ("spreadsheet/xlsx", () => (Workbook.Of("<row/>") with { FirstTarget = "Target=\"x.xml\"", More = [("xl/x.xml", [.. "<worksheet><sheetData><row><c><v>"u8, 0xFF, .. "</v></c></row></sheetData></worksheet>"u8])] }).ToBytes(), "damaged"),
        ["xlsx: no XML"] = ("spreadsheet/xlsx", () => (Workbook.Of("<row/>") with { FirstTarget = "Target=\"x.xml\"", More = [("xl/x.xml", [1, 2, 3])] }).ToBytes(), "damaged"),
        ["xlsx: broken off"] = ("spreadsheet/xlsx", () => Workbook.Of("<?xml version=\"1.0\"?><worksheet><sheetData><row><c><v>1</v></c></row>").ToBytes(), "damaged"),
    };

    public static TheoryData<string> Names => [.. Contents.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Whatever_it_holds_it_is_refused_or_harmless_and_costs_little(string name)
    {
        var (format, make, expected) = Contents[name];
        var path = Path.Combine(Path.GetTempPath(), $"exchange-hostile-{Guid.NewGuid():N}");
        await using var file = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 0, FileOptions.Asynchronous | FileOptions.DeleteOnClose);
        await file.WriteAsync(make(), TestContext.Current.CancellationToken);
        var before = GC.GetTotalAllocatedBytes(precise: true);
        var (preview, word) = await ReadAsync(format, file, cancel: TestContext.Current.CancellationToken);
        var allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
        Assert.Equal(expected, word);
        Assert.Equal(expected is null, preview is not null);
        Assert.True(allocated < MostAllocated, $"{allocated} bytes");
        if (preview is not null)
        {
            Assert.InRange(preview.Read.Rows, 0, 10_000);
            Assert.InRange(preview.Rows.Count, 0, 20);
            Assert.True(System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(preview, Exchange.Hosting.Json.Options).Length < 1 << 20);
        }
    }

    [Theory]
    [InlineData("texts", "part-too-large")]
    [InlineData("kept", "texts-too-large")]
    [InlineData("part", "part-too-large")]
    public async Task Each_part_of_a_workbook_has_a_limit_of_its_own(string which, string expected)
    {
        var content = (Workbook.Of("<row><c t=\"s\"><v>0</v></c></row><row><c t=\"s\"><v>4999</v></c></row>") with
        {
            Texts = string.Concat(Enumerable.Repeat($"<si><t>{new string('x', 1000)}</t></si>", 5000)),
            Styles = $"<cellXfs>{string.Concat(Enumerable.Repeat("<xf numFmtId=\"0\"/>", 5000))}</cellXfs>",
        }).ToBytes();
        Assert.Null((await ReadAsync("spreadsheet/xlsx", content)).Word);
        var limits = PreviewLimits.Default;
        limits = which switch { "texts" => limits with { Texts = 1 << 20 }, "kept" => limits with { KeptTexts = 1999 }, _ => limits with { Part = 50_000 } };
        Assert.Equal(expected, (await ReadAsync("spreadsheet/xlsx", content, limits)).Word);
    }

    [Fact]
    public async Task Whoever_asked_and_is_gone_and_time_that_is_up_end_the_reading()
    {
        foreach (var (format, content) in new[] { ("spreadsheet/csv", "a,b\n1,2\n"u8.ToArray()), ("self_describing/json", "[{\"a\":1}]"u8.ToArray()), ("spreadsheet/xlsx", Workbook.Of("<row><c><v>1</v></c></row>").ToBytes()) })
        {
            Assert.Equal("took-too-long", (await ReadAsync(format, content, PreviewLimits.Default with { Time = TimeSpan.Zero })).Word);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ReadAsync(format, content, cancel: new CancellationToken(canceled: true)));
        }
    }

    private static byte[] Filled(char with, int length)
    {
        var bytes = new byte[length];
        bytes.AsSpan().Fill((byte)with);
        return bytes;
    }

    private static byte[] Repeated(string text, int times)
    {
        var bytes = new byte[text.Length * times];
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)text[i % text.Length];
        }

        return bytes;
    }

    private static byte[] Different(int rows) => Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, rows).Select(i => string.Create(CultureInfo.InvariantCulture, $"{i}-{i * 7919L},{i * 104_729L}\n"))));

    private static string Rows(int count) => string.Concat(Enumerable.Range(1, count).Select(i => string.Create(CultureInfo.InvariantCulture, $"<row><c><v>{i}</v></c></row>")));

    /// <summary>A sheet that does not shrink.</summary>
    private static string Noise(int length)
    {
        var random = new Random(5);
        var text = new StringBuilder(length);
        while (text.Length < length)
        {
            text.Append("<row><c t=\"inlineStr\"><is><t>");
            for (var i = 0; i < 1000; i++)
            {
                text.Append((char)random.Next(0x4E00, 0x9FA0));
            }

            text.Append("</t></is></c></row>");
        }

        return text.ToString();
    }

    private static byte[] Broken(byte[] package)
    {
        // In the middle of the sheet's bytes, which are most of the file.
        package.AsSpan(package.Length / 2, 64).Clear();
        return package;
    }
}
