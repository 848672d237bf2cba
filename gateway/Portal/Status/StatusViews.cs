using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Status;

/// <summary>What operators see.</summary>
public sealed record StatusModel
{
    public required IReadOnlyList<CityState> Cities { get; init; }
    public required IReadOnlyList<ServiceLine> Services { get; init; }
    public required IReadOnlyList<LogLine> Logs { get; init; }

    /// <summary>Foreign catalogues; null for operators of a city, who do not keep them.</summary>
    public IReadOnlyList<SourceLine>? Sources { get; init; }

    /// <summary>By source: removals that wait for a word.</summary>
    public required IReadOnlyDictionary<string, HeldBack> Held { get; init; }

    /// <summary>Keys that sign tokens; null for operators of a city.</summary>
    public IReadOnlyList<KeyAge>? Keys { get; init; }

    /// <summary>Addresses of the API that tell when the page is to be loaded again.</summary>
    public required IReadOnlyList<string> Followed { get; init; }

    /// <summary>Why what was tried was not done.</summary>
    public Problem? Problem { get; init; }

    public string Done { get; init; } = "";
}

/// <summary>How far a city's catalogue is applied here.</summary>
/// <param name="City">Its id.</param>
/// <param name="Name">What it is called.</param>
/// <param name="Harvested">A foreign catalogue.</param>
/// <param name="State">live, lagging, silent or rebuilding.</param>
/// <param name="AsOf">What is shown is true as of then.</param>
/// <param name="LagSeconds">How long ago that is.</param>
/// <param name="Change">Number of the newest change applied.</param>
/// <param name="Behind">Changes that the city has told of and that are not here yet.</param>
public sealed record CityState(string City, string Name, bool Harvested, string State, DateTimeOffset? AsOf, int? LagSeconds, long? Change, long? Behind);

/// <summary>A service.</summary>
public sealed record ServiceLine
{
    public required string Id { get; init; }
    public required string Name { get; init; }

    /// <summary>The reader keeps it.</summary>
    public required bool Own { get; init; }

    /// <summary>Null when it does not answer.</summary>
    public HealthAnswer? Health { get; init; }

    /// <summary>Null for services that the reader does not keep, and when it was refused.</summary>
    public StateAnswer? State { get; init; }

    public required IReadOnlyList<QuarantineLine> Quarantine { get; init; }
    public Problem? Problem { get; init; }
}

/// <summary>What <c>/health/ready</c> answers.</summary>
public sealed record HealthAnswer(string Status, IReadOnlyDictionary<string, HealthPart> Parts);

public sealed record HealthPart(string Status, string? Note);

/// <summary>What <c>/operations/state</c> answers.</summary>
public sealed record StateAnswer(OutboxLine Outbox, RelayLine Relay, IReadOnlyList<QueueLine>? Queues);

public sealed record OutboxLine(long Waiting, double OldestSeconds, long Quarantined);

public sealed record RelayLine(bool Leading, bool BrokerConnected, string? Blocked);

/// <summary>A queue; set aside when its name says error, skipped or dead.</summary>
public sealed record QueueLine(string Queue, long Messages)
{
    public bool SetAside => Queue.EndsWith("_error", StringComparison.Ordinal) || Queue.EndsWith("_skipped", StringComparison.Ordinal) || Queue.EndsWith(".dead", StringComparison.Ordinal);
}

/// <summary>A message whose content could not be sent.</summary>
public sealed record QuarantineLine
{
    public required Guid Id { get; init; }
    public required string Type { get; init; }
    public required string RoutingKey { get; init; }
    public required DateTimeOffset QuarantinedAt { get; init; }
    public required string Reason { get; init; }
}

/// <summary>What <c>/api/audit/logs</c> answers.</summary>
public sealed record LogAnswer
{
    public IReadOnlyList<LogLine> Items { get; init; } = [];
}

/// <summary>The log of a year.</summary>
public sealed record LogLine
{
    public required int Year { get; init; }
    public required string Origin { get; init; }
    public long? Size { get; init; }
    public DateTimeOffset? SignedAt { get; init; }
    public required bool Closed { get; init; }
    public long? WitnessedSize { get; init; }
    public long? FinalSize { get; init; }
    public IReadOnlyList<WitnessLine> Witnesses { get; init; } = [];
}

public sealed record WitnessLine(string Name, long? Size, DateTimeOffset? At);

/// <summary>A foreign catalogue.</summary>
public sealed record SourceLine
{
    public required string Source { get; init; }
    public string? Name { get; init; }
    public string? NameEn { get; init; }
    public string? Address { get; init; }
    public required bool Configured { get; init; }
    public required string State { get; init; }
    public DateTimeOffset? AsOf { get; init; }
    public DateTimeOffset? NextRunAt { get; init; }
    public required int Failures { get; init; }
    public required int Shown { get; init; }
    public RunLine? LastRun { get; init; }
}

public sealed record RunLine
{
    public required Guid RunId { get; init; }
    public required DateTimeOffset EndedAt { get; init; }
    public required string Outcome { get; init; }
    public string? Reason { get; init; }
    public required int HeldBack { get; init; }
    public required int FaultCount { get; init; }
}

/// <summary>A source's entries whose removal waits.</summary>
public sealed record HeldBack
{
    public required string Source { get; init; }

    [System.Text.Json.Serialization.JsonPropertyName("held_back")]
    public required IReadOnlyList<HeldEntry> Entries { get; init; }
}

public sealed record HeldEntry(Guid DatasetId, string? Identifier, string? Name);

/// <summary>A key that signs tokens.</summary>
/// <param name="Id">Its id in the JWKS.</param>
/// <param name="Since">From when on it signs.</param>
/// <param name="Until">When it gets its successor.</param>
public sealed record KeyAge(string Id, DateTimeOffset Since, DateTimeOffset Until);
