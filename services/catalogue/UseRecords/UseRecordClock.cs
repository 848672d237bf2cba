using System.Globalization;
using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Sharing;
using Exchange.Hosting;

namespace Exchange.Catalogue.UseRecords;

/// <summary>
/// Reminds those who use data to record how (art. 29). It runs in the asking city while access lasts, starts anew with each record, and where none was written with its own end:
/// the regulation sets no limit, so nobody's head is told.
/// </summary>
internal sealed class UseRecordClock(Transaction transaction, Clocks clocks, Notices notices, City city, WorkingDays days, TimeProvider clock) : IClockSubject
{
    public const string Word = "use_records";

    public IReadOnlyList<string> Clocks { get; } = [Word];

    /// <summary>The mirror heard where the exchange stands.</summary>
    public async Task FollowAsync(SharingRequest request, CancellationToken cancel)
    {
        var id = request.Ask.ExchangeId;
        switch (request.State)
        {
            case SharingState.Active when !await RunsAsync(id, cancel):
                await StartAsync(id, request.Ask.AskingDepartment, cancel);
                break;
            case SharingState.Ended or SharingState.Terminated or SharingState.Disposed or SharingState.Archived or SharingState.Withdrawn:
                await clocks.StopAsync(id, Word, clock.Now(), cancel);
                break;
        }
    }

    /// <summary>A record was written: the next one is due a full term from now.</summary>
    public async Task RestartAsync(Guid exchange, string department, CancellationToken cancel)
    {
        if (await RunsAsync(exchange, cancel))
        {
            await clocks.StopAsync(exchange, Word, clock.Now(), cancel);
            await StartAsync(exchange, department, cancel);
        }
    }

    public async Task StepAsync(RunningClock clock, ClockStep step, CancellationToken cancel)
    {
        if (step is not (ClockStep.Reminder or ClockStep.Breach))
        {
            return;
        }

        var word = step == ClockStep.Reminder ? "reminder" : "breached";
        var due = clock.DueOn.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        var about = await transaction.Connection.QuerySingleAsync<About>(new CommandDefinition("""
            select reference, dataset_id, dataset_version, owning_department from sharing_requests where exchange_id = @Subject and side = 'asking'
            """, new { clock.Subject }, cancellationToken: cancel));
        await notices.AddAsync(new Notice
        {
            Type = $"use_records.{word}",
            Department = clock.Department,
            Role = Roles.Officer,
            ExchangeId = clock.Subject,
            DatasetId = about.DatasetId,
            Reference = about.Reference,
            Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["due"] = due },
        }, cancel);
        await transaction.RecordAsync(new AuditRecord
        {
            Type = $"clock.{word}",
            ExchangeId = clock.Subject,
            Requesting = clock.Department,
            Providing = about.OwningDepartment,
            Service = about.DatasetId,
            ServiceVersion = about.DatasetVersion,
            Approval = about.Reference,
            Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["clock"] = Word, ["due"] = due },
        }, cancel);
        if (step == ClockStep.Breach)
        {
            await RestartAsync(clock.Subject, clock.Department!, cancel);
        }
    }

    public Task RecountAsync(RunningClock clock, CancellationToken cancel) => clocks.MoveAsync(clock, clocks.Recounted(clock), cancel);

    private Task<bool> RunsAsync(Guid exchange, CancellationToken cancel) => transaction.Connection.ExecuteScalarAsync<bool>(new CommandDefinition(
        "select exists (select from clocks where subject = @exchange and clock = @Word and stopped_at is null)", new { exchange, Word }, cancellationToken: cancel));

    private async Task StartAsync(Guid exchange, string department, CancellationToken cancel)
    {
        var turn = await transaction.Connection.ExecuteScalarAsync<int>(new CommandDefinition(
            "select coalesce(max(for_version), 0) + 1 from clocks where subject = @exchange and clock = @Word", new { exchange, Word }, cancellationToken: cancel));
        var now = clock.Now();
        await clocks.StartAsync(exchange, Word, turn, department, days.Add(LegalDay.Of(now), city.Limits.UseRecordEvery), now, cancel);
    }

    private sealed record About
    {
        public string? Reference { get; init; }
        public required Guid DatasetId { get; init; }
        public required int DatasetVersion { get; init; }
        public string? OwningDepartment { get; init; }
    }
}
