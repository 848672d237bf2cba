using System.Globalization;
using Dapper;
using Exchange.Audit.Log;
using Npgsql;

namespace Exchange.Audit.Reconciliation;

/// <summary>
/// Keeps what the report of gaps reads, in the append's own transaction and a few statements a batch. A mark says up to which leaf it has come: where there is more
/// (a log from before, tables that were emptied to be made anew) it reads the search rows in between first.
/// </summary>
internal static class Pairing
{
    private const int CatchUpAtOnce = 2000;

    /// <summary>Shorter delays are the ordinary way through the broker.</summary>
    private static readonly TimeSpan ShortestDelay = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan Beijing = TimeSpan.FromHours(8);

    public static DateOnly DayOf(DateTimeOffset at) => DateOnly.FromDateTime(at.ToOffset(Beijing).DateTime);

    public static DateTimeOffset StartOf(DateOnly day) => new(day, TimeOnly.MinValue, Beijing);

    /// <summary>Takes up what was just appended, whose search rows are written.</summary>
    public static async Task AdvanceAsync(NpgsqlConnection connection, IReadOnlyList<Seen> appended, CancellationToken cancel)
    {
        var (first, last) = (appended[0], appended[^1]);
        var mark = new { first.Year, Before = first.Idx - 1, Last = last.Idx };
        while (await connection.ExecuteAsync(new CommandDefinition("update paired set idx = @Last where year = @Year and idx = @Before", mark, cancellationToken: cancel)) == 0)
        {
            if (await CatchUpAsync(connection, first.Year, first.Idx, cancel) == 0)
            {
                // Nothing lies between: the log of a new year begins.
                await connection.ExecuteAsync(new CommandDefinition("update paired set year = @Year, idx = @Before", mark, cancellationToken: cancel));
            }
        }
        await TakeAsync(connection, appended, cancel);
    }

    /// <summary>The next of the log's records before this leaf that are not taken up; returns how many. The caller's transaction holds the log's lock.</summary>
    public static async Task<int> CatchUpAsync(NpgsqlConnection connection, int year, long idx, CancellationToken cancel)
    {
        var mark = await connection.QuerySingleAsync<(int Year, long Idx)>(new CommandDefinition("select year, idx from paired", cancellationToken: cancel));
        var rows = (await connection.QueryAsync<Seen>(new CommandDefinition(SelectNext, new { MarkYear = mark.Year, MarkIdx = mark.Idx, year, idx, CatchUpAtOnce }, cancellationToken: cancel))).AsList();
        if (rows.Count > 0)
        {
            await connection.ExecuteAsync(new CommandDefinition("update paired set year = @Year, idx = @Idx", rows[^1], cancellationToken: cancel));
            await TakeAsync(connection, rows, cancel);
        }
        return rows.Count;
    }

    private static async Task TakeAsync(NpgsqlConnection connection, IReadOnlyList<Seen> seen, CancellationToken cancel)
    {
        await DeliveriesAsync(connection, seen, cancel);
        await DecisionsAsync(connection, seen, cancel);
        var numbered = seen.Where(row => row.Seq is not null).ToList();
        if (numbered.Count > 0)
        {
            await NumbersAsync(connection, numbered, cancel);
            await DaysAsync(connection, numbered, cancel);
        }
    }

    private static async Task DeliveriesAsync(NpgsqlConnection connection, IReadOnlyList<Seen> seen, CancellationToken cancel)
    {
        Dictionary<Guid, Delivery> deliveries = [];
        foreach (var record in seen)
        {
            if (record.DeliveryId is { } id && record.Type is "delivery.opened" or "delivery.ended" or "gateway.delivered" or "delivery.acknowledged")
            {
                deliveries[id] = (deliveries.GetValueOrDefault(id) ?? new Delivery(record.ReceivedAt)).With(record);
            }
        }
        if (deliveries.Count > 0)
        {
            await connection.ExecuteAsync(new CommandDefinition(UpsertDeliveries, new
            {
                Id = deliveries.Keys.ToArray(),
                Exchange = deliveries.Values.Select(d => d.Exchange).ToArray(),
                Requesting = deliveries.Values.Select(d => d.Requesting).ToArray(),
                Providing = deliveries.Values.Select(d => d.Providing).ToArray(),
                City = deliveries.Values.Select(d => d.City).ToArray(),
                Since = deliveries.Values.Select(d => d.Since).ToArray(),
                Opened = deliveries.Values.Select(d => d.Opened).ToArray(),
                Ended = deliveries.Values.Select(d => d.Ended is not null).ToArray(),
                Gateway = deliveries.Values.Select(d => d.Gateway is not null).ToArray(),
                CityResult = deliveries.Values.Select(d => d.Ended?.Result).ToArray(),
                CityBytes = deliveries.Values.Select(d => d.Ended?.Bytes).ToArray(),
                CitySha256 = deliveries.Values.Select(d => d.Ended?.Sha256).ToArray(),
                GatewayResult = deliveries.Values.Select(d => d.Gateway?.Result).ToArray(),
                GatewayBytes = deliveries.Values.Select(d => d.Gateway?.Bytes).ToArray(),
                GatewaySha256 = deliveries.Values.Select(d => d.Gateway?.Sha256).ToArray(),
                ReceiverResult = deliveries.Values.Select(d => d.Receiver?.Result).ToArray(),
                ReceiverBytes = deliveries.Values.Select(d => d.Receiver?.Bytes).ToArray(),
                ReceiverSha256 = deliveries.Values.Select(d => d.Receiver?.Sha256).ToArray(),
                Contradicted = deliveries.Values.Select(d => d.Contradicted).ToArray(),
            }, cancellationToken: cancel));
        }
    }

    private static async Task DecisionsAsync(NpgsqlConnection connection, IReadOnlyList<Seen> seen, CancellationToken cancel)
    {
        Dictionary<(Guid, string), Decision> decisions = [];
        foreach (var record in seen)
        {
            foreach (var report in Pairs.Of(record))
            {
                decisions[(report.Subject, report.Step)] = (decisions.GetValueOrDefault((report.Subject, report.Step)) ?? new Decision(report.Subject, report.Step)).With(record, report);
            }
        }
        if (decisions.Count > 0)
        {
            await connection.ExecuteAsync(new CommandDefinition(UpsertDecisions, new
            {
                Subject = decisions.Values.Select(d => d.Subject).ToArray(),
                Step = decisions.Values.Select(d => d.Step).ToArray(),
                Exchange = decisions.Values.Select(d => d.Exchange).ToArray(),
                Requesting = decisions.Values.Select(d => d.Requesting).ToArray(),
                Providing = decisions.Values.Select(d => d.Providing).ToArray(),
                AskingCity = decisions.Values.Select(d => d.AskingCity).ToArray(),
                OwningCity = decisions.Values.Select(d => d.OwningCity).ToArray(),
                NewestAt = decisions.Values.Select(d => d.NewestAt).ToArray(),
                Asking = decisions.Values.Select(d => d.Asking).ToArray(),
                Owning = decisions.Values.Select(d => d.Owning).ToArray(),
                Ignored = decisions.Values.Select(d => d.Ignored).ToArray(),
                AskingSaid = decisions.Values.Select(d => d.ByAsking?.Said).ToArray(),
                OwningSaid = decisions.Values.Select(d => d.ByOwning?.Said).ToArray(),
                AskingEvent = decisions.Values.Select(d => d.ByAsking?.EventId).ToArray(),
                OwningEvent = decisions.Values.Select(d => d.ByOwning?.EventId).ToArray(),
            }, cancellationToken: cancel));
        }
    }

    /// <summary>A number that follows the highest one and names its hash is in order; only what is not is compared with the rows that are there.</summary>
    private static async Task NumbersAsync(NpgsqlConnection connection, List<Seen> numbered, CancellationToken cancel)
    {
        var highest = (await connection.QueryAsync<Highest>(new CommandDefinition("select source, seq, digest from sources_seen where source = any(@Sources)",
            new { Sources = numbered.Select(row => row.Source).Distinct(StringComparer.Ordinal).ToArray() }, cancellationToken: cancel))).ToDictionary(row => row.Source, StringComparer.Ordinal);
        List<Seen> odd = [];
        foreach (var record in numbered)
        {
            var last = highest.GetValueOrDefault(record.Source);
            if (last is not null && (record.Seq <= last.Seq || (record.Seq == last.Seq + 1 && !last.Digest.AsSpan().SequenceEqual(record.Prev))))
            {
                odd.Add(record);
            }
            if (last is null || record.Seq > last.Seq)
            {
                highest[record.Source] = new Highest { Source = record.Source, Seq = record.Seq!.Value, Digest = record.Digest };
            }
        }
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into sources_seen (source, seq, digest) select * from unnest(@Source, @Seq, @Digest) on conflict (source) do update set seq = excluded.seq, digest = excluded.digest
            """, new { Source = highest.Keys.ToArray(), Seq = highest.Values.Select(row => row.Seq).ToArray(), Digest = highest.Values.Select(row => row.Digest).ToArray() }, cancellationToken: cancel));
        if (odd.Count > 0)
        {
            await connection.ExecuteAsync(new CommandDefinition(InsertNumberFaults, new { Source = odd.Select(row => row.Source).ToArray(), Seq = odd.Select(row => row.Seq!.Value).ToArray() }, cancellationToken: cancel));
        }
    }

    private static async Task DaysAsync(NpgsqlConnection connection, List<Seen> numbered, CancellationToken cancel)
    {
        Dictionary<(string Source, DateOnly Day), (long Records, int Hours, long? Closed)> days = [];
        foreach (var record in numbered)
        {
            Add(record.Source, DayOf(record.At), 1, 0, null);
            if (record.Type == "source.heartbeat" && HourOf(record) is { } hour)
            {
                Add(record.Source, DayOf(hour), 0, 1 << hour.ToOffset(Beijing).Hour, null);
            }
            else if (record.Type == "source.day_closed" && DateOnly.TryParseExact(record.Details.GetValueOrDefault("day"), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
                && long.TryParse(record.Details.GetValueOrDefault("count"), NumberStyles.None, CultureInfo.InvariantCulture, out var count))
            {
                Add(record.Source, day, 0, 0, count);
            }
        }
        await connection.ExecuteAsync(new CommandDefinition(UpsertDays, new
        {
            Source = days.Keys.Select(key => key.Source).ToArray(),
            Day = days.Keys.Select(key => key.Day).ToArray(),
            Records = days.Values.Select(row => row.Records).ToArray(),
            Hours = days.Values.Select(row => row.Hours).ToArray(),
            Closed = days.Values.Select(row => row.Closed).ToArray(),
        }, cancellationToken: cancel));
        var late = numbered.Where(record => record.ReceivedAt - record.At > ShortestDelay).ToList();
        if (late.Count > 0)
        {
            await connection.ExecuteAsync(new CommandDefinition("""
                insert into late_records (year, idx, source, day, event_id, delay) select * from unnest(@Year, @Idx, @Source, @Day, @EventId, @Delay) on conflict do nothing
                """, new
            {
                Year = late.Select(record => record.Year).ToArray(),
                Idx = late.Select(record => record.Idx).ToArray(),
                Source = late.Select(record => record.Source).ToArray(),
                Day = late.Select(record => DayOf(record.At)).ToArray(),
                EventId = late.Select(record => record.EventId).ToArray(),
                Delay = late.Select(record => record.ReceivedAt - record.At).ToArray(),
            }, cancellationToken: cancel));
        }

        void Add(string source, DateOnly day, long records, int hours, long? closed)
        {
            var now = days.GetValueOrDefault((source, day));
            days[(source, day)] = (now.Records + records, now.Hours | hours, closed ?? now.Closed);
        }
    }

    /// <summary>The hour a heartbeat stands for; null when it was not given in that hour, since nobody makes up for one afterwards.</summary>
    private static DateTimeOffset? HourOf(Seen beat) =>
        DateTimeOffset.TryParse(beat.Details.GetValueOrDefault("hour"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var hour)
            && beat.At >= hour && beat.At < hour.AddHours(1).AddMinutes(5) ? hour : null;

    private sealed record Said(string? Result, long? Bytes, string? Sha256);

    private sealed record Delivery(DateTimeOffset Since)
    {
        public Guid? Exchange { get; private init; }
        public string? Requesting { get; private init; }
        public string? Providing { get; private init; }
        public string? City { get; private init; }
        public bool Opened { get; private init; }
        public Said? Ended { get; private init; }
        public Said? Gateway { get; private init; }
        public Said? Receiver { get; private init; }
        public bool Contradicted { get; private init; }

        public Delivery With(Seen record)
        {
            var known = this with { Exchange = Exchange ?? record.ExchangeId, Requesting = Requesting ?? record.Requesting, Providing = Providing ?? record.Providing };
            var said = new Said(record.Result, record.Bytes, record.Sha256);
            if (record.Type == "gateway.delivered")
            {
                return record.Source == "gateway" ? known with { Gateway = Gateway ?? said, Contradicted = Contradicted || (Gateway is not null && Gateway != said) } : known;
            }
            if (record.Source is "gateway" or "audit")
            {
                return known;
            }
            known = known with { City = City ?? record.Source, Contradicted = Contradicted || (City is not null && City != record.Source) };
            return record.Type switch
            {
                "delivery.opened" => known with { Opened = true },
                "delivery.ended" => known with { Ended = Ended ?? said, Contradicted = known.Contradicted || (Ended is not null && Ended != said) },
                _ => known with { Receiver = Receiver ?? said, Contradicted = known.Contradicted || (Receiver is not null && Receiver != said) },
            };
        }
    }

    private sealed record StepSaid(Guid EventId, string? Said);

    private sealed record Decision(Guid Subject, string Step)
    {
        public Guid? Exchange { get; private init; }
        public string? Requesting { get; private init; }
        public string? Providing { get; private init; }
        public string? AskingCity { get; private init; }
        public string? OwningCity { get; private init; }
        public DateTimeOffset NewestAt { get; private init; }
        public long Asking { get; private init; }
        public long Owning { get; private init; }
        public long Ignored { get; private init; }
        public StepSaid? ByAsking { get; private init; }
        public StepSaid? ByOwning { get; private init; }

        public Decision With(Seen record, StepReport report)
        {
            var said = new StepSaid(record.EventId, report.Says);
            var known = this with
            {
                Exchange = Exchange ?? record.ExchangeId,
                Requesting = Requesting ?? record.Requesting,
                Providing = Providing ?? record.Providing,
                AskingCity = AskingCity ?? record.Details.GetValueOrDefault("asking_city") ?? (report.By == Reporter.Asking ? record.Source : null),
                OwningCity = OwningCity ?? record.Details.GetValueOrDefault("owning_city") ?? (report.By == Reporter.Asking ? null : record.Source),
                NewestAt = record.ReceivedAt,
            };
            return report.By switch
            {
                Reporter.Asking => known with { Asking = Asking + report.Times, ByAsking = said },
                Reporter.Owning => known with { Owning = Owning + report.Times, ByOwning = said },
                _ => known with { Ignored = Ignored + report.Times },
            };
        }
    }

    private sealed record Highest
    {
        public required string Source { get; init; }
        public required long Seq { get; init; }
        public required byte[] Digest { get; init; }
    }

    private const string SelectNext = """
        select r.year, r.idx, r.received_at, r.event_id, r.type, r.source, r.at, coalesce(e.digest, ''::bytea) as digest, r.seq, r.prev, r.exchange_id, r.requesting, r.providing, r.service, r.service_version, r.approval, r.result, r.bytes,
               r.delivery_id, r.sha256, r.details::text as details_json
        from records r
        left join events e on e.event_id = r.event_id
        where (r.year, r.idx) > (@MarkYear, @MarkIdx) and (r.year, r.idx) < (@year, @idx)
        order by r.year, r.idx
        limit @CatchUpAtOnce
        """;

    private const string UpsertDeliveries = """
        insert into deliveries_seen as d (delivery_id, exchange_id, requesting, providing, city, since, opened, ended, gateway,
            city_result, city_bytes, city_sha256, gateway_result, gateway_bytes, gateway_sha256, receiver_result, receiver_bytes, receiver_sha256, contradicted)
        select * from unnest(@Id, @Exchange, @Requesting, @Providing, @City, @Since, @Opened, @Ended, @Gateway,
            @CityResult, @CityBytes, @CitySha256, @GatewayResult, @GatewayBytes, @GatewaySha256, @ReceiverResult, @ReceiverBytes, @ReceiverSha256, @Contradicted)
        on conflict (delivery_id) do update set
            exchange_id = coalesce(d.exchange_id, excluded.exchange_id),
            requesting = coalesce(d.requesting, excluded.requesting),
            providing = coalesce(d.providing, excluded.providing),
            city = coalesce(d.city, excluded.city),
            opened = d.opened or excluded.opened,
            ended = d.ended or excluded.ended,
            gateway = d.gateway or excluded.gateway,
            city_result = coalesce(d.city_result, excluded.city_result),
            city_bytes = coalesce(d.city_bytes, excluded.city_bytes),
            city_sha256 = coalesce(d.city_sha256, excluded.city_sha256),
            gateway_result = coalesce(d.gateway_result, excluded.gateway_result),
            gateway_bytes = coalesce(d.gateway_bytes, excluded.gateway_bytes),
            gateway_sha256 = coalesce(d.gateway_sha256, excluded.gateway_sha256),
            receiver_result = coalesce(d.receiver_result, excluded.receiver_result),
            receiver_bytes = coalesce(d.receiver_bytes, excluded.receiver_bytes),
            receiver_sha256 = coalesce(d.receiver_sha256, excluded.receiver_sha256),
            contradicted = d.contradicted or excluded.contradicted or coalesce(d.city <> excluded.city, false)
                or (d.ended and excluded.ended and (d.city_result, d.city_bytes, d.city_sha256) is distinct from (excluded.city_result, excluded.city_bytes, excluded.city_sha256))
                or (d.gateway and excluded.gateway and (d.gateway_result, d.gateway_bytes, d.gateway_sha256) is distinct from (excluded.gateway_result, excluded.gateway_bytes, excluded.gateway_sha256))
                or (d.receiver_result is not null and excluded.receiver_result is not null
                    and (d.receiver_result, d.receiver_bytes, d.receiver_sha256) is distinct from (excluded.receiver_result, excluded.receiver_bytes, excluded.receiver_sha256))
        """;

    private const string UpsertDecisions = """
        insert into decisions_seen as d (subject, step, exchange_id, requesting, providing, asking_city, owning_city, newest_at, asking, owning, ignored,
            asking_said, owning_said, asking_event, owning_event)
        select * from unnest(@Subject, @Step, @Exchange, @Requesting, @Providing, @AskingCity, @OwningCity, @NewestAt, @Asking, @Owning, @Ignored,
            @AskingSaid, @OwningSaid, @AskingEvent, @OwningEvent)
        on conflict (subject, step) do update set
            exchange_id = coalesce(d.exchange_id, excluded.exchange_id),
            requesting = coalesce(d.requesting, excluded.requesting),
            providing = coalesce(d.providing, excluded.providing),
            asking_city = coalesce(d.asking_city, excluded.asking_city),
            owning_city = coalesce(d.owning_city, excluded.owning_city),
            newest_at = excluded.newest_at,
            asking = d.asking + excluded.asking,
            owning = d.owning + excluded.owning,
            ignored = d.ignored + excluded.ignored,
            asking_said = coalesce(excluded.asking_said, d.asking_said),
            owning_said = coalesce(excluded.owning_said, d.owning_said),
            asking_event = coalesce(excluded.asking_event, d.asking_event),
            owning_event = coalesce(excluded.owning_event, d.owning_event)
        """;

    // The number itself and the one after it, whose predecessor it is. At a fork two records name the same predecessor; one that fits is enough.
    private const string InsertNumberFaults = """
        insert into number_faults (source, seq)
        select distinct o.source, n.seq
        from unnest(@Source, @Seq) as o (source, seq)
        cross join lateral (values (o.seq), (o.seq + 1)) as n (seq)
        where (select count(*) from records r where r.source = o.source and r.seq = n.seq) > 1
           or (select not bool_or(r.prev = e.digest) from records r join records p on p.source = r.source and p.seq = r.seq - 1 join events e on e.event_id = p.event_id where r.source = o.source and r.seq = n.seq)
        on conflict do nothing
        """;

    private const string UpsertDays = """
        insert into source_days as d (source, day, records, hours, closed)
        select * from unnest(@Source, @Day, @Records, @Hours, @Closed)
        on conflict (source, day) do update set records = d.records + excluded.records, hours = d.hours | excluded.hours, closed = coalesce(excluded.closed, d.closed)
        """;
}

/// <summary>A log that was there before, or whose derived tables were emptied, is gone through once before anything is appended.</summary>
internal sealed class StartPairing(Exchange.Hosting.Database database) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var left = 1;
        while (left > 0)
        {
            await using var connection = await database.OpenAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await connection.ExecuteAsync(new CommandDefinition("select pg_advisory_xact_lock(@LockKey)", new { LogWriter.LockKey }, cancellationToken: cancellationToken));
            left = await Pairing.CatchUpAsync(connection, int.MaxValue, 0, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
