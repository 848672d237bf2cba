using Dapper;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Exchange.Hosting.Openings;

/// <summary>Where a case stands and whose word is missing, for the asker and those who approve.</summary>
internal static class ReadOpenings
{
    public static void Map(RouteGroupBuilder openings)
    {
        openings.MapGet("", ListAsync).AllowPersons().WithSummary("开封申请列表 · Cases: the caller's own, or all for those who approve; newest first");
        openings.MapGet("/{id:guid}", ShowAsync).AllowPersons().WithSummary("开封申请 · One case and who must still approve it");
    }

    private static async Task<Results<Ok<OpeningPage>, Refused>> ListAsync(Caller caller, Database database, ServiceSettings service, TimeProvider clock, string? cursor, int? limit, CancellationToken cancel)
    {
        if (!caller.MayApprove(service) && !caller.Has(Roles.CaseAuditor))
        {
            return new Refused(OpeningRules.ApproversOnly);
        }
        var faults = new Faults();
        var size = Pages.Limit(limit, faults);
        var before = Pages.After(cursor, faults);
        if (faults.Any)
        {
            return new Refused(faults);
        }
        await using var connection = await database.OpenAsync(cancel);
        var rows = (await connection.QueryAsync<OpeningCase>(new CommandDefinition($"""
            select {OpeningCase.Columns} from opening_cases
            where (@All or asked_by = @Subject) and (@before::uuid is null or case_id < @before)
            order by case_id desc limit @Limit
            """, new { All = caller.MayApprove(service), caller.Subject, before, Limit = size + 1 }, cancellationToken: cancel))).AsList();
        return TypedResults.Ok(new OpeningPage(
            [.. rows.Take(size).Select(row => OpeningView.Of(row, service, clock.Now()))],
            rows.Count > size ? Pages.Cursor(rows[size - 1].CaseId) : null));
    }

    private static async Task<Results<Ok<OpeningView>, Refused>> ShowAsync(Guid id, Caller caller, Database database, ServiceSettings service, TimeProvider clock, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var opening = await connection.QuerySingleOrDefaultAsync<OpeningCase>(new CommandDefinition(
            $"select {OpeningCase.Columns} from opening_cases where case_id = @id", new { id }, cancellationToken: cancel));
        return opening is null || !(caller.MayApprove(service) || opening.AskedBy == caller.Subject)
            ? Pipeline.NotFound(opening is null ? null : OpeningRules.ApproversOnly)
            : TypedResults.Ok(OpeningView.Of(opening, service, clock.Now()));
    }
}

/// <param name="Items">Newest first.</param>
/// <param name="Next">Cursor of the next page; absent on the last.</param>
internal sealed record OpeningPage(IReadOnlyList<OpeningView> Items, string? Next);
