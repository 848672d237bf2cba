using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Requests;
using Exchange.Catalogue.Sharing;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Approvals;

/// <summary>Use beyond what was agreed: the provider or its data authority stops access at once and sets a date to put it right; then it resumes, or is terminated (暂停、恢复、终止, art. 27).</summary>
internal static class SuspendGrant
{
    public sealed record Body
    {
        /// <summary>What was found; told to the asking side.</summary>
        public string? Reason { get; init; }

        /// <summary>Last day to put it right, in Beijing.</summary>
        public DateOnly? RepairBy { get; init; }
    }

    public sealed record TerminateBody
    {
        /// <summary>Why what was put right is not enough.</summary>
        public string? Reason { get; init; }
    }

    public static void Map(RouteGroupBuilder approvals)
    {
        approvals.MapPost("/{id:guid}/suspend", SuspendAsync).AllowPersons(Roles.SharingHead, Roles.Authority).WritesOnce()
            .WithSummary("Stops access until misuse is put right; running transfers are cut (art. 27). Needs If-Match.");
        approvals.MapPost("/{id:guid}/resume", ResumeAsync).AllowPersons(Roles.SharingHead, Roles.Authority).WritesOnce()
            .WithSummary("Opens access again once misuse is put right (art. 27). Needs If-Match.");
        approvals.MapPost("/{id:guid}/terminate", TerminateAsync).AllowPersons(Roles.SharingHead, Roles.Authority).WritesOnce()
            .WithSummary("Ends access for good when misuse was not put right (art. 27). Needs If-Match.");
    }

    private static async Task<Results<Ok<RequestView>, Refused>> SuspendAsync(Guid id, Body body, Caller caller, ActOnRequest act, HttpContext http, CancellationToken cancel)
    {
        var faults = new Faults();
        faults.RequireText("reason", body.Reason, "第27条");
        if (body.RepairBy is null)
        {
            faults.Add("repair_by", "required", "第27条", new("请写明整改期限。", "Set the last day to put it right."));
        }

        return faults.Any ? new Refused(faults) : await act.RunAsync(id, Side.Owning, caller, http, _ => new SharingEvent.Suspend(caller, body.Reason!, body.RepairBy!.Value), cancel);
    }

    private static Task<Results<Ok<RequestView>, Refused>> ResumeAsync(Guid id, Caller caller, ActOnRequest act, HttpContext http, CancellationToken cancel) =>
        act.RunAsync(id, Side.Owning, caller, http, _ => new SharingEvent.Resume(caller), cancel);

    private static async Task<Results<Ok<RequestView>, Refused>> TerminateAsync(
        Guid id, TerminateBody body, Caller caller, ActOnRequest act, City city, WorkingDays days, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        var faults = new Faults();
        faults.RequireText("reason", body.Reason, "第27条");
        return faults.Any ? new Refused(faults) : await act.RunAsync(id, Side.Owning, caller, http, _ => new SharingEvent.Terminate(caller, body.Reason!, city.DisposalDue(days, clock)), cancel);
    }
}
