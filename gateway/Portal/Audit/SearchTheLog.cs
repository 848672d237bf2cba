using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Audit;

/// <summary>The records of the log by the filters that the API has, and the searches that a person keeps.</summary>
internal static class SearchTheLog
{
    /// <summary>The API's own names of filters: a page's address asks what the API's would.</summary>
    public static readonly string[] Fields = ["city", "department", "requesting", "providing", "dataset", "purpose", "type", "result", "source", "exchange", "from", "to", "order"];

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/audit", ShowAsync).ForSignedIn([.. AuditPages.Readers, Roles.CaseAuditor]);
        pages.MapForm("/audit/queries", KeepAsync).ForSignedIn(AuditPages.Readers);
        pages.MapForm("/audit/queries/{id:guid}/delete", async (Guid id, Visit visit, ApiClient api, CancellationToken cancel) =>
        {
            var answer = await api.SendAsync<object>(HttpMethod.Delete, $"/api/audit/queries/{id}", null, null, null, cancel);
            return answer.Succeeded || answer.Status == StatusCodes.Status404NotFound ? visit.SeeOther("/audit#saved") : (IResult)visit.Refusal(answer.Problem);
        }).ForSignedIn(AuditPages.Readers);
    }

    private static async Task<IResult> ShowAsync(Visit visit, ApiClient api, Places places, CancellationToken cancel)
    {
        // Case auditors see no records but those that they ask to open.
        return visit.Person!.Has(AuditPages.Readers) ? await PageAsync(visit, api, places, AuditPages.Given(visit, Fields), null, cancel) : visit.SeeOther("/audit/openings");
    }

    private static async Task<IResult> KeepAsync(Visit visit, ApiClient api, Places places, CancellationToken cancel)
    {
        var given = Fields.Select(field => KeyValuePair.Create(field, visit.Form[field].ToString().Trim())).Where(field => field.Value.Length > 0).ToList();
        var answer = await api.PostAsync<SavedSearch>("/api/audit/queries", new { Name = visit.Form["name"].ToString().Trim(), Filters = given.ToDictionary() }, null, visit.Key, cancel);
        return answer.Succeeded ? visit.SeeOther(AuditPages.With("/audit", given)) : await PageAsync(visit, api, places, given, answer.Problem, cancel);
    }

    private static async Task<IResult> PageAsync(Visit visit, ApiClient api, Places places, List<KeyValuePair<string, string>> given, Problem? notKept, CancellationToken cancel)
    {
        var cursor = visit.Http.Request.Query["cursor"].ToString();
        var found = await api.GetAsync<Listed<LogLine>>(AuditPages.With("/api/audit/records", given, "cursor", cursor), cancel);
        if (!found.Succeeded && found.Problem.Errors is not { Count: > 0 })
        {
            return visit.Refusal(found.Problem);
        }

        var saved = await api.GetAsync<Listed<SavedSearch>>("/api/audit/queries", cancel);
        List<(string? Field, string Message)> faults = [.. (found.Problem?.Errors ?? []).Select(error => ((string?)error.Field, error.Message))];
        if (notKept is not null)
        {
            faults.AddRange(notKept.Errors is { Count: > 0 } errors ? errors.Select(error => ((string?)(error.Field == "name" ? "name" : error.Field.Replace("filters.", "", StringComparison.Ordinal)), error.Message)) : [("name", $"{notKept.Title} {notKept.WayOut}")]);
        }

        return visit.Page<SearchTheLogPage, LogSearchModel>(new LogSearchModel
        {
            Given = given.ToDictionary(StringComparer.Ordinal),
            Faults = faults,
            Lines = [.. (found.Value?.Items ?? []).Select(line => new LogSearchLine(line, AuditPages.Source(line.Source, visit, places), line.Requesting is { } asking ? AuditPages.Department(asking, places).Name : null, line.Providing is { } owning ? AuditPages.Department(owning, places).Name : null))],
            Next = found.Value?.Next is { } next ? visit.Url(AuditPages.With("/audit", given, "cursor", next)) : null,
            Saved = [.. (saved.Value?.Items ?? []).Select(search => (search, visit.Url(AuditPages.With("/audit", search.Filters.Where(filter => filter.Value is not null).Select(filter => KeyValuePair.Create(filter.Key, filter.Value!))))))],
            Cities = [.. places.Cities.Select(city => new Choice(city, places.City(city, visit)))],
            Departments = [.. places.Cities.SelectMany(city => places.Find(city)?.Items.Select(item => new Choice(item.Code, item.Name, places.City(city, visit))) ?? [])],
            Name = visit.Form["name"].ToString(),
        }, faults.Count > 0 ? StatusCodes.Status422UnprocessableEntity : StatusCodes.Status200OK);
    }
}

/// <summary>Filters under a name.</summary>
public sealed record SavedSearch
{
    public required Guid Id { get; init; }
    public required string Name { get; init; }
    public required IReadOnlyDictionary<string, string?> Filters { get; init; }
}

/// <summary>What the search page shows.</summary>
public sealed record LogSearchModel
{
    public required IReadOnlyDictionary<string, string> Given { get; init; }
    public required IReadOnlyList<(string? Field, string Message)> Faults { get; init; }
    public required IReadOnlyList<LogSearchLine> Lines { get; init; }
    public string? Next { get; init; }

    /// <summary>Each with the address that runs it.</summary>
    public required IReadOnlyList<(SavedSearch Search, string Address)> Saved { get; init; }

    public required IReadOnlyList<Choice> Cities { get; init; }
    public required IReadOnlyList<Choice> Departments { get; init; }

    /// <summary>Typed for a search to keep.</summary>
    public required string Name { get; init; }
}

/// <param name="Line">As listed.</param>
/// <param name="Source">Who reported it.</param>
/// <param name="Asking">Name of the asking department.</param>
/// <param name="Owning">Name of the providing department.</param>
public sealed record LogSearchLine(LogLine Line, string Source, string? Asking, string? Owning);
