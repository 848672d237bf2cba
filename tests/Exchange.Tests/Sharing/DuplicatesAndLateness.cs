using System.Text;
using Exchange.Catalogue.Deliveries;
using Exchange.Catalogue.Grants;
using Exchange.Catalogue.Requests;
using Exchange.Catalogue.Sharing;
using Exchange.Gateway.Federation;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using E = Exchange.Catalogue.Sharing.SharingEventName;
using S = Exchange.Catalogue.Sharing.SharingState;

namespace Exchange.Tests.Sharing;

/// <summary>
/// The three ways to come twice and the four to come late: which cells of the table answer each, and what stands guard beside the table. Cells are read from the code,
/// guards are named by it, so neither can say what is no longer there.
/// </summary>
internal sealed record DuplicatesAndLateness(string Kind, string What, IReadOnlyList<(E Event, S[] In)> Cells, IReadOnlyList<string> Guards)
{
    private static readonly S[] Received = [S.UnderReview, S.SupplementAsked, S.Decided, S.Approved, S.Refused, S.Active, S.Suspended, S.Terminated, S.Ended, S.Disposed, S.Archived, S.Withdrawn];
    private static readonly S[] Answered = [S.Approved, S.Refused, S.Active, S.Suspended, S.Terminated, S.Ended, S.Disposed, S.Archived];

    // A change of scope that is asked for while a grant runs sets the reply clock going again.
    private static readonly S[] Decided = [.. Answered.Except([S.Approved, S.Active])];

    /// <summary>They never give access again.</summary>
    public static readonly S[] Closed = [S.Refused, S.Terminated, S.Ended, S.Disposed, S.Archived, S.Withdrawn];

    /// <summary>Access was given once and taken away for good.</summary>
    public static readonly S[] Revoked = [S.Terminated, S.Ended, S.Disposed];

    public static readonly IReadOnlyList<DuplicatesAndLateness> All =
    [
        new(
            "Duplicate message",
            "The broker or the relay brings a message again, under its own id or (put back by hand, sent once more by its city) under another.",
            [
                (E.Receive, Received),
                (E.WithdrawReceived, [S.Withdrawn, .. Closed.Except([S.Withdrawn])]),
                (E.SourceAnswered, [S.Active, S.Suspended]),
                (E.StandingReply, Answered),
            ],
            [
                $"Same id: the inbox ({nameof(InboxFilter<object>)}) keeps message id and queue in the transaction of the effect; the second time there is none. The log's inbox is its table of event ids.",
                $"News for the mirror: `{nameof(SharingProcess)}.{nameof(SharingProcess.Follow)}` takes a higher version only (*ignore: {FollowedBefore()}*).",
                $"Changes of the catalogue: `{nameof(KnownDatasets)}` and `{nameof(CatalogueTables)}.{nameof(CatalogueTables.ApplyAsync)}` take a higher version only.",
            ]),
        new(
            "Duplicate command",
            "A person or program sends the same act again: a retry, a double click, a lost answer.",
            [
                (E.Draft, [S.Draft]),
                (E.SignOff, [S.SignedOff]),
                (E.Submit, [S.Submitted, S.UnderReview]),
                (E.Withdraw, [.. Closed]),
            ],
            [
                $"Same Idempotency-Key: the first answer once more (`{nameof(RouteWrites)}.{nameof(RouteWrites.WritesOnce)}`, in the act's transaction); {Of(RouteWrites.KeyReused)} for another act or body, {Of(RouteWrites.KeyInFlight)} while the first one runs.",
                $"Another key, but the version that was read before: {Of(RouteWrites.VersionChanged)}.",
                $"A second withdrawal while the first is on its way: {Of(SharingRules.AlreadyPending)}.",
            ]),
        new(
            "Duplicate decision",
            "Two persons decide, one after the other or at the same moment.",
            [
                (E.Propose, [S.Decided, .. Answered]),
                (E.SignOffReply, Answered),
                (E.StandingReply, [S.SupplementAsked, S.Decided]),
            ],
            [
                $"At the same moment: the UPDATE in `{nameof(SharingStore)}` names the version it read, the second one finds no row ({Of(RouteWrites.VersionChanged)}); a request has one grant by its primary key.",
            ]),
        new(
            "Late: after the decision",
            "The asking side acts, or its message arrives, when the reply is signed.",
            [
                (E.WithdrawReceived, [S.Approved, S.Active, S.Suspended, S.Refused]),
                (E.Receive, Answered),
                (E.Supplement, [S.Approved, S.Active, S.Refused]),
                (E.SupplementReceived, Answered),
                (E.ReplyReminder, Decided),
                (E.ReplyBreached, Decided),
                (E.ReplyEscalated, Decided),
            ],
            ["The approval stands, and a withdrawal that lost to it ends the grant (both orders of the race are cells)."]),
        new(
            "Late: after the end",
            "A source, a clock or a city speaks of a request that is closed.",
            [
                (E.SourceAnswered, Closed),
                (E.TermEnd, Closed),
                (E.WithdrawReceived, Closed),
                (E.DeliveryReminder, Closed),
                (E.DeliveryBreached, Closed),
                (E.DeliveryEscalated, Closed),
                (E.RepairBreached, Closed),
            ],
            [$"News of an earlier state at the mirror: a higher version only (*ignore: {FollowedBefore()}*)."]),
        new(
            "Late: after the revocation",
            "“Approved” or “active” comes once more when access was taken away. It never opens again.",
            [
                (E.StandingReply, Revoked),
                (E.SignOffReply, Revoked),
                (E.SourceAnswered, Revoked),
                (E.Resume, Revoked),
            ],
            [
                $"`{nameof(GrantTable)}.{nameof(GrantTable.OpenAsync)}` opens only what is `issued` or `suspended`; each reading asks the grant as it stands ({Of(Transfer.NotActive)}), never a message or the mirror.",
                "An old command with its key gets its old answer, and no grant.",
            ]),
        new(
            "Late: after the re-publication",
            "A request, a signature or a change names a version of an entry that was published anew or withdrawn meanwhile.",
            [
                (E.Receive, [S.None]),
                (E.Propose, [S.UnderReview]),
                (E.SignOffReply, [S.Decided]),
                (E.StandingReply, [S.UnderReview]),
            ],
            [
                $"The request is received and its clock runs; agreed to it can be only while the entry as it stands shares those items as they were asked for (`{nameof(GrantTable)}.{nameof(GrantTable.EntryStandsAsync)}`, {Of(SharingStore.EntryChanged)}).",
                $"A standing sign-off answers for its own version only ({Of(SharingRules.StandingOtherVersion)}); a person then answers.",
                $"An old change of the catalogue after a newer one, also after a withdrawal: a higher version only (`{nameof(KnownDatasets)}`, `{nameof(CatalogueTables)}.{nameof(CatalogueTables.ApplyAsync)}`); it keeps its number in the feed.",
            ]),
    ];

    public string Render(Func<SharingCell, string> cell)
    {
        var text = new StringBuilder().Append($"### {Kind}\n\n{What}\n\n| event | in | answer |\n| --- | --- | --- |\n");
        foreach (var (name, states) in Cells)
        {
            foreach (var answer in states.GroupBy(state => cell(SharingProcess.Cell(state, name))))
                text.Append($"| `{name.Word()}` | {string.Join(", ", answer.Select(state => state == S.None ? "(no row)" : $"`{state.Word()}`"))} | {answer.Key} |\n");
        }

        text.Append('\n');
        foreach (var guard in Guards)
            text.Append($"- {guard}\n");
        return text.Append('\n').ToString();
    }

    private static string Of(Rule rule) => $"{rule.Status} `{rule.Type}`";

    private static string FollowedBefore()
    {
        var mirror = Scene.In(S.Ended)!;
        return ((SharingOutcome.Ignored)SharingProcess.Follow(mirror, Scene.News(mirror))).Why;
    }
}
