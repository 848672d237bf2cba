using Dapper;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Datasets;

/// <summary>The feed of datasets' figures, for the gateway's repair client alone.</summary>
internal static class ReadFigures
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/datasets/figures", GetAsync).AllowCallers(Roles.Repair)
            .WithSummary("Figures of datasets that changed above a number.");

    /// <summary>Where the figures' feed stands. A reader that follows it has the same sum: a row that is missing or old makes its sum smaller.</summary>
    public static async Task<FiguresDigest> DigestAsync(Database database, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        return await connection.QuerySingleAsync<FiguresDigest>(new CommandDefinition("""
            select epoch, change, swept_at as at, (select coalesce(sum(change), 0)::bigint from dataset_figures) as sum from figures_feed where one
            """, cancellationToken: cancel));
    }

    private static async Task<Results<Ok<FiguresPage>, Refused>> GetAsync(Database database, CancellationToken cancel, long after = 0, int limit = 500)
    {
        if (limit is < 1 or > 1000 || after < 0)
        {
            var faults = new Faults();
            faults.Add("limit", "out-of-range", null, new("limit 应为 1 至 1000，after 不小于 0。", "limit must be 1 to 1000 and after at least 0."));
            return new Refused(faults);
        }

        await using var connection = await database.OpenAsync(cancel);
        await using var results = await connection.QueryMultipleAsync(new CommandDefinition("""
            select epoch from figures_feed where one;
            select change, dataset_id, open_corrections, running_grants, grants, deliveries, data_updated_at from dataset_figures where change > @after order by change limit @limit
            """, new { after, limit }, cancellationToken: cancel));
        return TypedResults.Ok(new FiguresPage(await results.ReadSingleAsync<Guid>(), (await results.ReadAsync<FiguresChange>()).AsList()));
    }
}

/// <summary>Where the figures' feed stands.</summary>
internal sealed record FiguresDigest
{
    /// <summary>Another one means that the feed began anew.</summary>
    public required Guid Epoch { get; init; }

    /// <summary>Number of the newest change.</summary>
    public required long Change { get; init; }

    /// <summary>The figures are true as of then; null before the first sweep.</summary>
    public DateTimeOffset? At { get; init; }

    /// <summary>Of the change numbers of all rows.</summary>
    public required long Sum { get; init; }
}

internal sealed record FiguresPage(Guid Epoch, IReadOnlyList<FiguresChange> Items);

/// <summary>One dataset's figures as they are now.</summary>
internal sealed record FiguresChange
{
    public required long Change { get; init; }
    public required Guid DatasetId { get; init; }
    public required int OpenCorrections { get; init; }
    public required int RunningGrants { get; init; }

    /// <summary>Ever given, those that ended included.</summary>
    public required int Grants { get; init; }

    /// <summary>Ever opened, whatever became of them.</summary>
    public required long Deliveries { get; init; }

    /// <summary>When its rows were last loaded; null while the exchange holds none.</summary>
    public DateTimeOffset? DataUpdatedAt { get; init; }
}
