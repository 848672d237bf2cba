using System.Text.Json;
using Dapper;
using Exchange.Local;
using Exchange.Local.Accounts;
using Exchange.Tests.Flow;

namespace Exchange.Tests.Faults;

/// <summary>The audit service is away: within its limit records queue up, past it the exchange stops, and nothing passes unrecorded.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class AuditAwayTests(ExchangeFixture exchange)
{
    private const string Changsha = "changsha";
    private const string Zhuzhou = "zhuzhou";

    [Fact]
    public async Task Past_the_limit_no_data_passes_and_no_exchange_begins_until_the_log_has_caught_up()
    {
        var dataset = (await exchange.PublishAsync(Changsha, "conditional")).GetProperty("dataset_id").GetGuid();
        var id = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        var toGrant = await ProposedAsync(dataset, "approve");
        var toRefuse = await ProposedAsync(dataset, "refuse");
        var toWithdraw = await exchange.SubmitAsync(dataset);
        await exchange.ReceivedAsync(toWithdraw);
        var submitted = await exchange.MirrorAsync(toWithdraw, "under_review");
        var officer = exchange.Who(Zhuzhou, "officer");
        var draft = (await exchange.DraftRequestAsync(dataset)).Succeeded("draft");
        await TakenUpAsync(Changsha);
        await TakenUpAsync(Zhuzhou);

        Answer signed;
        await exchange.Stack.StopAsync(Stack.Audit);
        try
        {
            // Within the limit the records wait and the data passes.
            (await DataAsync(id)).Succeeded("data");
            signed = (await exchange.Who(Zhuzhou, "sharing_head").PostAsync($"/api/cities/zhuzhou/requests/{draft["id"]}/sign-off", etag: draft.ETag)).Succeeded("sign off");
            await AgeAsync(Changsha);
            await AgeAsync(Zhuzhou);
            var openings = await OpeningsAsync(id);

            var stopped = await DataAsync(id);
            Assert.Equal(503, stopped.Status);
            Assert.Equal("audit-behind", stopped["rule"].GetString());
            Assert.Equal("第29条", stopped["article"].GetString());
            Assert.True(int.Parse(stopped.Headers["Retry-After"], System.Globalization.CultureInfo.InvariantCulture) > 0);
            Assert.Equal(openings, await OpeningsAsync(id));
            Assert.Equal("audit-behind", (await officer.PostAsync($"/api/cities/zhuzhou/requests/{draft["id"]}/submit", etag: signed.ETag))["rule"].GetString());
            Assert.Equal("audit-behind", (await SignOffAsync(toGrant))["rule"].GetString());
            // A process that starts anew past the limit does not begin by letting one through.
            await exchange.Stack.StopAsync(Changsha);
            await exchange.Stack.StartAsync(Changsha);
            Assert.Equal(503, (await Eventually.GetAsync(() => DataAsync(id), a => a.MediaType != "text/html" && a.Status != 502, show: a => a.Text)).Status);
            Assert.Equal(openings, await OpeningsAsync(id));
            foreach (var city in new[] { Changsha, Zhuzhou })
            {
                Assert.Equal("degraded", (await PartAsync(city)).GetProperty("status").GetString());
            }

            // What passes nothing goes on.
            (await SignOffAsync(toRefuse)).Succeeded("sign the refusal");
            (await officer.PostAsync($"/api/cities/zhuzhou/requests/{toWithdraw}/withdraw", new { Reason = "不再需要（示例）" }, submitted.ETag)).Succeeded("withdraw");
            (await officer.GetAsync($"/api/cities/zhuzhou/requests/{id}")).Succeeded("read");
        }
        finally
        {
            await exchange.Stack.StartAsync(Stack.Audit);
        }

        var flows = await Eventually.GetAsync(() => DataAsync(id), a => a.Status == 200, TimeSpan.FromSeconds(40), a => a.Text);
        Assert.Equal(3, flows.Text.Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Length - 1);
        (await Eventually.GetAsync(() => officer.PostAsync($"/api/cities/zhuzhou/requests/{draft["id"]}/submit", etag: signed.ETag), a => a.Status != 503, show: a => a.Text)).Succeeded("submit");
        (await SignOffAsync(toGrant)).Succeeded("sign the approval");
        await TakenUpAsync(Changsha);
        var timeline = await Eventually.GetAsync(
            () => officer.GetAsync($"/api/audit/exchanges/{id}"),
            a => a.Status == 200 && a["events"].EnumerateArray().Count(e => e.GetProperty("type").GetString() == "delivery.ended") == 2, show: a => a.Text);
        var events = timeline["events"].EnumerateArray().ToList();
        Assert.Equal(2, events.Count(e => e.GetProperty("type").GetString() == "delivery.opened"));
        Assert.Equal(events.Count, events.Select(e => e.GetProperty("event_id").GetString()).Distinct(StringComparer.Ordinal).Count());
        await exchange.NothingSetAsideAsync();
    }

    [Fact]
    public async Task Records_that_were_lost_between_the_broker_and_the_log_are_sent_again()
    {
        // The log tells a source what it lacks once it has something of it.
        await exchange.PublishAsync(Changsha, "conditional");
        await TakenUpAsync(Changsha);
        await exchange.Stack.StopAsync(Stack.Audit);
        try
        {
            await exchange.PublishAsync(Changsha, "conditional");
            await exchange.DrainedAsync(Changsha);
            await exchange.Stack.Rabbit!.ControlAsync(["-q", "purge_queue", "audit.records", "-p", "exchange"], default);
            await using var city = await exchange.AdminAsync(Changsha);
            Assert.True(await city.ExecuteAsync("update service.outbox set sent_at = sent_at - interval '1 hour' where source_seq > (select taken_up from service.audit_mark)") > 0);
        }
        finally
        {
            await exchange.Stack.StartAsync(Stack.Audit);
        }

        await TakenUpAsync(Changsha);
        await using var log = await exchange.AdminAsync(Stack.Audit);
        Assert.Equal(0, await log.ExecuteScalarAsync<long>("""
            select count(*) from (select seq - lag(seq, 1, 0::bigint) over (order by seq) as step from service.records where source = 'changsha' and seq is not null) s where step <> 1
            """));
    }

    /// <summary>Waits until the city knows that the log has all its records.</summary>
    private async Task TakenUpAsync(string city)
    {
        await exchange.DrainedAsync(city);
        await Eventually.GetAsync(() => PartAsync(city), part => part.GetProperty("status").GetString() == "healthy" && !part.TryGetProperty("note", out _), TimeSpan.FromSeconds(30), part => part.ToString());
    }

    /// <summary>As if the records that the log has not taken up had been written yesterday, and waits until the city has seen it.</summary>
    private async Task AgeAsync(string city)
    {
        await using var connection = await exchange.AdminAsync(city);
        Assert.True(await connection.ExecuteAsync(
            "update service.outbox set created_at = created_at - interval '1 day' where kind = 'record' and (source_seq is null or source_seq > (select taken_up from service.audit_mark))") > 0, $"{city} has nothing that the log has not taken up.");
        await Eventually.GetAsync(() => PartAsync(city), part => part.ToString().Contains("exchange is stopped", StringComparison.Ordinal), show: part => part.ToString());
    }

    private async Task<JsonElement> PartAsync(string city)
    {
        using var answer = await exchange.Gateway.GetAsync(new Uri(exchange.Stack.Address(city), "/health/ready"));
        return JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("parts").GetProperty("audit");
    }

    private Task<Answer> DataAsync(string id) => exchange.Who(Zhuzhou, "integrator").GetAsync($"/api/cities/changsha/grants/{id}/data?format=csv");

    private async Task<long> OpeningsAsync(string id)
    {
        await using var city = await exchange.AdminAsync(Changsha);
        return await city.ExecuteScalarAsync<long>("select count(*) from service.deliveries where exchange_id = @id", new { id = Guid.Parse(id) });
    }

    private async Task<Answer> ProposedAsync(Guid dataset, string decision)
    {
        var id = await exchange.SubmitAsync(dataset);
        var received = await exchange.ReceivedAsync(id);
        return (await exchange.Who(Changsha, "reviewer").PostAsync($"/api/cities/changsha/approvals/{id}/decide", new { Decision = decision, Reason = "说明（示例）", Grounds = decision == "refuse" ? new[] { "outside_duty" } : null }, received.ETag)).Succeeded("decide");
    }

    private Task<Answer> SignOffAsync(Answer proposed) =>
        exchange.Who(Changsha, "sharing_head").PostAsync($"/api/cities/changsha/approvals/{proposed["id"]}/sign-off", etag: proposed.ETag);
}
