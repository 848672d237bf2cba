using System.Globalization;
using Exchange.Gateway.Federation;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Requests;

/// <summary>The department's requests: who holds each of them, until when, and what is being written.</summary>
internal static class ListRequests
{
    private const int PageSize = 20;

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/requests", ShowAsync).ForSignedIn();
        pages.MapForm("/requests", DiscardAsync).ForSignedIn(Roles.Officer);
    }

    private static async Task<IResult> ShowAsync(Visit visit, ApiClient api, KeptForms kept, CatalogueIndex catalogue, string? group, string? state, string? cursor, CancellationToken cancel)
    {
        var person = visit.Person!;
        if (person.City is not { } city)
        {
            return visit.Page<RequestListPage, RequestListModel>(new RequestListModel());
        }

        var path = string.Create(CultureInfo.InvariantCulture, $"/api/cities/{city}/requests?limit={PageSize}");
        // One state, as where the start page counts them, or the several of a tab.
        state = Words.IsState(state) ? state : null;
        group = state is null && RequestGroups.StatesOf(group) is not null ? group : null;
        if ((state ?? (group is null ? null : string.Join(',', RequestGroups.StatesOf(group)!))) is { } states)
        {
            path += $"&state={states}";
        }

        var answer = await api.GetAsync<RequestList>(cursor is null ? path : $"{path}&cursor={Uri.EscapeDataString(cursor)}", cancel);
        var drafts = !person.Has(Roles.Officer) || cursor is not null ? [] : await kept.ListAsync(person.Subject, AskForData.Drafts, cancel);
        return visit.Page<RequestListPage, RequestListModel>(new RequestListModel
        {
            City = city,
            Group = group,
            State = state,
            Items = answer.Value?.Items ?? [],
            Next = answer.Value?.Next,
            IsFirst = cursor is null,
            Problem = answer.Problem,
            Live = cursor is null ? path : null,
            Writing = [.. drafts.Select(draft => Guid.TryParse(draft.Form[AskForData.Drafts.Length..], out var id) ? new RequestInWriting(id, catalogue.Current?.Find(id)?.Name, draft.KeptAt) : null).OfType<RequestInWriting>()],
        }, answer.Succeeded ? StatusCodes.Status200OK : answer.Status);
    }

    private static async Task<IResult> DiscardAsync(Visit visit, KeptForms kept, CancellationToken cancel)
    {
        if (Guid.TryParse(visit.Form["discard"], out var dataset))
        {
            await kept.ForgetAsync(visit.Person!.Subject, AskForData.Drafts + dataset, cancel);
        }

        return visit.SeeOther("/requests");
    }
}

/// <summary>What the list shows.</summary>
public sealed record RequestListModel
{
    /// <summary>Null for whoever belongs to no city.</summary>
    public string? City { get; init; }

    /// <summary>Null: all of them.</summary>
    public string? Group { get; init; }

    /// <summary>Only requests in this state; null: in any.</summary>
    public string? State { get; init; }

    public IReadOnlyList<RequestView> Items { get; init; } = [];

    /// <summary>Cursor of the next page.</summary>
    public string? Next { get; init; }

    public bool IsFirst { get; init; }

    public Problem? Problem { get; init; }

    /// <summary>Address of the API whose changes are followed.</summary>
    public string? Live { get; init; }

    public IReadOnlyList<RequestInWriting> Writing { get; init; } = [];
}

/// <summary>A request that its officer has begun to write and that the city does not know yet.</summary>
public sealed record RequestInWriting(Guid Dataset, string? Name, DateTimeOffset KeptAt);
