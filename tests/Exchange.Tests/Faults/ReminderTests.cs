using Dapper;
using Exchange.Hosting.Messaging;

namespace Exchange.Tests.Faults;

/// <summary>Reminders, breaches and escalations under processes that die, that sweep side by side, and whose clocks are days ahead: each step once.</summary>
[Collection(FaultyExchange.Name)]
[Trait("needs", "server")]
public sealed class ReminderTests(FaultFixture exchange)
{
    private static readonly string[] Told = ["reply_breached", "reply_escalated authority", "reply_escalated department_head", "reply_reminder"];

    [Fact, Trait("length", "long")]
    public Task A_clock_tells_each_step_once_whoever_dies_and_whosever_time_is_wrong() => Schedule.RunAsync(async schedule =>
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        Guid[] requests = new Guid[8];
        for (var i = 0; i < requests.Length; i++)
        {
            var id = await exchange.SubmitAsync(dataset);
            await exchange.ReceivedAsync(id);
            requests[i] = Guid.Parse(id);
        }

        await using var city = await exchange.AdminAsync("changsha");
        try
        {
            // One process is weeks ahead while the other has the right time; then it dies in the middle, and comes back beside one that is ahead too.
            await exchange.Stack.StartAsync("changsha-2");
            var (ahead, other) = schedule.Chance(0.5) ? ("changsha", "changsha-2") : ("changsha-2", "changsha");
            schedule.Note($"{ahead} is 40 days ahead and killed");
            exchange.Stack.MoveClock(TimeSpan.FromDays(40), ahead);
            await Eventually.TrueAsync(() => city.ExecuteScalarAsync<bool>("select exists (select from service.sharing_history where exchange_id = any(@requests) and event = 'reply_reminder')", new { requests }));
            await exchange.Stack.KillAsync(ahead);
            exchange.Stack.MoveClock(TimeSpan.FromDays(40), other);
            await exchange.Stack.StartAsync(ahead);
            await Eventually.GetAsync(
                () => city.ExecuteScalarAsync<int>("select count(*) from service.clocks where subject = any(@requests) and stopped_at is null and next_step is null", new { requests }), n => n == requests.Length, TimeSpan.FromSeconds(60));
        }
        finally
        {
            exchange.Stack.MoveClock(TimeSpan.Zero);
            await exchange.Stack.StopAsync("changsha-2");
        }

        var steps = (await city.QueryAsync<(Guid Id, string Step)>("""
            select exchange_id, concat_ws(' ', event, note) from service.sharing_history where exchange_id = any(@requests) and side = 'owning' and event like 'reply\_%'
            """, new { requests })).ToLookup(s => s.Id, s => s.Step);
        Assert.All(requests, id => Assert.Equal(Told, steps[id].Order(StringComparer.Ordinal)));
        var notices = (await city.QueryAsync<(Guid Id, int Times)>("select exchange_id, count(*) from service.notices where exchange_id = any(@requests) and type like 'request.reply\\_%' group by exchange_id", new { requests })).ToDictionary(n => n.Id, n => n.Times);
        Assert.All(requests, id => Assert.Equal(6, notices[id]));
        var records = await city.ExecuteScalarAsync<int>("select count(*) from service.outbox where kind = 'record' and correlation_id = any(@requests) and type like 'clock.%'", new { requests });
        Assert.Equal(4 * requests.Length, records);
        await exchange.AtRestAsync();
    });
}
