using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Datasets;

/// <summary>
/// What an entry said in each of its published versions, for the gateway alone, which shows how they differ. Also of an entry that was withdrawn.
/// Whether the reader may see it is the gateway's to judge; for readers without a token it asks for the versions that were open to society, and learns of no others.
/// </summary>
internal static class ReadVersions
{
    private const int Most = 50;

    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/datasets/{id:guid}/versions", GetAsync).AllowCallers(Roles.Repair)
            .WithSummary("The published versions of an entry, newest first.");

    /// <param name="open">Only versions that were open to society.</param>
    /// <param name="before">Only versions below this one.</param>
    private static async Task<Results<Ok<VersionsPage>, Refused>> GetAsync(Guid id, City city, Database database, CancellationToken cancel, bool open = false, int? before = null, int limit = 20)
    {
        if (limit is < 1 or > Most)
        {
            var faults = new Faults();
            faults.Add("limit", "out-of-range", null, new($"应为 1 至 {Most}。", $"This must be 1 to {Most}."));
            return new Refused(faults);
        }

        await using var connection = await database.OpenAsync(cancel);
        if (await Dataset.FindAsync(connection, id, cancel) is not { ReleasedOn: not null } dataset)
        {
            return Pipeline.NotFound();
        }

        var versions = await connection.QueryAsync<DatasetVersion>(new CommandDefinition($"""
            select {DatasetVersion.Columns} from dataset_versions
            where dataset_id = @id and published_at is not null and (not @open or (entry ->> 'open_to_society')::boolean) and (@before::int is null or version < @before)
            order by version desc
            limit @limit
            """, new { id, open, before, limit }, cancellationToken: cancel));
        return TypedResults.Ok(new VersionsPage([.. versions.Select(v => new PublishedVersion(DatasetViews.Entry(dataset, v, city), v.WithdrawnAt, v.WithdrawnReason))]));
    }
}

internal sealed record VersionsPage(IReadOnlyList<PublishedVersion> Items);

/// <summary>One version as it was published; with when and why, if it is the one that was withdrawn.</summary>
internal sealed record PublishedVersion(DatasetEntry Entry, DateTimeOffset? WithdrawnAt, string? WithdrawnReason);
