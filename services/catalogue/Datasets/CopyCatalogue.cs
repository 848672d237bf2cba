using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Requests;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using MassTransit;

namespace Exchange.Catalogue.Datasets;

/// <summary>
/// Another city tells what it knows of this one's catalogue. Where that differs from the feed it gets a whole copy, in pages. News that is still on its way makes the two differ
/// as well: the copy is then one too many and changes nothing. Each asker is answered once in half an interval, however often it asks.
/// </summary>
internal sealed partial class CopyCatalogue(Transaction transaction, Feeds feeds, City city, CatchUpSettings settings, ILogger<CopyCatalogue> log) : IConsumer<CatalogueKnown>
{
    private const int EntriesPerPage = 100;
    private const int CharactersPerPage = 1024 * 1024;

    public async Task Consume(ConsumeContext<CatalogueKnown> context)
    {
        var (asker, cancel) = (context.Message, context.CancellationToken);
        context.Require(asker.City);
        var known = asker.Digests.FirstOrDefault(digest => digest.City == city.Id) is { } line ? (line.Count, line.Hash) : FeedHash.Of([]);
        var now = await feeds.DigestAsync(Topology.DatasetFeed, cancel);
        if ((now.Count, now.Hash) == known || !await TakeTurnAsync(asker.City, cancel))
        {
            return;
        }

        // One statement, so that the copy is the feed at one moment; the digest is computed from what was read.
        var changes = await feeds.ChangesAsync(Topology.DatasetFeed, after: 0, int.MaxValue, part: null, cancel);
        var (count, hash) = FeedHash.Of(changes.Select(change => (change.Key, change.Version, change.Tombstone)));
        var pages = PagesOf(changes);
        var copy = Guid.CreateVersion7();
        for (var i = 0; i < pages.Count; i++)
        {
            await transaction.SendAsync(new CatalogueCopied
            {
                City = city.Id,
                Ask = asker.Ask,
                Copy = copy,
                Page = i + 1,
                Pages = pages.Count,
                Count = count,
                Hash = hash,
                Entries = [.. pages[i].Where(change => !change.Tombstone).Select(change => change.Message.Deserialize<DatasetPublished>(MessageJson.Options)!.Entry)],
                Withdrawn = [.. pages[i].Where(change => change.Tombstone).Select(change => new WithdrawnEntry(change.Key, change.Version))],
            }, asker.City, copy, cancel);
        }

        LogCopied(log, asker.City, count, known.Count);
    }

    private async Task<bool> TakeTurnAsync(string asker, CancellationToken cancel) => await transaction.Connection.ExecuteAsync(new CommandDefinition("""
        insert into catalogue_answers (city, answered_at) values (@asker, clock_timestamp())
        on conflict (city) do update set answered_at = excluded.answered_at
        where catalogue_answers.answered_at < clock_timestamp() - @pause or catalogue_answers.answered_at > clock_timestamp()
        """, new { asker, pause = settings.CatalogueEvery / 2 }, cancellationToken: cancel)) == 1;

    /// <summary>At least one, also of nothing: an owner that has no entries any more must be able to say so.</summary>
    internal static List<List<FeedChange>> PagesOf(IReadOnlyList<FeedChange> changes)
    {
        List<List<FeedChange>> pages = [[]];
        var size = 0;
        foreach (var change in changes)
        {
            var length = change.Tombstone ? 0 : change.Message.ToJsonString(MessageJson.Options).Length;
            if (pages[^1].Count == EntriesPerPage || (pages[^1].Count > 0 && size + length > CharactersPerPage))
            {
                pages.Add([]);
                size = 0;
            }

            pages[^1].Add(change);
            size += length;
        }

        return pages;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Asker} knew {Known} entries otherwise than they are here and gets a copy of all {Count}")]
    private static partial void LogCopied(ILogger log, string asker, long count, long known);
}
