using Dapper;
using Exchange.Audit.Search;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Audit.Reconciliation;

/// <summary>
/// What is missing. Each source numbers its records without gaps and names the hash of the one before; each delivery is reported three times by two parties.
/// The report names the number that never came and the party that stayed silent or says otherwise.
/// </summary>
internal static class ReportGaps
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/gaps", HandleAsync).AllowCallers(Visibility.Readers).IsALook("gaps").WithSummary("缺漏报告 · What is missing in the log");

    /// <param name="caller">Auditors see everything, others their own deliveries; an authority also its city's numbers.</param>
    /// <param name="database">The log's database.</param>
    /// <param name="clock">Business time.</param>
    /// <param name="cursor">Next of the page before.</param>
    /// <param name="settle">Deliveries whose first report is younger than so many seconds are not judged yet.</param>
    /// <param name="limit">Deliveries per page.</param>
    /// <param name="cancel">Ends the query with the request.</param>
    internal static async Task<Results<Ok<GapReport>, Refused>> HandleAsync(Caller caller, Database database, TimeProvider clock, string? cursor, int? settle, int? limit, CancellationToken cancel)
    {
        var faults = new Faults();
        var size = Pages.Limit(limit, faults);
        var after = Pages.After(cursor, faults);
        if (settle is < 0 or > 86_400)
        {
            faults.Add("settle", "range", null, new("须为 0 到 86400 之间的秒数。", "It is a number of seconds from 0 to 86400."));
        }
        if (faults.Any)
        {
            return new Refused(faults);
        }
        var now = clock.Now();
        await using var connection = await database.OpenAsync(cancel);
        var scope = new
        {
            All = Visibility.SeesAll(caller),
            Own = caller.Department,
            OwnCity = Visibility.Oversees(caller),
            SettledBefore = now.AddSeconds(-(settle ?? 60)),
            after,
            Limit = size + 1,
        };
        var numbers = (await connection.QueryAsync<SourceRow>(new CommandDefinition(SelectSources, scope, cancellationToken: cancel))).AsList();
        var missing = (await connection.QueryAsync<RangeRow>(new CommandDefinition(SelectMissing, scope, cancellationToken: cancel))).ToLookup(row => row.Source, row => new SeqRange(row.From, row.To), StringComparer.Ordinal);
        var repeated = (await connection.QueryAsync<SeqRow>(new CommandDefinition(SelectRepeated, scope, cancellationToken: cancel))).ToLookup(row => row.Source, row => row.Seq, StringComparer.Ordinal);
        var forks = (await connection.QueryAsync<ForkRow>(new CommandDefinition(SelectForks, scope, cancellationToken: cancel)))
            .ToDictionary(row => row.Source, row => new Fork(row.Seq, [.. row.EventIds.Split(',').Select(Guid.Parse)]), StringComparer.Ordinal);
        var broken = (await connection.QueryAsync<SeqRow>(new CommandDefinition(SelectBroken, scope, cancellationToken: cancel))).ToLookup(row => row.Source, row => row.Seq, StringComparer.Ordinal);
        var deliveries = (await connection.QueryAsync<DeliveryRow>(new CommandDefinition(SelectDeliveries, scope, cancellationToken: cancel))).AsList();
        var items = deliveries.Take(size).Select(DeliveryGap.Of).ToList();
        return TypedResults.Ok(new GapReport(
            now,
            [.. numbers.Select(row => new SourceGaps(row.Source, row.LastSeq, [.. missing[row.Source]], [.. repeated[row.Source]], [.. broken[row.Source]], forks.GetValueOrDefault(row.Source)))],
            items,
            deliveries.Count > size ? Pages.Cursor(items[^1].DeliveryId) : null));
    }

    private sealed record SourceRow
    {
        public required string Source { get; init; }
        public required long LastSeq { get; init; }
    }

    private sealed record RangeRow
    {
        public required string Source { get; init; }
        public required long From { get; init; }
        public required long To { get; init; }
    }

    private sealed record SeqRow
    {
        public required string Source { get; init; }
        public required long Seq { get; init; }
    }

    private sealed record ForkRow
    {
        public required string Source { get; init; }
        public required long Seq { get; init; }
        public required string EventIds { get; init; }
    }

    private const string SelectSources = """
        select source, max(seq) as last_seq from records where seq is not null and (@All or source = @OwnCity) group by source order by source
        """;

    private const string SelectMissing = """
        select source, before + 1 as "from", seq - 1 as "to"
        from (
            select source, seq, coalesce(lag(seq) over (partition by source order by seq), 0) as before
            from records where seq is not null and (@All or source = @OwnCity)) numbered
        where seq > before + 1
        order by source, seq
        limit 1000
        """;

    // One number used twice: the source's database was restored to an earlier state, or somebody writes in its name.
    private const string SelectRepeated = """
        select source, seq from records where seq is not null and (@All or source = @OwnCity) group by source, seq having count(*) > 1 order by source, seq limit 1000
        """;

    // Where the two histories part: the first number that was given twice, and what it stands for in each, in the order of their coming.
    private const string SelectForks = """
        select distinct on (source) source, seq, string_agg(event_id::text, ',' order by year, idx) as event_ids
        from records
        where seq is not null and (@All or source = @OwnCity)
        group by source, seq
        having count(*) > 1
        order by source, seq
        """;

    private const string SelectBroken = """
        select r.source, r.seq
        from records r
        join records p on p.source = r.source and p.seq = r.seq - 1
        join events e on e.event_id = p.event_id
        where r.seq > 1 and (@All or r.source = @OwnCity)
        group by r.source, r.seq
        having not bool_or(r.prev = e.digest)
        order by r.source, r.seq
        limit 1000
        """;

    // When one side says complete, both must say the same bytes and hash; two transfers that broke off may have got differently far.
    private const string SelectDeliveries = """
        select * from (
            select r.delivery_id,
                   min(r.exchange_id::text)::uuid as exchange_id,
                   min(coalesce(r.requesting, x.requesting)) as requesting,
                   min(coalesce(r.providing, x.providing)) as providing,
                   min(r.source) filter (where r.type like 'delivery.%') as city,
                   min(r.received_at) as since,
                   bool_or(r.type = 'delivery.opened' and r.source not in ('gateway', 'audit')) as opened,
                   bool_or(r.type = 'delivery.ended' and r.source not in ('gateway', 'audit')) as ended,
                   bool_or(r.type = 'gateway.delivered' and r.source = 'gateway') as gateway,
                   bool_or(r.result = 'complete') and count(distinct (r.bytes, r.sha256, r.result)) filter (where r.type in ('delivery.ended', 'gateway.delivered')) > 1 as unequal,
                   min(r.result) filter (where r.type = 'delivery.ended') as city_result,
                   min(r.bytes) filter (where r.type = 'delivery.ended') as city_bytes,
                   min(r.sha256) filter (where r.type = 'delivery.ended') as city_sha256,
                   min(r.result) filter (where r.type = 'gateway.delivered') as gateway_result,
                   min(r.bytes) filter (where r.type = 'gateway.delivered') as gateway_bytes,
                   min(r.sha256) filter (where r.type = 'gateway.delivered') as gateway_sha256
            from records r left join exchanges x on x.exchange_id = r.exchange_id
            where r.delivery_id is not null and (@after::uuid is null or r.delivery_id > @after)
            group by r.delivery_id) d
        where since <= @SettledBefore
          and (not opened or not ended or not gateway or unequal)
          and (@All or requesting = @Own or providing = @Own or city = @OwnCity)
        order by delivery_id
        limit @Limit
        """;
}

/// <param name="AsOf">When this was true.</param>
/// <param name="Sources">Every source the caller may know of, with what is wrong in its numbers (at most 1,000 entries of each kind).</param>
/// <param name="Deliveries">Only those with a fault.</param>
/// <param name="Next">Cursor for more deliveries.</param>
internal sealed record GapReport(DateTimeOffset AsOf, IReadOnlyList<SourceGaps> Sources, IReadOnlyList<DeliveryGap> Deliveries, string? Next) : IShows
{
    long IShows.Shown => Deliveries.Count;
}

/// <param name="Source">The city, gateway or audit.</param>
/// <param name="LastSeq">Highest number received.</param>
/// <param name="Missing">Numbers below it that never came.</param>
/// <param name="Repeated">Numbers that came with two different events.</param>
/// <param name="Broken">Numbers whose record names another predecessor than the one in the log.</param>
/// <param name="Fork">Where the source began to count again, as one does that was restored from an older copy; null when it never did.</param>
internal sealed record SourceGaps(string Source, long LastSeq, IReadOnlyList<SeqRange> Missing, IReadOnlyList<long> Repeated, IReadOnlyList<long> Broken, Fork? Fork);

/// <param name="Seq">The first number that was given twice.</param>
/// <param name="EventIds">The events that bear it, the one the log had first in front.</param>
internal sealed record Fork(long Seq, IReadOnlyList<Guid> EventIds);

internal sealed record SeqRange(long From, long To);

internal sealed record DeliveryGap
{
    public required Guid DeliveryId { get; init; }
    public Guid? ExchangeId { get; init; }
    public string? Requesting { get; init; }
    public string? Providing { get; init; }

    /// <summary>When the log first heard of it.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>Reports that never came: <c>city_opening</c>, <c>city_end</c>, <c>gateway</c>.</summary>
    public required IReadOnlyList<string> Missing { get; init; }

    /// <summary>True when the city's end and the gateway's report differ in result, bytes or SHA-256.</summary>
    public required bool Unequal { get; init; }

    public DeliveryReport? City { get; init; }
    public DeliveryReport? Gateway { get; init; }

    public static DeliveryGap Of(DeliveryRow row) => new()
    {
        DeliveryId = row.DeliveryId,
        ExchangeId = row.ExchangeId,
        Requesting = row.Requesting,
        Providing = row.Providing,
        Since = row.Since,
        Missing = [.. row.Opened ? Array.Empty<string>() : ["city_opening"], .. row.Ended ? Array.Empty<string>() : ["city_end"], .. row.Gateway ? Array.Empty<string>() : ["gateway"]],
        Unequal = row.Unequal,
        City = row.Ended ? new DeliveryReport(row.CityResult, row.CityBytes, row.CitySha256) : null,
        Gateway = row.Gateway ? new DeliveryReport(row.GatewayResult, row.GatewayBytes, row.GatewaySha256) : null,
    };
}

internal sealed record DeliveryReport(string? Result, long? Bytes, string? Sha256);

internal sealed record DeliveryRow
{
    public required Guid DeliveryId { get; init; }
    public Guid? ExchangeId { get; init; }
    public string? Requesting { get; init; }
    public string? Providing { get; init; }
    public string? City { get; init; }
    public required DateTimeOffset Since { get; init; }
    public required bool Opened { get; init; }
    public required bool Ended { get; init; }
    public required bool Gateway { get; init; }
    public required bool Unequal { get; init; }
    public string? CityResult { get; init; }
    public long? CityBytes { get; init; }
    public string? CitySha256 { get; init; }
    public string? GatewayResult { get; init; }
    public long? GatewayBytes { get; init; }
    public string? GatewaySha256 { get; init; }
}
