namespace Exchange.Gateway.Portal.Audit;

/// <summary>What is missing in the log: numbers, days, one-sided steps and deliveries. Empty in normal running.</summary>
internal static class ShowGaps
{
    public static void Map(IEndpointRouteBuilder pages) => pages.MapPage("/audit/gaps", async (Visit visit, ApiClient api, Places places, CancellationToken cancel) =>
    {
        var given = AuditPages.Given(visit, "source", "from", "to");
        var answer = await api.GetAsync<GapsOfLog>(AuditPages.With("/api/audit/gaps", given, "cursor", visit.Http.Request.Query["cursor"]), cancel);
        List<(string? Field, string Message)> faults = [.. (answer.Problem?.Errors ?? []).Select(error => ((string?)error.Field, error.Message))];
        if (!answer.Succeeded && faults.Count == 0)
        {
            return visit.Refusal(answer.Problem);
        }

        return (IResult)visit.Page<ShowGapsPage, GapsModel>(new GapsModel
        {
            Given = given.ToDictionary(StringComparer.Ordinal),
            Faults = faults,
            Gaps = answer.Value,
            Next = answer.Value?.Next is { } next ? visit.Url(AuditPages.With("/audit/gaps", given, "cursor", next)) : null,
            Sources = [.. places.Cities.Append("gateway").Append("audit").Select(source => new Choice(source, AuditPages.Source(source, visit, places)))],
        }, faults.Count > 0 ? StatusCodes.Status422UnprocessableEntity : StatusCodes.Status200OK);
    }).ForSignedIn(AuditPages.Readers);
}

/// <summary>What the page of gaps shows.</summary>
public sealed record GapsModel
{
    public required IReadOnlyDictionary<string, string> Given { get; init; }
    public required IReadOnlyList<(string? Field, string Message)> Faults { get; init; }
    public GapsOfLog? Gaps { get; init; }
    public string? Next { get; init; }
    public required IReadOnlyList<Choice> Sources { get; init; }
}

/// <summary>The report as the API gives it.</summary>
public sealed record GapsOfLog
{
    public IReadOnlyList<SourceOfLog> Sources { get; init; } = [];
    public IReadOnlyList<DayOfLog> Days { get; init; } = [];
    public IReadOnlyList<StepGap> Decisions { get; init; } = [];
    public IReadOnlyList<DeliveryGapOfLog> Deliveries { get; init; } = [];
    public string? Next { get; init; }

    /// <summary>Nothing at all is missing.</summary>
    public bool IsEmpty => Sources.All(source => source.IsWhole) && Days.Count == 0 && Decisions.Count == 0 && Deliveries.Count == 0;
}

/// <summary>The numbers of one source.</summary>
public sealed record SourceOfLog
{
    public required string Source { get; init; }
    public required long LastSeq { get; init; }
    public IReadOnlyList<NumberRange> Missing { get; init; } = [];
    public IReadOnlyList<long> Repeated { get; init; } = [];
    public IReadOnlyList<long> Broken { get; init; } = [];
    public bool IsWhole => Missing.Count == 0 && Repeated.Count == 0 && Broken.Count == 0;
}

public sealed record NumberRange(long From, long To);

/// <summary>A day of a source that does not add up.</summary>
public sealed record DayOfLog
{
    public required string Source { get; init; }
    public required DateOnly Day { get; init; }
    public required long Records { get; init; }
    public long? ClosedWith { get; init; }
    public required bool Differs { get; init; }
    public IReadOnlyList<DateTimeOffset> MissingHours { get; init; } = [];
    public required long Late { get; init; }
}

/// <summary>A step that one city reports and the other does not, or otherwise.</summary>
public sealed record StepGap
{
    public required string Step { get; init; }
    public Guid? ExchangeId { get; init; }
    public required DateTimeOffset Since { get; init; }
    public string? Missing { get; init; }
    public required bool Unequal { get; init; }
}

/// <summary>A delivery without one of its reports, or with unequal ones.</summary>
public sealed record DeliveryGapOfLog
{
    public required Guid DeliveryId { get; init; }
    public Guid? ExchangeId { get; init; }
    public required DateTimeOffset Since { get; init; }
    public IReadOnlyList<string> Missing { get; init; } = [];
    public required bool Unequal { get; init; }
}
