using System.Globalization;
using System.Text.Json;
using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Microsoft.Extensions.Caching.Memory;

namespace Exchange.Gateway.Federation;

/// <summary>
/// How an entry came to say what it says: the differences between its published versions, newest first. The versions are its city's, which is asked in the gateway's own
/// name; published versions do not change, so what it answered serves everyone until the entry has a newer one. Without a token only versions that were open to society
/// exist, and what differs is told between those. Of a withdrawn entry callers with a token still see the history, with when and why it was withdrawn: that is when one
/// asks for it. Without a token it is not there, like the entry.
/// </summary>
internal sealed partial class ReadDatasetHistory(
    CatalogueIndex catalogue, CityClient cities, Database database, TimeProvider clock, ILogger<ReadDatasetHistory> log) : IDisposable
{
    private const int VersionsPerPage = 20;
    private const long MostCached = 32L << 20;
    private const int AskedAtOnce = 16;
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(3);

    private static readonly Rule CitySilent = new("city-silent", StatusCodes.Status503ServiceUnavailable, null,
        new("该条目的历史保存在其所属城市，而该城市暂时没有应答。", "The history of this entry is kept by its city, which does not answer now."),
        new("请稍后重试。条目本身仍可在目录中查阅。", "Try again shortly. The entry itself can still be read in the catalogue."));

    private static readonly Rule WrongCursor = new("unknown-cursor", StatusCodes.Status400BadRequest, null,
        new("游标无法识别。", "The cursor is not one of ours."),
        new("请使用上一次回答中的 next，或不带 cursor 从头读取。", "Send next of an earlier answer, or leave cursor out to start with the newest."));

    private readonly MemoryCache cache = new(new MemoryCacheOptions { SizeLimit = MostCached });
    private readonly SemaphoreSlim asking = new(AskedAtOnce);

    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/api/catalogue/datasets/{id:guid}/history",
            (Guid id, string? cursor, HttpContext http, Caller? caller, ReadDatasetHistory history, CancellationToken cancel) => history.HandleAsync(id, cursor, http, caller, cancel))
        .AllowAnyone()
        .WithTags("catalogue")
        .WithSummary("What changed in an entry from version to version")
        .WithDescription("Newest first, member by member, data items by their name. stale is true when the entry's city is silent or does not answer: there may be newer versions than those of as_of. When nothing is known and the city does not answer, 503: an empty list would say that nothing had ever changed.")
        .Produces<DatasetHistory>()
        .Produces(StatusCodes.Status304NotModified)
        .Produces<Problem>(StatusCodes.Status400BadRequest, "application/problem+json")
        .Produces<Problem>(StatusCodes.Status404NotFound, "application/problem+json")
        .Produces<Problem>(StatusCodes.Status503ServiceUnavailable, "application/problem+json");

    public void Dispose()
    {
        cache.Dispose();
        asking.Dispose();
    }

    private async Task<IResult> HandleAsync(Guid id, string? cursor, HttpContext http, Caller? caller, CancellationToken cancel)
    {
        if (caller is null && http.Request.Headers.Authorization.Count > 0)
        {
            return TypedResults.Challenge();
        }

        int? before = null;
        if (cursor is { Length: > 0 })
        {
            if (Cursor.ReadChange(cursor) is not (var of, > 0 and <= int.MaxValue and var version) || of != id)
            {
                return new Refused(WrongCursor);
            }

            before = (int)version;
        }

        if (await FindAsync(id, caller, cancel) is not { } subject)
        {
            return Pipeline.NotFound();
        }

        var key = (id, OpenOnly: caller is null, before);
        var known = cache.Get<Known>(key);
        var feed = catalogue.FeedOf(subject.City);
        if (known is null || known.Of != (subject.Version, feed?.Epoch))
        {
            if (await AskAsync(subject, key.OpenOnly, before, cancel) is { } told)
            {
                known = new Known((subject.Version, feed?.Epoch), clock.Now(), told.Changes, told.Next);
                // As objects it is about four times what it is as text.
                cache.Set(key, known, new MemoryCacheEntryOptions { Size = 1000 + (4 * JsonSerializer.SerializeToUtf8Bytes(known.Changes, Json.Options).Length) });
            }
            else if (known is null)
            {
                return new Refused(CitySilent, new($"城市：{subject.City}。", $"City: {subject.City}.")) { RetryAfter = 5 };
            }
        }

        var newest = known.Of == (subject.Version, feed?.Epoch);
        var history = new DatasetHistory
        {
            DatasetId = id,
            City = subject.City,
            Version = known.Of.Version,
            Stale = !newest || catalogue.StateOf(subject.City) == CityState.Silent,
            // While the gateway hears of no newer version, what was told stays true.
            AsOf = newest && feed?.AsOf > known.ToldAt ? feed.AsOf.Value : known.ToldAt,
            Changes = known.Changes,
            Next = known.Next is { } place ? Cursor.Of(id, place) : null,
        };
        return http.NotModified(ConditionalReads.WeakTag(JsonSerializer.SerializeToUtf8Bytes(history with { AsOf = default }, Json.Options)), caller)
            ? TypedResults.StatusCode(StatusCodes.Status304NotModified)
            : TypedResults.Json(history, Json.Options);
    }

    private async Task<Subject?> FindAsync(Guid id, Caller? caller, CancellationToken cancel)
    {
        if (catalogue.Current?.Find(id) is { } entry)
        {
            return caller is null && !entry.Open ? null : new Subject { DatasetId = id, City = entry.City, Version = entry.Version };
        }

        if (caller is null)
        {
            return null;
        }

        await using var connection = await database.OpenAsync(cancel);
        return await connection.QuerySingleOrDefaultAsync<Subject>(new CommandDefinition(
            "select dataset_id, city, version from datasets where dataset_id = @id and row_hash is not null", new { id }, cancellationToken: cancel));
    }

    /// <summary>Null when the city does not answer, or not with this entry.</summary>
    private async Task<(IReadOnlyList<HistoryChange> Changes, int? Next)?> AskAsync(Subject subject, bool openOnly, int? before, CancellationToken cancel)
    {
        using var soon = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        soon.CancelAfter(AnswerWithin);
        var held = false;
        try
        {
            await asking.WaitAsync(soon.Token);
            held = true;
            // One more than is shown: the oldest shown is compared with it.
            var page = await cities.GetAsync<VersionsPage>(subject.City, string.Create(CultureInfo.InvariantCulture,
                $"/datasets/{subject.DatasetId}/versions?limit={VersionsPerPage + 1}{(openOnly ? "&open=true" : "")}{(before is null ? "" : $"&before={before}")}"), soon.Token);
            if (page.Items.Any(version => version.Entry.DatasetId != subject.DatasetId || version.Entry.City != subject.City || (openOnly && !version.Entry.OpenToSociety)))
            {
                throw new InvalidDataException($"{subject.City} answered with another entry's versions.");
            }

            var more = page.Items.Count > VersionsPerPage;
            return ([.. Changes(page.Items)], more ? page.Items[VersionsPerPage - 1].Entry.Version : null);
        }
        catch (Exception fault) when (fault is HttpRequestException or JsonException or InvalidDataException or OperationCanceledException && !cancel.IsCancellationRequested)
        {
            LogSilent(log, subject.City, fault.Message);
            return null;
        }
        finally
        {
            if (held)
            {
                asking.Release();
            }
        }
    }

    private static IEnumerable<HistoryChange> Changes(IReadOnlyList<PublishedVersion> versions)
    {
        for (var i = 0; i < Math.Min(versions.Count, VersionsPerPage); i++)
        {
            var (entry, withdrawnAt, reason) = versions[i];
            var previous = i + 1 < versions.Count ? versions[i + 1].Entry : null;
            if (withdrawnAt is { } at)
            {
                yield return new HistoryChange { Version = entry.Version, Event = "withdrawn", At = at, Reason = reason, Differences = [] };
            }

            yield return new HistoryChange
            {
                Version = entry.Version,
                Event = "published",
                At = entry.PublishedAt,
                Since = previous?.Version,
                Differences = previous is null ? [] : EntryDifferences.Between(previous, entry),
            };
        }
    }

    private sealed record Subject
    {
        public required Guid DatasetId { get; init; }
        public required string City { get; init; }
        public required int Version { get; init; }
    }

    /// <summary>What a city told when the entry was at this version of this feed; a restored city begins another feed and may give a number twice.</summary>
    private sealed record Known((int Version, Guid? Epoch) Of, DateTimeOffset ToldAt, IReadOnlyList<HistoryChange> Changes, int? Next);

    private sealed record VersionsPage(IReadOnlyList<PublishedVersion> Items);

    private sealed record PublishedVersion(DatasetEntry Entry, DateTimeOffset? WithdrawnAt, string? WithdrawnReason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{City} does not tell the history of an entry: {Reason}")]
    private static partial void LogSilent(ILogger log, string city, string reason);
}

/// <summary>How an entry came to say what it says.</summary>
public sealed record DatasetHistory
{
    public required Guid DatasetId { get; init; }
    public required string City { get; init; }

    /// <summary>The newest version that this takes into account.</summary>
    public required int Version { get; init; }

    /// <summary>True when the city is silent or did not answer: there may be newer versions.</summary>
    public required bool Stale { get; init; }

    /// <summary>As of when this is known to be all.</summary>
    public required DateTimeOffset AsOf { get; init; }

    /// <summary>Newest first.</summary>
    public required IReadOnlyList<HistoryChange> Changes { get; init; }

    /// <summary>Cursor of the older versions; absent on the last page.</summary>
    public string? Next { get; init; }
}

/// <summary>A version was published, or the entry withdrawn.</summary>
public sealed record HistoryChange
{
    public required int Version { get; init; }

    /// <summary>published or withdrawn.</summary>
    public required string Event { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>The version before it, with which it is compared; absent for the first one.</summary>
    public int? Since { get; init; }

    /// <summary>Why it was withdrawn.</summary>
    public string? Reason { get; init; }

    public required IReadOnlyList<EntryDifference> Differences { get; init; }
}
