using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Datasets;

/// <summary>
/// The data authority's review finds what must change (arts. 15, 16): the entry goes back to its department as a draft, with the reason. It loses its assessments and its
/// approval, for they are of the text that was not good enough. What a change of law asked of the department stays met: it was sent to review in time.
/// </summary>
internal static class ReturnDataset
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost("/datasets/{id:guid}/return", PostAsync).AllowPersons(Roles.Authority).Writes()
            .WithSummary("The city's data authority gives an entry in review back to its department, with what is to change (art. 16).");

    private static async Task<Results<Ok<DatasetView>, Refused>> PostAsync(
        Guid id, Body body, Caller caller, City city, Transaction transaction, CatalogueDuties duties, Notices notices, TimeProvider clock, HttpContext http, CancellationToken cancel)
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

        var faults = new Faults();
        faults.RequireText("reason", body.Reason, "第16条", 1000);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        if (await dataset.VersionAsync(connection, dataset.WorkingVersion, cancel) is not { State: "in_review" } version)
        {
            return new Refused(DatasetRefusals.WrongState);
        }

        var now = clock.Now();
        var reason = body.Reason!.Trim();
        await connection.ExecuteAsync(new CommandDefinition("""
            update dataset_versions set state = 'draft',
                secrecy_result = null, secrecy_note = null, secrecy_by = null, secrecy_at = null,
                personal_result = null, personal_note = null, personal_by = null, personal_at = null,
                approved_by = null, approved_by_name = null, approved_at = null
            where dataset_id = @id and version = @Version and state = 'in_review';
            update datasets set revision = revision + 1 where dataset_id = @id;
            """, new { id, version.Version }, cancellationToken: cancel));
        await DatasetHistory.AddAsync(connection, id, version.Version, "returned", caller, Roles.Authority, now, cancel, note: reason);
        await duties.ReviewedAsync(id, now, cancel);
        await notices.AddAsync(new Notice { Type = "catalogue.returned", Department = dataset.DepartmentCode, Role = Roles.Officer, DatasetId = id }, cancel);
        await transaction.RecordAsync(new AuditRecord
        {
            Type = "dataset.returned",
            Providing = dataset.DepartmentCode,
            Service = id,
            ServiceVersion = version.Version,
            Result = "returned",
            Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["authority"] = city.Authority.Code },
            Openings = new Dictionary<string, string>(StringComparer.Ordinal) { ["returned_by"] = caller.Subject, ["reason"] = reason },
        }, cancel);
        return await DatasetRoutes.ShowAsync(connection, id, city, caller, http, cancel);
    }

    internal sealed record Body
    {
        /// <summary>What is to change; its department reads it.</summary>
        public string? Reason { get; init; }
    }
}
