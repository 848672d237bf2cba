using Exchange.Catalogue.Departments;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace Exchange.Catalogue.Datasets;

/// <summary>An officer writes a new entry for the own department (art. 12, 13).</summary>
internal static class DraftDataset
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost("/datasets", PostAsync).AllowCallers(Roles.Officer).Writes()
            .WithSummary("Drafts an entry for the own department (art. 13); all faults at once. With check=true it only tells them and keeps nothing.");

    private static async Task<Results<Created<DatasetView>, NoContent, Refused>> PostAsync(
        EntryDraft draft, Caller caller, City city, Transaction transaction, TimeProvider clock, HttpContext http, CancellationToken cancel, bool check = false)
    {
        var faults = EntryRules.Check(draft);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        if (caller.City != city.Id || caller.Department != draft.DepartmentCode || await ListDepartments.FindAsync(transaction.Connection, draft.DepartmentCode!, cancel) is null)
        {
            return new Refused(DatasetRefusals.ForeignDepartment);
        }

        if (check)
        {
            return TypedResults.NoContent();
        }

        try
        {
            var id = await Drafts.CreateAsync(transaction.Connection, draft.Normalised(), caller, "drafted", clock.Now(), cancel);
            var dataset = (await Dataset.FindAsync(transaction.Connection, id, cancel))!;
            http.SetETag(dataset.Revision);
            return TypedResults.Created($"/datasets/{id}", await DatasetViews.ReadAsync(transaction.Connection, dataset, city, caller, cancel));
        }
        catch (PostgresException fault) when (Drafts.Taken(fault) is { } rule)
        {
            return new Refused(rule);
        }
    }
}
