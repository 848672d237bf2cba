using System.Text;
using Exchange.Contracts;
using Exchange.Gateway.Federation;
using Exchange.Gateway.Interop.Dcat;
using Exchange.Gateway.Quality;
using Exchange.Hosting;
using Microsoft.AspNetCore.Authentication;

namespace Exchange.Gateway.Portal.Entry;

/// <summary>One entry for people: what it is and under which conditions; how good it is; how it came to be; how programs read it; a look at its data.</summary>
internal static class EntryPages
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/datasets/{id:guid}/quality", (Guid id, Visit visit, CatalogueIndex catalogue, Places places) =>
            Find(id, visit, catalogue) is not { } found ? Pipeline.NotFound() : (IResult)visit.Page<EntryQualityPage, EntryQualityModel>(new(Heading(found, visit, catalogue, places), Report(found, visit, catalogue)))).ForAnyone();
        pages.MapPage("/datasets/{id:guid}/history", HistoryAsync).ForAnyone();
        pages.MapPage("/datasets/{id:guid}/use", (Guid id, Visit visit, CatalogueIndex catalogue, Places places) =>
            Find(id, visit, catalogue) is not { } found ? Pipeline.NotFound() : (IResult)visit.Page<EntryUsePage, EntryUseModel>(new(Heading(found, visit, catalogue, places), Snippets.Of(visit.PublicAddress, found)))).ForAnyone();
        pages.MapPage("/datasets/{id:guid}/preview", PreviewAsync).ForAnyone();
    }

    /// <summary>The page behind an entry's IRI, for whoever asks for HTML there.</summary>
    public static async Task<IResult> ShowAsync(Guid id, HttpContext http)
    {
        http.User = (await http.AuthenticateAsync(Pages.Scheme)).Principal ?? new();
        Pages.SetHeaders(http);
        http.Response.Headers.Vary = "Accept, Cookie";
        var services = http.RequestServices;
        var (visit, catalogue, places) = (services.GetRequiredService<Visit>(), services.GetRequiredService<CatalogueIndex>(), services.GetRequiredService<Places>());
        if (Find(id, visit, catalogue) is not { } found)
        {
            return Pipeline.NotFound();
        }

        var heading = Heading(found, visit, catalogue, places);
        var figures = catalogue.FiguresOf(found);
        return visit.Page<EntryOverviewPage, EntryModel>(new EntryModel
        {
            Heading = heading,
            Figures = figures,
            Freshness = DataFreshness.Of(found.UpdateFrequency, figures?.DataUpdatedAt, visit.Today),
            Quality = Report(found, visit, catalogue),
            Department = places.Find(found.City)?.Items.FirstOrDefault(department => department.Code == found.DepartmentCode),
            Related = [.. (catalogue.Related?.Find(found.Id, visit.Person is null, 10) ?? []).Select(near => new RelatedView(near.Entry.Id, near.Entry.Name, near.Entry.City, near.Entry.DepartmentName, near.Why))],
            SchemaOrg = Encoding.UTF8.GetString(SchemaOrg.Of(heading.Entry, visit.PublicAddress)),
            Asking = Asking(found, visit),
        });
    }

    private static async Task<IResult> HistoryAsync(Guid id, string? cursor, Visit visit, CatalogueIndex catalogue, Places places, ApiClient api, CancellationToken cancel)
    {
        if (Find(id, visit, catalogue) is not { } found)
        {
            return Pipeline.NotFound();
        }

        var answer = await api.GetAsync<DatasetHistory>($"/api/catalogue/datasets/{id}/history{(cursor is null ? "" : $"?cursor={Uri.EscapeDataString(cursor)}")}", cancel);
        return visit.Page<EntryHistoryPage, EntryHistoryModel>(new(Heading(found, visit, catalogue, places), answer.Value, answer.Problem), answer.Succeeded ? StatusCodes.Status200OK : answer.Status);
    }

    /// <summary>Its own people see the data of a table here; who holds a grant sees it at the request, on record; everyone else reads why not.</summary>
    private static async Task<IResult> PreviewAsync(Guid id, Visit visit, CatalogueIndex catalogue, Places places, ApiClient api, CancellationToken cancel)
    {
        if (Find(id, visit, catalogue) is not { } found)
        {
            return Pipeline.NotFound();
        }

        var own = visit.Person is { } person && person.City == found.City && person.Department == found.DepartmentCode && person.Has(Roles.Officer, Roles.Reviewer);
        var answer = own && found.Format == "table" ? await api.GetAsync<PreviewTable>($"/api/cities/{found.City}/datasets/{id}/preview?limit=20", cancel) : null;
        return visit.Page<EntryPreviewPage, EntryPreviewModel>(new(Heading(found, visit, catalogue, places), own, answer?.Value, answer?.Problem));
    }

    private static IndexedEntry? Find(Guid id, Visit visit, CatalogueIndex catalogue) => catalogue.Current?.Find(id) is { } entry && (visit.Person is not null || entry.Open) ? entry : null;

    private static EntryHeading Heading(IndexedEntry found, Visit visit, CatalogueIndex catalogue, Places places) =>
        new(EntryQuality.Read(found.Json), places.City(found.City, visit), catalogue.StateOf(found.City).ToString().ToLowerInvariant(), catalogue.FeedOf(found.City)?.AsOf);

    private static QualityReport Report(IndexedEntry found, Visit visit, CatalogueIndex catalogue) => EntryQuality.Of(EntryQuality.Read(found.Json), catalogue.FiguresOf(found)?.DataUpdatedAt, visit.Today);

    /// <summary>Whether this person can ask for the data, or why not.</summary>
    private static AskingState Asking(IndexedEntry found, Visit visit) => visit.Person switch
    {
        _ when found.Sharing == SharingClass.Refused => AskingState.Refused,
        _ when EntryQuality.Read(found.Json).Origin is not null => AskingState.Elsewhere,
        null => AskingState.SignIn,
        { } person when person.City == found.City && person.Department == found.DepartmentCode => AskingState.Own,
        { } person when person.Has(Roles.Officer) => AskingState.Yes,
        _ => AskingState.OfficersOnly,
    };
}

/// <summary>Whether somebody can ask for an entry's data.</summary>
public enum AskingState
{
    Yes,
    SignIn,

    /// <summary>Officers draft requests; this person has another role.</summary>
    OfficersOnly,

    /// <summary>The data is the person's own department's.</summary>
    Own,

    /// <summary>The entry is not shared (不予共享).</summary>
    Refused,

    /// <summary>Harvested from a foreign catalogue: nobody here answers for it.</summary>
    Elsewhere,
}

/// <summary>What stands at the top of each page of an entry.</summary>
/// <param name="Entry">As its city published it.</param>
/// <param name="CityName">In the reader's language.</param>
/// <param name="State">How its city was last heard: live, lagging, silent or rebuilding.</param>
/// <param name="AsOf">As of when it is known to be the newest.</param>
public sealed record EntryHeading(DatasetEntry Entry, string CityName, string State, DateTimeOffset? AsOf);

/// <summary>The entry's own page.</summary>
public sealed record EntryModel
{
    public required EntryHeading Heading { get; init; }
    public DatasetFigures? Figures { get; init; }
    public required DataFreshness Freshness { get; init; }
    public required QualityReport Quality { get; init; }
    public DepartmentPlace? Department { get; init; }
    public required IReadOnlyList<RelatedView> Related { get; init; }

    /// <summary>JSON-LD without any character that could end a script element.</summary>
    public required string SchemaOrg { get; init; }

    public required AskingState Asking { get; init; }
}

public sealed record EntryQualityModel(EntryHeading Heading, QualityReport Report);

public sealed record EntryHistoryModel(EntryHeading Heading, DatasetHistory? History, Problem? Problem);

public sealed record EntryUseModel(EntryHeading Heading, IReadOnlyList<Snippet> Snippets);

public sealed record EntryPreviewModel(EntryHeading Heading, bool Own, PreviewTable? Table, Problem? Problem);

/// <summary>The first rows of a table, as the API's preview gives them.</summary>
public sealed record PreviewTable
{
    public IReadOnlyList<PreviewColumn> Columns { get; init; } = [];
    public IReadOnlyList<IReadOnlyList<string?>> Rows { get; init; } = [];
}

public sealed record PreviewColumn
{
    public string Name { get; init; } = "";
    public string? Title { get; init; }
}
