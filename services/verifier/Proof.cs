using System.Globalization;
using System.Text.Json;

namespace Exchange.Verifier;

/// <summary>A proof file, c2sp.org/tlog-proof@v1, whose extra line is the leaf itself.</summary>
internal sealed record Proof(byte[] Leaf, ulong Index, IReadOnlyList<byte[]> Path, string Checkpoint)
{
    private const int LongestPath = 63;
    private const int LargestLeaf = ushort.MaxValue;

    public static Proof Parse(string text)
    {
        var end = text.IndexOf("\n\n", StringComparison.Ordinal);
        var lines = end < 0 ? [] : text[..end].Split('\n');
        if (lines.Length < 3 || lines[0] != "c2sp.org/tlog-proof@v1")
        {
            throw new Refusal("这不是 c2sp.org/tlog-proof@v1 格式的证明。", "This is not a proof of the form c2sp.org/tlog-proof@v1.");
        }
        if (Value(lines[1], "extra ") is not { } extra || Strict.Base64(extra) is not { Length: > 0 and <= LargestLeaf } leaf)
        {
            throw new Refusal("证明中没有可读的记录（extra 行）。", "The proof carries no readable record (its extra line).");
        }
        if (Value(lines[2], "index ") is not { } position || Strict.Number(position) is not { } index)
        {
            throw new Refusal("证明中的序号（index 行）不对。", "The proof's index line is malformed.");
        }
        if (lines.Length - 3 > LongestPath)
        {
            throw new Refusal("证明中的哈希过多。", "The proof has too many hashes.");
        }
        var path = lines[3..].Select(line => Strict.Base64(line) is { Length: Hashing.Size } hash
            ? hash
            : throw new Refusal("证明中的一行哈希不对。", "A hash line of the proof is malformed."));
        return new Proof(leaf, index, [.. path], text[(end + 2)..]);
    }

    private static string? Value(string line, string keyword) => line.StartsWith(keyword, StringComparison.Ordinal) ? line[keyword.Length..] : null;
}

/// <summary>The record that was logged: the source's event as it made it, and the time the log received it.</summary>
internal sealed record Leaf(JsonElement Event, DateTimeOffset ReceivedAt)
{
    public static Leaf Parse(byte[] bytes)
    {
        try
        {
            var root = JsonDocument.Parse(bytes, new JsonDocumentOptions { AllowDuplicateProperties = false }).RootElement;
            if (root.GetProperty("event") is { ValueKind: JsonValueKind.Object } logged
                && DateTimeOffset.TryParseExact(root.GetProperty("received_at").GetString(), "yyyy-MM-dd'T'HH:mm:ss.fff'Z'",
                    CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var receivedAt))
            {
                ReadEveryString(logged);
                return new Leaf(logged, receivedAt);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            // Told below, like any other record that does not have the form.
        }
        throw new Refusal("证明成立的内容不是一条审计记录。", "What the proof holds is not an audit record.");
    }

    // The reader finds invalid UTF-8 and half surrogate pairs only when a string is asked for.
    private static void ReadEveryString(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String)
        {
            _ = value.GetString();
        }
        else if (value.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in value.EnumerateArray())
            {
                ReadEveryString(item);
            }
        }
        else if (value.ValueKind == JsonValueKind.Object)
        {
            foreach (var member in value.EnumerateObject())
            {
                _ = member.Name;
                ReadEveryString(member.Value);
            }
        }
    }
}
