using System.Globalization;

namespace Exchange.Tests.Faults;

/// <summary>
/// What a fault test does in which order, drawn from one seed: the same seed gives the same schedule, and a failure tells the seed and what was done so far.
/// <c>EXCHANGE_SEED</c> chooses another one.
/// </summary>
internal sealed class Schedule
{
    private const int Usual = 20250801;

    private readonly Random random;
    private readonly List<string> done = [];

    private Schedule(int seed)
    {
        Seed = seed;
        random = new Random(seed);
    }

    public int Seed { get; }

    public IReadOnlyList<string> Done => done;

    public static int SeedOfRun => int.TryParse(Environment.GetEnvironmentVariable("EXCHANGE_SEED"), CultureInfo.InvariantCulture, out var seed) ? seed : Usual;

    /// <summary>Runs a test's schedule; whatever goes wrong in it names the seed.</summary>
    public static async Task RunAsync(Func<Schedule, Task> test, int? seed = null)
    {
        var schedule = new Schedule(seed ?? SeedOfRun);
        try
        {
            await test(schedule);
        }
        catch (Exception fault) when (fault is not OperationCanceledException || !TestContext.Current.CancellationToken.IsCancellationRequested)
        {
            throw new FaultFoundException(schedule, fault);
        }
    }

    public static Schedule Of(int seed) => new(seed);

    public int Next(int below) => random.Next(below);

    public bool Chance(double likely) => random.NextDouble() < likely;

    public T Pick<T>(IReadOnlyList<T> from) => from[random.Next(from.Count)];

    public IReadOnlyList<T> Shuffle<T>(IEnumerable<T> items)
    {
        var order = items.ToArray();
        random.Shuffle(order);
        return order;
    }

    /// <summary>Notes what is done now.</summary>
    public void Note(string step) => done.Add(step);
}

/// <summary>A schedule under which something did not hold.</summary>
internal sealed class FaultFoundException(Schedule schedule, Exception fault) : Exception(
    string.Create(CultureInfo.InvariantCulture, $"{fault.Message}\nSeed {schedule.Seed} (EXCHANGE_SEED={schedule.Seed} repeats it). Done: {string.Join(" → ", schedule.Done)}"), fault);
