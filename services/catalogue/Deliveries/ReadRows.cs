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
    Database database, RowTables tables, AuditWatch audit, TimeProvider clock, Seat seat, IHostApplicationLifetime life, IServiceScopeFactory scopes, ILogger<ReadRows> log)
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    private static readonly Rule NotActive = new("grant-not-active", StatusCodes.Status403Forbidden, "第27条",
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
        if (!await OpenAsync(delivery, grant, caller, form, cancel))
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
        http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();

        await using var body = new MeasuredStream(response.Body);
        var sent = 0L;
        var outcome = "failed";
        try
        {
            sent = form == "csv" ? await WriteCsvAsync(delivery, body, rows, grant, http.RequestAborted) : await WriteJsonAsync(delivery, body, rows, grant, http.RequestAborted);
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
            await CloseAlwaysAsync(delivery, grant, outcome, outcome == "complete" ? sent : rows.Read, body, http);
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

    /// <summary>False when the grant ended since it was looked up: the row is written under an active grant or not at all.</summary>
    private async Task<bool> OpenAsync(Guid delivery, Grant grant, Caller caller, string form, CancellationToken cancel)
    {
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(cancel);
        var opened = await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into deliveries (delivery_id, exchange_id, subject, form, opened_at, seat, process)
            select @delivery, exchange_id, @Subject, @form, @now, @Name, @Process from grants where exchange_id = @ExchangeId and state = 'active' for share
            """, new { delivery, grant.ExchangeId, caller.Subject, form, now = clock.Now(), seat.Name, seat.Process }, cancellationToken: cancel));
        if (opened == 0)
        {
            return false;
        }

        await transaction.RecordAsync(Record("delivery.opened", grant) with
        {
            Details = Details(delivery, form),
            Openings = new Dictionary<string, string>(StringComparer.Ordinal) { ["officer"] = caller.Subject },
        }, cancel);
        await transaction.CommitAsync(cancel);
        return true;
    }

    /// <summary>
    /// The receiver is not shown the end of its data before that is recorded: while it cannot be, the transfer counts as broken off, and what was sent is recorded
    /// once the database is back. When this process stops before that, the next one in its seat ends the delivery.
    /// </summary>
    private async Task CloseAlwaysAsync(Guid delivery, Grant grant, string outcome, long rows, MeasuredStream body, HttpContext http)
    {
        while (true)
        {
            try
            {
                await CloseAsync(delivery, grant, outcome, rows, body);
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

    private async Task CloseAsync(Guid delivery, Grant grant, string outcome, long rows, MeasuredStream body)
    {
        // The caller may be gone; what was sent is recorded all the same.
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(CancellationToken.None);
        var form = await transaction.Connection.QuerySingleOrDefaultAsync<string>("""
            update deliveries set ended_at = @now, outcome = @outcome, rows = @rows, bytes = @Count, sha256 = @Sha256
            where delivery_id = @delivery and ended_at is null
            returning form
            """, new { delivery, now = clock.Now(), outcome, rows, body.Count, body.Sha256 });
        if (form is null)
        {
            return;
        }

        var details = Details(delivery, form);
        details["sha256"] = body.Sha256;
        await transaction.RecordAsync(Record("delivery.ended", grant) with { Result = outcome, Records = rows, Bytes = body.Count, Details = details });
        await transaction.CommitAsync(CancellationToken.None);
    }

    private static AuditRecord Record(string type, Grant grant) => new()
    {
        Type = type,
        ExchangeId = grant.ExchangeId,
        Requesting = grant.AskingDepartment,
        Providing = grant.OwningDepartment,
        Service = grant.DatasetId,
        ServiceVersion = grant.DatasetVersion,
    };

    private static Dictionary<string, string> Details(Guid delivery, string form) => new(StringComparer.Ordinal) { ["delivery_id"] = delivery.ToString(), ["form"] = form };

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
