using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Datasets;

/// <summary>The head of the department takes an entry out of the catalogue, with a reason. Refused while a grant runs (art. 27). A version in work goes with it.</summary>
internal static class WithdrawDataset
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost("/datasets/{id:guid}/withdraw", PostAsync).AllowPersons(Roles.DepartmentHead).Writes()
            .WithSummary("Takes an entry out of the catalogue with a reason; refused while a grant runs (art. 27).");

    private static async Task<Results<Ok<DatasetView>, Refused>> PostAsync(
        Guid id, Withdrawal withdrawal, Caller caller, City city, Transaction transaction, CatalogueDuties duties, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        var connection = transaction.Connection;
        if (await Dataset.LockAsync(connection, id, cancel) is not { } dataset)
        {
            return Pipeline.NotFound();
        }

        if ((dataset.NotOwn(caller, city) ?? http.IfMatch(dataset.Revision)) is { } refused)
        {
            return refused;
        }

        var faults = new Faults();
        faults.RequireText("reason", withdrawal.Reason, "第27条", 1000);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        if (dataset.PublishedVersion is not { } published)
        {
            return new Refused(DatasetRefusals.WrongState);
        }

        if (await RunningGrants.AnyAsync(connection, id, cancel))
        {
            return new Refused(DatasetRefusals.GrantRuns);
        }

        // The tombstone takes the next number, so that it is newer than what it ends; the entry's next text is numbered above it.
        var tombstone = published + 1;
        var now = clock.Now();
        var reason = withdrawal.Reason!.Trim();
        await connection.ExecuteAsync(new CommandDefinition("""
            update dataset_versions set state = 'withdrawn', withdrawn_by = @Subject, withdrawn_at = @now, withdrawn_reason = @reason
            where dataset_id = @id and version in (@published, @WorkingVersion);
            update datasets set published_version = null, working_version = null, last_version = greatest(last_version, @tombstone), revision = revision + 1 where dataset_id = @id;
            """, new { id, published, dataset.WorkingVersion, tombstone, reason, caller.Subject, now }, cancellationToken: cancel));
        await DatasetHistory.AddAsync(connection, id, published, "withdrawn", caller, Roles.DepartmentHead, now, cancel, note: reason);
        await duties.WithdrawnAsync(id, now, cancel);
        await transaction.PublishFeedAsync(
            new DatasetWithdrawn { City = city.Id, DatasetId = id, Version = tombstone, Reason = reason, WithdrawnAt = now }, new FeedEntry(Topology.DatasetFeed, id, tombstone, Tombstone: true), cancel);
        await transaction.RecordAsync(new AuditRecord
        {
            Type = "dataset.withdrawn",
            Providing = dataset.DepartmentCode,
            Service = id,
            ServiceVersion = published,
            Result = "withdrawn",
            Openings = new Dictionary<string, string>(StringComparer.Ordinal) { ["withdrawn_by"] = caller.Subject },
        }, cancel);
        return await DatasetRoutes.ShowAsync(connection, id, city, caller, http, cancel);
    }

    internal sealed record Withdrawal(string? Reason);
}
