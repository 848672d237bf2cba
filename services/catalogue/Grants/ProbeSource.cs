using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Sharing;

namespace Exchange.Catalogue.Grants;

/// <summary>Asks a dataset's source for an answer under a new grant; the first answer activates it and stops the delivery clock (art. 22).</summary>
internal sealed class ProbeSource(SharingStore store, RowTables tables)
{
    /// <summary>Probes within the caller's transaction. A source that does not answer is asked again by the sweep.</summary>
    public async Task RunAsync(Guid exchangeId, CancellationToken cancel)
    {
        if (await store.FindAsync(exchangeId, Side.Owning, cancel) is { Process: { State: SharingState.Approved, Grant: { } terms } } stored
            && await tables.AnswersAsync(terms.DatasetId, GrantedScope.Of(terms), cancel))
        {
            await store.ApplyAsync(stored, new SharingEvent.SourceAnswered(), cancel);
        }
    }
}
