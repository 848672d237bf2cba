using System.Text.Json;
using Exchange.Audit.Recording;

namespace Exchange.Audit.Reconciliation;

/// <summary>A record in the log, as far as completeness asks: right after it was appended, or read back from the search rows.</summary>
internal sealed record Seen
{
    public required int Year { get; init; }
    public required long Idx { get; init; }
    public required DateTimeOffset ReceivedAt { get; init; }
    public required Guid EventId { get; init; }
    public required string Type { get; init; }
    public required string Source { get; init; }
    public required DateTimeOffset At { get; init; }
    public required byte[] Digest { get; init; }
    public long? Seq { get; init; }
    public byte[]? Prev { get; init; }
    public Guid? ExchangeId { get; init; }
    public string? Requesting { get; init; }
    public string? Providing { get; init; }
    public string? Service { get; init; }
    public long? ServiceVersion { get; init; }
    public string? Approval { get; init; }
    public string? Result { get; init; }
    public long? Bytes { get; init; }
    public Guid? DeliveryId { get; init; }
    public string? Sha256 { get; init; }

    /// <summary>As read back; null when there are none.</summary>
    public string? DetailsJson { get; init; }

    public IReadOnlyDictionary<string, string> Details
    {
        get => field ??= DetailsJson is { } json ? JsonSerializer.Deserialize<Dictionary<string, string>>(json)! : new Dictionary<string, string>(StringComparer.Ordinal);
        private init;
    }

    public static Seen Of(SourceRecord record, int year, long index, DateTimeOffset receivedAt) => new()
    {
        Year = year,
        Idx = index,
        ReceivedAt = receivedAt,
        EventId = record.EventId,
        Type = record.Type,
        Source = record.Source,
        At = record.At,
        Digest = record.Digest,
        Seq = record.Seq,
        Prev = record.Prev,
        ExchangeId = record.ExchangeId,
        Requesting = record.Requesting,
        Providing = record.Providing,
        Service = record.Service,
        ServiceVersion = record.ServiceVersion,
        Approval = record.Approval,
        Result = record.Result,
        Bytes = record.Bytes,
        DeliveryId = record.DeliveryId,
        Sha256 = record.Sha256,
        Details = record.Details,
    };
}
