using Dapper;
using Exchange.Catalogue.DataServices;
using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Files;
using Exchange.Catalogue.Sharing;
using Exchange.Hosting;

namespace Exchange.Catalogue.Grants;

/// <summary>Asks a dataset's source for an answer under a new grant; the first answer activates it and stops the delivery clock (art. 22).</summary>
internal sealed class ProbeSource(SharingStore store, RowTables tables, FileStore files, Upstreams upstreams, Database database)
{
    /// <summary>Probes within the caller's transaction. A source that does not answer is asked again by the sweep.</summary>
    public async Task RunAsync(Guid exchangeId, CancellationToken cancel)
    {
        if (await store.FindAsync(exchangeId, Side.Owning, cancel) is { Process: { State: SharingState.Approved, Grant: { } terms } } stored
            && await AnswersAsync(terms.DatasetId, GrantedScope.Of(terms), cancel))
        {
            await store.ApplyAsync(stored, new SharingEvent.SourceAnswered(), cancel);
        }
    }

    /// <summary>Where the published entry says that its data is: rows in a table, a file in the folder, or the department's own service.</summary>
    private async Task<bool> AnswersAsync(Guid dataset, GrantedScope scope, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var format = await connection.QuerySingleOrDefaultAsync<string?>(new CommandDefinition("""
            select v.entry ->> 'format' from datasets d join dataset_versions v on v.dataset_id = d.dataset_id and v.version = d.published_version where d.dataset_id = @dataset
            """, new { dataset }, cancellationToken: cancel));
        return format switch
        {
            "service" => await ServiceTable.FindAsync(connection, dataset, cancel) is { } service && await upstreams.AnswersAsync(service, cancel),
            _ when FileFormat.IsFile(format) => (await DatasetFile.DeliverableAsync(connection, dataset, scope, cancel)).Any(f => files.Has(f.StoredAs)),
            _ => await tables.AnswersAsync(dataset, scope, cancel),
        };
    }
}
