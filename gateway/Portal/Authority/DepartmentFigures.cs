using Exchange.Gateway.Portal.Figures;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Authority;

/// <summary>The city's departments side by side; each number leads to the rows it counts.</summary>
internal static class DepartmentFigures
{
    public static void Map(IEndpointRouteBuilder pages) => pages.MapPage("/authority/figures", async (Visit visit, ApiClient api, Places places, string? empty, CancellationToken cancel) =>
    {
        var period = Period.Of(visit);
        var answer = await api.GetAsync<CityFigures>(visit.Api($"/statistics?{period.Api}"), cancel);
        return visit.Page<DepartmentFiguresPage, DepartmentFiguresModel>(new DepartmentFiguresModel
        {
            City = visit.Person!.City!,
            CityName = places.City(visit.Person.City!, visit),
            Period = period,
            Problem = answer.Problem,
            Figures = answer.Value,
            WithEmpty = empty == "1",
        }, answer.Succeeded ? StatusCodes.Status200OK : answer.Status);
    }).ForAuthority();
}

/// <summary>What the page shows.</summary>
public sealed record DepartmentFiguresModel
{
    public required string City { get; init; }
    public required string CityName { get; init; }
    public required Period Period { get; init; }
    public Problem? Problem { get; init; }
    public CityFigures? Figures { get; init; }

    /// <summary>Departments of which nothing is counted are shown too.</summary>
    public required bool WithEmpty { get; init; }

    public IEnumerable<DepartmentLine> Shown => (Figures?.Departments ?? []).Where(line => WithEmpty || Counts(line.Figures));

    private static bool Counts(FigureSet set) => set.Received.Total > 0 || set.Asked.Total > 0 || set.Clocks.Values.Any(clock => clock.Judged > 0 || clock.Open > 0);
}
