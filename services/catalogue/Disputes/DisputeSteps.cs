using Exchange.Catalogue.Requests;
using Exchange.Catalogue.Sharing;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Disputes;

/// <summary>
/// A dispute about an exchange (争议, art. 28): the two negotiate; then the two cities' common superior authority (a setting of the city) coordinates; then its government
/// decides. The asking side raises it or adds its position; the rest is written down where the request is owned.
/// </summary>
internal static class DisputeSteps
{
    private static readonly string[] Kinds = ["position", "settled", "to_superior", "superior_decision", "to_government", "government_decision"];

    public sealed record PositionBody
    {
        /// <summary>What the asking side holds, and why.</summary>
        public string? Position { get; init; }
    }

    public sealed record StepBody
    {
        /// <summary>position, settled, to_superior, superior_decision, to_government or government_decision.</summary>
        public string? Kind { get; init; }

        /// <summary>The position, or what was agreed or decided and by which document.</summary>
        public string? Text { get; init; }
    }

    public static void Map(RouteGroupBuilder requests, IEndpointRouteBuilder routes)
    {
        requests.MapPost("/{id:guid}/dispute", RaiseAsync).AllowPersons(Roles.SharingHead).WritesOnce()
            .WithSummary("Raises a dispute about the exchange, or adds the asking side's position (art. 28). Needs If-Match.");
        routes.MapPost("/disputes/{id:guid}/step", StepAsync).AllowPersons(Roles.SharingHead, Roles.Authority).WritesOnce().WithTags("disputes")
            .WithSummary("Writes down a step of the dispute: negotiation, the superior authority's coordination, its government's decision (art. 28). Needs If-Match.");
    }

    private static async Task<Results<Ok<RequestView>, Refused>> RaiseAsync(Guid id, PositionBody body, Caller caller, ActOnRequest act, HttpContext http, CancellationToken cancel)
    {
        var faults = new Faults();
        faults.RequireText("position", body.Position, "第28条");
        return faults.Any ? new Refused(faults) : await act.RunAsync(id, Side.Asking, caller, http, _ => new SharingEvent.Dispute(caller, body.Position!), cancel);
    }

    private static async Task<Results<Ok<RequestView>, Refused>> StepAsync(Guid id, StepBody body, Caller caller, ActOnRequest act, City city, HttpContext http, CancellationToken cancel)
    {
        var faults = new Faults();
        if (!Kinds.Contains(body.Kind, StringComparer.Ordinal))
        {
            faults.Add("kind", "one-of", "第28条", new($"须为 {string.Join("、", Kinds)} 之一。", $"It is one of {string.Join(", ", Kinds)}."));
        }

        faults.RequireText("text", body.Text, "第28条");
        return faults.Any ? new Refused(faults) : await act.RunAsync(id, Side.Owning, caller, http, _ => new SharingEvent.DisputeStep(caller, body.Kind!, body.Text!, To(body.Kind!)), cancel);

        string? To(string kind) => kind switch { "to_superior" => city.Superior, "to_government" => city.SuperiorGovernment, _ => null };
    }
}
