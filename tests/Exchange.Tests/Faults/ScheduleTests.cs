namespace Exchange.Tests.Faults;

public sealed class ScheduleTests
{
    [Fact]
    public void The_same_seed_gives_the_same_schedule()
    {
        Assert.Equal(Draw(Schedule.Of(7)), Draw(Schedule.Of(7)));
        Assert.NotEqual(Draw(Schedule.Of(7)), Draw(Schedule.Of(8)));

        static string Draw(Schedule schedule) => string.Join(' ', Enumerable.Range(0, 50).Select(_ => $"{schedule.Next(1000)} {schedule.Chance(0.5)} {schedule.Pick(["a", "b", "c"])} {string.Concat(schedule.Shuffle([1, 2, 3, 4]))}"));
    }

    [Fact]
    public async Task A_failure_tells_the_seed_and_what_was_done()
    {
        var found = await Assert.ThrowsAsync<FaultFoundException>(() => Schedule.RunAsync(schedule =>
        {
            schedule.Note("killed the relay");
            schedule.Note("started it again");
            throw new InvalidOperationException("One record is missing.");
        }, seed: 4711));

        Assert.Contains("One record is missing.", found.Message, StringComparison.Ordinal);
        Assert.Contains("EXCHANGE_SEED=4711", found.Message, StringComparison.Ordinal);
        Assert.Contains("killed the relay → started it again", found.Message, StringComparison.Ordinal);
        Assert.IsType<InvalidOperationException>(found.InnerException);
    }

    [Fact]
    public async Task Without_a_seed_of_its_own_a_test_takes_that_of_the_run()
    {
        var taken = 0;
        await Schedule.RunAsync(schedule =>
        {
            taken = schedule.Seed;
            return Task.CompletedTask;
        });

        Assert.Equal(Schedule.SeedOfRun, taken);
    }
}
