using Dapper;
using Exchange.Gateway.Federation;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;

namespace Exchange.Gateway.Quality;

/// <summary>Keeps the scores behind the catalogue's newest change. One replica leads; each batch is a transaction fenced by its lease, so that two never count the same change.</summary>
internal sealed partial class FollowQuality(Database database, Leases leases, TimeProvider clock, ILogger<FollowQuality> log) : BackgroundService
{
    private const string Lease = "quality";
    private const int BatchSize = 1000;
    private static readonly TimeSpan LeaseDuration = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan RenewAfter = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        long? token = null;
        var renewed = 0L;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (token is null || TimeProvider.System.GetElapsedTime(renewed) > RenewAfter)
                {
                    renewed = TimeProvider.System.GetTimestamp();
                    token = await leases.AcquireAsync(Lease, LeaseDuration, stoppingToken);
                }

                if (token is null || !await StepAsync(token.Value, stoppingToken))
                {
                    await Task.Delay(Poll, stoppingToken);
                }
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                LogInterrupted(log, fault);
                token = null;
                await Task.Delay(Poll * 2, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (OperationCanceledException)
            {
                break;
            }
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await leases.ReleaseAsync(Lease, cancellationToken);
        }
        catch (Exception fault) when (TransientFault.Is(fault))
        {
            // The lease runs out by itself.
        }
    }

    private async Task<bool> StepAsync(long token, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await connection.ExecuteAsync(Transaction.MayNotFreeze);
        if (!await leases.FenceAsync(connection, Lease, token, cancel))
        {
            return false;
        }

        var more = await QualityTables.StepAsync(connection, DataFreshness.DayOf(clock.GetUtcNow()), BatchSize, log, cancel);
        await transaction.CommitAsync(cancel);
        return more;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The quality scores do not hear from the database and keep their last state")]
    private static partial void LogInterrupted(ILogger log, Exception fault);
}
