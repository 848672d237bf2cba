using Dapper;
using Npgsql;
using Xunit;

namespace Exchange.Tests.Flow;

/// <summary>Openings and ends that share a commit are each still their own: one row, one record of each kind, under an active grant or not at all.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class DeliveryLogTests(ExchangeFixture exchange)
{
    [Fact]
    public async Task Many_deliveries_at_once_each_have_their_own_opening_and_end()
    {
        var id = await GrantedAsync();
        var program = exchange.Who("zhuzhou", "integrator");

        var answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => program.GetAsync($"/api/cities/changsha/grants/{id}/data")));

        Assert.All(answers, a => Assert.Equal(200, a.Status));
        var deliveries = answers.Select(a => a.Headers["Exchange-Delivery-Id"]).Order(StringComparer.Ordinal).ToList();
        Assert.Equal(40, deliveries.Distinct().Count());
        await using var city = new NpgsqlConnection(exchange.Stack.Databases.ConnectionString("changsha", "owner"));
        await Eventually.GetAsync(
            async () => (await city.QueryAsync<string>("select delivery_id::text from service.deliveries where exchange_id = @id::uuid and outcome = 'complete' and rows = 3", new { id })).Order(StringComparer.Ordinal).ToList(),
            ended => ended.SequenceEqual(deliveries));
        foreach (var type in (string[])["delivery.opened", "delivery.ended"])
        {
            var recorded = await city.QueryAsync<string>("""
                select d.delivery_id::text from service.outbox o
                join service.deliveries d on position(d.delivery_id::text in o.content) > 0
                where o.correlation_id = @id::uuid and d.exchange_id = @id::uuid and o.type = @type
                """, new { id, type });
            Assert.Equal(deliveries, recorded.Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task A_grant_that_is_being_changed_holds_up_only_its_own_deliveries()
    {
        var (held, other) = (await GrantedAsync(), await GrantedAsync());
        var program = exchange.Who("zhuzhou", "integrator");
        await using var city = new NpgsqlConnection(exchange.Stack.Databases.ConnectionString("changsha", "owner"));
        await city.OpenAsync();
        await using var change = await city.BeginTransactionAsync();
        await city.ExecuteAsync("update service.grants set state = 'suspended' where exchange_id = @held::uuid", new { held });

        var waiting = program.GetAsync($"/api/cities/changsha/grants/{held}/data");
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(200, (await program.GetAsync($"/api/cities/changsha/grants/{other}/data")).Status);
        }

        Assert.False(waiting.IsCompleted);
        await change.CommitAsync();
        var refused = await waiting;
        Assert.Equal((403, "grant-not-active"), (refused.Status, refused["rule"].GetString()));
        Assert.Equal(0, await city.ExecuteScalarAsync<long>("select count(*) from service.deliveries where exchange_id = @held::uuid", new { held }));
    }

    private async Task<string> GrantedAsync()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var id = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        return id;
    }
}
