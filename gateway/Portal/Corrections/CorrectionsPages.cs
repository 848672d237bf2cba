using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Corrections;

/// <summary>Errors reported in data (校核, art. 26): those we have to answer, and those we filed.</summary>
internal static class CorrectionsPages
{
    private const int PerPage = 20;

    private static readonly string[] Readers = [Roles.Officer, Roles.Reviewer, Roles.SharingHead, Roles.DepartmentHead, Roles.Authority];

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/corrections", ListAsync).ForSignedIn(Readers);
        pages.MapPage("/corrections/{id:guid}", (Guid id, Visit visit, ApiClient api, CancellationToken cancel) => PageAsync(id, visit, api, FormFaults.None, StatusCodes.Status200OK, cancel)).ForSignedIn(Readers);
        pages.MapForm("/corrections/{id:guid}", AnswerAsync).ForSignedIn(Roles.Reviewer);
    }

    private static async Task<IResult> ListAsync(Visit visit, ApiClient api, CancellationToken cancel, string? state = null, string? cursor = null)
    {
        if (visit.Person is not { City: { } city, Department: not null })
        {
            return Visit.NoDepartment();
        }

        var chosen = state is "filed" or "received" or "answered" ? state : "";
        var path = $"/api/cities/{city}/corrections?limit={PerPage}{(chosen.Length > 0 ? $"&state={chosen}" : "")}";
        var listed = api.GetAsync<CorrectionList>(path + (cursor is null ? "" : $"&cursor={Uri.EscapeDataString(cursor)}"), cancel);
        // What has to be answered stands on top whatever page is turned to; nobody leaves more than these open.
        var open = cursor is null && chosen.Length == 0 ? api.GetAsync<CorrectionList>($"/api/cities/{city}/corrections?limit=200&state=received", cancel) : null;
        var answer = await listed;
        return answer.Value is { } list
            ? visit.Page<CorrectionListPage, CorrectionListModel>(new CorrectionListModel
            {
                Open = open is null ? [] : [.. ((await open).Value?.Items ?? []).Where(correction => correction.Link("answer") is not null).OrderBy(correction => correction.Due?.On ?? DateOnly.MaxValue)],
                Items = list.Items,
                Next = list.Next,
                State = chosen,
                Cursor = cursor,
                LivePath = path,
            })
            : visit.Refusal(answer.Problem!);
    }

    private static async Task<IResult> AnswerAsync(Guid id, Visit visit, ApiClient api, CancellationToken cancel)
    {
        var form = visit.Form;
        var body = new AnswerBody(FormRead.Text(form["result"]), FormRead.Text(form["explanation"]), FormRead.Day(form["error_from"]), FormRead.Day(form["error_to"]));
        var answer = await api.PostAsync<CorrectionView>($"/api/cities/{visit.Person!.City}/corrections/{id}/answer", body, visit.Version, visit.Key, cancel);
        return answer.Problem is { } problem
            ? await PageAsync(id, visit, api, FormFaults.Of(problem, field => field is "result" or "explanation" or "error_from" or "error_to" ? field : null), problem.Status, cancel)
            : visit.SeeOther($"/corrections/{id}?done=answered");
    }

    private static async Task<IResult> PageAsync(Guid id, Visit visit, ApiClient api, FormFaults faults, int status, CancellationToken cancel)
    {
        if (visit.Person is not { City: { } city, Department: not null })
        {
            return Visit.NoDepartment();
        }

        var path = $"/api/cities/{city}/corrections/{id}";
        var answer = await api.GetAsync<CorrectionView>(path, cancel);
        if (answer.Value is not { } correction)
        {
            return visit.Refusal(answer.Problem!);
        }

        var entry = await api.GetAsync<NamedEntry>($"/api/catalogue/datasets/{correction.DatasetId}", cancel);
        return visit.Page<CorrectionPage, CorrectionModel>(new CorrectionModel
        {
            Correction = correction,
            EntryName = entry.Value?.Name,
            Faults = faults,
            Done = status == StatusCodes.Status200OK && visit.Http.Request.Query["done"] == "answered",
            LivePath = path,
            Owning = correction.Links.Any(link => link.Rel == "exchange" && link.Href.Contains("/approvals/", StringComparison.Ordinal)),
        }, status);
    }

    private sealed record AnswerBody(string? Result, string? Explanation, DateOnly? ErrorFrom, DateOnly? ErrorTo);

    /// <summary>The entry by its name.</summary>
    private sealed record NamedEntry(string? Name);
}

/// <summary>What the list shows.</summary>
public sealed record CorrectionListModel
{
    /// <summary>Those we have to answer, soonest due first.</summary>
    public required IReadOnlyList<CorrectionView> Open { get; init; }

    public required IReadOnlyList<CorrectionView> Items { get; init; }
    public string? Next { get; init; }
    public required string State { get; init; }
    public string? Cursor { get; init; }
    public required string LivePath { get; init; }
}

/// <summary>What the page of one correction shows.</summary>
public sealed record CorrectionModel
{
    public required CorrectionView Correction { get; init; }
    public string? EntryName { get; init; }
    public required FormFaults Faults { get; init; }
    public bool Done { get; init; }
    public required string LivePath { get; init; }

    /// <summary>We provide the data; false: we reported the error.</summary>
    public required bool Owning { get; init; }
}
