using Dapper;
using Exchange.Local.Accounts;

namespace Exchange.Tests.Faults;

/// <summary>The database dies, or its answer is lost.</summary>
[Collection(FaultyExchange.Name)]
[Trait("needs", "server")]
public sealed class DatabaseTests(FaultFixture exchange)
{
    [Fact]
    public async Task A_commit_whose_answer_is_lost_is_resolved_through_the_key()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        await exchange.DraftRequestAsync(dataset);
        var officer = exchange.Who("zhuzhou", "officer");
        var line = exchange.Line("zhuzhou", FaultFixture.Postgresql);
        var key = Guid.NewGuid().ToString();
        await using var city = await exchange.AdminAsync("zhuzhou");
        var before = await city.ExecuteScalarAsync<long>("select count(*) from service.sharing_requests where side = 'asking'");

        // The server commits; the service never hears of it.
        var sent = line.HoldAnswerTo(key, "COMMIT");
        var asked = officer.PostAsync("/api/cities/zhuzhou/requests", Flow.ExchangeFixture.RequestBody(dataset), key: key);
        await sent;
        await Eventually.TrueAsync(async () => await city.ExecuteScalarAsync<long>("select count(*) from service.sharing_requests where side = 'asking'") == before + 1);
        line.CutConnections();
        line.Mend();
        var unknown = await asked;
        Assert.Equal(503, unknown.Status);
        Assert.Equal("2", unknown.Headers["Retry-After"]);

        var again = await Eventually.GetAsync(() => officer.PostAsync("/api/cities/zhuzhou/requests", Flow.ExchangeFixture.RequestBody(dataset), key: key), a => a.Status != 503, show: a => a.Text);
        Assert.Equal(201, again.Status);
        Assert.Equal(before + 1, await city.ExecuteScalarAsync<long>("select count(*) from service.sharing_requests where side = 'asking'"));
    }

    [Fact]
    public Task A_database_killed_inside_COMMIT_refuses_for_a_while_lets_nobody_in_and_goes_on() => exchange.RunAsync(async schedule =>
    {
        schedule.Note("killed inside COMMIT");
        await AwayAsync(exchange.Stack.KillPostgresAsync);
    });

    [Fact]
    [Trait("length", "long")]
    public Task A_database_that_comes_and_goes_loses_nothing() => exchange.RunAsync(async schedule =>
    {
        for (var round = 0; round < 6; round++)
        {
            var kill = schedule.Chance(0.5);
            schedule.Note(kill ? "killed inside COMMIT" : "stopped inside COMMIT");
            await AwayAsync(kill ? exchange.Stack.KillPostgresAsync : exchange.Stack.StopPostgresAsync);
        }
    });

    /// <summary>Half-open: the connections stand, nothing comes back on them.</summary>
    [Fact]
    [Trait("length", "long")]
    public Task A_database_that_answers_no_more_is_told_to_the_caller_in_time() => exchange.RunAsync(async schedule =>
    {
        schedule.Note("the answers of Changsha's database held");
        var (dataset, id) = await GrantedAsync();
        var line = exchange.Line("changsha", FaultFixture.Postgresql);
        var app = new Npgsql.NpgsqlConnectionStringBuilder(exchange.Stack.Databases.ConnectionString("changsha", "app")) { Port = line.Port, CommandTimeout = 2, CancellationTimeout = 500 };
        await exchange.KillNoticedAsync("changsha");
        await exchange.ReviveAsync("changsha", new Dictionary<string, string>(StringComparer.Ordinal) { ["ConnectionStrings__App"] = app.ConnectionString });
        try
        {
            var entry = await Deaths.InsistAsync(() => exchange.Who("changsha", "officer").GetAsync($"/api/cities/changsha/datasets/{dataset}"));
            line.HoldAnswers();
            Answer[] told = await Task.WhenAll(
                exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/data?format=csv"),
                exchange.Who("changsha", "department_head").PostAsync($"/api/cities/changsha/datasets/{dataset}/withdraw", new { Reason = "示例" }, entry.ETag),
                exchange.Who("changsha", "officer").GetAsync($"/api/cities/changsha/datasets/{dataset}"));
            Assert.All(told, ComeAgain);
            line.Mend();
            Assert.Equal(200, (await Deaths.InsistAsync(() => exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/data?format=csv"))).Status);
            await exchange.AtRestAsync();
        }
        finally
        {
            line.Mend();
            await exchange.KillNoticedAsync("changsha");
            await exchange.ReviveAsync("changsha");
        }
    });

    /// <summary>The database goes while an act stands inside COMMIT, and comes back.</summary>
    private async Task AwayAsync(Func<Task> goesAway)
    {
        var (dataset, id) = await GrantedAsync();
        var under = await exchange.SubmitAsync(dataset);
        var (officer, reviewer, program) = (exchange.Who("zhuzhou", "officer"), exchange.Who("changsha", "reviewer"), exchange.Who("zhuzhou", "integrator"));
        var received = await exchange.ReceivedAsync(under);
        await Task.WhenAll(officer.TokenAsync(), reviewer.TokenAsync(), program.TokenAsync());
        var (key, decision) = (Guid.NewGuid().ToString(), Guid.NewGuid().ToString());
        await using var gates = await Gates.InstallAsync(exchange, "zhuzhou");
        try
        {
            await using (var gate = await gates.CloseAsync("zhuzhou", HoldPoint.StepCommit))
            {
                var asked = officer.PostAsync("/api/cities/zhuzhou/requests", Flow.ExchangeFixture.RequestBody(dataset), key: key);
                await gate.HeldAsync();
                await goesAway();
                ComeAgain(await asked);
            }

            ComeAgain(await reviewer.PostAsync($"/api/cities/changsha/approvals/{under}/decide", new { Decision = "approve" }, received.ETag, decision));
            ComeAgain(await officer.GetAsync($"/api/cities/zhuzhou/requests/{under}"));
            // An active grant that nobody can look at lets nobody in.
            ComeAgain(await program.GetAsync($"/api/cities/changsha/grants/{id}/data?format=csv"));
            foreach (var service in exchange.Stack.ServiceNames)
            {
                using var ready = await exchange.Gateway.GetAsync(new Uri(exchange.Stack.Address(service), "/health/ready"));
                Assert.Equal(503, (int)ready.StatusCode);
                using var live = await exchange.Gateway.GetAsync(new Uri(exchange.Stack.Address(service), "/health/live"));
                Assert.Equal(200, (int)live.StatusCode);
            }
        }
        finally
        {
            await exchange.Stack.StartPostgresAsync();
        }

        await using var city = await exchange.AdminAsync("zhuzhou");
        Assert.Equal(2, await city.ExecuteScalarAsync<long>(CountOf, new { dataset }));
        var draft = (await Deaths.InsistAsync(() => officer.PostAsync("/api/cities/zhuzhou/requests", Flow.ExchangeFixture.RequestBody(dataset), key: key))).Succeeded("draft");
        var again = await Deaths.InsistAsync(() => officer.PostAsync("/api/cities/zhuzhou/requests", Flow.ExchangeFixture.RequestBody(dataset), key: key));
        Assert.Equal(draft["id"].GetString(), again["id"].GetString());
        Assert.Equal(3, await city.ExecuteScalarAsync<long>(CountOf, new { dataset }));
        (await Deaths.InsistAsync(() => reviewer.PostAsync($"/api/cities/changsha/approvals/{under}/decide", new { Decision = "approve" }, received.ETag, decision))).Succeeded("decide");
        Assert.Equal(200, (await Deaths.InsistAsync(() => program.GetAsync($"/api/cities/changsha/grants/{id}/data?format=csv"))).Status);
        await exchange.AtRestAsync();
    }

    private const string CountOf = "select count(*) from service.sharing_requests where side = 'asking' and dataset_id = @dataset";

    private async Task<(Guid Dataset, string Exchange)> GrantedAsync()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var id = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        return (dataset, id);
    }

    /// <summary>Not now, and when to come again, as a problem; no data.</summary>
    private static void ComeAgain(Answer answer)
    {
        Assert.True(answer.Status == 503, $"{answer.Status} {answer.Text}");
        Assert.Equal("application/problem+json", answer.MediaType);
        Assert.True(int.Parse(answer.Headers["Retry-After"], System.Globalization.CultureInfo.InvariantCulture) > 0);
    }
}
