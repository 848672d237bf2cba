using Dapper;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Exchange.Hosting.Openings;

/// <summary>What was asked to be erased, and which months are due. Nothing goes by itself: two persons decide.</summary>
internal static class ReadErasures
{
    public static void Map(RouteGroupBuilder openings)
    {
        openings.MapGet("/erasures", ListAsync).AllowPersons().WithSummary("销毁列表 · Erasures, newest first");
        openings.MapGet("/due", DueAsync).AllowPersons().WithSummary("保存期满的月份 · Months whose retention is over and that were not erased");
    }

    private static async Task<Results<Ok<ErasurePage>, Refused>> ListAsync(Caller caller, Database database, ServiceSettings service, string? cursor, int? limit, CancellationToken cancel)
    {
        if (!caller.MayApprove(service))
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
        var rows = (await connection.QueryAsync<Erasure>(new CommandDefinition($"""
            select {Erasure.Columns} from opening_erasures where @before::uuid is null or erasure_id < @before order by erasure_id desc limit @Limit
            """, new { before, Limit = size + 1 }, cancellationToken: cancel))).AsList();
        return TypedResults.Ok(new ErasurePage([.. rows.Take(size).Select(ErasureView.Of)], rows.Count > size ? Pages.Cursor(rows[size - 1].ErasureId) : null));
    }

    private static async Task<Results<Ok<DueMonths>, Refused>> DueAsync(Caller caller, Database database, ServiceSettings service, TimeProvider clock, CancellationToken cancel)
    {
        if (!caller.MayApprove(service))
        {
            return new Refused(OpeningRules.ApproversOnly);
        }
        // Months sort as texts. The newest one that is due has ended before this one began.
        var oldestKept = Month.Of(clock.Now().AddYears(-service.OpeningYears)).ToString();
        await using var connection = await database.OpenAsync(cancel);
        var months = (await connection.QueryAsync<string>(new CommandDefinition(
            "select month from opening_months where month < @oldestKept and erasure_id is null order by month", new { oldestKept }, cancellationToken: cancel))).AsList();
        return TypedResults.Ok(new DueMonths(service.OpeningYears, months));
    }
}

/// <param name="Items">Newest first.</param>
/// <param name="Next">Cursor of the next page; absent on the last.</param>
internal sealed record ErasurePage(IReadOnlyList<ErasureView> Items, string? Next);

/// <param name="RetentionYears">How long openings are kept.</param>
/// <param name="Months">Months in Beijing, oldest first.</param>
internal sealed record DueMonths(int RetentionYears, IReadOnlyList<string> Months);
