using Exchange.Catalogue.Sharing;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Requests;

/// <summary>The head of the asking department's sharing office signs (art. 20); then an officer sends the request to the owning city. From there on that city owns it.</summary>
internal static class SubmitRequest
{
    public static void Map(RouteGroupBuilder requests)
    {
        requests.MapPost("/{id:guid}/sign-off", SignOffAsync).AllowPersons(Roles.SharingHead).WritesOnce()
            .WithSummary("Signs a drafted request off; another person than the one who drafted it (art. 20). Needs If-Match.");
        requests.MapPost("/{id:guid}/submit", SubmitAsync).AllowPersons(Roles.Officer, Roles.SharingHead).WritesOnce()
            .WithSummary("Sends a signed request to the owning city; the reply clock starts (art. 21). Needs If-Match.");
    }

    private static Task<Results<Ok<RequestView>, Refused>> SignOffAsync(Guid id, Caller caller, ActOnRequest act, HttpContext http, CancellationToken cancel) =>
        act.RunAsync(id, Side.Asking, caller, http, _ => new SharingEvent.SignOff(caller), cancel);

    private static Task<Results<Ok<RequestView>, Refused>> SubmitAsync(Guid id, Caller caller, ActOnRequest act, AuditWatch audit, HttpContext http, CancellationToken cancel) =>
        act.RunAsync(id, Side.Asking, caller, http, _ => new SharingEvent.Submit(caller), cancel, _ => audit.Refusal);
}
