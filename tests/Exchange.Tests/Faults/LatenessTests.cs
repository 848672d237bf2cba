using System.Text;
using Dapper;
using Exchange.Local.Accounts;
using Exchange.Local.Check;
using RabbitMQ.Client;

namespace Exchange.Tests.Faults;

/// <summary>Whatever comes twice has one effect, whatever comes too late undoes nothing: the seven kinds of SharingProcess.md over HTTP and messages.</summary>
[Collection(FaultyExchange.Name)]
[Trait("needs", "server")]
public sealed class LatenessTests(FaultFixture exchange)
{
    private const string Submitted = "Exchange.Contracts.RequestSubmitted";
    private const string Progressed = "Exchange.Contracts.RequestProgressed";

    private static CreateChannelOptions Confirmed => new(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true);

    [Fact]
    public async Task Duplicate_message_under_its_own_id_and_under_a_new_one()
    {
        var id = await exchange.SubmitAsync(await PublishAsync());
        await exchange.ReceivedAsync(id);
        await exchange.DrainedAsync("zhuzhou");

        // The same bytes under the same id, as a relay sends them that never heard the confirm; and other content under it: the inbox knows the id and takes in nothing.
        var other = Guid.CreateVersion7().ToString();
        await using (var zhuzhou = await exchange.AdminAsync("zhuzhou"))
        {
            var (message, body) = await zhuzhou.QuerySingleAsync<(Guid, byte[])>("select id, body from service.outbox where correlation_id = @id and type = @Submitted", new { id = Guid.Parse(id), Submitted });
            await using var connection = await ConnectAsync("zhuzhou");
            await using var channel = await connection.CreateChannelAsync(Confirmed);
            for (var i = 0; i < 3; i++)
            {
                var properties = new BasicProperties { ContentType = "application/vnd.masstransit+json", MessageId = message.ToString(), Persistent = true };
                var bytes = i < 2 ? body : Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(body).Replace(id, other, StringComparison.Ordinal));
                await channel.BasicPublishAsync("exchange.addressed", "zhuzhou.changsha", mandatory: true, properties, bytes);
            }
        }

        await AgainAsync("zhuzhou", id, Submitted);
        await ReadAsync("zhuzhou", "changsha");
        Assert.Equal(["receive"], await StepsAsync("changsha", id));
        Assert.Empty(await StepsAsync("changsha", other));

        await exchange.GrantAsync(id);
        await AgainAsync("zhuzhou", id, Submitted);
        await ReadAsync("zhuzhou", "changsha");
        Assert.Equal(["receive", "propose", "sign_off_reply", "source_answered"], await StepsAsync("changsha", id));
        await OnceRecordedAsync(id, "request.submitted", "request.received", "reply.signed_off", "grant.activated");
    }

    [Fact]
    public async Task Duplicate_command_with_its_key_with_another_body_and_without_its_key()
    {
        var draft = (await exchange.DraftRequestAsync(await PublishAsync())).Succeeded("draft");
        var path = $"/api/cities/zhuzhou/requests/{draft["id"].GetString()}";
        var head = exchange.Who("zhuzhou", "sharing_head");
        var officer = exchange.Who("zhuzhou", "officer");
        var signed = (await head.PostAsync($"{path}/sign-off", etag: draft.ETag)).Succeeded("sign off");

        var key = Guid.NewGuid().ToString();
        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => officer.PostAsync($"{path}/submit", etag: signed.ETag, key: key)));
        var first = answers.First(a => a.Status == 200);
        Assert.All(answers, a => Assert.True(a.Status == 200 ? a.Text == first.Text : a is { Status: 409 } && a["rule"].GetString() == "idempotency-key-in-flight", a.Text));
        var again = await officer.PostAsync($"{path}/submit", etag: signed.ETag, key: key);
        Assert.Equal((200, first.Text), (again.Status, again.Text));

        var otherBody = await officer.PostAsync($"{path}/submit", new { Note = "示例" }, signed.ETag, key);
        Assert.Equal((422, "idempotency-key-reused"), (otherBody.Status, otherBody["rule"].GetString()));
        var withoutKey = await officer.PostAsync($"{path}/submit", etag: signed.ETag);
        Assert.Equal((412, "version-changed"), (withoutKey.Status, withoutKey["rule"].GetString()));
        var id = draft["id"].GetString()!;
        await exchange.MirrorAsync(id, "under_review");
        Assert.Equal(["draft", "sign_off", "submit", "receive"], await StepsAsync("zhuzhou", id));
        await OnceRecordedAsync(id, "request.submitted", "request.received");
    }

    [Fact]
    public async Task Duplicate_decision_of_two_persons_at_the_same_moment_and_one_after_the_other()
    {
        var id = await exchange.SubmitAsync(await PublishAsync());
        var received = await exchange.ReceivedAsync(id);
        var path = $"/api/cities/changsha/approvals/{id}";
        var (reviewer, head, deputy) = (exchange.Who("changsha", "reviewer"), exchange.Who("changsha", "sharing_head"), exchange.Who("changsha-labour-deputy"));

        var proposed = await Task.WhenAll(
            reviewer.PostAsync($"{path}/decide", new { Decision = "approve" }, received.ETag),
            deputy.PostAsync($"{path}/decide", new { Decision = "refuse", Grounds = new[] { "outside_duty" }, Reason = "示例" }, received.ETag));
        var won = Assert.Single(proposed, a => a.Status == 200);
        Assert.Single(proposed, a => a.Status is 409 or 412);

        // Whoever proposed does not sign; of those who may, only the first does.
        Participant[] signers = won == proposed[0] ? [head, deputy] : [head, head];
        var signed = await Task.WhenAll(signers.Select(s => s.PostAsync($"{path}/sign-off", etag: won.ETag)));
        var answer = Assert.Single(signed, a => a.Status == 200);
        Assert.Single(signed, a => a.Status is 409 or 412);

        var later = await head.PostAsync($"{path}/sign-off", etag: answer.ETag);
        Assert.Equal((409, "already-answered"), (later.Status, later["rule"].GetString()));
        Assert.Equal(1, (await StepsAsync("changsha", id)).Count(s => s == "sign_off_reply"));
        await using var city = await exchange.AdminAsync("changsha");
        Assert.Equal(won == proposed[0] ? 1 : 0, await city.ExecuteScalarAsync<int>("select count(*) from service.grants where exchange_id = @id", new { id = Guid.Parse(id) }));
        await OnceRecordedAsync(id, "reply.proposed", "reply.signed_off");
    }

    [Fact]
    public async Task Late_after_the_decision_a_withdrawal_ends_the_grant_and_undoes_no_refusal()
    {
        var dataset = await PublishAsync();
        var (granted, refused) = (await exchange.SubmitAsync(dataset), await exchange.SubmitAsync(dataset));
        await exchange.GrantAsync(granted);
        await RefuseAsync(refused);
        await exchange.MirrorAsync(granted, "active");
        await exchange.MirrorAsync(refused, "refused");

        // Both were on their way before the reply was known; they arrive after it, each twice.
        await using (var zhuzhou = await exchange.AdminAsync("zhuzhou"))
        {
            foreach (var id in (string[])[granted, refused, granted, refused])
            {
                await zhuzhou.ExecuteAsync("""
                    insert into service.outbox (id, kind, exchange, routing_key, type, content, correlation_id)
                    values (gen_random_uuid(), 'message', 'exchange.addressed', 'zhuzhou.changsha', 'Exchange.Contracts.RequestWithdrawn', @content, @id)
                    """, new { id = Guid.Parse(id), content = System.Text.Json.JsonSerializer.Serialize(OutboxRows.Withdrawal("zhuzhou", "changsha", Guid.Parse(id)), Exchange.Hosting.Messaging.MessageJson.Options) });
            }
        }

        await ReadAsync("zhuzhou", "changsha");
        Assert.Equal("not_needed", (await exchange.MirrorAsync(granted, "ended"))["end_reason"].GetString());
        Assert.Equal(1, (await StepsAsync("changsha", granted)).Count(s => s == "withdraw_received"));
        Assert.DoesNotContain("withdraw_received", await StepsAsync("changsha", refused));
        await exchange.MirrorAsync(refused, "refused");
        await ClosedAsync(granted);
    }

    [Fact]
    public async Task Late_after_the_end_and_the_revocation_no_news_command_or_request_opens_access_again()
    {
        var dataset = (await exchange.PublishAsync("changsha", "unconditional", standing: true)).GetProperty("dataset_id").GetGuid();
        var automatic = await exchange.SubmitAsync(dataset);
        await exchange.MirrorAsync(automatic, "active");
        var id = await exchange.SubmitAsync(await PublishAsync());
        var received = await exchange.ReceivedAsync(id);
        var (reviewer, head, officer) = (exchange.Who("changsha", "reviewer"), exchange.Who("changsha", "sharing_head"), exchange.Who("zhuzhou", "officer"));
        var decided = (await reviewer.PostAsync($"/api/cities/changsha/approvals/{id}/decide", new { Decision = "approve" }, received.ETag)).Succeeded("decide");
        var key = Guid.NewGuid().ToString();
        var signed = (await head.PostAsync($"/api/cities/changsha/approvals/{id}/sign-off", etag: decided.ETag, key: key)).Succeeded("sign off");
        Assert.Equal("active", signed["state"].GetString());
        foreach (var one in (string[])[id, automatic])
        {
            var mirror = await exchange.MirrorAsync(one, "active");
            (await officer.PostAsync($"/api/cities/zhuzhou/requests/{one}/withdraw", new { Reason = "不再需要（示例）" }, mirror.ETag)).Succeeded("withdraw");
            await exchange.MirrorAsync(one, "ended");
        }

        // The owner's "approved" and "active", the asker's request and the head's signature: all once more.
        foreach (var one in (string[])[id, automatic])
        {
            await AgainAsync("changsha", one, Progressed);
            await AgainAsync("zhuzhou", one, Submitted);
        }

        await ReadAsync("changsha", "zhuzhou");
        await ReadAsync("zhuzhou", "changsha");
        var repeated = await head.PostAsync($"/api/cities/changsha/approvals/{id}/sign-off", etag: decided.ETag, key: key);
        Assert.Equal((200, signed.Text), (repeated.Status, repeated.Text));
        foreach (var one in (string[])[id, automatic])
        {
            var mirror = (await officer.GetAsync($"/api/cities/zhuzhou/requests/{one}")).Succeeded("mirror");
            Assert.Equal("ended", mirror["state"].GetString());
            await ClosedAsync(one);
            await OnceRecordedAsync(one, "reply.signed_off", "decision.received", "grant.activated", "grant.ended");
        }

        Assert.Equal(["receive", "propose", "sign_off_reply", "source_answered", "withdraw_received"], await StepsAsync("changsha", id));
    }

    [Fact]
    public async Task A_decision_whose_news_were_overtaken_is_recorded_by_both_cities_all_the_same()
    {
        var id = await exchange.SubmitAsync(await PublishAsync());
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        await exchange.DrainedAsync("changsha");
        exchange.Line("zhuzhou", FaultFixture.Rabbitmq).Cut();
        try
        {
            await Eventually.TrueAsync(async () => (await Surroundings.Of(exchange.Stack).QueuesAsync(default)).Single(q => q.Name == "zhuzhou.addressed").Consumers == 0);
            var head = exchange.Who("changsha", "sharing_head");
            var path = $"/api/cities/changsha/approvals/{id}";
            var suspended = (await head.PostAsync($"{path}/suspend", new { Reason = "超出用途（示例）", RepairBy = "2099-12-31" }, (await head.GetAsync(path)).ETag)).Succeeded("suspend");
            (await head.PostAsync($"{path}/resume", etag: suspended.ETag)).Succeeded("resume");
            await exchange.DrainedAsync("changsha");

            await using var theirs = await ConnectAsync("zhuzhou");
            await using var queue = await theirs.CreateChannelAsync();
            List<BasicGetResult> waiting = [];
            while (await queue.BasicGetAsync("zhuzhou.addressed", autoAck: false) is { } message)
            {
                waiting.Add(message);
            }

            // What others sent meanwhile goes back as it was: in Changsha's name it would be no message of theirs.
            foreach (var message in waiting.Where(m => m.RoutingKey != "changsha.zhuzhou"))
            {
                await queue.BasicRejectAsync(message.DeliveryTag, requeue: true);
            }

            waiting.RemoveAll(m => m.RoutingKey != "changsha.zhuzhou");
            Assert.Equal(2, waiting.Count(m => Encoding.UTF8.GetString(m.Body.Span).Contains(id, StringComparison.Ordinal)));
            await using var ours = await ConnectAsync("changsha");
            await using var channel = await ours.CreateChannelAsync(Confirmed);
            foreach (var message in Enumerable.Reverse(waiting))
            {
                await channel.BasicPublishAsync("exchange.addressed", "changsha.zhuzhou", mandatory: true, new BasicProperties(message.BasicProperties), message.Body);
                await queue.BasicAckAsync(message.DeliveryTag, multiple: false);
            }
        }
        finally
        {
            exchange.Line("zhuzhou", FaultFixture.Rabbitmq).Mend();
        }

        await ReadAsync("changsha", "zhuzhou");
        Assert.DoesNotContain("suspend", await StepsAsync("zhuzhou", id));
        var timeline = await Eventually.GetAsync(
            () => exchange.Who("zhuzhou", "officer").GetAsync($"/api/audit/exchanges/{id}"),
            a => a.Status == 200 && Heard(a).Length == 3, show: a => a.Text);
        Assert.Equal(["active", "approved", "suspended"], Heard(timeline));
        await exchange.PairedAsync(id);

        static string[] Heard(Answer timeline) => [.. timeline["events"].EnumerateArray().Where(e => e.GetProperty("type").GetString() == "decision.received").Select(e => e.GetProperty("result").GetString()!).Order(StringComparer.Ordinal)];
    }

    [Fact]
    public async Task Late_after_the_re_publication_nothing_is_granted_that_the_entry_no_longer_shares()
    {
        var (narrowed, closed, withdrawn) = (await PublishAsync(), await PublishAsync(), await PublishAsync());
        string[] asked = [await exchange.SubmitAsync(narrowed), await exchange.SubmitAsync(closed), await exchange.SubmitAsync(withdrawn)];
        var reviewer = exchange.Who("changsha", "reviewer");
        var decided = new List<Answer>();
        foreach (var id in asked)
        {
            var received = await exchange.ReceivedAsync(id);
            decided.Add((await reviewer.PostAsync($"/api/cities/changsha/approvals/{id}/decide", new { Decision = "approve" }, received.ETag)).Succeeded("decide"));
        }

        // Drafted by the old text, and sent when there is another.
        var draft = (await exchange.DraftRequestAsync(narrowed)).Succeeded("draft");
        await exchange.RepublishAsync("changsha", narrowed, "conditional", ["person", "town"]);
        await exchange.RepublishAsync("changsha", closed, "refused");
        await WithdrawAsync(withdrawn);
        foreach (var (id, proposal) in asked.Zip(decided))
        {
            var late = await exchange.Who("changsha", "sharing_head").PostAsync($"/api/cities/changsha/approvals/{id}/sign-off", etag: proposal.ETag);
            Assert.Equal((409, "entry-changed"), (late.Status, late["rule"].GetString()));
        }

        var last = draft["id"].GetString()!;
        var signed = (await exchange.Who("zhuzhou", "sharing_head").PostAsync($"/api/cities/zhuzhou/requests/{last}/sign-off", etag: draft.ETag)).Succeeded("sign off");
        (await exchange.Who("zhuzhou", "officer").PostAsync($"/api/cities/zhuzhou/requests/{last}/submit", etag: signed.ETag)).Succeeded("submit");
        var arrived = await exchange.ReceivedAsync(last);
        var proposed = (await reviewer.PostAsync($"/api/cities/changsha/approvals/{last}/decide", new { Decision = "approve" }, arrived.ETag)).Succeeded("decide");
        Assert.Equal(409, (await exchange.Who("changsha", "sharing_head").PostAsync($"/api/cities/changsha/approvals/{last}/sign-off", etag: proposed.ETag)).Status);
    }

    [Fact]
    public async Task Late_after_the_re_publication_an_old_change_of_the_catalogue_changes_nothing()
    {
        var (newer, withdrawn) = (await PublishAsync(), await PublishAsync());
        await exchange.RepublishAsync("changsha", newer, "conditional", ["person", "town"]);
        await WithdrawAsync(withdrawn);
        await exchange.HeardAsync("changsha");

        await using var city = await exchange.AdminAsync("changsha");
        // Once as a message that comes late, once as a change that is committed late and gets a number of its own.
        await city.ExecuteAsync("""
            insert into service.outbox (id, kind, exchange, routing_key, type, content, correlation_id, feed, feed_key, feed_version, feed_tombstone)
            select gen_random_uuid(), kind, exchange, routing_key, type, content, correlation_id, case when again then feed end, case when again then feed_key end,
                case when again then feed_version end, case when again then feed_tombstone end
            from service.outbox, unnest(array[true, false]) again
            where feed_key = any(@keys) and feed_version = 1
            """, new { keys = (Guid[])[newer, withdrawn] });
        await exchange.PublishAsync("changsha", "conditional");
        await exchange.HeardAsync("changsha");

        await using var readModel = await exchange.AdminAsync("gateway");
        Assert.Equal(2, await readModel.ExecuteScalarAsync<int>("select version from service.datasets where dataset_id = @newer and not tombstone", new { newer }));
        Assert.True(await readModel.ExecuteScalarAsync<bool>("select tombstone from service.datasets where dataset_id = @withdrawn", new { withdrawn }));
        var officer = exchange.Who("zhuzhou", "officer");
        Assert.Equal(404, (await officer.GetAsync($"/api/catalogue/datasets/{withdrawn}")).Status);
        var ask = await officer.PostAsync("/api/cities/zhuzhou/requests", Flow.ExchangeFixture.RequestBody(withdrawn));
        Assert.Equal(422, ask.Status);
        var old = await officer.PostAsync("/api/cities/zhuzhou/requests", Flow.ExchangeFixture.RequestBody(newer));
        Assert.Contains("unknown-field", old.Text, StringComparison.Ordinal);
        await exchange.NothingSetAsideAsync();
    }

    private async Task<Guid> PublishAsync() => (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();

    private async Task RefuseAsync(string id)
    {
        var received = await exchange.ReceivedAsync(id);
        var decided = (await exchange.Who("changsha", "reviewer").PostAsync($"/api/cities/changsha/approvals/{id}/decide", new { Decision = "refuse", Grounds = new[] { "outside_duty" }, Reason = "示例" }, received.ETag)).Succeeded("decide");
        (await exchange.Who("changsha", "sharing_head").PostAsync($"/api/cities/changsha/approvals/{id}/sign-off", etag: decided.ETag)).Succeeded("sign off");
    }

    private async Task WithdrawAsync(Guid dataset)
    {
        var head = exchange.Who("changsha", "department_head");
        var now = (await head.GetAsync($"/api/cities/changsha/datasets/{dataset}")).Succeeded("read");
        (await head.PostAsync($"/api/cities/changsha/datasets/{dataset}/withdraw", new { Reason = "示例" }, now.ETag)).Succeeded("withdraw");
    }

    /// <summary>What a city sent about a request, newest first, each under a message id that no inbox has seen.</summary>
    private async Task AgainAsync(string city, string id, string type)
    {
        await using var connection = await exchange.AdminAsync(city);
        await connection.ExecuteAsync("""
            insert into service.outbox (id, kind, exchange, routing_key, type, content, correlation_id)
            select gen_random_uuid(), kind, exchange, routing_key, type, content, correlation_id from service.outbox where correlation_id = @id and type = @type order by position desc
            """, new { id = Guid.Parse(id), type });
    }

    private Task<IConnection> ConnectAsync(string city) => new ConnectionFactory { Uri = new Uri(exchange.Stack.BrokerUri(city)) }.CreateConnectionAsync();

    /// <summary>Waits until the addressee has dealt with all that was sent so far: a city reads in the order of arrival, so a last message comes after all of them.</summary>
    private async Task ReadAsync(string from, string to)
    {
        await using var sender = await exchange.AdminAsync(from);
        await using var addressee = await exchange.AdminAsync(to);
        var last = await OutboxRows.SendAsync(sender, from, to, 1);
        await Eventually.TrueAsync(async () => await OutboxRows.ArrivedAsync(addressee, last) == 1);
        await OutboxRows.ForgetAsync(addressee);
        await exchange.NothingSetAsideAsync();
    }

    private async Task<string[]> StepsAsync(string city, string id)
    {
        await using var connection = await exchange.AdminAsync(city);
        return [.. await connection.QueryAsync<string>("select event from service.sharing_history where exchange_id = @id order by position", new { id = Guid.Parse(id) })];
    }

    private async Task OnceRecordedAsync(string id, params string[] types)
    {
        var timeline = await exchange.TimelineAsync(id, types);
        Assert.All(types, type => Assert.Single(timeline["events"].EnumerateArray(), e => e.GetProperty("type").GetString() == type));
    }

    private async Task ClosedAsync(string id)
    {
        var data = await exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/data");
        Assert.Equal((403, "grant-not-active"), (data.Status, data["rule"].GetString()));
    }
}
