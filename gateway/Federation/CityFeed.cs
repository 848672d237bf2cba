namespace Exchange.Gateway.Federation;

internal enum CityState
{
    /// <summary>What is shown is what the city had seconds ago.</summary>
    Live,

    /// <summary>The city answers, but its newest changes are not all here yet; or it has been quiet for a moment.</summary>
    Lagging,

    /// <summary>The city has not been heard for a while; what is shown is its last known state.</summary>
    Silent,

    /// <summary>The city's part is being pulled anew; what is shown meanwhile is the old state.</summary>
    Rebuilding,
}

/// <summary>How far a city's feed is applied here (table <c>city_feeds</c>).</summary>
internal sealed record CityFeed
{
    public required string City { get; init; }
    public required Guid Epoch { get; init; }
    public required long Change { get; init; }
    public DateTimeOffset? AsOf { get; init; }
    public DateTimeOffset? DigestAt { get; init; }
    public required long DigestChange { get; init; }
    public required bool Rebuilding { get; init; }
    public required bool RebuildWanted { get; init; }

    /// <summary>What the city says of its datasets besides the entries is true as of then; null while it has said nothing.</summary>
    public DateTimeOffset? FiguresAsOf { get; init; }

    public int? LagSeconds(DateTimeOffset now) => AsOf is { } asOf ? (int)Math.Max(0, (now - asOf).TotalSeconds) : null;

    public CityState State(DateTimeOffset now, TimeSpan liveWithin, TimeSpan silentAfter)
    {
        if (Rebuilding)
        {
            return CityState.Rebuilding;
        }

        var lag = now - AsOf;
        var ahead = DigestChange > Change && now - DigestAt <= liveWithin;
        return lag <= liveWithin && !ahead ? CityState.Live
            : lag <= silentAfter || ahead ? CityState.Lagging
            : CityState.Silent;
    }
}

/// <summary>One line of the answer's <c>cities</c>.</summary>
/// <param name="City">A city, or a foreign catalogue that is harvested.</param>
/// <param name="AsOf">What is shown of it is true as of then.</param>
/// <param name="LagSeconds">How long ago that is.</param>
/// <param name="State">By the city's digests, or by the schedule of the foreign catalogue.</param>
/// <param name="Harvested">True for a foreign catalogue, absent for a city.</param>
internal sealed record CityFreshness(string City, DateTimeOffset? AsOf, int? LagSeconds, CityState State, bool? Harvested = null);
