using Dapper;
using Npgsql;

namespace Exchange.Gateway.Federation;

/// <summary>Where a city's feed of figures stands.</summary>
/// <param name="Epoch">Another one means that the feed began anew.</param>
/// <param name="Change">Number of the newest change.</param>
/// <param name="At">The figures are true as of then; null before the city has counted.</param>
/// <param name="Sum">Of the change numbers of all rows: a row that is missing or old makes it smaller.</param>
internal sealed record FiguresDigest(Guid Epoch, long Change, DateTimeOffset? At, long Sum);

/// <summary>What a city says of one dataset besides its entry.</summary>
internal sealed record FiguresChange
{
    public required long Change { get; init; }
    public required Guid DatasetId { get; init; }
    public required int OpenCorrections { get; init; }
    public required int RunningGrants { get; init; }
    public required int Grants { get; init; }
    public required long Deliveries { get; init; }
    public DateTimeOffset? DataUpdatedAt { get; init; }
}

/// <summary>
/// The only writer of the figures. As with entries a change is numbered under the lock of one row in the transaction that applies it, so a replica that has seen a
/// number has seen all below it, and each commit wakes the replicas.
/// </summary>
internal static class FigureTables
{
    /// <summary>Applies a page of changes; what is here already, or newer, stays.</summary>
    public static Task ApplyAsync(NpgsqlConnection connection, string city, IReadOnlyList<FiguresChange> changes, CancellationToken cancel) =>
        WriteAsync(connection, city, changes, "f.city = excluded.city and f.city_change < excluded.city_change", cancel);

    /// <summary>Makes the city's rows what a full pull found; one that the city no longer has says nothing any more.</summary>
    public static async Task ReplaceAsync(NpgsqlConnection connection, string city, IReadOnlyList<FiguresChange> found, CancellationToken cancel)
    {
        var gone = await connection.QueryAsync<Guid>(new CommandDefinition(
            "select dataset_id from dataset_figures where city = @city and city_change > 0 and dataset_id <> all(@found)",
            new { city, found = found.Select(f => f.DatasetId).ToArray() }, cancellationToken: cancel));
        var nothing = gone.Select(id => new FiguresChange { Change = 0, DatasetId = id, OpenCorrections = 0, RunningGrants = 0, Grants = 0, Deliveries = 0 });
        await WriteAsync(connection, city, [.. found, .. nothing], "f.city = excluded.city", cancel);
    }

    private static async Task WriteAsync(NpgsqlConnection connection, string city, IReadOnlyList<FiguresChange> changes, string wins, CancellationToken cancel) =>
        await connection.ExecuteAsync(new CommandDefinition($"""
            with locked as (
                update figures_position set change = change + @count where one returning change - @count as base, pg_notify(@Channel, ''))
            insert into dataset_figures as f (dataset_id, city, open_corrections, running_grants, grants, deliveries, data_updated_at, city_change, change)
            select c.dataset_id, @city, c.open_corrections, c.running_grants, c.grants, c.deliveries, c.data_updated_at, c.city_change, locked.base + c.place
            from locked, unnest(@Id, @Open, @Running, @Grants, @Deliveries, @Updated::timestamptz[], @Change) with ordinality
                as c (dataset_id, open_corrections, running_grants, grants, deliveries, data_updated_at, city_change, place)
            on conflict (dataset_id) do update
            set open_corrections = excluded.open_corrections, running_grants = excluded.running_grants, grants = excluded.grants, deliveries = excluded.deliveries,
                data_updated_at = excluded.data_updated_at, city_change = excluded.city_change, change = excluded.change
            where {wins}
            """, new
        {
            city,
            count = changes.Count,
            CatalogueTables.Channel,
            Id = changes.Select(c => c.DatasetId).ToArray(),
            Open = changes.Select(c => c.OpenCorrections).ToArray(),
            Running = changes.Select(c => c.RunningGrants).ToArray(),
            Grants = changes.Select(c => c.Grants).ToArray(),
            Deliveries = changes.Select(c => c.Deliveries).ToArray(),
            // Not as DateTime: the driver would take the kind of all from the first, and a dataset that was never loaded has none.
            Updated = changes.Select(c => c.DataUpdatedAt?.ToUniversalTime()).ToArray(),
            Change = changes.Select(c => c.Change).ToArray(),
        }, cancellationToken: cancel));
}
