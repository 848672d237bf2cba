using Exchange.Catalogue.Sharing;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Requests;

/// <summary>What the acts of both sides on a stored request have in common: find it, guard the version, let the process decide, answer with the new view.</summary>
internal sealed class ActOnRequest(Transaction transaction, SharingStore store, RequestViews views)
{
    /// <param name="id">The exchange.</param>
    /// <param name="side">Which city's row.</param>
    /// <param name="caller">Who acts.</param>
    /// <param name="http">For the version that was read.</param>
    /// <param name="event">Makes the event from the request as it stands.</param>
    /// <param name="cancel">Ends it with the request.</param>
    /// <param name="unless">What forbids the act whatever the process says; null when nothing does.</param>
    public async Task<Results<Ok<RequestView>, Refused>> RunAsync(Guid id, Side side, Caller caller, HttpContext http, Func<StoredRequest, SharingEvent> @event, CancellationToken cancel,
        Func<StoredRequest, Refused?>? unless = null)
    {
        var stored = await store.FindAsync(id, side, cancel);
        if (stored is null || !ReadRequests.MaySee(caller, stored))
        {
            return Pipeline.NotFound(stored is null ? null : SharingRules.WrongDepartment);
        }

        if (http.IfMatch(stored.Process.Version) is { } stale)
        {
            return stale;
        }

        if (unless?.Invoke(stored) is { } forbidden)
        {
            return forbidden;
        }

        return await store.ApplyAsync(stored, @event(stored), cancel) switch
        {
            SharingOutcome.Refused refused => new Refused(refused.Rule, refused.Detail),
            _ => await AnswerAsync(id, side, http, cancel),
        };
    }

    public async Task<Results<Ok<RequestView>, Refused>> AnswerAsync(Guid id, Side side, HttpContext http, CancellationToken cancel)
    {
        var view = await ReadRequests.ViewAsync(transaction.Connection, id, side, views, cancel);
        http.SetETag(view!.Version);
        return TypedResults.Ok(view);
    }
}
