using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Approvals;

/// <summary>
/// What our department has to answer, by the last day: first what waits for the reader's own role, then everything else. A department's people of other roles see it too, and who has to act.
/// </summary>
internal static class ListApprovals
{
    private const int PerPage = 20;

    private static readonly string[] Open = ["under_review", "supplement_asked", "decided", "approved", "active", "suspended"];

    public static void Map(IEndpointRouteBuilder pages) => pages.MapPage("/approvals", ShowAsync).ForSignedIn(ApprovalsPages.Readers);

    private static async Task<IResult> ShowAsync(Visit visit, ApiClient api, Places places, CancellationToken cancel, string? state = null, string? from = null, string? cursor = null)
    {
        if (visit.Person is not { City: { } city, Department: not null } person)
        {
            return Visit.NoDepartment();
        }

        // A word of another release, or somebody's guess, is no filter.
        var chosen = state == "all" || (state is not null && ApprovalListModel.States.Contains(state, StringComparer.Ordinal)) ? state : "";
        var fromCity = from is not null && places.Cities.Contains(from, StringComparer.Ordinal) ? from : "";
        var filter = chosen switch { "" => $"&state={string.Join(',', Open)}", "all" => "", _ => $"&state={chosen}" };
        var path = $"/api/cities/{city}/approvals?sort=due&limit={PerPage}{filter}{(fromCity.Length > 0 ? $"&asking_city={fromCity}" : "")}";
        var listed = await api.GetAsync<RequestList>(path + (cursor is null ? "" : $"&cursor={Uri.EscapeDataString(cursor)}"), cancel);
        if (listed.Problem is { } problem)
        {
            return visit.Refusal(problem);
        }

        List<RequestView> mine = [];
        foreach (var role in new[] { Roles.Reviewer, Roles.SharingHead }.Where(role => cursor is null && person.Has(role)))
        {
            var waiting = await api.GetAsync<RequestList>($"/api/cities/{city}/approvals?sort=due&limit=50&waits_for={role}", cancel);
            mine.AddRange(waiting.Value?.Items ?? []);
        }

        mine = [.. mine.DistinctBy(view => view.Id).OrderBy(view => view.OwningDue?.On ?? DateOnly.MaxValue)];
        return visit.Page<ApprovalListPage, ApprovalListModel>(new ApprovalListModel
        {
            Mine = mine,
            HasDuty = person.Has(Roles.Reviewer, Roles.SharingHead),
            // What stands on top of the page is not told twice.
            Items = chosen.Length == 0 ? [.. listed.Value!.Items.Where(item => !mine.Exists(view => view.Id == item.Id))] : listed.Value!.Items,
            Next = listed.Value.Next,
            State = chosen,
            From = fromCity,
            Cursor = cursor,
            LivePath = path,
        });
    }
}

/// <summary>What the inbox shows.</summary>
public sealed record ApprovalListModel
{
    /// <summary>The states that can be chosen.</summary>
    public static readonly IReadOnlyList<string> States = ["under_review", "supplement_asked", "decided", "approved", "active", "suspended", "refused", "terminated", "ended", "disposed", "archived", "withdrawn"];

    /// <summary>What waits for the reader's role; on the first page only.</summary>
    public required IReadOnlyList<RequestView> Mine { get; init; }

    /// <summary>The reader has a role that requests wait for.</summary>
    public required bool HasDuty { get; init; }

    public required IReadOnlyList<RequestView> Items { get; init; }
    public string? Next { get; init; }

    /// <summary>Empty: what is open; all: everything; else one state.</summary>
    public required string State { get; init; }

    /// <summary>Asking city; empty: all.</summary>
    public required string From { get; init; }

    public string? Cursor { get; init; }
    public required string LivePath { get; init; }
}
