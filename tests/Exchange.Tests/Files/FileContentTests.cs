using System.Runtime.Versioning;
using System.Security.Cryptography;
using System.Text;
using Exchange.Catalogue.Files;
using Xunit;
using static Exchange.Tests.Files.SampleFiles;

namespace Exchange.Tests.Files;

/// <summary>What a file is, by its content: the upload list of the abuse checklist. Each goes through the store as an upload does, and nothing of a refused one stays.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class FileContentTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("exchange-files-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    public static TheoryData<string, byte[]> Right => new()
    {
        { "document/pdf", Pdf },
        { "spreadsheet/xlsx", Xlsx() },
        { "document/docx", Zip(("[Content_Types].xml", Utf8("<Types/>")), ("word/document.xml", Utf8("<document/>")), ("word/media/image1.png", [0x89, 80, 78, 71])) },
        { "document/ofd", Zip(("OFD.xml", Utf8("<OFD/>"))) },
        { "spreadsheet/ods", Zip(("mimetype", Utf8("application/vnd.oasis.opendocument.spreadsheet")), ("content.xml", Utf8("<c/>"))) },
        { "document/doc", Compound("WordDocument") },
        { "spreadsheet/et", Compound("Workbook") },
        { "document/txt", Utf8("纯文本 <不是标记>\r\n") },
        { "spreadsheet/csv", CodePagesEncodingProvider.Instance.GetEncoding(54936)!.GetBytes("姓名,月数\r\n示例甲,12\r\n") },
        { "self_describing/json", Utf8("\uFEFF {\"a\":\"<script>只是文字</script>\"}\n") },
        { "self_describing/ndjson", Utf8("{\"a\":1}\n{\"a\":2}\n") },
        { "self_describing/XML", Utf8("<?xml version=\"1.0\"?><a>示例</a>") },
        { "image/jpg", [0xFF, 0xD8, 0xFF, 0xE0, 0, 16, 1, 2, 3] },
        { "stream/mp4", [0, 0, 0, 24, .. "ftypisom"u8, 0, 0, 0, 0] },
    };

    [Theory]
    [MemberData(nameof(Right))]
    public async Task What_is_what_its_entry_says_is_taken_as_it_is(string format, byte[] content)
    {
        var (file, rule) = await TakeAsync(format, content);
        Assert.Equal((null, Convert.ToHexStringLower(SHA256.HashData(content)), content.Length), (rule, file!.Sha256, (int)file.Bytes));
        var path = Assert.Single(Directory.GetFiles(folder));
        Assert.Equal(content, await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    public static TheoryData<string, byte[], string> Wrong => new()
    {
        { "document/pdf", Xlsx(), "wrong-content" },
        { "document/pdf", [], "empty" },
        { "document/pdf", Utf8("<html><body>%PDF-1.7"), "wrong-content" },
        { "document/pdf", Utf8("%PDF-1.7\n<script>alert(1)</script>"), "active-content" },
        { "document/pdf", [.. Pdf, .. Xlsx()], "polyglot" },
        { "image/gif", Utf8("GIF89a/*<svg onload=alert(1)>*/"), "active-content" },
        { "image/gif", [.. "GIF89a"u8, .. new byte[100_000], .. Zip(("META-INF/MANIFEST.MF", Utf8("x")))], "polyglot" },
        { "image/jpg", "MZ\u0090\0"u8.ToArray(), "wrong-content" },
        { "spreadsheet/xlsx", Zip(("word/document.xml", Utf8("<document/>")), ("[Content_Types].xml", Utf8("<Types/>"))), "wrong-content" },
        { "spreadsheet/xlsx", "PK\u0003\u0004 and no directory"u8.ToArray(), "wrong-content" },
        { "spreadsheet/xlsx", [.. Xlsx(), .. "more"u8], "wrong-content" },
        { "spreadsheet/xlsx", [.. Pdf, .. Xlsx()], "wrong-content" },
        { "spreadsheet/xlsx", Xlsx(("xl/worksheets/sheet2.xml", new byte[80 << 20])), "zip-bomb" },
        { "spreadsheet/xlsx", Xlsx([.. Enumerable.Range(0, 20_001).Select(i => ($"x/{i}", Array.Empty<byte>()))]), "zip-bomb" },
        { "spreadsheet/xlsx", Xlsx(("../../../etc/cron.d/x", Utf8("x"))), "zip-slip" },
        { "spreadsheet/xlsx", Xlsx(("/etc/x", Utf8("x"))), "zip-slip" },
        { "spreadsheet/xlsx", Xlsx(("xl\\..\\x", Utf8("x"))), "zip-slip" },
        { "spreadsheet/xlsx", Xlsx(("XL/Workbook.xml", Utf8("<other/>"))), "zip-slip" },
        { "spreadsheet/xlsx", Xlsx(("xl/embeddings/x.bin", Zip(("a", Utf8("a"))))), "nested" },
        { "spreadsheet/xlsx", Xlsx(("xl/media/image1.png", "MZ\u0090\0"u8.ToArray())), "nested" },
        { "spreadsheet/xlsx", Xlsx(("xl/vbaProject.bin", Utf8("x"))), "macros" },
        { "spreadsheet/xls", Compound("WordDocument"), "wrong-content" },
        { "document/txt", Utf8("  <!DOCTYPE html><p>x"), "active-content" },
        { "document/txt", Utf8("#!/bin/sh\nrm -rf ~\n"), "wrong-content" },
        { "document/txt", Encoding.Unicode.GetBytes("utf-16"), "wrong-content" },
        { "spreadsheet/csv", [.. Utf8("姓名\n"), 0xFF, 0xFF], "wrong-content" },
        { "self_describing/json", Utf8("{\"a\":1"), "wrong-content" },
        { "self_describing/json", Utf8("alert(1)//{}"), "wrong-content" },
        { "self_describing/json", [.. "{\"a\":\""u8, 0xC3, 0x28, .. "\"}"u8], "wrong-content" },
        { "document/xml", Utf8("<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>"), "active-content" },
        { "self_describing/xml", Utf8($"<a>{new string(' ', 130_980)}<x xmlns=\"HTTP://www.w3.org/2000/svg\"/></a>"), "active-content" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task What_is_something_else_is_refused_and_leaves_nothing(string format, byte[] content, string expected)
    {
        var (file, rule) = await TakeAsync(format, content);
        Assert.Equal((null, expected), (file, rule));
        Assert.Empty(Directory.GetFileSystemEntries(folder));
    }

    [Theory]
    [InlineData("document/html")]
    [InlineData("image/svg")]
    [InlineData("stream/swf")]
    [InlineData("database/zip")]
    [InlineData("image/pdf")]
    public void What_browsers_run_programs_and_archives_are_no_format_that_is_taken(string format) => Assert.Null(FileFormat.Of(format));

    [Fact]
    public async Task A_file_that_is_too_long_is_left_where_it_is_and_one_that_breaks_off_leaves_nothing()
    {
        Assert.Equal((null, null), await TakeAsync("document/pdf", LargePdf(1_000_000), longest: 999_999));
        await Assert.ThrowsAsync<IOException>(() => TakeAsync("document/pdf", LargePdf(1_000_000), breaksAt: 600_000));
        Assert.Empty(Directory.GetFileSystemEntries(folder));
    }

    [Fact]
    public void A_folder_that_others_may_look_into_is_not_used()
    {
        File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead);
        Assert.Throws<Exchange.Hosting.InvalidSettingsException>(Store);
    }

    private FileStore Store() => new(new FileSettings { Files = folder });

    private async Task<(StoredFile? File, string? Rule)> TakeAsync(string format, byte[] content, long longest = long.MaxValue, int? breaksAt = null)
    {
        var (kind, inside) = (FileFormat.Of(format)!, (string?)null);
        var check = new ContentCheck(kind);
        await using var body = new InPieces(content, breaksAt);
        var file = await Store().ReceiveAsync(body, longest, check, async path =>
        {
            inside = kind.Content == FileContent.Package ? (await ZipPackage.CheckAsync(path, kind, TestContext.Current.CancellationToken))?.Rule : null;
            return inside is null;
        }, TestContext.Current.CancellationToken);
        return (file, check.Fault?.Rule ?? inside);
    }

    /// <summary>A body as the network brings it.</summary>
    private sealed class InPieces(byte[] content, int? breaksAt) : MemoryStream(content)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (Position >= breaksAt)
            {
                throw new IOException("The sender is gone.");
            }

            return base.ReadAsync(buffer[..Math.Min(buffer.Length, 7001)], cancellationToken);
        }
    }
}
