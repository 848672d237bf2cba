using System.Numerics;
using Exchange.Hosting.Transparency;

namespace Exchange.Audit.Log;

/// <summary>A node whose whole subtree is filled: the hash of leaves [Index·2^Level, (Index+1)·2^Level).</summary>
internal readonly record struct FullNode(int Level, long Index);

/// <summary>Which full nodes make a proof; their hashes come from tiles.</summary>
internal static class Proofs
{
    /// <summary>The audit path of RFC 6962, 2.1.1, leaf side first. Each step is the fold of the full nodes of one sibling.</summary>
    public static IReadOnlyList<IReadOnlyList<FullNode>> Inclusion(long index, long size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, size);
        List<IReadOnlyList<FullNode>> steps = [];
        long from = 0, to = size;
        while (to - from > 1)
        {
            var split = from + Merkle.Split(to - from);
            if (index < split)
            {
                steps.Add(Cover(split, to));
                to = split;
            }
            else
            {
                steps.Add(Cover(from, split));
                from = split;
            }
        }
        steps.Reverse();
        return steps;
    }

    /// <summary>The consistency proof of RFC 6962, 2.1.2.</summary>
    public static IReadOnlyList<IReadOnlyList<FullNode>> Consistency(long oldSize, long newSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(oldSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(oldSize, newSize);
        List<IReadOnlyList<FullNode>> steps = [];
        if (oldSize == 0 || oldSize == newSize)
        {
            return steps;
        }
        long from = 0, to = newSize;
        var known = true; // the subtree [from, oldSize) is the old tree itself: the checker has its root
        while (oldSize < to)
        {
            var split = from + Merkle.Split(to - from);
            if (oldSize <= split)
            {
                steps.Add(Cover(split, to));
                to = split;
            }
            else
            {
                steps.Add(Cover(from, split));
                from = split;
                known = false;
            }
        }
        if (!known)
        {
            steps.Add(Cover(from, to));
        }
        steps.Reverse();
        return steps;
    }

    /// <summary>The full nodes whose fold is the root of the first <paramref name="size"/> leaves.</summary>
    public static IReadOnlyList<FullNode> Root(long size) => Cover(0, size);

    public static byte[] Fold(IReadOnlyList<FullNode> nodes, Func<FullNode, byte[]> hash)
    {
        if (nodes.Count == 0)
        {
            return Merkle.EmptyRoot;
        }
        var result = hash(nodes[^1]);
        for (var i = nodes.Count - 2; i >= 0; i--)
        {
            result = Merkle.NodeHash(hash(nodes[i]), result);
        }
        return result;
    }

    private static List<FullNode> Cover(long from, long to)
    {
        List<FullNode> nodes = [];
        while (from < to)
        {
            var level = Math.Min(BitOperations.Log2((ulong)(to - from)), from == 0 ? 62 : BitOperations.TrailingZeroCount(from));
            nodes.Add(new FullNode(level, from >> level));
            from += 1L << level;
        }
        return nodes;
    }
}

/// <summary>The right edge of the tree: the roots of its full subtrees, largest first. It is all that appending needs.</summary>
internal sealed class Edge
{
    private readonly Stack<byte[]> hashes = new();

    private Edge(long size) => Size = size;

    public long Size { get; private set; }

    public static Edge Empty => new(0);

    public static Edge Read(long size, ReadOnlySpan<byte> hashes)
    {
        if (size < 0 || hashes.Length != BitOperations.PopCount((ulong)size) * Merkle.HashSize)
        {
            throw new InvalidDataException($"The stored edge of a tree of {size} has {hashes.Length} bytes.");
        }
        var edge = new Edge(size);
        for (var i = 0; i < hashes.Length; i += Merkle.HashSize)
        {
            edge.hashes.Push(hashes.Slice(i, Merkle.HashSize).ToArray());
        }
        return edge;
    }

    /// <summary>Adds one leaf hash and tells which tile hashes that completes: (tile level, index in that level, hash).</summary>
    public void Append(byte[] leafHash, Action<int, long, byte[]> tileHash)
    {
        var hash = leafHash;
        var level = 0;
        tileHash(0, Size, hash);
        for (var index = Size; (index & 1) == 1; index >>= 1)
        {
            hash = Merkle.NodeHash(hashes.Pop(), hash);
            level++;
            if (level % TilePath.Height == 0)
            {
                tileHash(level / TilePath.Height, index >> 1, hash);
            }
        }
        hashes.Push(hash);
        Size++;
    }

    public byte[] Root()
    {
        if (Size == 0)
        {
            return Merkle.EmptyRoot;
        }
        // A stack enumerates from the smallest subtree, which is where the fold starts.
        byte[]? root = null;
        foreach (var hash in hashes)
        {
            root = root is null ? hash : Merkle.NodeHash(hash, root);
        }
        return root!;
    }

    public byte[] Write() => [.. hashes.Reverse().SelectMany(hash => hash)];
}
