using System.ComponentModel.DataAnnotations;
using Exchange.Catalogue.Sharing;
using Exchange.Hosting;

namespace Exchange.Catalogue.Deadlines;

/// <summary>How often clocks and grants are looked through.</summary>
internal sealed record SweepSettings
{
    [Range(typeof(TimeSpan), "00:00:00.050", "00:01:00")]
    public TimeSpan SweepEvery { get; init; } = TimeSpan.FromSeconds(2);
}

/// <summary>What a clock is about, and what its steps mean there.</summary>
internal interface IClockSubject
{
    /// <summary>The clocks it knows.</summary>
    IReadOnlyList<string> Clocks { get; }

    /// <summary>Tells the step, within the caller's transaction.</summary>
    Task StepAsync(RunningClock clock, ClockStep step, CancellationToken cancel);

    /// <summary>The calendar says another day than the provisional one.</summary>
    Task RecountAsync(RunningClock clock, CancellationToken cancel);
}

/// <summary>
/// Steps the city's clocks: reminders, breaches, escalation, and dates that were provisional. Each step and what it tells commit together with the clock's row,
/// which is locked meanwhile: a restart or a second process neither loses nor doubles one, and one that slept through several tells them in order.
/// </summary>
internal sealed partial class SweepClocks(IServiceScopeFactory scopes, SweepSettings settings, TimeProvider clock, ILogger<SweepClocks> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                while (await StepOneAsync(stoppingToken) || await RecountOneAsync(stoppingToken))
                {
                }
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(log, fault);
            }

            await Task.Delay(settings.SweepEvery, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private Task<bool> StepOneAsync(CancellationToken cancel) => InTransactionAsync(async (scope, transaction) =>
    {
        var today = LegalDay.Of(clock.GetUtcNow());
        if (await Clocks.NextAsync(transaction, today, cancel) is not { } due)
            return false;
        await scope.GetRequiredService<Clocks>().SteppedAsync(due, due.Step, today, cancel);
        await SubjectOf(scope, due).StepAsync(due, due.Step, cancel);
        return true;
    }, cancel);

    private Task<bool> RecountOneAsync(CancellationToken cancel) => InTransactionAsync(async (scope, _) =>
    {
        if (await scope.GetRequiredService<Clocks>().ToRecountAsync(cancel) is not { } provisional)
            return false;
        await SubjectOf(scope, provisional).RecountAsync(provisional, cancel);
        return true;
    }, cancel);

    private async Task<bool> InTransactionAsync(Func<IServiceProvider, Transaction, Task<bool>> act, CancellationToken cancel)
    {
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(cancel);
        if (!await act(scope.ServiceProvider, transaction))
            return false;
        await transaction.CommitAsync(cancel);
        return true;
    }

    private static IClockSubject SubjectOf(IServiceProvider scope, RunningClock clock) =>
        scope.GetServices<IClockSubject>().FirstOrDefault(subject => subject.Clocks.Contains(clock.Clock, StringComparer.Ordinal))
        ?? throw new InvalidOperationException($"Nobody knows the clock {clock.Clock}.");

    [LoggerMessage(Level = LogLevel.Warning, Message = "The sweep of clocks stopped at a fault and goes on in a moment")]
    private static partial void LogLater(ILogger log, Exception fault);
}

/// <summary>The clocks of the sharing process: their steps go through it.</summary>
internal sealed class SharingClocks(SharingStore store, Clocks clocks) : IClockSubject
{
    public IReadOnlyList<string> Clocks { get; } = [.. Enum.GetValues<SharingClock>().Select(clock => clock.Word())];

    public async Task StepAsync(RunningClock clock, ClockStep step, CancellationToken cancel)
    {
        if (Event(Words.Parse<SharingClock>(clock.Clock), step) is { } name && await store.FindAsync(clock.Subject, Side.Owning, cancel) is { } stored)
            Unrefused(await store.ApplyAsync(stored, new SharingEvent.ClockStepped(name, step), cancel));
    }

    public async Task RecountAsync(RunningClock clock, CancellationToken cancel)
    {
        var due = clocks.Recounted(clock);
        var happened = Words.Parse<SharingClock>(clock.Clock) switch
        {
            SharingClock.Reply => new SharingEvent.Recount(due, null, null),
            SharingClock.Delivery => new SharingEvent.Recount(null, due, null),
            _ => new SharingEvent.Recount(null, null, due),
        };
        if (await store.FindAsync(clock.Subject, Side.Owning, cancel) is { } stored)
            Unrefused(await store.ApplyAsync(stored, happened, cancel));
    }

    private static void Unrefused(SharingOutcome outcome)
    {
        if (outcome is SharingOutcome.Refused refused)
            throw new InvalidOperationException($"A step of a clock was refused: {refused.Rule.Title.En}");
    }

    // A date that a person set case by case is only watched for being over.
    private static SharingEventName? Event(SharingClock clock, ClockStep step) => (clock, step) switch
    {
        (SharingClock.Reply, ClockStep.Reminder) => SharingEventName.ReplyReminder,
        (SharingClock.Reply, ClockStep.Breach) => SharingEventName.ReplyBreached,
        (SharingClock.Reply, _) => SharingEventName.ReplyEscalated,
        (SharingClock.Delivery, ClockStep.Reminder) => SharingEventName.DeliveryReminder,
        (SharingClock.Delivery, ClockStep.Breach) => SharingEventName.DeliveryBreached,
        (SharingClock.Delivery, _) => SharingEventName.DeliveryEscalated,
        (SharingClock.Disposal, ClockStep.Reminder) => SharingEventName.DisposalReminder,
        (SharingClock.Disposal, ClockStep.Breach) => SharingEventName.DisposalBreached,
        (SharingClock.Disposal, _) => SharingEventName.DisposalEscalated,
        (SharingClock.Repair, ClockStep.Breach) => SharingEventName.RepairBreached,
        _ => null,
    };
}
