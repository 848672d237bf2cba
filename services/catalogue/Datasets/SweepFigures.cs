using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;

namespace Exchange.Catalogue.Datasets;

/// <summary>
/// Brings the figures of datasets up to date, for those that were marked since: deliveries are added, the few others counted. A row that changed gets the next number
/// of the figures' feed, which the gateway follows. One process of a city leads; marks and figures change in one transaction, so a crash neither loses nor doubles.
/// </summary>
internal sealed partial class SweepFigures(Database database, Leases leases, SweepSettings settings, TimeProvider clock, ILogger<SweepFigures> log) : BackgroundService
{
    private const string Lease = "figures";
    private static readonly TimeSpan LeaseDuration = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (await leases.AcquireAsync(Lease, LeaseDuration + settings.SweepEvery, stoppingToken) is { } token)
                {
                    await SweepAsync(token, stoppingToken);
                }
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(log, fault.Message);
            }

            await Task.Delay(settings.SweepEvery, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
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

    private async Task SweepAsync(long token, CancellationToken cancel)
    {
        var now = clock.Now();
        await using var connection = await database.OpenAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (await leases.FenceAsync(connection, Lease, token, cancel))
        {
            await connection.ExecuteAsync(new CommandDefinition(Sweep, new { now }, cancellationToken: cancel));
            await transaction.CommitAsync(cancel);
        }
    }

    // One statement sees one state of the database: a dataset without a row counts the deliveries whose marks are taken here, and no others.
    private const string Sweep = """
        with taken as (
            delete from figure_marks returning dataset_id, deliveries),
        touched as (
            select dataset_id, sum(deliveries) as more from taken group by dataset_id),
        counted as (
            select t.dataset_id,
                (select count(*)::int from corrections c where c.dataset_id = t.dataset_id and c.side = 'owning' and c.state = 'received') as open_corrections,
                (select count(*)::int from grants g where g.dataset_id = t.dataset_id and g.state in ('issued', 'active', 'suspended')) as running_grants,
                (select count(*)::int from grants g where g.dataset_id = t.dataset_id) as grants,
                case when f.dataset_id is null
                    then (select count(*) from grants g join deliveries d using (exchange_id) where g.dataset_id = t.dataset_id)
                    else f.deliveries + t.more end::bigint as deliveries,
                (select r.loaded_at from dataset_rows r where r.dataset_id = t.dataset_id) as data_updated_at
            from touched t left join dataset_figures f using (dataset_id)),
        changed as (
            select c.*, row_number() over (order by c.dataset_id) as place
            from counted c left join dataset_figures f using (dataset_id)
            where f.dataset_id is null
                or (f.open_corrections, f.running_grants, f.grants, f.deliveries, f.data_updated_at)
                    is distinct from (c.open_corrections, c.running_grants, c.grants, c.deliveries, c.data_updated_at)),
        written as (
            insert into dataset_figures (dataset_id, open_corrections, running_grants, grants, deliveries, data_updated_at, change)
            select c.dataset_id, c.open_corrections, c.running_grants, c.grants, c.deliveries, c.data_updated_at, f.change + c.place
            from changed c cross join figures_feed f
            on conflict (dataset_id) do update
            set open_corrections = excluded.open_corrections, running_grants = excluded.running_grants, grants = excluded.grants, deliveries = excluded.deliveries,
                data_updated_at = excluded.data_updated_at, change = excluded.change
            returning change)
        update figures_feed set change = coalesce((select max(change) from written), change), swept_at = @now where one
        """;

    [LoggerMessage(Level = LogLevel.Warning, Message = "The figures of datasets wait for the database ({Reason})")]
    private static partial void LogLater(ILogger log, string reason);
}
