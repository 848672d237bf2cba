using Exchange.Gateway.Federation;
using Exchange.Gateway.Quality;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Cities;

/// <summary>The cities and their departments, with what they publish and how good it is.</summary>
internal static class CityPages
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/cities", async (Visit visit, CatalogueIndex catalogue, Places places, ApiClient api, CancellationToken cancel) =>
        {
            var quality = (await api.GetAsync<Averages>("/api/catalogue/quality", cancel)).Value;
            return visit.Page<CitiesPage, IReadOnlyList<CityModel>>([.. places.Cities.Select(city => Model(city, visit, catalogue, places, quality))]);
        }).ForAnyone();
        pages.MapPage("/cities/{city}", async (string city, Visit visit, CatalogueIndex catalogue, Places places, ApiClient api, CancellationToken cancel) =>
        {
            if (!places.Cities.Contains(city))
            {
                return Pipeline.NotFound();
            }

            var quality = (await api.GetAsync<Averages>($"/api/catalogue/quality?city={city}", cancel)).Value;
            return (IResult)visit.Page<CityPage, CityModel>(Model(city, visit, catalogue, places, quality));
        }).ForAnyone();
        pages.MapPage("/cities/{city}/departments/{code:length(18)}", async (string city, string code, Visit visit, CatalogueIndex catalogue, Places places, ApiClient api, CancellationToken cancel) =>
        {
            var found = catalogue.Current?.Search(Of(Facet.Department, code, visit) with { Limit = 10, Sort = SearchSort.Released });
            var department = places.Find(city)?.Items.FirstOrDefault(item => item.Code == code)
                ?? (found?.Items is [var any, ..] && any.City == city ? new DepartmentPlace { Code = code, Name = any.DepartmentName } : null);
            if (department is null)
            {
                return Pipeline.NotFound();
            }

            var quality = (await api.GetAsync<Averages>($"/api/catalogue/quality?city={city}&department={code}", cancel)).Value;
            return (IResult)visit.Page<DepartmentPage, DepartmentModel>(new DepartmentModel
            {
                City = city,
                CityName = places.City(city, visit),
                Department = department,
                Entries = found?.Total ?? 0,
                Sharing = Counts(found, Facet.Sharing),
                OpenCorrections = Counts(found, Facet.OpenCorrection).FirstOrDefault(count => count.Value == "true")?.Count ?? 0,
                Overdue = found is null ? 0 : Overdue(code, visit, catalogue),
                Quality = quality?.Cities.FirstOrDefault(each => each.City == city)?.Departments?.FirstOrDefault(each => each.Department == code)?.Percent,
                Newest = [.. (found?.Items ?? []).Select(entry => new Home.HomeEntry(entry.Id, entry.Name, visit.T(Words.Sharing(entry.Sharing)), entry.ReleasedOn))],
            });
        }).ForAnyone();
    }

    private static CityModel Model(string city, Visit visit, CatalogueIndex catalogue, Places places, Averages? quality)
    {
        var found = catalogue.Current?.Search(Of(Facet.City, city, visit) with { Limit = 1 });
        var average = quality?.Cities.FirstOrDefault(each => each.City == city);
        var entries = Counts(found, Facet.Department).ToDictionary(count => count.Value, count => count.Count, StringComparer.Ordinal);
        var place = places.Find(city);
        return new CityModel
        {
            City = city,
            Name = places.City(city, visit),
            Place = place,
            State = catalogue.StateOf(city).ToString().ToLowerInvariant(),
            AsOf = catalogue.FeedOf(city)?.AsOf,
            Entries = found?.Total ?? 0,
            Sharing = Counts(found, Facet.Sharing),
            OpenCorrections = Counts(found, Facet.OpenCorrection).FirstOrDefault(count => count.Value == "true")?.Count ?? 0,
            Quality = average?.Percent,
            Departments = [.. (place?.Items ?? []).Select(item => new DepartmentLine(item.Code, item.Name, entries.GetValueOrDefault(item.Code), average?.Departments?.FirstOrDefault(each => each.Department == item.Code)?.Percent)).OrderByDescending(line => line.Entries).ThenBy(line => line.Code, StringComparer.Ordinal)],
        };
    }

    private static SearchRequest Of(Facet facet, string value, Visit visit) =>
        new() { Filters = new Dictionary<Facet, IReadOnlyCollection<string>> { [facet] = [value] }, OpenOnly = visit.Person is null, Today = visit.Today, FacetValues = 500 };

    private static IReadOnlyList<Home.HomeFigure> Counts(SearchPage? found, Facet facet) => [.. (found?.Facets.GetValueOrDefault(facet) ?? []).Select(count => new Home.HomeFigure(count.Value, count.Value, count.Count))];

    /// <summary>Entries of the department whose data misses its declared cycle.</summary>
    private static int Overdue(string code, Visit visit, CatalogueIndex catalogue) =>
        catalogue.Current!.Search(Of(Facet.Department, code, visit) with { Limit = 1000 }).Items.Count(entry => entry.StaleFrom <= visit.Today);

    /// <summary>What the page needs of <c>/api/catalogue/quality</c>.</summary>
    private sealed record Averages
    {
        public IReadOnlyList<Average> Cities { get; init; } = [];
    }

    private sealed record Average
    {
        public string City { get; init; } = "";
        public string? Department { get; init; }
        public decimal? Percent { get; init; }
        public IReadOnlyList<Average>? Departments { get; init; }
    }
}

/// <summary>A city as the pages show it.</summary>
public sealed record CityModel
{
    public required string City { get; init; }
    public required string Name { get; init; }

    /// <summary>Null while the city has not been heard.</summary>
    public CityPlace? Place { get; init; }

    public required string State { get; init; }
    public DateTimeOffset? AsOf { get; init; }
    public required int Entries { get; init; }
    public required IReadOnlyList<Home.HomeFigure> Sharing { get; init; }
    public required int OpenCorrections { get; init; }

    /// <summary>Average quality of its entries in percent.</summary>
    public decimal? Quality { get; init; }

    public required IReadOnlyList<DepartmentLine> Departments { get; init; }
}

public sealed record DepartmentLine(string Code, string Name, int Entries, decimal? Quality);

public sealed record DepartmentModel
{
    public required string City { get; init; }
    public required string CityName { get; init; }
    public required DepartmentPlace Department { get; init; }
    public required int Entries { get; init; }
    public required IReadOnlyList<Home.HomeFigure> Sharing { get; init; }
    public required int OpenCorrections { get; init; }

    /// <summary>Entries whose data misses its declared cycle.</summary>
    public required int Overdue { get; init; }

    public decimal? Quality { get; init; }
    public required IReadOnlyList<Home.HomeEntry> Newest { get; init; }
}
