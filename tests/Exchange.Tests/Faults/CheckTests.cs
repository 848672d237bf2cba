using System.Text;
using System.Text.Json;
using Dapper;
using Exchange.Local.Check;
using Exchange.Tests.Flow;
using RabbitMQ.Client;
using Xunit;

namespace Exchange.Tests.Faults;

/// <summary>The invariant checker: a whole exchange passes it, and each invariant that somebody breaks behind the services' back is named, alone.</summary>
[Collection(FaultyExchange.Name)]
[Trait("needs", "server")]
public sealed class CheckTests(FaultFixture exchange)
{
    private static (Guid Id, Guid Dataset)? whole;

    [Fact]
    public async Task A_whole_exchange_holds_and_every_invariant_compared_something()
    {
        await WholeAsync();

        var report = await exchange.CheckedAsync(r => r.Clean);

        Assert.All(report.Verdicts, v => Assert.True(v.Number > 0, report.ToString()));
        Assert.All(Enum.GetValues<Invariant>(), i => Assert.Equal(0, report[i].Total));
        using var json = JsonDocument.Parse(ReportText.Json(report));
        Assert.True(json.RootElement.GetProperty("clean").GetBoolean());
        Assert.Contains("✓ 没有未经审批的授权", ReportText.Of(report, zh: true), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_lost_message_a_doubled_step_a_missing_number_and_an_answer_without_effect_are_told()
    {
        var (id, _) = await WholeAsync();
        var lost = await IdAsync("changsha", "select id from outbox where correlation_id = @id and type like '%RequestProgressed' order by position limit 1", new { id });
        var unmarked = await IdAsync("zhuzhou", "select id from outbox where correlation_id = @id and type like '%RequestSubmitted'", new { id });

        var found = await BrokenAsync(
            Invariant.Effects,
            Gone("zhuzhou", "inbox", $"message_id = '{lost}'"),
            Gone("zhuzhou", "sharing_history", $"exchange_id = '{id}' and side = 'asking' and event = 'receive'"),
            Gone("changsha", "inbox", $"message_id = '{unmarked}'"),
            new Damage(
                "changsha",
                $"insert into sharing_history (exchange_id, side, version, event, state, at, audit_event) select exchange_id, side, version, event, state, at, audit_event from sharing_history where exchange_id = '{id}' and event = 'propose'",
                $"delete from sharing_history h where exchange_id = '{id}' and event = 'propose' and exists (select 1 from sharing_history e where e.exchange_id = h.exchange_id and e.event = h.event and e.position < h.position)"),
            new Damage("changsha", "update reference_numbers set last = last + 1", "update reference_numbers set last = last - 1"),
            new Damage(
                "zhuzhou",
                """
                insert into idempotency_keys (subject, key, operation, body_hash, status, headers, body)
                select 'nobody', 'check', 'POST /requests', ''::bytea, 201, '{}', convert_to('{"id":"01976f5a-0000-7000-8000-0000000000aa","version":1,"state":"draft"}', 'UTF8')
                """,
                "delete from idempotency_keys where subject = 'nobody' and key = 'check'"));

        Assert.Contains(found, f => f.Service == "changsha" && f.Id == $"{lost}" && f.Found.En.StartsWith("lost", StringComparison.Ordinal) && f.WayOut.En.Contains("/api/operations/changsha/outbox/resend", StringComparison.Ordinal));
        Assert.Contains(found, f => f is { Service: "changsha", Table: "inbox" } && f.Id == $"{unmarked}");
        Assert.Contains(found, f => f is { Service: "changsha", Table: "sharing_history" } && f.Id.StartsWith($"{id} owning", StringComparison.Ordinal));
        Assert.Contains(found, f => f is { Service: "changsha", Table: "reference_numbers" });
        Assert.Contains(found, f => f is { Service: "zhuzhou", Table: "idempotency_keys", Id: "nobody check" });
    }

    [Fact]
    public async Task A_record_that_differs_from_its_leaf_or_from_its_delivery_and_a_source_that_went_back_are_told()
    {
        var (id, _) = await WholeAsync();
        var record = await IdAsync("changsha", "select id from outbox where kind = 'record' and correlation_id = @id and type = 'grant.activated'", new { id });
        var delivery = await IdAsync("changsha", "select delivery_id from deliveries where exchange_id = @id", new { id });
        var heard = await IdAsync("zhuzhou", "select audit_event from sharing_history where exchange_id = @id and side = 'asking' and event = 'sign_off_reply'", new { id });

        // A number that is taken back must not be given again by a record that happens to come: the relay waits for its lease meanwhile.
        await using var xiangtan = await exchange.AdminAsync("xiangtan");
        await using var holding = await xiangtan.BeginTransactionAsync();
        await xiangtan.ExecuteAsync("select 1 from leases where name = 'relay' for update");
        var found = await BrokenAsync(
            Invariant.Records,
            new Damage("changsha", $"update outbox set body = body || 'x'::bytea where id = '{record}'", $"update outbox set body = substr(body, 1, length(body) - 1) where id = '{record}'"),
            new Damage("changsha", $"update deliveries set bytes = bytes + 1 where delivery_id = '{delivery}'", $"update deliveries set bytes = bytes - 1 where delivery_id = '{delivery}'"),
            // A decision that the log has heard of and the city has not, and the other way round.
            new Damage("zhuzhou", $"update sharing_history set audit_event = null where audit_event = '{heard}'", $"update sharing_history set audit_event = '{heard}' where exchange_id = '{id}' and side = 'asking' and event = 'sign_off_reply'"),
            new Damage("zhuzhou", $"update decisions_heard set audit_event = exchange_id where audit_event = '{heard}'", $"update decisions_heard set audit_event = '{heard}' where exchange_id = '{id}' and audit_event = exchange_id"),
            // As after a restore: the next record would take a number again that the log has.
            new Damage("xiangtan", "update outbox_counters set source_seq = source_seq - 1", "update outbox_counters set source_seq = source_seq + 1"));

        Assert.Contains(found, f => f.Id == $"{record}");
        Assert.Contains(found, f => f.Id == $"{delivery}");
        Assert.Contains(found, f => f is { Service: "audit", Table: "records" } && f.Id == $"{heard}");
        Assert.Contains(found, f => f is { Service: "zhuzhou", Table: "decisions_heard" } && f.Id.StartsWith($"{id} ", StringComparison.Ordinal));
        Assert.Contains(found, f => f is { Service: "xiangtan", Table: "outbox_counters" } && f.Found.En.EndsWith("again", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_copy_of_an_entry_with_another_text_and_one_that_is_missing_are_told()
    {
        var (_, dataset) = await WholeAsync();

        // Repair compares ids and versions, so it leaves this text alone.
        var found = await BrokenAsync(
            Invariant.Catalogue,
            new Damage("gateway", $"update datasets set entry = replace(entry, '\"grade\":3', '\"grade\":1') where dataset_id = '{dataset}'", $"update datasets set entry = replace(entry, '\"grade\":1', '\"grade\":3') where dataset_id = '{dataset}'"),
            Gone("xiangtan", "known_datasets", $"dataset_id = '{dataset}'"));

        Assert.Equal(["gateway", "xiangtan"], found.Select(f => f.Service).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_wider_grant_a_reply_by_one_person_and_a_delivery_to_a_stranger_are_told()
    {
        var (id, _) = await WholeAsync();

        var found = await BrokenAsync(
            Invariant.Grants,
            new Damage("changsha", $"update grants set fields = fields || '{{remark}}' where exchange_id = '{id}'", $"update grants set fields = array_remove(fields, 'remark') where exchange_id = '{id}'"),
            new Damage(
                "changsha",
                $"update sharing_history h set by_subject = r.reply ->> 'signed_by' from sharing_requests r where h.exchange_id = '{id}' and h.event = 'propose' and r.exchange_id = h.exchange_id and r.side = 'owning'",
                $"update sharing_history set by_subject = 'changsha-labour-reviewer' where exchange_id = '{id}' and event = 'propose'"),
            new Damage("changsha", $"update deliveries set subject = 'xiangtan-labour-client' where exchange_id = '{id}'", $"update deliveries set subject = 'zhuzhou-labour-client' where exchange_id = '{id}'"));

        Assert.Contains(found, f => f.Found.En == "also remark");
        Assert.Contains(found, f => f.Expected.En.StartsWith("proposed by one person", StringComparison.Ordinal));
        Assert.Contains(found, f => f.Table == "deliveries");
    }

    [Fact]
    public async Task A_leaf_that_was_altered_and_a_signature_that_was_forged_are_told()
    {
        await WholeAsync();
        const string Flip = "update leaves set bytes = set_byte(bytes, 60, get_byte(bytes, 60) # 1) where idx = 3";
        // A further checkpoint may be signed meanwhile: what was forged is named by its size.
        await using var log = await exchange.AdminAsync("audit");
        var newest = await log.ExecuteScalarAsync<long>("select max(size) from service.checkpoints");
        var forge = $"update checkpoints set note = overlay(note placing reverse(substr(note, length(note) - 40, 8)) from length(note) - 40 for 8) where size = {newest}";

        var found = await BrokenAsync(Invariant.Log, new Damage("audit", Flip, Flip), new Damage("audit", forge, forge));

        Assert.Contains(found, f => f.Table == "leaves" && f.Id.EndsWith(" 3", StringComparison.Ordinal));
        Assert.Contains(found, f => f.Table == "checkpoints" && f.Found.En.Contains("signature", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_message_in_an_error_queue_is_told()
    {
        await WholeAsync();
        await using var connection = await new ConnectionFactory { Uri = new Uri(exchange.Stack.BrokerUri("xiangtan")) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        try
        {
            await channel.BasicPublishAsync("xiangtan.datasets_error", "", mandatory: true, new BasicProperties { Persistent = true }, Encoding.UTF8.GetBytes("{}"));

            var report = await exchange.CheckedAsync(r => r.Broken is [Invariant.Aside]);

            Assert.Contains("POST /api/operations/xiangtan/set-aside/xiangtan.datasets_error/requeue", report.ToString(), StringComparison.Ordinal);
        }
        finally
        {
            await channel.QueuePurgeAsync("xiangtan.datasets_error");
        }
    }

    [Fact]
    public async Task What_is_down_is_a_finding_and_what_still_moves_too()
    {
        await WholeAsync();
        await exchange.Stack.StopAsync("xiangtan");
        try
        {
            var report = await Invariants.Of(exchange.Stack).CheckAsync(TimeSpan.FromSeconds(1));

            Assert.Contains(Invariant.Rest, report.Broken);
            Assert.Contains(report[Invariant.Rest].Findings, f => f is { Service: "xiangtan", Table: "process" });
            Assert.Contains(report[Invariant.Aside].Findings, f => f is { Service: "xiangtan", Id: "xiangtan.datasets" });
        }
        finally
        {
            await exchange.Stack.StartAsync("xiangtan");
        }
    }

    [Fact, Trait("length", "long")]
    public async Task What_an_addressee_lost_is_sent_again_by_the_sender_and_nothing_happens_twice()
    {
        var (id, dataset) = await WholeAsync();
        var keeper = exchange.Who("changsha", "operator");
        var lost = await IdAsync("changsha", "select id from outbox where feed_key = @dataset and kind = 'message'", new { dataset });
        await ExecuteAsync("xiangtan", $"delete from inbox where message_id = '{lost}'; delete from known_datasets where dataset_id = '{dataset}'");
        await exchange.CheckedAsync(r => r.Broken is [Invariant.Effects, Invariant.Catalogue]);

        Assert.Equal(403, (await exchange.Who("changsha", "officer").PostAsync("/api/operations/changsha/outbox/resend", new { Since = DateTimeOffset.UtcNow })).Status);
        Assert.Equal(403, (await keeper.PostAsync("/api/operations/zhuzhou/outbox/resend", new { Since = DateTimeOffset.UtcNow })).Status);
        var refused = await keeper.PostAsync("/api/operations/changsha/outbox/resend", new { To = "no such; place" });
        Assert.Equal(422, refused.Status);
        Assert.Equal(2, refused["errors"].GetArrayLength());
        Assert.Equal(0, (await keeper.PostAsync("/api/operations/changsha/outbox/resend", new { Since = DateTimeOffset.UtcNow.AddHours(1) })).Succeeded("nothing since then")["messages"].GetInt32());
        var one = (await keeper.PostAsync("/api/operations/changsha/outbox/resend", new { Since = DateTimeOffset.UtcNow.AddHours(-1), To = "xiangtan" })).Succeeded("resend")["messages"].GetInt32();
        Assert.True(one > 0);
        await exchange.AtRestAsync();

        var all = (await keeper.PostAsync("/api/operations/changsha/outbox/resend", new { Since = DateTimeOffset.UtcNow.AddHours(-1) })).Succeeded("resend all")["messages"].GetInt32();

        Assert.True(all > one);
        await exchange.AtRestAsync();
        await using var log = await exchange.AdminAsync("audit");
        Assert.Equal(3, await log.ExecuteScalarAsync<long>("select count(*) from records where type = 'messages.resent' and source = 'changsha'"));
        Assert.Equal("active", (await exchange.MirrorAsync(id.ToString(), "active"))["state"].GetString());
    }

    [Fact]
    public async Task A_database_and_a_broker_that_are_away_are_findings_and_the_rest_is_compared_all_the_same()
    {
        await WholeAsync();
        // What others left on its way would be a finding too.
        await exchange.AtRestAsync();
        var there = Surroundings.Of(exchange.Stack);
        var nobody = "Host=127.0.0.1;Port=1;Username=nobody;Password=nothing";

        var report = await new Invariants(there with { Database = s => s == "zhuzhou" ? nobody : there.Database(s), Broker = _ => "amqp://nobody@127.0.0.1:1/exchange" }).CheckAsync(TimeSpan.FromSeconds(1));

        Assert.Contains(report[Invariant.Rest].Findings, f => f is { Service: "zhuzhou", Table: "database" });
        Assert.Contains(report[Invariant.Aside].Findings, f => f.Table == "broker");
        Assert.All(new[] { Invariant.Effects, Invariant.Records, Invariant.Catalogue, Invariant.Grants }, i =>
        {
            Assert.All(report[i].Findings, f => Assert.True(f is { Service: "zhuzhou", Table: "database" }, f.ToString()));
            Assert.True(report[i].Number > 0);
        });
        Assert.True(report[Invariant.Log].Holds, report.ToString());
    }

    private sealed record Damage(string Service, string Break, string Mend);

    /// <summary>Rows that somebody deletes; they come back as they were.</summary>
    private static Damage Gone(string service, string table, string where) => new(
        service,
        $"create table gone_{table} as select * from {table} where {where}; delete from {table} where {where}",
        $"insert into {table} overriding system value select * from gone_{table}; drop table gone_{table}");

    /// <summary>Exactly this invariant is named while the damage stands; answers its findings.</summary>
    private async Task<IReadOnlyList<Finding>> BrokenAsync(Invariant expected, params Damage[] damages)
    {
        var done = new Stack<Damage>();
        try
        {
            foreach (var damage in damages)
            {
                Assert.True(await ExecuteAsync(damage.Service, damage.Break) > 0, damage.Break);
                done.Push(damage);
            }

            var report = await exchange.CheckedAsync(r => r.Broken is [var only] && only == expected);

            return report[expected].Findings;
        }
        finally
        {
            foreach (var damage in done)
            {
                await ExecuteAsync(damage.Service, damage.Mend);
            }
        }
    }

    private async Task<int> ExecuteAsync(string service, string sql)
    {
        await using var connection = await exchange.AdminAsync(service);
        return await connection.ExecuteAsync(sql);
    }

    private async Task<Guid> IdAsync(string service, string sql, object values)
    {
        await using var connection = await exchange.AdminAsync(service);
        return await connection.QuerySingleAsync<Guid>(sql, values);
    }

    private async Task SupplementAndExtendAsync(string id)
    {
        var (owning, asking) = ($"/api/cities/changsha/approvals/{id}", $"/api/cities/zhuzhou/requests/{id}");
        var received = await exchange.ReceivedAsync(id);
        var reviewer = exchange.Who("changsha", "reviewer");
        (await reviewer.PostAsync($"{owning}/ask-supplement", new { Missing = new[] { new { Item = "scope", What = "请写明范围（示例）" } } }, received.ETag)).Succeeded("ask");
        var told = await exchange.MirrorAsync(id, "supplement_asked");
        (await exchange.Who("zhuzhou", "officer").PostAsync($"{asking}/supplement", new { Note = "见范围（示例）" }, told.ETag)).Succeeded("supplement");
        var supplemented = await Eventually.GetAsync(() => reviewer.GetAsync(owning), a => a["state"].GetString() == "under_review", show: a => a.Text);
        var extend = (await reviewer.PostAsync($"{owning}/extend", new { WorkingDays = 2, Reason = "示例" }, supplemented.ETag)).Succeeded("extend");
        (await exchange.Who("changsha", "authority").PostAsync($"{owning}/answer-extension", new { Consent = true }, extend.ETag)).Succeeded("consent");
    }

    /// <summary>One exchange from publication to delivery, shared by the tests here.</summary>
    private async Task CorrectAsync(string id)
    {
        var report = new { Field = "months", Record = "示例甲", Right = "13", Evidence = "缴费凭证（示例）" };
        var filed = (await exchange.Who("zhuzhou", "officer").PostAsync($"/api/cities/zhuzhou/requests/{id}/correct", report)).Succeeded("file a correction");
        var reviewer = exchange.Who("changsha", "reviewer");
        var received = await Eventually.GetAsync(() => reviewer.GetAsync($"/api/cities/changsha/corrections/{filed["id"].GetString()}"), a => a.Status == 200, show: a => a.Text);
        (await reviewer.PostAsync($"/api/cities/changsha/corrections/{filed["id"].GetString()}/answer", new { Result = "not_an_error", Explanation = "数据无误（示例）" }, received.ETag)).Succeeded("answer the correction");
        await exchange.TimelineAsync(id, "correction.answer_received");
    }

    private async Task<(Guid Id, Guid Dataset)> WholeAsync()
    {
        if (whole is { } made)
            return made;
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var id = await exchange.SubmitAsync(dataset);
        await SupplementAndExtendAsync(id);
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        (await exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/data?format=csv")).Succeeded("deliver");
        await CorrectAsync(id);
        // Xiangtan says something too, so that its sequence is not empty.
        await exchange.PublishAsync("xiangtan", "unconditional", standing: true);
        whole = (Guid.Parse(id), dataset);
        return whole.Value;
    }
}
