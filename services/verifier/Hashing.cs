using System.Security.Cryptography;

namespace Exchange.Verifier;

/// <summary>RFC 6962 seen from the checker's side, after the algorithms of RFC 9162, 2.1.3.2 and 2.1.4.2. Written apart from the log on purpose.</summary>
internal static class Hashing
{
    public const int Size = 32;

    // Kept per thread: to make one costs a third of what it takes to hash a leaf.
    [ThreadStatic]
    private static IncrementalHash? hasher;

    public static byte[] Leaf(byte[] leaf) => SHA256.HashData([0, .. leaf]);

    public static void Leaf(ReadOnlySpan<byte> leaf, Span<byte> hash)
    {
        Span<byte> input = leaf.Length < 4096 ? stackalloc byte[1 + leaf.Length] : new byte[1 + leaf.Length];
        input[0] = 0;
        leaf.CopyTo(input[1..]);
        Sha256(input, hash);
    }

    public static void Sha256(ReadOnlySpan<byte> bytes, Span<byte> hash)
    {
        hasher ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hasher.AppendData(bytes);
        hasher.GetHashAndReset(hash);
    }

    public static byte[] Node(byte[] left, byte[] right) => SHA256.HashData([1, .. left, .. right]);

    /// <summary>Root over hashes that stand side by side. Joined pairwise from below, an odd last one going up as it is: the tree of RFC 6962, 2.1.</summary>
    public static byte[] Root(ReadOnlySpan<byte> hashes)
    {
        if (hashes.IsEmpty)
        {
            return SHA256.HashData([]);
        }
        var nodes = hashes.ToArray();
        Span<byte> node = stackalloc byte[1 + (2 * Size)];
        node[0] = 1;
        for (var length = nodes.Length; length > Size;)
        {
            var joined = 0;
            for (var at = 0; at < length; at += 2 * Size, joined += Size)
            {
                if (at + Size == length)
                {
                    nodes.AsSpan(at, Size).CopyTo(nodes.AsSpan(joined));
                    continue;
                }
                nodes.AsSpan(at, 2 * Size).CopyTo(node[1..]);
                Sha256(node, nodes.AsSpan(joined, Size));
            }
            length = joined;
        }
        return nodes[..Size];
    }

    public static bool Includes(ulong index, ulong size, byte[] leafHash, IReadOnlyList<byte[]> path, byte[] root)
    {
        if (index >= size || leafHash.Length != Size || path.Any(hash => hash.Length != Size))
        {
            return false;
        }
        var (node, last, hash) = (index, size - 1, leafHash);
        foreach (var sibling in path)
        {
            if (last == 0)
            {
                return false;
            }
            if ((node & 1) == 1 || node == last)
            {
                hash = Node(sibling, hash);
                while ((node & 1) == 0 && node != 0)
                {
                    (node, last) = (node >> 1, last >> 1);
                }
            }
            else
            {
                hash = Node(hash, sibling);
            }
            (node, last) = (node >> 1, last >> 1);
        }
        return last == 0 && hash.AsSpan().SequenceEqual(root);
    }

    /// <summary>True when the tree of <paramref name="newSize"/> begins with the tree of <paramref name="oldSize"/>.</summary>
    public static bool Extends(ulong oldSize, byte[] oldRoot, ulong newSize, byte[] newRoot, IReadOnlyList<byte[]> path)
    {
        // An empty tree is a prefix of every tree: a proof about it would prove nothing.
        if (oldSize == 0 || oldSize > newSize || path.Any(hash => hash.Length != Size))
        {
            return false;
        }
        if (oldSize == newSize)
        {
            return path.Count == 0 && oldRoot.AsSpan().SequenceEqual(newRoot);
        }
        // When the old tree is one full subtree its root is not repeated in the proof.
        List<byte[]> rest = [.. path];
        if ((oldSize & (oldSize - 1)) == 0)
        {
            rest.Insert(0, oldRoot);
        }
        if (rest.Count == 0)
        {
            return false;
        }
        var (node, last) = (oldSize - 1, newSize - 1);
        while ((node & 1) == 1)
        {
            (node, last) = (node >> 1, last >> 1);
        }
        var (before, after) = (rest[0], rest[0]);
        foreach (var hash in rest.Skip(1))
        {
            if (last == 0)
            {
                return false;
            }
            if ((node & 1) == 1 || node == last)
            {
                (before, after) = (Node(hash, before), Node(hash, after));
                while ((node & 1) == 0 && node != 0)
                {
                    (node, last) = (node >> 1, last >> 1);
                }
            }
            else
            {
                after = Node(after, hash);
            }
            (node, last) = (node >> 1, last >> 1);
        }
        return last == 0 && before.AsSpan().SequenceEqual(oldRoot) && after.AsSpan().SequenceEqual(newRoot);
    }
}
