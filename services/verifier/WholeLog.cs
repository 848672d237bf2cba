using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Exchange.Verifier;

/// <summary>
/// The tree of a downloaded log, computed anew from its leaves. Bundles are read and hashed side by side, a stretch at a time; of what was read only the hashes
/// above the bundles stay in memory, an eighth of a byte per leaf.
/// </summary>
/// <param name="folder">The published files.</param>
/// <param name="size">Leaves of the newest checkpoint.</param>
/// <param name="earlier">Smaller sizes whose roots will be asked for.</param>
internal sealed class WholeLog(LogFolder folder, ulong size, params IReadOnlyCollection<ulong> earlier)
{
    private const int Width = LogFolder.Width;
    private const int Height = 8; // a tile spans so many levels of the tree
    private const int Stretch = 256;

    // levels[l] holds the roots of the full tiles of level l - 1, side by side. Leaf hashes are kept only where a tree asked for ends inside a bundle.
    private readonly List<List<byte>> levels = [[], []];
    private readonly Dictionary<ulong, byte[]> ends = earlier.Append(size).Select(end => end / Width).Distinct().ToDictionary(bundle => bundle, _ => Array.Empty<byte>());

    /// <summary>Refuses the first leaf that is missing or has another hash than its tile says, then the first tile that does not follow from the ones below.</summary>
    /// <param name="order">Is handed every leaf in its order; null when the leaves are no records.</param>
    /// <param name="progress">Is told how many leaves were read.</param>
    public void CheckTiles(Sequences? order = null, Action<ulong>? progress = null)
    {
        var reading = ReadStretch(0, order is not null);
        for (ulong start = 0; start * Width < size; start += Stretch)
        {
            // The next stretch is read while this one is judged.
            var stretch = reading.GetAwaiter().GetResult();
            reading = ReadStretch(start + Stretch, order is not null);
            for (var at = 0; at < stretch.Length; at++)
            {
                Take(start + (ulong)at, stretch[at], order);
            }
            progress?.Invoke(Math.Min(size, (start + Stretch) * Width));
        }
        for (var level = 1; size >> (Height * level) > 0; level++)
        {
            CheckLevel(level);
        }
    }

    /// <summary>The root of the first leaves, after their tiles were checked.</summary>
    public byte[] Root(ulong leaves)
    {
        // At each level the tile that is not full, and to its right what is not full below it.
        byte[] right = [];
        for (var level = 0; leaves >> (Height * level) > 0; level++)
        {
            var count = leaves >> (Height * level);
            var (first, width) = (count / Width * Width, (int)(count % Width));
            var hashes = level == 0 ? ends[leaves / Width].AsSpan(0, width * Hashing.Size) : Hashes(level, first, width);
            if (width > 0)
            {
                right = Hashing.Root([.. hashes, .. right]);
            }
        }
        return right.Length > 0 ? right : Hashing.Root([]);
    }

    public Leaf First()
    {
        var at = 0;
        return Leaf.Parse(NextLeaf(folder.Entries(0, (int)Math.Min(Width, size), out _), ref at, 0).ToArray());
    }

    private Task<Bundle[]> ReadStretch(ulong start, bool parse) => Task.Run(() =>
    {
        var bundles = (size / Width) + (size % Width > 0 ? 1UL : 0);
        var stretch = new Bundle[start < bundles ? (int)Math.Min(Stretch, bundles - start) : 0];
        Parallel.For(0, stretch.Length, at => stretch[at] = Read(start + (ulong)at, parse));
        return stretch;
    });

    private Bundle Read(ulong index, bool parse)
    {
        try
        {
            var first = index * Width;
            var count = (int)Math.Min(Width, size - first);
            var bytes = folder.Entries(index, count, out var held);
            var tile = folder.Hashes(0, index, count);
            var hashes = new byte[count * Hashing.Size];
            var entries = parse ? new Entry?[count] : [];
            var at = 0;
            for (var i = 0; i < count; i++)
            {
                var leaf = NextLeaf(bytes, ref at, first + (ulong)i);
                var hash = hashes.AsSpan(i * Hashing.Size, Hashing.Size);
                Hashing.Leaf(leaf, hash);
                if (tile.Length < (i + 1) * Hashing.Size)
                {
                    throw MissingHash(0, index, first + (ulong)i);
                }
                if (!hash.SequenceEqual(tile.AsSpan(i * Hashing.Size, Hashing.Size)))
                {
                    throw new Refusal(
                        $"第 {first + (ulong)i} 号记录的哈希与日志公布的（瓦片 {LogFolder.Name(0, index)}）不符：记录或瓦片被改动过。",
                        $"Record {first + (ulong)i} does not have the hash that the log published (tile {LogFolder.Name(0, index)}): the record or the tile was altered.");
                }
                if (parse)
                {
                    entries[i] = Entry.Read(leaf);
                }
            }
            return held > count || at == bytes.Length
                ? new Bundle(hashes, entries, count == Width ? Hashing.Root(hashes) : [], null)
                : throw new Refusal($"第 {first + (ulong)count - 1} 号记录之后，记录包里还有多余的内容。", $"After record {first + (ulong)count - 1} its bundle goes on with something else.");
        }
        catch (Exception fault) when (fault is Refusal or Unusable)
        {
            // Bundles are read in any order, but the first fault is the one to tell.
            return new Bundle([], [], [], fault);
        }
    }

    private static ReadOnlySpan<byte> NextLeaf(ReadOnlySpan<byte> bundle, ref int at, ulong index)
    {
        var rest = bundle[at..];
        if (!BinaryPrimitives.TryReadUInt16BigEndian(rest, out var length) || rest.Length < sizeof(ushort) + length)
        {
            throw new Refusal($"缺少第 {index} 号记录。", $"Record {index} is missing.");
        }
        at += sizeof(ushort) + length;
        return rest.Slice(sizeof(ushort), length);
    }

    private void Take(ulong index, Bundle bundle, Sequences? order)
    {
        if (bundle.Fault is not null)
        {
            throw bundle.Fault;
        }
        levels[1].AddRange(bundle.Node);
        if (ends.ContainsKey(index))
        {
            ends[index] = bundle.Hashes;
        }
        for (var i = 0; i < bundle.Entries.Length; i++)
        {
            order!.Take((index * Width) + (ulong)i, bundle.Entries[i]);
        }
    }

    private void CheckLevel(int level)
    {
        levels.Add([]);
        var count = size >> (Height * level);
        for (ulong index = 0; index * Width < count; index++)
        {
            var width = (int)Math.Min(Width, count - (index * Width));
            var computed = Hashes(level, index * Width, width);
            var tile = folder.Hashes(level, index, width);
            var same = computed.CommonPrefixLength(tile) / Hashing.Size;
            var leaf = ((index * Width) + (ulong)same) << (Height * level);
            if (same < width)
            {
                throw tile.Length <= same * Hashing.Size ? MissingHash(level, index, leaf) : new Refusal(
                    $"瓦片 {LogFolder.Name(level, index)} 与其下各层不符，从第 {leaf} 号记录起。",
                    $"The tile {LogFolder.Name(level, index)} does not follow from the tiles below it, from record {leaf} on.");
            }
            if (width == Width)
            {
                levels[level + 1].AddRange(Hashing.Root(computed));
            }
        }
    }

    private Span<byte> Hashes(int level, ulong first, int count) =>
        CollectionsMarshal.AsSpan(levels[level]).Slice(checked((int)first * Hashing.Size), count * Hashing.Size);

    private static Refusal MissingHash(int level, ulong index, ulong leaf) => new(
        $"瓦片 {LogFolder.Name(level, index)} 缺失或不全，从第 {leaf} 号记录起。",
        $"The tile {LogFolder.Name(level, index)} is missing or incomplete, from record {leaf} on.");

    /// <param name="Hashes">Of its leaves, side by side.</param>
    /// <param name="Entries">What its leaves say, null for one that is no record; empty when nobody asks.</param>
    /// <param name="Node">Root over a full bundle.</param>
    /// <param name="Fault">Why the bundle is refused.</param>
    private sealed record Bundle(byte[] Hashes, Entry?[] Entries, byte[] Node, Exception? Fault);
}
