using System.IO.Compression;
using System.Net;
using System.Text;

namespace Exchange.Tests.Files;

/// <summary>Small files of each kind, and ways to spoil them.</summary>
internal static class SampleFiles
{
    public static readonly byte[] Pdf = Encoding.ASCII.GetBytes("%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n");

    public static byte[] Xlsx(params (string Name, byte[] Content)[] more) =>
        Zip([("[Content_Types].xml", Utf8("<Types/>")), ("xl/workbook.xml", Utf8("<workbook/>")), ("xl/worksheets/sheet1.xml", Utf8("<worksheet>数据</worksheet>")), .. more]);

    public static byte[] Zip(params (string Name, byte[] Content)[] parts)
    {
        using var file = new MemoryStream();
        using (var zip = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in parts)
            {
                using var part = zip.CreateEntry(name, CompressionLevel.Fastest).Open();
                part.Write(content);
            }
        }

        return file.ToArray();
    }

    /// <summary>The beginning and end that a compound file of Word or Excel has.</summary>
    public static byte[] Compound(string stream) => [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1, .. new byte[1016], .. Encoding.Unicode.GetBytes(stream), .. new byte[500]];

    public static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    /// <summary>So many bytes that do not repeat, beginning as a PDF does.</summary>
    public static byte[] LargePdf(int length, int seed = 7)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        "%PDF-1.7\n"u8.CopyTo(bytes);
        return bytes;
    }
}

/// <summary>A body that does not say how long it is.</summary>
internal sealed class Chunked(byte[] content) : HttpContent
{
    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => stream.WriteAsync(content).AsTask();

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
