using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Hosting;

namespace Exchange.Catalogue.Datasets;

/// <summary>The clocks that an entry's way to publication starts and stops: the authority's review, and the department's duty to follow a change of law (art. 17).</summary>
internal sealed class CatalogueDuties(Transaction transaction, City city, WorkingDays days, Clocks clocks, Notices notices)
{
    /// <summary>A text goes to review: the authority's clock starts, and what the law asked of the department is done. The caller holds the dataset's lock.</summary>
    public async Task SubmittedAsync(Dataset dataset, int version, DateTimeOffset now, CancellationToken cancel)
    {
        var due = days.Add(LegalDay.Of(now), city.Limits.CatalogueReview);
        await clocks.StopAsync(dataset.DatasetId, CatalogueClocks.Review, now, cancel);
        // The same version may come to review again; the number of changes never comes again.
        await clocks.StartAsync(dataset.DatasetId, CatalogueClocks.Review, dataset.Revision + 1, department: null, due, now, cancel);
        await notices.AddAsync(CatalogueClocks.NoticeOf("catalogue.review", dataset.DatasetId, null, Roles.Authority, due.On), cancel);
        await MetAsync(dataset.DatasetId, version, now, cancel);
    }

    /// <summary>Published: the review is over.</summary>
    public Task ReviewedAsync(Guid dataset, DateTimeOffset now, CancellationToken cancel) => clocks.StopAsync(dataset, CatalogueClocks.Review, now, cancel);

    /// <summary>The entry is gone, and with it the version in review and what was left to update.</summary>
    public async Task WithdrawnAsync(Guid dataset, DateTimeOffset now, CancellationToken cancel)
    {
        await clocks.StopAsync(dataset, CatalogueClocks.Review, now, cancel);
        await MetAsync(dataset, version: null, now, cancel);
    }

    private async Task MetAsync(Guid dataset, int? version, DateTimeOffset now, CancellationToken cancel)
    {
        var met = (await transaction.Connection.QueryAsync<Guid>(new CommandDefinition(
            "update duty_changes set met_at = @now, met_version = @version where dataset_id = @dataset and met_at is null returning duty_change_id", new { dataset, version, now }, cancellationToken: cancel))).AsList();
        await Clocks.StopAsync(transaction.Connection, [.. met], CatalogueClocks.Update, now, cancel);
    }
}
