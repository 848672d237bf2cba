using Dapper;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Npgsql;

namespace Exchange.Hosting.Openings;

/// <summary>The owning city's authority and the supervising body each say yes, or one of them no, also later: a refusal takes back what was approved.</summary>
internal static class DecideOpening
{
    public static void Map(RouteGroupBuilder openings)
    {
        openings.MapPost("/{id:guid}/approve", ApproveAsync).AllowPersons().Writes().WithSummary("批准开封 · Approve an opening: the owning city's authority and an auditor both must");
        openings.MapPost("/{id:guid}/refuse", RefuseAsync).AllowPersons().Writes().WithSummary("不同意开封 · Refuse an opening, or take an approval back");
    }

    private static async Task<Results<Ok<OpeningView>, Refused>> ApproveAsync(Guid id, Caller caller, Transaction transaction, ServiceSettings service, TimeProvider clock, CancellationToken cancel)
    {
        var now = clock.Now();
        var (opening, refused) = await FindAsync(transaction.Connection, id, caller, service, cancel);
        if (opening is null)
        {
            return refused!;
        }
        if (opening.AuthorityBy == caller.Subject || opening.AuditorBy == caller.Subject)
        {
            return new Refused(OpeningRules.TwoPersons);
        }
        // Whoever holds both roles speaks for the side that is missing.
        var side = opening.Missing.FirstOrDefault(missing => missing == Roles.Auditor ? caller.Has(Roles.Auditor) : caller.IsAuthority(service));
        if (side is null || await transaction.Connection.QuerySingleOrDefaultAsync<OpeningCase>(new CommandDefinition(
            side == Roles.Auditor ? ApproveAsAuditor : ApproveAsAuthority, new { id, caller.Subject, now }, cancellationToken: cancel)) is not { } approved)
        {
            return new Refused(OpeningRules.NotPending);
        }
        await transaction.RecordAsync(approved.Record("opening.approved", side, new(StringComparer.Ordinal) { ["approved_by"] = caller.Subject }), cancel);
        return TypedResults.Ok(OpeningView.Of(approved, service, now));
    }

    private static async Task<Results<Ok<OpeningView>, Refused>> RefuseAsync(Guid id, Refusal body, Caller caller, Transaction transaction, ServiceSettings service, TimeProvider clock, CancellationToken cancel)
    {
        var now = clock.Now();
        var (opening, refused) = await FindAsync(transaction.Connection, id, caller, service, cancel);
        if (opening is null)
        {
            return refused!;
        }
        var faults = new Faults();
        faults.RequireText("reason", body.Reason, null, longest: 1000);
        if (faults.Any)
        {
            return new Refused(faults);
        }
        var ended = await transaction.Connection.QuerySingleOrDefaultAsync<OpeningCase>(new CommandDefinition($"""
            update opening_cases set state = 'refused', refused_by = @Subject, refused_at = @now, refusal_reason = @Reason
            where case_id = @id and state in ('asked', 'approved') and until > @now
            returning {OpeningCase.Columns}
            """, new { id, caller.Subject, now, body.Reason }, cancellationToken: cancel));
        if (ended is null)
        {
            return new Refused(OpeningRules.NotPending);
        }
        await transaction.RecordAsync(ended.Record("opening.refused", "refused", new(StringComparer.Ordinal) { ["refused_by"] = caller.Subject, ["reason"] = body.Reason! }), cancel);
        return TypedResults.Ok(OpeningView.Of(ended, service, now));
    }

    private static async Task<(OpeningCase? Opening, Refused? Refused)> FindAsync(NpgsqlConnection connection, Guid id, Caller caller, ServiceSettings service, CancellationToken cancel)
    {
        if (!caller.MayApprove(service))
        {
            return (null, new Refused(OpeningRules.ApproversOnly));
        }
        var opening = await connection.QuerySingleOrDefaultAsync<OpeningCase>(new CommandDefinition(
            $"select {OpeningCase.Columns} from opening_cases where case_id = @id", new { id }, cancellationToken: cancel));
        return opening is null ? (null, Pipeline.NotFound())
            : opening.AskedBy == caller.Subject ? (null, new Refused(OpeningRules.TwoPersons))
            : (opening, null);
    }

    // Two who approve at once: the second UPDATE waits for the first one's row and then sees it, so the one that comes last completes the case and nobody counts twice.
    private const string ApproveAsAuthority = $"""
        update opening_cases set authority_by = @Subject, authority_at = @now, state = case when auditor_by is null then 'asked' else 'approved' end
        where case_id = @id and state = 'asked' and until > @now and authority_by is null and asked_by <> @Subject and auditor_by is distinct from @Subject
        returning {OpeningCase.Columns}
        """;

    private const string ApproveAsAuditor = $"""
        update opening_cases set auditor_by = @Subject, auditor_at = @now, state = case when authority_by is null then 'asked' else 'approved' end
        where case_id = @id and state = 'asked' and until > @now and auditor_by is null and asked_by <> @Subject and authority_by is distinct from @Subject
        returning {OpeningCase.Columns}
        """;

    internal sealed record Refusal
    {
        public string? Reason { get; init; }
    }
}
