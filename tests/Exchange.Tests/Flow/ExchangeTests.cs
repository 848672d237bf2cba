using System.Security.Cryptography;
using System.Text;
using Exchange.Local.Accounts;
using Xunit;

namespace Exchange.Tests.Flow;

/// <summary>One exchange end to end, as its participants see it: through the gateway's public address only.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class ExchangeTests(ExchangeFixture exchange)
{
    [Fact]
    public async Task A_department_finds_asks_is_granted_by_two_persons_receives_the_rows_and_holds_a_proof()
    {
        var name = $"参保流程核验（示例）{Guid.NewGuid():N}";
        var dataset = (await exchange.PublishAsync("changsha", "conditional", name)).GetProperty("dataset_id").GetGuid();
        var officer = exchange.Who("zhuzhou", "officer");
        var found = await Eventually.GetAsync(() => officer.GetAsync($"/api/catalogue/datasets?q={Uri.EscapeDataString(name)}"), a => a["total"].GetInt32() == 1, show: a => a.Text);
        Assert.Equal(dataset, found["items"][0].GetProperty("dataset_id").GetGuid());

        var id = await exchange.SubmitAsync(dataset);
        var received = await exchange.ReceivedAsync(id);
        Assert.Matches("^长沙-20[0-9]{2}-[0-9]{6}$", received["reference"].GetString());
        Assert.Equal("under_review", received["state"].GetString());
        var granted = await exchange.GrantAsync(id);
        Assert.Equal("active", granted["state"].GetString());
        var mirror = await exchange.MirrorAsync(id, "active");
        Assert.Equal(received["reference"].GetString(), mirror["reference"].GetString());

        var program = exchange.Who("zhuzhou", "integrator");
        var csv = (await program.GetAsync($"/api/cities/changsha/grants/{id}/data?format=csv")).Succeeded("csv");
        Assert.Equal("person,months\r\n示例甲,12\r\n示例乙,240\r\n示例丙,3\r\n", csv.Text);
        var json = (await program.GetAsync($"/api/cities/changsha/grants/{id}/data?format=json")).Succeeded("json");
        Assert.Equal("""[{"person":"示例甲","months":12},{"person":"示例乙","months":240},{"person":"示例丙","months":3}]""", json.Text);

        var delivery = csv.Headers["Exchange-Delivery-Id"];
        var receipt = await Eventually.GetAsync(() => program.GetAsync($"/api/cities/changsha/grants/{id}/deliveries/{delivery}"), a => a.Json.TryGetProperty("sha256", out _), show: a => a.Text);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(csv.Bytes)), receipt["sha256"].GetString());
        Assert.Equal(3, receipt["rows"].GetInt64());

        var timeline = await Eventually.GetAsync(
            () => officer.GetAsync($"/api/audit/exchanges/{id}"),
            a => a.Status == 200 && a["events"].EnumerateArray().Count(e => e.GetProperty("type").GetString() is "delivery.ended" or "gateway.delivered") == 4,
            show: a => a.Text);
        var steps = timeline["events"].EnumerateArray().Select(e => $"{e.GetProperty("source").GetString()} {e.GetProperty("type").GetString()}").Order(StringComparer.Ordinal).ToList();
        Assert.Equal(
            new[]
            {
                "zhuzhou request.signed_off", "zhuzhou request.submitted", "changsha request.received", "changsha reply.proposed", "changsha reply.signed_off",
                "changsha grant.activated", "zhuzhou decision.received",
                "changsha delivery.opened", "changsha delivery.ended", "gateway gateway.delivered",
                "changsha delivery.opened", "changsha delivery.ended", "gateway gateway.delivered",
            }.Order(StringComparer.Ordinal),
            steps);

        var proof = await Eventually.GetAsync(() => officer.GetAsync(timeline["events"][0].GetProperty("proof").GetString()!), a => a.Status == 200, show: a => a.Text);
        Assert.StartsWith("c2sp.org/tlog-proof@v1\n", proof.Text);

        // Both cities have reported each step, and city and gateway each delivery.
        await exchange.PairedAsync(id);
    }

    [Fact]
    public async Task A_receiver_acknowledges_what_it_got_once_and_what_differs_is_recorded_and_reported()
    {
        var dataset = (await exchange.PublishAsync("changsha", "unconditional", standing: true)).GetProperty("dataset_id").GetGuid();
        var id = await exchange.SubmitAsync(dataset);
        await exchange.MirrorAsync(id, "active");
        var program = exchange.Who("zhuzhou", "integrator");
        var fetched = await Task.WhenAll(Enumerable.Range(0, 2).Select(async _ => (await program.GetAsync($"/api/cities/changsha/grants/{id}/data?format=csv")).Succeeded("csv")));
        var (right, wrong) = (Path(fetched[0]), Path(fetched[1]));
        var body = new { Sha256 = Convert.ToHexString(SHA256.HashData(fetched[0].Bytes)), Bytes = fetched[0].Bytes.Length, Rows = 3 };

        foreach (var stranger in new[] { exchange.Who("changsha", "officer"), exchange.Who("xiangtan", "integrator") })
        {
            Assert.Equal(404, (await stranger.PostAsync($"{right}/acknowledge", body)).Status);
        }

        Assert.Equal(["sha256", "bytes"], (await program.PostAsync($"{right}/acknowledge", new { Sha256 = "abc" }))["errors"].EnumerateArray().Select(fault => fault.GetProperty("field").GetString()));
        foreach (var _ in Enumerable.Range(0, 2))
        {
            var answer = (await program.PostAsync($"{right}/acknowledge", body)).Succeeded("acknowledge");
            Assert.Equal("equal", answer["result"].GetString());
        }

        var otherwise = await program.PostAsync($"{right}/acknowledge", body with { Bytes = 1 });
        Assert.Equal((409, "acknowledged-otherwise"), (otherwise.Status, otherwise["rule"].GetString()));
        Assert.Contains(body.Sha256.ToLowerInvariant(), otherwise["detail"].GetString(), StringComparison.Ordinal);
        Assert.Equal("equal", (await program.GetAsync(right))["acknowledgement"].GetProperty("result").GetString());

        var differs = (await program.PostAsync($"{wrong}/acknowledge", body with { Bytes = 1 })).Succeeded("acknowledge what differs");
        Assert.Equal("different", differs["result"].GetString());
        Assert.True(differs.Json.TryGetProperty("advice", out _));
        Assert.Equal("different", (await program.GetAsync(wrong))["acknowledgement"].GetProperty("result").GetString());

        var report = await Eventually.GetAsync(
            () => program.GetAsync("/api/audit/gaps?settle=0&limit=500"),
            a => a.Status == 200 && a["deliveries"].EnumerateArray().Any(gap => gap.GetProperty("exchange_id").GetString() == id && gap.TryGetProperty("acknowledgement", out var word) && word.GetProperty("bytes").GetInt64() == 1),
            show: a => a.Text);
        await exchange.TimelineAsync(id, "delivery.acknowledged");
        var gap = Assert.Single(report["deliveries"].EnumerateArray(), gap => gap.GetProperty("exchange_id").GetString() == id && gap.GetProperty("unequal").GetBoolean());
        Assert.EndsWith(gap.GetProperty("delivery_id").GetString()!, wrong, StringComparison.Ordinal);

        string Path(Answer delivery) => $"/api/cities/changsha/grants/{id}/deliveries/{delivery.Headers["Exchange-Delivery-Id"]}";
    }

    [Fact]
    public async Task An_unconditional_dataset_with_a_standing_sign_off_is_granted_at_once_and_the_reply_names_who_signed_and_when()
    {
        var dataset = (await exchange.PublishAsync("changsha", "unconditional", standing: true)).GetProperty("dataset_id").GetGuid();

        var id = await exchange.SubmitAsync(dataset);

        var mirror = await exchange.MirrorAsync(id, "active");
        Assert.Equal("changsha-labour-sharing-head", mirror["reply"].GetProperty("signed_by").GetString());
        Assert.True(mirror["reply"].TryGetProperty("standing_since", out _));
    }

    [Fact]
    public async Task A_dataset_that_is_not_shared_is_refused_at_once_citing_the_law_of_its_entry()
    {
        var dataset = (await exchange.PublishAsync("changsha", "refused", standing: true)).GetProperty("dataset_id").GetGuid();

        var id = await exchange.SubmitAsync(dataset);

        var mirror = await exchange.MirrorAsync(id, "refused");
        Assert.Equal("《示例法》第一条", mirror["reply"].GetProperty("cited_law").GetString());
        var data = await exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/data");
        Assert.Equal(404, data.Status);
    }

    [Fact]
    public async Task A_withdrawal_before_the_answer_withdraws_and_after_it_ends_the_grant_as_not_needed()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var officer = exchange.Who("zhuzhou", "officer");

        var early = await exchange.SubmitAsync(dataset);
        await exchange.ReceivedAsync(early);
        var mirror = await exchange.MirrorAsync(early, "under_review");
        (await officer.PostAsync($"/api/cities/zhuzhou/requests/{early}/withdraw", new { Reason = "不再需要（示例）" }, mirror.ETag)).Succeeded("withdraw");
        var withdrawn = await exchange.MirrorAsync(early, "withdrawn");
        Assert.False(withdrawn.Json.TryGetProperty("pending", out _));

        var late = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(late);
        mirror = await exchange.MirrorAsync(late, "active");
        (await officer.PostAsync($"/api/cities/zhuzhou/requests/{late}/withdraw", new { Reason = "不再需要（示例）" }, mirror.ETag)).Succeeded("withdraw");
        var ended = await exchange.MirrorAsync(late, "ended");
        Assert.Equal("not_needed", ended["end_reason"].GetString());
        var data = await exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{late}/data");
        Assert.Equal(403, data.Status);
        Assert.Equal("grant-not-active", data["rule"].GetString());
    }

    [Fact]
    public async Task A_grant_ends_with_its_last_day_at_midnight_in_Beijing()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var today = DateOnly.FromDateTime(DateTimeOffset.UtcNow.ToOffset(TimeSpan.FromHours(8)).DateTime);
        var id = await exchange.SubmitAsync(dataset, until: today);
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");

        exchange.Stack.MoveClock(TimeSpan.FromDays(1));
        try
        {
            var ended = await Eventually.GetAsync(
                async () => await new Participant(exchange.Gateway, exchange.Stack.Account("zhuzhou-labour-officer")).GetAsync($"/api/cities/zhuzhou/requests/{id}"),
                a => a.Status == 200 && a["state"].GetString() == "ended", show: a => a.Text);
            Assert.Equal("term", ended["end_reason"].GetString());
        }
        finally
        {
            exchange.Stack.MoveClock(TimeSpan.Zero);
            foreach (var path in (string[])["/api/cities/changsha/grants", "/api/cities/zhuzhou/grants", "/api/cities/xiangtan/grants", "/api/audit/exchanges"])
            {
                await Eventually.GetAsync(() => exchange.Who("zhuzhou", "officer").GetAsync(path), a => a.Status == 200, show: a => a.Text);
            }
        }
    }

    [Fact]
    public async Task A_second_decision_changes_nothing()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var id = await exchange.SubmitAsync(dataset);
        var received = await exchange.ReceivedAsync(id);
        var reviewer = exchange.Who("changsha", "reviewer");

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => reviewer.PostAsync(
            $"/api/cities/changsha/approvals/{id}/decide", new { Decision = i % 2 == 0 ? "approve" : "refuse", Reason = "示例", Grounds = i % 2 == 0 ? null : new[] { "outside_duty" } }, received.ETag)));

        Assert.Equal(1, answers.Count(a => a.Status == 200));
        Assert.All(answers.Where(a => a.Status != 200), a => Assert.True(a.Status is 409 or 412, a.Text));
        var history = await reviewer.GetAsync($"/api/cities/changsha/approvals/{id}/history");
        Assert.Equal(1, history.Json.EnumerateArray().Count(s => s.GetProperty("event").GetString() == "propose"));
        var timeline = await exchange.TimelineAsync(id, "reply.proposed");
        Assert.Equal(1, timeline["events"].EnumerateArray().Count(e => e.GetProperty("type").GetString() == "reply.proposed"));
    }
}
