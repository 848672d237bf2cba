using System.Buffers.Binary;
using System.Globalization;
using Exchange.Hosting.Transparency;

namespace Exchange.Audit.Log;

/// <summary>A tile of c2sp.org/tlog-tiles: up to 256 hashes of tree level 8·Level, or with level "entries" up to 256 leaves.</summary>
/// <param name="Level">Null for an entry bundle.</param>
/// <param name="Index">Position among the tiles of its level.</param>
/// <param name="Width">256 for a full tile.</param>
internal readonly record struct TilePath(int? Level, long Index, int Width)
{
    public const int Height = 8;
    public const int FullWidth = 1 << Height;

    private const int HighestLevel = 7; // 2^(8·8) leaves are more than an index can count

    /// <summary>How many hashes this tile holds in a tree of that size.</summary>
    public static int WidthAt(int level, long index, long size)
    {
        var hashes = (size >> (Height * level)) - (index * FullWidth);
        return (int)Math.Clamp(hashes, 0, FullWidth);
    }

    /// <summary>Every tile of a tree, the partial one at each right edge included.</summary>
    public static IEnumerable<TilePath> All(long size)
    {
        for (var level = 0; level <= HighestLevel && size >> (Height * level) > 0; level++)
        {
            for (long index = 0; WidthAt(level, index, size) is var width and > 0; index++)
            {
                yield return new TilePath(level, index, width);
            }
        }
    }

    public override string ToString()
    {
        var rest = Index;
        var number = (rest % 1000).ToString("000", CultureInfo.InvariantCulture);
        while ((rest /= 1000) > 0)
        {
            number = string.Create(CultureInfo.InvariantCulture, $"x{rest % 1000:000}/{number}");
        }
        var level = Level?.ToString(CultureInfo.InvariantCulture) ?? "entries";
        return Width == FullWidth ? $"{level}/{number}" : string.Create(CultureInfo.InvariantCulture, $"{level}/{number}.p/{Width}");
    }

    /// <summary>Reads the one accepted spelling of a path; null for any other.</summary>
    public static TilePath? Parse(string path)
    {
        if (path.Length > 64)
        {
            return null;
        }
        var parts = path.Split('/').ToList();
        int? level = null;
        if (parts[0] != "entries")
        {
            if (!int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number > HighestLevel)
            {
                return null;
            }
            level = number;
        }
        var width = FullWidth;
        if (parts.Count >= 3 && parts[^2].EndsWith(".p", StringComparison.Ordinal))
        {
            if (!int.TryParse(parts[^1], NumberStyles.None, CultureInfo.InvariantCulture, out width) || width is < 1 or >= FullWidth)
            {
                return null;
            }
            parts[^2] = parts[^2][..^2];
            parts.RemoveAt(parts.Count - 1);
        }
        if (parts.Count is < 2 or > 6)
        {
            return null;
        }
        long index = 0;
        for (var i = 1; i < parts.Count; i++)
        {
            var digits = i < parts.Count - 1 && parts[i].StartsWith('x') ? parts[i][1..] : i == parts.Count - 1 ? parts[i] : "";
            if (digits.Length != 3 || !int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var group))
            {
                return null;
            }
            index = (index * 1000) + group;
        }
        var tile = new TilePath(level, index, width);
        // Whatever a lenient reading let through (leading zeros, superfluous groups) does not survive being written again.
        return tile.ToString() == path ? tile : null;
    }
}

/// <summary>Hashes of full nodes, read from the tiles that hold them.</summary>
internal sealed class TileHashes(IReadOnlyDictionary<(int Level, long Index), byte[]> tiles)
{
    /// <summary>The tile a node's hash is computed from.</summary>
    public static (int Level, long Index) TileOf(FullNode node)
    {
        var level = node.Level / TilePath.Height;
        return (level, node.Index << (node.Level % TilePath.Height) >> TilePath.Height);
    }

    public byte[] Hash(FullNode node)
    {
        var tile = TileOf(node);
        var within = node.Level % TilePath.Height;
        var first = (int)((node.Index << within) - (tile.Index * TilePath.FullWidth));
        if (!tiles.TryGetValue(tile, out var bytes) || bytes.Length < (first + (1 << within)) * Merkle.HashSize)
        {
            throw new InvalidDataException($"Tile {tile.Level}/{tile.Index} lacks the hashes of node {node.Level}/{node.Index}.");
        }
        return Merkle.FullNodeHash(bytes.AsSpan(first * Merkle.HashSize, Merkle.HashSize << within));
    }
}

/// <summary>The entry bundles of tlog-tiles: each leaf after its length as a big-endian 16-bit number.</summary>
internal static class EntryBundle
{
    public const int LargestLeaf = ushort.MaxValue;

    public static byte[] Write(IReadOnlyList<byte[]> leaves)
    {
        var bundle = new byte[leaves.Sum(leaf => 2 + leaf.Length)];
        var at = 0;
        foreach (var leaf in leaves)
        {
            BinaryPrimitives.WriteUInt16BigEndian(bundle.AsSpan(at), checked((ushort)leaf.Length));
            leaf.CopyTo(bundle, at + 2);
            at += 2 + leaf.Length;
        }
        return bundle;
    }
}
