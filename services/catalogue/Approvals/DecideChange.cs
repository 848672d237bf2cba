using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Requests;
using Exchange.Catalogue.Sharing;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Approvals;

/// <summary>A wider scope, another purpose or a third party is decided on like the request was: a reviewer proposes, the head signs (art. 25). The grant changes with the signature.</summary>
internal static class DecideChange
{
    public static void Map(RouteGroupBuilder approvals)
    {
        approvals.MapPost("/{id:guid}/change/decide", ProposeAsync).AllowPersons(Roles.Reviewer).WritesOnce()
            .WithSummary("Proposes to approve or to refuse a change of scope, purpose or receivers (art. 25); proposing again replaces it. Needs If-Match.");
        approvals.MapPost("/{id:guid}/change/sign-off", SignOffAsync).AllowPersons(Roles.SharingHead).WritesOnce()
            .WithSummary("Signs the decision on a change; another person than the one who proposed it (arts. 20, 25). Needs If-Match.");
    }

    private static async Task<Results<Ok<RequestView>, Refused>> ProposeAsync(
        Guid id, DecideRequest.Body body, Caller caller, ActOnRequest act, SharingStore store, PublishedEntries entries, HttpContext http, CancellationToken cancel)
    {
        var faults = await DecideRequest.CheckAsync(id, body, caller, store, entries, cancel);
        return faults.Any
            ? new Refused(faults)
            : await act.RunAsync(id, Side.Owning, caller, http, _ => new SharingEvent.ProposeChange(caller, DecideRequest.ProposalOf(body)), cancel);
    }

    private static Task<Results<Ok<RequestView>, Refused>> SignOffAsync(Guid id, Caller caller, ActOnRequest act, AuditWatch audit, HttpContext http, CancellationToken cancel) =>
        act.RunAsync(id, Side.Owning, caller, http, _ => new SharingEvent.SignOffChange(caller), cancel,
            stored => stored.Process.Proposal is { Decision: SharingDecision.Approve } ? audit.Refusal : null);
}
