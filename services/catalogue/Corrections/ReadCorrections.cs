using Dapper;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Corrections;

/// <summary>Reads corrections: the department of either side its own, the authority its city's.</summary>
internal static class ReadCorrections
{
    public static void Map(RouteGroupBuilder corrections)
    {
        corrections.MapGet("", ListAsync).AllowCallers().WithSummary("Corrections that the caller's department has filed or has to answer, newest first (art. 26); exchange gives those of one exchange.");
        corrections.MapGet("/{id:guid}", GetAsync).AllowCallers().WithSummary("One correction with its due date, its result and what can be done next.");
    }

    private static async Task<Results<Ok<CorrectionList>, Refused>> ListAsync(
        Caller caller, Database database, ServiceSettings service, string? state, Guid? exchange, int? limit, string? cursor, CancellationToken cancel)
    {
        var faults = new Faults();
        var size = Pages.Limit(limit, faults);
        var after = Pages.After(cursor, faults);
        if (state is not (null or "filed" or "received" or "answered"))
        {
            faults.Add("state", "unknown", null, new("没有这个状态。", "There is no such state."));
        }

        if (faults.Any)
        {
            return new Refused(faults);
        }

        await using var connection = await database.OpenAsync(cancel);
        // Of a city that asks itself the authority sees the row that counts.
        var rows = (await connection.QueryAsync<Correction>(new CommandDefinition($"""
            select * from (
                select distinct on (correction_id) {Correction.Columns}
                from corrections
                where @mine and (@authority or case when side = 'asking' then asking_department else owning_department end = @Department)
                  and (@after::uuid is null or correction_id < @after)
                  and (@exchange::uuid is null or exchange_id = @exchange)
                order by correction_id desc, side desc) c
            where @state::text is null or state = @state
            order by correction_id desc
            limit @size
            """, new { mine = caller.City == service.Name, authority = caller.Has(Roles.Authority), caller.Department, after, state, exchange, size = size + 1 }, cancellationToken: cancel))).AsList();
        var page = rows.Take(size).ToList();
        return TypedResults.Ok(new CorrectionList([.. page.Select(c => CorrectionView.Of(c, service.PublicAddress))], rows.Count > size ? Pages.Cursor(page[^1].CorrectionId) : null));
    }

    private static async Task<Results<Ok<CorrectionView>, Refused>> GetAsync(Guid id, Caller caller, Database database, ServiceSettings service, HttpContext http, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        if (await Correction.FindAsync(connection, id, caller, cancel) is not { } correction)
        {
            return Pipeline.NotFound();
        }

        http.SetETag(correction.Version);
        return TypedResults.Ok(CorrectionView.Of(correction, service.PublicAddress));
    }

    internal sealed record CorrectionList(IReadOnlyList<CorrectionView> Items, string? Next);
}
