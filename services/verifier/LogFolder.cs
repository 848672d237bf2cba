using System.Globalization;
using System.IO.Compression;

namespace Exchange.Verifier;

/// <summary>The files of a downloaded log under the paths they are served at (c2sp.org/tlog-tiles). Nothing in them is believed yet.</summary>
internal sealed class LogFolder(string path)
{
    /// <summary>Hashes in a full tile, leaves in a full bundle.</summary>
    public const int Width = 256;

    private const int LargestBundle = Width * (sizeof(ushort) + ushort.MaxValue);

    // A bundle is looked through and let go: a new array for each took a tenth of the time.
    [ThreadStatic]
    private static byte[]? buffer;

    public string Checkpoint => Path.Combine(path, "checkpoint");

    /// <summary>As many of the tile's first hashes as there are, at most <paramref name="width"/>.</summary>
    public byte[] Hashes(int level, ulong index, int width)
    {
        if (Find(level.ToString(CultureInfo.InvariantCulture), index, width) is not var (file, held))
        {
            return [];
        }
        var hashes = Files.Read(file, Width * Hashing.Size);
        return hashes.Length == held * Hashing.Size
            ? hashes[..(Math.Min(held, width) * Hashing.Size)]
            : throw new Refusal($"瓦片 {Words.Plain(file)} 的长度不对。", $"The tile {Words.Plain(file)} has the wrong length.");
    }

    /// <summary>The bundle that holds most of these leaves, until this thread asks for another, and how many it says it holds.</summary>
    public ReadOnlySpan<byte> Entries(ulong index, int width, out int held)
    {
        held = width;
        if (Find("entries", index, width) is not { } found)
        {
            return [];
        }
        held = found.Held;
        var bytes = Files.Read(found.File, LargestBundle, ref buffer);
        return IsCompressed(bytes) ? Unpack(bytes.ToArray(), found.File) : bytes;
    }

    public static string Name(int level, ulong index) => $"{level}/{Number(index)}";

    // A wider tile begins with the narrower one. Of narrower ones the widest says best what is missing.
    private (string File, int Held)? Find(string level, ulong index, int width)
    {
        var full = Path.Combine(path, "tile", level, Number(index));
        if (File.Exists(full))
        {
            return (full, Width);
        }
        var partial = full + ".p";
        if (!Directory.Exists(partial))
        {
            return null;
        }
        var held = Directory.EnumerateFiles(partial)
            .Select(file => Strict.Number(Path.GetFileName(file)) is { } number and > 0 and < Width ? (int)number : 0)
            .Where(number => number > 0)
            .OrderBy(number => number < width).ThenBy(number => number < width ? -number : number)
            .FirstOrDefault();
        return held > 0 ? (Path.Combine(partial, held.ToString(CultureInfo.InvariantCulture)), held) : null;
    }

    // 1234067 is x001/x234/067.
    private static string Number(ulong index)
    {
        var number = (index % 1000).ToString("000", CultureInfo.InvariantCulture);
        while ((index /= 1000) > 0)
        {
            number = string.Create(CultureInfo.InvariantCulture, $"x{index % 1000:000}/{number}");
        }
        return number;
    }

    // Read as a leaf's length and first byte, this is a leaf of 8,075 bytes that begins with a backspace: no record does.
    private static bool IsCompressed(ReadOnlySpan<byte> bytes) => bytes is [0x1f, 0x8b, 0x08, ..];

    private static byte[] Unpack(byte[] bytes, string file)
    {
        try
        {
            using var packed = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress);
            using var unpacked = new MemoryStream();
            var part = new byte[1 << 16];
            for (int read; (read = packed.Read(part)) > 0;)
            {
                unpacked.Write(part, 0, read);
                if (unpacked.Length > LargestBundle)
                {
                    throw new Refusal($"记录包 {Words.Plain(file)} 解压后过大。", $"The bundle {Words.Plain(file)} is too large when unpacked.");
                }
            }
            return unpacked.ToArray();
        }
        catch (InvalidDataException)
        {
            throw new Refusal($"记录包 {Words.Plain(file)} 无法解压。", $"The bundle {Words.Plain(file)} cannot be unpacked.");
        }
    }
}
