using Dapper;

namespace Exchange.Tests.Faults;

/// <summary>One machine's clock is wrong by ten minutes.</summary>
[Collection(FaultyExchange.Name)]
[Trait("needs", "server")]
public sealed class ClockTests(FaultFixture exchange)
{
    [Theory]
    [InlineData(10)]
    [InlineData(-10)]
    public Task A_wrong_clock_moves_neither_leases_nor_deadlines_nor_the_order_of_the_log(int minutes) => Schedule.RunAsync(async schedule =>
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var right = await exchange.SubmitAsync(dataset);
        var due = (await exchange.ReceivedAsync(right))["reply_due"].GetProperty("on").GetString();
        await using var city = await exchange.AdminAsync("changsha");
        var token = await city.ExecuteScalarAsync<long>("select token from service.leases where name = 'relay'");
        var wrong = schedule.Pick<string>(["changsha", "audit"]);
        schedule.Note($"{wrong} by {minutes} minutes");
        try
        {
            foreach (var service in (string[])["changsha", "audit"])
            {
                exchange.Stack.MoveClock(TimeSpan.FromMinutes(minutes), service);
            }

            // Tokens are taken within 30 seconds of skew and no further, and the refusal is plain.
            var refused = await Eventually.GetAsync(() => exchange.Who("changsha", "reviewer").GetAsync($"/api/cities/changsha/approvals/{right}"), a => a.Status == 401, show: a => a.Text);
            Assert.Contains("token-required", refused.Text, StringComparison.Ordinal);

            // What the services do among themselves goes on: the same leader, the same day, the log's own order.
            var during = await exchange.SubmitAsync(dataset);
            await exchange.MirrorAsync(during, "under_review");
            exchange.Stack.MoveClock(TimeSpan.Zero);
            Assert.Equal(due, (await exchange.ReceivedAsync(during))["reply_due"].GetProperty("on").GetString());
            var after = await exchange.SubmitAsync(dataset);
            await exchange.ReceivedAsync(after);
            await exchange.TimelineAsync(after, "request.submitted", "request.received");
            Assert.Equal(token, await city.ExecuteScalarAsync<long>("select token from service.leases where name = 'relay'"));
            await using var audit = await exchange.AdminAsync("audit");
            Assert.Equal(0, await audit.ExecuteScalarAsync<long>("""
                select count(*) from (select received_at, lag(received_at) over (partition by year order by idx) as earlier from service.records) as r where received_at < earlier
                """));
            await exchange.AtRestAsync();
        }
        finally
        {
            await exchange.MoveClockAsync(TimeSpan.Zero);
        }
    });
}
