using System.Globalization;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Audit;

/// <summary>
/// Opening what records only commit to: a case auditor asks under a case number, the owning city's data authority and an auditor approve, and the asker alone reads; each reading is a
/// record. Erasures stand beside: what was forgotten, on what ground, and which months are due.
/// </summary>
internal static class OpeningCases
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/audit/openings", ListAsync).ForSignedIn(AuditPages.Openers);
        pages.MapPage("/audit/openings/new", (Visit visit, Places places) => AskPage(visit, places, null)).ForSignedIn(Roles.CaseAuditor);
        pages.MapForm("/audit/openings/new", AskAsync).ForSignedIn(Roles.CaseAuditor);
        pages.MapPage("/audit/openings/{service}/{id:guid}", (string service, Guid id, Visit visit, ApiClient api, Places places, CancellationToken cancel) => ShowAsync(service, id, visit, api, places, [], null, cancel)).ForSignedIn(AuditPages.Openers);
        pages.MapForm("/audit/openings/{service}/{id:guid}", ActAsync).ForSignedIn(AuditPages.Openers);
        pages.MapPage("/audit/erasures", ErasuresAsync).ForSignedIn(Roles.Auditor, Roles.Authority);
    }

    /// <summary>Each service keeps what its own records commit to. Null for a name that is none.</summary>
    private static string? PathOf(string service, Places places) => service switch
    {
        "gateway" => "/api/gateway/openings",
        "audit" => "/api/audit/openings",
        _ => places.Cities.Contains(service) ? $"/api/cities/{service}/openings" : null,
    };

    private static List<Choice> Services(Visit visit, Places places) =>
        [.. places.Cities.Where(city => visit.Person!.Has(Roles.CaseAuditor, Roles.Auditor) || visit.Person.City == city).Append("gateway").Append("audit").Select(service => new Choice(service, AuditPages.Source(service, visit, places)))];

    private static string Chosen(Visit visit, Places places) => visit.Http.Request.Query["service"].ToString() is { Length: > 0 } service ? service : visit.Person!.City ?? places.Cities[0];

    private static async Task<IResult> ListAsync(Visit visit, ApiClient api, Places places, CancellationToken cancel)
    {
        var service = Chosen(visit, places);
        if (PathOf(service, places) is not { } path)
        {
            return Pipeline.NotFound();
        }

        var answer = await api.GetAsync<Listed<CaseOfOpening>>(AuditPages.With(path, [], "cursor", visit.Http.Request.Query["cursor"]), cancel);
        return !answer.Succeeded ? visit.Refusal(answer.Problem) : visit.Page<OpeningsPage, OpeningsModel>(new OpeningsModel
        {
            Service = service,
            Services = Services(visit, places),
            Items = answer.Value!.Items,
            Next = answer.Value.Next is { } next ? visit.Url(AuditPages.With("/audit/openings", [new("service", service)], "cursor", next)) : null,
        });
    }

    private static Microsoft.AspNetCore.Http.HttpResults.RazorComponentResult AskPage(Visit visit, Places places, Problem? problem) => visit.Page<AskOpeningPage, AskOpeningModel>(new AskOpeningModel
    {
        Services = Services(visit, places),
        Service = visit.Entered("service", Chosen(visit, places)),
        Events = visit.Entered("event_ids", visit.Http.Request.Query["event"]),
        Faults = problem is null ? []
            : problem.Errors is { Count: > 0 } errors ? [.. errors.Select(error => ((string?)(error.Field.StartsWith("event_ids", StringComparison.Ordinal) ? "event_ids" : error.Field), error.Field.StartsWith("event_ids[", StringComparison.Ordinal) ? $"{Nth(error.Field, visit)}{error.Message}" : error.Message))]
            : [(null, $"{problem.Title} {problem.WayOut}")],
    }, problem is null ? StatusCodes.Status200OK : StatusCodes.Status422UnprocessableEntity);

    /// <summary>Which of the records a fault is about, as people count.</summary>
    private static string Nth(string field, Visit visit) =>
        int.TryParse(field["event_ids[".Length..].TrimEnd(']'), NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? visit.T($"第 {index + 1} 条：", $"Record {index + 1}: ") : "";

    private static async Task<IResult> AskAsync(Visit visit, ApiClient api, Places places, CancellationToken cancel)
    {
        var service = visit.Form["service"].ToString();
        if (PathOf(service, places) is not { } path)
        {
            return Pipeline.NotFound();
        }

        var ids = visit.Form["event_ids"].ToString().Split([' ', ',', '，', '、', ';', '；', '\r', '\n', '\t'], StringSplitOptions.RemoveEmptyEntries);
        // What is no id would stop the reading of all: it is told as what it is, a record that is not there.
        var until = visit.Form["until"].ToString();
        var answer = await api.PostAsync<CaseOfOpening>(path, new
        {
            CaseNumber = visit.Form["case_number"].ToString().Trim(),
            Reason = visit.Form["reason"].ToString().Trim(),
            EventIds = ids.Select(id => Guid.TryParse(id, out var one) ? one : Guid.Empty).ToArray(),
            Names = visit.Form["names"].ToString().Split([' ', ',', '，', '、'], StringSplitOptions.RemoveEmptyEntries),
            Until = until.Length == 0 ? null : AuditPages.Moment(until, after: true),
        }, null, visit.Key, cancel);
        return answer.Succeeded ? visit.SeeOther($"/audit/openings/{service}/{answer.Value!.Id}") : AskPage(visit, places, answer.Problem);
    }

    private static async Task<IResult> ActAsync(string service, Guid id, Visit visit, ApiClient api, Places places, CancellationToken cancel)
    {
        if (PathOf(service, places) is not { } path)
        {
            return Pipeline.NotFound();
        }

        if (visit.Form["act"] == "values")
        {
            var values = await api.GetAsync<Listed<ValueOfOpening>>($"{path}/{id}/values", cancel);
            visit.Http.Response.Headers.CacheControl = "no-store";
            return values.Succeeded ? await ShowAsync(service, id, visit, api, places, values.Value!.Items, null, cancel) : await ShowAsync(service, id, visit, api, places, [], values.Problem, cancel);
        }

        var answer = visit.Form["act"] == "refuse"
            ? await api.PostAsync<CaseOfOpening>($"{path}/{id}/refuse", new { Reason = visit.Form["reason"].ToString().Trim() }, null, null, cancel)
            : await api.PostAsync<CaseOfOpening>($"{path}/{id}/approve", null, null, null, cancel);
        return answer.Succeeded ? visit.SeeOther($"/audit/openings/{service}/{id}") : await ShowAsync(service, id, visit, api, places, [], answer.Problem, cancel);
    }

    private static async Task<IResult> ShowAsync(string service, Guid id, Visit visit, ApiClient api, Places places, IReadOnlyList<ValueOfOpening> values, Problem? refused, CancellationToken cancel)
    {
        if (PathOf(service, places) is not { } path)
        {
            return Pipeline.NotFound();
        }

        var answer = await api.GetAsync<CaseOfOpening>($"{path}/{id}", cancel);
        return !answer.Succeeded ? visit.Refusal(answer.Problem) : visit.Page<OpeningPage, OpeningModel>(new OpeningModel
        {
            Service = service,
            ServiceName = AuditPages.Source(service, visit, places),
            Case = answer.Value!,
            Values = values,
            IsAsker = answer.Value!.AskedBy == visit.Person!.Subject,
            MayApprove = visit.Person.Has(Roles.Auditor) || (visit.Person.Has(Roles.Authority) && (service is "gateway" or "audit" || visit.Person.City == service)),
            Faults = refused is null ? [] : refused.Errors is { Count: > 0 } errors ? [.. errors.Select(error => ((string?)error.Field, error.Message))] : [(null, $"{refused.Title} {refused.WayOut}")],
        }, refused is null ? StatusCodes.Status200OK : StatusCodes.Status422UnprocessableEntity);
    }

    private static async Task<IResult> ErasuresAsync(Visit visit, ApiClient api, Places places, CancellationToken cancel)
    {
        var service = Chosen(visit, places);
        if (PathOf(service, places) is not { } path)
        {
            return Pipeline.NotFound();
        }

        var answer = await api.GetAsync<Listed<ErasureOfLog>>(AuditPages.With($"{path}/erasures", [], "cursor", visit.Http.Request.Query["cursor"]), cancel);
        var due = await api.GetAsync<MonthsDue>($"{path}/due", cancel);
        return !answer.Succeeded ? visit.Refusal(answer.Problem) : visit.Page<ErasuresPage, ErasuresModel>(new ErasuresModel
        {
            Service = service,
            Services = Services(visit, places),
            Items = answer.Value!.Items,
            Due = due.Value,
            Next = answer.Value.Next is { } next ? visit.Url(AuditPages.With("/audit/erasures", [new("service", service)], "cursor", next)) : null,
        });
    }
}

/// <summary>A case as the API tells it.</summary>
public sealed record CaseOfOpening
{
    public required Guid Id { get; init; }
    public required string CaseNumber { get; init; }
    public required string Reason { get; init; }

    /// <summary>Subject of the asker.</summary>
    public required string AskedBy { get; init; }

    public required DateTimeOffset AskedAt { get; init; }
    public required IReadOnlyList<Guid> EventIds { get; init; }
    public required IReadOnlyList<string> Names { get; init; }
    public required DateTimeOffset Until { get; init; }

    /// <summary>asked, approved, refused or ended.</summary>
    public required string State { get; init; }

    public required IReadOnlyList<string> Missing { get; init; }
    public DateTimeOffset? AuthorityApprovedAt { get; init; }
    public DateTimeOffset? AuditorApprovedAt { get; init; }
    public DateTimeOffset? RefusedAt { get; init; }
    public string? RefusalReason { get; init; }

    /// <summary>What can be done now.</summary>
    public required IReadOnlyDictionary<string, string> Links { get; init; }
}

/// <summary>What a record committed to.</summary>
public sealed record ValueOfOpening
{
    public required Guid EventId { get; init; }
    public required string Name { get; init; }

    /// <summary>open, erased or damaged.</summary>
    public required string State { get; init; }

    public string? Value { get; init; }
    public string? Key { get; init; }
    public string? Commitment { get; init; }
}

/// <summary>An erasure as the API tells it.</summary>
public sealed record ErasureOfLog
{
    public required Guid Id { get; init; }
    public required IReadOnlyList<Guid> EventIds { get; init; }
    public string? Month { get; init; }
    public required string Ground { get; init; }
    public required DateTimeOffset AskedAt { get; init; }
    public required string State { get; init; }
    public DateTimeOffset? ConfirmedAt { get; init; }
    public long? Erased { get; init; }
}

/// <summary>Months whose retention is over.</summary>
public sealed record MonthsDue(int RetentionYears, IReadOnlyList<string> Months);

/// <summary>What the list of cases shows.</summary>
public sealed record OpeningsModel
{
    public required string Service { get; init; }
    public required IReadOnlyList<Choice> Services { get; init; }
    public required IReadOnlyList<CaseOfOpening> Items { get; init; }
    public string? Next { get; init; }
}

/// <summary>What the form to ask shows.</summary>
public sealed record AskOpeningModel
{
    public required IReadOnlyList<Choice> Services { get; init; }
    public required string Service { get; init; }
    public required string Events { get; init; }
    public required IReadOnlyList<(string? Field, string Message)> Faults { get; init; }
}

/// <summary>What the page of a case shows.</summary>
public sealed record OpeningModel
{
    public required string Service { get; init; }
    public required string ServiceName { get; init; }
    public required CaseOfOpening Case { get; init; }
    public required IReadOnlyList<ValueOfOpening> Values { get; init; }
    public required bool IsAsker { get; init; }
    public required bool MayApprove { get; init; }
    public required IReadOnlyList<(string? Field, string Message)> Faults { get; init; }
}

/// <summary>What the page of erasures shows.</summary>
public sealed record ErasuresModel
{
    public required string Service { get; init; }
    public required IReadOnlyList<Choice> Services { get; init; }
    public required IReadOnlyList<ErasureOfLog> Items { get; init; }
    public MonthsDue? Due { get; init; }
    public string? Next { get; init; }
}
