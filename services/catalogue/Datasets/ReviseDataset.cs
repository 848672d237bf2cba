using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace Exchange.Catalogue.Datasets;

/// <summary>An officer changes an entry: the version in work starts over as a draft; a published one stays in the catalogue while its successor is prepared (art. 17).</summary>
internal static class ReviseDataset
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPut("/datasets/{id:guid}", PutAsync).AllowCallers(Roles.Officer).Writes()
            .WithSummary("Changes an entry: the version in work, or a new one beside the published (art. 17). With check=true it only tells what is wrong and keeps nothing.");

    private static async Task<Results<Ok<DatasetView>, NoContent, Refused>> PutAsync(
        Guid id, EntryDraft draft, Caller caller, City city, Transaction transaction, TimeProvider clock, HttpContext http, CancellationToken cancel, bool check = false)
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

        var published = await dataset.VersionAsync(connection, dataset.PublishedVersion, cancel);
        var faults = EntryRules.Check(draft);
        if (draft.DepartmentCode is { } department && department != dataset.DepartmentCode)
        {
            faults.Add("department_code", "department-fixed", "第12条", new("目录不能转到其他部门。", "An entry stays with its department."));
        }

        if (published?.Entry.Code is { } code && draft.Code?.Trim() != code)
        {
            faults.Add("code", "code-fixed", null, new("目录发布后，信息资源代码不再更改。", "After publication the code stays as it is."));
        }

        if (faults.Any)
        {
            return new Refused(faults);
        }

        var next = draft.Normalised();
        var newest = await dataset.NewestAsync(connection, cancel);
        if (published is not null && await RunningGrants.ChangesAsync(connection, id, published.Entry, next, cancel) is { Count: > 0 } changes)
        {
            return new Refused(DatasetRefusals.GrantRuns, new(string.Concat(changes.Select(c => c.Message.Zh)), string.Join(' ', changes.Select(c => c.Message.En))));
        }

        if (check)
        {
            return TypedResults.NoContent();
        }

        // A withdrawn entry may come back with the same words; anything else that says the same changes nothing.
        if (newest.State == "withdrawn" || !newest.Entry.Says(next))
        {
            try
            {
                await Drafts.ReviseAsync(connection, dataset, newest, next, caller, "revised", clock.Now(), cancel);
            }
            catch (PostgresException fault) when (Drafts.Taken(fault) is { } rule)
            {
                return new Refused(rule);
            }
        }

        var shown = await DatasetRoutes.ShowAsync(connection, id, city, caller, http, cancel);
        return shown.Result switch { Ok<DatasetView> ok => ok, Refused refusal => refusal, var other => throw new InvalidOperationException($"An entry is not shown as {other.GetType().Name}.") };
    }
}
