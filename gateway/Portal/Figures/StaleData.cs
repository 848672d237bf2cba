using Exchange.Gateway.Federation;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Figures;

/// <summary>The entries behind the freshness of the data: which are overdue, and since when.</summary>
internal static class StaleData
{
    private const int PageSize = 100;

    /// <summary>As <see cref="DataState"/>, in the order of the bars.</summary>
    public static readonly IReadOnlyList<string> States = ["current", "due", "overdue", "unknown", "not_applicable"];

    public static void Map(IEndpointRouteBuilder pages) => pages.MapPage("/figures/freshness", (Visit visit, CatalogueIndex catalogue, Places places, string? city, string? state, int? page) =>
    {
        if (city is null || !catalogue.Cities.Any(known => known.City == city) || !States.Contains(state, StringComparer.Ordinal))
        {
            return Pipeline.NotFound();
        }

        var today = visit.Today;
        var entries = (catalogue.Current?.Select(entry => entry.City == city ? Judged(catalogue, entry, today) : null) ?? [])
            .Where(entry => entry.State == state)
            .OrderByDescending(entry => entry.Freshness.OverdueDays ?? 0).ThenBy(entry => entry.Entry.Name, StringComparer.Ordinal).ThenBy(entry => entry.Entry.Id).ToList();
        var number = Math.Clamp(page ?? 1, 1, Math.Max(1, (entries.Count + PageSize - 1) / PageSize));
        return (IResult)visit.Page<StaleDataPage, StaleDataModel>(new StaleDataModel
        {
            City = city,
            CityName = places.City(city, visit),
            State = state!,
            Total = entries.Count,
            Page = number,
            Pages = Math.Max(1, (entries.Count + PageSize - 1) / PageSize),
            Entries = [.. entries.Skip((number - 1) * PageSize).Take(PageSize).Select(e => new StaleEntry(e.Entry.Id, e.Entry.Name, e.Entry.DepartmentName, e.Freshness.Cycle, e.Freshness.UpdatedOn, e.Freshness.DueOn, e.Freshness.OverdueDays))],
        });
    }).ForSignedIn();

    public static IReadOnlyList<DataFresh> Count(CatalogueIndex catalogue, DateOnly today) =>
    [
        .. (catalogue.Current?.Select(entry => Judged(catalogue, entry, today)) ?? []).GroupBy(entry => entry.Entry.City).Select(city =>
        {
            var counts = city.GroupBy(entry => entry.State).ToDictionary(group => group.Key, group => group.Count(), StringComparer.Ordinal);
            return new DataFresh(city.Key, Of("current"), Of("due"), Of("overdue"), Of("unknown"), Of("not_applicable"));
            int Of(string state) => counts.GetValueOrDefault(state);
        }),
    ];

    private static Judgement Judged(CatalogueIndex catalogue, IndexedEntry entry, DateOnly today)
    {
        var freshness = DataFreshness.Of(entry.UpdateFrequency, catalogue.FiguresOf(entry)?.DataUpdatedAt, today);
        return new Judgement(entry, freshness, freshness.State switch
        {
            DataState.Current => "current",
            DataState.Due => "due",
            DataState.Overdue => "overdue",
            DataState.NotApplicable => "not_applicable",
            _ => "unknown",
        });
    }

    private sealed record Judgement(IndexedEntry Entry, DataFreshness Freshness, string State);
}

/// <summary>What the page shows.</summary>
public sealed record StaleDataModel
{
    public required string City { get; init; }
    public required string CityName { get; init; }

    /// <summary>current, due, overdue, unknown or not_applicable.</summary>
    public required string State { get; init; }

    public required int Total { get; init; }
    public required int Page { get; init; }
    public required int Pages { get; init; }
    public required IReadOnlyList<StaleEntry> Entries { get; init; }
}

/// <summary>An entry and its update cycle.</summary>
public sealed record StaleEntry(Guid Id, string Name, string Department, string Cycle, DateOnly? UpdatedOn, DateOnly? DueOn, int? OverdueDays);
