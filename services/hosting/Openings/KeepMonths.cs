using Dapper;
using Exchange.Hosting.Messaging;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exchange.Hosting.Openings;

/// <summary>
/// Has this month's key and the next one's ready, and finishes what a confirmed erasure of a month has begun: the commit forbids to open anything of it, the key file goes after, then the rows.
/// After a crash anywhere in between the next pass goes on. Every process does this, since each has the key in its memory.
/// </summary>
internal sealed partial class KeepMonths(Database database, MonthKeys months, TimeProvider clock, ILogger<KeepMonths> log) : BackgroundService
{
    private const int RowsAtOnce = 10_000;
    private static readonly TimeSpan Turn = TimeSpan.FromMinutes(1);

    private readonly RelaySignal woken = new();

    public void Wake() => woken.Wake();

    /// <summary>A service whose key of the month is lost does not start.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await months.ToSealAsync(Month.Of(clock.GetUtcNow()), cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        woken.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await PassAsync(stoppingToken);
                await woken.WaitAsync(Turn, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(log, fault);
                await Task.Delay(TimeSpan.FromSeconds(2), TimeProvider.System, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task PassAsync(CancellationToken cancel)
    {
        // At the turn of a month nobody waits for its first key.
        await months.ToSealAsync(Month.Of(clock.GetUtcNow()).Next, cancel);
        await using var connection = await database.OpenAsync(cancel);
        var erased = await connection.QueryAsync<ErasedMonth>(new CommandDefinition("select month, erasure_id, destroyed_at from opening_months where erasure_id is not null", cancellationToken: cancel));
        foreach (var row in erased)
        {
            var month = Month.Parse(row.Month)!.Value;
            months.Destroy(month);
            if (row.DestroyedAt is null)
            {
                await ForgetRowsAsync(connection, month, row.ErasureId, cancel);
                await connection.ExecuteAsync(new CommandDefinition("update opening_months set destroyed_at = @Now where month = @Month", new { row.Month, Now = clock.Now() }, cancellationToken: cancel));
                LogDestroyed(log, row.Month, row.ErasureId);
            }
        }
    }

    /// <summary>Without the key they are noise; they go all the same, for the case that a copy of the key was kept somewhere.</summary>
    private static async Task ForgetRowsAsync(NpgsqlConnection connection, Month month, Guid erasure, CancellationToken cancel)
    {
        while (await connection.ExecuteAsync(new CommandDefinition("""
            update audit_openings o set wrapped_key = null, sealed = null, erasure_id = @erasure
            from (select event_id, name from audit_openings where event_id >= @From and event_id < @To and sealed is not null limit @RowsAtOnce) due
            where o.event_id = due.event_id and o.name = due.name and o.sealed is not null
            """, new { erasure, From = month.FirstId, To = month.Next.FirstId, RowsAtOnce }, cancellationToken: cancel)) > 0)
        {
            // Until none is left.
        }
    }

    private sealed record ErasedMonth
    {
        public required string Month { get; init; }
        public required Guid ErasureId { get; init; }
        public DateTimeOffset? DestroyedAt { get; init; }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The key and the openings of {Month} are destroyed (erasure {Erasure})")]
    private static partial void LogDestroyed(ILogger log, string month, Guid erasure);

    [LoggerMessage(Level = LogLevel.Error, Message = "Keys of months are not in order; tried again")]
    private static partial void LogLater(ILogger log, Exception fault);
}
