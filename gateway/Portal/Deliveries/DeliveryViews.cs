using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Deliveries;

/// <summary>What one delivery sent, as the owning city keeps it.</summary>
public sealed record Receipt
{
    public required Guid DeliveryId { get; init; }

    /// <summary>csv, json, ndjson, file, service, preview, or changes of a standing exchange.</summary>
    public required string Form { get; init; }

    public IReadOnlyList<string>? Fields { get; init; }
    public IReadOnlyDictionary<string, string>? Treatments { get; init; }
    public SentFile? File { get; init; }
    public string? PurposeCode { get; init; }
    public required DateTimeOffset OpenedAt { get; init; }
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>complete, aborted or failed; null while it runs.</summary>
    public string? Outcome { get; init; }

    public long? Rows { get; init; }
    public long? Bytes { get; init; }

    /// <summary>Lower-case hex over the uncompressed body.</summary>
    public string? Sha256 { get; init; }

    public ReceivedWord? Acknowledgement { get; init; }
}

/// <summary>Which file was sent.</summary>
public sealed record SentFile(string Name, int Version, string Sha256, string? Range);

/// <summary>What the receiver says it got: equal or different.</summary>
public sealed record ReceivedWord(string Result, string Sha256, long Bytes, long? Rows, DateTimeOffset At);

/// <summary>A file that can be fetched under a grant.</summary>
public sealed record OfferedFile
{
    public required string Name { get; init; }
    public required int Version { get; init; }

    /// <summary>False for versions that another one has replaced.</summary>
    public required bool Newest { get; init; }

    public required string MediaType { get; init; }
    public required long Bytes { get; init; }
    public required string Sha256 { get; init; }
    public required DateTimeOffset StoredAt { get; init; }

    /// <summary>Null where there is none for the format.</summary>
    public string? Preview { get; init; }
}

/// <summary>Newest version first within each name.</summary>
public sealed record OfferedFiles
{
    public IReadOnlyList<OfferedFile> Items { get; init; } = [];
}

/// <summary>The first rows of what is granted.</summary>
public sealed record PreviewView
{
    public required PreviewRead Read { get; init; }
    public required IReadOnlyList<PreviewColumn> Columns { get; init; }
    public required IReadOnlyList<IReadOnlyList<string?>> Rows { get; init; }

    /// <summary>There are more rows than these.</summary>
    public required bool More { get; init; }
}

/// <summary>What was read, and over how many rows the figures are.</summary>
public sealed record PreviewRead(string Form, long Rows, bool Whole, string? Sheet);

/// <summary>A column with its figures.</summary>
public sealed record PreviewColumn(string Name, string? Title, string? Type, string? Treatment, PreviewFigures Figures);

/// <summary>What the values of a column are like.</summary>
public sealed record PreviewFigures
{
    public required long Values { get; init; }
    public required long Empty { get; init; }
    public required int Distinct { get; init; }
    public required bool DistinctExact { get; init; }
    public string? Least { get; init; }
    public string? Greatest { get; init; }
}

/// <summary>An exchange in the log.</summary>
public sealed record ExchangeRecord(IReadOnlyList<RecordedEvent> Events, string? Next);

/// <summary>One leaf of the log.</summary>
public sealed record RecordedEvent
{
    public required int Year { get; init; }
    public required long Index { get; init; }
    public required Guid EventId { get; init; }
    public required string Type { get; init; }
    public required DateTimeOffset At { get; init; }
    public required string Source { get; init; }
    public string? Result { get; init; }
    public Guid? DeliveryId { get; init; }

    /// <summary>What happened, in the reader's language.</summary>
    public string? Says { get; init; }

    public required bool Signed { get; init; }
    public bool? Witnessed { get; init; }
}

/// <summary>Rows that are pulled regularly into the city's own tables.</summary>
public sealed record StandingView
{
    /// <summary>active, paused, ended or disposed.</summary>
    public required string State { get; init; }

    public int? EveryMinutes { get; init; }

    /// <summary>Time of day in Beijing.</summary>
    public string? DailyAt { get; init; }

    public required string SetBy { get; init; }
    public required DateTimeOffset SetAt { get; init; }
    public DateTimeOffset? NextRunAt { get; init; }
    public Exchange.Contracts.StandingPull? LastPull { get; init; }
    public DateTimeOffset? UpToDateAt { get; init; }
    public DateTimeOffset? BehindSince { get; init; }
    public int Faults { get; init; }
    public StandingWhy? Reason { get; init; }
    public StandingTable? Table { get; init; }
    public IReadOnlyList<ApiLink> Links { get; init; } = [];
}

/// <summary>Why it does not go on.</summary>
public sealed record StandingWhy(string Code, Text Text, string? Said);

/// <summary>Where the copy is.</summary>
public sealed record StandingTable(string Name);
