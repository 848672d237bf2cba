using System.Globalization;
using System.Security.Cryptography;
using Dapper;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Exchange.Hosting.Openings;

/// <summary>What was committed to, with the key that shows it: for the asking case auditor alone. Each reading is on record before its answer leaves.</summary>
internal static class ReadValues
{
    public static void Map(RouteGroupBuilder openings) => openings.MapGet("/{id:guid}/values", HandleAsync).AllowPersons().Writes()
        .WithSummary("读取开封内容 · What was opened, for the asking case auditor after both approvals; each reading is a record in the log");

    private static async Task<Results<Ok<OpenedValues>, Refused>> HandleAsync(Guid id, Caller caller, Transaction transaction, OpeningStore store, HttpContext http, TimeProvider clock, CancellationToken cancel)
    {
        if (!caller.Has(Roles.CaseAuditor))
        {
            return new Refused(OpeningRules.CaseAuditorsOnly);
        }
        // Locked: a refusal that comes at the same time waits, or is seen.
        var opening = await transaction.Connection.QuerySingleOrDefaultAsync<OpeningCase>(new CommandDefinition(
            $"select {OpeningCase.Columns} from opening_cases where case_id = @id for share", new { id }, cancellationToken: cancel));
        if (opening is null)
        {
            return Pipeline.NotFound();
        }
        if (opening.AskedBy != caller.Subject)
        {
            return new Refused(OpeningRules.AskerOnly);
        }
        if (opening.State == "refused" || opening.Until <= clock.Now())
        {
            return new Refused(OpeningRules.Ended);
        }
        if (opening.State != "approved")
        {
            return new Refused(OpeningRules.NotApproved, new($"尚缺：{string.Join("、", opening.Missing)}。", $"Missing: {string.Join(", ", opening.Missing)}."));
        }
        var rows = await transaction.Connection.QueryAsync<SealedOpening>(new CommandDefinition("""
            select o.event_id, o.name, o.month, o.wrapped_key, o.sealed, coalesce(o.erasure_id, m.erasure_id) as erasure_id
            from audit_openings o join opening_months m on m.month = o.month
            where o.event_id = any(@EventIds) and (cardinality(@Names) = 0 or o.name = any(@Names))
            order by o.event_id, o.name
            """, opening, cancellationToken: cancel));
        var values = new List<OpenedValue>();
        foreach (var row in rows)
        {
            values.Add(await ShowAsync(store, row, cancel));
        }
        var record = opening.Record("audit.opened", "opened", new(StringComparer.Ordinal) { ["opened_by"] = caller.Subject });
        var details = new Dictionary<string, string>(record.Details, StringComparer.Ordinal) { ["values"] = values.Count(value => value.State == OpenedValue.Open).ToString(CultureInfo.InvariantCulture) };
        await transaction.RecordAsync(record with { Details = details }, cancel);
        http.Response.Headers.CacheControl = "no-store";
        return TypedResults.Ok(new OpenedValues(opening.CaseId, opening.CaseNumber, values));
    }

    private static async Task<OpenedValue> ShowAsync(OpeningStore store, SealedOpening row, CancellationToken cancel)
    {
        var shown = new OpenedValue { EventId = row.EventId, Name = row.Name, State = OpenedValue.Erased, ErasureId = row.ErasureId };
        if (row.ErasureId is not null)
        {
            return shown;
        }
        try
        {
            return await store.OpenAsync(row, cancel) is not { } opened ? shown : shown with
            {
                State = OpenedValue.Open,
                Value = opened.Value,
                Key = Convert.ToBase64String(opened.Key),
                Commitment = Convert.ToBase64String(opened.Commitment),
            };
        }
        catch (CryptographicException)
        {
            return shown with { State = OpenedValue.Damaged };
        }
    }
}

internal sealed record OpenedValues(Guid Id, string CaseNumber, IReadOnlyList<OpenedValue> Items);

internal sealed record OpenedValue
{
    public const string Open = "open";
    public const string Erased = "erased";
    public const string Damaged = "damaged";

    public required Guid EventId { get; init; }

    /// <summary>The field, as in the record's <c>commitments</c>.</summary>
    public required string Name { get; init; }

    /// <summary>open, erased, or damaged: the stored row was altered or moved.</summary>
    public required string State { get; init; }

    public string? Value { get; init; }

    /// <summary>Base64 of the commitment's key: HMAC-SHA256 under it of the value's UTF-8 is the commitment.</summary>
    public string? Key { get; init; }

    /// <summary>As it stands in the record.</summary>
    public string? Commitment { get; init; }

    /// <summary>The erasure that forgot it.</summary>
    public Guid? ErasureId { get; init; }
}
