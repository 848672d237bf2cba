using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Home;

/// <summary>What waits for this person: counted from the lists of the person's city, so that each number is as long as the page behind it.</summary>
internal static class WaitingList
{
    private const int Counted = 50;

    /// <summary>A city that takes longer is named instead: the start page is for those who are in a hurry too.</summary>
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(2);

    private static readonly (string Role, string List, string Page, string State, Text Name)[] Lists =
    [
        (Roles.Reviewer, "approvals", "/approvals", "under_review", new("件申请待审核", "to review")),
        (Roles.SharingHead, "approvals", "/approvals", "decided", new("件答复待签批", "replies to sign")),
        (Roles.SharingHead, "requests", "/requests?state=draft", "draft", new("件申请待签批", "requests to sign")),
        (Roles.Officer, "requests", "/requests?state=signed_off", "signed_off", new("件申请待提交", "requests to submit")),
        (Roles.Officer, "requests", "/requests?state=supplement_asked", "supplement_asked", new("件申请待补正", "requests to supplement")),
    ];

    /// <summary>The lists of the API that this person's numbers come from.</summary>
    public static IReadOnlyList<string> Of(Person? person) => person is not { City: { } city, Department: not null } ? []
        : [.. Lists.Where(list => person.Has(list.Role)).Select(list => $"/api/cities/{city}/{list.List}?state={list.State}&limit={Counted}")];

    public static async Task<IReadOnlyList<WaitingLine>> ReadAsync(Visit visit, ApiClient api, CancellationToken cancel)
    {
        var lists = visit.Person is { } person ? Lists.Where(list => person.Has(list.Role)).ToList() : [];
        using var soon = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        soon.CancelAfter(AnswerWithin);
        return await Task.WhenAll(Of(visit.Person).Zip(lists, async (path, list) =>
        {
            try
            {
                var answer = await api.GetAsync<Page>(path, soon.Token);
                return new WaitingLine(list.Page, visit.T(list.Name), answer.Value?.Items.Count, answer.Value?.Next is not null);
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                return new WaitingLine(list.Page, visit.T(list.Name), null, false);
            }
        }));
    }

    private sealed record Page
    {
        public IReadOnlyList<object> Items { get; init; } = [];
        public string? Next { get; init; }
    }
}

/// <summary>One kind of thing that waits.</summary>
/// <param name="Path">The page that lists them.</param>
/// <param name="Name">What they are.</param>
/// <param name="Count">Null when the city did not answer.</param>
/// <param name="More">There are more than were counted.</param>
public sealed record WaitingLine(string Path, string Name, int? Count, bool More);
