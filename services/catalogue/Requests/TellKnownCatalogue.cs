using System.ComponentModel.DataAnnotations;
using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;

namespace Exchange.Catalogue.Requests;

/// <summary>How a city catches up on news it missed (section <c>City</c>).</summary>
internal sealed record CatchUpSettings
{
    /// <summary>How often it tells the others what it knows of their catalogues. An asker is answered at most twice in this time.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan CatalogueEvery { get; init; } = TimeSpan.FromMinutes(10);
}

/// <summary>
/// Tells every city what this one has heard of its catalogue, at the start and then from time to time. An owner that has published more, or was restored and has less,
/// answers with a copy: a city that joins later or lost news needs nobody's hand and no list of the others. One process of a city leads.
/// </summary>
internal sealed partial class TellKnownCatalogue(IServiceScopeFactory scopes, Leases leases, City city, CatchUpSettings settings, ILogger<TellKnownCatalogue> log) : BackgroundService
{
    private const string Lease = "known-catalogue";
    private static readonly TimeSpan LeaseDuration = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        long? leading = null;
        var (told, pause) = (0L, TimeSpan.Zero);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var token = await leases.AcquireAsync(Lease, LeaseDuration, stoppingToken);
                if (token is not null && (token != leading || TimeProvider.System.GetElapsedTime(told) >= pause))
                {
                    await TellAsync(stoppingToken);
                    // Cities that were started together do not go on asking together.
                    (told, pause) = (TimeProvider.System.GetTimestamp(), settings.CatalogueEvery * (0.9 + (Random.Shared.NextDouble() * 0.2)));
                }

                leading = token;
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(log, fault);
            }

            var rest = pause < LookAgain && pause > TimeSpan.Zero ? pause : LookAgain;
            await Task.Delay(rest, TimeProvider.System, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
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

    private async Task TellAsync(CancellationToken cancel)
    {
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(cancel);
        // The number first: what is heard from now on counts as heard after this asking.
        var ask = await transaction.Connection.ExecuteScalarAsync<long>(new CommandDefinition("select nextval('catalogue_asks')", cancellationToken: cancel));
        var known = await transaction.Connection.QueryAsync<KnownRow>(new CommandDefinition("select city, dataset_id, version, withdrawn from known_datasets", cancellationToken: cancel));
        var digests = known.GroupBy(row => row.City, StringComparer.Ordinal).Select(group =>
        {
            var (count, hash) = FeedHash.Of(group.Select(row => (row.DatasetId, row.Version, row.Withdrawn)));
            return new CatalogueDigest { City = group.Key, Count = count, Hash = hash };
        });
        await transaction.PublishStateAsync(new CatalogueKnown { City = city.Id, Ask = ask, Digests = [.. digests] }, Topology.Datasets, Topology.KnownCatalogue, cancel);
        await transaction.CommitAsync(cancel);
    }

    private sealed record KnownRow
    {
        public required string City { get; init; }
        public required Guid DatasetId { get; init; }
        public required int Version { get; init; }
        public required bool Withdrawn { get; init; }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "What is known of the catalogue could not be told and will be in a moment")]
    private static partial void LogLater(ILogger log, Exception fault);
}
