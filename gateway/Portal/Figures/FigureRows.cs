using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Figures;

/// <summary>The rows that a figure counts, for its department and its city's authority; others are told who may read them.</summary>
internal static class FigureRows
{
    public static void Map(IEndpointRouteBuilder pages) => pages.MapPage("/figures/rows", async (Visit visit, ApiClient api, Places places, CancellationToken cancel) =>
    {
        var query = visit.Http.Request.Query;
        var city = query["city"].ToString();
        if (!places.Cities.Contains(city, StringComparer.Ordinal))
        {
            return Pipeline.NotFound();
        }

        var period = Period.Of(visit);
        var figure = query["figure"].ToString();
        string[] passed = ["figure", "outcome", "department", "asking_city", "sharing_type", "cursor"];
        var asked = string.Join('&', passed.Where(name => query[name].ToString().Length > 0).Select(name => $"{name}={Uri.EscapeDataString(query[name].ToString())}"));
        var answer = await api.GetAsync<RowPage>($"/api/cities/{city}/statistics/rows?{asked}&{period.Api}&limit=100", cancel);
        var department = query["department"].ToString();
        return (IResult)visit.Page<FigureRowsPage, FigureRowsModel>(new FigureRowsModel
        {
            City = city,
            CityName = places.City(city, visit),
            Figure = figure,
            Outcome = query["outcome"].ToString() is { Length: > 0 } outcome ? outcome : null,
            Department = department.Length == 0 ? null : places.Department(city, department),
            AskingCity = query["asking_city"].ToString() is { Length: > 0 } asking ? places.City(asking, visit) : null,
            SharingType = query["sharing_type"].ToString() is { Length: > 0 } sharing ? sharing : null,
            Period = period,
            Problem = answer.Problem,
            Rows = [.. (answer.Value?.Items ?? []).Select(row => (row, row.Department is null ? null : places.Department(city, row.Department), PageOf(row, visit.Person!, figure)))],
            Next = answer.Value?.Next is { } next ? $"/figures/rows?city={city}&{string.Join('&', asked.Split('&').Where(part => !part.StartsWith("cursor=", StringComparison.Ordinal)))}&cursor={Uri.EscapeDataString(next)}&{period.Query}" : null,
        }, answer.Succeeded ? StatusCodes.Status200OK : answer.Status);
    }).ForSignedIn();

    /// <summary>Where a person of this role reads the subject; null where there is no page for it.</summary>
    private static string? PageOf(RowLine row, Person person, string figure)
    {
        var parts = row.Link.Split('/');
        if (parts.Length < 2 || !Guid.TryParse(parts[^1], out var id))
        {
            return null;
        }

        var own = person.Has(Roles.Officer, Roles.Reviewer, Roles.SharingHead, Roles.DepartmentHead);
        return parts[^2] switch
        {
            "datasets" when figure == "catalogue_review" && person.Has(Roles.Authority) => $"/authority/reviews/{id}",
            "datasets" => $"/datasets/{id}",
            "approvals" when person.Has(Roles.Authority) => $"/authority/exchanges/{id}",
            "requests" when person.Has(Roles.Authority) => $"/authority/exchanges/{id}?side=asking",
            "approvals" when own => $"/approvals/{id}",
            "requests" when own => $"/requests/{id}",
            "corrections" when own => $"/corrections/{id}",
            _ => null,
        };
    }
}

/// <summary>The rows of a figure.</summary>
public sealed record FigureRowsModel
{
    public required string City { get; init; }
    public required string CityName { get; init; }
    public required string Figure { get; init; }
    public string? Outcome { get; init; }
    public string? Department { get; init; }
    public string? AskingCity { get; init; }
    public string? SharingType { get; init; }
    public required Period Period { get; init; }
    public Problem? Problem { get; init; }

    /// <summary>Each with the name of its department and the page of its subject.</summary>
    public required IReadOnlyList<(RowLine Row, string? Department, string? Page)> Rows { get; init; }

    public string? Next { get; init; }
}
