using System.Buffers.Text;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Exchange.Gateway.Federation;
using Exchange.Hosting;
using Exchange.Hosting.Transparency;

namespace Exchange.Gateway.Portal.Audit;

/// <summary>
/// Finds out whether records are in the log, and believes nobody for it: the audit service gives leaves, paths and checkpoints (its signed report, so that a page is one look and not
/// one per line), and here each leaf is hashed up its path to a root that the log's own keys and the agreed number of witnesses have signed. The keys are those of the agreement in the gateway's key folder.
/// </summary>
internal sealed class VerifyRecords(ApiClient api, AgreementFile agreement)
{
    private const int MostReports = 5;

    private static readonly JsonSerializerOptions Reading = new(Json.Options) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip };

    private static readonly Text NoAgreement = new("网关上没有各市约定的日志信任文件（trust.json），无法核验。", "The gateway has no agreement on the log (trust.json) to verify with.");
    private static readonly Text NoReport = new("审计服务未能给出证明，请稍后重试。", "The audit service gave no proof; try again later.");
    private static readonly Text Waiting = new("尚未被经约定数目的见证方见证的检查点覆盖，通常几秒钟后即可核验。", "No checkpoint that the agreed number of witnesses has signed covers it yet; that mostly takes seconds.");
    private static readonly Text NoProof = new("日志没有给出这条记录的证明。", "The log gave no proof of this record.");
    private static readonly Text Unreadable = new("证明不可读。", "The proof cannot be read.");
    private static readonly Text AnotherLog = new("检查点不属于各市约定的日志。", "The checkpoint is of no log that the cities agreed on.");
    private static readonly Text NotSigned = new("检查点没有日志密钥的有效签名。", "The checkpoint is not signed by the log's keys.");
    private static readonly Text NotWitnessed = new("检查点上有效的见证签名少于约定数目。", "Fewer witnesses than agreed have signed the checkpoint.");
    private static readonly Text NotIncluded = new("日志给出的原文与检查点不符：记录可能已被改动。", "What the log gives does not lead to the checkpoint's root: the record may have been altered.");
    private static readonly Text Differs = new("所列内容与日志中经核验的原文不一致。", "What is listed differs from the verified original in the log.");

    /// <summary>What was found of each of the lines.</summary>
    public async Task<IReadOnlyDictionary<Guid, Finding>> OfExchangeAsync(Guid exchange, IReadOnlyList<LogLine> lines, CancellationToken cancel)
    {
        if (Agreed() is not { } trusted)
        {
            return lines.ToDictionary(line => line.EventId, _ => new Finding(Mark.Unknown, NoAgreement));
        }

        Dictionary<Guid, Finding> found = [];
        string? cursor = null;
        for (var reports = 0; reports < MostReports && lines.Any(line => !found.ContainsKey(line.EventId)); reports++)
        {
            var answer = await api.GetAsync<Envelope>($"/api/audit/export?format=json&order=oldest&exchange={exchange}{(cursor is null ? "" : $"&cursor={Uri.EscapeDataString(cursor)}")}", cancel);
            if (!answer.Succeeded)
            {
                break;
            }

            if (Read(answer.Value!) is not { } report)
            {
                return lines.ToDictionary(line => line.EventId, _ => new Finding(Mark.Bad, Unreadable));
            }

            var checkpoints = report.Checkpoints.ToDictionary(checkpoint => checkpoint.Year, checkpoint => Judge(checkpoint, trusted));
            foreach (var record in report.Records)
            {
                if (lines.FirstOrDefault(line => line.Year == record.Year && line.Index == record.Index) is { } line)
                {
                    found[line.EventId] = Judge(line, record, checkpoints.GetValueOrDefault(record.Year) ?? new(null, AnotherLog, [], default), exchange);
                }
            }

            if ((cursor = report.Next) is null)
            {
                break;
            }
        }

        foreach (var line in lines.Where(line => !found.ContainsKey(line.EventId)))
        {
            found[line.EventId] = line.Witnessed == false || !line.Signed ? new(Mark.Waiting, Waiting) : found.Count == 0 ? new(Mark.Unknown, NoReport) : new(Mark.Bad, NoProof);
        }

        return found;
    }

    private Agreement? Agreed()
    {
        try
        {
            return agreement.Current is { Witnesses.Count: > 0 } known ? known : null;
        }
        catch (Exception fault) when (fault is InvalidDataException or IOException)
        {
            return null;
        }
    }

    private static Report? Read(Envelope envelope)
    {
        try
        {
            return JsonSerializer.Deserialize<Report>(Base64Url.DecodeFromChars(envelope.Payload), Reading);
        }
        catch (Exception fault) when (fault is FormatException or JsonException)
        {
            return null;
        }
    }

    private static Judged Judge(ReportCheckpoint given, Agreement trusted)
    {
        if (Note.Parse(given.Note) is not { } note || Checkpoint.Parse(note.Text) is not { } checkpoint)
        {
            return new(null, Unreadable, [], default);
        }

        if (!trusted.Logs.TryGetValue(checkpoint.Origin, out var keys) || keys.Count == 0 || !checkpoint.Origin.EndsWith(string.Create(CultureInfo.InvariantCulture, $"/{given.Year}"), StringComparison.Ordinal))
        {
            return new(null, AnotherLog, [], default);
        }

        if (!Checkpoint.IsSigned(note, keys))
        {
            return new(null, NotSigned, [], default);
        }

        var witnesses = trusted.Witnesses.Select(witness => (witness.Name, Line: note.Signatures.FirstOrDefault(line => witness.Made(line) && witness.Verifies(note.Text, line)))).Where(witness => witness.Line is not null).ToList();
        return witnesses.Count < Math.Max(1, trusted.Quorum)
            ? new(null, NotWitnessed, [], default)
            : new(checkpoint, null, [.. witnesses.Select(witness => witness.Name)], DateTimeOffset.FromUnixTimeSeconds((long)Math.Min(witnesses.Min(witness => Cosignature.TimeOf(witness.Line!)), 253402300799)));
    }

    private static Finding Judge(LogLine line, ReportRecord record, Judged judged, Guid exchange)
    {
        if (judged.Checkpoint is not { } checkpoint)
        {
            return new(Mark.Bad, judged.Fault!);
        }

        if (record.Path.Any(hash => hash.Length != Merkle.HashSize) || Merkle.RootOf(Merkle.LeafHash(record.Leaf), record.Index, checkpoint.Size, record.Path) is not { } root || !root.AsSpan().SequenceEqual(checkpoint.Root))
        {
            return new(Mark.Bad, NotIncluded);
        }

        try
        {
            var leaf = JsonSerializer.Deserialize<Leaf>(record.Leaf, Reading)!;
            var told = leaf.Event;
            // The list comes from an index beside the log: what it says counts only where the leaf says the same.
            return told.Id == line.EventId && told.Type == line.Type && told.Source == line.Source && told.Seq == line.Seq && told.At == line.At && told.Result == line.Result && told.Bytes == line.Bytes
                && told.ExchangeId == exchange && leaf.ReceivedAt == line.ReceivedAt
                ? new(Mark.Good, null) { Witnesses = judged.Witnesses, SeenAt = judged.SeenAt, Size = checkpoint.Size, Told = told }
                : new(Mark.Bad, Differs) { Told = told };
        }
        catch (JsonException)
        {
            return new(Mark.Bad, Unreadable);
        }
    }

    private sealed record Judged(Checkpoint? Checkpoint, Text? Fault, IReadOnlyList<string> Witnesses, DateTimeOffset SeenAt);

    private sealed record Envelope(string Payload);

    private sealed record Report
    {
        public required IReadOnlyList<ReportCheckpoint> Checkpoints { get; init; }
        public required IReadOnlyList<ReportRecord> Records { get; init; }
        public string? Next { get; init; }
    }

    private sealed record ReportCheckpoint(int Year, string Note);

    private sealed record ReportRecord(int Year, long Index, byte[] Leaf, IReadOnlyList<byte[]> Path);

    private sealed record Leaf
    {
        public required LoggedEvent Event { get; init; }
        public required DateTimeOffset ReceivedAt { get; init; }
    }
}

/// <summary>How a line stands after the check.</summary>
public enum Mark
{
    /// <summary>The gateway followed it to a checkpoint that enough witnesses have signed.</summary>
    Good,

    /// <summary>Too young to be proven.</summary>
    Waiting,

    /// <summary>There is a proof, or should be one, and it does not hold.</summary>
    Bad,

    /// <summary>It could not be looked into.</summary>
    Unknown,
}

/// <param name="Mark">How it stands.</param>
/// <param name="Why">Why it is not verified; null when it is.</param>
public sealed record Finding(Mark Mark, Text? Why)
{
    /// <summary>Who has signed the checkpoint beside the log.</summary>
    public IReadOnlyList<string> Witnesses { get; init; } = [];

    /// <summary>When the first of them saw it: the record cannot be younger.</summary>
    public DateTimeOffset SeenAt { get; init; }

    /// <summary>Records under that checkpoint.</summary>
    public long Size { get; init; }

    /// <summary>The record as the leaf has it.</summary>
    public LoggedEvent? Told { get; init; }
}

/// <summary>What its source wrote, as far as pages show it.</summary>
public sealed record LoggedEvent
{
    public required Guid Id { get; init; }
    public required string Type { get; init; }
    public required string Source { get; init; }
    public long? Seq { get; init; }
    public required DateTimeOffset At { get; init; }
    public Guid? ExchangeId { get; init; }
    public string? Purpose { get; init; }
    public string? Approval { get; init; }
    public string? Result { get; init; }
    public long? Records { get; init; }
    public long? Bytes { get; init; }
    public IReadOnlyDictionary<string, string>? Details { get; init; }
}

/// <summary>A line of the log's index, as the API lists it.</summary>
public sealed record LogLine
{
    public required int Year { get; init; }
    public required long Index { get; init; }
    public required Guid EventId { get; init; }
    public Guid? ExchangeId { get; init; }
    public required string Type { get; init; }
    public required DateTimeOffset At { get; init; }
    public required DateTimeOffset ReceivedAt { get; init; }
    public required string Source { get; init; }
    public long? Seq { get; init; }
    public string? Requesting { get; init; }
    public string? Providing { get; init; }
    public string? Service { get; init; }
    public string? Purpose { get; init; }
    public string? Result { get; init; }
    public long? Records { get; init; }
    public long? Bytes { get; init; }
    public string? Says { get; init; }
    public required bool Signed { get; init; }
    public bool? Witnessed { get; init; }
}
