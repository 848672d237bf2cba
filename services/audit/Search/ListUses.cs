using Dapper;
using Exchange.Audit.Checkpoints;
using Exchange.Audit.Log;
using Exchange.Audit.Recording;
using Exchange.Hosting;
using Microsoft.AspNetCore.Mvc;
using Npgsql;

namespace Exchange.Audit.Search;

/// <summary>
/// Who used our data, and what we received: the deliveries of a span of time seen from the providing or from the asking side, each with what the owning city and the
/// gateway reported of it and the proofs of all three records; summed up per dataset and asking department. To take away: the same records as an export.
/// </summary>
internal static class ListUses
{
    private const string Opened = "delivery.opened";
    private static readonly TimeSpan Usual = TimeSpan.FromDays(31);
    private static readonly TimeSpan Longest = TimeSpan.FromDays(366);

    public static void Map(IEndpointRouteBuilder routes)
    {
        Route("/uses", Side.Providing, "谁用了我们的数据 · Who used our data: deliveries from the own datasets, with totals and proofs (format=csv or json to take away)");
        Route("/receipts", Side.Requesting, "我们收到的数据 · What we received: deliveries to the own department, with totals and proofs (format=csv or json to take away)");

        void Route(string path, Side side, string summary) => routes.MapGet(path, (
            [AsParameters] Period period, string? format, string? cursor, int? limit, Caller caller, Database database, ExportRecords export, Witnesses witnesses, Origins origins, TimeProvider clock,
            HttpContext http, CancellationToken cancel) => HandleAsync(side, period, format, cursor, limit, caller, database, export, witnesses, origins, clock, http, cancel))
            .AllowCallers(Visibility.Readers).IsALook(path[1..])
            .Produces<UsePage>(StatusCodes.Status200OK, "application/json", "text/csv", SignedReport.MediaType)
            .WithSummary(summary);
    }

    internal static async Task<IResult> HandleAsync(
        Side side, Period period, string? format, string? cursor, int? limit, Caller caller, Database database, ExportRecords export, Witnesses witnesses, Origins origins, TimeProvider clock,
        HttpContext http, CancellationToken cancel)
    {
        var faults = new Faults();
        RecordFilter.CheckNames(http.Request.Query, faults, "format");
        var scope = Visibility.ScopeOf(caller);
        var sent = new RecordFilters { Dataset = period.Dataset, Requesting = period.Requesting, Providing = period.Providing, From = period.From, To = period.To };
        if (scope is { All: false, City: null })
        {
            // Each department its own side; another's is not asked for by name either.
            sent = side == Side.Providing ? sent with { Providing = Own("providing", sent.Providing) } : sent with { Requesting = Own("requesting", sent.Requesting) };
        }
        var asked = RecordFilter.Parse(sent, faults);
        var until = asked.Until ?? clock.Now();
        var from = asked.From ?? until - Usual;
        if (until - from > Longest)
        {
            faults.Add("from", "range", null, new("一次最多查询 366 天。", "It covers at most 366 days."));
        }
        if (format is not null)
        {
            var all = asked with { From = from, Until = until, Types = [Opened, "delivery.ended", "gateway.delivered"] };
            var given = (sent with { From = SourceRecord.Time(from), To = SourceRecord.Time(until) }).Given;
            return await export.WriteAsync(all, given, format, cursor, limit, faults, scope, http, cancel);
        }

        var size = Pages.Limit(limit, faults);
        var last = Pages.After(cursor, faults);
        await using var connection = await database.OpenAsync(cancel);
        var after = await RecordQuery.PlaceAsync(connection, last, faults, cancel);
        if (faults.Any)
        {
            return new Refused(faults);
        }
        var filter = asked with { From = from, Until = until, NameAll = true };
        var (openings, values) = RecordQuery.Select(filter with { Types = [Opened] }, scope, after, size + 1);
        var rows = (await connection.QueryAsync<UseRow>(new CommandDefinition(WithReports(openings), values, cancellationToken: cancel))).AsList();
        var coverage = await Coverage.OfAsync(connection, rows.SelectMany(row => new[] { row.Year, row.EndYear ?? row.Year, row.GatewayYear ?? row.Year }), witnesses, origins, cancel);
        var items = rows.Take(size).Select(row => Use.Of(row, coverage)).ToList();
        // The sums are of the whole span and are told once.
        var totals = after is null ? await TotalsAsync(connection, filter, scope, cancel) : null;
        return TypedResults.Ok(new UsePage(from, until, totals, items, rows.Count > size ? Pages.Cursor(rows[size - 1].EventId) : null));

        string? Own(string field, string? code)
        {
            if (!string.IsNullOrEmpty(code) && code != caller.Department)
            {
                faults.Add(field, "other-department", null, new("只能查询本部门。", "Only your own department's."));
            }
            return caller.Department;
        }
    }

    private static async Task<IReadOnlyList<UseTotal>> TotalsAsync(NpgsqlConnection connection, RecordFilter filter, Scope scope, CancellationToken cancel)
    {
        var (where, values) = RecordQuery.Where(filter with { Types = [Opened, "delivery.ended"] }, scope);
        return (await connection.QueryAsync<UseTotal>(new CommandDefinition($"""
            select r.service as dataset, r.requesting, r.providing,
                   count(*) filter (where r.type = 'delivery.opened') as deliveries,
                   count(*) filter (where r.type = 'delivery.ended' and r.result <> 'complete') as broken_off,
                   coalesce(sum(r.records) filter (where r.type = 'delivery.ended'), 0)::bigint as records,
                   coalesce(sum(r.bytes) filter (where r.type = 'delivery.ended'), 0)::bigint as bytes
            from records r{where}
            group by r.service, r.requesting, r.providing
            order by deliveries desc, dataset, requesting, providing
            limit 500
            """, values, cancellationToken: cancel))).AsList();
    }

    // What a delivery's city says of its end and what the gateway says, each its first word; and what the exchange's records say it rests on.
    private static string WithReports(string openings) => $"""
        select o.year, o.idx, o.event_id, o.delivery_id, o.exchange_id, o.requesting, o.providing, o.service, o.service_version, o.at,
               coalesce(o.purpose, a.purpose) as purpose, a.approval,
               e.year as end_year, e.idx as end_idx, e.event_id as end_event_id, e.at as ended_at, e.result, e.records, e.bytes, e.sha256,
               g.year as gateway_year, g.idx as gateway_idx, g.event_id as gateway_event_id, g.result as gateway_result, g.bytes as gateway_bytes, g.sha256 as gateway_sha256
        from ({openings}) o
        left join lateral (
            select * from records r where r.delivery_id = o.delivery_id and r.type = 'delivery.ended' and r.source = o.source order by r.year, r.idx limit 1) e on true
        left join lateral (
            select * from records r where r.delivery_id = o.delivery_id and r.type = 'gateway.delivered' and r.source = 'gateway' order by r.year, r.idx limit 1) g on true
        left join lateral (
            select r.approval, r.purpose from records r where r.exchange_id = o.exchange_id and r.approval is not null order by r.year, r.idx limit 1) a on true
        order by o.at desc, o.year desc, o.idx desc
        """;

    internal enum Side
    {
        Providing,
        Requesting,
    }

    /// <summary>Which deliveries.</summary>
    internal sealed record Period
    {
        /// <summary>Id of the dataset.</summary>
        [FromQuery(Name = "dataset")]
        public string? Dataset { get; init; }

        /// <summary>Credit code of the asking department.</summary>
        [FromQuery(Name = "requesting")]
        public string? Requesting { get; init; }

        /// <summary>Credit code of the providing department.</summary>
        [FromQuery(Name = "providing")]
        public string? Providing { get; init; }

        /// <summary>As in the search; 31 days before the end when left out.</summary>
        [FromQuery(Name = "from")]
        public string? From { get; init; }

        /// <summary>As in the search; now when left out.</summary>
        [FromQuery(Name = "to")]
        public string? To { get; init; }
    }

    internal sealed record UseRow
    {
        public required int Year { get; init; }
        public required long Idx { get; init; }
        public required Guid EventId { get; init; }
        public required Guid DeliveryId { get; init; }
        public required Guid ExchangeId { get; init; }
        public string? Requesting { get; init; }
        public string? Providing { get; init; }
        public string? Service { get; init; }
        public long? ServiceVersion { get; init; }
        public required DateTimeOffset At { get; init; }
        public string? Purpose { get; init; }
        public string? Approval { get; init; }
        public int? EndYear { get; init; }
        public long? EndIdx { get; init; }
        public Guid? EndEventId { get; init; }
        public DateTimeOffset? EndedAt { get; init; }
        public string? Result { get; init; }
        public long? Records { get; init; }
        public long? Bytes { get; init; }
        public string? Sha256 { get; init; }
        public int? GatewayYear { get; init; }
        public long? GatewayIdx { get; init; }
        public Guid? GatewayEventId { get; init; }
        public string? GatewayResult { get; init; }
        public long? GatewayBytes { get; init; }
        public string? GatewaySha256 { get; init; }
    }
}

/// <param name="From">Begin of the span.</param>
/// <param name="To">The first moment behind it.</param>
/// <param name="Totals">Per dataset and asking department, the most used first, at most 500; on the first page only.</param>
/// <param name="Items">Deliveries, newest first.</param>
/// <param name="Next">Cursor of the next page; absent on the last.</param>
internal sealed record UsePage(DateTimeOffset From, DateTimeOffset To, IReadOnlyList<UseTotal>? Totals, IReadOnlyList<Use> Items, string? Next) : IShows
{
    long IShows.Shown => Items.Count;
}

internal sealed record UseTotal
{
    /// <summary>Id of the dataset.</summary>
    public string? Dataset { get; init; }

    public string? Requesting { get; init; }

    public string? Providing { get; init; }

    /// <summary>How many were opened.</summary>
    public required long Deliveries { get; init; }

    /// <summary>How many of them did not end complete.</summary>
    public required long BrokenOff { get; init; }

    /// <summary>Rows sent.</summary>
    public required long Records { get; init; }

    public required long Bytes { get; init; }
}

/// <summary>One delivery.</summary>
internal sealed record Use
{
    public required Guid DeliveryId { get; init; }

    public required Guid ExchangeId { get; init; }

    /// <summary>The owning city's reference.</summary>
    public string? Reference { get; init; }

    /// <summary>What the exchange rests on: the legal basis as the request states it.</summary>
    public string? Purpose { get; init; }

    public string? Requesting { get; init; }

    public string? Providing { get; init; }

    /// <summary>Id of the dataset.</summary>
    public string? Dataset { get; init; }

    public long? DatasetVersion { get; init; }

    public required DateTimeOffset OpenedAt { get; init; }

    /// <summary>Absent while it runs.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>complete, aborted or failed, as the owning city reports.</summary>
    public string? Outcome { get; init; }

    /// <summary>Rows sent.</summary>
    public long? Records { get; init; }

    public long? Bytes { get; init; }

    public string? Sha256 { get; init; }

    /// <summary>What the gateway forwarded; absent when it has reported nothing.</summary>
    public Forwarded? Gateway { get; init; }

    /// <summary>The proof of each record: opened, ended, gateway.</summary>
    public required IReadOnlyDictionary<string, ProofLink> Proofs { get; init; }

    public static Use Of(ListUses.UseRow row, Coverage coverage)
    {
        var proofs = new Dictionary<string, ProofLink>(StringComparer.Ordinal) { ["opened"] = ProofLink.Of(row.Year, row.Idx, row.EventId, coverage) };
        if (row is { EndYear: { } endYear, EndIdx: { } endIdx, EndEventId: { } endEvent })
        {
            proofs["ended"] = ProofLink.Of(endYear, endIdx, endEvent, coverage);
        }
        if (row is { GatewayYear: { } gatewayYear, GatewayIdx: { } gatewayIdx, GatewayEventId: { } gatewayEvent })
        {
            proofs["gateway"] = ProofLink.Of(gatewayYear, gatewayIdx, gatewayEvent, coverage);
        }
        return new Use
        {
            DeliveryId = row.DeliveryId,
            ExchangeId = row.ExchangeId,
            Reference = row.Approval,
            Purpose = row.Purpose,
            Requesting = row.Requesting,
            Providing = row.Providing,
            Dataset = row.Service,
            DatasetVersion = row.ServiceVersion,
            OpenedAt = row.At,
            EndedAt = row.EndedAt,
            Outcome = row.Result,
            Records = row.Records,
            Bytes = row.Bytes,
            Sha256 = row.Sha256,
            Gateway = row.GatewayEventId is null ? null : new Forwarded(row.GatewayResult, row.GatewayBytes, row.GatewaySha256),
            Proofs = proofs,
        };
    }
}

internal sealed record Forwarded(string? Outcome, long? Bytes, string? Sha256);

/// <param name="Proof">Where the proof file is.</param>
/// <param name="Signed">A signed checkpoint covers the record.</param>
/// <param name="Witnessed">One does that the agreed number of witnesses has cosigned; absent where none are agreed on.</param>
internal sealed record ProofLink(string Proof, bool Signed, bool? Witnessed)
{
    public static ProofLink Of(int year, long index, Guid eventId, Coverage coverage) =>
        new(RecordEntry.ProofOf(year, eventId), coverage.IsSigned(year, index), coverage.IsWitnessed(year, index));
}
