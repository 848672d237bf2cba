using Exchange.Catalogue.Sharing;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Requests;

/// <summary>The asking department supplies what the provider's one notice named (补正, art. 21). What is asked for, fields and term, stays as it was signed.</summary>
internal static class SupplementRequest
{
    public sealed record Body
    {
        /// <summary>What answers the notice; attachments by where they can be had.</summary>
        public string? Note { get; init; }

        /// <summary>使用依据 anew; as before when left out.</summary>
        public string? LegalBasis { get; init; }

        /// <summary>使用场景 anew; as before when left out.</summary>
        public string? Scenario { get; init; }

        /// <summary>使用范围 anew; as before when left out.</summary>
        public string? Scope { get; init; }
    }

    public static void Map(RouteGroupBuilder requests) => requests.MapPost("/{id:guid}/supplement", HandleAsync)
        .AllowPersons(Roles.Officer)
        .WritesOnce()
        .WithSummary("Supplies what the provider named as missing (art. 21). Needs If-Match.");

    private static async Task<Results<Ok<RequestView>, Refused>> HandleAsync(Guid id, Body body, Caller caller, ActOnRequest act, HttpContext http, CancellationToken cancel)
    {
        var faults = new Faults();
        faults.RequireText("note", body.Note, "第21条");
        faults.CheckText("legal_basis", body.LegalBasis, "第20条");
        faults.CheckText("scenario", body.Scenario, "第20条");
        faults.CheckText("scope", body.Scope, "第20条");
        return faults.Any
            ? new Refused(faults)
            : await act.RunAsync(id, Side.Asking, caller, http, stored => new SharingEvent.Supplement(caller, body.Note!, stored.Texts with
            {
                LegalBasis = body.LegalBasis ?? stored.Texts.LegalBasis,
                Scenario = body.Scenario ?? stored.Texts.Scenario,
                Scope = body.Scope ?? stored.Texts.Scope,
            }), cancel);
    }
}
