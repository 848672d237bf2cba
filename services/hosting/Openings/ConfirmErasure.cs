using Dapper;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Npgsql;

namespace Exchange.Hosting.Openings;

/// <summary>
/// A second person confirms, and what commitments were made of is gone: the rows' keys in this transaction, a month's key file right after it. The records stay, and their proofs hold as before.
/// </summary>
internal static class ConfirmErasure
{
    public static void Map(RouteGroupBuilder openings) => openings.MapPost("/erasures/{id:guid}/confirm", HandleAsync).AllowPersons().Writes()
        .WithSummary("确认销毁 · Confirm an erasure; what it names can never be opened again");

    private static async Task<Results<Ok<ErasureView>, Refused>> HandleAsync(Guid id, Caller caller, Transaction transaction, KeepMonths months, HttpContext http, TimeProvider clock, CancellationToken cancel)
    {
        if (!caller.Has(Roles.Auditor))
        {
            return new Refused(OpeningRules.AuditorOnly);
        }
        var (connection, now) = (transaction.Connection, clock.Now());
        await connection.ExecuteAsync(new CommandDefinition(AskOpening.Lock, cancellationToken: cancel));
        var asked = await connection.QuerySingleOrDefaultAsync<Erasure>(new CommandDefinition($"select {Erasure.Columns} from opening_erasures where erasure_id = @id", new { id }, cancellationToken: cancel));
        if (asked is null)
        {
            return Pipeline.NotFound();
        }
        if (asked.AskedBy == caller.Subject)
        {
            return new Refused(OpeningRules.TwoPersons);
        }
        if (await HoldingAsync(connection, asked, now, cancel) is { Count: > 0 } cases)
        {
            return new Refused(OpeningRules.HeldByCase, new($"案号：{string.Join("、", cases)}。", $"Case: {string.Join(", ", cases)}."));
        }
        var erased = asked.Month is null ? await EraseRowsAsync(connection, asked, cancel) : await EraseMonthAsync(connection, asked, cancel);
        var confirmed = await connection.QuerySingleOrDefaultAsync<Erasure>(new CommandDefinition($"""
            update opening_erasures set state = 'confirmed', confirmed_by = @Subject, confirmed_at = @now, erased = @erased
            where erasure_id = @id and state = 'asked' and asked_by <> @Subject
            returning {Erasure.Columns}
            """, new { id, caller.Subject, now, erased }, cancellationToken: cancel));
        if (confirmed is null)
        {
            return new Refused(OpeningRules.AlreadyConfirmed);
        }
        await transaction.RecordAsync(confirmed.Record("audit.erased", new(StringComparer.Ordinal) { ["asked_by"] = asked.AskedBy, ["confirmed_by"] = caller.Subject }), cancel);
        // After the answer, and so after the commit; whatever happens in between, the next pass of every process destroys the key.
        http.Response.OnCompleted(() =>
        {
            months.Wake();
            return Task.CompletedTask;
        });
        return TypedResults.Ok(ErasureView.Of(confirmed));
    }

    private static async Task<IReadOnlyList<string>> HoldingAsync(NpgsqlConnection connection, Erasure asked, DateTimeOffset now, CancellationToken cancel)
    {
        var month = Month.Parse(asked.Month);
        return (await connection.QueryAsync<string>(new CommandDefinition("""
            select distinct case_number from opening_cases
            where state in ('asked', 'approved') and until > @now
              and (event_ids && @EventIds or exists (select from unnest(event_ids) e where e >= @From and e < @To))
            order by case_number
            """, new { now, asked.EventIds, From = month?.FirstId, To = month?.Next.FirstId }, cancellationToken: cancel))).AsList();
    }

    private static Task<long> EraseRowsAsync(NpgsqlConnection connection, Erasure asked, CancellationToken cancel) =>
        connection.ExecuteScalarAsync<long>(new CommandDefinition("""
            with erased as (
                update audit_openings set wrapped_key = null, sealed = null, erasure_id = @ErasureId
                where event_id = any(@EventIds) and (cardinality(@Names) = 0 or name = any(@Names)) and sealed is not null
                returning 1)
            select count(*) from erased
            """, asked, cancellationToken: cancel));

    /// <summary>However many rows: only the month is marked here, from which moment nothing of it is opened.</summary>
    private static async Task<long> EraseMonthAsync(NpgsqlConnection connection, Erasure asked, CancellationToken cancel)
    {
        var month = Month.Parse(asked.Month)!.Value;
        var marked = await connection.ExecuteAsync(new CommandDefinition("update opening_months set erasure_id = @ErasureId where month = @Month and erasure_id is null", asked, cancellationToken: cancel));
        return marked == 0 ? 0 : await connection.ExecuteScalarAsync<long>(new CommandDefinition(
            "select count(*) from audit_openings where event_id >= @From and event_id < @To and sealed is not null", new { From = month.FirstId, To = month.Next.FirstId }, cancellationToken: cancel));
    }
}
