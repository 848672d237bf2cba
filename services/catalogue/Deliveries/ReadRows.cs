using System.Text.Json;
using CsvHelper;
using Dapper;
using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Microsoft.AspNetCore.Http.Features;
using Npgsql;

namespace Exchange.Catalogue.Deliveries;

/// <summary>
/// Rows under a grant, as CSV (RFC 4180) or JSON. No record, no exchange: the opening is committed before the first byte leaves, the end with rows, bytes and SHA-256 after the last.
/// Only granted fields are read; rows stream from the database in constant memory; the grant is looked at again every second while they do.
/// </summary>
internal sealed partial class ReadRows(
    Database database, RowTables tables, DeliveryLog deliveries, AuditWatch audit, TimeProvider clock, IHostApplicationLifetime life, ILogger<ReadRows> log)
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
        new("format 须为 csv 或 json。", "format is csv or json."));

    public static void Map(RouteGroupBuilder grants) => grants.MapGet("/{id:guid}/data", (Guid id, string? format, Caller caller, City city, ReadRows reader, HttpContext http) => reader.HandleAsync(id, format, caller, city, http))
        .AllowCallers(Roles.Integrator, Roles.Officer)
        .WithSummary("The rows of a granted dataset, granted fields only, as CSV or JSON. Each call is a delivery of its own (header Exchange-Delivery-Id).")
        .Produces(StatusCodes.Status200OK, contentType: "text/csv", additionalContentTypes: "application/json");

    private async Task<IResult> HandleAsync(Guid id, string? format, Caller caller, City city, HttpContext http)
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

        var form = format ?? (http.Request.GetTypedHeaders().Accept.Any(a => a.MediaType == "application/json") ? "json" : "csv");
        if (form is not ("csv" or "json"))
        {
            return new Refused(UnknownFormat);
        }

        if (audit.Refusal is { } behind)
        {
            return behind;
        }

        await using var rows = await tables.OpenAsync(grant.DatasetId, grant.Fields, cancel);
        if (rows is null)
        {
            return new Refused(SourceSilent) { RetryAfter = 10 };
        }

        var delivery = Guid.CreateVersion7(clock.GetUtcNow());
        if (!await deliveries.OpenAsync(delivery, grant, caller.Subject, form))
        {
            return new Refused(NotActive);
        }

        await SendAsync(delivery, grant, form, rows, http);
        return Results.Empty;
    }

    private async Task SendAsync(Guid delivery, Grant grant, string form, GrantedRows rows, HttpContext http)
    {
        var response = http.Response;
        response.ContentType = form == "csv" ? "text/csv; charset=utf-8" : "application/json; charset=utf-8";
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
            sent = form == "csv" ? await WriteCsvAsync(delivery, body, rows, grant, http.RequestAborted) : await WriteJsonAsync(delivery, body, rows, grant, http.RequestAborted);
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

    private async Task<long> WriteCsvAsync(Guid delivery, Stream body, GrantedRows rows, Grant grant, CancellationToken cancel)
    {
        await using var csv = CsvWriter.Create(body, CsvWriterOptions.Default, leaveOpen: true);
        foreach (var field in rows.Fields)
        {
            csv.WriteField(field);
        }

        await csv.EndRecordAsync(cancel);
        var watch = new Watch();
        while (await rows.NextAsync(cancel))
        {
            for (var i = 0; i < rows.Fields.Count; i++)
            {
                csv.WriteField(rows.Text(i));
            }

            await csv.EndRecordAsync(cancel);
            await LookAgainAsync(watch, delivery, grant, cancel);
        }

        await csv.FlushAsync(cancel);
        return rows.Read;
    }

    private async Task<long> WriteJsonAsync(Guid delivery, Stream body, GrantedRows rows, Grant grant, CancellationToken cancel)
    {
        await using var json = new Utf8JsonWriter(body, new JsonWriterOptions { Encoder = Json.Options.Encoder });
        json.WriteStartArray();
        var watch = new Watch();
        while (await rows.NextAsync(cancel))
        {
            json.WriteStartObject();
            for (var i = 0; i < rows.Fields.Count; i++)
            {
                rows.Write(json, i);
            }

            json.WriteEndObject();
            if (json.BytesPending > 32 * 1024)
            {
                await json.FlushAsync(cancel);
            }

            await LookAgainAsync(watch, delivery, grant, cancel);
        }

        json.WriteEndArray();
        await json.FlushAsync(cancel);
        return rows.Read;
    }

    /// <summary>A grant that ends stops its running transfers.</summary>
    private async Task LookAgainAsync(Watch watch, Guid delivery, Grant grant, CancellationToken cancel)
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
