using Dapper;
using Exchange.Hosting;

namespace Exchange.Gateway.Harvest;

/// <summary>Reads each source when it is due, by the database's clock; whichever replica comes first leads that run. Sources do not wait for each other.</summary>
internal sealed partial class HarvestSources(Database database, HarvestRun run, GatewaySettings settings, ILogger<HarvestSources> log) : BackgroundService
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(settings.Sources.Select(source => FollowAsync(source, stoppingToken)));

    private async Task FollowAsync(Source source, CancellationToken cancel)
    {
        await Task.Yield();
        using var timer = new PeriodicTimer(Poll);
        try
        {
            do
            {
                try
                {
                    if (await IsDueAsync(source.Id, cancel) && await run.RunAsync(source, stop => IsDueAsync(source.Id, stop), cancel) is { } report)
                    {
                        LogRun(log, source.Id, report.Outcome, report.Added, report.Changed, report.Removed, report.Faulty, report.Removal.Count, report.Reason?.En);
                    }
                }
                catch (Exception fault) when (!cancel.IsCancellationRequested)
                {
                    LogInterrupted(log, fault, source.Id);
                }
            }
            while (await timer.WaitForNextTickAsync(cancel));
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The process stops; what the run has applied stays, and the next run goes on from there.
        }
    }

    private async Task<bool> IsDueAsync(string source, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        return await connection.QuerySingleAsync<bool>(new CommandDefinition(IsDue, new { source }, cancellationToken: cancel));
    }

    private const string IsDue = """
        insert into harvest_sources (source) values (@source) on conflict do nothing;
        select next_run_at <= clock_timestamp() from harvest_sources where source = @source
        """;

    [LoggerMessage(Level = LogLevel.Information, Message = "Source {Source} was read: {Outcome}; {Added} added, {Changed} changed, {Removed} removed, {Faulty} faulty, {HeldBack} held back; {Reason}")]
    private static partial void LogRun(ILogger log, string source, RunOutcome outcome, int added, int changed, int removed, int faulty, int heldBack, string? reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The run of source {Source} was interrupted and begins anew")]
    private static partial void LogInterrupted(ILogger log, Exception fault, string source);
}
