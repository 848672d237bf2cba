using Dapper;
using Exchange.Hosting.Messaging;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exchange.Hosting;

/// <summary>Deletes what has had its time, by the database's clock: sent rows after 7 days, keys after 7, inbox ids after 40 (longer than any backup or manual replay).</summary>
internal sealed partial class Housekeeping(Database database, Leases leases, ServiceSettings service, ILogger<Housekeeping> log) : BackgroundService
{
    private const int Patience = 600;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMinutes(10));
        while (await timer.WaitForNextTickAsync(stoppingToken).AsTask().ContinueWith(t => t.IsCompletedSuccessfully && t.Result, TaskScheduler.Default))
        {
            try
            {
                if (await leases.AcquireAsync("housekeeping", TimeSpan.FromMinutes(11), stoppingToken) is null)
                {
                    continue;
                }

                await using var connection = await database.OpenAsync(stoppingToken);
                // A record that the log has not taken up stays: it is what the watch sees, and what is sent again. Nobody tells the audit service of its own.
                await connection.ExecuteAsync("""
                    delete from outbox where sent_at < clock_timestamp() - interval '7 days' and (@own or source_seq is null or source_seq <= (select taken_up from audit_mark))
                    """, new { own = service.Name == Topology.AuditService }, commandTimeout: Patience);
                await connection.ExecuteAsync("delete from idempotency_keys where created_at < clock_timestamp() - interval '7 days'", commandTimeout: Patience);
                await connection.ExecuteAsync("delete from inbox where received_at < clock_timestamp() - interval '40 days'", commandTimeout: Patience);
            }
            catch (Exception fault) when (fault is NpgsqlException or TimeoutException)
            {
                LogLater(log, fault.Message);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Housekeeping waits for the database ({Reason})")]
    private static partial void LogLater(ILogger log, string reason);
}
