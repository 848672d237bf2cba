using Exchange.Audit.Log;
using Exchange.Hosting.Transparency;

namespace Exchange.Tests.Audit;

/// <summary>The log's tree kept in memory: the same edge and tiles as in the database, for any number of leaves.</summary>
internal sealed class MemoryLog
{
    private readonly Edge edge = Edge.Empty;
    private readonly Dictionary<(int Level, long Index), List<byte>> tiles = [];

    public long Size => edge.Size;

    public byte[] Root => edge.Root();

    public Edge Edge => edge;

    public IReadOnlyDictionary<(int Level, long Index), byte[]> Tiles => tiles.ToDictionary(tile => tile.Key, tile => tile.Value.ToArray());

    public TileHashes Hashes => new(Tiles);

    public void Append(byte[] leaf) => edge.Append(Merkle.LeafHash(leaf), (level, index, hash) =>
    {
        var tile = (level, index / TilePath.FullWidth);
        if (!tiles.TryGetValue(tile, out var bytes))
        {
            tiles[tile] = bytes = [];
        }
        Assert.Equal(bytes.Count, (int)(index % TilePath.FullWidth) * Merkle.HashSize);
        bytes.AddRange(hash);
    });
}
