using System.Data;
using Dapper;
using Exchange.Audit.Log;
using Exchange.Audit.Search;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Audit.Reconciliation;

/// <summary>
/// What is missing. Each source numbers its records without gaps, names the hash of the one before, gives a heartbeat an hour and closes each day with a count; each delivery is
/// reported by the owning city, the gateway and, when it likes, the receiver; each step between two cities by both. The report names the number that never came and the party that
/// stayed silent, says otherwise or came late, and is empty in normal running. It reads the small tables that <see cref="Pairing"/> keeps, never the whole log.
/// </summary>
internal static class ReportGaps
{
    private const int DaysBack = 30;
    private const int MostDays = 400;

    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/gaps", HandleAsync).AllowCallers(Visibility.Readers).IsALook("gaps").WithSummary("缺漏报告 · What is missing in the log");

    /// <param name="caller">Auditors see everything, others their own deliveries and steps; an authority also its city's numbers and days.</param>
    /// <param name="database">The log's database.</param>
    /// <param name="settings">When something counts as missing or late, unless the query says otherwise.</param>
    /// <param name="clock">Business time.</param>
    /// <param name="source">Only this city, <c>gateway</c> or <c>audit</c>.</param>
    /// <param name="day">Only this day in Beijing; short for from and to.</param>
    /// <param name="from">First day in Beijing; days are reported from 30 days back where it is left out.</param>
    /// <param name="to">Last day in Beijing.</param>
    /// <param name="cursor">Next of the page before: deliveries only.</param>
    /// <param name="settle">What the log heard of less than so many seconds ago is not judged yet.</param>
    /// <param name="limit">Deliveries per page, and steps in the report.</param>
    /// <param name="cancel">Ends the query with the request.</param>
    internal static async Task<Results<Ok<GapReport>, Refused>> HandleAsync(
        Caller caller, Database database, LogSettings settings, TimeProvider clock,
        string? source, DateOnly? day, DateOnly? from, DateOnly? to, string? cursor, int? settle, int? limit, CancellationToken cancel)
    {
        var faults = new Faults();
        var size = Pages.Limit(limit, faults);
        var after = Pages.After(cursor, faults);
        if (settle is < 0 or > 86_400)
        {
            faults.Add("settle", "range", null, new("须为 0 到 86400 之间的秒数。", "It is a number of seconds from 0 to 86400."));
        }
        await using var connection = await database.OpenAsync(cancel);
        // One snapshot: of two moments, what came between would look as if one side had been silent.
        await using var snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancel);
        // By the log's own time, which never goes back: were its clock ahead for a while, what it heard of since would not be judged until then.
        var heard = await connection.ExecuteScalarAsync<DateTimeOffset?>(new CommandDefinition("select max(received_at) from logs", cancellationToken: cancel));
        var now = heard > clock.Now() ? heard.Value : clock.Now();
        var today = Pairing.DayOf(now);
        var (first, last) = (day ?? from, day ?? to);
        if (first > last)
        {
            faults.Add("to", "range", null, new("结束日期不能早于开始日期。", "The last day is not before the first."));
        }
        if ((last < today ? last.Value : today).DayNumber - (first ?? today.AddDays(-DaysBack)).DayNumber >= MostDays)
        {
            faults.Add("from", "range", null, new($"一次最多 {MostDays} 天。", $"At most {MostDays} days at once."));
        }
        if (faults.Any)
        {
            return new Refused(faults);
        }
        var settled = now - (settle is { } seconds ? TimeSpan.FromSeconds(seconds) : settings.PairWithin);
        var scope = new
        {
            All = Visibility.SeesAll(caller),
            Own = caller.Department,
            OwnCity = Visibility.Oversees(caller),
            SettledBefore = settled,
            source,
            Since = first is { } begin ? Pairing.StartOf(begin) : (DateTimeOffset?)null,
            Until = last is { } end ? Pairing.StartOf(end.AddDays(1)) : (DateTimeOffset?)null,
            FirstDay = first ?? (last < today ? last.Value : today).AddDays(-DaysBack),
            LastDay = last < today ? last.Value : today,
            settings.LateAfter,
            after,
            Limit = size + 1,
        };
        var sources = await SourcesAsync();
        var days = (await connection.QueryAsync<DayRow>(new CommandDefinition(SelectDays, scope, cancellationToken: cancel))).Select(row => SourceDay.Of(row, settled)).Where(found => found.HasFault).ToList();
        var decisions = (await connection.QueryAsync<DecisionRow>(new CommandDefinition(SelectDecisions, scope, cancellationToken: cancel))).Take(size).Select(DecisionGap.Of).ToList();
        var deliveries = (await connection.QueryAsync<DeliveryRow>(new CommandDefinition(SelectDeliveries, scope, cancellationToken: cancel))).AsList();
        var items = deliveries.Take(size).Select(DeliveryGap.Of).ToList();
        return TypedResults.Ok(new GapReport(now, sources, days, decisions, items, deliveries.Count > size ? Pages.Cursor(items[^1].DeliveryId) : null));

        async Task<IReadOnlyList<SourceGaps>> SourcesAsync()
        {
            var numbers = (await connection.QueryAsync<SourceRow>(new CommandDefinition(SelectSources, scope, cancellationToken: cancel))).AsList();
            var missing = (await connection.QueryAsync<RangeRow>(new CommandDefinition(SelectMissing, scope, cancellationToken: cancel))).ToLookup(row => row.Source, row => new SeqRange(row.From, row.To), StringComparer.Ordinal);
            var repeated = (await connection.QueryAsync<RepeatedRow>(new CommandDefinition(SelectRepeated, scope, cancellationToken: cancel))).ToLookup(row => row.Source, StringComparer.Ordinal);
            var broken = (await connection.QueryAsync<SeqRow>(new CommandDefinition(SelectBroken, scope, cancellationToken: cancel))).ToLookup(row => row.Source, row => row.Seq, StringComparer.Ordinal);
            return
            [
                .. numbers.Select(row => new SourceGaps(row.Source, row.LastSeq, [.. missing[row.Source]], [.. repeated[row.Source].Select(number => number.Seq)], [.. broken[row.Source]],
                    repeated[row.Source].Select(number => new Fork(number.Seq, [.. number.EventIds.Split(',').Select(Guid.Parse)])).FirstOrDefault())),
            ];
        }
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

    private sealed record RepeatedRow
    {
        public required string Source { get; init; }
        public required long Seq { get; init; }
        public required string EventIds { get; init; }
    }

    private const string SelectSources = """
        select source, seq as last_seq from sources_seen where (@All or source = @OwnCity) and (@source::text is null or source = @source) order by source
        """;

    // Only of sources whose highest number is above what is taken up without a gap, and only the numbers above that: of none in normal running.
    internal const string SelectMissing = """
        select s.source, n.before + 1 as "from", n.seq - 1 as "to"
        from sources_seen s
        left join taken_up t on t.source = s.source,
        lateral (
            select r.seq, coalesce(lag(r.seq) over (order by r.seq), t.seq, 0) as before
            from records r where r.source = s.source and r.seq > coalesce(t.seq, 0)) n
        where s.seq > coalesce(t.seq, 0) and n.seq > n.before + 1 and (@All or s.source = @OwnCity) and (@source::text is null or s.source = @source)
        order by s.source, n.seq
        limit 1000
        """;

    // One number used twice: the source's database was restored to an earlier state, or somebody writes in its name. The first is where the two histories part, and what it stands
    // for in each, in the order of their coming.
    internal const string SelectRepeated = """
        select f.source, f.seq, string_agg(r.event_id::text, ',' order by r.year, r.idx) as event_ids
        from number_faults f
        join records r on r.source = f.source and r.seq = f.seq
        where (@All or f.source = @OwnCity) and (@source::text is null or f.source = @source)
        group by f.source, f.seq
        having count(*) > 1
        order by f.source, f.seq
        limit 1000
        """;

    internal const string SelectBroken = """
        select r.source, r.seq
        from number_faults f
        join records r on r.source = f.source and r.seq = f.seq
        join records p on p.source = r.source and p.seq = r.seq - 1
        join events e on e.event_id = p.event_id
        where r.seq > 1 and (@All or r.source = @OwnCity) and (@source::text is null or r.source = @source)
        group by r.source, r.seq
        having not bool_or(r.prev = e.digest)
        order by r.source, r.seq
        limit 1000
        """;

    // Silent days have no row: each source's days are counted up from its first record on.
    internal const string SelectDays = """
        select s.source, d.day, coalesce(x.records, 0) as records, coalesce(x.hours, 0) as hours, x.closed, f.day as first_heartbeat_day, f.hours as first_hours,
               coalesce(l.late, 0) as late, l.year as late_year, l.idx as late_idx, l.event_id as late_event
        from sources_seen s
        cross join lateral (select min(day) as day from source_days b where b.source = s.source) b
        left join lateral (select day, hours from source_days h where h.source = s.source and h.hours <> 0 order by day limit 1) f on true
        cross join lateral (select generate_series(greatest(b.day, @FirstDay), @LastDay, interval '1 day')::date as day) d
        left join source_days x on x.source = s.source and x.day = d.day
        left join lateral (
            select year, idx, event_id, count(*) over () as late from late_records l where l.source = s.source and l.day = d.day and l.delay > @LateAfter order by year, idx limit 1) l on true
        where (@All or s.source = @OwnCity) and (@source::text is null or s.source = @source)
        order by d.day, s.source
        """;

    internal const string SelectDecisions = """
        select subject, step, exchange_id, requesting, providing, asking_city, owning_city, newest_at, asking, owning, ignored, unequal, asking_said, owning_said, asking_event, owning_event
        from decisions_seen
        where (asking > owning + ignored or owning > asking or unequal)
          and newest_at <= @SettledBefore
          and (@Since::timestamptz is null or newest_at >= @Since) and (@Until::timestamptz is null or newest_at < @Until)
          and (@source::text is null or @source in (asking_city, owning_city))
          and (@All or requesting = @Own or providing = @Own or @OwnCity in (asking_city, owning_city))
        order by newest_at, subject, step
        limit @Limit
        """;

    internal const string SelectDeliveries = """
        select d.delivery_id, d.exchange_id, p.requesting, p.providing, d.since, d.opened, d.ended, d.gateway, d.unequal,
               d.city_result, d.city_bytes, d.city_sha256, d.gateway_result, d.gateway_bytes, d.gateway_sha256, d.receiver_result, d.receiver_bytes, d.receiver_sha256
        from deliveries_seen d
        left join exchanges e on e.exchange_id = d.exchange_id
        cross join lateral (select coalesce(d.requesting, e.requesting) as requesting, coalesce(d.providing, e.providing) as providing) p
        where (not d.opened or not d.ended or not d.gateway or d.unequal)
          and d.since <= @SettledBefore
          and (@Since::timestamptz is null or d.since >= @Since) and (@Until::timestamptz is null or d.since < @Until)
          and (@source::text is null or d.city = @source)
          and (@after::uuid is null or d.delivery_id > @after)
          and (@All or p.requesting = @Own or p.providing = @Own or d.city = @OwnCity)
        order by d.delivery_id
        limit @Limit
        """;
}

/// <param name="AsOf">When this was true.</param>
/// <param name="Sources">Every source the caller may know of, with what is wrong in its numbers (at most 1,000 entries of each kind).</param>
/// <param name="Days">Only those of a source's days with a fault, oldest first.</param>
/// <param name="Decisions">Only the steps between two cities with a fault, oldest first; as many as the limit says.</param>
/// <param name="Deliveries">Only those with a fault.</param>
/// <param name="Next">Cursor for more deliveries.</param>
internal sealed record GapReport(
    DateTimeOffset AsOf, IReadOnlyList<SourceGaps> Sources, IReadOnlyList<SourceDay> Days, IReadOnlyList<DecisionGap> Decisions, IReadOnlyList<DeliveryGap> Deliveries, string? Next) : IShows
{
    long IShows.Shown => Days.Count + Decisions.Count + Deliveries.Count;
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

internal sealed record SourceDay
{
    /// <summary>How long after a day's end its close is due at the source.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(5);

    public required string Source { get; init; }

    /// <summary>In Beijing.</summary>
    public required DateOnly Day { get; init; }

    /// <summary>Numbered records of that day in the log.</summary>
    public required long Records { get; init; }

    /// <summary>How many the source says it wrote; null while it has not closed the day.</summary>
    public long? ClosedWith { get; init; }

    /// <summary>True when the day is over and was not closed with the number of records in the log.</summary>
    public required bool Differs { get; init; }

    /// <summary>Beginnings of the clock hours without a heartbeat, since the source's first one.</summary>
    public required IReadOnlyList<DateTimeOffset> MissingHours { get; init; }

    /// <summary>Records received later than the limit.</summary>
    public required long Late { get; init; }

    /// <summary>The first of them in the log.</summary>
    public LateRecord? FirstLate { get; init; }

    internal bool HasFault => Differs || MissingHours.Count > 0 || Late > 0;

    /// <summary>Judged is only what was over when <paramref name="settled"/> was, and nothing before the source's first heartbeat.</summary>
    public static SourceDay Of(DayRow row, DateTimeOffset settled)
    {
        var start = Pairing.StartOf(row.Day);
        var alive = row.FirstHeartbeatDay is { } first ? Pairing.StartOf(first).AddHours(int.TrailingZeroCount(row.FirstHours!.Value)) : DateTimeOffset.MaxValue;
        var over = start.AddDays(1) + Grace <= settled && row.Day >= row.FirstHeartbeatDay;
        return new SourceDay
        {
            Source = row.Source,
            Day = row.Day,
            Records = row.Records,
            ClosedWith = row.Closed,
            Differs = over && row.Closed != row.Records,
            MissingHours = [.. Enumerable.Range(0, 24).Where(hour => (row.Hours & (1 << hour)) == 0).Select(hour => start.AddHours(hour)).Where(hour => hour >= alive && hour.AddHours(1) <= settled).Select(hour => hour.ToUniversalTime())],
            Late = row.Late,
            FirstLate = row.LateIdx is { } index ? new LateRecord(row.LateYear!.Value, index, row.LateEvent!.Value) : null,
        };
    }
}

/// <param name="Year">Its log.</param>
/// <param name="Index">Its place in it.</param>
/// <param name="EventId">Under which a proof can be had.</param>
internal sealed record LateRecord(int Year, long Index, Guid EventId);

internal sealed record DayRow
{
    public required string Source { get; init; }
    public required DateOnly Day { get; init; }
    public required long Records { get; init; }
    public required int Hours { get; init; }
    public long? Closed { get; init; }
    public DateOnly? FirstHeartbeatDay { get; init; }
    public int? FirstHours { get; init; }
    public required long Late { get; init; }
    public int? LateYear { get; init; }
    public long? LateIdx { get; init; }
    public Guid? LateEvent { get; init; }
}

/// <summary>A step that one city reports and the other does not, or otherwise.</summary>
internal sealed record DecisionGap
{
    /// <summary>The exchange, or the correction.</summary>
    public required Guid Subject { get; init; }

    /// <summary>An act of the asking city, such as <c>submission</c> or <c>disposal</c>; or a decision of the owning city with the request's version, such as <c>suspend 12</c>.</summary>
    public required string Step { get; init; }

    public Guid? ExchangeId { get; init; }
    public string? Requesting { get; init; }
    public string? Providing { get; init; }
    public string? AskingCity { get; init; }
    public string? OwningCity { get; init; }

    /// <summary>When the log last heard of it.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>Whose record never came: <c>asking_city</c> or <c>owning_city</c>; null when both came.</summary>
    public string? Missing { get; init; }

    /// <summary>True when the two say different things.</summary>
    public required bool Unequal { get; init; }

    public required StepOf Asking { get; init; }
    public required StepOf Owning { get; init; }

    public static DecisionGap Of(DecisionRow row) => new()
    {
        Subject = row.Subject,
        Step = row.Step,
        ExchangeId = row.ExchangeId,
        Requesting = row.Requesting,
        Providing = row.Providing,
        AskingCity = row.AskingCity,
        OwningCity = row.OwningCity,
        Since = row.NewestAt,
        Missing = row.Asking > row.Owning + row.Ignored ? "owning_city" : row.Owning > row.Asking ? "asking_city" : null,
        Unequal = row.Unequal,
        Asking = new StepOf(row.Asking, row.AskingEvent, row.AskingSaid),
        Owning = new StepOf(row.Owning, row.OwningEvent, row.OwningSaid),
    };
}

/// <param name="Times">How often the city reported the step.</param>
/// <param name="EventId">Its newest record of it.</param>
/// <param name="Said">What the other must say too.</param>
internal sealed record StepOf(long Times, Guid? EventId, string? Said);

internal sealed record DecisionRow
{
    public required Guid Subject { get; init; }
    public required string Step { get; init; }
    public Guid? ExchangeId { get; init; }
    public string? Requesting { get; init; }
    public string? Providing { get; init; }
    public string? AskingCity { get; init; }
    public string? OwningCity { get; init; }
    public required DateTimeOffset NewestAt { get; init; }
    public required long Asking { get; init; }
    public required long Owning { get; init; }
    public required long Ignored { get; init; }
    public required bool Unequal { get; init; }
    public string? AskingSaid { get; init; }
    public string? OwningSaid { get; init; }
    public Guid? AskingEvent { get; init; }
    public Guid? OwningEvent { get; init; }
}

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

    /// <summary>True when the city's end and the gateway's report differ in result, bytes or SHA-256, when the receiver got something else, or when one of them reported twice and differently.</summary>
    public required bool Unequal { get; init; }

    public DeliveryReport? City { get; init; }
    public DeliveryReport? Gateway { get; init; }

    /// <summary>What the receiver says it got, when it says so; result equal or different, by the owning city's figures.</summary>
    public DeliveryReport? Acknowledgement { get; init; }

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
        Acknowledgement = row.ReceiverResult is null ? null : new DeliveryReport(row.ReceiverResult, row.ReceiverBytes, row.ReceiverSha256),
    };
}

internal sealed record DeliveryReport(string? Result, long? Bytes, string? Sha256);

internal sealed record DeliveryRow
{
    public required Guid DeliveryId { get; init; }
    public Guid? ExchangeId { get; init; }
    public string? Requesting { get; init; }
    public string? Providing { get; init; }
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
    public string? ReceiverResult { get; init; }
    public long? ReceiverBytes { get; init; }
    public string? ReceiverSha256 { get; init; }
}
