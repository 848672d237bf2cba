using Dapper;
using Exchange.Local.Check;

namespace Exchange.Tests.Faults;

/// <summary>Two writers race, the relay's leader dies or freezes: nothing is skipped, doubled or numbered twice.</summary>
[Collection(ExchangeWithInventedNews.Name)]
[Trait("needs", "server")]
public sealed class RelayTests(FaultFixture exchange)
{
    [Fact]
    public Task Writers_that_commit_in_another_order_than_they_began_lose_nothing() => RaceAsync(transactions: 200);

    [Fact]
    [Trait("length", "long")]
    public Task A_thousand_racing_transactions_lose_nothing() => RaceAsync(transactions: 1000);

    [Fact]
    public Task A_leader_that_is_frozen_or_killed_leaves_no_gap_and_doubles_nothing() => BesideAsync(async (schedule, race, second) =>
    {
        await FrozenWhileNumberingAsync(schedule, race, second);
        await KilledAsync(schedule, race, second, "zhuzhou", transactions: 60);
        await FrozenWhilePublishingAsync(schedule, race, second);
    });

    [Fact]
    [Trait("length", "long")]
    public Task However_often_a_leader_is_killed_the_other_one_goes_on() => BesideAsync(async (schedule, race, second) =>
    {
        for (var i = 0; i < 4; i++)
        {
            await KilledAsync(schedule, race, "zhuzhou", second, transactions: 120);
            await KilledAsync(schedule, race, second, "zhuzhou", transactions: 120);
        }
    });

    /// <summary>Holds nobody up, and what it would have numbered is numbered by the other.</summary>
    private async Task FrozenWhileNumberingAsync(Schedule schedule, Race race, string second)
    {
        // The leader has proved its lease and waits for the counters, which we hold; then nothing of it moves any more.
        await using var watch = await exchange.WatchAsync("zhuzhou");
        await using var holder = await exchange.AdminAsync("zhuzhou", "holder");
        await using var holding = await holder.BeginTransactionAsync();
        await holder.ExecuteAsync("select from service.outbox_counters for update");
        await race.RunAsync(4, relayWorks: false);
        var session = await Eventually.GetAsync(
            () => watch.ExecuteScalarAsync<int?>("select pid from pg_stat_activity where application_name = 'zhuzhou' and wait_event_type = 'Lock' and query like '%outbox_counters%'"), pid => pid is not null);
        exchange.Stack.Pause("zhuzhou");
        schedule.Note("frozen in the sealing transaction");
        await holding.RollbackAsync();
        await Eventually.TrueAsync(() => watch.ExecuteScalarAsync<bool>("select state = 'idle in transaction' from pg_stat_activity where pid = @session", new { session }));
        Assert.True(await watch.ExecuteScalarAsync<int>("select count(*) from service.outbox where sealed is null") > 0);

        // Its session holds the lease's row: without an end to that no other process could ever lead.
        await exchange.ExpireLeaseAsync("zhuzhou");
        await exchange.LeadsAsync(second);
        Assert.Equal(0, await watch.ExecuteScalarAsync<int>("select count(*) from pg_stat_activity where pid = @session", new { session }));
        await race.RunAsync(20);
        await race.HoldsAsync(frozen: "zhuzhou");

        exchange.Stack.Resume("zhuzhou");
        schedule.Note("resumed");
        await race.RunAsync(20);
        Assert.Contains("not leading", await Eventually.GetAsync(() => exchange.ReadinessAsync("zhuzhou"), r => r.Contains("not leading", StringComparison.Ordinal)), StringComparison.Ordinal);
        await race.HoldsAsync();
    }

    /// <summary>What it had taken up to publish comes late and changes nothing.</summary>
    private async Task FrozenWhilePublishingAsync(Schedule schedule, Race race, string second)
    {
        // Sealed and handed to the line, which keeps it.
        var line = exchange.Line("zhuzhou", FaultFixture.Rabbitmq);
        line.HoldSent();
        try
        {
            await race.RunAsync(12, relayWorks: false);
            await using var outbox = await exchange.AdminAsync("zhuzhou");
            await Eventually.TrueAsync(() => outbox.ExecuteScalarAsync<bool>("select not exists (select from service.outbox where sealed is null)"));
            exchange.Stack.Pause("zhuzhou");
            schedule.Note("frozen with a batch on the line");

            await exchange.ExpireLeaseAsync("zhuzhou");
            await exchange.LeadsAsync(second);
            await race.RunAsync(40);
            await race.HoldsAsync(frozen: "zhuzhou");
        }
        finally
        {
            line.Mend();
            exchange.Stack.Resume("zhuzhou");
        }

        schedule.Note("the old batch arrives after newer ones");
        await race.RunAsync(12);
        await Eventually.GetAsync(() => exchange.ReadinessAsync("zhuzhou"), r => r.Contains("not leading", StringComparison.Ordinal));
        await race.HoldsAsync();
    }

    /// <summary>The other process goes on where the leader stood; some of what was written is sent when it dies, some is numbered, some is neither.</summary>
    private async Task KilledAsync(Schedule schedule, Race race, string leader, string other, int transactions)
    {
        await race.RunAsync(transactions, relayWorks: false);
        schedule.Note($"kill {leader}");
        await exchange.Stack.KillAsync(leader);
        await race.RunAsync(transactions, relayWorks: false);
        await exchange.ExpireLeaseAsync("zhuzhou");
        await exchange.LeadsAsync(other);
        await race.HoldsAsync();
        await exchange.Stack.StartAsync(leader);
    }

    private Task RaceAsync(int transactions) => Schedule.RunAsync(async schedule =>
    {
        await using var race = await Race.OfAsync(exchange, schedule, "zhuzhou");
        await race.RunAsync(transactions);
        await race.HoldsAsync();
        await race.ClearAsync();
        await exchange.AtRestAsync(Invariant.Catalogue, Invariant.Aside);
    });

    private Task BesideAsync(Func<Schedule, Race, string, Task> act) => Schedule.RunAsync(async schedule =>
    {
        await using var race = await Race.OfAsync(exchange, schedule, "zhuzhou");
        await race.RunAsync(20);
        await exchange.DrainedAsync("zhuzhou");
        await exchange.BesideAsync("zhuzhou", second => act(schedule, race, second));
        await race.ClearAsync();
        await exchange.AtRestAsync(Invariant.Catalogue, Invariant.Aside);
    });
}
