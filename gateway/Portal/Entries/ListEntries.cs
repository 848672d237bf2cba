
namespace Exchange.Gateway.Portal.Entries;

/// <summary>Our department's entries in all states, with what has to be done next and by whom.</summary>
internal static class ListEntries
{
    private const int PerPage = 20;

    public static void Map(IEndpointRouteBuilder pages) => pages.MapPage("/entries", ShowAsync).ForSignedIn(EntriesPages.Readers);

    private static async Task<IResult> ShowAsync(Visit visit, ApiClient api, CancellationToken cancel, string? state = null, string? q = null, string? cursor = null)
    {
        if (visit.Person is not { City: { } city, Department: { } department })
        {
            return Visit.NoDepartment();
        }

        var chosen = state is not null && EntryWords.All.Contains(state, StringComparer.Ordinal) ? state : "";
        var name = q?.Trim() is { Length: > 100 } long100 ? long100[..100] : q?.Trim() ?? "";
        var path = $"/api/cities/{city}/datasets?department={department}&limit={PerPage}{(chosen.Length > 0 ? $"&state={chosen}" : "")}{(name.Length > 0 ? $"&q={Uri.EscapeDataString(name)}" : "")}";
        var answer = await api.GetAsync<OwnEntries>(path + (cursor is null ? "" : $"&cursor={Uri.EscapeDataString(cursor)}"), cancel);
        return answer.Value is { } page
            ? visit.Page<EntryListPage, EntryListModel>(new EntryListModel { Items = page.Items, Next = page.Next, State = chosen, Q = name, Cursor = cursor })
            : visit.Refusal(answer.Problem!);
    }
}

/// <summary>A page of entries.</summary>
public sealed record OwnEntries
{
    public IReadOnlyList<OwnEntry> Items { get; init; } = [];
    public string? Next { get; init; }
}

/// <summary>What the list of our entries shows.</summary>
public sealed record EntryListModel
{
    public required IReadOnlyList<OwnEntry> Items { get; init; }
    public string? Next { get; init; }
    public required string State { get; init; }
    public required string Q { get; init; }
    public string? Cursor { get; init; }
}
