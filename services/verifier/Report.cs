using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Exchange.Verifier;

/// <summary>An exported report, a flattened JWS (RFC 7515): what was asked, and every record with its leaf and its path to a checkpoint. This is one that was checked.</summary>
internal sealed record Report(string Origin, string MadeAt, string[] Question, string[] Scope, IReadOnlyList<Leaf> Records, IReadOnlyList<Accepted> Checkpoints, bool GoesOn)
{
    public const int Largest = 64 << 20;
    private const int LongestPath = 63;
    private const int LargestLeaf = ushort.MaxValue;

    private static readonly JsonDocumentOptions Strictly = new() { AllowDuplicateProperties = false };

    /// <summary>Checks the log's signature, then the checkpoints, then each record, and refuses the first that does not hold.</summary>
    public static Report Parse(byte[] file, Trust trust)
    {
        try
        {
            using var payload = JsonDocument.Parse(Signed(file, trust, out var keyId), Strictly);
            return Read(payload.RootElement, trust, keyId);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw NoReport();
        }
    }

    /// <summary>What was asked and what was found, in words.</summary>
    public IEnumerable<string> Told(bool zh)
    {
        yield return zh ? $"  检索条件：{Question[0]}" : $"  asked for: {Question[1]}";
        yield return zh ? $"  可见范围：{Scope[0]}" : $"  out of: {Scope[1]}";
        if (Records.Count > 0)
        {
            var (first, last) = (Records.Min(record => record.ReceivedAt), Records.Max(record => record.ReceivedAt));
            yield return zh ? $"  日志收到时间：{Time(first)} 至 {Time(last)}" : $"  received by the log from {Time(first)} to {Time(last)}";
        }
        foreach (var kind in Records.GroupBy(record => record.Event.TryGetProperty("type", out var type) ? type.ToString() : "?", StringComparer.Ordinal).OrderByDescending(kind => kind.Count()).ThenBy(kind => kind.Key, StringComparer.Ordinal))
        {
            yield return zh ? $"    {Words.OfType(kind.Key, zh)}：{kind.Count()} 条" : $"    {Words.OfType(kind.Key, zh)}: {kind.Count()}";
        }
        foreach (var (log, checkpoint, cosignatures) in Checkpoints)
        {
            yield return zh ? $"  检查点：日志 {log.Origin}，共 {checkpoint.Size} 条" : $"  checkpoint: log {log.Origin}, {checkpoint.Size} records";
            foreach (var line in Cosignature.Told(cosignatures, zh))
            {
                yield return line;
            }
        }
        if (GoesOn)
        {
            yield return zh ? "  还有后续记录，见下一份报告" : "  more records follow in the next report";
        }
        yield return zh
            ? "  注意：每条记录均已证明；是否有遗漏，本报告不能证明"
            : "  note: each record is proven; that none was left out is not";
    }

    /// <summary>The payload, once one of the trusted logs' ECDSA keys is found to have signed it.</summary>
    private static byte[] Signed(byte[] file, Trust trust, out uint keyId)
    {
        using var jws = JsonDocument.Parse(file, Strictly);
        var members = jws.RootElement.EnumerateObject().ToDictionary(member => member.Name, member => member.Value.GetString() ?? "", StringComparer.Ordinal);
        if (members.Count != 3 || Strict.Base64Url(members["payload"]) is not { } payload || Strict.Base64Url(members["protected"]) is not { } header || Strict.Base64Url(members["signature"]) is not { } signature)
        {
            throw NoReport();
        }
        using var said = JsonDocument.Parse(header, Strictly);
        var claims = said.RootElement.EnumerateObject().ToDictionary(claim => claim.Name, claim => claim.Value.GetString(), StringComparer.Ordinal);
        // Whatever else the header said would have to be understood; there is nothing else in one of ours.
        if (claims.Count != 3 || claims["alg"] != "ES256" || claims["typ"] != "exchange-audit-export+json" || claims["kid"] is not { Length: 8 } kid
            || !uint.TryParse(kid, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var id) || id.ToString("x8", CultureInfo.InvariantCulture) != kid)
        {
            throw NoReport();
        }
        keyId = id;
        var keys = trust.Logs.SelectMany(log => log.Keys).Where(key => key.IsEcdsa && key.Id == id).ToList();
        if (keys.Count == 0)
        {
            throw new Refusal($"报告由信任文件不认识的密钥（{kid}）签名。", $"The report is signed by a key ({kid}) that the trust file does not know.");
        }
        var input = Encoding.ASCII.GetBytes($"{members["protected"]}.{members["payload"]}");
        return keys.Exists(key => key.VerifiesJws(input, signature))
            ? payload
            : throw new Refusal("报告的签名不成立：报告被改动过，或不是该日志所签。", "The report's signature is wrong: the report was altered, or this log did not sign it.");
    }

    private static Report Read(JsonElement payload, Trust trust, uint keyId)
    {
        if (payload.GetProperty("format").GetString() != "exchange-audit-export/v1")
        {
            throw NoReport();
        }
        var origin = payload.GetProperty("origin").GetString() ?? "";
        if (!trust.Logs.Any(log => log.Origin == origin && log.Keys.Any(key => key.IsEcdsa && key.Id == keyId)))
        {
            throw new Refusal($"签名的密钥不是日志 {Words.Plain(origin)} 的。", $"The signing key is not one of the log {Words.Plain(origin)}.");
        }
        Dictionary<int, Accepted> checkpoints = [];
        foreach (var checkpoint in payload.GetProperty("checkpoints").EnumerateArray())
        {
            var accepted = trust.Accept(checkpoint.GetProperty("note").GetString() ?? "");
            var year = checkpoint.GetProperty("year").GetInt32();
            if (accepted.Log.Year != year || !checkpoints.TryAdd(year, accepted))
            {
                throw new Refusal($"报告中 {year} 年的检查点不是该年日志的，或重复。", $"The report's checkpoint of {year} is of another log, or there are two.");
            }
        }
        List<Leaf> records = [];
        HashSet<(int, ulong)> seen = [];
        foreach (var (place, record) in payload.GetProperty("records").EnumerateArray().Index())
        {
            var (year, index) = (record.GetProperty("year").GetInt32(), record.GetProperty("index").GetUInt64());
            try
            {
                if (!seen.Add((year, index)))
                {
                    throw new Refusal("它重复了前面的一条。", "It repeats an earlier one.");
                }
                records.Add(Proven(record, index, checkpoints.GetValueOrDefault(year)));
            }
            catch (Refusal refusal)
            {
                throw new Refusal($"报告的第 {place + 1} 条（{year} 年日志第 {index} 号）：{refusal.Reason.Zh}", $"Record {place + 1} of the report (index {index} of the log of {year}): {refusal.Reason.En}");
            }
        }
        return new Report(Words.Plain(origin), Words.Plain(payload.GetProperty("made_at").GetString() ?? ""), Both(payload.GetProperty("query").GetProperty("words")), Both(payload.GetProperty("scope")),
            records, [.. checkpoints.OrderBy(checkpoint => checkpoint.Key).Select(checkpoint => checkpoint.Value)], payload.TryGetProperty("next", out _));
    }

    private static Leaf Proven(JsonElement record, ulong index, Accepted? accepted)
    {
        if (accepted is not var (log, checkpoint, _))
        {
            throw new Refusal("报告没有它所属日志的检查点。", "The report has no checkpoint of its log.");
        }
        if (index >= checkpoint.Size)
        {
            throw new Refusal($"序号 {index} 不在大小为 {checkpoint.Size} 的检查点之内。", $"Index {index} lies outside a checkpoint of size {checkpoint.Size}.");
        }
        if (Strict.Base64(record.GetProperty("leaf").GetString() ?? "") is not { Length: > 0 and <= LargestLeaf } leaf)
        {
            throw new Refusal("没有可读的记录。", "It carries no readable record.");
        }
        List<byte[]> path = [.. record.GetProperty("path").EnumerateArray().Take(LongestPath + 1).Select(hash => Strict.Base64(hash.GetString() ?? "") ?? [])];
        if (path.Count > LongestPath || !Hashing.Includes(index, checkpoint.Size, Hashing.Leaf(leaf), path, checkpoint.Root))
        {
            throw new Refusal("记录的哈希与检查点的树根对不上：记录、序号或路径被改动过。", "The record does not lead to the checkpoint's root: the record, its index or the path was altered.");
        }
        var read = Leaf.Parse(leaf);
        log.CheckDay(read);
        return read;
    }

    private static string[] Both(JsonElement text) => [Words.Plain(text.GetProperty("zh").GetString() ?? ""), Words.Plain(text.GetProperty("en").GetString() ?? "")];

    private static string Time(DateTimeOffset at) => at.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private static Refusal NoReport() => new("这不是导出的签名报告，或格式被改动过。", "This is not an exported, signed report, or its form was altered.");
}
