using System.Collections.Concurrent;
using Dapper;
using Exchange.Hosting;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace Exchange.Gateway.Federation;

/// <summary>
/// Keeps this replica's search index at the read model's newest change: woken by the applier's notification (one per commit, which the broker's stream of changes coalesces),
/// looking by itself five times a second as the net. A table with another epoch is loaded anew while the old index serves.
/// </summary>
internal sealed partial class CatalogueIndex(Database database, GatewaySettings settings, Signal news, TimeProvider clock, ILogger<CatalogueIndex> log) : BackgroundService, IHealthCheck
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(200);
    private const int BatchSize = 1000;

    private Loaded? loaded;
    private Dictionary<string, CityFeed> feeds = [];

    /// <summary>Null until the first load is done.</summary>
    public SearchIndex? Current => Volatile.Read(ref loaded)?.Index;

    /// <summary>The index and a change that it has taken in with all before it; perhaps more.</summary>
    public (SearchIndex Index, long Change)? AsOf => Volatile.Read(ref loaded) is { } now ? (now.Index, now.Change) : null;

    /// <summary>Null until the first load is done.</summary>
    public RelatedEntries? Related => Volatile.Read(ref loaded)?.Related;

    /// <summary>How far the city is applied; null when it was never heard.</summary>
    public CityFeed? FeedOf(string city) => feeds.GetValueOrDefault(city);

    public CityState StateOf(string city) => Cities.FirstOrDefault(line => line.City == city)?.State ?? CityState.Silent;

    /// <summary>What the entry's city says of it besides the entry; null while the city has not told any figures.</summary>
    public DatasetFigures? FiguresOf(IndexedEntry entry) =>
        FeedOf(entry.City)?.FiguresAsOf is { } asOf ? DatasetFigures.Of(Volatile.Read(ref loaded)?.Figures.GetValueOrDefault(entry.Id), asOf) : null;

    public IReadOnlyList<CityFreshness> Cities
    {
        get
        {
            var now = clock.GetUtcNow();
            return
            [
                .. settings.Cities.Keys.Select(city => Freshness(city, settings.LiveWithin, settings.SilentAfter, now)),
                .. settings.Sources.Select(source => Freshness(source.Id, source.LiveWithin, source.SilentAfter, now) with { Harvested = true }),
            ];
        }
    }

    private CityFreshness Freshness(string city, TimeSpan liveWithin, TimeSpan silentAfter, DateTimeOffset now) => feeds.TryGetValue(city, out var feed)
        ? new CityFreshness(city, feed.AsOf, feed.LagSeconds(now), feed.State(now, liveWithin, silentAfter))
        : new CityFreshness(city, null, null, CityState.Silent);

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        // A foreign catalogue that is away is its operator's matter; this gateway is as able as before.
        var silent = Cities.Where(city => city.State == CityState.Silent && city.Harvested is null).Select(city => city.City).ToList();
        return Task.FromResult(Volatile.Read(ref loaded) is not { } now ? HealthCheckResult.Unhealthy("the catalogue is being loaded")
            : silent.Count > 0 ? HealthCheckResult.Degraded($"{now.Index.Count} entries; silent: {string.Join(", ", silent)}")
            : HealthCheckResult.Healthy($"{now.Index.Count} entries, change {now.Change}"));
    }

    public override void Dispose()
    {
        loaded?.Index.Dispose();
        loaded?.Related.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await FollowAsync(stoppingToken);
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                LogInterrupted(log, fault);
                await Task.Delay(Poll * 2, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task FollowAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var woken = false;
        connection.Notification += (_, _) => woken = true;
        await connection.ExecuteAsync($"listen {CatalogueTables.Channel}");
        while (!cancel.IsCancellationRequested)
        {
            woken = false;
            if (await CatchUpAsync(connection, cancel) == 0 && !woken)
            {
                await connection.WaitAsync(Poll, cancel);
            }
        }
    }

    private async Task<int> CatchUpAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        var at = loaded;
        Position position;
        List<Row> rows;
        List<FiguresRow> figures;
        await using (var results = await connection.QueryMultipleAsync(new CommandDefinition(
            ReadChanges, new { after = at?.Change ?? 0, afterFigures = at?.FiguresChange ?? 0, BatchSize }, cancellationToken: cancel)))
        {
            position = await results.ReadSingleAsync<Position>();
            feeds = (await results.ReadAsync<CityFeed>()).ToDictionary(feed => feed.City);
            rows = (await results.ReadAsync<Row>()).AsList();
            figures = (await results.ReadAsync<FiguresRow>()).AsList();
        }

        if (at is null || at.Epoch != position.Epoch || at.Change > position.Change || at.FiguresChange > position.FiguresChange)
        {
            Volatile.Write(ref loaded, await LoadAsync(connection, cancel));
            news.Tell();
            return 1;
        }

        foreach (var row in rows)
        {
            if (row.Entry is null)
            {
                at.Index.Remove(row.DatasetId);
                at.Related.Remove(row.DatasetId);
            }
            else
            {
                at.Set(CatalogueTables.Indexed(row.Entry));
            }
        }

        foreach (var row in figures)
        {
            at.Figures[row.DatasetId] = row;
            if (at.Index.Find(row.DatasetId) is { } entry && Marked(entry, at.Figures) is var marked && marked != entry)
            {
                at.Set(marked);
            }
        }

        if (rows.Count > 0)
        {
            at.Change = rows[^1].Change;
            news.Tell();
        }

        at.FiguresChange = figures.Count > 0 ? figures[^1].Change : at.FiguresChange;
        return rows.Count + figures.Count;
    }

    private async Task<Loaded> LoadAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancel);
        var position = await connection.QuerySingleAsync<Position>(new CommandDefinition(ReadPosition, cancellationToken: cancel));
        var figures = new ConcurrentDictionary<Guid, FiguresRow>();
        await foreach (var row in connection.QueryUnbufferedAsync<FiguresRow>($"select {FiguresRow.Columns} from dataset_figures").WithCancellation(cancel))
        {
            figures[row.DatasetId] = row;
        }

        var related = new RelatedEntries();
        var entries = connection.QueryUnbufferedAsync<string>("select entry from datasets where not tombstone").ToBlockingEnumerable(cancel);
        var index = SearchIndex.Build(entries.Select(json =>
        {
            var entry = Marked(CatalogueTables.Indexed(json), figures);
            related.Set(entry);
            return entry;
        }));
        await transaction.CommitAsync(cancel);
        LogLoaded(log, index.Count, position.Change);
        return new Loaded(index, related, figures, position.Epoch) { Change = position.Change, FiguresChange = position.FiguresChange };
    }

    private static IndexedEntry Marked(IndexedEntry entry, ConcurrentDictionary<Guid, FiguresRow> figures)
    {
        var said = figures.GetValueOrDefault(entry.Id);
        return entry with { OpenCorrection = said?.OpenCorrections > 0, StaleFrom = DataFreshness.NextDue(entry.UpdateFrequency, said?.DataUpdatedAt)?.AddDays(1) };
    }

    private sealed record Loaded(SearchIndex Index, RelatedEntries Related, ConcurrentDictionary<Guid, FiguresRow> Figures, Guid Epoch)
    {
        private long change;

        public long Change
        {
            get => Volatile.Read(ref change);
            set => Volatile.Write(ref change, value);
        }

        public long FiguresChange { get; set; }

        public void Set(IndexedEntry entry)
        {
            var marked = Marked(entry, Figures);
            Index.Set(marked);
            Related.Set(marked);
        }
    }

    private sealed record Position
    {
        public required Guid Epoch { get; init; }
        public required long Change { get; init; }
        public required long FiguresChange { get; init; }
    }

    private sealed record Row
    {
        public required long Change { get; init; }
        public required Guid DatasetId { get; init; }
        public string? Entry { get; init; }
    }

    private const string ReadPosition = "select c.epoch, c.change, f.change as figures_change from catalogue c cross join figures_position f";

    private const string ReadChanges = $"""
        {ReadPosition};
        select city, epoch, change, as_of, digest_at, digest_change, rebuilding, rebuild_wanted, figures_as_of from city_feeds;
        select change, dataset_id, entry from datasets where change > @after order by change limit @BatchSize;
        select {FiguresRow.Columns} from dataset_figures where change > @afterFigures order by change limit @BatchSize
        """;

    [LoggerMessage(Level = LogLevel.Information, Message = "The search index holds {Count} entries as of change {Change}")]
    private static partial void LogLoaded(ILogger log, int count, long change);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The search index does not hear from the database and keeps its last state")]
    private static partial void LogInterrupted(ILogger log, Exception fault);
}
