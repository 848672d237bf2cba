using System.Text;
using Exchange.Hosting;

namespace Exchange.Catalogue.Files;

/// <summary>
/// Tells while a file comes in whether its content is what its entry says, from its own bytes: never from its name or Content-Type. It sees each byte once and keeps a beginning and an end;
/// what needs a look into the middle (packages) comes when the file is there. The first fault ends it.
/// </summary>
internal sealed class ContentCheck(FileFormat format)
{
    private const int Kept = 64 << 10;

    /// <summary>What browsers run, wherever they find it near the beginning (the sniffing of the WHATWG looks at 1,445 bytes), and what marks a script.</summary>
    private static readonly byte[][] Active =
        [.. new[] { "<!doctype html", "<html", "<script", "<svg", "<iframe", "<object", "<embed", "<body", "<?php", "<%@", "javascript:" }.Select(Encoding.ASCII.GetBytes)];

    /// <summary>In XML, anywhere: namespaces that make a browser run what stands in them, and what makes a reader fetch or repeat.</summary>
    private static readonly byte[][] ActiveXml =
        [.. new[] { "http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg", "<?xml-stylesheet", "<!doctype", "<!entity" }.Select(Encoding.ASCII.GetBytes)];

    private readonly byte[] head = new byte[Kept];
    private readonly byte[] tail = new byte[Kept];
    private readonly Strict? utf8 = IsText(format) ? new(new UTF8Encoding(false, throwOnInvalidBytes: true)) : null;
    private readonly Strict? gb18030 = format.Content == FileContent.Text ? new(CodePagesEncodingProvider.Instance.GetEncoding(54936, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback)!) : null;
    private int headLength;
    private int tailLength;
    private bool headSeen;
    private bool streamFound;

    /// <summary>What is wrong; null so far. A word for programs, and a sentence.</summary>
    public (string Rule, Text Message)? Fault { get; private set; }

    /// <summary>Bytes seen.</summary>
    public long Length { get; private set; }

    private ReadOnlySpan<byte> Head => head.AsSpan(0, headLength);

    private ReadOnlySpan<byte> Tail => tail.AsSpan(0, tailLength);

    public void Add(ReadOnlySpan<byte> piece)
    {
        if (Fault is not null || piece.IsEmpty)
        {
            return;
        }

        Length += piece.Length;
        var room = Math.Min(Kept - headLength, piece.Length);
        piece[..room].CopyTo(head.AsSpan(headLength));
        headLength += room;
        if (headLength >= 4096 && !headSeen)
        {
            headSeen = true;
            LookAtHead();
        }

        if (IsText(format))
        {
            ReadText(piece);
        }

        if (format.Content == FileContent.Xml && FindAcross(piece, ActiveXml, ignoreCase: true))
        {
            Wrong("active-content", new("XML 中含有可在浏览器中执行或引用外部内容的部分（XHTML、SVG、样式表、DOCTYPE 或实体声明）。", "The XML holds what a browser runs or a reader fetches: XHTML, SVG, a style sheet, a DOCTYPE or an entity."));
        }
        else if (format.Content == FileContent.Compound && !streamFound)
        {
            streamFound = FindAcross(piece, [Encoding.Unicode.GetBytes(format.Part!)], ignoreCase: false);
        }

        KeepTail(piece);
    }

    /// <summary>After the last byte.</summary>
    public void End()
    {
        if (Fault is not null)
        {
            return;
        }

        if (Length == 0)
        {
            Wrong("empty", new("文件为空。", "The file is empty."));
            return;
        }

        if (!headSeen)
        {
            LookAtHead();
        }

        if (Fault is null && IsText(format))
        {
            utf8!.End();
            gb18030?.End();
            ReadText([]);
        }

        if (Fault is null && format.Content == FileContent.Json && !(Tail.TrimEnd(" \t\r\n"u8) is [.., (byte)'}' or (byte)']'] || format.MediaType.EndsWith("ndjson", StringComparison.Ordinal)))
        {
            Wrong("wrong-content", new("JSON 不完整：结尾不是 } 或 ]。", "The JSON is cut off: it does not end with } or ]."));
        }

        if (Fault is null && format.Content == FileContent.Compound && !streamFound)
        {
            WrongKind();
        }

        // Readers of ZIP look from the end, all others from the beginning: a file that is both shows each another content.
        if (Fault is null && format.Content != FileContent.Package && !IsText(format) && ZipPackage.HasDirectoryAtEnd(Tail))
        {
            Wrong("polyglot", new("文件末尾附有 ZIP 压缩包。", "A ZIP archive is hung on at the end of the file."));
        }
    }

    private static bool IsText(FileFormat format) => format.Content is FileContent.Text or FileContent.Json or FileContent.Xml;

    private bool BeginsWithMagic()
    {
        foreach (var magic in format.Magic)
        {
            if (headLength > format.MagicAt && Head[format.MagicAt..].StartsWith(magic))
            {
                return true;
            }
        }

        return false;
    }

    private void LookAtHead()
    {
        var begin = Head;
        if (IsText(format))
        {
            begin = begin.StartsWith(Encoding.UTF8.Preamble) ? begin[3..] : begin;
            begin = begin.TrimStart(" \t\r\n"u8);
        }

        var fits = format.Content switch
        {
            FileContent.Text => !begin.StartsWith("#!"u8) && !begin.StartsWith("%PDF-"u8) && !begin.StartsWith("{\\rtf"u8),
            FileContent.Json => begin is [(byte)'{' or (byte)'[', ..],
            FileContent.Xml => begin is [(byte)'<', _, ..],
            _ => BeginsWithMagic(),
        };
        if (!fits)
        {
            WrongKind();
        }
        else if (format.Content != FileContent.Json && Active.Any(a => Find(Head[..Math.Min(headLength, 2048)], a, ignoreCase: true)))
        {
            Wrong("active-content", new("文件开头含有 HTML、SVG 或脚本。", "The beginning of the file holds HTML, SVG or a script."));
        }
    }

    private void ReadText(ReadOnlySpan<byte> piece)
    {
        // Zero bytes stand in no text that is not UTF-16 or a program.
        if (piece.Contains((byte)0))
        {
            Wrong("wrong-content", new("文本中含有零字节：不是文本文件，或是 UTF-16 编码。", "The text holds zero bytes: it is no text, or UTF-16."));
            return;
        }

        utf8!.Add(piece);
        gb18030?.Add(piece);
        if (utf8.Broken && gb18030?.Broken != false)
        {
            Wrong("wrong-content", gb18030 is null
                ? new("文件不是有效的 UTF-8 文本。", "The file is no valid UTF-8 text.")
                : new("文件既不是有效的 UTF-8 文本，也不是有效的 GB 18030 文本。", "The file is neither valid UTF-8 text nor valid GB 18030 text."));
        }
    }

    private void KeepTail(ReadOnlySpan<byte> piece)
    {
        if (piece.Length >= Kept)
        {
            piece[^Kept..].CopyTo(tail);
            tailLength = Kept;
            return;
        }

        var keep = Math.Min(tailLength, Kept - piece.Length);
        tail.AsSpan(tailLength - keep, keep).CopyTo(tail);
        piece.CopyTo(tail.AsSpan(keep));
        tailLength = keep + piece.Length;
    }

    /// <summary>Also where a word is cut by the border of two pieces.</summary>
    private bool FindAcross(ReadOnlySpan<byte> piece, byte[][] words, bool ignoreCase)
    {
        var longest = words.Max(w => w.Length) - 1;
        Span<byte> border = stackalloc byte[2 * longest];
        var before = Math.Min(longest, tailLength);
        var after = Math.Min(longest, piece.Length);
        tail.AsSpan(tailLength - before, before).CopyTo(border);
        piece[..after].CopyTo(border[before..]);
        foreach (var word in words)
        {
            if (Find(border[..(before + after)], word, ignoreCase) || Find(piece, word, ignoreCase))
            {
                return true;
            }
        }

        return false;
    }

    /// <param name="word">In lower case when case does not count.</param>
    private static bool Find(ReadOnlySpan<byte> text, ReadOnlySpan<byte> word, bool ignoreCase)
    {
        if (!ignoreCase)
        {
            return text.IndexOf(word) >= 0;
        }

        // Each word begins with a sign that has no case, or with a letter of which both cases are looked for.
        for (var i = 0; i + word.Length <= text.Length; i++)
        {
            var next = text[i..].IndexOfAny(word[0], char.IsAsciiLetterLower((char)word[0]) ? (byte)(word[0] - 32) : word[0]);
            if (next < 0 || (i += next) + word.Length > text.Length)
            {
                return false;
            }

            if (Ascii.EqualsIgnoreCase(text.Slice(i, word.Length), word))
            {
                return true;
            }
        }

        return false;
    }

    private void WrongKind() => Wrong("wrong-content", new($"文件内容不是目录声明的格式 {format.Word}。", $"The content is not what the entry says: {format.Word}."));

    private void Wrong(string rule, Text message) => Fault ??= (rule, message);

    /// <summary>Follows an encoding through the pieces.</summary>
    private sealed class Strict(Encoding encoding)
    {
        private readonly Decoder decoder = encoding.GetDecoder();
        private readonly char[] characters = new char[16 << 10];

        public bool Broken { get; private set; }

        public void Add(ReadOnlySpan<byte> piece)
        {
            try
            {
                while (!Broken && !piece.IsEmpty)
                {
                    decoder.Convert(piece, characters, flush: false, out var used, out _, out _);
                    piece = piece[used..];
                }
            }
            catch (DecoderFallbackException)
            {
                Broken = true;
            }
        }

        public void End()
        {
            try
            {
                if (!Broken)
                {
                    decoder.GetChars([], characters, flush: true);
                }
            }
            catch (DecoderFallbackException)
            {
                Broken = true;
            }
        }
    }
}
