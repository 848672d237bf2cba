using Exchange.Gateway.Federation;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Gateway.Portal.Home;

/// <summary>The start: a search box, what the exchange is, and how much is there; each figure leads to the entries that it counts.</summary>
internal static class StartPage
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/help", (Visit visit) => visit.Page<HelpPage, string>("")).ForAnyone();
        pages.MapPage("/", ShowAsync).ForAnyone();
    }

    private static async Task<RazorComponentResult> ShowAsync(Visit visit, CatalogueIndex catalogue, Places places, ApiClient api, CancellationToken cancel)
    {
        var found = catalogue.Current?.Search(new SearchRequest { OpenOnly = visit.Person is null, Today = visit.Today, Limit = 6, Sort = SearchSort.Released });
        return visit.Page<HomePage, HomeModel>(new HomeModel
        {
            Waiting = await WaitingList.ReadAsync(visit, api, cancel),
            Followed = WaitingList.Of(visit.Person) is { Count: > 0 } lists ? Follow.Url([.. lists]) : null,
            Total = found?.Total ?? 0,
            Cities = [.. places.InOrder(catalogue.Cities, city => city.City).Select(city => new HomeCity(city.City, places.City(city.City, visit), Count(Facet.City, city.City), city.State.ToString().ToLowerInvariant(), city.AsOf))],
            Themes = [.. Counts(Facet.Theme).Select(count => new HomeFigure(count.Value, visit.T(Words.Theme(count.Value)), count.Count))],
            Sharing = [.. Counts(Facet.Sharing).Select(count => new HomeFigure(count.Value, visit.T(Words.Sharing(count.Value)), count.Count))],
            Newest = [.. (found?.Items ?? []).Select(entry => new HomeEntry(entry.Id, entry.Name, entry.DepartmentName, entry.ReleasedOn))],
        });

        IReadOnlyList<FacetCount> Counts(Facet facet) => found?.Facets.GetValueOrDefault(facet) ?? [];
        int Count(Facet facet, string value) => Counts(facet).FirstOrDefault(count => count.Value == value)?.Count ?? 0;
    }
}

/// <summary>What the start page shows.</summary>
public sealed record HomeModel
{
    /// <summary>What waits for the person who has signed in.</summary>
    public required IReadOnlyList<WaitingLine> Waiting { get; init; }

    /// <summary>Tells when one of those numbers changes.</summary>
    public string? Followed { get; init; }

    /// <summary>Entries that the reader may see.</summary>
    public required int Total { get; init; }

    public required IReadOnlyList<HomeCity> Cities { get; init; }
    public required IReadOnlyList<HomeFigure> Themes { get; init; }
    public required IReadOnlyList<HomeFigure> Sharing { get; init; }
    public required IReadOnlyList<HomeEntry> Newest { get; init; }
}

/// <summary>A city with its entries and how fresh they are.</summary>
public sealed record HomeCity(string Id, string Name, int Count, string State, DateTimeOffset? AsOf);

/// <summary>A facet's value with its count.</summary>
public sealed record HomeFigure(string Value, string Name, int Count);

/// <summary>One of the entries released last.</summary>
public sealed record HomeEntry(Guid Id, string Name, string Department, DateOnly ReleasedOn);
