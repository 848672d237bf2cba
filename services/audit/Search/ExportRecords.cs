using System.Data;
using System.Globalization;
using System.Text;
using Dapper;
using Exchange.Audit.Checkpoints;
using Exchange.Audit.Log;
using Exchange.Audit.Recording;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Audit.Search;

/// <summary>What a search finds, to take away: as a table for spreadsheets, or as a signed report that carries the leaves and their proofs and is checked offline.</summary>
internal sealed class ExportRecords(Database database, LogReader log, LogKeyring keys, Witnesses witnesses, Origins origins, TimeProvider clock)
{
    public const int MostRows = 50_000;
    public const int MostRecords = 2_000;
    public const string NextHeader = "X-Next-Cursor";

    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/export", (
            [AsParameters] RecordFilters filters, string? format, string? cursor, int? limit, Caller caller, ExportRecords export, HttpContext http, CancellationToken cancel) =>
            export.HandleAsync(filters, format, cursor, limit, caller, http, cancel))
            .AllowCallers(Visibility.Readers).IsALook("export")
            .Produces(StatusCodes.Status200OK, contentType: "text/csv", additionalContentTypes: SignedReport.MediaType)
            .WithSummary("审计记录导出（CSV 或签名 JSON） · Records as CSV (format=csv; header X-Next-Cursor goes on) or as a signed report with proofs (format=json)");

    internal async Task<IResult> HandleAsync(RecordFilters filters, string? format, string? cursor, int? limit, Caller caller, HttpContext http, CancellationToken cancel)
    {
        var faults = new Faults();
        RecordFilter.CheckNames(http.Request.Query, faults, "format");
        return await WriteAsync(RecordFilter.Parse(filters, faults), filters.Given, format, cursor, limit, faults, Visibility.ScopeOf(caller), http, cancel);
    }

    /// <param name="filter">What is asked for.</param>
    /// <param name="given">The same as it was sent, for the report.</param>
    public async Task<IResult> WriteAsync(
        RecordFilter filter, IReadOnlyDictionary<string, string> given, string? format, string? cursor, int? limit, Faults faults, Scope scope, HttpContext http, CancellationToken cancel)
    {
        if (format is not ("csv" or "json"))
        {
            faults.Add("format", "form", null, new("须为 csv 或 json。", "It is csv or json."));
        }
        var most = format == "csv" ? MostRows : MostRecords;
        if (limit < 1 || limit > most)
        {
            faults.Add("limit", "range", null, new($"须在 1 到 {most} 之间。", $"It is between 1 and {most}."));
        }
        var last = Pages.After(cursor, faults);
        // One snapshot until the answer has left: how many records it shows and where the next ones begin are told before them, and records are added all the time.
        var connection = await database.OpenAsync(cancel);
        http.Response.RegisterForDisposeAsync(connection);
        http.Response.RegisterForDisposeAsync(await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancel));
        var after = await RecordQuery.PlaceAsync(connection, last, faults, cancel);
        return faults.Any ? new Refused(faults)
            : format == "csv" ? await CsvAsync(connection, filter, scope, after, limit ?? most, http, cancel)
            : await ReportAsync(connection, filter, given, scope, after, limit ?? most, cancel);
    }

    /// <summary>Nothing is sent before the look is on record: the answer is written when the route's filters are through.</summary>
    private sealed class Download(long shown, string mediaType, string file, Func<HttpResponse, Task> send) : IResult, IShows
    {
        long IShows.Shown => shown;

        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.Headers.CacheControl = "private, no-store";
            httpContext.Response.Headers.XContentTypeOptions = "nosniff";
            httpContext.Response.Headers.ContentDisposition = $"attachment; filename=\"{file}\"";
            httpContext.Response.ContentType = mediaType;
            return send(httpContext.Response);
        }
    }

    private static async Task<Download> CsvAsync(NpgsqlConnection connection, RecordFilter filter, Scope scope, RecordQuery.Place? after, int limit, HttpContext http, CancellationToken cancel)
    {
        var (one, values) = RecordQuery.Select(filter, scope, after, limit + 1);
        var found = await connection.QuerySingleAsync<long>(new CommandDefinition($"select count(*) from ({one}) r", values, cancellationToken: cancel));
        var edge = found <= limit ? (Guid?)null : await connection.QuerySingleAsync<Guid>(new CommandDefinition(
            string.Create(CultureInfo.InvariantCulture, $"select event_id from ({one}) r offset {limit - 1} limit 1"), values, cancellationToken: cancel));
        var zh = http.Language() == "zh";
        return new Download(Math.Min(found, limit), "text/csv; charset=utf-8", "audit-records.csv", SendAsync);

        async Task SendAsync(HttpResponse response)
        {
            if (edge is { } last)
            {
                response.Headers[NextHeader] = Pages.Cursor(last);
            }
            response.Headers.ContentLanguage = zh ? "zh-CN" : "en";
            response.Headers.Vary = "Accept-Language";
            await using var text = new StreamWriter(response.Body, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true), bufferSize: 32 * 1024, leaveOpen: true) { NewLine = "\r\n" };
            await text.WriteLineAsync(string.Join(',', Columns.Select(column => CsvCells.Safe(zh ? column.Zh : column.En))).AsMemory(), cancel);
            var (sql, same) = RecordQuery.Select(filter, scope, after, limit);
            await foreach (var row in connection.QueryUnbufferedAsync<RecordRow>(sql, same).WithCancellation(cancel))
            {
                await text.WriteLineAsync(string.Join(',', Columns.Select(column => CsvCells.Safe(column.Of(row)))).AsMemory(), cancel);
            }
            await text.FlushAsync(cancel);
        }
    }

    private async Task<Download> ReportAsync(
        NpgsqlConnection connection, RecordFilter filter, IReadOnlyDictionary<string, string> given, Scope scope, RecordQuery.Place? after, int limit, CancellationToken cancel)
    {
        var years = await connection.QueryAsync<int>(new CommandDefinition("select year from logs order by year", cancellationToken: cancel));
        var coverage = await Coverage.OfAsync(connection, years, witnesses, origins, cancel);
        var checkpoints = coverage.Provable;
        var (sql, values) = RecordQuery.Select(filter, scope, after, limit + 1, checkpoints.ToDictionary(checkpoint => checkpoint.Key, checkpoint => checkpoint.Value.Size));
        var rows = (await connection.QueryAsync<RecordRow>(new CommandDefinition(sql, values, cancellationToken: cancel))).AsList();
        var shown = rows.Take(limit).ToList();
        var leaves = (await connection.QueryAsync<LeafRow>(new CommandDefinition("""
            select l.year, l.idx, l.bytes from leaves l join unnest(@Year, @Idx) as wanted (year, idx) using (year, idx)
            """, new { Year = shown.Select(row => row.Year).ToArray(), Idx = shown.Select(row => row.Idx).ToArray() }, cancellationToken: cancel)))
            .ToDictionary(leaf => (leaf.Year, leaf.Idx), leaf => leaf.Bytes);
        List<ReportedRecord> records = [];
        foreach (var row in shown)
        {
            var path = await log.InclusionAsync(row.Year, row.Idx, checkpoints[row.Year].Size, cancel);
            records.Add(new ReportedRecord(row.Year, row.Idx, leaves[(row.Year, row.Idx)], path));
        }
        var needed = shown.Select(row => row.Year).Append(clock.Now().Year).ToHashSet();
        var report = new SignedReport(
            clock.Now(),
            origins.Of(clock.Now().Year),
            scope.Words,
            new(RecordFilter.Words(given), given),
            [.. checkpoints.Where(checkpoint => needed.Contains(checkpoint.Key)).OrderBy(checkpoint => checkpoint.Key).Select(checkpoint => new ReportedCheckpoint(checkpoint.Key, checkpoint.Value.Note))],
            records,
            rows.Count > limit ? Pages.Cursor(shown[^1].EventId) : null).Sign(keys.Signers);
        return new Download(shown.Count, SignedReport.MediaType, "audit-report.json", response => response.Body.WriteAsync(report, cancel).AsTask());
    }

    private sealed record LeafRow
    {
        public required int Year { get; init; }
        public required long Idx { get; init; }
        public required byte[] Bytes { get; init; }
    }

    private static readonly (string Zh, string En, Func<RecordRow, string?> Of)[] Columns =
    [
        ("日志", "year", row => row.Year.ToString(CultureInfo.InvariantCulture)),
        ("序号", "index", row => row.Idx.ToString(CultureInfo.InvariantCulture)),
        ("事件编号", "event_id", row => row.EventId.ToString()),
        ("事件", "type", row => row.Type),
        ("发生时间", "at", row => SourceRecord.Time(row.At)),
        ("日志收到时间", "received_at", row => SourceRecord.Time(row.ReceivedAt)),
        ("记录来源", "source", row => row.Source),
        ("来源序号", "seq", row => Number(row.Seq)),
        ("交换编号", "exchange_id", row => row.ExchangeId?.ToString()),
        ("需求部门", "requesting", row => row.Requesting),
        ("提供部门", "providing", row => row.Providing),
        ("数据集", "service", row => row.Service),
        ("数据集版本", "service_version", row => Number(row.ServiceVersion)),
        ("用途（使用依据）", "purpose", row => row.Purpose),
        ("批准", "approval", row => row.Approval),
        ("结果", "result", row => row.Result),
        ("行数", "records", row => Number(row.Records)),
        ("字节数", "bytes", row => Number(row.Bytes)),
        ("交付编号", "delivery_id", row => row.DeliveryId?.ToString()),
        ("SHA-256", "sha256", row => row.Sha256),
        ("详情", "details", row => row.Details),
        ("证明", "proof", row => RecordEntry.ProofOf(row.Year, row.EventId)),
    ];

    private static string? Number(long? number) => number?.ToString(CultureInfo.InvariantCulture);
}
