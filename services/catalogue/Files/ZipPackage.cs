using System.Buffers.Binary;
using System.IO.Compression;
using Exchange.Hosting;

namespace Exchange.Catalogue.Files;

/// <summary>
/// Looks into an office file, which is a ZIP package: at its directory and at the first bytes of each part, never more. Nothing is unpacked to anywhere, so that names that lead out of a folder and bombs
/// stay without effect here; they are refused all the same, since whoever receives the file may unpack it.
/// </summary>
internal static class ZipPackage
{
    private const int EndRecord = 22;
    private const int MostParts = 20_000;
    private const long LargestDirectory = 8L << 20;

    /// <summary>Unpacked, all parts together.</summary>
    private const long LargestUnpacked = 4L << 30;

    /// <summary>Spreadsheets shrink to a tenth, an empty one to a fiftieth; a bomb to less than a hundredth.</summary>
    private const long LargestRatio = 100;

    /// <summary>Below this no ratio hurts.</summary>
    private const long Harmless = 64L << 20;

    private static ReadOnlySpan<byte> EndMark => "PK\u0005\u0006"u8;

    /// <summary>Beginnings of what is no part of a document: archives and programs.</summary>
    private static readonly byte[][] Foreign =
    [
        "PK\u0003\u0004"u8.ToArray(), "Rar!"u8.ToArray(), [(byte)'7', (byte)'z', 0xBC, 0xAF], [0x1F, 0x8B], "BZh"u8.ToArray(), [0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z'],
        [0xD0, 0xCF, 0x11, 0xE0], "MZ"u8.ToArray(), [0x7F, (byte)'E', (byte)'L', (byte)'F'], [0xCA, 0xFE, 0xBA, 0xBE], [0xFE, 0xED, 0xFA], [0xCF, 0xFA, 0xED, 0xFE], "#!"u8.ToArray(),
    ];

    /// <summary>What is wrong with the package at <paramref name="path"/>; null when it is a document of this format.</summary>
    public static async Task<(string Rule, Text Message)?> CheckAsync(string path, FileFormat format, CancellationToken cancel)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 16 << 10, FileOptions.Asynchronous);
        return await CheckAsync(file, format, cancel);
    }

    /// <summary>What is wrong with the package in <paramref name="file"/>, which stays open; null when it is a document of this format.</summary>
    public static async Task<(string Rule, Text Message)?> CheckAsync(FileStream file, FileFormat format, CancellationToken cancel)
    {
        if (await DirectoryAsync(file, cancel) is not { } directory)
        {
            return ("wrong-content", new($"文件内容不是目录声明的格式 {format.Word}：不是完整的 ZIP 包。", $"The content is not what the entry says: {format.Word} is a ZIP package, and this is no whole one."));
        }

        if (directory.Parts > MostParts || directory.Bytes > LargestDirectory)
        {
            return Bomb($"{directory.Parts}");
        }

        try
        {
            file.Position = 0;
            using var zip = new ZipArchive(file, ZipArchiveMode.Read, leaveOpen: true);
            return await LookAsync(zip, file.Length, format, cancel);
        }
        catch (Exception fault) when (fault is InvalidDataException or NotSupportedException or EndOfStreamException or ArgumentException)
        {
            return ("wrong-content", new("ZIP 包已损坏。", "The ZIP package is damaged."));
        }
    }

    /// <summary>Whether these last bytes of a file hold the end of a ZIP directory.</summary>
    public static bool HasDirectoryAtEnd(ReadOnlySpan<byte> tail)
    {
        for (var at = tail.LastIndexOf(EndMark); at >= 0; at = tail[..at].LastIndexOf(EndMark))
        {
            if (tail.Length - at >= EndRecord && BinaryPrimitives.ReadUInt16LittleEndian(tail[(at + 20)..]) <= tail.Length - at - EndRecord)
            {
                return true;
            }
        }

        return false;
    }

    private static async Task<(string Rule, Text Message)?> LookAsync(ZipArchive zip, long length, FileFormat format, CancellationToken cancel)
    {
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        long packed = 0, unpacked = 0;
        foreach (var part in zip.Entries)
        {
            packed += part.CompressedLength;
            unpacked += part.Length;
            if (part.CompressedLength < 0 || part.Length < 0 || unpacked > LargestUnpacked || packed > length || (part.Length > Harmless && part.Length / LargestRatio > part.CompressedLength))
            {
                return Bomb(part.FullName);
            }

            if (Leads(part.FullName) || !names.Add(part.FullName))
            {
                return ("zip-slip", new("ZIP 包内含有指向包外的路径或重名的部分。", "The package holds parts whose names lead out of it or stand twice."));
            }

            if (part.IsEncrypted)
            {
                return ("encrypted", new("ZIP 包内含有加密的部分，无法核对内容。", "The package holds encrypted parts, whose content nobody can check."));
            }
        }

        if (unpacked > Harmless && unpacked / LargestRatio > packed)
        {
            return Bomb("*");
        }

        var kind = zip.GetEntry(format.Part!);
        var openXml = format.MediaType.Contains("openxmlformats", StringComparison.Ordinal);
        if (kind is null || (openXml && zip.GetEntry("[Content_Types].xml") is null) || (format.MediaType.Contains("oasis", StringComparison.Ordinal) && !await SaysAsync(zip, format.MediaType, cancel)))
        {
            return ("wrong-content", new($"文件内容不是目录声明的格式 {format.Word}。", $"The content is not what the entry says: {format.Word}."));
        }

        if (names.Any(n => n.EndsWith("vbaProject.bin", StringComparison.OrdinalIgnoreCase) || n.StartsWith("Basic/", StringComparison.OrdinalIgnoreCase)))
        {
            return ("macros", new("文件含有宏。", "The file holds macros."));
        }

        var start = new byte[8];
        foreach (var part in zip.Entries.Where(p => p.Length > 0))
        {
            await using var content = await part.OpenAsync(cancel);
            var read = await content.ReadAtLeastAsync(start, start.Length, throwOnEndOfStream: false, cancel);
            if (Foreign.Any(f => start.AsSpan(0, read).StartsWith(f)))
            {
                return ("nested", new($"文件内嵌有压缩包、另一个办公文件或程序：{part.FullName}。", $"An archive, another office file or a program is embedded: {part.FullName}."));
            }
        }

        return null;
    }

    /// <summary>The open document's own word for what it is.</summary>
    private static async Task<bool> SaysAsync(ZipArchive zip, string mediaType, CancellationToken cancel)
    {
        if (zip.GetEntry("mimetype") is not { Length: < 200 } part)
        {
            return false;
        }

        await using var content = await part.OpenAsync(cancel);
        var text = new byte[200];
        var read = await content.ReadAtLeastAsync(text, text.Length, throwOnEndOfStream: false, cancel);
        return System.Text.Encoding.ASCII.GetString(text, 0, read).Trim() == mediaType;
    }

    private static bool Leads(string name) =>
        name.Length is 0 or > 500 || name[0] is '/' || name.Contains('\\', StringComparison.Ordinal) || name.Contains(':', StringComparison.Ordinal) || name.Any(char.IsControl)
        || name.Split('/').Contains("..");

    /// <summary>The directory as the file's very last bytes tell it, without a comment: what hangs on behind would be another file. Null when there is none, or when the file does not begin with its first part.</summary>
    private static async Task<(long Parts, long Bytes)?> DirectoryAsync(FileStream file, CancellationToken cancel)
    {
        var end = new byte[EndRecord];
        if (file.Length < EndRecord)
        {
            return null;
        }

        file.Position = file.Length - EndRecord;
        await file.ReadExactlyAsync(end, cancel);
        if (!end.AsSpan().StartsWith(EndMark) || BinaryPrimitives.ReadUInt16LittleEndian(end.AsSpan(20)) != 0)
        {
            return null;
        }

        long parts = BinaryPrimitives.ReadUInt16LittleEndian(end.AsSpan(10));
        long bytes = BinaryPrimitives.ReadUInt32LittleEndian(end.AsSpan(12));
        // A package of more than 4 GiB or 65,535 parts (ZIP64) holds far more than is taken here. A directory that does not end where its end begins would be read on beyond what it says.
        return parts is not ushort.MaxValue && bytes is not uint.MaxValue && BinaryPrimitives.ReadUInt32LittleEndian(end.AsSpan(16)) + bytes != file.Length - EndRecord ? null : (parts, bytes);
    }

    private static (string Rule, Text Message) Bomb(string part) =>
        ("zip-bomb", new($"ZIP 包解压后过大或部分过多（{part}）。", $"Unpacked the package would be too large, or it has too many parts ({part})."));
}
