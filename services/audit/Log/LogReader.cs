using Dapper;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Audit.Log;

/// <summary>Reads proofs out of the stored tiles.</summary>
internal sealed class LogReader(Database database)
{
    public async Task<IReadOnlyList<byte[]>> InclusionAsync(int year, long index, long size, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        return await HashesAsync(connection, year, Proofs.Inclusion(index, size), cancel);
    }

    public async Task<IReadOnlyList<byte[]>> ConsistencyAsync(int year, long oldSize, long newSize, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        return await HashesAsync(connection, year, Proofs.Consistency(oldSize, newSize), cancel);
    }

    public static async Task<IReadOnlyList<byte[]>> HashesAsync(NpgsqlConnection connection, int year, IReadOnlyList<IReadOnlyList<FullNode>> steps, CancellationToken cancel)
    {
        var tiles = steps.SelectMany(step => step).Select(TileHashes.TileOf).Distinct().ToList();
        var rows = await connection.QueryAsync<TileRow>(new CommandDefinition("""
            select t.level, t.idx, t.bytes
            from tiles t join unnest(@Level, @Idx) as wanted (level, idx) using (level, idx)
            where t.year = @year
            """, new { year, Level = tiles.Select(tile => tile.Level).ToArray(), Idx = tiles.Select(tile => tile.Index).ToArray() }, cancellationToken: cancel));
        var hashes = new TileHashes(rows.ToDictionary(row => (row.Level, row.Idx), row => row.Bytes));
        return [.. steps.Select(step => Proofs.Fold(step, hashes.Hash))];
    }

    private sealed record TileRow
    {
        public required int Level { get; init; }
        public required long Idx { get; init; }
        public required byte[] Bytes { get; init; }
    }
}
