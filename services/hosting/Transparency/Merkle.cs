using System.Numerics;
using System.Security.Cryptography;

namespace Exchange.Hosting.Transparency;

/// <summary>The hashes of RFC 6962, section 2.1.</summary>
public static class Merkle
{
    public const int HashSize = 32;

    public static byte[] EmptyRoot => SHA256.HashData([]);

    public static byte[] LeafHash(ReadOnlySpan<byte> leaf)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData([0]);
        hash.AppendData(leaf);
        return hash.GetHashAndReset();
    }

    public static byte[] NodeHash(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        Span<byte> node = stackalloc byte[1 + (2 * HashSize)];
        node[0] = 1;
        left.CopyTo(node[1..]);
        right.CopyTo(node[(1 + HashSize)..]);
        return SHA256.HashData(node);
    }

    /// <summary>Leaf hashes under a full node: 2^level of them, side by side.</summary>
    public static byte[] FullNodeHash(ReadOnlySpan<byte> hashes)
    {
        if (hashes.Length == HashSize)
        {
            return hashes.ToArray();
        }
        var half = hashes.Length / 2;
        return NodeHash(FullNodeHash(hashes[..half]), FullNodeHash(hashes[half..]));
    }

    /// <summary>The root that the path leads to from a leaf (RFC 9162, section 2.1.3.2); null where that place in such a tree has another path.</summary>
    public static byte[]? RootOf(byte[] leafHash, long index, long size, IReadOnlyList<byte[]> path)
    {
        if (index < 0 || index >= size)
        {
            return null;
        }
        var (node, last, hash) = (index, size - 1, leafHash);
        foreach (var sibling in path)
        {
            if (last == 0)
            {
                return null;
            }
            if ((node & 1) == 0 && node != last)
            {
                hash = NodeHash(hash, sibling);
            }
            else
            {
                hash = NodeHash(sibling, hash);
                while ((node & 1) == 0 && node != 0)
                {
                    (node, last) = (node >> 1, last >> 1);
                }
            }
            (node, last) = (node >> 1, last >> 1);
        }
        return last == 0 ? hash : null;
    }

    /// <summary>True when the path shows that the tree of <paramref name="newSize"/> begins with that of <paramref name="oldSize"/>.</summary>
    public static bool Extends(long oldSize, byte[] oldRoot, long newSize, byte[] newRoot, IReadOnlyList<byte[]> path)
    {
        if (oldSize == 0 || oldSize == newSize)
        {
            return path.Count == 0 && oldRoot.AsSpan().SequenceEqual(oldSize == 0 ? EmptyRoot : newRoot);
        }
        var next = 0;
        var (before, after) = Roots(oldSize, newSize, known: true);
        return next == path.Count && before.AsSpan().SequenceEqual(oldRoot) && after.AsSpan().SequenceEqual(newRoot);

        (byte[] Before, byte[] After) Roots(long old, long size, bool known)
        {
            if (old == size)
            {
                var same = known ? oldRoot : Next();
                return (same, same);
            }
            var split = Split(size);
            if (old <= split)
            {
                var (left, grown) = Roots(old, split, known);
                return (left, NodeHash(grown, Next()));
            }
            var (inside, right) = Roots(old - split, size - split, known: false);
            var full = Next();
            return (NodeHash(full, inside), NodeHash(full, right));
        }

        byte[] Next() => next < path.Count ? path[next++] : new byte[HashSize];
    }

    // The largest power of two below n.
    public static long Split(long n) => 1L << BitOperations.Log2((ulong)(n - 1));
}
