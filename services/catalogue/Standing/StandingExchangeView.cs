using System.Text.Json;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Catalogue.Standing;

/// <summary>A standing exchange as its department reads it.</summary>
internal sealed record StandingExchangeView
{
    /// <summary>The id of the exchange.</summary>
    public required Guid Id { get; init; }

    /// <summary>active, paused, ended or disposed.</summary>
    public required string State { get; init; }

    /// <summary>Minutes from one pull to the next.</summary>
    public int? EveryMinutes { get; init; }

    /// <summary>Time of day in Beijing.</summary>
    public string? DailyAt { get; init; }

    /// <summary>The agreed purpose for which it was set up: each pull states it. Once another one is agreed it is refused until somebody sets it anew (PUT).</summary>
    public required string Purpose { get; init; }

    /// <summary>Name of the officer.</summary>
    public required string SetBy { get; init; }

    public required DateTimeOffset SetAt { get; init; }

    public DateTimeOffset? NextRunAt { get; init; }

    /// <summary>The pull that runs now, as of a moment ago.</summary>
    public RunningPull? Running { get; init; }

    public StandingPull? LastPull { get; init; }

    /// <summary>The copy is as the provider's rows were then.</summary>
    public DateTimeOffset? UpToDateAt { get; init; }

    /// <summary>Since when it may lag behind the provider; null while it does not.</summary>
    public DateTimeOffset? BehindSince { get; init; }

    /// <summary>Failed attempts in a row.</summary>
    public int Faults { get; init; }

    public DateTimeOffset? FaultySince { get; init; }

    /// <summary>Why it does not go on.</summary>
    public StandingReason? Reason { get; init; }

    /// <summary>Where the copy is; absent before the first pull and once it was disposed of.</summary>
    public PulledTable? Table { get; init; }

    public required IReadOnlyList<Link> Links { get; init; }

    public static StandingExchangeView Of(StandingExchange standing, PulledPosition? position, City city, ServiceSettings service, DateTimeOffset now) => new()
    {
        Id = standing.ExchangeId,
        State = standing.State,
        EveryMinutes = standing.EveryMinutes,
        DailyAt = standing.DailyAt,
        Purpose = standing.Purpose,
        SetBy = standing.SetByName,
        SetAt = standing.SetAt,
        NextRunAt = standing.NextRunAt,
        Running = standing.Running is null ? null : JsonSerializer.Deserialize<RunningPull>(standing.Running, Json.Options),
        LastPull = standing.Pull,
        UpToDateAt = standing.UpToDateAt,
        BehindSince = standing.BehindSince(now),
        Faults = standing.Faults,
        FaultySince = standing.FaultySince,
        Reason = standing.Reason is null ? null : new StandingReason(standing.Reason, StandingWords.Of(standing.Reason)!, standing.Said),
        Table = position?.Cursor is null ? null : new PulledTable($"data.{PulledTables.NameOf(standing.ExchangeId)}", position.Key, position.Columns),
        Links = [.. LinksOf(standing, $"{service.PublicAddress}/api/cities/{city.Id}/requests/{standing.ExchangeId}")],
    };

    private static IEnumerable<Link> LinksOf(StandingExchange standing, string request)
    {
        yield return new Link("self", "GET", $"{request}/standing", null);
        yield return new Link("request", "GET", request, null);
        string[] acts = standing.State switch { "active" => ["pause", "run", "end"], "paused" => ["resume", "end"], _ => [] };
        foreach (var act in acts)
        {
            yield return new Link(act, "POST", $"{request}/standing/{act}", Roles.Officer);
        }

        if (acts.Length > 0)
        {
            yield return new Link("change", "PUT", $"{request}/standing", Roles.Officer);
        }
    }
}

/// <summary>How far a running pull is.</summary>
internal sealed record RunningPull(DateTimeOffset StartedAt, bool Whole, long Rows, long Bytes);

/// <param name="Code">A word that stays the same.</param>
/// <param name="Text">What it means.</param>
/// <param name="Said">What the other side said to it.</param>
internal sealed record StandingReason(string Code, Text Text, string? Said);

/// <param name="Name">The copy's table.</param>
/// <param name="Key">What tells its rows apart.</param>
/// <param name="Columns">Which column holds what.</param>
internal sealed record PulledTable(string Name, IReadOnlyList<string> Key, IReadOnlyList<PulledColumn> Columns);
