using System.Collections.Concurrent;
using Dapper;
using Exchange.Local;

namespace Exchange.Tests.Faults;

/// <summary>The broker dies under load and stays away: work goes on, and what was accepted arrives once.</summary>
[Collection(FaultyExchange.Name)]
[Trait("needs", "server")]
public sealed class BrokerAwayTests(FaultFixture exchange)
{
    private static readonly string[] Moved = [Stack.Gateway, "changsha", "zhuzhou", "xiangtan"];

    [Fact]
    public Task A_broker_killed_under_load_and_away_for_half_an_hour_loses_nothing() => exchange.RunAsync(schedule => KilledUnderLoadAsync(schedule, requests: 6, publications: 4));

    [Fact]
    [Trait("length", "long")]
    public Task A_broker_killed_again_and_again_under_load_loses_nothing() => exchange.RunAsync(async schedule =>
    {
        for (var round = 0; round < 5; round++)
        {
            await KilledUnderLoadAsync(schedule, requests: 60, publications: 30);
        }
    });

    private async Task KilledUnderLoadAsync(Schedule schedule, int requests, int publications)
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        await exchange.DraftRequestAsync(dataset);
        foreach (var role in (string[])["officer", "department_head", "authority"])
        {
            // Beforehand: the load signs in together.
            await exchange.Who("xiangtan", role).TokenAsync();
        }

        await Task.WhenAll(exchange.Who("zhuzhou", "officer").TokenAsync(), exchange.Who("zhuzhou", "sharing_head").TokenAsync());
        var submitted = new ConcurrentBag<string>();
        var published = new ConcurrentBag<Guid>();
        var killAfter = schedule.Next(requests / 2);
        schedule.Note($"killed after {killAfter} of {requests} requests");

        var asking = Repeat(2, requests, async () => submitted.Add(await exchange.SubmitAsync(dataset)));
        var publishing = Repeat(2, publications, async () => published.Add((await exchange.PublishAsync("xiangtan", "unconditional")).GetProperty("dataset_id").GetGuid()));
        await Eventually.TrueAsync(() => Task.FromResult(submitted.Count >= killAfter), TimeSpan.FromSeconds(60));
        await exchange.Stack.KillBrokerAsync();
        try
        {
            await Task.WhenAll(asking, publishing);

            schedule.Note("half an hour passes");
            await PassAsync(TimeSpan.FromMinutes(30));
            submitted.Add(await exchange.SubmitAsync(dataset));
            foreach (var service in exchange.Stack.ServiceNames)
            {
                using var ready = await exchange.Gateway.GetAsync(new Uri(exchange.Stack.Address(service), "/health/ready"));
                var said = await ready.Content.ReadAsStringAsync();
                Assert.True(ready.IsSuccessStatusCode, $"{service}: {said}");
                Assert.Contains("\"status\":\"degraded\"", said, StringComparison.Ordinal);
            }

            await using var city = await exchange.AdminAsync("zhuzhou");
            var (waiting, given_up) = await city.QuerySingleAsync<(long, long)>("select count(*) filter (where sent_at is null), count(*) filter (where quarantined_at is not null or hold_until is not null) from service.outbox");
            Assert.True(waiting > 0);
            // Nothing counts attempts, so there is nothing to use up.
            Assert.Equal(0, given_up);
        }
        finally
        {
            await PassAsync(TimeSpan.Zero);
            await exchange.Stack.StartBrokerAsync();
        }

        await exchange.AtRestAsync();
        await using var owner = await exchange.AdminAsync("changsha");
        await using var log = await exchange.AdminAsync(Stack.Audit);
        var ids = submitted.Select(Guid.Parse).ToArray();
        Assert.Equal(requests + 1, ids.Length);
        await Eventually.GetAsync(
            () => owner.ExecuteScalarAsync<long>("select count(*) from service.sharing_requests where side = 'owning' and state = 'under_review' and exchange_id = any(@ids)", new { ids }),
            n => n == ids.Length, TimeSpan.FromSeconds(60), n => $"{n} of {ids.Length} requests arrived");
        await exchange.AtRestAsync();
        Assert.Equal(
            [("request.received", ids.Length, ids.Length), ("request.submitted", ids.Length, ids.Length)],
            await log.QueryAsync<(string, long, long)>("select type, count(*), count(distinct exchange_id) from service.records where exchange_id = any(@ids) and type in ('request.submitted', 'request.received') group by type order by type", new { ids }));
        await using var gateway = await exchange.AdminAsync(Stack.Gateway);
        await Eventually.GetAsync(
            () => gateway.ExecuteScalarAsync<long>("select count(*) from service.datasets where not tombstone and dataset_id = any(@all)", new { all = published.ToArray() }),
            n => n == publications, TimeSpan.FromSeconds(60), n => $"{n} of {publications} publications are in the catalogue");
    }

    /// <summary>For all but the log, whose receive times never go back.</summary>
    private Task PassAsync(TimeSpan offset) => exchange.MoveClockAsync(offset, Moved);

    private static Task Repeat(int beside, int times, Func<Task> act)
    {
        var left = times;
        return Task.WhenAll(Enumerable.Range(0, beside).Select(async _ =>
        {
            while (Interlocked.Decrement(ref left) >= 0)
            {
                await act();
            }
        }));
    }
}
