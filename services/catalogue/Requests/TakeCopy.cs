using System.Text.Json;
using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using MassTransit;

namespace Exchange.Catalogue.Requests;

/// <summary>
/// A copy of its owner's catalogue, in answer to what this city told. The owner is right about its own entries: what was heard before the asking and is not in the copy is gone,
/// also when the owner was restored and its versions went back. What was heard since the asking may be newer than the copy and gives way to a higher version only.
/// </summary>
internal sealed partial class TakeCopy(Transaction transaction, ILogger<TakeCopy> log) : IConsumer<CatalogueCopied>
{
    public async Task Consume(ConsumeContext<CatalogueCopied> context)
    {
        var (page, cancel) = (context.Message, context.CancellationToken);
        context.Require(page.City);
        if (page.Entries.Any(entry => entry.City != page.City))
        {
            throw new InvalidOperationException($"A copy of {page.City}'s catalogue carries an entry of another city.");
        }

        // A copy that a later one overtook is not waited for.
        var pages = (await transaction.Connection.QueryAsync<string>(new CommandDefinition("""
            delete from catalogue_pages where city = @City and ask < @Ask;
            insert into catalogue_pages (city, copy, page, ask, message)
            select @City, @Copy, @Page, @Ask, @message where not exists (select from catalogue_pages where city = @City and ask > @Ask)
            on conflict do nothing;
            select message from catalogue_pages where city = @City and copy = @Copy order by page;
            """, new { page.City, page.Copy, page.Page, page.Ask, message = JsonSerializer.Serialize(page, MessageJson.Options) }, cancellationToken: cancel))).AsList();
        if (pages.Count < page.Pages)
        {
            return;
        }

        await transaction.Connection.ExecuteAsync(new CommandDefinition("delete from catalogue_pages where city = @City and copy = @Copy", new { page.City, page.Copy }, cancellationToken: cancel));
        var whole = pages.Select(message => JsonSerializer.Deserialize<CatalogueCopied>(message, MessageJson.Options)!).ToList();
        var entries = whole.SelectMany(one => one.Entries).ToList();
        var withdrawn = whole.SelectMany(one => one.Withdrawn).ToList();
        if (FeedHash.Of([.. entries.Select(entry => (entry.DatasetId, entry.Version, false)), .. withdrawn.Select(entry => (entry.DatasetId, entry.Version, true))]) != (page.Count, page.Hash))
        {
            // Nothing is removed on the word of a copy that is not what it says; the next asking brings another.
            LogWrong(log, page.City, page.Copy);
            return;
        }

        var changed = await transaction.Connection.ExecuteAsync(new CommandDefinition(Replace, new
        {
            page.City,
            page.Ask,
            Id = entries.Select(entry => entry.DatasetId).Concat(withdrawn.Select(entry => entry.DatasetId)).ToArray(),
            Version = entries.Select(entry => entry.Version).Concat(withdrawn.Select(entry => entry.Version)).ToArray(),
            Withdrawn = entries.Select(_ => false).Concat(withdrawn.Select(_ => true)).ToArray(),
            Entry = entries.Select(entry => JsonSerializer.Serialize(entry, Json.Options)).Concat(withdrawn.Select(_ => "")).ToArray(),
        }, cancellationToken: cancel));
        LogTaken(log, page.City, page.Count, changed);
    }

    // Counted as heard in this asking: a copy for a later one replaces it again.
    private const string Replace = """
        delete from known_datasets where city = @City and heard_in < @Ask and dataset_id <> all(@Id);
        insert into known_datasets (dataset_id, city, version, withdrawn, entry, heard_in)
        select id, @City, version, withdrawn, entry, @Ask from unnest(@Id, @Version, @Withdrawn, @Entry) as c (id, version, withdrawn, entry)
        on conflict (dataset_id) do update
        set version = excluded.version, withdrawn = excluded.withdrawn, heard_in = excluded.heard_in,
            entry = case when excluded.withdrawn then known_datasets.entry else excluded.entry end
        where known_datasets.city = excluded.city and (known_datasets.heard_in < excluded.heard_in or known_datasets.version < excluded.version)
          and (known_datasets.version, known_datasets.withdrawn, known_datasets.entry) is distinct from
              (excluded.version, excluded.withdrawn, case when excluded.withdrawn then known_datasets.entry else excluded.entry end);
        """;

    [LoggerMessage(Level = LogLevel.Information, Message = "{City}'s catalogue of {Count} entries was copied; {Changed} were not known so")]
    private static partial void LogTaken(ILogger log, string city, long count, int changed);

    [LoggerMessage(Level = LogLevel.Error, Message = "Copy {Copy} of {City}'s catalogue does not give its own digest and is left aside")]
    private static partial void LogWrong(ILogger log, string city, Guid copy);
}
