using System.Data;
using Dapper;
using Exchange.Audit.Log;
using Exchange.Verifier;
using Npgsql;

namespace Exchange.Tests.Audit;

internal static class LogCheck
{
    /// <summary>Recomputes every log from its leaves, with the verifier's hashing, and compares all that was stored beside them.</summary>
    public static async Task RunAsync(NpgsqlConnection connection)
    {
        // One state of it all, whatever is appended meanwhile.
        await using var snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead);
        foreach (var log in await connection.QueryAsync<LogRow>("select year, size, edge, received_at from logs order by year"))
        {
            var leaves = (await connection.QueryAsync<LeafRow>($"select l.idx, l.hash, l.bytes, e.event_id from leaves l left join events e using (year, idx) where year = {log.Year} order by idx")).AsList();
            Assert.Equal(log.Size, leaves.Count);
            var tree = new MemoryLog();
            var last = DateTimeOffset.MinValue;
            foreach (var (position, leaf) in leaves.Index())
            {
                Assert.Equal(position, leaf.Idx);
                Assert.True(Hashing.Leaf(leaf.Bytes).AsSpan().SequenceEqual(leaf.Hash), $"Leaf {leaf.Idx} of {log.Year} does not have the hash in the log.");
                var told = Leaf.Parse(leaf.Bytes);
                Assert.Equal(leaf.EventId?.ToString(), told.Event.GetProperty("id").GetString());
                Assert.True(told.ReceivedAt >= last && told.ReceivedAt <= log.ReceivedAt && told.ReceivedAt.Year == log.Year);
                last = told.ReceivedAt;
                tree.Append(leaf.Bytes);
            }
            Assert.Equal(tree.Edge.Write(), log.Edge);
            var tiles = (await connection.QueryAsync<TileRow>($"select level, idx, bytes from tiles where year = {log.Year}")).ToDictionary(tile => (tile.Level, tile.Idx), tile => tile.Bytes);
            Assert.Equal(tree.Tiles.OrderBy(tile => tile.Key), tiles.OrderBy(tile => tile.Key));
            foreach (var checkpoint in await connection.QueryAsync<CheckpointRow>($"select size, root, note from checkpoints where year = {log.Year}"))
            {
                Assert.Equal(Proofs.Fold(Proofs.Root(checkpoint.Size), tree.Hashes.Hash), checkpoint.Root);
                Assert.Contains($"\n{checkpoint.Size}\n{Convert.ToBase64String(checkpoint.Root)}\n\n— ", checkpoint.Note, StringComparison.Ordinal);
            }
        }
    }

    private sealed record LogRow
    {
        public required int Year { get; init; }
        public required long Size { get; init; }
        public required byte[] Edge { get; init; }
        public required DateTimeOffset ReceivedAt { get; init; }
    }

    private sealed record LeafRow
    {
        public required long Idx { get; init; }
        public required byte[] Hash { get; init; }
        public required byte[] Bytes { get; init; }
        public Guid? EventId { get; init; }
    }

    private sealed record TileRow
    {
        public required int Level { get; init; }
        public required long Idx { get; init; }
        public required byte[] Bytes { get; init; }
    }

    private sealed record CheckpointRow
    {
        public required long Size { get; init; }
        public required byte[] Root { get; init; }
        public required string Note { get; init; }
    }
}

