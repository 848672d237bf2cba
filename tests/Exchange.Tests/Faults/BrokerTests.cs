using Dapper;
using Exchange.Local;
using Exchange.Tests.Flow;
using Npgsql;
using Xunit;

namespace Exchange.Tests.Faults;

/// <summary>The spine when parts die: nothing lost, nothing doubled.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class BrokerTests(ExchangeFixture exchange)
{
    [Fact]
    [Trait("length", "long")]
    public async Task A_broker_that_stops_during_traffic_loses_nothing_and_work_goes_on_meanwhile()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var before = new[] { await exchange.SubmitAsync(dataset), await exchange.SubmitAsync(dataset) };

        await exchange.Stack.StopBrokerAsync();
        var during = new[] { await exchange.SubmitAsync(dataset), await exchange.SubmitAsync(dataset) };
        foreach (var service in exchange.Stack.ServiceNames)
        {
            using var ready = await exchange.Gateway.GetAsync(new Uri(exchange.Stack.Address(service), "/health/ready"));
            Assert.True(ready.IsSuccessStatusCode, $"{service}: {await ready.Content.ReadAsStringAsync()}");
            using var live = await exchange.Gateway.GetAsync(new Uri(exchange.Stack.Address(service), "/health/live"));
            Assert.True(live.IsSuccessStatusCode);
        }

        await exchange.Stack.StartBrokerAsync();

        foreach (var id in before.Concat(during))
        {
            var received = await Eventually.GetAsync(
                () => exchange.Who("changsha", "reviewer").GetAsync($"/api/cities/changsha/approvals/{id}"), a => a.Status == 200, TimeSpan.FromSeconds(60), a => a.Text);
            Assert.Equal("under_review", received["state"].GetString());
            await Eventually.GetAsync(() => exchange.Who("zhuzhou", "officer").GetAsync($"/api/cities/zhuzhou/requests/{id}"), a => a["state"].GetString() == "under_review", TimeSpan.FromSeconds(60), a => a.Text);
            var timeline = await exchange.TimelineAsync(id, "request.submitted", "request.received");
            Assert.All(timeline["events"].EnumerateArray().GroupBy(e => e.GetProperty("type").GetString()), g => Assert.Single(g));
        }

        await exchange.NothingSetAsideAsync();
    }

    [Fact]
    public async Task Repeated_and_re_ordered_news_leave_the_newest_state()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var id = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(id);
        var mirror = await exchange.MirrorAsync(id, "active");

        // The owning city's news once more, newest first, each under a message id the inbox has not seen.
        await using var city = await exchange.AdminAsync("changsha");
        await city.ExecuteAsync("""
            insert into service.outbox (id, kind, exchange, routing_key, type, content, correlation_id)
            select gen_random_uuid(), kind, exchange, routing_key, type, content, correlation_id
            from service.outbox where correlation_id = @id and type like '%RequestProgressed' order by position desc
            """, new { id = Guid.Parse(id) });
        await exchange.DrainedAsync("changsha");
        await Eventually.TrueAsync(async () => await exchange.QueueDepthAsync("zhuzhou.addressed") == 0);

        var after = await exchange.MirrorAsync(id, "active");
        Assert.Equal(mirror["version"].GetInt32(), after["version"].GetInt32());
        await exchange.NothingSetAsideAsync();
    }

    [Fact]
    public async Task A_message_whose_content_is_wrong_is_set_aside_alarms_and_can_be_put_back()
    {
        var aside = "changsha.addressed_error";
        var id = Guid.NewGuid();
        await using var city = await exchange.AdminAsync("zhuzhou");
        await city.ExecuteAsync("""
            insert into service.outbox (id, kind, exchange, routing_key, type, content, correlation_id)
            values (gen_random_uuid(), 'message', 'exchange.addressed', 'zhuzhou.changsha', 'Exchange.Contracts.RequestSubmitted', @content, @id)
            """, new
        {
            id,
            content = System.Text.Json.JsonSerializer.Serialize(new
            {
                exchangeId = Guid.NewGuid(),
                askingCity = "zhuzhou",
                owningCity = "changsha",
                datasetId = Guid.NewGuid(),
                datasetVersion = 1,
                departmentCode = "11430200EXAMPL0201",
                departmentName = "示例",
                purpose = new { legalBasis = "a", scenario = "b", scope = "c", method = "rows", fields = new[] { "x" }, useUntil = "2030-01-01" },
                signedOffBy = "nobody",
                submittedAt = DateTimeOffset.UtcNow,
                version = 3,
            }),
        });
        try
        {
            await Eventually.TrueAsync(async () => await exchange.QueueDepthAsync(aside) == 1);
            var keeper = exchange.Who("changsha", "operator");
            var seen = await Eventually.GetAsync(() => keeper.GetAsync("/api/operations/changsha/set-aside"), a => a.Status == 200 && a.Text.Contains($"\"{aside}\",\"messages\":1", StringComparison.Ordinal), show: a => a.Text);
            Assert.Equal(403, (await exchange.Who("changsha", "officer").GetAsync("/api/operations/changsha/set-aside")).Status);
            await Eventually.GetAsync(() => keeper.GetAsync(new Uri(exchange.Stack.Address("changsha"), "/health/ready").AbsoluteUri), a => a["status"].GetString() == "degraded", TimeSpan.FromSeconds(40), a => a.Text);

            var back = (await keeper.PostAsync($"/api/operations/changsha/set-aside/{aside}/requeue")).Succeeded("requeue");
            Assert.Equal(1, back["messages"].GetInt32());

            // Its content is as wrong as before: it ends in the error queue again, and its neighbours were not held up.
            await Eventually.TrueAsync(async () => await exchange.QueueDepthAsync(aside) == 1 && await exchange.QueueDepthAsync("changsha.addressed") == 0);
            var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
            await exchange.ReceivedAsync(await exchange.SubmitAsync(dataset));
            Assert.NotNull(seen);
        }
        finally
        {
            await exchange.Stack.Rabbit!.ControlAsync(["-q", "purge_queue", aside, "-p", "exchange"], default);
            // Thrown away on purpose: to the checker it would be a lost message.
            await city.ExecuteAsync("delete from service.outbox where correlation_id = @id", new { id });
        }
    }

    [Fact]
    public async Task A_row_that_cannot_be_sent_goes_into_quarantine_un_numbered_and_its_neighbours_leave()
    {
        await using var city = await exchange.AdminAsync("xiangtan");
        var id = Guid.NewGuid();
        await city.ExecuteAsync("""
            insert into service.outbox (id, kind, exchange, routing_key, type, content)
            values (@id, 'message', 'exchange.addressed', 'xiangtan.changsha', 'Exchange.Contracts.Nothing', '{}'), (gen_random_uuid(), 'record', 'exchange.audit', 'xiangtan.audit', 'x', 'no json')
            """, new { id });
        var keeper = exchange.Who("xiangtan", "operator");
        var listed = await Eventually.GetAsync(() => keeper.GetAsync("/api/operations/xiangtan/quarantine"), a => a.Status == 200 && a.Json.GetArrayLength() == 2, show: a => a.Text);
        Assert.Contains("Exchange.Contracts.Nothing", listed.Text, StringComparison.Ordinal);
        Assert.Equal(403, (await exchange.Who("changsha", "operator").GetAsync("/api/operations/xiangtan/quarantine")).Status);

        await exchange.PublishAsync("xiangtan", "unconditional");
        await exchange.DrainedAsync("xiangtan");
        var (numbered, highest) = await city.QuerySingleAsync<(long, long)>("select count(source_seq), max(source_seq) from service.outbox");
        Assert.Equal(highest, numbered);

        await city.ExecuteAsync("update service.outbox set type = 'Exchange.Contracts.RequestWithdrawn', content = @content where id = @id", new
        {
            id,
            content = """{"exchangeId":"01976f5a-0000-7000-8000-00000000ffff","askingCity":"xiangtan","owningCity":"changsha","reason":"x","withdrawnAt":"2026-01-01T00:00:00Z"}""",
        });
        Assert.Equal(204, (await keeper.PostAsync($"/api/operations/xiangtan/quarantine/{id}/requeue")).Status);
        await Eventually.TrueAsync(async () => await city.ExecuteScalarAsync<bool>("select sent_at is not null from service.outbox where id = @id", new { id }));
        await city.ExecuteAsync("delete from service.outbox where quarantined_at is not null");
        // It withdraws a request that never was, and would wait for it for good.
        await using var owning = await exchange.AdminAsync("changsha");
        await Eventually.TrueAsync(async () => await owning.ExecuteAsync("delete from service.early_withdrawals where exchange_id = '01976f5a-0000-7000-8000-00000000ffff'") == 1);
    }

    [Fact]
    public async Task A_service_cannot_speak_as_another()
    {
        var factory = new RabbitMQ.Client.ConnectionFactory { Uri = new Uri(exchange.Stack.BrokerUri("zhuzhou")) };
        await using var connection = await factory.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync(new RabbitMQ.Client.CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));

        var refused = await Assert.ThrowsAnyAsync<Exception>(async () => await channel.BasicPublishAsync("exchange.addressed", "changsha.xiangtan", mandatory: true, new RabbitMQ.Client.BasicProperties(), new byte[1]));

        Assert.Contains("ACCESS_REFUSED", refused.ToString(), StringComparison.Ordinal);
    }
}
