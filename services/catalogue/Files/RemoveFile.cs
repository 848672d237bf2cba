using Dapper;
using Exchange.Catalogue.Datasets;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Files;

/// <summary>
/// The department takes a file back, or one version of it. While a grant runs its newest version stays (art. 27), an older one may go. What is being sent is sent to its end; the bytes leave the
/// disk a while later, the row stays.
/// </summary>
internal static class RemoveFile
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapDelete("/datasets/{id:guid}/files/{name}", DeleteAsync).AllowCallers(Roles.Officer).Writes()
            .WithSummary("Removes a file with all its versions, or one version; refused while a grant runs unless a newer version stays (art. 27).");

    /// <param name="version">Only this one; without it, the whole file.</param>
    private static async Task<Results<Ok<FileList>, Refused>> DeleteAsync(
        Guid id, string name, Caller caller, City city, Transaction transaction, TimeProvider clock, HttpContext http, CancellationToken cancel, int? version = null)
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

        name = name.Normalize();
        var versions = (await DatasetFile.AllAsync(connection, id, cancel)).Where(f => f.Name == name).ToList();
        if (versions.Count == 0 || (version is not null && versions.TrueForAll(f => f.FileVersion != version)))
        {
            return Pipeline.NotFound();
        }

        // The list begins with the newest.
        if ((version is null || version == versions[0].FileVersion) && await RunningGrants.AnyAsync(connection, id, cancel))
        {
            return new Refused(DatasetRefusals.GrantRuns);
        }

        var now = clock.Now();
        await connection.ExecuteAsync(new CommandDefinition("""
            update dataset_files set removed_at = @now, removed_by = @Subject
            where dataset_id = @id and name = @name and removed_at is null and (@version::int is null or file_version = @version)
            """, new { id, name, version, now, caller.Subject }, cancellationToken: cancel));
        await DatasetRoutes.TouchAsync(connection, id, cancel);
        await DatasetHistory.AddAsync(connection, id, versions[0].EntryVersion, "file_removed", caller, Roles.Officer, now, cancel, note: version is null ? name : $"{name}, version {version}");
        http.SetETag(dataset.Revision + 1);
        return TypedResults.Ok(new FileList(FileView.Of(await DatasetFile.AllAsync(connection, id, cancel), insider: true)));
    }
}
