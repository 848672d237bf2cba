namespace Exchange.Gateway.Portal.Audit;

/// <summary>The exchanges that have left records, newest first.</summary>
internal static class ListExchanges
{
    public static void Map(IEndpointRouteBuilder pages) => pages.MapPage("/audit/exchanges", async (Visit visit, ApiClient api, Places places, CancellationToken cancel) =>
    {
        var given = AuditPages.Given(visit, "city", "department", "from", "to");
        var asked = given.Select(field => field.Key is "from" or "to" ? KeyValuePair.Create(field.Key, AuditPages.Moment(field.Value, after: field.Key == "to")) : field);
        var answer = await api.GetAsync<Listed<ExchangeOfLog>>(AuditPages.With("/api/audit/exchanges", asked, "cursor", visit.Http.Request.Query["cursor"]), cancel);
        if (!answer.Succeeded)
        {
            return visit.Refusal(answer.Problem);
        }

        return (IResult)visit.Page<ListExchangesPage, ExchangeListModel>(new ExchangeListModel
        {
            Given = given.ToDictionary(StringComparer.Ordinal),
            Items = [.. answer.Value!.Items.Select(exchange => (exchange, Name(exchange.Requesting), Name(exchange.Providing)))],
            Next = answer.Value.Next is { } next ? visit.Url(AuditPages.With("/audit/exchanges", given, "cursor", next)) : null,
            Cities = [.. places.Cities.Select(city => new Choice(city, places.City(city, visit)))],
            Departments = [.. places.Cities.SelectMany(city => places.Find(city)?.Items.Select(item => new Choice(item.Code, item.Name, places.City(city, visit))) ?? [])],
        });

        string? Name(string? code) => code is null ? null : AuditPages.Department(code, places) is var (city, name) && city is not null ? $"{places.City(city, visit)} · {name}" : code;
    }).ForSignedIn(AuditPages.Readers);
}

/// <summary>What the list shows.</summary>
public sealed record ExchangeListModel
{
    public required IReadOnlyDictionary<string, string> Given { get; init; }
    public required IReadOnlyList<(ExchangeOfLog Exchange, string? Asking, string? Owning)> Items { get; init; }
    public string? Next { get; init; }
    public required IReadOnlyList<Choice> Cities { get; init; }
    public required IReadOnlyList<Choice> Departments { get; init; }
}
