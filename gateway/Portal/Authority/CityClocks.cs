using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Authority;

/// <summary>All clocks of the city that run, the one that ends first on top; over it what waits for the authority's own word.</summary>
internal static class CityClocks
{
    private const int PageSize = 50;

    public static void Map(IEndpointRouteBuilder pages) => pages.MapPage("/authority", async (Visit visit, ApiClient api, Places places, string? clock, string? department, string? overdue, string? cursor, CancellationToken cancel) =>
    {
        var filter = $"{Part("clock", clock)}{Part("department", department)}{(overdue == "1" ? "&overdue=true" : "")}";
        var consents = api.GetAsync<ConsentAnswer>(visit.Api("/authority/consents"), cancel);
        var disputes = api.GetAsync<RequestList>(visit.Api("/authority/disputes?open=true&limit=500"), cancel);
        var suspended = api.GetAsync<RequestList>(visit.Api("/approvals?state=suspended&limit=500"), cancel);
        var clocks = await api.GetAsync<ClockAnswer>(visit.Api($"/authority/clocks?limit={PageSize}{filter}{Part("cursor", cursor)}"), cancel);
        var city = visit.Person!.City!;
        return visit.Page<CityClocksPage, CityClocksModel>(new CityClocksModel
        {
            CityName = places.City(city, visit),
            Problem = clocks.Problem,
            Clocks = clocks.Value,
            Consents = (await consents).Value is { } waiting ? waiting.Replies.Count + waiting.Updates.Count : null,
            Disputes = (await disputes).Value?.Items.Count,
            Suspended = (await suspended).Value?.Items.Count,
            Departments = [.. (places.Find(city)?.Items ?? []).OrderBy(d => d.Name, StringComparer.Ordinal)],
            Clock = clock,
            Department = department,
            OverdueOnly = overdue == "1",
            More = $"{Part("clock", clock)}{Part("department", department)}{(overdue == "1" ? "&overdue=1" : "")}",
        }, clocks.Succeeded ? StatusCodes.Status200OK : clocks.Status);
    }).ForAuthority();

    private static string Part(string name, string? value) => string.IsNullOrEmpty(value) ? "" : $"&{name}={Uri.EscapeDataString(value)}";

    /// <summary>Where the authority looks at what a clock is about.</summary>
    public static string PageOf(ClockLine line) => line switch
    {
        { Clock: "catalogue_review" } => $"/authority/reviews/{line.Subject}",
        { Side: "owning" } => $"/authority/exchanges/{line.Subject}",
        { Side: "asking" } => $"/authority/exchanges/{line.Subject}?side=asking",
        { Clock: "catalogue_update", DatasetId: { } dataset } => $"/authority/updates/{dataset}/{line.Subject}",
        _ => $"/datasets/{line.DatasetId}",
    };
}

/// <summary>What the first page of the desk shows.</summary>
public sealed record CityClocksModel
{
    public required string CityName { get; init; }
    public Problem? Problem { get; init; }
    public ClockAnswer? Clocks { get; init; }

    /// <summary>Extensions that wait; null when that is not known.</summary>
    public int? Consents { get; init; }

    public int? Disputes { get; init; }
    public int? Suspended { get; init; }
    public required IReadOnlyList<DepartmentPlace> Departments { get; init; }
    public string? Clock { get; init; }
    public string? Department { get; init; }
    public required bool OverdueOnly { get; init; }

    /// <summary>The filters, for the next page.</summary>
    public required string More { get; init; }
}
