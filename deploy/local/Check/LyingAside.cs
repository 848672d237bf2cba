using Exchange.Hosting;
using Exchange.Hosting.Messaging;

namespace Exchange.Local.Check;

/// <summary>Nothing lies aside unexplained: no message in an error, skipped or dead-letter queue, nothing in quarantine or held, no lease without a living holder, nothing that waits for what never comes.</summary>
internal static class LyingAside
{
    public static async Task CheckAsync(View view, Tally tally, CancellationToken ct)
    {
        view.RequireDatabases(tally, view.Exchange.Services);
        CheckQueues(view, tally);
        foreach (var service in view.All)
        {
            await CheckOutboxAsync(service, tally, ct);
            await CheckLeasesAsync(service, tally, ct);
        }
        foreach (var city in view.Cities)
            await CheckCityAsync(view, city, tally, ct);
        if (view[Stack.Gateway] is { } gateway)
        {
            foreach (var feed in await gateway.ListAsync<string>("select city from city_feeds where (rebuilding or rebuild_wanted) and city not in (select source from harvest_sources)", ct: ct))
                tally.Find(gateway.Service, "city_feeds", feed, new("没有进行中的重建", "no rebuild under way"), new("重建未完成", "a rebuild that has not ended"), new("该市有应答后网关自动完成。", "The gateway ends it once that city answers."));
        }
    }

    private static void CheckQueues(View view, Tally tally)
    {
        if (view.Queues is not { } queues)
        {
            tally.Find("rabbitmq", "broker", "rabbitmq", new("可以查看", "it can be looked at"), new("消息中间件无应答，未比对", "the broker does not answer: not compared"), new("恢复消息中间件后再次运行。", "Bring the broker back and run it again."));
            return;
        }
        foreach (var service in view.Exchange.Services)
        {
            var own = Topology.Queues(service);
            foreach (var queue in Topology.AllQueues(service))
            {
                tally.Compared(1, "个队列", "queues");
                if (!queues.TryGetValue(queue, out var state))
                {
                    tally.Find(service, "queue", queue, new("按拓扑声明", "declared as the topology says"), new("缺失", "missing"), new("重新启动 deploy/up，定义会重新导入。", "Restart deploy/up: it imports the definitions."));
                }
                else if (own.Contains(queue))
                {
                    if (state.Consumers == 0)
                        tally.Find(service, "queue", queue, new("有消费者", "a consumer"), new("没有", "none"), new("启动该服务；若已运行，查看其日志。", "Start that service; if it runs, see its log."));
                }
                else if (state.Messages > 0)
                {
                    tally.Find(service, "queue", queue, new("为空", "empty"), new($"{state.Messages} 条消息", $"{state.Messages} message(s)"),
                        new($"查明原因后放回：POST /api/operations/{service}/set-aside/{queue}/requeue（{service} 的 operator）。", $"Mend the cause, then put them back: POST /api/operations/{service}/set-aside/{queue}/requeue ({service}'s operator)."));
                }
            }
        }
    }

    private static async Task CheckOutboxAsync(Snapshot service, Tally tally, CancellationToken ct)
    {
        tally.Compared(1, "个发件表", "outboxes");
        foreach (var row in await service.ListAsync<OutboxRow>("""
            select id, type, routing_key, quarantined_at is not null as quarantined, quarantine_reason as reason from outbox where quarantined_at is not null or (sent_at is null and hold_until is not null) order by position limit 1000
            """, ct: ct))
        {
            if (row.Quarantined)
            {
                tally.Find(service.Service, "outbox", row.Id, new("可以发出", "it can be sent"), new($"隔离：{row.Type}，{row.Reason}", $"in quarantine: {row.Type}, {row.Reason}"),
                    new($"修正原因后：POST /api/operations/{service.Service}/quarantine/{row.Id}/requeue。", $"Mend the cause, then POST /api/operations/{service.Service}/quarantine/{row.Id}/requeue."));
            }
            else
            {
                tally.Find(service.Service, "outbox", row.Id, new("有队列接收", "a queue takes it"), new($"被退回：{row.Type}（{row.RoutingKey}）", $"returned by the broker: {row.Type} for {row.RoutingKey}"),
                    new("重新启动 deploy/up 导入定义，消息随后自动发出。", "Restart deploy/up, which imports the definitions; it then leaves by itself."));
            }
        }
    }

    private static async Task CheckLeasesAsync(Snapshot service, Tally tally, CancellationToken ct)
    {
        // Housekeeping's lease is shorter than its turn can be after a restart; nothing waits for it. A busy machine renews late.
        var leases = await service.ListAsync<LeaseRow>("select name, expires_at > clock_timestamp() - interval '30 seconds' as held from leases where name = 'relay' or name like 'repair.%'", ct: ct);
        tally.Compared(leases.Count, "个租约", "leases");
        if (!leases.Any(l => l.Name == "relay"))
            tally.Find(service.Service, "leases", "relay", new("有领导者", "a leader"), new("从未有过", "there never was one"), Start);
        foreach (var lease in leases.Where(l => !l.Held))
            tally.Find(service.Service, "leases", lease.Name, new("有领导者", "a leader"), new("租约已过期", "the lease has run out"), Start);
    }

    private static readonly Text Start = new("启动该服务；若已运行而租约不续，查看其日志后重新启动。", "Start that service; if it runs and does not renew, see its log and restart it.");

    private static async Task CheckCityAsync(View view, Snapshot city, Tally tally, CancellationToken ct)
    {
        foreach (var id in await city.ListAsync<Guid>("select exchange_id from early_withdrawals order by exchange_id limit 1000", ct: ct))
        {
            tally.Find(city.Service, "early_withdrawals", id, new("其申请已到", "the request it belongs to"), new("撤回在等一个没有到的申请", "a withdrawal that waits for a request that never came"),
                new("由需求方城市补发（outbox/resend）；确认从无此申请后删除该行。", "Let the asking city send again (outbox/resend); when there never was such a request, delete the row."));
        }
        foreach (var mirror in view.Sharing(city.Service)!.Requests.Values.Where(r => r.Side == "asking" && r.Pending is not null))
        {
            tally.Find(city.Service, "sharing_requests", mirror.ExchangeId, new($"{mirror.OwningCity} 已答复", $"{mirror.OwningCity} has answered"), new($"{mirror.Pending} 仍在等待", $"{mirror.Pending} is pending"),
                Effects.Resend(city.Service, "…", $"{city.Service}.{mirror.OwningCity}"));
        }
        foreach (var import in await city.ListAsync<StuckImport>("""
            select import_id, state, failures from imports
            where state in ('waiting', 'reading', 'writing') and greatest(lease_until, submitted_at) < clock_timestamp() - interval '5 minutes'
            order by position limit 1000
            """, ct: ct))
        {
            tally.Find(city.Service, "imports", import.ImportId, new("导入在进行或已结束", "an import that goes on or has ended"), new($"{import.State}，五分钟无人处理，已失败 {import.Failures} 次", $"{import.State}, and nobody has been at it for five minutes; {import.Failures} attempt(s) failed"),
                new("启动该市服务，它会自动接着导入；若已运行，查看其日志。", "Start the city's service: it takes the import up again by itself; if it runs, see its log."));
        }
        foreach (var copy in await city.ListAsync<PartialCopy>("select city, copy, count(*) as pages from catalogue_pages group by city, copy order by city limit 1000", ct: ct))
        {
            tally.Find(city.Service, "catalogue_pages", copy.Copy, new($"{copy.City} 目录副本的全部页", $"all pages of a copy of {copy.City}'s catalogue"), new($"只有 {copy.Pages} 页", $"{copy.Pages} page(s), and no more on their way"),
                new("该市每十分钟重新索取，新副本到达后自动清除；重启该市服务可立即索取。", "The city asks again every ten minutes and a new copy replaces this one; a restart of its service asks at once."));
        }
        foreach (var table in await city.ListAsync<string>("""
            select d.table_name from dataset_rows d where not exists (select 1 from pg_catalog.pg_tables t where t.schemaname = 'data' and t.tablename = d.table_name) order by 1 limit 1000
            """, ct: ct))
        {
            tally.Find(city.Service, "dataset_rows", table, new("数据表存在", "the table with the rows"), new("没有此表", "there is no such table"), new("由部门重新上传该数据集的数据（PUT …/datasets/{编号}/rows）。", "Let the department load the dataset's rows again (PUT …/datasets/{id}/rows)."));
        }
        foreach (var table in await city.ListAsync<string>("select table_name from retired_row_tables where retired_at < clock_timestamp() - interval '1 day' and table_name not in (select table_name from compared_row_tables) order by 1 limit 1000", ct: ct))
        {
            tally.Find(city.Service, "retired_row_tables", table, new("一天内已删除", "dropped within a day"), new("仍在：有传输占用它", "it is still there: something reads it"), new("重新启动该市服务会结束占用它的连接。", "A restart of the city's service ends the connection that holds it."));
        }
    }

    private sealed record OutboxRow
    {
        public required Guid Id { get; init; }
        public required string Type { get; init; }
        public required string RoutingKey { get; init; }
        public required bool Quarantined { get; init; }
        public string? Reason { get; init; }
    }

    private sealed record StuckImport
    {
        public required Guid ImportId { get; init; }
        public required string State { get; init; }
        public required int Failures { get; init; }
    }

    private sealed record PartialCopy
    {
        public required string City { get; init; }
        public required Guid Copy { get; init; }
        public required long Pages { get; init; }
    }

    private sealed record LeaseRow
    {
        public required string Name { get; init; }
        public required bool Held { get; init; }
    }
}
