using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Requests;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Approvals;

/// <summary>The provider asks for a longer reply clock, its city's data authority consents or does not, and the asking side is told (延期, art. 21).</summary>
internal static class ExtendReply
{
    public sealed record Body
    {
        /// <summary>How many working days more; at most ten in total.</summary>
        public int? WorkingDays { get; init; }

        /// <summary>Why; told to the asking side when it is consented to.</summary>
        public string? Reason { get; init; }
    }

    public static void Map(RouteGroupBuilder approvals)
    {
        approvals.MapPost("/{id:guid}/extend", AskAsync).AllowPersons(Roles.Reviewer).WritesOnce()
            .WithSummary("Asks the city's data authority for a longer reply clock (art. 21). Needs If-Match.");
        approvals.MapPost("/{id:guid}/answer-extension", AnswerAsync).AllowPersons(Roles.Authority).WritesOnce()
            .WithSummary("The data authority consents to the extension or denies it (art. 21). Needs If-Match.");
    }

    private static async Task<Results<Ok<RequestView>, Refused>> AskAsync(Guid id, Body body, Caller caller, ActOnRequest act, City city, HttpContext http, CancellationToken cancel)
    {
        var faults = new Faults();
        if (body.WorkingDays is not (>= 1 and <= SharingProcess.LongestExtension))
        {
            faults.Add("working_days", "range", "第21条", new($"须为一至{SharingProcess.LongestExtension}个工作日。", $"It is 1 to {SharingProcess.LongestExtension} working days."));
        }

        faults.RequireText("reason", body.Reason, "第21条");
        return faults.Any
            ? new Refused(faults)
            : await act.RunAsync(id, Side.Owning, caller, http, stored => new SharingEvent.Extend(caller, body.WorkingDays!.Value, body.Reason!, AtMost(stored.Process.Ask)), cancel);

        int AtMost(Ask ask) => ask.SharingClass == SharingClass.Unconditional && !city.Limits.ExtendUnconditional ? 0 : city.Limits.Extension;
    }

    private static async Task<Results<Ok<RequestView>, Refused>> AnswerAsync(Guid id, Consent body, Caller caller, ActOnRequest act, WorkingDays days, HttpContext http, CancellationToken cancel)
    {
        var faults = body.Check("第21条", longest: 2000);
        return faults.Any
            ? new Refused(faults)
            : await act.RunAsync(id, Side.Owning, caller, http, stored => new SharingEvent.AnswerExtension(caller, body.Given!.Value, body.Reason, Longer(stored.Process)), cancel);

        // Counted from the last day there was, not from today: an early consent gives no less.
        LegalDate? Longer(SharingRequest request) => request is { ReplyDue: { } due, ExtensionAsked: { } asked } ? days.Add(due.On, asked.WorkingDays) : null;
    }
}
