using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dapper;
using Exchange.Contracts;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Exchange.Hosting.Messaging;

/// <summary>
/// Takes committed outbox rows to the broker. One process leads. A row is first sealed (checked, numbered, its final bytes stored) in a transaction
/// fenced by the lease, then published, confirmed and marked. A crash anywhere sends the same bytes under the same id again; consumers know both.
/// Nothing counts attempts: while the broker is away rows wait, and sealing goes on so that feeds stay readable by pull.
/// </summary>
public sealed partial class Relay(Database database, Leases leases, Broker broker, RelaySignal signal, RelayState state, ServiceSettings service, ILogger<Relay> log) : BackgroundService
{
    private const string Lease = "relay";
    private const int BatchSize = 500;
    private const int RecordsPerMessage = 50;
    private const int LargestContent = 8 * 1024 * 1024;
    private static readonly TimeSpan LeaseDuration = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RenewAfter = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan PublishTimeout = TimeSpan.FromSeconds(20);
    private static readonly HashSet<string> KnownTypes = [.. typeof(AuditRecords).Assembly.GetExportedTypes().Select(t => t.FullName!)];

    private IConnection? connection;
    private IChannel? channel;
    private InFlight? inFlight;
    private long connectAgainAt;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        long? token = null;
        var renewed = 0L;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (token is null || TimeProvider.System.GetElapsedTime(renewed) > RenewAfter)
                {
                    renewed = TimeProvider.System.GetTimestamp();
                    token = await leases.AcquireAsync(Lease, LeaseDuration, stoppingToken);
                    state.Leading = token is not null;
                }

                if (token is null)
                {
                    await Task.Delay(TimeSpan.FromSeconds(1), stoppingToken);
                    continue;
                }

                var sealedRows = await SealAsync(token.Value, stoppingToken);
                if (sealedRows < 0)
                {
                    token = null;
                    continue;
                }

                var sent = await SendAsync(stoppingToken);
                if (sealedRows == 0 && sent == 0)
                {
                    await signal.WaitAsync(Poll, stoppingToken);
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception fault)
            {
                LogRelayFault(log, fault);
                token = null;
                if (TransientFault.Is(fault))
                {
                    // This loop is the first to notice that the database went.
                    database.Forget();
                }

                await Task.Delay(TimeSpan.FromMilliseconds(300 + Random.Shared.Next(400)), stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        await CloseAsync();
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await leases.ReleaseAsync(Lease, cancellationToken);
        }
        catch (Exception fault) when (fault is NpgsqlException or OperationCanceledException)
        {
            // The lease runs out by itself.
        }
    }

    /// <summary>Numbers what has been committed. Returns how many rows were taken up, or -1 when the lease is no longer ours.</summary>
    private async Task<int> SealAsync(long token, CancellationToken cancel)
    {
        await using var db = await database.OpenAsync(cancel);
        await using var transaction = await db.BeginTransactionAsync(cancel);
        await db.ExecuteAsync(Transaction.MayNotFreeze);
        if (!await leases.FenceAsync(db, Lease, token, cancel))
        {
            return -1;
        }

        var rows = (await db.QueryAsync<UnsealedRow>(new CommandDefinition(SelectUnsealed, new { BatchSize }, cancellationToken: cancel))).AsList();
        if (rows.Count == 0)
        {
            return 0;
        }

        var counters = await db.QuerySingleAsync<Counters>("select sealed, source_seq, source_hash from outbox_counters for update");
        var feeds = new Dictionary<string, Feed>(StringComparer.Ordinal);
        foreach (var feed in rows.Where(r => r.Feed is not null).Select(r => r.Feed!).Distinct(StringComparer.Ordinal))
        {
            feeds[feed] = await db.QuerySingleAsync<Feed>(TakeFeed, new { feed, epoch = Guid.NewGuid() });
        }

        var done = new List<SealedRow>(rows.Count);
        var entries = new List<FeedRow>();
        foreach (var row in rows)
        {
            try
            {
                done.Add(row.Kind == "record" ? SealRecord(row, counters) : SealMessage(row, counters, feeds, entries));
            }
            catch (Exception fault) when (fault is JsonException or InvalidOperationException or FormatException or ArgumentException)
            {
                LogQuarantine(log, fault, row.Id, row.Type);
                await db.ExecuteAsync("update outbox set quarantined_at = clock_timestamp(), quarantine_reason = @Message where id = @Id", new { row.Id, fault.Message });
            }
        }

        await db.ExecuteAsync(new CommandDefinition(StoreSealed, new
        {
            Id = done.Select(d => d.Id).ToArray(),
            Sealed = done.Select(d => d.Sealed).ToArray(),
            Body = done.Select(d => d.Body).ToArray(),
            SourceSeq = done.Select(d => d.SourceSeq).ToArray(),
        }, cancellationToken: cancel));
        await db.ExecuteAsync("update outbox_counters set sealed = @Sealed, source_seq = @SourceSeq, source_hash = @SourceHash", counters);
        if (entries.Count > 0)
        {
            await StoreFeedAsync(db, feeds, entries, cancel);
        }

        await transaction.CommitAsync(cancel);
        return rows.Count;
    }

    /// <summary>The record's canonical bytes, in this source's unbroken sequence. After this the row is never quarantined, or the sequence would have a hole.</summary>
    private static SealedRow SealRecord(UnsealedRow row, Counters counters)
    {
        var content = JsonNode.Parse(row.Content)!.AsObject();
        var seq = counters.SourceSeq + 1;
        content["seq"] = seq;
        if (counters.SourceHash is { } previous)
        {
            content["prev"] = Convert.ToBase64String(previous);
        }

        var body = CanonicalJson.Write(content);
        if (body.Length > 60_000)
        {
            throw new InvalidOperationException($"An audit record has {body.Length} bytes; an entry bundle holds at most 65,535 with the envelope.");
        }

        counters.SourceSeq = seq;
        counters.SourceHash = SHA256.HashData(body);
        return new SealedRow(row.Id, ++counters.Sealed, body, seq);
    }

    private SealedRow SealMessage(UnsealedRow row, Counters counters, Dictionary<string, Feed> feeds, List<FeedRow> entries)
    {
        if (!KnownTypes.Contains(row.Type))
        {
            throw new InvalidOperationException($"No contract is named {row.Type}.");
        }

        if (Encoding.UTF8.GetByteCount(row.Content) is var size and > LargestContent)
        {
            throw new InvalidOperationException($"The message has {size} bytes; the limit is {LargestContent}.");
        }

        var content = JsonNode.Parse(row.Content)!.AsObject();
        if (row.Feed is { } name)
        {
            var feed = feeds[name];
            feed.Change++;
            content["epoch"] = feed.Epoch;
            content["change"] = feed.Change;
            entries.Add(new FeedRow(name, row.FeedKey!.Value, feed.Change, row.FeedVersion!.Value, row.FeedTombstone!.Value, content.ToJsonString(MessageJson.Options), row.Type));
        }

        var message = JsonSerializer.SerializeToUtf8Bytes(content, MessageJson.Options);
        return new SealedRow(row.Id, ++counters.Sealed, MessageJson.Envelope(row.Id, row.CorrelationId, service.Name, row.Exchange, row.Type, message, row.CreatedAt), SourceSeq: null);
    }

    private static async Task StoreFeedAsync(NpgsqlConnection db, Dictionary<string, Feed> feeds, List<FeedRow> entries, CancellationToken cancel)
    {
        foreach (var (feed, position) in feeds)
        {
            await db.ExecuteAsync("update feeds set change = @Change where feed = @feed", new { feed, position.Change });
        }

        // Within one batch only the newest of a key is kept: an upsert may touch a row once.
        var newest = entries.GroupBy(e => (e.Feed, e.Key)).Select(g => g.MaxBy(e => e.Version)!).ToList();
        await db.ExecuteAsync(new CommandDefinition(UpsertFeed, new
        {
            Feed = newest.Select(e => e.Feed).ToArray(),
            Key = newest.Select(e => e.Key).ToArray(),
            Change = newest.Select(e => e.Change).ToArray(),
            Version = newest.Select(e => e.Version).ToArray(),
            Tombstone = newest.Select(e => e.Tombstone).ToArray(),
            Message = newest.Select(e => e.Message).ToArray(),
            Type = newest.Select(e => e.Type).ToArray(),
            RowHash = newest.Select(e => FeedHash.Of(e.Key, e.Version, e.Tombstone)).ToArray(),
        }, cancellationToken: cancel));
    }

    /// <summary>
    /// Not fenced, and need not be: whoever lost the lease can only send rows again whose bytes and order are fixed, and marks only what the broker confirmed to him.
    /// While the broker blocks its publishers what was sent stays in flight; sealing goes on meanwhile.
    /// </summary>
    private async Task<int> SendAsync(CancellationToken cancel)
    {
        await using var db = await database.OpenAsync(cancel);
        if (inFlight is null)
        {
            var rows = (await db.QueryAsync<UnsentRow>(new CommandDefinition(SelectUnsent, new { BatchSize }, cancellationToken: cancel))).AsList();
            if (rows.Count == 0 || await ChannelAsync(cancel) is not { } open)
            {
                return 0;
            }

            // Kept in the field: until it is settled, that may take several rounds.
            inFlight = new InFlight(CancellationTokenSource.CreateLinkedTokenSource(cancel));
            foreach (var packet in Pack(rows))
            {
                inFlight.Packets.Add((packet, PublishAsync(open, packet, inFlight.Within.Token)));
            }
        }

        return await inFlight.SettledAsync(state, PublishTimeout) ? await MarkAsync(db, cancel) : 0;
    }

    private async Task<int> MarkAsync(NpgsqlConnection db, CancellationToken cancel)
    {
        var confirmed = new List<Guid>();
        var returned = new List<Guid>();
        string? nowhere = null;
        Exception? broken = null;
        foreach (var (packet, done) in inFlight!.Packets)
        {
            try
            {
                await done;
                confirmed.AddRange(packet.Ids);
            }
            catch (PublishException fault) when (fault.IsReturn)
            {
                returned.AddRange(packet.Ids);
                nowhere ??= packet.RoutingKey;
            }
            catch (Exception fault)
            {
                broken = fault;
            }
        }

        inFlight.Within.Dispose();
        inFlight = null;
        if (confirmed.Count > 0)
        {
            await db.ExecuteAsync(new CommandDefinition("update outbox set sent_at = clock_timestamp() where id = any(@confirmed)", new { confirmed }, cancellationToken: cancel));
        }

        if (returned.Count > 0)
        {
            LogReturned(log, returned.Count, nowhere!);
            await db.ExecuteAsync(new CommandDefinition("update outbox set hold_until = clock_timestamp() + interval '5 seconds' where id = any(@returned) and sent_at is null", new { returned }, cancellationToken: cancel));
        }

        if (broken is not null)
        {
            cancel.ThrowIfCancellationRequested();
            LogBrokerAway(log, broken.Message);
            await CloseAsync();
        }

        return confirmed.Count + returned.Count;
    }

    private static async Task PublishAsync(IChannel channel, Packet packet, CancellationToken cancel)
    {
        var properties = new BasicProperties
        {
            ContentType = MessageJson.ContentType,
            DeliveryMode = DeliveryModes.Persistent,
            MessageId = packet.Id.ToString(),
            CorrelationId = packet.CorrelationId?.ToString(),
            Headers = packet.Traceparent is null ? null : new Dictionary<string, object?>(StringComparer.Ordinal) { ["traceparent"] = packet.Traceparent, ["MT-Activity-Id"] = packet.Traceparent },
        };
        await channel.BasicPublishAsync(packet.Exchange, packet.RoutingKey, mandatory: true, properties, packet.Body, cancel);
    }

    /// <summary>Neighbouring audit records travel together: the broker's cost is per message.</summary>
    private IEnumerable<Packet> Pack(List<UnsentRow> rows)
    {
        for (var i = 0; i < rows.Count;)
        {
            var row = rows[i];
            if (row.Kind != "record")
            {
                yield return new Packet(row.Id, [row.Id], row.Exchange, row.RoutingKey, row.CorrelationId, row.Traceparent, row.Body);
                i++;
                continue;
            }

            var records = rows.Skip(i).TakeWhile(r => r.Kind == "record").Take(RecordsPerMessage).ToList();
            i += records.Count;
            var message = new AuditRecords
            {
                Source = service.Name,
                Records = [.. records.Select(r => new RecordedEvent { EventId = r.Id, Bytes = r.Body, TraceParent = r.Traceparent })],
            };
            // An id of its own for each packing: after a lost confirm the same records may travel in other company, and a consumer's batch must not take the one for the other.
            var id = Guid.CreateVersion7();
            var body = MessageJson.Envelope(id, null, service.Name, row.Exchange, typeof(AuditRecords).FullName!, JsonSerializer.SerializeToUtf8Bytes(message, MessageJson.Options), row.CreatedAt);
            yield return new Packet(id, [.. records.Select(r => r.Id)], row.Exchange, row.RoutingKey, null, row.Traceparent, body);
        }
    }

    private async Task<IChannel?> ChannelAsync(CancellationToken cancel)
    {
        if (channel is { IsOpen: true })
        {
            return channel;
        }

        if (TimeProvider.System.GetTimestamp() < connectAgainAt)
        {
            return null;
        }

        await CloseAsync();
        try
        {
            connection = await broker.ConnectAsync("relay", cancel);
            connection.ConnectionBlockedAsync += OnBlockedAsync;
            connection.ConnectionUnblockedAsync += OnUnblockedAsync;
            channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true, outstandingPublisherConfirmationsRateLimiter: null), cancel);
            state.BrokerConnected = true;
            return channel;
        }
        catch (Exception fault) when (fault is BrokerUnreachableException or OperationInterruptedException or AlreadyClosedException or IOException or TimeoutException)
        {
            LogBrokerAway(log, fault.Message);
            connectAgainAt = TimeProvider.System.GetTimestamp() + (long)((0.5 + Random.Shared.NextDouble()) * System.Diagnostics.Stopwatch.Frequency);
            return null;
        }
    }

    private Task OnBlockedAsync(object sender, ConnectionBlockedEventArgs blocked)
    {
        LogBlocked(log, blocked.Reason);
        state.Block(blocked.Reason);
        return Task.CompletedTask;
    }

    private Task OnUnblockedAsync(object sender, AsyncEventArgs unblocked)
    {
        state.Unblock();
        signal.Wake();
        return Task.CompletedTask;
    }

    private async Task CloseAsync()
    {
        state.BrokerConnected = false;
        var (oldChannel, oldConnection) = (channel, connection);
        (channel, connection) = (null, null);
        try
        {
            if (oldConnection is not null)
            {
                // First the connection, and not for long: a broker that blocks its publishers does not even read that the channel is to be closed.
                await oldConnection.AbortAsync(TimeSpan.FromSeconds(2));
                await oldConnection.DisposeAsync();
            }

            if (oldChannel is not null)
            {
                await oldChannel.DisposeAsync();
            }
        }
        catch (Exception)
        {
            // It was broken already.
        }

        state.Unblock();
    }

    private sealed record UnsealedRow
    {
        public required Guid Id { get; init; }
        public required string Kind { get; init; }
        public required string Exchange { get; init; }
        public required string Type { get; init; }
        public required string Content { get; init; }
        public Guid? CorrelationId { get; init; }
        public string? Feed { get; init; }
        public Guid? FeedKey { get; init; }
        public int? FeedVersion { get; init; }
        public bool? FeedTombstone { get; init; }
        public required DateTimeOffset CreatedAt { get; init; }
    }

    private sealed record UnsentRow
    {
        public required Guid Id { get; init; }
        public required string Kind { get; init; }
        public required string Exchange { get; init; }
        public required string RoutingKey { get; init; }
        public Guid? CorrelationId { get; init; }
        public string? Traceparent { get; init; }
        public required byte[] Body { get; init; }
        public required DateTimeOffset CreatedAt { get; init; }
    }

    private sealed record Counters
    {
        public long Sealed { get; set; }
        public long SourceSeq { get; set; }
        public byte[]? SourceHash { get; set; }
    }

    private sealed record Feed
    {
        public required Guid Epoch { get; init; }
        public long Change { get; set; }
    }

    private sealed record SealedRow(Guid Id, long Sealed, byte[] Body, long? SourceSeq);

    private sealed record FeedRow(string Feed, Guid Key, long Change, int Version, bool Tombstone, string Message, string Type);

    private sealed record Packet(Guid Id, IReadOnlyList<Guid> Ids, string Exchange, string RoutingKey, Guid? CorrelationId, string? Traceparent, byte[] Body);

    /// <summary>A batch that was handed to the broker and of which it has not told everything yet.</summary>
    private sealed class InFlight(CancellationTokenSource within)
    {
        public CancellationTokenSource Within => within;

        public List<(Packet Packet, Task Done)> Packets { get; } = [];

        /// <summary>False when the broker blocks: then there is no use in waiting, nor in sending it all again over a new connection.</summary>
        public async Task<bool> SettledAsync(RelayState state, TimeSpan timeout)
        {
            var all = Task.WhenAll(Packets.Select(p => p.Done));
            within.CancelAfter(timeout);
            await Task.WhenAny(all, state.WhenBlocked);
            if (!all.IsCompleted)
            {
                within.CancelAfter(Timeout.InfiniteTimeSpan);
            }

            return all.IsCompleted;
        }
    }

    private const string SelectUnsealed = """
        select id, kind, exchange, type, content, correlation_id, feed, feed_key, feed_version, feed_tombstone, created_at
        from outbox
        where sealed is null and quarantined_at is null
        order by position
        limit @BatchSize
        for update skip locked
        """;

    private const string TakeFeed = """
        insert into feeds (feed, epoch, change) values (@feed, @epoch, 0)
        on conflict (feed) do update set change = feeds.change
        returning epoch, change
        """;

    private const string StoreSealed = """
        update outbox o
        set sealed = s.sealed, body = s.body, source_seq = s.source_seq
        from unnest(@Id, @Sealed, @Body, @SourceSeq) as s (id, sealed, body, source_seq)
        where o.id = s.id
        """;

    // A late change of a key (lower version) still has its number, but leaves the newer row alone.
    private const string UpsertFeed = """
        insert into feed_entries (feed, key, change, version, tombstone, message, type, row_hash)
        select * from unnest(@Feed, @Key, @Change, @Version, @Tombstone, @Message, @Type, @RowHash)
        on conflict (feed, key) do update
        set change = excluded.change, version = excluded.version, tombstone = excluded.tombstone,
            message = excluded.message, type = excluded.type, row_hash = excluded.row_hash
        where feed_entries.version < excluded.version
        """;

    // What goes the same way as a row that came back waits with it: however many they are, they neither starve the others nor overtake each other.
    private const string SelectUnsent = """
        with nowhere as materialized (
            select distinct exchange, routing_key
            from outbox
            where sealed is not null and sent_at is null and hold_until > clock_timestamp())
        select id, kind, exchange, routing_key, correlation_id, traceparent, body, created_at
        from outbox
        where sealed is not null and sent_at is null and (exchange, routing_key) not in (select exchange, routing_key from nowhere)
        order by sealed
        limit @BatchSize
        """;

    [LoggerMessage(Level = LogLevel.Warning, Message = "The relay stopped at a fault and goes on in a moment")]
    private static partial void LogRelayFault(ILogger log, Exception fault);

    [LoggerMessage(Level = LogLevel.Error, Message = "Outbox row {Id} of type {Type} is in quarantine: its content cannot be sent")]
    private static partial void LogQuarantine(ILogger log, Exception fault, Guid id, string type);

    [LoggerMessage(Level = LogLevel.Error, Message = "The broker returned {Count} message(s) for {RoutingKey}: no queue is bound. They stay in the outbox and are tried again")]
    private static partial void LogReturned(ILogger log, int count, string routingKey);

    [LoggerMessage(Level = LogLevel.Error, Message = "The broker takes no messages ({Reason}); the outbox keeps what is to be sent")]
    private static partial void LogBlocked(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The broker is away ({Reason}); the outbox keeps what is to be sent")]
    private static partial void LogBrokerAway(ILogger log, string reason);
}

/// <summary>What readiness and operators are told about this process's relay.</summary>
public sealed class RelayState
{
    private TaskCompletionSource blocked = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public bool Leading { get; set; }

    public bool BrokerConnected { get; set; }

    /// <summary>Why the broker takes no messages although it is there, such as a full disk; null when it takes them.</summary>
    public string? Blocked { get; private set; }

    internal Task WhenBlocked => blocked.Task;

    internal void Block(string reason)
    {
        Blocked = reason;
        blocked.TrySetResult();
    }

    internal void Unblock()
    {
        Blocked = null;
        if (blocked.Task.IsCompleted)
        {
            blocked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }
}

/// <summary>The 64-bit hash of one feed entry; the digest of a feed is the XOR of all of them, so both sides can compute it from their rows in any order.</summary>
public static class FeedHash
{
    public static long Of(Guid key, int version, bool tombstone) =>
        System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(SHA256.HashData(Encoding.ASCII.GetBytes($"{key}|{version}|{(tombstone ? 1 : 0)}")));

    /// <summary>The digest of many entries, in the form of <see cref="FeedDigest"/>.</summary>
    public static (long Count, string Hash) Of(IEnumerable<(Guid Key, int Version, bool Tombstone)> entries)
    {
        var (count, hash) = (0L, 0L);
        foreach (var (key, version, tombstone) in entries)
        {
            (count, hash) = (count + 1, hash ^ Of(key, version, tombstone));
        }

        return (count, hash.ToString("x16", System.Globalization.CultureInfo.InvariantCulture));
    }
}
