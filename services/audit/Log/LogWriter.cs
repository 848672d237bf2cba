using System.Diagnostics;
using System.Text.Json;
using Dapper;
using Exchange.Audit.Checkpoints;
using Exchange.Audit.Reconciliation;
using Exchange.Audit.Recording;
using Exchange.Hosting;
using Exchange.Hosting.Transparency;
using Npgsql;
using NpgsqlTypes;

namespace Exchange.Audit.Log;

/// <summary>
/// The one writer. A batch is one transaction: leaves, inbox, tiles, search rows and head commit together, under an advisory lock and with the head
/// compared on its size, so that of two writers the second rolls back. What was committed is never changed; received_at never goes back.
/// </summary>
internal sealed partial class LogWriter(Database database, Origins origins, SigningSignal signing, TimeProvider clock, ILogger<LogWriter> logger)
{
    public const long LockKey = 0x6c6f_6700_0000_0001;

    private static readonly ActivitySource Traces = new("Exchange");

    /// <summary>Makes the log of this year when there is none at all, so that it can be signed and trusted before the first event.</summary>
    public async Task EnsureLogAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into logs (year, size, edge, received_at)
            select @Year, 0, ''::bytea, @Now
            where not exists (select 1 from logs)
            on conflict do nothing
            """, new { clock.Now().Year, Now = clock.Now() }, cancellationToken: cancel));
    }

    /// <summary>Appends the records that are not in the log yet. Returns how many leaves it added.</summary>
    public async Task<int> AppendAsync(IReadOnlyCollection<SourceRecord> arrived, CancellationToken cancel)
    {
        if (arrived.Count == 0)
        {
            return 0;
        }
        var started = DateTimeOffset.UtcNow;
        await using var connection = await database.OpenAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition($"{Transaction.MayNotFreeze}; select pg_advisory_xact_lock(@LockKey)", new { LockKey }, cancellationToken: cancel));
        var head = await connection.QuerySingleOrDefaultAsync<Head>(new CommandDefinition(SelectHead, cancellationToken: cancel));

        var now = clock.Now();
        var receivedAt = head is not null && head.ReceivedAt > now ? head.ReceivedAt : now;
        var additions = await NewAsync(connection, arrived, receivedAt, cancel);
        if (additions.Count == 0)
        {
            return 0;
        }
        var year = receivedAt.Year;
        List<SourceRecord> first = [];
        if (head is not null && head.Year < year)
        {
            first.Add(await CloseAsync(connection, head, receivedAt, cancel));
        }
        if (head is null || head.Year < year)
        {
            head = new Head { Year = year, Size = 0, Edge = [], ReceivedAt = receivedAt };
            await connection.ExecuteAsync(new CommandDefinition(InsertHead, head, cancellationToken: cancel));
        }
        var placed = await WriteAsync(connection, head, [.. first.Select(record => new Addition(record, null)), .. additions], receivedAt, cancel);
        await TakenUp.AdvanceAsync(connection, placed.Select(row => row.Record), cancel);
        // From here a caller that goes away must not leave the outcome open.
        await transaction.CommitAsync(CancellationToken.None);
        signing.Wake();
        Trace(placed, started);
        return placed.Count;
    }

    /// <summary>Drops what is known; another content under a known id becomes a leaf of its own, once per content.</summary>
    private async Task<List<Addition>> NewAsync(NpgsqlConnection connection, IReadOnlyCollection<SourceRecord> arrived, DateTimeOffset now, CancellationToken cancel)
    {
        var ids = arrived.Select(record => record.EventId).Distinct().ToArray();
        var known = (await connection.QueryAsync<Known>(new CommandDefinition("select event_id, digest from events where event_id = any(@ids)", new { ids }, cancellationToken: cancel)))
            .ToDictionary(row => row.EventId, row => row.Digest);
        var told = (await connection.QueryAsync<Known>(new CommandDefinition("select event_id, digest from conflicts where event_id = any(@ids)", new { ids }, cancellationToken: cancel)))
            .Select(row => (row.EventId, Convert.ToHexStringLower(row.Digest))).ToHashSet();
        List<Addition> additions = [];
        // Source and sequence decide the order, not the order in which the broker handed the messages over.
        foreach (var record in arrived.OrderBy(record => record.Source, StringComparer.Ordinal).ThenBy(record => record.Seq))
        {
            if (!known.TryGetValue(record.EventId, out var digest))
            {
                known.Add(record.EventId, record.Digest);
                additions.Add(new Addition(record, null));
            }
            else if (!digest.AsSpan().SequenceEqual(record.Digest) && told.Add((record.EventId, Convert.ToHexStringLower(record.Digest))))
            {
                LogConflict(logger, record.EventId, record.Source);
                additions.Add(new Addition(
                    SourceRecord.OfTheLog("conflict", now, record.ExchangeId, new Dictionary<string, string>
                    {
                        ["event_id"] = record.EventId.ToString(),
                        ["logged_sha256"] = Convert.ToBase64String(digest),
                        ["arrived_sha256"] = Convert.ToBase64String(record.Digest),
                        ["arrived_from"] = record.Source,
                    }),
                    record));
            }
        }
        return additions;
    }

    /// <summary>Ends the log of the year gone by with a leaf that names the next one; returns the next one's first leaf, which names the final tree of this.</summary>
    private async Task<SourceRecord> CloseAsync(NpgsqlConnection connection, Head head, DateTimeOffset now, CancellationToken cancel)
    {
        var last = SourceRecord.OfTheLog("log.closed", now, null, new Dictionary<string, string> { ["next_origin"] = origins.Of(now.Year) });
        // A leaf's receive time lies in its log's year; the event's own time tells when the log was closed.
        await WriteAsync(connection, head, [new Addition(last, null)], head.ReceivedAt, cancel);
        var closed = await connection.QuerySingleAsync<Head>(new CommandDefinition("select year, size, edge, received_at from logs where year = @Year", new { head.Year }, cancellationToken: cancel));
        return SourceRecord.OfTheLog("log.opened", now, null, new Dictionary<string, string>
        {
            ["previous_origin"] = origins.Of(head.Year),
            ["previous_size"] = closed.Size.ToString(System.Globalization.CultureInfo.InvariantCulture),
            ["previous_root"] = Convert.ToBase64String(Edge.Read(closed.Size, closed.Edge).Root()),
        });
    }

    private static async Task<List<Placed>> WriteAsync(NpgsqlConnection connection, Head head, List<Addition> additions, DateTimeOffset receivedAt, CancellationToken cancel)
    {
        var edge = Edge.Read(head.Size, head.Edge);
        Dictionary<(int Level, long Index), List<byte>> tiles = [];
        var placed = new List<Placed>(additions.Count);
        foreach (var (record, conflicting) in additions)
        {
            var leaf = record.Leaf(receivedAt);
            var hash = Merkle.LeafHash(leaf);
            placed.Add(new Placed(record, conflicting, edge.Size, leaf, hash));
            edge.Append(hash, (level, index, node) =>
            {
                var tile = (level, index / TilePath.FullWidth);
                if (!tiles.TryGetValue(tile, out var hashes))
                {
                    tiles[tile] = hashes = [];
                }
                hashes.AddRange(node);
            });
        }
        await CopyAsync(connection, head.Year, placed, receivedAt, cancel);
        if (placed.Where(row => row.Conflicting is not null).ToList() is { Count: > 0 } conflicts)
        {
            await connection.ExecuteAsync(new CommandDefinition("""
                insert into conflicts (event_id, digest, year, idx) select c.event_id, c.digest, @Year, c.idx from unnest(@Id, @Digest, @Idx) as c (event_id, digest, idx)
                """, new
            {
                head.Year,
                Id = conflicts.Select(row => row.Conflicting!.EventId).ToArray(),
                Digest = conflicts.Select(row => row.Conflicting!.Digest).ToArray(),
                Idx = conflicts.Select(row => row.Index).ToArray(),
            }, cancellationToken: cancel));
        }
        await connection.ExecuteAsync(new CommandDefinition(ExtendTiles, new
        {
            head.Year,
            Level = tiles.Keys.Select(tile => tile.Level).ToArray(),
            Idx = tiles.Keys.Select(tile => tile.Index).ToArray(),
            Bytes = tiles.Values.Select(hashes => hashes.ToArray()).ToArray(),
        }, cancellationToken: cancel));
        await UpsertExchangesAsync(connection, placed, cancel);
        await Pairing.AdvanceAsync(connection, [.. placed.Select(row => Seen.Of(row.Record, head.Year, row.Index, receivedAt))], cancel);
        var swapped = await connection.ExecuteAsync(new CommandDefinition("""
            update logs set size = @NewSize, edge = @Edge, received_at = @ReceivedAt where year = @Year and size = @OldSize
            """, new { head.Year, OldSize = head.Size, NewSize = edge.Size, Edge = edge.Write(), ReceivedAt = receivedAt }, cancellationToken: cancel));
        return swapped == 1 ? placed : throw new InvalidOperationException($"The log of {head.Year} was no longer at {head.Size}: another writer was at work. Nothing was written.");
    }

    private static async Task CopyAsync(NpgsqlConnection connection, int year, List<Placed> placed, DateTimeOffset receivedAt, CancellationToken cancel)
    {
        await using (var leaves = await connection.BeginBinaryImportAsync("copy leaves (year, idx, hash, bytes) from stdin (format binary)", cancel))
        {
            foreach (var row in placed)
            {
                await leaves.StartRowAsync(cancel);
                await leaves.WriteAsync(year, cancel);
                await leaves.WriteAsync(row.Index, cancel);
                await leaves.WriteAsync(row.Hash, cancel);
                await leaves.WriteAsync(row.Leaf, cancel);
            }
            await leaves.CompleteAsync(cancel);
        }
        await using (var events = await connection.BeginBinaryImportAsync("copy events (event_id, year, idx, digest) from stdin (format binary)", cancel))
        {
            foreach (var row in placed)
            {
                await events.StartRowAsync(cancel);
                await events.WriteAsync(row.Record.EventId, cancel);
                await events.WriteAsync(year, cancel);
                await events.WriteAsync(row.Index, cancel);
                await events.WriteAsync(row.Record.Digest, cancel);
            }
            await events.CompleteAsync(cancel);
        }
        await using var records = await connection.BeginBinaryImportAsync(CopyRecords, cancel);
        foreach (var row in placed)
        {
            await records.StartRowAsync(cancel);
            var record = row.Record;
            await records.WriteAsync(year, cancel);
            await records.WriteAsync(row.Index, cancel);
            await records.WriteAsync(receivedAt.UtcDateTime, cancel);
            await records.WriteAsync(record.EventId, cancel);
            await records.WriteAsync(record.Type, cancel);
            await ValueAsync(record.ExchangeId);
            await records.WriteAsync(record.Source, cancel);
            await ValueAsync(record.Seq);
            await ObjectAsync(record.Prev);
            await records.WriteAsync(record.At.UtcDateTime, cancel);
            await ObjectAsync(record.Requesting);
            await ObjectAsync(record.Providing);
            await ObjectAsync(record.Service);
            await ValueAsync(record.ServiceVersion);
            await ObjectAsync(record.Purpose);
            await ObjectAsync(record.Approval);
            await ObjectAsync(record.Result);
            await ValueAsync(record.Records);
            await ValueAsync(record.Bytes);
            await ValueAsync(record.DeliveryId);
            await ObjectAsync(record.Sha256);
            await (record.Details.Count == 0 ? records.WriteNullAsync(cancel) : records.WriteAsync(JsonSerializer.Serialize(record.Details), NpgsqlDbType.Jsonb, cancel));
        }
        await records.CompleteAsync(cancel);

        Task ValueAsync<T>(T? value)
            where T : struct => value is { } given ? records.WriteAsync(given, cancel) : records.WriteNullAsync(cancel);

        Task ObjectAsync<T>(T? value)
            where T : class => value is null ? records.WriteNullAsync(cancel) : records.WriteAsync(value, cancel);
    }

    private static async Task UpsertExchangesAsync(NpgsqlConnection connection, List<Placed> placed, CancellationToken cancel)
    {
        var exchanges = placed.Select(row => row.Record).Where(record => record.ExchangeId is not null).GroupBy(record => record.ExchangeId!.Value)
            .Select(group => (Id: group.Key, Records: group.ToList(), Last: group.MaxBy(record => record.At)!))
            .ToList();
        if (exchanges.Count > 0)
        {
            await connection.ExecuteAsync(new CommandDefinition(UpsertExchanges, new
            {
                Id = exchanges.Select(exchange => exchange.Id).ToArray(),
                Requesting = exchanges.Select(exchange => exchange.Records.Find(record => record.Requesting is not null)?.Requesting).ToArray(),
                Providing = exchanges.Select(exchange => exchange.Records.Find(record => record.Providing is not null)?.Providing).ToArray(),
                Service = exchanges.Select(exchange => exchange.Records.Find(record => record.Service is not null)?.Service).ToArray(),
                ServiceVersion = exchanges.Select(exchange => exchange.Records.Find(record => record.ServiceVersion is not null)?.ServiceVersion).ToArray(),
                // An array of arrays cannot be unnested by one level; source names hold no comma.
                Sources = exchanges.Select(exchange => string.Join(',', exchange.Records.Select(record => record.Source).Distinct(StringComparer.Ordinal))).ToArray(),
                FirstAt = exchanges.Select(exchange => exchange.Records.Min(record => record.At)).ToArray(),
                LastAt = exchanges.Select(exchange => exchange.Last.At).ToArray(),
                LastType = exchanges.Select(exchange => exchange.Last.Type).ToArray(),
                LastResult = exchanges.Select(exchange => exchange.Last.Result).ToArray(),
                Leaves = exchanges.Select(exchange => (long)exchange.Records.Count).ToArray(),
            }, cancellationToken: cancel));
        }
    }

    // The trace of the act that is recorded ends here, whichever message brought it.
    private static void Trace(List<Placed> placed, DateTimeOffset started)
    {
        foreach (var row in placed)
        {
            if (ActivityContext.TryParse(row.Record.TraceParent, null, isRemote: true, out var parent))
            {
                using var activity = Traces.StartActivity("audit append", ActivityKind.Consumer, parent, startTime: started);
                activity?.SetTag("exchange.id", row.Record.ExchangeId);
                activity?.SetTag("audit.event", row.Record.Type);
                activity?.SetTag("audit.index", row.Index);
            }
        }
    }

    private sealed record Addition(SourceRecord Record, SourceRecord? Conflicting);

    private sealed record Placed(SourceRecord Record, SourceRecord? Conflicting, long Index, byte[] Leaf, byte[] Hash);

    private sealed record Head
    {
        public required int Year { get; init; }
        public required long Size { get; init; }
        public required byte[] Edge { get; init; }
        public required DateTimeOffset ReceivedAt { get; init; }
    }

    private sealed record Known
    {
        public required Guid EventId { get; init; }
        public required byte[] Digest { get; init; }
    }

    private const string SelectHead = """
        select year, size, edge, received_at from logs order by year desc limit 1 for update
        """;

    private const string InsertHead = """
        insert into logs (year, size, edge, received_at) values (@Year, @Size, @Edge, @ReceivedAt)
        """;

    private const string CopyRecords = """
        copy records (year, idx, received_at, event_id, type, exchange_id, source, seq, prev, at, requesting, providing, service, service_version,
            purpose, approval, result, records, bytes, delivery_id, sha256, details)
        from stdin (format binary)
        """;

    private const string ExtendTiles = """
        insert into tiles (year, level, idx, bytes)
        select @Year, * from unnest(@Level, @Idx, @Bytes)
        on conflict (year, level, idx) do update set bytes = tiles.bytes || excluded.bytes
        """;

    private const string UpsertExchanges = """
        insert into exchanges (exchange_id, requesting, providing, service, service_version, sources, first_at, last_at, last_type, last_result, leaves)
        select id, requesting, providing, service, service_version, string_to_array(sources, ','), first_at, last_at, last_type, last_result, leaves
        from unnest(@Id, @Requesting, @Providing, @Service, @ServiceVersion, @Sources, @FirstAt, @LastAt, @LastType, @LastResult, @Leaves)
            as e (id, requesting, providing, service, service_version, sources, first_at, last_at, last_type, last_result, leaves)
        on conflict (exchange_id) do update set
            requesting = coalesce(exchanges.requesting, excluded.requesting),
            providing = coalesce(exchanges.providing, excluded.providing),
            service = coalesce(exchanges.service, excluded.service),
            service_version = coalesce(exchanges.service_version, excluded.service_version),
            sources = (select array_agg(distinct s order by s) from unnest(exchanges.sources || excluded.sources) as s),
            first_at = least(exchanges.first_at, excluded.first_at),
            last_at = greatest(exchanges.last_at, excluded.last_at),
            last_type = case when excluded.last_at >= exchanges.last_at then excluded.last_type else exchanges.last_type end,
            last_result = case when excluded.last_at >= exchanges.last_at then excluded.last_result else exchanges.last_result end,
            leaves = exchanges.leaves + excluded.leaves
        """;

    [LoggerMessage(Level = LogLevel.Critical, Message = "Event {EventId} of {Source} arrived again with another content; the log holds both digests")]
    private static partial void LogConflict(ILogger logger, Guid eventId, string source);
}
