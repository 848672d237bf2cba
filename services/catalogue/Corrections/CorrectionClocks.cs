using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Catalogue.Corrections;

/// <summary>The clock of a correction (art. 26): reminder, breach and escalation inside the owning city; a date counted anew is told to the asking city.</summary>
internal sealed class CorrectionClocks(Transaction transaction, Clocks clocks, Notices notices, TimeProvider clock) : IClockSubject
{
    public const string Clock = "correction";

    public IReadOnlyList<string> Clocks { get; } = [Clock];

    public async Task StepAsync(RunningClock clock, ClockStep step, CancellationToken cancel)
    {
        if (await Correction.FindAsync(transaction.Connection, clock.Subject, Side.Owning, cancel) is not { State: "received" } correction)
            return;
        foreach (var role in step.RolesOfDepartment(Roles.Reviewer))
            await notices.AddAsync(ReceiveCorrection.NoticeOf(correction, $"correction.{step.Told()}", role == Roles.Authority ? null : correction.OwningDepartment, role), cancel);
        await transaction.RecordAsync(correction.Record($"clock.{step.Told()}", step.Details(clock)), cancel);
    }

    public async Task RecountAsync(RunningClock clock, CancellationToken cancel)
    {
        var due = clocks.Recounted(clock);
        await clocks.MoveAsync(clock, due, cancel);
        if (await Correction.FindAsync(transaction.Connection, clock.Subject, Side.Owning, cancel) is not { State: "received" } correction)
            return;
        await SetDueAsync(correction with { Version = correction.Version + 1, DueOn = due.On, DueProvisional = due.Provisional }, clock, cancel);
    }

    private async Task SetDueAsync(Correction correction, RunningClock running, CancellationToken cancel)
    {
        if (await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            update corrections set version = @Version, due_on = @DueOn, due_provisional = @DueProvisional
            where correction_id = @CorrectionId and side = 'owning' and state = 'received' and version = @Version - 1
            """, correction, cancellationToken: cancel)) == 0)
        {
            throw new InvalidOperationException($"Correction {correction.CorrectionId} was answered while its date was counted anew.");
        }

        await transaction.SendAsync(ReceiveCorrection.Received(correction, clock.Now()), correction.AskingCity, correction.ExchangeId, cancel);
        await transaction.RecordAsync(correction.Record("clock.recounted", new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["clock"] = running.Clock,
            ["due"] = ReceiveCorrection.Day(correction.DueOn!.Value),
        }), cancel);
    }
}
