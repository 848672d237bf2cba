using Dapper;
using Exchange.Catalogue.Deliveries;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Catalogue.Datasets;

/// <summary>
/// Drops tables that no dataset points to: replaced ones after a while, in which deliveries that looked them up can start, and ones that a crash left behind.
/// One that a receiver may ask the changes since stays until that receiver has something newer, for a bounded time. A delivery that still reads holds its table; the drop then gives up at once and comes back.
/// </summary>
internal sealed partial class DropRowTables(Database database, RowTables tables, ChangeSettings settings, TimeProvider clock, ILogger<DropRowTables> log) : BackgroundService
{
    private static readonly TimeSpan Turn = TimeSpan.FromMinutes(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await SweepAsync(TimeSpan.FromMinutes(15), TimeSpan.FromHours(6), stoppingToken);
            }
            catch (Exception fault) when (fault is NpgsqlException or TimeoutException)
            {
                LogLater(log, fault.Message);
            }

            await Task.Delay(Turn, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    internal async Task SweepAsync(TimeSpan afterReplacing, TimeSpan afterCrash, CancellationToken cancel)
    {
        await using var loader = await tables.Loader.OpenConnectionAsync(cancel);
        var existing = (await loader.QueryAsync<string>(new CommandDefinition("""
            select tablename from pg_tables where schemaname = 'data' and tablename ~ '^rows_[0-9a-f]{32}$'
            """, cancellationToken: cancel))).ToArray();

        // An abandoned table is told by its name: a UUIDv7 begins with the milliseconds of its making.
        await using var connection = await database.OpenAsync(cancel);
        var due = await connection.QueryAsync<string>(new CommandDefinition("""
            select e.name
            from unnest(@existing) as e (name)
            left join retired_row_tables r on r.table_name = e.name
            left join compared_row_tables c on c.table_name = e.name and c.retired_at > clock_timestamp() - @KeepReplaced
            where not exists (select 1 from dataset_rows d where d.table_name = e.name) and c.table_name is null
              and case when r.table_name is null then substr(e.name, 6, 12) < @abandoned else r.retired_at < clock_timestamp() - @afterReplacing end
            """, new { existing, abandoned = (clock.GetUtcNow() - afterCrash).ToUnixTimeMilliseconds().ToString("x12", System.Globalization.CultureInfo.InvariantCulture), afterReplacing, settings.KeepReplaced }, cancellationToken: cancel));
        foreach (var name in due)
        {
            try
            {
                await loader.ExecuteAsync(new CommandDefinition($"set lock_timeout = '200ms'; drop table if exists data.{name}", cancellationToken: cancel));
                await connection.ExecuteAsync(new CommandDefinition("delete from retired_row_tables where table_name = @name", new { name }, cancellationToken: cancel));
            }
            catch (PostgresException fault) when (fault.SqlState == PostgresErrorCodes.LockNotAvailable)
            {
                LogLater(log, $"{name} is still read");
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Unused row tables are dropped later ({Reason})")]
    private static partial void LogLater(ILogger log, string reason);
}
