using Dapper;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;

namespace Exchange.Catalogue.Files;

/// <summary>
/// Deletes what no dataset has: drafts of uploads that broke off, files that a crash left before their row came, removed versions. Only what has lain untouched for an hour, by the clock of the
/// disk: an upload that is under way writes.
/// </summary>
internal sealed partial class SweepFiles(Database database, FileStore store, ILogger<SweepFiles> log) : BackgroundService
{
    private static readonly TimeSpan Turn = TimeSpan.FromMinutes(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await SweepAsync(TimeSpan.FromHours(1), stoppingToken);
            }
            catch (Exception fault) when (TransientFault.Is(fault) || fault is IOException or UnauthorizedAccessException)
            {
                LogLater(log, fault.Message);
            }

            await Task.Delay(Turn, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    internal async Task SweepAsync(TimeSpan untouched, CancellationToken cancel)
    {
        foreach (var some in store.Older(DateTime.UtcNow - untouched).Chunk(1000))
        {
            await using var connection = await database.OpenAsync(cancel);
            var known = (await connection.QueryAsync<Guid>(new CommandDefinition(
                "select stored_as from dataset_files where stored_as = any(@ids) and removed_at is null", new { ids = some.Where(f => f.StoredAs is not null).Select(f => f.StoredAs!.Value).ToArray() }, cancellationToken: cancel))).ToHashSet();
            foreach (var (path, storedAs) in some)
            {
                if (storedAs is null || !known.Contains(storedAs.Value))
                {
                    File.Delete(path);
                }
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Unused files are deleted later ({Reason})")]
    private static partial void LogLater(ILogger log, string reason);
}
