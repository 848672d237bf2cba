using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Exchange.Hosting.Openings;
using MassTransit;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Exchange.Benchmarks;

/// <summary>
/// From just before the COMMIT of a business row and its outbox row to the consumer. This process takes a city's place, with its databases, its broker user and queue,
/// and hosting's own transaction, relay and endpoint; so the stamps are of one clock. Beside it, in the same run: that commit alone with Npgsql, and publish → consumer alone with RabbitMQ.Client.
/// </summary>
internal static class Outbox
{
    private const string City = "xiangtan";
    private const int Writers = 16;
    private const int ConsumerRate = 100;
    private const int Backlog = 5000;
    private static readonly TimeSpan Warmup = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Measured = TimeSpan.FromSeconds(10);

    public static async Task RunAsync(Work work)
    {
        await work.Stack.StopAsync(City);
        await using (var owner = new NpgsqlConnection(work.Stack.Databases.ConnectionString(City, "owner")))
        {
            await owner.ExecuteAsync($"""
                create table service.benchmark_rows (id uuid primary key, content text not null, at timestamptz not null);
                create table service.benchmark_outbox (like service.outbox including all);
                grant select, insert, update, delete on service.benchmark_rows, service.benchmark_outbox to {City}_app
                """);
        }

        foreach (var rate in (int[])[ConsumerRate, 500, 1000])
        {
            Console.WriteLine($"outbox at {rate} transactions/s from {Writers} writers, each one row and one message of about 1 kB, {Measured.TotalSeconds:0} s after {Warmup.TotalSeconds:0} s:");
            var commit = await CommitsAsync(work, rate);
            Report("raw Npgsql: the same commit", commit, null);
            var publish = await PublishesAsync(work, rate);
            Report("raw RabbitMQ.Client: publish → consumer callback", publish, null);
            Report("outbox and relay: COMMIT → consumer callback", await RelayedAsync(work, rate, consumers: false), commit.P50 + publish.P50);
            // An endpoint takes one message after the other, each in its inbox transaction: at higher rates this would show its queue, not its way.
            if (rate == ConsumerRate)
                Report("outbox and relay: COMMIT → MassTransit consumer in its inbox transaction", await RelayedAsync(work, rate, consumers: true), commit.P50 + publish.P50);
        }

        await DrainAsync(work);
        await work.Stack.StartAsync(City);
    }

    private static void Report(string what, Latencies latencies, double? floor) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"  {what}: {latencies.PerSecond:0}/s, p50 {latencies.P50:0.0} ms, p99 {latencies.P99:0.0} ms, max {latencies.Max:0.0} ms (n={latencies.Count}, missing {latencies.Missing}){(floor is { } f ? $"; ratio of p50 to the two raw ones {latencies.P50 / f:0.0}" : "")}"));

    private static async Task<Latencies> CommitsAsync(Work work, int rate)
    {
        await using var app = App(work, relay: false, consumers: false, new Arrivals());
        var database = app.Services.GetRequiredService<Database>();
        var times = new Arrivals();
        await PacedAsync(rate, times, async (id, message) =>
        {
            await using var connection = await database.OpenAsync(CancellationToken.None);
            await using var transaction = await connection.BeginTransactionAsync();
            await connection.ExecuteAsync(InsertRow, new { id, content = message.Purpose.Scenario, at = DateTimeOffset.UtcNow });
            var content = JsonSerializer.Serialize(message, MessageJson.Options);
            times.Started(id);
            await connection.ExecuteAsync("""
                insert into benchmark_outbox (id, kind, exchange, routing_key, type, content, correlation_id)
                overriding user value values (@id, 'message', @Addressed, @key, @type, @content, @id)
                """, new { id, Topology.Addressed, key = $"{City}.{City}", type = typeof(RequestSubmitted).FullName, content });
            await transaction.CommitAsync();
            times.Arrived(id);
        });
        return times.Measured();
    }

    private static async Task<Latencies> PublishesAsync(Work work, int rate)
    {
        var times = new Arrivals();
        await using var connection = await ConnectAsync(work);
        await using var consumer = await ConsumeAsync(connection, times);
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true, outstandingPublisherConfirmationsRateLimiter: null));
        await PacedAsync(rate, times, async (id, message) =>
        {
            times.Started(id);
            await PublishAsync(channel, id, message);
        });
        await times.AllAsync();
        return times.Measured();
    }

    private static async Task<Latencies> RelayedAsync(Work work, int rate, bool consumers)
    {
        var times = new Arrivals();
        await using var app = App(work, relay: true, consumers, times);
        await app.StartAsync();
        await using var connection = consumers ? null : await ConnectAsync(work);
        await using var consumer = connection is null ? null : await ConsumeAsync(connection, times);
        await PacedAsync(rate, times, async (id, message) =>
        {
            await using var scope = app.Services.CreateAsyncScope();
            var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
            await transaction.BeginAsync(CancellationToken.None);
            await transaction.Connection.ExecuteAsync(InsertRow, new { id, content = message.Purpose.Scenario, at = DateTimeOffset.UtcNow });
            await transaction.SendAsync(message, City, id);
            times.Started(id);
            await transaction.CommitAsync(CancellationToken.None);
        });
        await times.AllAsync();
        await app.StopAsync();
        return times.Measured();
    }

    /// <summary>How fast an endpoint works off what has queued: with the inbox and in order, beside a callback that only acknowledges.</summary>
    private static async Task DrainAsync(Work work)
    {
        var raw = new Arrivals();
        await using (var connection = await ConnectAsync(work))
        {
            await FillAsync(connection, raw);
            var since = Stopwatch.StartNew();
            await using var consumer = await ConsumeAsync(connection, raw);
            await raw.AllAsync();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"backlog of {Backlog} messages: raw RabbitMQ.Client {Backlog / since.Elapsed.TotalSeconds:0}/s"));
        }

        var times = new Arrivals();
        await using var app = App(work, relay: false, consumers: true, times);
        await using (var connection = await ConnectAsync(work))
            await FillAsync(connection, times);
        var clock = Stopwatch.StartNew();
        await app.StartAsync();
        await times.AllAsync();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"the same backlog: MassTransit endpoint, one after the other, each in its inbox transaction {Backlog / clock.Elapsed.TotalSeconds:0}/s (its start included)"));
        await app.StopAsync();
    }

    private static async Task FillAsync(IConnection connection, Arrivals times)
    {
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true, outstandingPublisherConfirmationsRateLimiter: null));
        foreach (var some in Enumerable.Range(0, Backlog).Chunk(500))
        {
            await Task.WhenAll(some.Select(_ =>
            {
                var id = Guid.CreateVersion7();
                times.Started(id);
                return PublishAsync(channel, id, Message(id));
            }));
        }
    }

    private static async Task PublishAsync(IChannel channel, Guid id, RequestSubmitted message)
    {
        var body = MessageJson.Envelope(id, id, City, Topology.Addressed, typeof(RequestSubmitted).FullName!, JsonSerializer.SerializeToUtf8Bytes(message, MessageJson.Options), DateTimeOffset.UtcNow);
        var properties = new BasicProperties { ContentType = MessageJson.ContentType, DeliveryMode = DeliveryModes.Persistent, MessageId = id.ToString(), CorrelationId = id.ToString() };
        await channel.BasicPublishAsync(Topology.Addressed, $"{City}.{City}", mandatory: true, properties, body);
    }

    /// <summary>Writers that keep a schedule: one that falls behind does not wait for its next turn.</summary>
    private static async Task PacedAsync(int rate, Arrivals times, Func<Guid, RequestSubmitted, Task> write)
    {
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(w => Task.Run(async () =>
        {
            for (var turn = 0; ; turn++)
            {
                var at = TimeSpan.FromSeconds(((turn * Writers) + w) / (double)rate);
                if (at > Warmup + Measured)
                    return;
                if (at - clock.Elapsed is { TotalMilliseconds: >= 1 } early)
                    await Task.Delay(early);
                var id = Guid.CreateVersion7();
                if (at > Warmup)
                    times.Counts(id);
                await write(id, Message(id));
            }
        })));
        times.Wrote(clock.Elapsed - Warmup);
    }

    private static RequestSubmitted Message(Guid id) => new()
    {
        ExchangeId = id,
        AskingCity = City,
        OwningCity = City,
        DatasetId = id,
        DatasetVersion = 1,
        DepartmentCode = "11430300EXAMPL0206",
        DepartmentName = "湘潭市人力资源和社会保障局",
        Purpose = new RequestPurpose { LegalBasis = "示例", Scenario = new string('例', 160), Scope = "示例", Method = "rows", Fields = ["person", "months"], UseUntil = new DateOnly(2027, 1, 1) },
        SignedOffBy = "示例",
        SubmittedAt = DateTimeOffset.UtcNow,
        Version = 1,
    };

    /// <summary>This process in the city's place.</summary>
    internal static WebApplication App(Work work, bool relay, bool consumers, Arrivals times)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        foreach (var kind in (string[])["Owner", "App"])
            builder.Configuration[$"ConnectionStrings:{kind}"] = work.Stack.Databases.ConnectionString(City, kind.ToLowerInvariant());
        var services = builder.Services;
        services.AddSingleton(new ServiceSettings { Name = City, KeyFolder = Directory.CreateTempSubdirectory("exchange-bench-").FullName, PublicAddress = "http://127.0.0.1" });
        services.AddSingleton(new BrokerSettings { Uri = work.Stack.BrokerUri(City) });
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<Database>();
        services.AddOpeningStore();
        services.AddScoped<Transaction>();
        services.AddSingleton<RelaySignal>();
        services.AddSingleton<RelayState>();
        services.AddSingleton<Leases>();
        services.AddSingleton<Broker>();
        services.AddSingleton(times);
        if (relay)
            services.AddHostedService<Relay>();
        if (consumers)
            builder.AddMessages(bus => bus.Consume(Topology.AddressedQueue(City), typeof(Arrive)));
        return builder.Build();
    }

    private static Task<IConnection> ConnectAsync(Work work) => new ConnectionFactory { Uri = new Uri(work.Stack.BrokerUri(City)) }.CreateConnectionAsync();

    private static async Task<IChannel> ConsumeAsync(IConnection connection, Arrivals times)
    {
        var channel = await connection.CreateChannelAsync();
        await channel.BasicQosAsync(0, 64, global: false);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, message) =>
        {
            times.Arrived(Guid.Parse(message.BasicProperties.CorrelationId!));
            await channel.BasicAckAsync(message.DeliveryTag, multiple: false);
        };
        await channel.BasicConsumeAsync(Topology.AddressedQueue(City), autoAck: false, consumer);
        return channel;
    }

    private const string InsertRow = "insert into benchmark_rows (id, content, at) values (@id, @content, @at)";

    internal sealed class Arrive(Arrivals times) : IConsumer<RequestSubmitted>
    {
        public Task Consume(ConsumeContext<RequestSubmitted> context)
        {
            times.Arrived(context.Message.ExchangeId);
            return Task.CompletedTask;
        }
    }

    internal sealed class Arrivals
    {
        private readonly ConcurrentDictionary<Guid, long> started = new();
        private readonly ConcurrentDictionary<Guid, double> arrived = new();
        private readonly ConcurrentDictionary<Guid, bool> counted = new();
        private TimeSpan writing;

        public void Counts(Guid id) => counted[id] = true;

        public void Started(Guid id) => started[id] = Stopwatch.GetTimestamp();

        public void Arrived(Guid id)
        {
            // What an earlier run left in the queue is not ours.
            if (started.TryGetValue(id, out var since))
                arrived.TryAdd(id, Stopwatch.GetElapsedTime(since).TotalMilliseconds);
        }

        public void Wrote(TimeSpan during) => writing = during;

        public async Task AllAsync()
        {
            var patience = Stopwatch.StartNew();
            while (arrived.Count < started.Count && patience.Elapsed < TimeSpan.FromSeconds(60))
                await Task.Delay(10);
        }

        public Latencies Measured()
        {
            var all = arrived.Where(a => counted.ContainsKey(a.Key)).Select(a => a.Value).Order().ToList();
            return new Latencies(all.Count, counted.Count - all.Count, counted.Count / writing.TotalSeconds, all[all.Count / 2], all[(int)(all.Count * 0.99)], all[^1]);
        }
    }

    internal sealed record Latencies(int Count, int Missing, double PerSecond, double P50, double P99, double Max);
}
