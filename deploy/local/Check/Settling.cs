using System.Diagnostics;
using System.Globalization;
using System.Net;
using Dapper;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Npgsql;

namespace Exchange.Local.Check;

/// <summary>
/// Waits until everything on its way has arrived: what is compared between databases is only equal at rest. Says what is still moving when it does not come to rest.
/// </summary>
internal sealed class Settling(Surroundings exchange, TimeSpan within, Action<string> say)
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan SayEvery = TimeSpan.FromSeconds(5);

    /// <summary>The queues as last seen; null while the broker is away.</summary>
    public IReadOnlyList<QueueState>? Queues { get; private set; }

    public async Task RunAsync(Tally tally, CancellationToken ct)
    {
        await AskServicesAsync(tally, ct);
        var clock = Stopwatch.StartNew();
        var said = TimeSpan.Zero;
        while (true)
        {
            var moving = await MovingAsync(ct);
            if (moving.Count == 0 || clock.Elapsed > within)
            {
                if (moving.Count > 0)
                    await LookAtBrokerAsync([], ct);
                tally.Compared(exchange.Services.Count, "个服务", "services");
                foreach (var part in moving)
                    tally.Find(part.Service, part.Table, part.Id, part.Expected, part.Found, part.WayOut);
                return;
            }
            if (clock.Elapsed - said > SayEvery)
            {
                said = clock.Elapsed;
                say(string.Create(CultureInfo.InvariantCulture, $"waiting for the exchange to come to rest ({clock.Elapsed.TotalSeconds:0} of {within.TotalSeconds:0} s): {string.Join("; ", moving.Select(m => $"{m.Service} {m.Table}: {m.Found.En}").Take(4))}"));
            }
            await Task.Delay(LookEvery, ct);
        }
    }

    /// <summary>Equal while nobody acts: tells whether the databases moved while they were compared, and whether something was sent so lately that it may still be in a consumer's hands.</summary>
    public async Task<(string Position, bool Lately)> StampAsync(CancellationToken ct)
    {
        var (positions, lately) = (new List<string>(), false);
        foreach (var service in exchange.Services)
        {
            try
            {
                await using var source = Snapshot.Source(exchange.Database(service));
                await using var connection = await source.OpenConnectionAsync(ct);
                var stamp = await connection.QuerySingleAsync<Stamp>(new CommandDefinition("""
                    select concat_ws('/', (select sealed from outbox_counters), (select count(*) from outbox where sealed is null), (select count(*) from outbox where sent_at is null)) as position,
                           exists (select 1 from outbox where sent_at > clock_timestamp() - interval '10 seconds') as lately
                    """, cancellationToken: ct));
                positions.Add(stamp.Position);
                lately |= stamp.Lately;
            }
            catch (Exception fault) when (TransientFault.Is(fault) || fault is PostgresException)
            {
                positions.Add("away");
            }
        }
        return (string.Join(' ', positions), lately);
    }

    private async Task AskServicesAsync(Tally tally, CancellationToken ct)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        foreach (var service in exchange.Services)
        {
            var said = new List<string>();
            foreach (var address in exchange.Addresses(service))
            {
                if (await AskAsync(http, address, ct) is not { } fault)
                {
                    said.Clear();
                    break;
                }
                said.Add(fault);
            }
            if (said.Count > 0)
            {
                tally.Find(service, "process", string.Join(", ", exchange.Addresses(service).Select(a => a.Authority)),
                    new("服务有应答", "the service answers"),
                    new($"无应答：{said[0]}", $"no answer: {said[0]}"),
                    new("查看数据目录 logs 下该服务的日志；用 deploy/down 与 deploy/up 重新启动。", "See its log in the data folder's logs; start it again with deploy/down and deploy/up."));
            }
        }
    }

    private static async Task<string?> AskAsync(HttpClient http, Uri address, CancellationToken ct)
    {
        try
        {
            using var answer = await http.GetAsync(new Uri(address, "/health/live"), ct);
            return answer.StatusCode == HttpStatusCode.OK ? null : string.Create(CultureInfo.InvariantCulture, $"{(int)answer.StatusCode}");
        }
        catch (Exception fault) when (fault is HttpRequestException || (fault is TaskCanceledException && !ct.IsCancellationRequested))
        {
            return fault.Message;
        }
    }

    private async Task<IReadOnlyList<Finding>> MovingAsync(CancellationToken ct)
    {
        var moving = new List<Finding>();
        var published = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var service in exchange.Services)
        {
            try
            {
                await using var source = Snapshot.Source(exchange.Database(service));
                await using var connection = await source.OpenConnectionAsync(ct);
                await LookAsync(service, connection, published, moving, ct);
            }
            catch (Exception fault) when (TransientFault.Is(fault) || fault is PostgresException)
            {
                moving.Add(new Finding(service, "database", service, new("数据库有应答", "the database answers"), new($"无应答：{fault.Message}", $"no answer: {fault.Message}"), DatabaseBack));
            }
        }
        if (moving.Count == 0)
            await LookAtBrokerAsync(moving, ct);
        return moving;
    }

    public static readonly Text DatabaseBack = new("恢复数据库后再次运行 deploy/check。", "Bring the database back and run deploy/check again.");

    private async Task LookAsync(string service, NpgsqlConnection connection, Dictionary<string, long> published, List<Finding> moving, CancellationToken ct)
    {
        var outbox = await connection.QuerySingleAsync<Outbox>(new CommandDefinition("""
            select count(*) as unsent, count(hold_until) as held, coalesce(min(routing_key) filter (where hold_until is not null), '') as held_for,
                   coalesce(extract(epoch from clock_timestamp() - min(created_at))::float8, 0) as seconds
            from outbox where sent_at is null and quarantined_at is null
            """, cancellationToken: ct));
        if (outbox.Unsent > 0)
        {
            var held = outbox.Held > 0;
            moving.Add(new Finding(service, "outbox", "sent_at is null", new("全部已发出", "everything is sent"),
                new(
                    string.Create(CultureInfo.InvariantCulture, $"{outbox.Unsent} 条未发出，最早的已等待 {outbox.Seconds:0} 秒{(held ? $"，其中 {outbox.Held} 条被退回（{outbox.HeldFor} 无队列绑定）" : "")}"),
                    string.Create(CultureInfo.InvariantCulture, $"{outbox.Unsent} unsent, the oldest for {outbox.Seconds:0} s{(held ? $", {outbox.Held} of them returned (no queue is bound for {outbox.HeldFor})" : "")}")),
                held
                    ? new("队列或绑定缺失：重新启动 deploy/up（会重新导入定义），消息随后自动发出。", "A queue or binding is missing: restart deploy/up, which imports the definitions; the messages then leave by themselves.")
                    : new("消息中间件恢复后会自动发出；若已恢复，查看该服务日志中的 relay。", "It leaves by itself once the broker is back; if it is, see the relay in this service's log.")));
        }
        if (service == Stack.Audit)
        {
            if (await connection.ExecuteScalarAsync<long>(new CommandDefinition(
                "select count(*) from logs l where size > 0 and not exists (select 1 from checkpoints c where c.year = l.year and c.size = l.size)", cancellationToken: ct)) is var unsigned and > 0)
            {
                moving.Add(new Finding(service, "checkpoints", "logs", new("日志末尾已签署检查点", "the log's end has a checkpoint"), new($"{unsigned} 个日志的末尾未签署", $"the end of {unsigned} log(s) is not signed"),
                    new("查看审计服务日志；在查明之前不会签署。", "See the audit service's log: it signs nothing that does not extend what it signed before.")));
            }
        }
        else if (service == Stack.Gateway)
        {
            foreach (var feed in await connection.QueryAsync<(string City, long Change, bool Rebuilding)>(new CommandDefinition("select city, change, rebuilding or rebuild_wanted from city_feeds", cancellationToken: ct)))
            {
                if (published.TryGetValue(feed.City, out var change) && (feed.Change < change || feed.Rebuilding))
                {
                    moving.Add(new Finding(service, "city_feeds", feed.City, new($"已应用到第 {change} 号变更", $"applied up to change {change}"), new($"第 {feed.Change} 号", $"change {feed.Change}{(feed.Rebuilding ? ", rebuilding" : "")}"),
                        new("网关每 5 秒自动补拉；该市无应答时先恢复该市。", "The gateway pulls what is missing every 5 s; bring the city back if it does not answer.")));
                }
            }
        }
        else
        {
            published[service] = await connection.ExecuteScalarAsync<long?>(new CommandDefinition("select change from feeds where feed = @DatasetFeed", new { Topology.DatasetFeed }, cancellationToken: ct)) ?? 0;
            foreach (var delivery in await connection.QueryAsync<Guid>(new CommandDefinition("select delivery_id from deliveries where ended_at is null order by opened_at limit 5", cancellationToken: ct)))
            {
                moving.Add(new Finding(service, "deliveries", delivery.ToString(), new("交付已结束", "the delivery has ended"), new("仍未结束", "it is open"),
                    new("传输中的会自行结束；进程已不在的两分钟后由清扫记为失败。", "A running one ends by itself; one whose process is gone is ended as failed by the sweep after two minutes.")));
            }
        }
    }

    private async Task LookAtBrokerAsync(List<Finding> moving, CancellationToken ct)
    {
        try
        {
            Queues = await exchange.QueuesAsync(ct);
            foreach (var queue in Queues.Where(q => q.Messages > 0 && exchange.Services.Any(s => Topology.Queues(s).Contains(q.Name))))
            {
                moving.Add(new Finding(queue.Name.Split('.')[0], "queue", queue.Name, new("队列为空", "the queue is empty"), new($"{queue.Messages} 条消息，{queue.Consumers} 个消费者", $"{queue.Messages} message(s), {queue.Consumers} consumer(s)"),
                    new("没有消费者时启动该服务；有消费者时查看其日志等待什么。", "Without a consumer start that service; with one, its log says what it waits for.")));
            }
        }
        catch (LocalFault fault)
        {
            Queues = null;
            moving.Add(new Finding("rabbitmq", "broker", "rabbitmq", new("消息中间件有应答", "the broker answers"), new($"无应答：{fault.Message}", $"no answer: {fault.Message}"),
                new("恢复消息中间件；其间的消息留在各服务的发件表中，不会丢失。", "Bring the broker back; meanwhile messages stay in each service's outbox and are not lost.")));
        }
    }

    private sealed record Stamp
    {
        public required string Position { get; init; }
        public required bool Lately { get; init; }
    }

    private sealed record Outbox
    {
        public required long Unsent { get; init; }
        public required long Held { get; init; }
        public required string HeldFor { get; init; }
        public required double Seconds { get; init; }
    }
}
