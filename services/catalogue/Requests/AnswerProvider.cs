using Exchange.Catalogue.Sharing;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Requests;

/// <summary>During use the asking side answers the provider: what it has put right after a suspension, and what it says to a service that is to end or change (art. 27).</summary>
internal static class AnswerProvider
{
    public sealed record RepairBody
    {
        /// <summary>What was put right, and how it can be seen.</summary>
        public string? Note { get; init; }
    }

    public sealed record ConsultationBody
    {
        /// <summary>True when the asking side agrees.</summary>
        public bool? Agree { get; init; }

        /// <summary>Its position.</summary>
        public string? Answer { get; init; }
    }

    public static void Map(RouteGroupBuilder requests)
    {
        requests.MapPost("/{id:guid}/report-repair", RepairAsync).AllowPersons(Roles.Officer, Roles.SharingHead).WritesOnce()
            .WithSummary("Tells the provider what was put right while access is suspended (art. 27). Needs If-Match.");
        requests.MapPost("/{id:guid}/answer-consultation", ConsultationAsync).AllowPersons(Roles.SharingHead).WritesOnce()
            .WithSummary("Answers the provider's consultation about ending or changing the service (art. 27). Needs If-Match.");
    }

    private static async Task<Results<Ok<RequestView>, Refused>> RepairAsync(Guid id, RepairBody body, Caller caller, ActOnRequest act, HttpContext http, CancellationToken cancel)
    {
        var faults = new Faults();
        faults.RequireText("note", body.Note, "第27条");
        return faults.Any ? new Refused(faults) : await act.RunAsync(id, Side.Asking, caller, http, _ => new SharingEvent.ReportRepair(caller, body.Note!), cancel);
    }

    private static async Task<Results<Ok<RequestView>, Refused>> ConsultationAsync(Guid id, ConsultationBody body, Caller caller, ActOnRequest act, HttpContext http, CancellationToken cancel)
    {
        var faults = new Faults();
        if (body.Agree is null)
        {
            faults.Add("agree", "required", "第27条", new("须为 true（同意）或 false（不同意）。", "It is true or false."));
        }

        faults.RequireText("answer", body.Answer, "第27条");
        return faults.Any ? new Refused(faults) : await act.RunAsync(id, Side.Asking, caller, http, _ => new SharingEvent.AnswerConsultation(caller, body.Agree!.Value, body.Answer!), cancel);
    }
}
