using Exchange.Catalogue.Sharing;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Requests;

/// <summary>Takes a request back. Once it was submitted the act stays pending until the owning city has answered: withdrawn, or ended as not needed when approval won the race.</summary>
internal static class WithdrawRequest
{
    public sealed record Body
    {
        public string? Reason { get; init; }
    }

    public static void Map(RouteGroupBuilder requests) => requests.MapPost("/{id:guid}/withdraw", HandleAsync)
        .AllowPersons(Roles.Officer, Roles.SharingHead)
        .WritesOnce()
        .WithSummary("Takes the request back, or says that the granted data is no longer needed. Needs If-Match.");

    private static async Task<Results<Ok<RequestView>, Refused>> HandleAsync(Guid id, Body body, Caller caller, ActOnRequest act, HttpContext http, CancellationToken cancel)
    {
        var faults = new Faults();
        faults.RequireText("reason", body.Reason, null);
        return faults.Any
            ? new Refused(faults)
            : await act.RunAsync(id, Side.Asking, caller, http, _ => new SharingEvent.Withdraw(caller, body.Reason!), cancel);
    }
}
