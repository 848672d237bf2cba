using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Audit;

/// <summary>What deserves a second look, by the audit service's rules.</summary>
internal static class ShowFlags
{
    public static void Map(IEndpointRouteBuilder pages) => pages.MapPage("/audit/flags", async (Visit visit, ApiClient api, Places places, CancellationToken cancel) =>
    {
        var given = AuditPages.Given(visit, "kind", "department", "from", "to");
        var asked = given.Select(field => field.Key is "from" or "to" ? KeyValuePair.Create(field.Key, AuditPages.Moment(field.Value, after: field.Key == "to")) : field);
        var answer = await api.GetAsync<Listed<FlagOfLog>>(AuditPages.With("/api/audit/flags", asked, "cursor", visit.Http.Request.Query["cursor"]), cancel);
        List<(string? Field, string Message)> faults = [.. (answer.Problem?.Errors ?? []).Select(error => ((string?)error.Field, error.Message))];
        if (!answer.Succeeded && faults.Count == 0)
        {
            return visit.Refusal(answer.Problem);
        }

        return (IResult)visit.Page<ShowFlagsPage, FlagsModel>(new FlagsModel
        {
            Given = given.ToDictionary(StringComparer.Ordinal),
            Faults = faults,
            Items = [.. (answer.Value?.Items ?? []).Select(flag => (flag, Name(flag.Requesting), Name(flag.Providing)))],
            Next = answer.Value?.Next is { } next ? visit.Url(AuditPages.With("/audit/flags", given, "cursor", next)) : null,
            Departments = [.. places.Cities.SelectMany(city => places.Find(city)?.Items.Select(item => new Choice(item.Code, item.Name, places.City(city, visit))) ?? [])],
        }, faults.Count > 0 ? StatusCodes.Status422UnprocessableEntity : StatusCodes.Status200OK);

        string? Name(string? code) => code is null ? null : AuditPages.Department(code, places).Name;
    }).ForSignedIn(Roles.Auditor, Roles.Authority);
}

/// <summary>A finding.</summary>
public sealed record FlagOfLog
{
    public required string Kind { get; init; }
    public required string Severity { get; init; }
    public required DateTimeOffset At { get; init; }
    public Guid? ExchangeId { get; init; }
    public string? Requesting { get; init; }
    public string? Providing { get; init; }
    public required Text Sentence { get; init; }
    public required IReadOnlyList<FlagRecord> Events { get; init; }
}

/// <param name="EventId">A record that the finding rests on.</param>
/// <param name="Proof">Where the API has its proof.</param>
public sealed record FlagRecord(Guid EventId, string Proof);

/// <summary>What the page of findings shows.</summary>
public sealed record FlagsModel
{
    public required IReadOnlyDictionary<string, string> Given { get; init; }
    public required IReadOnlyList<(string? Field, string Message)> Faults { get; init; }
    public required IReadOnlyList<(FlagOfLog Flag, string? Asking, string? Owning)> Items { get; init; }
    public string? Next { get; init; }
    public required IReadOnlyList<Choice> Departments { get; init; }
}
