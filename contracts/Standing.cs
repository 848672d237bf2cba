namespace Exchange.Contracts;

/// <summary>How a regular exchange goes in the city that receives: told after each change and each pull, so that both sides see progress, lag and faults. A state: the highest version counts.</summary>
public sealed record StandingExchangeProgressed
{
    public required Guid ExchangeId { get; init; }

    public required string AskingCity { get; init; }

    public required string OwningCity { get; init; }

    /// <summary>The asking city counts.</summary>
    public required long Version { get; init; }

    /// <summary><c>active</c>, <c>paused</c>, <c>ended</c> or <c>disposed</c>.</summary>
    public required string State { get; init; }

    /// <summary>Minutes from one pull to the next; null when it runs once a day.</summary>
    public int? EveryMinutes { get; init; }

    /// <summary>Time of day in Beijing, <c>02:30</c>; null when it runs every so many minutes.</summary>
    public string? DailyAt { get; init; }

    public DateTimeOffset? NextRunAt { get; init; }

    /// <summary>The copy is as the provider's rows were then; null before the first pull.</summary>
    public DateTimeOffset? UpToDateAt { get; init; }

    public StandingPull? LastPull { get; init; }

    /// <summary>Failed attempts in a row.</summary>
    public int Faults { get; init; }

    public DateTimeOffset? FaultySince { get; init; }

    /// <summary>Why it does not go on, as a word; null while it does.</summary>
    public string? Reason { get; init; }

    public required DateTimeOffset At { get; init; }
}

/// <summary>One pull that was carried out.</summary>
public sealed record StandingPull
{
    /// <summary>The delivery that it was, in the owning city's records.</summary>
    public required Guid DeliveryId { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public required DateTimeOffset EndedAt { get; init; }

    /// <summary>Everything was sent and took the place of what was there.</summary>
    public required bool Whole { get; init; }

    public required long Upserted { get; init; }

    public required long Deleted { get; init; }

    /// <summary>Of the body.</summary>
    public required long Bytes { get; init; }
}
