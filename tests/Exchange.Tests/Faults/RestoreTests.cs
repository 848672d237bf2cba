using Dapper;
using Exchange.Local.Accounts;
using Exchange.Local.Check;

namespace Exchange.Tests.Faults;

/// <summary>
/// A city's database is restored from last night's dump: what others still have comes back, what is lost is shown, and nothing contradicts itself.
/// Not where others look for invariants: the log keeps for good the fork that a restore leaves in the city's sequence.
/// </summary>
[Collection(ExchangeOnSmallDisks.Name)]
[Trait("needs", "server")]
public sealed class RestoreTests(SmallDisks exchange)
{
    [Fact]
    public Task An_owning_city_restored_to_an_older_state_takes_the_lost_requests_again_and_gives_no_number_twice() => exchange.RunAsync(async schedule =>
    {
        schedule.Note("changsha restored");
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var decidedLater = await exchange.SubmitAsync(dataset);
        await exchange.ReceivedAsync(decidedLater);
        await exchange.MirrorAsync(decidedLater, "under_review");
        await exchange.DrainedAsync("changsha");
        var dump = Path.Combine(exchange.Stack.Data, "changsha.dump");
        await exchange.Stack.Postgres!.DumpAsync("changsha", dump, default);

        // The day after the dump.
        await exchange.GrantAsync(decidedLater);
        await exchange.MirrorAsync(decidedLater, "active");
        var granted = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(granted);
        await exchange.MirrorAsync(granted, "active");
        var received = await exchange.SubmitAsync(dataset);
        var told = await exchange.MirrorAsync(received, "under_review");
        var lost = $"丢失条目（示例）{Guid.NewGuid():N}";
        await exchange.PublishAsync("changsha", "unconditional", lost);
        await SearchAsync(lost, 1);
        await exchange.DrainedAsync("changsha");
        Dictionary<string, string> given = [];
        foreach (var id in (string[])[decidedLater, granted, received])
        {
            given[id] = (await exchange.MirrorAsync(id, id == received ? "under_review" : "active"))["reference"].GetString()!;
        }

        await exchange.KillNoticedAsync("changsha");
        await exchange.Stack.Postgres.RestoreAsync(dump, default);
        await exchange.ReviveAsync("changsha");

        // Nobody gets data under a grant that the city knows nothing of, whatever the mirror says.
        var program = exchange.Who("zhuzhou", "integrator");
        foreach (var id in (string[])[decidedLater, granted])
        {
            var refused = await Deaths.InsistAsync(() => program.GetAsync($"/api/cities/changsha/grants/{id}/data?format=csv"));
            Assert.True(refused.Status is 403 or 404, refused.Text);
        }

        // The catalogue becomes what the city has now.
        await SearchAsync(lost, 0);

        // The other city sends again what it sent: known messages change nothing, lost ones are taken up anew.
        await using (var other = await exchange.AdminAsync("zhuzhou"))
        {
            await other.ExecuteAsync("update service.outbox set sent_at = null where routing_key = 'zhuzhou.changsha'");
        }

        var fresh = await exchange.SubmitAsync(dataset);
        Dictionary<string, string> now = [];
        foreach (var id in (string[])[granted, received, fresh])
        {
            var owner = await exchange.ReceivedAsync(id);
            now[id] = owner["reference"].GetString()!;
            var mirror = await Eventually.GetAsync(
                () => exchange.Who("zhuzhou", "officer").GetAsync($"/api/cities/zhuzhou/requests/{id}"), a => a["state"].GetString() == "under_review" && a.Json.TryGetProperty("reference", out var r) && r.GetString() == now[id], show: a => a.Text);
            Assert.Equal(owner["version"].GetInt32(), mirror["version"].GetInt32());
        }

        Assert.Empty(now.Values.Intersect(given.Values, StringComparer.Ordinal));
        Assert.Equal(3, now.Values.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(given[decidedLater], (await exchange.ReceivedAsync(decidedLater))["reference"].GetString());
        Assert.NotEqual(told["reference"].GetString(), now[received]);

        // What was decided in the lost time is decided again.
        foreach (var id in (string[])[decidedLater, granted])
        {
            await exchange.GrantAsync(id);
            await exchange.MirrorAsync(id, "active");
            Assert.Equal(200, (await program.GetAsync($"/api/cities/changsha/grants/{id}/data?format=csv")).Status);
        }

        // The log holds both histories of the city and says so.
        var timeline = await exchange.TimelineAsync(granted, "delivery.ended");
        Assert.Equal(2, timeline["events"].EnumerateArray().Count(e => e.GetProperty("type").GetString() == "request.received"));
        var source = (await exchange.Who("auditor").GetAsync("/api/audit/gaps?settle=0")).Succeeded("gaps")["sources"].EnumerateArray().Single(s => s.GetProperty("source").GetString() == "changsha");
        Assert.NotEqual(0, source.GetProperty("repeated").GetArrayLength());
        Assert.Equal(0, source.GetProperty("missing").GetArrayLength());
        Assert.Equal(2, source.GetProperty("fork").GetProperty("event_ids").GetArrayLength());
        // The checker names the fork and what the peers still remember of the lost time; the log and what is on its way are whole.
        var report = await exchange.CheckedAsync(r => !r.Broken.Any(i => i is Invariant.Rest or Invariant.Log or Invariant.Aside));
        Assert.Contains(report[Invariant.Records].Findings, f => f.Found.En.Contains("fork from number", StringComparison.Ordinal));
    });

    [Fact]
    [Trait("length", "long")]
    public Task An_asking_city_restored_to_an_older_state_is_told_the_news_again() => exchange.RunAsync(async schedule =>
    {
        schedule.Note("zhuzhou restored");
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var before = await exchange.SubmitAsync(dataset);
        await exchange.MirrorAsync(before, "under_review");
        await exchange.DrainedAsync("zhuzhou");
        var dump = Path.Combine(exchange.Stack.Data, "zhuzhou.dump");
        await exchange.Stack.Postgres!.DumpAsync("zhuzhou", dump, default);
        await exchange.GrantAsync(before);
        await exchange.MirrorAsync(before, "active");
        await exchange.DrainedAsync("zhuzhou");

        await exchange.KillNoticedAsync("zhuzhou");
        await exchange.Stack.Postgres.RestoreAsync(dump, default);
        await exchange.ReviveAsync("zhuzhou");
        await exchange.MirrorAsync(before, "under_review");

        // The owning city's news once more, under the ids they had: those of after the dump are new to the restored inbox.
        await using (var owner = await exchange.AdminAsync("changsha"))
        {
            await owner.ExecuteAsync("update service.outbox set sent_at = null where routing_key = 'changsha.zhuzhou'");
        }

        await exchange.MirrorAsync(before, "active");
        await exchange.DrainedAsync("zhuzhou");
        await exchange.NothingSetAsideAsync();
    });

    private Task<Answer> SearchAsync(string name, int found) => Eventually.GetAsync(
        () => exchange.Who("zhuzhou", "officer").GetAsync($"/api/catalogue/datasets?q={Uri.EscapeDataString(name)}"), a => a.Status == 200 && a["total"].GetInt32() == found, TimeSpan.FromSeconds(60), a => a.Text);
}
