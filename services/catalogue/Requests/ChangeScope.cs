using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Requests;

/// <summary>
/// The asking side needs a wider scope, another purpose or has a third party to pass the data on to (扩大范围、改变用途、转供, art. 25): an officer prepares it, the head
/// of the sharing office signs, and the provider decides anew. Until then the grant stays as it is.
/// </summary>
internal static class ChangeScope
{
    public sealed record Body
    {
        /// <summary>All data items that are to be granted; as before when left out.</summary>
        public IReadOnlyList<string>? Fields { get; init; }

        /// <summary>Another last day of use; as before when left out.</summary>
        public DateOnly? UseUntil { get; init; }

        /// <summary>The other or further purpose; as before when left out.</summary>
        public string? Scenario { get; init; }

        /// <summary>To whom the data is to be passed on; nobody when left out.</summary>
        public string? ThirdParty { get; init; }

        /// <summary>Why, and the law or duty it rests on.</summary>
        public string? Reason { get; init; }
    }

    public static void Map(RouteGroupBuilder requests)
    {
        requests.MapPost("/{id:guid}/change", AskAsync).AllowPersons(Roles.Officer).WritesOnce()
            .WithSummary("Prepares a change of scope, purpose or receivers (art. 25); it is sent once the head has signed it. Needs If-Match.");
        requests.MapPost("/{id:guid}/change/sign-off", SignOffAsync).AllowPersons(Roles.SharingHead).WritesOnce()
            .WithSummary("Signs a prepared change; another person than the one who prepared it (arts. 20, 25). Needs If-Match.");
        requests.MapPost("/{id:guid}/take-back", TakeBackAsync).AllowPersons(Roles.Officer, Roles.SharingHead).WritesOnce()
            .WithSummary("Takes back a change or a disposal that waits for its second person. Needs If-Match.");
    }

    private static async Task<Results<Ok<RequestView>, Refused>> AskAsync(Guid id, Body body, Caller caller, ActOnRequest act, Transaction transaction, SharingStore store, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        var faults = new Faults();
        if (body is { Fields: null, UseUntil: null, Scenario: null, ThirdParty: null })
        {
            faults.Add("fields", "no-change", "第25条", new("请至少填写一项变更：数据项、使用时限、使用场景或第三方。", "Name at least one change: data items, last day of use, purpose or third party."));
        }

        faults.RequireText("reason", body.Reason, "第25条");
        faults.CheckText("scenario", body.Scenario, "第25条");
        faults.CheckText("third_party", body.ThirdParty, "第25条");
        var today = LegalDay.Of(clock.GetUtcNow());
        if (body.UseUntil < today || body.UseUntil > today.AddYears(5))
        {
            faults.Add("use_until", "range", "第20条", new("使用时限须在今天之后、五年之内。", "The last day of use is not past and within five years."));
        }

        if (body.Fields is not null)
        {
            var entry = await store.FindAsync(id, Side.Asking, cancel) is { } stored ? await KnownDatasets.FindAsync(transaction, stored.Process.Ask.DatasetId, cancel) : null;
            DraftRequest.CheckFields(body.Fields, entry, faults);
        }

        return faults.Any
            ? new Refused(faults)
            : await act.RunAsync(id, Side.Asking, caller, http, _ => new SharingEvent.AskChange(caller, new ScopeChange
            {
                Fields = body.Fields,
                UseUntil = body.UseUntil,
                Scenario = body.Scenario,
                ThirdParty = body.ThirdParty,
                Reason = body.Reason!,
                AskedAt = clock.Now(),
            }), cancel);
    }

    private static Task<Results<Ok<RequestView>, Refused>> SignOffAsync(Guid id, Caller caller, ActOnRequest act, HttpContext http, CancellationToken cancel) =>
        act.RunAsync(id, Side.Asking, caller, http, _ => new SharingEvent.SignOffAskedChange(caller), cancel);

    private static Task<Results<Ok<RequestView>, Refused>> TakeBackAsync(Guid id, Caller caller, ActOnRequest act, HttpContext http, CancellationToken cancel) =>
        act.RunAsync(id, Side.Asking, caller, http, _ => new SharingEvent.TakeBack(caller), cancel);
}
