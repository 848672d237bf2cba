using System.Security.Cryptography;
using System.Text;
using Exchange.Hosting;
using Microsoft.AspNetCore.WebUtilities;

namespace Exchange.Catalogue.Datasets;

/// <summary>
/// A table as a department's spreadsheet saved it. It is kept aside (in memory when small, else in a temporary file) until all of it was seen: a file without a
/// byte order mark is UTF-8 when every byte of it is, else GB 18030 when every byte of it is, and the last line may decide. The separator is the header's.
/// </summary>
internal sealed class CsvFile : IAsyncDisposable
{
    private const int KeptInMemory = 1 << 20;
    private const int Piece = 64 << 10;
    private const string Charsets = "GB 18030-2022";

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private static readonly Encoding StrictGb18030 = CodePagesEncodingProvider.Instance.GetEncoding(54936, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback)!;

    private static readonly Text SaveAsUtf8 = new(
        "请在 Excel 或 WPS 中选择“文件→另存为”，类型选“CSV UTF-8（逗号分隔）”，再上传保存后的 .csv 文件。",
        "In Excel or WPS choose File → Save As, type “CSV UTF-8 (comma delimited)”, and send the .csv file that it saves.");

    private readonly FileBufferingReadStream kept;
    private readonly long start;
    private readonly Encoding? encoding;
    private readonly char separator;

    private CsvFile(FileBufferingReadStream kept, long start, Encoding? encoding, char separator, Seen seen)
    {
        this.kept = kept;
        this.start = start;
        this.encoding = encoding;
        this.separator = separator;
        Bytes = seen.Bytes;
        Sha256 = seen.Sha256;
        Rows = seen.Rows;
    }

    /// <summary>Of the file as it came.</summary>
    public long Bytes { get; }

    /// <summary>Of the file as it came, in hexadecimal.</summary>
    public string Sha256 { get; }

    /// <summary>Rows as a spreadsheet counts them, the header and blank ones included.</summary>
    public int Rows { get; }

    public string Charset => encoding is null ? "utf-8" : "gb18030";

    /// <summary>Reads all of <paramref name="body"/>; null with a fault when it is no text that can be read.</summary>
    /// <param name="charset">What the sender says it is; it must then be that.</param>
    public static async Task<CsvFile?> KeepAsync(Stream body, string? charset, CsvFaults faults, CancellationToken cancel)
    {
        var aside = new FileBufferingReadStream(body, KeptInMemory);
        try
        {
            var seen = await LookAsync(aside, cancel);
            if (await EncodingOfAsync(aside, seen, charset, faults, cancel) is not { } found)
            {
                await aside.DisposeAsync();
                return null;
            }

            var (start, separator) = await SeparatorAsync(aside, seen.Mark, cancel);
            return new CsvFile(aside, start, found is UTF8Encoding ? null : found, separator, seen);
        }
        catch
        {
            await aside.DisposeAsync();
            throw;
        }
    }

    /// <summary>The rows from the first on; one reading at a time.</summary>
    public CsvTable Open(CsvFaults faults)
    {
        kept.Position = start;
        return new CsvTable(kept, separator, encoding, faults);
    }

    public ValueTask DisposeAsync() => kept.DisposeAsync();

    private static async Task<Seen> LookAsync(FileBufferingReadStream aside, CancellationToken cancel)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var utf8 = new Strict(StrictUtf8);
        var rows = new RowCount();
        var head = new byte[8];
        long bytes = 0;
        long zeros = 0;
        var piece = new byte[Piece];
        int read;
        while ((read = await aside.ReadAtLeastAsync(piece, piece.Length, throwOnEndOfStream: false, cancel)) > 0)
        {
            if (bytes == 0)
            {
                piece.AsSpan(0, Math.Min(read, head.Length)).CopyTo(head);
            }

            sha.AppendData(piece, 0, read);
            utf8.Add(piece.AsSpan(0, read), rows);
            rows.Add(piece.AsSpan(0, read));
            zeros += piece.AsSpan(0, read).Count((byte)0);
            bytes += read;
        }

        utf8.End(rows);
        return new Seen(bytes, Convert.ToHexStringLower(sha.GetHashAndReset()), rows.Total, head, zeros * 10 > bytes, utf8.BrokenIn);
    }

    private static async Task<Encoding?> EncodingOfAsync(FileBufferingReadStream aside, Seen seen, string? charset, CsvFaults faults, CancellationToken cancel)
    {
        if (seen.Head.AsSpan().StartsWith("PK\u0003\u0004"u8) || seen.Head.AsSpan().StartsWith((ReadOnlySpan<byte>)[0xD0, 0xCF, 0x11, 0xE0]))
        {
            faults.Add(1, "workbook", "RFC 4180", new("这是 Excel/WPS 工作簿，不是 CSV 文件。", "This is a workbook, not a CSV file."), SaveAsUtf8);
            return null;
        }

        if (seen.Head is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..])
        {
            faults.Add(1, "utf-16", Charsets, new("文件是 UTF-16 编码（Excel 的“Unicode 文本”），不能导入。", "The file is UTF-16 (Excel's “Unicode Text”), which is not taken."), SaveAsUtf8);
            return null;
        }

        if (seen.FullOfZeros)
        {
            faults.Add(1, "not-text", Charsets, new("文件含有大量零字节：不是文本文件，或是没有标记的 UTF-16。", "The file is full of zero bytes: it is no text file, or UTF-16 without a mark."), SaveAsUtf8);
            return null;
        }

        if (charset is null or "utf-8" && seen.NotUtf8 is null)
        {
            return StrictUtf8;
        }

        if (charset == "utf-8" || seen.Mark > 0)
        {
            faults.Add(seen.NotUtf8 ?? 1, seen.NotUtf8 is null ? "charset-mismatch" : "not-utf-8", Charsets, seen.NotUtf8 is null
                ? new($"Content-Type 写明编码为 {charset}，文件却带有 UTF-8 标记。", $"Content-Type says {charset}, but the file carries the mark of UTF-8.")
                : new("文件标明为 UTF-8，但从此行起不是有效的 UTF-8 文本。", "The file is marked as UTF-8, but from this row on it is no valid UTF-8 text."), SaveAsUtf8);
            return null;
        }

        aside.Position = 0;
        var gb18030 = new Strict(StrictGb18030);
        var rows = new RowCount();
        var piece = new byte[Piece];
        int read;
        while (gb18030.BrokenIn is null && (read = await aside.ReadAtLeastAsync(piece, piece.Length, throwOnEndOfStream: false, cancel)) > 0)
        {
            gb18030.Add(piece.AsSpan(0, read), rows);
            rows.Add(piece.AsSpan(0, read));
        }

        gb18030.End(rows);
        if (gb18030.BrokenIn is not { } broken)
        {
            return StrictGb18030;
        }

        // Of the two readings the one that held longer is what the file was meant to be: there is the broken row.
        faults.Add(charset is null ? Math.Max(broken, seen.NotUtf8 ?? broken) : broken, charset is null ? "not-utf-8" : "not-gb-18030", Charsets, charset is null
            ? new("从此行起既不是有效的 UTF-8 文本，也不是有效的 GB 18030 文本。", "From this row on this is neither valid UTF-8 nor valid GB 18030 text.")
            : new($"Content-Type 写明编码为 {charset}，但从此行起不是有效的 GB 18030 文本。", $"Content-Type says {charset}, but from this row on this is no valid GB 18030 text."), SaveAsUtf8);
        return null;
    }

    /// <summary>
    /// Spreadsheets of some languages separate by semicolons, “text” exports by tabs. What stands most often in the header outside quotes is it; Excel's own
    /// first line <c>sep=;</c> says it and is not shown as a row. None of these bytes is part of a character in GB 18030.
    /// </summary>
    private static async Task<(long Start, char Separator)> SeparatorAsync(FileBufferingReadStream aside, int mark, CancellationToken cancel)
    {
        aside.Position = mark;
        var head = new byte[Piece];
        var length = await aside.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancel);
        var (skip, separator) = SeparatorOf(head.AsSpan(0, length));
        return (mark + skip, separator);
    }

    /// <summary>How many bytes at the beginning only name the separator, and which it is. The beginning is without a byte order mark.</summary>
    internal static (int Skip, char Separator) SeparatorOf(ReadOnlySpan<byte> text)
    {
        text = text[..Math.Min(text.Length, Piece)];
        if (text is [(byte)'s' or (byte)'S', (byte)'e' or (byte)'E', (byte)'p' or (byte)'P', (byte)'=', (byte)',' or (byte)';' or (byte)'\t', (byte)'\r' or (byte)'\n', ..])
        {
            return (text[5] == '\r' && text.Length > 6 && text[6] == '\n' ? 7 : 6, (char)text[4]);
        }

        var quoted = false;
        int commas = 0, semicolons = 0, tabs = 0;
        foreach (var b in text)
        {
            switch (b)
            {
                case (byte)'"':
                    quoted = !quoted;
                    break;
                case (byte)',' when !quoted:
                    commas++;
                    break;
                case (byte)';' when !quoted:
                    semicolons++;
                    break;
                case (byte)'\t' when !quoted:
                    tabs++;
                    break;
            }

            // Blank lines before the header say nothing.
            if (!quoted && b is (byte)'\n' or (byte)'\r' && commas + semicolons + tabs > 0)
            {
                break;
            }
        }

        return (0, semicolons > commas && semicolons >= tabs ? ';' : tabs > commas ? '\t' : ',');
    }

    private sealed record Seen(long Bytes, string Sha256, int Rows, byte[] Head, bool FullOfZeros, int? NotUtf8)
    {
        public int Mark => Head is [0xEF, 0xBB, 0xBF, ..] ? 3 : 0;
    }

    /// <summary>Follows an encoding through the pieces and remembers the row in which it broke.</summary>
    private sealed class Strict(Encoding encoding)
    {
        private readonly Decoder decoder = encoding.GetDecoder();
        private readonly char[] characters = new char[encoding.GetMaxCharCount(Piece)];

        public int? BrokenIn { get; private set; }

        /// <param name="before">The rows up to this piece.</param>
        public void Add(ReadOnlySpan<byte> piece, RowCount before)
        {
            if (BrokenIn is not null)
            {
                return;
            }

            try
            {
                decoder.GetChars(piece, characters, flush: false);
            }
            catch (DecoderFallbackException fault)
            {
                var rows = before;
                rows.Add(piece[..Math.Clamp(fault.Index, 0, piece.Length)]);
                BrokenIn = rows.Current;
            }
        }

        public void End(RowCount rows)
        {
            try
            {
                if (BrokenIn is null)
                {
                    decoder.GetChars([], characters, flush: true);
                }
            }
            catch (DecoderFallbackException)
            {
                BrokenIn = rows.Current;
            }
        }
    }

    /// <summary>Counts spreadsheet rows in bytes: line breaks outside quotes, of which CR LF is one.</summary>
    private struct RowCount
    {
        private int ended;
        private bool quoted;
        private byte last;

        public readonly int Current => ended + 1;

        public readonly int Total => last is 0 or (byte)'\n' or (byte)'\r' ? ended : ended + 1;

        public void Add(ReadOnlySpan<byte> bytes)
        {
            while (bytes.Length > 0)
            {
                var next = bytes.IndexOfAny((byte)'"', (byte)'\n', (byte)'\r');
                if (next < 0)
                {
                    last = bytes[^1];
                    return;
                }

                var before = next > 0 ? bytes[next - 1] : last;
                var b = bytes[next];
                if (b == '"')
                {
                    quoted = !quoted;
                }
                else if (!quoted && !(b == '\n' && before == '\r'))
                {
                    ended++;
                }

                last = b;
                bytes = bytes[(next + 1)..];
            }
        }
    }
}
