using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Datasets;

/// <summary>What the gateway asks to know whether it missed a change, and to get what it missed. For its repair client alone.</summary>
internal static class ReadChanges
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/datasets/digest", DigestAsync).AllowCallers(Roles.Repair)
            .WithSummary("Where the change feed stands, and on request the feed of figures.");
        routes.MapGet("/datasets/changes", ChangesAsync).AllowCallers(Roles.Repair)
            .WithSummary("Changes above a number, newest per dataset; all, or those of one part.");
        routes.MapGet("/datasets/parts", PartsAsync).AllowCallers(Roles.Repair)
            .WithSummary("Digests of the change feed's parts: the datasets whose id ends in the same byte.");
    }

    /// <param name="figures">Told on request only: a gateway that does not know them would not understand the answer.</param>
    private static async Task<CatalogueState> DigestAsync(Feeds feeds, Database database, CancellationToken cancel, bool figures = false)
    {
        var digest = await feeds.DigestAsync(Topology.DatasetFeed, cancel);
        return new CatalogueState(digest.Epoch, digest.Change, digest.Count, digest.Hash, digest.At, figures ? await ReadFigures.DigestAsync(database, cancel) : null);
    }

    private static async Task<FeedParts> PartsAsync(Feeds feeds, CancellationToken cancel)
    {
        // The digest on both sides of the parts: equal ones say that nothing was published in between.
        var before = await feeds.DigestAsync(Topology.DatasetFeed, cancel);
        var parts = await feeds.PartsAsync(Topology.DatasetFeed, cancel);
        var after = await feeds.DigestAsync(Topology.DatasetFeed, cancel);
        return new FeedParts(after.Epoch, before.Epoch == after.Epoch && before.Change == after.Change ? after.Change : null, parts);
    }

    private static async Task<Results<Ok<ChangePage>, Refused>> ChangesAsync(Feeds feeds, CancellationToken cancel, long after = 0, int limit = 500, int? part = null)
    {
        if (limit is < 1 or > 1000 || after < 0 || part is < 0 or > 255)
        {
            var faults = new Faults();
            faults.Add("limit", "out-of-range", null, new("limit 应为 1 至 1000，after 不小于 0，part 为 0 至 255。", "limit must be 1 to 1000, after at least 0 and part 0 to 255."));
            return new Refused(faults);
        }

        // The digest first: if the feed is rebuilt in between, the reader sees the old epoch and asks again.
        var digest = await feeds.DigestAsync(Topology.DatasetFeed, cancel);
        return TypedResults.Ok(new ChangePage(digest.Epoch, digest.Change, await feeds.ChangesAsync(Topology.DatasetFeed, after, limit, part, cancel)));
    }
}

/// <summary>Changes above a number, newest per dataset; <see cref="Change"/> is the feed's newest number when they were read.</summary>
internal sealed record ChangePage(Guid Epoch, long Change, IReadOnlyList<FeedChange> Items);

/// <summary>The feed's parts as of one change; without its number when something was published while they were read.</summary>
internal sealed record FeedParts(Guid Epoch, long? Change, IReadOnlyList<FeedPart> Parts);

/// <summary>As <see cref="FeedDigest"/>, with where the figures of datasets stand.</summary>
internal sealed record CatalogueState(Guid Epoch, long Change, long Count, string Hash, DateTimeOffset At, FiguresDigest? Figures);
