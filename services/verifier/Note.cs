using System.Globalization;
using System.Text;

namespace Exchange.Verifier;

/// <summary>A signed note (c2sp.org/signed-note): text and signature lines, none of them believed yet.</summary>
internal sealed record Note(byte[] Text, IReadOnlyList<SignatureLine> Signatures)
{
    private const int MostSignatures = 64;

    public static Note Parse(string note)
    {
        // The text is parted from the signatures by the last empty line.
        var split = note.LastIndexOf("\n\n", StringComparison.Ordinal);
        if (split < 0 || !note.EndsWith('\n') || split + 2 == note.Length)
        {
            throw new Refusal("检查点没有签名。", "The checkpoint carries no signatures.");
        }
        if (note.Any(c => c < ' ' && c != '\n'))
        {
            throw new Refusal("检查点含有控制字符。", "The checkpoint holds control characters.");
        }
        var lines = note[(split + 2)..^1].Split('\n');
        if (lines.Length > MostSignatures)
        {
            throw new Refusal($"检查点的签名超过 {MostSignatures} 行。", $"The checkpoint has more than {MostSignatures} signature lines.");
        }
        return new Note(Encoding.UTF8.GetBytes(note[..(split + 1)]), [.. lines.Select(SignatureLine.Parse)]);
    }
}

/// <param name="Name">Key name.</param>
/// <param name="KeyId">First four bytes of the line's blob.</param>
/// <param name="Signature">The rest of the blob.</param>
internal sealed record SignatureLine(string Name, uint KeyId, byte[] Signature)
{
    public static SignatureLine Parse(string line)
    {
        var parts = line.Split(' ');
        if (parts.Length == 3 && parts[0] == "—" && IsKeyName(parts[1]) && Strict.Base64(parts[2]) is { Length: > 4 } blob)
        {
            return new SignatureLine(parts[1], BitConverter.ToUInt32([blob[3], blob[2], blob[1], blob[0]]), blob[4..]);
        }
        throw new Refusal("检查点的一行签名格式不对。", "A signature line of the checkpoint is malformed.");
    }

    public static bool IsKeyName(string name) => name.Length is > 0 and <= 255 && !name.Any(c => char.IsWhiteSpace(c) || c == '+');
}

/// <summary>The signed text of a checkpoint: origin, size, root.</summary>
internal sealed record Checkpoint(string Origin, ulong Size, byte[] Root)
{
    public static Checkpoint Parse(byte[] text)
    {
        var lines = Encoding.UTF8.GetString(text).Split('\n');
        // Three lines, each ended by a newline: our logs write no extension lines.
        if (lines is [{ Length: > 0 } origin, var size, var root, ""] && Strict.Number(size) is { } number && Strict.Base64(root) is { Length: Hashing.Size } hash)
        {
            return new Checkpoint(origin, number, hash);
        }
        throw new Refusal("检查点的正文不是“日志名、大小、树根”三行。", "The checkpoint's text is not the three lines origin, size and root.");
    }
}

/// <summary>One spelling per value: two files that say the same are the same.</summary>
internal static class Strict
{
    public static byte[]? Base64(string text)
    {
        var bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text, bytes, out var length) && Convert.ToBase64String(bytes, 0, length) == text ? bytes[..length] : null;
    }

    public static byte[]? Base64Url(string text)
    {
        var bytes = new byte[text.Length];
        return System.Buffers.Text.Base64Url.TryDecodeFromChars(text, bytes, out var length) && System.Buffers.Text.Base64Url.EncodeToString(bytes.AsSpan(0, length)) == text ? bytes[..length] : null;
    }

    public static ulong? Number(string text) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && number <= long.MaxValue && number.ToString(CultureInfo.InvariantCulture) == text ? number : null;
}
