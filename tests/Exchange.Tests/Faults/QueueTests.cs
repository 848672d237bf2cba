using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Dapper;
using Exchange.Contracts;
using Exchange.Gateway.Federation;
using Exchange.Hosting.Messaging;
using Exchange.Local;
using Exchange.Local.Accounts;
using Exchange.Local.Check;
using RabbitMQ.Client;

namespace Exchange.Tests.Faults;

/// <summary>Queues that are missing, wrong, poisoned or long.</summary>
[Collection(ExchangeWithInventedNews.Name)]
[Trait("needs", "server")]
public sealed class QueueTests(FaultFixture exchange)
{
    [Fact]
    public Task What_no_queue_takes_stays_in_the_outbox_alarms_and_holds_up_nobody_else() => NowhereAsync(messages: 600);

    [Fact]
    [Trait("length", "long")]
    public Task However_much_no_queue_takes_the_others_are_not_held_up() => NowhereAsync(messages: 40_000);

    [Fact]
    public Task A_queue_that_is_missing_or_of_another_type_stops_the_start_and_says_what_to_do() => DeclaredOtherwiseAsync("classic");

    [Fact]
    [Trait("length", "long")]
    public Task A_queue_with_other_arguments_stops_the_start_and_says_what_to_do() => DeclaredOtherwiseAsync("quorum");

    [Fact]
    public Task A_message_that_is_given_back_too_often_is_set_aside_alone_with_its_reason_and_can_be_put_back() => PoisonAsync(async (channel, poison, neighbours) =>
    {
        // The neighbours stay in the consumer's hands while the one message comes back again and again.
        var seen = new System.Collections.Concurrent.ConcurrentDictionary<Guid, ulong>();
        await ConsumeAsync(channel, (ushort)(neighbours.Length + 1), async (message, tag) =>
        {
            if (message == poison)
            {
                await channel.BasicNackAsync(tag, multiple: false, requeue: true);
            }
            else
            {
                seen[message] = tag;
            }
        });
        await Eventually.TrueAsync(async () => seen.Count == neighbours.Length && await exchange.QueueDepthAsync("changsha.dead") == 1, TimeSpan.FromSeconds(60));
        Assert.Equal(neighbours.Order(), seen.Keys.Order());
        return [poison];
    });

    [Fact]
    [Trait("length", "long")]
    public Task A_consumer_that_dies_a_hundred_times_over_one_message_loses_none_of_its_neighbours() => PoisonAsync(async (_, poison, neighbours) =>
    {
        // A dying consumer gives back all it had in hand, so they are all set aside together; none is lost.
        var all = (uint)neighbours.Length + 1;
        for (var deaths = 0; ; deaths++)
        {
            Assert.True(deaths < 200, "The delivery limit is not kept.");
            await using var dying = await ConnectAsync("changsha");
            await using var channel = await dying.CreateChannelAsync();
            var (_, dead) = await Eventually.GetAsync(async () => (await channel.MessageCountAsync("changsha.addressed"), await channel.MessageCountAsync("changsha.dead")), c => c.Item1 + c.Item2 == all);
            if (dead == all)
            {
                break;
            }

            var met = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await ConsumeAsync(channel, 64, (message, _) =>
            {
                if (message == poison)
                {
                    met.TrySetResult();
                }

                return Task.CompletedTask;
            });
            await met.Task.WaitAsync(TimeSpan.FromSeconds(20));
        }

        return [poison, .. neighbours];
    });

    [Fact, Trait("length", "long")]
    public Task A_gateway_that_stands_still_holds_up_no_publisher_and_catches_up() => SlowConsumerAsync(events: 500);

    [Fact]
    [Trait("length", "long")]
    public Task A_hundred_thousand_queued_changes_are_caught_up_within_bounded_memory() => SlowConsumerAsync(events: 100_000);

    private async Task DeclaredOtherwiseAsync(string type)
    {
        const string queue = "xiangtan.addressed";
        await exchange.Stack.StopAsync("xiangtan");
        try
        {
            await exchange.DeleteQueueAsync(queue);
            Assert.Contains(queue, await WhyNotAsync("xiangtan"), StringComparison.Ordinal);

            await using (var connection = await ConnectAsync("xiangtan"))
            {
                await using var channel = await connection.CreateChannelAsync();
                await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = type });
            }

            var said = await WhyNotAsync("xiangtan");
            Assert.Contains($"Queue {queue} is there, but not as the topology declares it", said, StringComparison.Ordinal);
            Assert.Contains("inequivalent arg", said, StringComparison.Ordinal);
            Assert.Contains($"rabbitmqctl delete_queue {queue}", said, StringComparison.Ordinal);
        }
        finally
        {
            await exchange.DeleteQueueAsync(queue);
            await exchange.ImportTopologyAsync();
            await exchange.Stack.StartAsync("xiangtan");
        }
    }

    /// <summary>What a process says that does not start.</summary>
    private async Task<string> WhyNotAsync(string process)
    {
        await Assert.ThrowsAsync<LocalFault>(() => exchange.Stack.StartAsync(process));
        return (await File.ReadAllTextAsync(exchange.Stack.LogOf(process))).Split('\n').Last(l => l.StartsWith("The service does not start:", StringComparison.Ordinal));
    }

    private async Task NowhereAsync(int messages)
    {
        await using var sender = await exchange.AdminAsync("zhuzhou");
        await using var addressee = await exchange.AdminAsync("changsha");
        await using var neighbour = await exchange.AdminAsync("xiangtan");
        var dataset = Guid.CreateVersion7();
        Guid[] sent = [], beside;
        await exchange.Stack.StopAsync("changsha");
        try
        {
            await exchange.DeleteQueueAsync("changsha.addressed");
            sent = await OutboxRows.SendAsync(sender, "zhuzhou", "changsha", messages);
            await Eventually.GetAsync(() => exchange.ReadinessAsync("zhuzhou"), r => r.Contains("no queue is bound for zhuzhou.changsha", StringComparison.Ordinal) && r.Contains("\"status\":\"degraded\"", StringComparison.Ordinal), show: r => r);

            beside = await OutboxRows.SendAsync(sender, "zhuzhou", "xiangtan", 3);
            await OutboxRows.PublishAsync(sender, "zhuzhou", dataset, 1);
            await OutboxRows.RecordAsync(sender, "zhuzhou");
            await Eventually.TrueAsync(async () => await OutboxRows.ArrivedAsync(neighbour, beside) == beside.Length, TimeSpan.FromSeconds(60));
            await Eventually.TrueAsync(() => sender.ExecuteScalarAsync<bool>("select not exists (select from service.outbox where sent_at is null and routing_key <> 'zhuzhou.changsha')"));

            // There again, but bound to nothing: to a publisher that is the same.
            await using (var connection = await ConnectAsync("changsha"))
            {
                await using var channel = await connection.CreateChannelAsync();
                await channel.QueueDeclareAsync("changsha.addressed", durable: true, exclusive: false, autoDelete: false, Topology.Arguments("changsha.addressed")!);
            }

            var tried = await sender.ExecuteScalarAsync<DateTime>("select clock_timestamp()");
            await Eventually.TrueAsync(() => sender.ExecuteScalarAsync<bool>("select max(hold_until) > @tried + interval '1 second' from service.outbox where sent_at is null", new { tried }));
            Assert.Equal(messages, await sender.ExecuteScalarAsync<int>("select count(*) from service.outbox where sent_at is null"));
        }
        finally
        {
            await exchange.ImportTopologyAsync();
            await exchange.Stack.StartAsync("changsha");
        }

        await exchange.DrainedAsync("zhuzhou", TimeSpan.FromMinutes(5));
        await Eventually.GetAsync(() => OutboxRows.ArrivedAsync(addressee, sent), n => n == messages, TimeSpan.FromMinutes(10));
        Assert.DoesNotContain("no queue is bound", await exchange.ReadinessAsync("zhuzhou"), StringComparison.Ordinal);

        await OutboxRows.WithdrawAsync(sender, "zhuzhou", dataset, 2);
        await exchange.HeardAsync("zhuzhou");
        await OutboxRows.ForgetAsync(addressee);
        await OutboxRows.ForgetAsync(neighbour);
        await exchange.AtRestAsync(Invariant.Catalogue, Invariant.Effects, Invariant.Aside);
    }

    private async Task PoisonAsync(Func<IChannel, Guid, Guid[], Task<Guid[]>> poison)
    {
        await using var sender = await exchange.AdminAsync("zhuzhou");
        await using var addressee = await exchange.AdminAsync("changsha");
        await exchange.Stack.StopAsync("changsha");
        Guid[] all, aside;
        try
        {
            all = await OutboxRows.SendAsync(sender, "zhuzhou", "changsha", 5);
            await exchange.DrainedAsync("zhuzhou");
            await using var connection = await ConnectAsync("changsha");
            await using var channel = await connection.CreateChannelAsync();
            aside = await poison(channel, all[2], [.. all.Where(e => e != all[2])]);

            await Eventually.TrueAsync(async () => await exchange.QueueDepthAsync("changsha.dead") == aside.Length);
            await using var reading = await connection.CreateChannelAsync();
            var dead = await reading.BasicGetAsync("changsha.dead", autoAck: false);
            var death = (IDictionary<string, object?>)((IList<object?>)dead!.BasicProperties.Headers!["x-death"]!)[0]!;
            Assert.Equal("delivery_limit", Encoding.ASCII.GetString((byte[])death["reason"]!));
            Assert.Equal("changsha.addressed", Encoding.ASCII.GetString((byte[])death["queue"]!));
        }
        finally
        {
            await exchange.Stack.StartAsync("changsha");
        }

        // Its good neighbours had their effect, it alarms, and an operator puts it back once its consumer is mended.
        await Eventually.GetAsync(() => OutboxRows.ArrivedAsync(addressee, all), n => n == all.Length - aside.Length);
        await Eventually.GetAsync(() => exchange.ReadinessAsync("changsha"), r => r.Contains($"changsha.dead: {aside.Length}", StringComparison.Ordinal) && r.Contains("\"status\":\"degraded\"", StringComparison.Ordinal), TimeSpan.FromSeconds(40), r => r);
        var keeper = exchange.Who("changsha", "operator");
        var listed = await Eventually.GetAsync(() => keeper.GetAsync("/api/operations/changsha/set-aside"), a => a.Status == 200, show: a => a.Text);
        Assert.Contains($$"""{"queue":"changsha.dead","messages":{{aside.Length}}}""", listed.Text, StringComparison.Ordinal);
        Assert.Equal(aside.Length, (await keeper.PostAsync("/api/operations/changsha/set-aside/changsha.dead/requeue")).Succeeded("requeue")["messages"].GetInt32());
        await Eventually.GetAsync(() => OutboxRows.ArrivedAsync(addressee, all), n => n == all.Length);
        await exchange.AtRestAsync(Invariant.Catalogue, Invariant.Effects, Invariant.Aside);
        await OutboxRows.ForgetAsync(addressee);
    }

    private async Task SlowConsumerAsync(int events)
    {
        const int versions = 5;
        const string city = "xiangtan";
        var within = TimeSpan.FromSeconds(120 + (events / 50));
        var output = TestContext.Current.TestOutputHelper!;
        Guid[] datasets = [.. Enumerable.Range(0, events / versions).Select(_ => Guid.CreateVersion7())];
        var wanted = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        await exchange.HeardAsync("changsha");
        using var zhuzhou = new HttpClient { BaseAddress = exchange.Stack.Address("zhuzhou"), Timeout = TimeSpan.FromSeconds(30) };
        var officer = exchange.Who("zhuzhou", "officer");
        var token = await officer.TokenAsync();
        await using var outbox = await exchange.AdminAsync(city);
        await using var readModel = await exchange.AdminAsync("gateway");
        var before = Memory("gateway");
        var first = await outbox.ExecuteScalarAsync<long>("select coalesce(max(change), 0) from service.feeds");

        var clock = Stopwatch.StartNew();
        exchange.Stack.Pause("gateway");
        try
        {
            await OutboxRows.PublishAllAsync(outbox, city, datasets, versions);
            await exchange.DrainedAsync(city, within);
            output.WriteLine($"{events} changes left the outbox in {clock.Elapsed.TotalSeconds:0.0} s while the gateway stood still");
            // All but what it had taken in hand before it stood still.
            await Eventually.TrueAsync(async () => await exchange.QueueDepthAsync("gateway.datasets") >= events - ApplyDatasets.AtOnce);

            // People go on with their work; only what goes through this gateway waits.
            using var request = new HttpRequestMessage(HttpMethod.Post, "/requests") { Content = System.Net.Http.Json.JsonContent.Create(Flow.ExchangeFixture.RequestBody(wanted), options: new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower }) };
            request.Headers.Authorization = new("Bearer", token);
            request.Headers.Add("Idempotency-Key", Guid.NewGuid().ToString());
            using var drafted = await zhuzhou.SendAsync(request);
            Assert.True(drafted.StatusCode == System.Net.HttpStatusCode.Created, await drafted.Content.ReadAsStringAsync());
        }
        finally
        {
            exchange.Stack.Resume("gateway");
        }

        clock.Restart();
        await Eventually.GetAsync(
            () => readModel.ExecuteScalarAsync<int>("select count(*) from service.datasets where dataset_id = any(@datasets) and version = @versions", new { datasets, versions }), n => n == datasets.Length, within);
        // It may have pulled what it saw missing; the queue is worked off all the same.
        output.WriteLine($"the read model was up to date after {clock.Elapsed.TotalSeconds:0.0} s");
        await using (var connection = await ConnectAsync("gateway"))
        {
            await using var channel = await connection.CreateChannelAsync();
            await Eventually.GetAsync(() => channel.MessageCountAsync("gateway.datasets"), n => n == 0, within);
        }

        output.WriteLine($"the queue was worked off after {clock.Elapsed.TotalSeconds:0.0} s: {events / clock.Elapsed.TotalSeconds:0} changes/s");
        var after = Memory("gateway");
        output.WriteLine($"memory at its highest: {before / 1024} MB before, {after / 1024} MB after");
        // What it prefetches and the entries themselves in the search index; never the queue.
        Assert.True(after - before < (200 * 1024) + (datasets.Length * 4), $"{before} kB grew to {after} kB");

        await exchange.HeardAsync(city, within);
        // Each entry at its newest change; of different entries that wait together either may be taken in first.
        var feed = await outbox.QueryAsync<(Guid, long)>("select key, change from service.feed_entries order by change");
        var applied = await readModel.QueryAsync<(Guid, long)>("select dataset_id, city_change from service.datasets where city = @city order by city_change", new { city });
        Assert.Equal(feed.Where(f => f.Item2 > first), applied.Where(a => a.Item2 > first));

        await OutboxRows.WithdrawAllAsync(outbox, city, datasets.ToDictionary(d => d, _ => versions));
        await exchange.HeardAsync(city, within);
        await Eventually.GetAsync(() => exchange.Who("zhuzhou", "officer").GetAsync("/api/catalogue/datasets?q=变更次序"), a => a.Status == 200 && a["total"].GetInt32() == 0, show: a => a.Text);
        await exchange.AtRestAsync(Invariant.Catalogue, Invariant.Effects, Invariant.Aside);
    }

    /// <summary>The most memory the process ever had, in kB.</summary>
    private long Memory(string process) => long.Parse(
        File.ReadLines($"/proc/{exchange.Stack.PidOf(process)}/status").First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);

    private Task<IConnection> ConnectAsync(string service) => new ConnectionFactory { Uri = new Uri(exchange.Stack.BrokerUri(service)), AutomaticRecoveryEnabled = false }.CreateConnectionAsync();

    private static async Task ConsumeAsync(IChannel channel, ushort prefetch, Func<Guid, ulong, Task> receive)
    {
        await channel.BasicQosAsync(0, prefetch, global: false);
        var consumer = new RabbitMQ.Client.Events.AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, delivery) =>
            receive(JsonDocument.Parse(delivery.Body).RootElement.GetProperty("message").Deserialize<RequestWithdrawn>(MessageJson.Options)!.ExchangeId, delivery.DeliveryTag);
        await channel.BasicConsumeAsync("changsha.addressed", autoAck: false, consumer);
    }
}
