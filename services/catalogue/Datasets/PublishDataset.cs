using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Datasets;

/// <summary>The city's data authority reviews the entry and puts it into the catalogue that all departments see (arts. 16, 17).</summary>
internal static class PublishDataset
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost("/datasets/{id:guid}/publish", PostAsync).AllowPersons(Roles.Authority).Writes()
            .WithSummary("The city's data authority publishes a reviewed entry (arts. 16, 17).");

    private static async Task<Results<Ok<DatasetView>, Refused>> PostAsync(
        Guid id, Caller caller, City city, Transaction transaction, CatalogueDuties duties, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        if (caller.City != city.Id)
        {
            return new Refused(DatasetRefusals.ForeignCity);
        }

        var connection = transaction.Connection;
        if (await Dataset.LockAsync(connection, id, cancel) is not { } dataset)
        {
            return Pipeline.NotFound();
        }

        if (http.IfMatch(dataset.Revision) is { } refused)
        {
            return refused;
        }

        if (await dataset.VersionAsync(connection, dataset.WorkingVersion, cancel) is not { State: "in_review" } version)
        {
            return new Refused(DatasetRefusals.WrongState);
        }

        if (version.DraftedBy == caller.Subject || version.ApprovedBy == caller.Subject)
        {
            return new Refused(DatasetRefusals.SamePerson);
        }

        // A grant may have begun since the draft was written.
        if (await dataset.VersionAsync(connection, dataset.PublishedVersion, cancel) is { } standing
            && await RunningGrants.ChangesAsync(connection, id, standing.Entry, version.Entry, cancel) is { Count: > 0 } changes)
        {
            return new Refused(DatasetRefusals.GrantRuns, new(string.Concat(changes.Select(c => c.Message.Zh)), string.Join(' ', changes.Select(c => c.Message.En))));
        }

        var now = clock.Now();
        var releasedOn = dataset.ReleasedOn ?? LegalDay.Of(now);
        await connection.ExecuteAsync(new CommandDefinition("""
            update dataset_versions set state = 'replaced' where dataset_id = @id and version = @PublishedVersion and state = 'published';
            update dataset_versions set state = 'published', published_by = @Subject, published_by_name = @Name, published_at = @now
            where dataset_id = @id and version = @Version and state = 'in_review';
            update datasets set published_version = @Version, working_version = null, released_on = @releasedOn, revision = revision + 1 where dataset_id = @id;
            """, new { id, dataset.PublishedVersion, version.Version, caller.Subject, caller.Name, now, releasedOn }, cancellationToken: cancel));
        await DatasetHistory.AddAsync(connection, id, version.Version, "published", caller, Roles.Authority, now, cancel);
        await duties.ReviewedAsync(id, now, cancel);

        var entry = DatasetViews.Entry(dataset with { ReleasedOn = releasedOn }, version with { PublishedAt = now }, city);
        await transaction.PublishFeedAsync(new DatasetPublished { City = city.Id, Entry = entry }, new FeedEntry(Topology.DatasetFeed, id, version.Version, Tombstone: false), cancel);
        await transaction.RecordAsync(new AuditRecord
        {
            Type = "dataset.published",
            Providing = dataset.DepartmentCode,
            Service = id,
            ServiceVersion = version.Version,
            Result = "published",
            Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["sharing_type"] = entry.SharingType, ["authority"] = city.Authority.Code },
            Openings = new Dictionary<string, string>(StringComparer.Ordinal) { ["approved_by"] = version.ApprovedBy!, ["published_by"] = caller.Subject },
        }, cancel);
        return await DatasetRoutes.ShowAsync(connection, id, city, caller, http, cancel);
    }
}
