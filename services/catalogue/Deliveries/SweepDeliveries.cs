using Dapper;
using Exchange.Hosting;

namespace Exchange.Catalogue.Deliveries;

/// <summary>
/// Ends deliveries whose process is gone or could not write their end: as failed, with what is not known left out.
/// At once when another process has taken its seat, else after two minutes without a sign of life.
/// </summary>
internal sealed partial class SweepDeliveries(IServiceScopeFactory scopes, Quotas quotas, TimeProvider clock, Seat seat, IHostApplicationLifetime life, ILogger<SweepDeliveries> log) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(15);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Not before this process listens: a start that finds its port taken must not end what the one that holds it still sends.
        var listening = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var started = life.ApplicationStarted.Register(listening.SetResult);
        await listening.Task.WaitAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await SweepAsync(stoppingToken);
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(log, fault);
            }

            await Task.Delay(Every, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task SweepAsync(CancellationToken cancel)
    {
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(cancel);
        var ended = await transaction.Connection.QueryAsync<Ended>(new CommandDefinition("""
            update deliveries d set ended_at = @now, outcome = 'failed'
            from grants g
            where g.exchange_id = d.exchange_id
              and d.delivery_id in (
                select delivery_id from deliveries
                where ended_at is null and (seen_at < clock_timestamp() - interval '2 minutes' or seat = @Name and process <> @Process)
                limit 100
                for update skip locked)
            returning d.delivery_id, d.exchange_id, d.form, d.facts::text as facts, g.asking_department, g.owning_department, g.dataset_id, g.dataset_version,
                      (select legal_basis from sharing_requests s where s.exchange_id = g.exchange_id and s.side = 'owning') as legal_basis
            """, new { now = clock.Now(), seat.Name, seat.Process }, cancellationToken: cancel));
        foreach (var delivery in ended)
        {
            await transaction.RecordAsync(new AuditRecord
            {
                Type = "delivery.ended",
                ExchangeId = delivery.ExchangeId,
                Requesting = delivery.AskingDepartment,
                Providing = delivery.OwningDepartment,
                Service = delivery.DatasetId,
                ServiceVersion = delivery.DatasetVersion,
                Purpose = delivery.LegalBasis,
                Result = "failed",
                Details = new Dictionary<string, string>(DeliveryLog.FactsOf(delivery.Facts) ?? new Dictionary<string, string>(), StringComparer.Ordinal) { ["delivery_id"] = delivery.DeliveryId.ToString(), ["form"] = delivery.Form, ["known"] = "opening only" },
            }, cancel);
        }

        await transaction.Connection.ExecuteAsync(new CommandDefinition("delete from quota_use where period < @Period - interval '40 days'", quotas, cancellationToken: cancel));
        await transaction.CommitAsync(cancel);
    }

    private sealed record Ended
    {
        public required Guid DeliveryId { get; init; }
        public required Guid ExchangeId { get; init; }
        public required string Form { get; init; }
        public string? Facts { get; init; }
        public required string AskingDepartment { get; init; }
        public required string OwningDepartment { get; init; }
        public required Guid DatasetId { get; init; }
        public required int DatasetVersion { get; init; }
        public string? LegalBasis { get; init; }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The sweep of deliveries stopped at a fault and goes on in a moment")]
    private static partial void LogLater(ILogger log, Exception fault);
}
