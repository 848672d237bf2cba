using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Exchange.Local;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Exchange.Benchmarks;

/// <summary>
/// From just before the COMMIT of a city's records to their leaves and to a checkpoint that the quorum has cosigned, through hosting's transaction and relay, the broker and the
/// audit service. This process takes a city's place; leaves and cosignatures are seen by asking the log's database every few milliseconds, which counts against the result.
/// Beside it, in the same run: COPY of the same leaves, and a RabbitMQ.Client consumer of the same messages that only acknowledges.
/// </summary>
internal static class Append
{
    private const string City = "xiangtan";
    private const int Writers = 8;
    private const int RecordsPerCommit = 10;
    private const int RecordsPerMessage = 50;
    private const int Backlog = 200_000;
    private static readonly TimeSpan Warmup = TimeSpan.FromSeconds(20);

    public static async Task RunAsync(Work work)
    {
        await work.Stack.StopAsync(City);
        // The lighter first: in their first half minute the services still compile themselves anew, and what piles up meanwhile is not what is asked.
        await SustainAsync(work, 1000, TimeSpan.FromSeconds(60));
        await SustainAsync(work, 3000, TimeSpan.FromSeconds(60));
        await DrainAsync(work);
        await work.Stack.StartAsync(City);
    }

    private static async Task SustainAsync(Work work, int rate, TimeSpan during)
    {
        Console.WriteLine($"append at {rate} records/s from {Writers} writers, {RecordsPerCommit} records a transaction, {during.TotalSeconds:0} s after {Warmup.TotalSeconds:0} s:");
        await using var watch = await LogWatch.StartAsync(work);
        await using var app = Outbox.App(work, relay: true, consumers: false, new Outbox.Arrivals());
        await app.StartAsync();
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(w => Task.Run(async () =>
        {
            for (var turn = 0; ; turn++)
            {
                var at = TimeSpan.FromSeconds(((turn * Writers) + w) * RecordsPerCommit / (double)rate);
                if (at > Warmup + during)
                {
                    return;
                }
                if (at - clock.Elapsed is { TotalMilliseconds: >= 1 } early)
                {
                    await Task.Delay(early);
                }
                await using var scope = app.Services.CreateAsyncScope();
                var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
                await transaction.BeginAsync(CancellationToken.None);
                var ids = new Guid[RecordsPerCommit];
                for (var i = 0; i < ids.Length; i++)
                {
                    ids[i] = await transaction.RecordAsync(Record());
                }
                watch.Committing(ids, counts: at > Warmup);
                await transaction.CommitAsync(CancellationToken.None);
            }
        })));
        var wrote = clock.Elapsed - Warmup;
        await watch.AllAsync();
        await app.StopAsync();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  COMMIT in the city → leaf: {watch.Leaf}; committed {watch.Counted / wrote.TotalSeconds:0}/s, the last leaf {watch.Behind.TotalSeconds:0.0} s after the last commit"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  COMMIT in the city → witnessed checkpoint: {watch.Witnessed}"));
    }

    /// <summary>What a stopped log has to work off when it is back.</summary>
    private static async Task DrainAsync(Work work)
    {
        var messages = Messages();
        await using var connection = await new ConnectionFactory { Uri = new Uri(work.Stack.BrokerUri(Topology.AuditService)) }.CreateConnectionAsync();
        await work.Stack.StopAsync(Stack.Audit);
        await FillAsync(work, messages);
        var raw = Stopwatch.StartNew();
        await ConsumeAsync(connection, messages.Count);
        var rawRate = Backlog / raw.Elapsed.TotalSeconds;

        var size = await SizeAsync(work);
        var copied = await CopyAsync(work, messages);
        await FillAsync(work, messages);
        await work.Stack.StartAsync(Stack.Audit);
        await using var watch = new NpgsqlConnection(work.Stack.Databases.ConnectionString(Topology.AuditService, "owner"));
        await watch.OpenAsync();
        // From the first leaf on: a start costs what it costs.
        while (await SizeAsync(work) == size)
        {
            await Task.Delay(1);
        }
        var (first, clock) = (await SizeAsync(work), Stopwatch.StartNew());
        while (await SizeAsync(work) < size + Backlog)
        {
            await Task.Delay(20);
        }
        var rate = (size + Backlog - first) / clock.Elapsed.TotalSeconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"backlog of {Backlog} records, {RecordsPerMessage} a message: the audit service {rate:0}/s; RabbitMQ.Client that only acknowledges {rawRate:0}/s, ratio {rate / rawRate:0.00}; COPY of the same leaves {copied:0}/s, ratio {rate / copied:0.00}"));

        async Task<long> SizeAsync(Work work)
        {
            await using var db = new NpgsqlConnection(work.Stack.Databases.ConnectionString(Topology.AuditService, "owner"));
            return await db.ExecuteScalarAsync<long>("select coalesce(sum(size), 0)::bigint from service.logs");
        }
    }

    private static AuditRecord Record() => new()
    {
        Type = "delivery.ended",
        ExchangeId = Exchanges[Random.Shared.Next(Exchanges.Length)],
        Requesting = "11430200EXAMPL0201",
        Providing = "11430300EXAMPL0206",
        Service = Dataset,
        ServiceVersion = 1,
        Result = "complete",
        Records = 3,
        Bytes = 180,
        Details = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["delivery_id"] = Guid.CreateVersion7().ToString(),
            ["form"] = "csv",
            ["sha256"] = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)),
        },
    };

    private static readonly Guid Dataset = Guid.CreateVersion7();
    private static readonly Guid[] Exchanges = [.. Enumerable.Range(0, 200).Select(_ => Guid.CreateVersion7())];

    /// <summary>The backlog as the gateway could have sent it, from a source of its own number range.</summary>
    private static List<(byte[] Body, List<byte[]> Records)> Messages()
    {
        byte[]? previous = null;
        return [.. Enumerable.Range(1, Backlog).Chunk(RecordsPerMessage).Select(chunk =>
        {
            List<RecordedEvent> records = [];
            foreach (var seq in chunk)
            {
                var id = Guid.CreateVersion7();
                var content = new JsonObject
                {
                    ["v"] = 1, ["type"] = "delivery.ended", ["id"] = id.ToString(), ["source"] = "yueyang", ["seq"] = seq,
                    ["at"] = DateTimeOffset.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
                    ["exchange_id"] = Exchanges[seq % Exchanges.Length].ToString(),
                    ["requesting"] = "11430200EXAMPL0201", ["providing"] = "11430300EXAMPL0206", ["service"] = Dataset.ToString(), ["service_version"] = 1,
                    ["result"] = "complete", ["records"] = 3, ["bytes"] = 180,
                    ["details"] = new JsonObject { ["delivery_id"] = Guid.CreateVersion7().ToString(), ["form"] = "csv", ["sha256"] = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)) },
                    ["nonce"] = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)),
                };
                if (previous is not null)
                {
                    content["prev"] = Convert.ToBase64String(previous);
                }
                var bytes = CanonicalJson.Write(content);
                previous = SHA256.HashData(bytes);
                records.Add(new RecordedEvent { EventId = id, Bytes = bytes });
            }
            var message = JsonSerializer.SerializeToUtf8Bytes(new AuditRecords { Source = "yueyang", Records = records }, MessageJson.Options);
            return (MessageJson.Envelope(Guid.CreateVersion7(), null, "yueyang", Topology.Audit, typeof(AuditRecords).FullName!, message, DateTimeOffset.UtcNow), records.ConvertAll(r => r.Bytes));
        })];
    }

    private static async Task FillAsync(Work work, List<(byte[] Body, List<byte[]> Records)> messages)
    {
        // Through the queue's own exchange, as an operator puts messages back: the routing key names no sender that the source could contradict.
        await using var connection = await new ConnectionFactory { Uri = new Uri(work.Stack.BrokerUri(Topology.AuditService)) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true, outstandingPublisherConfirmationsRateLimiter: null));
        foreach (var some in messages.Chunk(200))
        {
            await Task.WhenAll(some.Select(message => channel.BasicPublishAsync(Topology.AuditQueue, "", mandatory: true,
                new BasicProperties { ContentType = MessageJson.ContentType, DeliveryMode = DeliveryModes.Persistent, MessageId = Guid.CreateVersion7().ToString() }, message.Body).AsTask()));
        }
    }

    private static async Task ConsumeAsync(IConnection connection, int count)
    {
        await using var channel = await connection.CreateChannelAsync();
        await channel.BasicQosAsync(0, 128, global: false);
        var all = new TaskCompletionSource();
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, message) =>
        {
            await channel.BasicAckAsync(message.DeliveryTag, multiple: false);
            if (--count == 0)
            {
                all.TrySetResult();
            }
        };
        await channel.BasicConsumeAsync(Topology.AuditQueue, autoAck: false, consumer);
        await all.Task;
    }

    private static async Task<double> CopyAsync(Work work, List<(byte[] Body, List<byte[]> Records)> messages)
    {
        await using var db = new NpgsqlConnection(work.Stack.Databases.ConnectionString(Topology.AuditService, "owner"));
        await db.OpenAsync();
        await db.ExecuteAsync("create table service.benchmark_leaves (like service.leaves including all)");
        var clock = Stopwatch.StartNew();
        long index = 0;
        // In batches of the same size as the service's, each with its commit.
        foreach (var batch in messages.Chunk(64))
        {
            await using var copy = await db.BeginBinaryImportAsync("copy service.benchmark_leaves (year, idx, hash, bytes) from stdin (format binary)");
            foreach (var record in batch.SelectMany(message => message.Records))
            {
                await copy.StartRowAsync();
                await copy.WriteAsync(2026);
                await copy.WriteAsync(index++);
                await copy.WriteAsync(SHA256.HashData(record));
                await copy.WriteAsync(record);
            }
            await copy.CompleteAsync();
        }
        var rate = index / clock.Elapsed.TotalSeconds;
        await db.ExecuteAsync("drop table service.benchmark_leaves");
        return rate;
    }

    /// <summary>When each record that was committed here was first seen as a leaf, and first under a witnessed checkpoint.</summary>
    private sealed class LogWatch : IAsyncDisposable
    {
        private readonly ConcurrentDictionary<Guid, (long At, bool Counts)> committing = new();
        private readonly List<double> leaf = [];
        private readonly List<double> witnessed = [];
        private readonly Queue<(long Index, long Since)> unwitnessed = new();
        private readonly CancellationTokenSource stop = new();
        private NpgsqlConnection leaves = null!;
        private NpgsqlConnection cosigned = null!;
        private Task watching = Task.CompletedTask;
        private long seen;
        private int counted;
        private long lastCommit;
        private long lastLeaf;

        public int Counted => counted;

        public TimeSpan Behind => Stopwatch.GetElapsedTime(lastCommit, lastLeaf);

        public string Leaf => Words(leaf);

        public string Witnessed => Words(witnessed);

        public static async Task<LogWatch> StartAsync(Work work)
        {
            var watch = new LogWatch { leaves = await OpenAsync(work), cosigned = await OpenAsync(work) };
            watch.seen = await watch.leaves.ExecuteScalarAsync<long>("select coalesce(max(size), 0) from service.logs where year = (select max(year) from service.logs)");
            watch.watching = Task.WhenAll(watch.FollowLeavesAsync(), watch.FollowWitnessesAsync());
            return watch;
        }

        public void Committing(Guid[] ids, bool counts)
        {
            lastCommit = Stopwatch.GetTimestamp();
            foreach (var id in ids)
            {
                committing[id] = (lastCommit, counts);
            }
            if (counts)
            {
                Interlocked.Add(ref counted, ids.Length);
            }
        }

        public async Task AllAsync()
        {
            var patience = Stopwatch.StartNew();
            while ((leaf.Count < counted || witnessed.Count < counted) && patience.Elapsed < TimeSpan.FromSeconds(120))
            {
                await Task.Delay(50);
            }
        }

        public async ValueTask DisposeAsync()
        {
            await stop.CancelAsync();
            await watching;
            await leaves.DisposeAsync();
            await cosigned.DisposeAsync();
            stop.Dispose();
        }

        private async Task FollowLeavesAsync()
        {
            while (!stop.IsCancellationRequested)
            {
                var fresh = (await leaves.QueryAsync<(long Idx, Guid Id)>("select idx, event_id from service.records where year = (select max(year) from service.logs) and idx >= @seen order by idx", new { seen })).AsList();
                lastLeaf = fresh.Count > 0 ? Stopwatch.GetTimestamp() : lastLeaf;
                foreach (var (index, id) in fresh)
                {
                    seen = index + 1;
                    if (committing.TryRemove(id, out var commit) && commit.Counts)
                    {
                        leaf.Add(Stopwatch.GetElapsedTime(commit.At, lastLeaf).TotalMilliseconds);
                        lock (unwitnessed)
                        {
                            unwitnessed.Enqueue((index, commit.At));
                        }
                    }
                }
                await Task.Delay(5);
            }
        }

        private async Task FollowWitnessesAsync()
        {
            while (!stop.IsCancellationRequested)
            {
                var size = await cosigned.ExecuteScalarAsync<long>("""
                    select coalesce((select size from service.cosignatures where year = (select max(year) from service.logs) group by size having count(*) >= 2 order by size desc limit 1), 0)
                    """);
                var now = Stopwatch.GetTimestamp();
                lock (unwitnessed)
                {
                    while (unwitnessed.TryPeek(out var first) && first.Index < size)
                    {
                        witnessed.Add(Stopwatch.GetElapsedTime(unwitnessed.Dequeue().Since, now).TotalMilliseconds);
                    }
                }
                await Task.Delay(20);
            }
        }

        private string Words(List<double> times)
        {
            times.Sort();
            return times.Count == 0 ? "nothing arrived" : string.Create(CultureInfo.InvariantCulture,
                $"p50 {times[times.Count / 2]:0} ms, p99 {times[(int)(times.Count * 0.99)]:0} ms, max {times[^1]:0} ms (n={times.Count}, missing {counted - times.Count})");
        }

        private static async Task<NpgsqlConnection> OpenAsync(Work work)
        {
            var connection = new NpgsqlConnection(work.Stack.Databases.ConnectionString(Topology.AuditService, "owner"));
            await connection.OpenAsync();
            return connection;
        }
    }
}
