using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Requests;
using Exchange.Catalogue.Sharing;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Approvals;

/// <summary>A provider that has to end or change a running service consults the asking side, files it with its data authority, and only then acts (协商、备案, art. 27).</summary>
internal static class EndService
{
    public sealed record Body
    {
        /// <summary><c>end</c> or <c>change</c>.</summary>
        public string? Kind { get; init; }

        /// <summary>The good reason.</summary>
        public string? Reason { get; init; }

        /// <summary>From which day, in Beijing; after today.</summary>
        public DateOnly? EffectiveOn { get; init; }
    }

    public static void Map(RouteGroupBuilder approvals)
    {
        approvals.MapPost("/{id:guid}/consult", ConsultAsync).AllowPersons(Roles.SharingHead).WritesOnce()
            .WithSummary("Consults the asking side before a running service is ended or changed (art. 27). Needs If-Match.");
        approvals.MapPost("/{id:guid}/file", FileAsync).AllowPersons(Roles.SharingHead).WritesOnce()
            .WithSummary("Files what was consulted on with the city's data authority (art. 27). Needs If-Match.");
        approvals.MapPost("/{id:guid}/end-service", EndAsync).AllowPersons(Roles.SharingHead).WritesOnce()
            .WithSummary("Ends the running service after consultation and filing (art. 27). Needs If-Match.");
    }

    private static async Task<Results<Ok<RequestView>, Refused>> ConsultAsync(
        Guid id, Body body, Caller caller, ActOnRequest act, City city, WorkingDays days, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        var faults = new Faults();
        if (body.Kind is not ("end" or "change"))
        {
            faults.Add("kind", "one-of", "第27条", new("须为 end（终止）或 change（变更）。", "It is end or change."));
        }

        faults.RequireText("reason", body.Reason, "第27条");
        if (body.EffectiveOn is null)
        {
            faults.Add("effective_on", "required", "第27条", new("请写明生效日。", "Name the day from which it holds."));
        }

        var answerBy = days.Add(LegalDay.Of(clock.GetUtcNow()), city.Limits.ConsultationAnswer);
        return faults.Any
            ? new Refused(faults)
            : await act.RunAsync(id, Side.Owning, caller, http, _ => new SharingEvent.Consult(caller, body.Kind!, body.Reason!, body.EffectiveOn!.Value, answerBy), cancel);
    }

    private static Task<Results<Ok<RequestView>, Refused>> FileAsync(Guid id, Caller caller, ActOnRequest act, HttpContext http, CancellationToken cancel) =>
        act.RunAsync(id, Side.Owning, caller, http, _ => new SharingEvent.FileChange(caller), cancel);

    private static Task<Results<Ok<RequestView>, Refused>> EndAsync(Guid id, Caller caller, ActOnRequest act, City city, WorkingDays days, TimeProvider clock, HttpContext http, CancellationToken cancel) =>
        act.RunAsync(id, Side.Owning, caller, http, _ => new SharingEvent.EndService(caller, city.DisposalDue(days, clock)), cancel);
}
