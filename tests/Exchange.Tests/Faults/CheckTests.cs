using System.Globalization;
using System.Text;
using System.Text.Json;
using Dapper;
using Exchange.Local.Check;
using Exchange.Tests.Flow;
using Npgsql;
using RabbitMQ.Client;
using Xunit;

namespace Exchange.Tests.Faults;

/// <summary>The invariant checker: a whole exchange passes it, and each invariant that somebody breaks behind the services' back is named, alone.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class CheckTests(ExchangeFixture exchange)
{
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(30);
    private static (Guid Id, Guid Dataset)? whole;

    [Fact]
    public async Task A_whole_exchange_holds_and_every_invariant_compared_something()
    {
        await WholeAsync();

        var report = await Invariants.Of(exchange.Stack).CheckAsync(Settle);

        Assert.True(report.Clean, report.ToString());
        Assert.All(report.Verdicts, v => Assert.True(v.Number > 0, report.ToString()));
        Assert.All(Enum.GetValues<Invariant>(), i => Assert.Equal(0, report[i].Total));
        using var json = JsonDocument.Parse(ReportText.Json(report));
        Assert.True(json.RootElement.GetProperty("clean").GetBoolean());
        Assert.Contains("✓ 没有未经审批的授权", ReportText.Of(report, zh: true), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_message_without_inbox_row_and_effect_is_lost()
    {
        var (id, _) = await WholeAsync();
        await using var changsha = await OwnerAsync("changsha");
        var message = await changsha.ExecuteScalarAsync<Guid>("select id from outbox where correlation_id = @id and type like '%RequestProgressed' order by position limit 1", new { id });

        var report = await BrokenAsync("zhuzhou", Invariant.Effects, Gone("inbox", "message_id = @message"), new { message }, Gone("sharing_history", "exchange_id = @id and side = 'asking' and event = 'receive'"), new { id });

        Assert.Contains(report[Invariant.Effects].Findings, f => f.Service == "changsha" && f.Id == message.ToString() && f.Found.En.StartsWith("lost", StringComparison.Ordinal) && f.WayOut.En.Contains("outbox/resend", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_message_whose_repetition_would_not_be_recognised_is_told()
    {
        var (id, _) = await WholeAsync();
        await using var zhuzhou = await OwnerAsync("zhuzhou");
        var message = await zhuzhou.ExecuteScalarAsync<Guid>("select id from outbox where correlation_id = @id and type like '%RequestSubmitted'", new { id });

        var report = await BrokenAsync("changsha", Invariant.Effects, Gone("inbox", "message_id = @message"), new { message });

        Assert.Equal(message.ToString(), Assert.Single(report[Invariant.Effects].Findings).Id);
    }

    [Fact]
    public async Task A_step_that_happened_twice_is_told()
    {
        var (id, _) = await WholeAsync();

        await BrokenAsync("changsha", Invariant.Effects, new Damage(
            "insert into sharing_history (exchange_id, side, version, event, state, at, audit_event) select exchange_id, side, version, event, state, at, audit_event from sharing_history where exchange_id = @id and event = 'propose'",
            "delete from sharing_history h where exchange_id = @id and event = 'propose' and exists (select 1 from sharing_history e where e.exchange_id = h.exchange_id and e.event = h.event and e.position < h.position)"), new { id });
    }

    [Fact]
    public async Task A_reference_number_that_nobody_has_is_told() =>
        await BrokenAsync("changsha", Invariant.Effects, new Damage("update reference_numbers set last = last + 1", "update reference_numbers set last = last - 1"), null);

    [Fact]
    public async Task An_answer_without_its_effect_is_told()
    {
        await WholeAsync();
        await BrokenAsync("zhuzhou", Invariant.Effects, new Damage(
            """
            insert into idempotency_keys (subject, key, operation, body_hash, status, headers, body)
            select 'nobody', 'check', 'POST /requests', ''::bytea, 201, '{}', convert_to('{"id":"01976f5a-0000-7000-8000-0000000000aa","version":1,"state":"draft"}', 'UTF8')
            """,
            "delete from idempotency_keys where subject = 'nobody' and key = 'check'"), null);
    }

    [Fact]
    public async Task A_record_that_differs_from_its_leaf_is_told()
    {
        var (id, _) = await WholeAsync();
        var report = await BrokenAsync("changsha", Invariant.Records, new Damage(
            "update outbox set body = body || 'x'::bytea where kind = 'record' and correlation_id = @id and type = 'grant.activated'",
            "update outbox set body = substr(body, 1, length(body) - 1) where kind = 'record' and correlation_id = @id and type = 'grant.activated'"), new { id });
        Assert.Single(report[Invariant.Records].Findings);
    }

    [Fact]
    public async Task A_delivery_that_says_other_than_its_record_is_told()
    {
        var (id, _) = await WholeAsync();
        await BrokenAsync("changsha", Invariant.Records, new Damage("update deliveries set bytes = bytes + 1 where exchange_id = @id", "update deliveries set bytes = bytes - 1 where exchange_id = @id"), new { id });
    }

    [Fact]
    public async Task A_city_that_went_back_to_an_earlier_state_is_a_fork_with_its_first_number()
    {
        await WholeAsync();
        await using var xiangtan = await OwnerAsync("xiangtan");
        var last = await xiangtan.ExecuteScalarAsync<long>("select source_seq from outbox_counters");

        var report = await BrokenAsync("xiangtan", Invariant.Records, new Damage("update outbox_counters set source_seq = source_seq - 1", "update outbox_counters set source_seq = source_seq + 1"), null);

        Assert.Contains(report[Invariant.Records].Findings, f => f.Found.En.Contains(string.Create(CultureInfo.InvariantCulture, $"takes number {last} again"), StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_copy_of_an_entry_with_another_text_and_one_that_is_missing_are_told()
    {
        var (_, dataset) = await WholeAsync();
        await BrokenAsync("gateway", Invariant.Catalogue, new Damage(
            "update datasets set entry = replace(entry, '\"grade\":3', '\"grade\":1') where dataset_id = @dataset", "update datasets set entry = replace(entry, '\"grade\":1', '\"grade\":3') where dataset_id = @dataset"), new { dataset });
        await BrokenAsync("xiangtan", Invariant.Catalogue, Gone("known_datasets", "dataset_id = @dataset"), new { dataset });
    }

    [Fact]
    public async Task A_grant_wider_than_its_approval_is_told()
    {
        var (id, _) = await WholeAsync();
        var report = await BrokenAsync("changsha", Invariant.Grants, new Damage("update grants set fields = fields || '{remark}' where exchange_id = @id", "update grants set fields = array_remove(fields, 'remark') where exchange_id = @id"), new { id });
        Assert.Contains(report[Invariant.Grants].Findings, f => f.Found.En == "also remark");
    }

    [Fact]
    public async Task A_reply_that_one_person_proposed_and_signed_is_told()
    {
        var (id, _) = await WholeAsync();
        await BrokenAsync("changsha", Invariant.Grants, new Damage(
            "update sharing_requests set proposed_by = reply ->> 'signed_by' where exchange_id = @id and side = 'owning'",
            "update sharing_requests set proposed_by = 'changsha-labour-reviewer' where exchange_id = @id and side = 'owning'"), new { id });
    }

    [Fact]
    public async Task A_delivery_to_a_stranger_is_told()
    {
        var (id, _) = await WholeAsync();
        await BrokenAsync("changsha", Invariant.Grants, new Damage("update deliveries set subject = 'xiangtan-labour-client' where exchange_id = @id", "update deliveries set subject = 'zhuzhou-labour-client' where exchange_id = @id"), new { id });
    }

    [Fact]
    public async Task A_leaf_that_was_altered_is_told()
    {
        await WholeAsync();
        const string Flip = "update leaves set bytes = set_byte(bytes, 60, get_byte(bytes, 60) # 1) where idx = 3";
        var report = await BrokenAsync("audit", Invariant.Log, new Damage(Flip, Flip), null);
        Assert.Contains(report[Invariant.Log].Findings, f => f.Table == "leaves" && f.Id.EndsWith(" 3", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_tail_that_was_cut_off_the_log_does_not_pass()
    {
        await WholeAsync();
        const string Forge = "update checkpoints set note = replace(note, substr(note, length(note) - 20, 4), reverse(substr(note, length(note) - 20, 4))) where size = (select max(size) from checkpoints)";
        await BrokenAsync("audit", Invariant.Log, new Damage(Forge, Forge), null);
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

            var report = await Invariants.Of(exchange.Stack).CheckAsync(Settle);

            Assert.Equal([Invariant.Aside], report.Broken);
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

    private sealed record Damage(string Break, string Mend);

    /// <summary>Rows that somebody deleted, put back afterwards as they were.</summary>
    private static Damage Gone(string table, string where) => new(
        $"create table gone_{table} as select * from {table} where {where}; delete from {table} where {where}",
        $"insert into {table} overriding system value select * from gone_{table}; drop table gone_{table}");

    private Task<Report> BrokenAsync(string service, Invariant expected, Damage damage, object? values) => BrokenAsync(service, expected, damage, values, null, null);

    /// <summary>Exactly this invariant is named while the damage stands, and none once it is mended.</summary>
    private async Task<Report> BrokenAsync(string service, Invariant expected, Damage damage, object? values, Damage? second, object? secondValues)
    {
        await using var connection = await OwnerAsync(service);
        var before = await Invariants.Of(exchange.Stack).CheckAsync(Settle);
        Assert.True(before.Clean, before.ToString());
        Assert.True(await connection.ExecuteAsync(damage.Break, values) > 0);
        if (second is not null)
            Assert.True(await connection.ExecuteAsync(second.Break, secondValues) > 0);
        try
        {
            var report = await Invariants.Of(exchange.Stack).CheckAsync(Settle);
            Assert.True(report.Broken is [var only] && only == expected, report.ToString());
            return report;
        }
        finally
        {
            await connection.ExecuteAsync(damage.Mend, values);
            if (second is not null)
                await connection.ExecuteAsync(second.Mend, secondValues);
        }
    }

    /// <summary>One exchange from publication to delivery, shared by the tests here.</summary>
    private async Task<(Guid Id, Guid Dataset)> WholeAsync()
    {
        if (whole is { } made)
            return made;
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var id = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        (await exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/data?format=csv")).Succeeded("deliver");
        // Xiangtan says something too, so that its sequence is not empty.
        await exchange.PublishAsync("xiangtan", "unconditional", standing: true);
        whole = (Guid.Parse(id), dataset);
        return whole.Value;
    }

    private async Task<NpgsqlConnection> OwnerAsync(string service)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(exchange.Stack.Databases.ConnectionString(service, "owner")) { ApplicationName = "test", Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }
}
