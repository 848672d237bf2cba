using System.Diagnostics;
using System.Text.Json;
using Dapper;
using Exchange.Gateway.Federation;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Exchange.Hosting.Webhooks;
using Npgsql;

namespace Exchange.Gateway.Searches;

/// <summary>
/// Tells saved searches what has changed for them, in the order of the catalogue's numbers. Position, what each search was told and what is to be sent are written in one transaction under the lock
/// of the position's row, so of several replicas one does it at a time, and a crash leaves it either done or to be done. "No longer matches" is told to whom "matches" was told:
/// that rests on what was told and not on what the entry said before.
/// </summary>
internal sealed partial class FollowSearches(Database database, Signal catalogue, ServiceSettings service, WebhookSettings settings, ILogger<FollowSearches> log) : BackgroundService
{
    /// <summary>Types of what is told; subject is the entry.</summary>
    public const string Matched = "exchange.search.matched.v1";

    public const string Changed = "exchange.search.changed.v1";
    public const string Unmatched = "exchange.search.unmatched.v1";

    private const int BatchSize = 500;

    /// <summary>Where a batch ends early: many searches may want each change.</summary>
    private const int MostTellings = 20_000;

    /// <summary>So many changes that its address has not taken end a search.</summary>
    private const int MostWaiting = 10_000;

    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan EndOverdueEvery = TimeSpan.FromMinutes(1);

    private Dictionary<Guid, SavedQuery> known = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var looked = 0L;
        while (!stoppingToken.IsCancellationRequested)
        {
            var next = catalogue.Next;
            try
            {
                if (Stopwatch.GetElapsedTime(looked) > EndOverdueEvery)
                {
                    await EndOverdueAsync(stoppingToken);
                    looked = Stopwatch.GetTimestamp();
                }

                if (await TellAsync(stoppingToken) < BatchSize)
                {
                    await next.WaitAsync(Poll, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(log, fault);
                await Task.Delay(Poll, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>One batch; how many changes it held.</summary>
    private async Task<int> TellAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition(Transaction.MayNotFreeze, cancellationToken: cancel));
        if (await connection.QuerySingleOrDefaultAsync<FeedPosition>(new CommandDefinition(Lock, cancellationToken: cancel)) is not { } told)
        {
            // Another replica is at it, or a search is being saved.
            return 0;
        }

        var (position, rows) = await ChangeFeed.ReadAsync(connection, told.Change, null, BatchSize, cancel);
        if (position.Epoch != told.Epoch || position.Change < told.Change)
        {
            // Numbers of another catalogue: all of it is looked at again, and what was told keeps the same from being told twice.
            await connection.ExecuteAsync(new CommandDefinition("update search_follower set epoch = @Epoch, change = 0 where one; update saved_searches set since = 0 where removed_at is null",
                new { position.Epoch }, cancellationToken: cancel));
            await transaction.CommitAsync(cancel);
            return BatchSize;
        }

        if (rows.Count == 0)
        {
            return 0;
        }

        var searches = (await connection.QueryAsync<Search>(new CommandDefinition(ReadSearches, cancellationToken: cancel))).AsList();
        known = searches.ToDictionary(search => search.SearchId, search => known.GetValueOrDefault(search.SearchId) ?? SavedQuery.Read(search.Query));
        var before = searches.Count == 0 ? [] : (await connection.QueryAsync<Match>(new CommandDefinition(ReadMatches, new { ids = rows.ConvertAll(row => row.DatasetId) }, cancellationToken: cancel)))
            .ToDictionary(match => (match.DatasetId, match.SearchId), match => match.Version);
        List<Telling> tellings = [];
        var done = 0;
        while (done < rows.Count && tellings.Count < MostTellings)
        {
            Compare(rows[done++], searches, before, tellings);
        }

        if (tellings.Count > 0)
        {
            await WriteAsync(connection, tellings, position.Epoch, cancel);
        }

        await connection.ExecuteAsync(new CommandDefinition("update search_follower set change = @Change where one", new { rows[done - 1].Change }, cancellationToken: cancel));
        await transaction.CommitAsync(cancel);
        return done < rows.Count ? BatchSize : rows.Count;
    }

    /// <summary>What this change is to each search, given what it was told of the entry before.</summary>
    private void Compare(ChangeRow row, List<Search> searches, Dictionary<(Guid DatasetId, Guid SearchId), int> before, List<Telling> tellings)
    {
        var entry = row.Entry is null ? null : CatalogueTables.Indexed(row.Entry);
        var text = entry is null ? "" : FoldedText.Of(entry, out _);
        foreach (var search in searches)
        {
            // What stood there when it was saved is known to it.
            if (row.Change <= search.Since)
            {
                continue;
            }

            var matches = entry is not null && known[search.SearchId].Matches(entry, text);
            var matched = before.TryGetValue((row.DatasetId, search.SearchId), out var version);
            if (matches && matched && version == row.Version)
            {
                // Numbered anew, as by a repair: it is what it was.
                continue;
            }

            if (matches || matched)
            {
                tellings.Add(new Telling(search, row, entry?.Name, !matches ? Unmatched : matched ? Changed : Matched));
            }
        }
    }

    private async Task WriteAsync(NpgsqlConnection connection, List<Telling> tellings, Guid epoch, CancellationToken cancel)
    {
        await connection.ExecuteAsync(new CommandDefinition(Write, new
        {
            deliveries = tellings.ConvertAll(_ => Guid.CreateVersion7()),
            searches = tellings.ConvertAll(telling => telling.Search.SearchId),
            datasets = tellings.ConvertAll(telling => telling.Row.DatasetId),
            versions = tellings.ConvertAll(telling => telling.Row.Version),
            types = tellings.ConvertAll(telling => telling.Type),
            bodies = tellings.ConvertAll(telling => Body(telling, epoch)),
            Unmatched,
            settings.GiveUpAfter,
        }, cancellationToken: cancel));
    }

    private string Body(Telling telling, Guid epoch) => JsonSerializer.Serialize(
        new CloudEvent
        {
            Id = Cursor.Of(epoch, telling.Row.Change),
            Source = $"{CloudEvent.SourceOf(service)}/searches/{telling.Search.SearchId}",
            Type = telling.Type,
            Subject = telling.Row.DatasetId.ToString(),
            Time = telling.Row.ChangedAt,
            Dataschema = CloudEvent.SchemaOf(service, nameof(SearchNews)),
            Data = new SearchNews(telling.Search.SearchId, telling.Search.Name, telling.Row.DatasetId, telling.Row.City, telling.Row.Version, telling.Row.Entry is null, telling.Name,
                $"{CloudEvent.SourceOf(service)}/datasets/{telling.Row.DatasetId}"),
        }, Json.Options);

    /// <summary>Ends searches whose addresses have long not taken anything: their owners see when, and save them anew.</summary>
    private async Task EndOverdueAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        foreach (var search in await connection.QueryAsync<Guid>(new CommandDefinition(EndOverdue, new { MostWaiting }, commandTimeout: 60, cancellationToken: cancel)))
        {
            LogStopped(log, search, MostWaiting);
        }
    }

    private sealed record Search
    {
        public required Guid SearchId { get; init; }
        public required string Name { get; init; }
        public required string Query { get; init; }
        public required long Since { get; init; }
    }

    private sealed record Match
    {
        public required Guid DatasetId { get; init; }
        public required Guid SearchId { get; init; }
        public required int Version { get; init; }
    }

    private sealed record Telling(Search Search, ChangeRow Row, string? Name, string Type);

    private const string Lock = "select epoch, change from search_follower where one for update skip locked";

    private const string ReadSearches = "select search_id, name, query, since from saved_searches where removed_at is null and stopped_at is null order by search_id";

    private const string ReadMatches = "select dataset_id, search_id, version from search_matches where dataset_id = any(@ids)";

    private const string Write = """
        with told as (
            select * from unnest(@deliveries, @searches, @datasets, @versions, @types, @bodies) with ordinality as t (delivery_id, search_id, dataset_id, version, type, body, n)),
        gone as (
            delete from search_matches m using told t where m.dataset_id = t.dataset_id and m.search_id = t.search_id and t.type = @Unmatched),
        here as (
            insert into search_matches (dataset_id, search_id, version) select dataset_id, search_id, version from told where type <> @Unmatched
            on conflict (dataset_id, search_id) do update set version = excluded.version)
        insert into webhook_deliveries (delivery_id, webhook_id, type, dataset_id, body, state, next_try, give_up_at)
        select delivery_id, search_id, type, dataset_id, body, 'waiting', clock_timestamp(), clock_timestamp() + @GiveUpAfter from told order by n
        """;

    private const string EndOverdue = """
        with overdue as (
            update saved_searches s set stopped_at = clock_timestamp()
            where removed_at is null and stopped_at is null
              and (select count(*) from (select from webhook_deliveries d where d.webhook_id = s.search_id and d.state = 'waiting' limit @MostWaiting + 1) w) > @MostWaiting
            returning search_id),
        dropped as (
            update webhook_deliveries set state = 'failed', next_try = null, leased_till = null, ended_at = clock_timestamp()
            where webhook_id in (select search_id from overdue) and state = 'waiting')
        select search_id from overdue
        """;

    [LoggerMessage(Level = LogLevel.Warning, Message = "The saved search {Search} ends: more than {Most} changes wait for its address")]
    private static partial void LogStopped(ILogger log, Guid search, int most);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Saved searches wait for the database")]
    private static partial void LogLater(ILogger log, Exception fault);
}

/// <summary>What has changed for a saved search. It says where the entry is, not what it says: that is read with a token.</summary>
/// <param name="SearchId">The search.</param>
/// <param name="Search">Its name.</param>
/// <param name="DatasetId">The entry.</param>
/// <param name="City">Whose it is.</param>
/// <param name="Version">The version this is about; an older one than was told before means that the city was restored.</param>
/// <param name="Withdrawn">True when it is no longer in the catalogue.</param>
/// <param name="Name">Its title; absent when it was withdrawn.</param>
/// <param name="Entry">Address of the entry.</param>
internal sealed record SearchNews(Guid SearchId, string Search, Guid DatasetId, string City, int Version, bool Withdrawn, string? Name, string Entry);
