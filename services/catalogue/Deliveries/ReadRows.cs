using Dapper;
using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;
using Npgsql;

namespace Exchange.Catalogue.Deliveries;

/// <summary>
/// Rows under a grant, as CSV (RFC 4180), JSON or NDJSON, whole or in pages, chosen and sorted by what is granted plain (<see cref="RowQuery"/>). No record, no exchange: the opening is committed before the first byte leaves, the end with rows, bytes and SHA-256 after the last.
/// Only granted fields and rows are read, and each value leaves as the grant treats it; rows stream from the database in constant memory; the grant is looked at again every second while they do.
/// </summary>
internal sealed partial class ReadRows(
    Database database, RowTables tables, GrantKeys keys, DeliveryLog deliveries, AuditWatch audit, TimeProvider clock, ServiceSettings service, IHostApplicationLifetime life, ILogger<ReadRows> log)
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    internal static readonly Rule NotActive = new("grant-not-active", StatusCodes.Status403Forbidden, "第27条",
        new("该共享授权当前不可使用。", "The grant cannot be used now."),
        new("请查看授权的状态与期限；如需继续使用，请由本部门重新提出申请。", "See the grant's state and term; to go on using the data, your department asks anew."));

    private static readonly Rule SourceSilent = new("source-not-ready", StatusCodes.Status503ServiceUnavailable, "第22条",
        new("数据源暂时没有响应。", "The dataset's source does not answer at the moment."),
        new("请稍后重试；持续不可用时请联系提供方的共享工作机构。", "Retry later; if it lasts, ask the provider's sharing office."));

    private static readonly Rule UnknownFormat = new("unknown-format", StatusCodes.Status422UnprocessableEntity, null,
        new("不支持的数据格式。", "There is no such format."),
        new("format 须为 csv、json 或 ndjson。", "format is csv, json or ndjson."));

    private static readonly Rule OtherCursor = new("other-cursor", StatusCodes.Status422UnprocessableEntity, null,
        new("游标不属于此授权下的这一查询。", "The cursor does not belong to this query under this grant."),
        new("请用给出游标的 Link 地址继续，或不带游标从第一页开始。", "Go on with the address in the Link header that gave it, or start from the first page without one."));

    private static readonly Rule RowsReplaced = new("rows-replaced", StatusCodes.Status410Gone, null,
        new("数据已被整体替换，或授权的范围已变更，不能从原处继续。", "The rows were replaced as a whole, or what is granted has changed; the pages do not go on from there."),
        new("请不带游标从第一页重新读取。", "Start again from the first page, without a cursor."));

    private static readonly Rule GrantChanged = new("grant-changed", StatusCodes.Status503ServiceUnavailable, null,
        new("该共享授权刚刚变更。", "The grant has changed at this moment."),
        new("请重试；数据将按变更后的授权提供。", "Retry; the data comes as the grant says now."));

    private readonly RowCursors cursors = new(keys);

    public static void Map(RouteGroupBuilder grants) => grants.MapGet("/{id:guid}/data", GetAsync)
        .AllowCallers(Roles.Integrator, Roles.Officer)
        .WithSummary("The rows of a granted dataset, granted fields only and treated as agreed, as CSV, JSON or NDJSON. Each call is a delivery of its own (header Exchange-Delivery-Id).")
        .WithDescription("""
            `filter[field]=value` chooses rows, also `filter[field][gte]=value` (eq, gt, gte, lt, lte; prefix for text; an empty value: rows without one); `sort=field,-other` sorts them. Both take fields that are granted plain only.
            `limit` (1 to 10000) gives pages: the header `Link` with `rel="next"` is the address of the next one, its `cursor` opaque; 410 says that the rows were replaced meanwhile. Without a limit everything is sent.
            `formula_safe=true` writes CSV that no spreadsheet takes for formulas.
            """)
        .Produces(StatusCodes.Status200OK, contentType: "text/csv", additionalContentTypes: ["application/json", "application/x-ndjson"])
        .Produces<Problem>(StatusCodes.Status410Gone, "application/problem+json");

    // sort, limit and cursor stand here for the description; with filter[…] they are read together, so that every fault is told at once.
    private static Task<IResult> GetAsync(
        Guid id, string? format, [FromQuery(Name = "formula_safe")] bool? formulaSafe, string? sort, string? limit, string? cursor, Caller caller, City city, ReadRows reader, HttpContext http) =>
        reader.HandleAsync(id, format, formulaSafe == true, caller, city, http);

    private async Task<IResult> HandleAsync(Guid id, string? format, bool formulaSafe, Caller caller, City city, HttpContext http)
    {
        var cancel = http.RequestAborted;
        var grant = await ReadGrants.FindAsync(database, id, caller, city, cancel);
        if (grant is null || caller.City != grant.AskingCity || caller.Department != grant.AskingDepartment)
        {
            return Pipeline.NotFound();
        }

        if (!Usable(grant))
        {
            return new Refused(NotActive, new($"状态：{grant.State}；使用时限：{grant.ValidUntil:yyyy-MM-dd}。", $"State: {grant.State}; last day of use: {grant.ValidUntil:yyyy-MM-dd}."));
        }

        var form = format ?? Accepted(http);
        if (!RowForms.All.Contains(form, StringComparer.Ordinal))
        {
            return new Refused(UnknownFormat);
        }

        if (audit.Refusal is { } behind)
        {
            return behind;
        }

        if (await tables.FindAsync(grant.DatasetId, cancel) is not { } table)
        {
            return new Refused(SourceSilent) { RetryAfter = 10 };
        }

        var faults = new Faults();
        var scope = grant.Scope;
        var query = RowQuery.Read(http.Request.Query, scope, table, faults);
        if (formulaSafe && form != RowForms.Csv)
        {
            faults.Add("formula_safe", "csv-only", null, new("仅用于 CSV。", "It is for CSV only."));
        }

        if (faults.Any)
        {
            return new Refused(faults);
        }

        if (RowSelect.Of(table, scope, query) is not { } select)
        {
            return new Refused(SourceSilent) { RetryAfter = 10 };
        }

        string? start = null;
        if (query.Cursor is { } cursor)
        {
            if (cursors.Open(id, cursor) is not { } place || !place.Query.AsSpan().SequenceEqual(query.Digest))
            {
                return new Refused(OtherCursor);
            }

            if (place.Table != table.Number || !await tables.HoldsAsync(select, place.Place, cancel))
            {
                return new Refused(RowsReplaced);
            }

            start = place.Place;
        }

        await using var rows = await tables.OpenAsync(select, scope, start, keys.ForHashes(id), cancel);
        if (rows.Next is { } next)
        {
            http.Response.Headers.Link = $"<{NextPage(http, city, cursors.Seal(id, new RowPlace(table.Number, next, query.Digest)))}>; rel=\"next\"";
        }

        var delivery = Guid.CreateVersion7(clock.GetUtcNow());
        if (!await deliveries.OpenAsync(delivery, grant, caller.Subject, form))
        {
            http.Response.Headers.Remove(HeaderNames.Link);
            return await ReadGrants.FindAsync(database, id, caller, city, cancel) is { } now && Usable(now) ? new Refused(GrantChanged) { RetryAfter = 1 } : new Refused(NotActive);
        }

        await SendAsync(delivery, grant, form, formulaSafe, rows, http);
        return Results.Empty;
    }

    private static string Accepted(HttpContext http)
    {
        var accepted = http.Request.GetTypedHeaders().Accept.Select(a => a.MediaType.Value).ToList();
        return accepted.Contains("application/x-ndjson") ? RowForms.NdJson : accepted.Contains("application/json") ? RowForms.Json : RowForms.Csv;
    }

    /// <summary>The same query from the next page's beginning, under the public address.</summary>
    private string NextPage(HttpContext http, City city, string cursor) => QueryHelpers.AddQueryString(
        $"{service.PublicAddress}/api/cities/{city.Id}/grants/{http.GetRouteValue("id")}/data",
        http.Request.Query.Where(p => p.Key != "cursor").Append(KeyValuePair.Create("cursor", new StringValues(cursor))));

    private async Task SendAsync(Guid delivery, Grant grant, string form, bool formulaSafe, GrantedRows rows, HttpContext http)
    {
        var response = http.Response;
        response.ContentType = RowForms.MediaType(form);
        response.Headers.ContentDisposition = $"attachment; filename=\"{grant.ExchangeId}.{form}\"";
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.CacheControl = "no-store";
        response.Headers["Exchange-Delivery-Id"] = delivery.ToString();
        response.Headers["Exchange-Requesting"] = grant.AskingDepartment;
        response.Headers["Exchange-Providing"] = grant.OwningDepartment;
        response.Headers["Exchange-Dataset"] = grant.DatasetId.ToString();
        http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();

        await using var body = new MeasuredStream(response.Body);
        var sent = 0L;
        var outcome = "failed";
        try
        {
            var watch = new Watch();
            sent = await RowForms.WriteAsync(form, formulaSafe, body, rows, () => LookAgainAsync(watch, delivery, grant, http.RequestAborted), http.RequestAborted);
            // The end waits for a commit; the reader's connection need not.
            await rows.DisposeAsync();
            await body.FlushAsync(http.RequestAborted);
            outcome = "complete";
        }
        catch (GrantEndedException)
        {
            outcome = "aborted";
            http.Abort();
        }
        catch (Exception fault) when (fault is OperationCanceledException or IOException)
        {
            outcome = "aborted";
            http.Abort();
        }
        catch (NpgsqlException fault)
        {
            LogBroken(log, fault, delivery);
            http.Abort();
        }
        finally
        {
            await CloseAlwaysAsync(delivery, grant, form, outcome, outcome == "complete" ? sent : rows.Read, body, http);
        }
    }

    /// <summary>A grant that ends stops its running transfers.</summary>
    private async ValueTask LookAgainAsync(Watch watch, Guid delivery, Grant grant, CancellationToken cancel)
    {
        if (TimeProvider.System.GetElapsedTime(watch.Since) < LookAgain)
        {
            return;
        }

        watch.Since = TimeProvider.System.GetTimestamp();
        await using var connection = await database.OpenAsync(cancel);
        var now = await connection.QuerySingleAsync<string>(new CommandDefinition("""
            update deliveries set seen_at = clock_timestamp() where delivery_id = @delivery;
            select state from grants where exchange_id = @ExchangeId;
            """, new { delivery, grant.ExchangeId }, cancellationToken: cancel));
        if (!Usable(grant with { State = now }))
        {
            throw new GrantEndedException();
        }
    }

    private bool Usable(Grant grant) => grant.State == "active" && clock.GetUtcNow() < LegalDay.EndOf(grant.ValidUntil);

    /// <summary>
    /// The receiver is not shown the end of its data before that is recorded: while it cannot be, the transfer counts as broken off, and what was sent is recorded
    /// once the database is back. When this process stops before that, the next one in its seat ends the delivery.
    /// </summary>
    private async Task CloseAlwaysAsync(Guid delivery, Grant grant, string form, string outcome, long rows, MeasuredStream body, HttpContext http)
    {
        while (true)
        {
            try
            {
                // The caller may be gone; what was sent is recorded all the same.
                await deliveries.CloseAsync(delivery, grant, form, outcome, rows, body.Count, body.Sha256);
                return;
            }
            catch (Exception fault) when (TransientFault.Is(fault))
            {
                LogUnended(log, fault, delivery);
                outcome = outcome == "complete" ? "aborted" : outcome;
                http.Abort();
            }

            if (life.ApplicationStopping.IsCancellationRequested)
            {
                return;
            }

            await Task.Delay(LookAgain, life.ApplicationStopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private sealed class Watch
    {
        public long Since { get; set; } = TimeProvider.System.GetTimestamp();
    }

    private sealed class GrantEndedException : Exception;

    [LoggerMessage(Level = LogLevel.Error, Message = "The end of delivery {Delivery} could not be written; its receiver is cut off and it is tried again")]
    private static partial void LogUnended(ILogger log, Exception fault, Guid delivery);

    [LoggerMessage(Level = LogLevel.Error, Message = "Delivery {Delivery} broke off: its source failed")]
    private static partial void LogBroken(ILogger log, Exception fault, Guid delivery);
}
