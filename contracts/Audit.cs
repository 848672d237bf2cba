namespace Exchange.Contracts;

/// <summary>Up to 50 audit records of one source, in the order of their source sequence.</summary>
public sealed record AuditRecords
{
    /// <summary>The city, <c>gateway</c> or <c>audit</c>.</summary>
    public required string Source { get; init; }

    public required IReadOnlyList<RecordedEvent> Records { get; init; }
}

/// <summary>One audit record as its source made it.</summary>
public sealed record RecordedEvent
{
    /// <summary>UUIDv7; one id, one leaf.</summary>
    public required Guid EventId { get; init; }

    /// <summary>Canonical JSON (RFC 8785) made by the source; stored and hashed as it is.</summary>
    public required byte[] Bytes { get; init; }

    /// <summary>W3C trace context of the act that is recorded, so that one trace reaches the log.</summary>
    public string? TraceParent { get; init; }
}

/// <summary>How far the log has taken up a source's records, told to that source. A state: only the newest counts.</summary>
public sealed record RecordsLogged
{
    public required string Source { get; init; }

    /// <summary>This record and every one before it are in the log.</summary>
    public required long UpToSeq { get; init; }

    /// <summary>SHA-256 of that record's bytes: a source that was restored from an older copy sees that the number was not given by what it is now.</summary>
    public required byte[] Digest { get; init; }

    /// <summary>When the agreed number of witnesses last vouched for the log's newest tree, by the log's database; absent where no witnesses were agreed on.</summary>
    public DateTimeOffset? WitnessedAt { get; init; }

    public required DateTimeOffset At { get; init; }
}
