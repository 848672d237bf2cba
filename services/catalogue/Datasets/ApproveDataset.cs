using Dapper;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Datasets;

/// <summary>The head of the department approves the entry (art. 13), which sends it to the authority for review (art. 16): one act, two lines of history.</summary>
internal static class ApproveDataset
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost("/datasets/{id:guid}/approve", PostAsync).AllowPersons(Roles.DepartmentHead).Writes()
            .WithSummary("The head of the department approves an assessed entry, which sends it to the authority (arts. 13, 16).");

    private static async Task<Results<Ok<DatasetView>, Refused>> PostAsync(
        Guid id, Caller caller, City city, Transaction transaction, CatalogueDuties duties, TimeProvider clock, HttpContext http, CancellationToken cancel)
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

        if (await dataset.VersionAsync(connection, dataset.WorkingVersion, cancel) is not { State: "assessed" } version)
        {
            return new Refused(DatasetRefusals.WrongState);
        }

        if (version.DraftedBy == caller.Subject)
        {
            return new Refused(DatasetRefusals.SamePerson);
        }

        var now = clock.Now();
        await connection.ExecuteAsync(new CommandDefinition("""
            update dataset_versions set state = 'in_review', approved_by = @Subject, approved_by_name = @Name, approved_at = @now
            where dataset_id = @id and version = @Version and state = 'assessed'
            """, new { id, version.Version, caller.Subject, caller.Name, now }, cancellationToken: cancel));
        await DatasetRoutes.TouchAsync(connection, id, cancel);
        await DatasetHistory.AddAsync(connection, id, version.Version, "approved", caller, Roles.DepartmentHead, now, cancel);
        await DatasetHistory.AddAsync(connection, id, version.Version, "submitted", caller, Roles.DepartmentHead, now, cancel);
        await duties.SubmittedAsync(dataset, version.Version, now, cancel);
        return await DatasetRoutes.ShowAsync(connection, id, city, caller, http, cancel);
    }
}
