using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;

namespace Exchange.Gateway.Federation;

/// <summary>
/// Makes sure that the read model is what the cities have, although messages may be late or lost: asks each city for its feed's digest and pulls what differs.
/// A digest that is wholly applied also says as of when the city's part is true. One replica asks at a time; cities are asked independently, so a silent one holds up nobody.
/// </summary>
internal sealed partial class Repair(
    Database database, Leases leases, GatewaySettings settings, CityClient cities, ILogger<Repair> log) : BackgroundService
{
    public const string HttpClientName = "repair";
    private const int PageSize = 1000;

    /// <summary>Of 256.</summary>
    private const int MostParts = 64;

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(settings.Cities.Keys.Select(city => FollowAsync(city, stoppingToken)));

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        foreach (var city in settings.Cities.Keys)
        {
            try
            {
                await leases.ReleaseAsync(LeaseOf(city), cancellationToken);
            }
            catch (Exception fault) when (TransientFault.Is(fault))
            {
                // The lease runs out by itself.
            }
        }
    }

    private static string LeaseOf(string city) => $"repair.{city}";

    private async Task FollowAsync(string city, CancellationToken cancel)
    {
        await Task.Yield();
        var silent = false;
        using var timer = new PeriodicTimer(settings.RepairEvery);
        do
        {
            try
            {
                if (await leases.AcquireAsync(LeaseOf(city), settings.RepairEvery * 3, cancel) is not null)
                {
                    await CompareAsync(city, cancel);
                }

                if (silent)
                {
                    LogHeard(log, city);
                    silent = false;
                }
            }
            catch (Exception fault) when (!cancel.IsCancellationRequested)
            {
                if (!silent)
                {
                    LogSilent(log, city, fault.Message);
                    silent = true;
                }
            }
        }
        while (await TickAsync(timer, cancel));
    }

    /// <summary>One round for one city.</summary>
    internal async Task CompareAsync(string city, CancellationToken cancel)
    {
        var state = await cities.GetAsync<CityDigest>(city, "/datasets/digest?figures=true", cancel);
        var digest = new FeedDigest(state.Epoch, state.Change, state.Count, state.Hash, state.At);
        await using var connection = await database.OpenAsync(cancel);
        await connection.ExecuteAsync("insert into city_feeds (city, epoch, change) values (@city, @Empty, 0) on conflict do nothing", new { city, Guid.Empty });
        var ours = await connection.QuerySingleAsync<Ours>(new CommandDefinition(ReadOurs, new { city }, cancellationToken: cancel));
        var hash = ours.Hash.ToString("x16", CultureInfo.InvariantCulture);
        // Rows and position can be compared with the digest only when both stand at the same change; messages that came ahead of a gap do not count as a difference.
        var differs = ours.Change == digest.Change && ours.Newest <= digest.Change && (ours.Count != digest.Count || hash != digest.Hash);
        var wentBack = digest.Change < Math.Max(ours.Change, ours.Newest) && await WentBackAsync(city, Math.Max(ours.Change, ours.Newest), cancel);
        if (differs && ours.Epoch == digest.Epoch && !ours.RebuildWanted && await DifferingPartsAsync(city, digest, cancel) is { } parts)
        {
            LogRepair(log, city, parts.Count, digest.Change);
            await PullPartsAsync(city, digest, parts, cancel);
        }
        else if (ours.Epoch != digest.Epoch || ours.RebuildWanted || wentBack || differs)
        {
            if (ours.Epoch != Guid.Empty)
            {
                LogRebuild(log, city, ours.Change, digest.Change);
            }

            await PullAllAsync(city, digest, wentBack, cancel);
        }
        else if (digest.Change > ours.Change)
        {
            await connection.ExecuteAsync("update city_feeds set digest_at = @At, digest_change = @Change where city = @city", new { city, digest.At, digest.Change });
            await PullNewAsync(city, ours.Change, digest, cancel);
        }

        await using var done = await database.OpenAsync(cancel);
        await done.ExecuteAsync(Confirm, new { city, digest.Epoch, digest.Change, digest.At });
        if (state.Figures is { } figures)
        {
            await CompareFiguresAsync(city, figures, cancel);
        }
    }

    /// <summary>A digest below our position is either older than a message that overtook it, or the city lost changes; a second look tells.</summary>
    private async Task<bool> WentBackAsync(string city, long position, CancellationToken cancel) =>
        (await cities.GetAsync<FeedDigest>(city, "/datasets/digest", cancel)).Change < position;

    private async Task PullNewAsync(string city, long after, FeedDigest digest, CancellationToken cancel)
    {
        var position = after;
        await foreach (var page in PagesAsync(city, after, digest.Epoch, part: null, cancel))
        {
            await using var connection = await database.OpenAsync(cancel);
            await using var transaction = await connection.BeginTransactionAsync(cancel);
            await CatalogueTables.ApplyAsync(connection, page, cancel);
            await transaction.CommitAsync(cancel);
            position = page[^1].Change;
        }

        await using var last = await database.OpenAsync(cancel);
        await last.ExecuteAsync(
            "update city_feeds set change = greatest(change, @position) where city = @city and epoch = @Epoch",
            new { city, digest.Epoch, position = Math.Max(position, digest.Change) });
    }

    /// <summary>The parts in which our rows are not the city's; null when they are so many that reading everything is the shorter way, or when the city moved on meanwhile.</summary>
    private async Task<IReadOnlyList<int>?> DifferingPartsAsync(string city, FeedDigest digest, CancellationToken cancel)
    {
        FeedParts theirs;
        try
        {
            theirs = await cities.GetAsync<FeedParts>(city, "/datasets/parts", cancel);
        }
        catch (HttpRequestException fault) when (fault.StatusCode == HttpStatusCode.NotFound)
        {
            // A city of before this question.
            return null;
        }

        if (theirs.Epoch != digest.Epoch || theirs.Change != digest.Change)
        {
            return null;
        }

        await using var connection = await database.OpenAsync(cancel);
        var ours = (await connection.QueryAsync<FeedPart>(new CommandDefinition("""
            select get_byte(uuid_send(dataset_id), 15) as part, count(*) as count, bit_xor(row_hash) as hash from datasets where city = @city and row_hash is not null group by 1
            """, new { city }, cancellationToken: cancel))).AsList();
        List<int> differing = [.. theirs.Parts.Except(ours).Concat(ours.Except(theirs.Parts)).Select(part => part.Part).Distinct().Order()];
        return differing.Count is > 0 and <= MostParts ? differing : null;
    }

    private async Task PullPartsAsync(string city, FeedDigest digest, IReadOnlyList<int> parts, CancellationToken cancel)
    {
        List<CityChange> found = [];
        foreach (var part in parts)
        {
            await foreach (var page in PagesAsync(city, 0, digest.Epoch, part, cancel))
            {
                found.AddRange(page);
            }
        }

        await using var connection = await database.OpenAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await CatalogueTables.ReplaceAsync(connection, city, digest.Epoch, digest.Change, found, parts, cancel);
        await transaction.CommitAsync(cancel);
    }

    private async Task PullAllAsync(string city, FeedDigest digest, bool wentBack, CancellationToken cancel)
    {
        await using (var connection = await database.OpenAsync(cancel))
        {
            await connection.ExecuteAsync("update city_feeds set rebuilding = true where city = @city", new { city });
        }

        try
        {
            Dictionary<Guid, CityChange> found = [];
            var position = digest.Change;
            await foreach (var page in PagesAsync(city, 0, digest.Epoch, part: null, cancel))
            {
                foreach (var change in page)
                {
                    found[change.DatasetId] = change;
                    position = Math.Max(position, change.Change);
                }
            }

            // Readers see the old state until this commits, then the new one.
            await using var connection = await database.OpenAsync(cancel);
            await using var transaction = await connection.BeginTransactionAsync(cancel);
            // A city that went back has lost what stands above its digest here. What it published meanwhile under such a number comes with the next round.
            await CatalogueTables.ReplaceAsync(connection, city, digest.Epoch, wentBack ? long.MaxValue : digest.Change, [.. found.Values], parts: null, cancel);
            await connection.ExecuteAsync(
                "update city_feeds set epoch = @Epoch, change = @position, rebuilding = false, rebuild_wanted = false where city = @city",
                new { city, digest.Epoch, position });
            await transaction.CommitAsync(cancel);
        }
        finally
        {
            await using var connection = await database.OpenAsync(CancellationToken.None);
            await connection.ExecuteAsync("update city_feeds set rebuilding = false where city = @city and rebuilding", new { city });
        }
    }

    private async IAsyncEnumerable<IReadOnlyList<CityChange>> PagesAsync(string city, long after, Guid epoch, int? part, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        while (true)
        {
            var page = await cities.GetAsync<FeedPage>(city, string.Create(CultureInfo.InvariantCulture, $"/datasets/changes?after={after}&limit={PageSize}{(part is null ? "" : $"&part={part}")}"), cancel);
            if (page.Epoch != epoch)
            {
                throw new InvalidDataException($"The feed of {city} was rebuilt while it was read.");
            }

            if (page.Items.Count == 0)
            {
                yield break;
            }

            yield return [.. page.Items.Select(change => Read(city, epoch, change))];
            after = page.Items[^1].Change;
        }
    }

    private static CityChange Read(string city, Guid epoch, FeedChange change)
    {
        var read = change.Tombstone
            ? CityChange.Of(change.Message.Deserialize<DatasetWithdrawn>(MessageJson.Options)!)
            : CityChange.Of(change.Message.Deserialize<DatasetPublished>(MessageJson.Options)!);
        return read.City == city && read.DatasetId == change.Key && read.Version == change.Version
            ? read with { Epoch = epoch, Change = change.Change }
            : throw new InvalidDataException($"Change {change.Change} of {city} does not say what its message says.");
    }

    private static async Task<bool> TickAsync(PeriodicTimer timer, CancellationToken cancel)
    {
        try
        {
            return await timer.WaitForNextTickAsync(cancel);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private sealed record FeedParts(Guid Epoch, long? Change, IReadOnlyList<FeedPart> Parts);

    private sealed record FeedPage(Guid Epoch, long Change, IReadOnlyList<FeedChange> Items);

    private sealed record Ours
    {
        public required Guid Epoch { get; init; }
        public required long Change { get; init; }
        public required bool RebuildWanted { get; init; }
        public required long Count { get; init; }
        public required long Hash { get; init; }
        public required long Newest { get; init; }
    }

    private const string ReadOurs = """
        select f.epoch, f.change, f.rebuild_wanted, count(d.row_hash) as count, coalesce(bit_xor(d.row_hash), 0) as hash, coalesce(max(d.city_change), 0) as newest
        from city_feeds f left join datasets d on d.city = f.city and d.row_hash is not null
        where f.city = @city
        group by f.epoch, f.change, f.rebuild_wanted
        """;

    private const string Confirm = """
        update city_feeds
        set digest_at = @At, digest_change = @Change, as_of = case when epoch = @Epoch and change >= @Change then greatest(as_of, @At) else as_of end
        where city = @city
        """;

    [LoggerMessage(Level = LogLevel.Warning, Message = "{City} does not answer the repair: {Reason}")]
    private static partial void LogSilent(ILogger log, string city, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "{City} answers the repair again")]
    private static partial void LogHeard(ILogger log, string city);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Of {City} {Parts} of 256 parts differ and are pulled anew (at change {Change})")]
    private static partial void LogRepair(ILogger log, string city, int parts, long change);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The part of {City} is pulled anew (here at change {Ours}, there at {Theirs})")]
    private static partial void LogRebuild(ILogger log, string city, long ours, long theirs);
}
