using Dapper;

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
}
