using System.ComponentModel.DataAnnotations;

namespace Exchange.Gateway.Federation;

/// <summary>How the catalogue's changes are streamed (section <c>Feed</c>).</summary>
internal sealed record FeedSettings
{
    /// <summary>A stream that has nothing to tell says at least this often that it lives.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan HeartbeatEvery { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>What a client is told to wait before it connects again.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan RetryAfter { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a reader may take to accept what is written to it; one that takes longer is cut off and comes back with its last id.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:05:00")]
    public TimeSpan SlowAfter { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Streams of one process.</summary>
    [Range(1, 100_000)]
    public int MostStreams { get; init; } = 1000;

    /// <summary>Streams of one account at one process.</summary>
    [Range(1, 100_000)]
    public int MostPerCaller { get; init; } = 10;
}
