using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Exchange.Hosting.Transparency;
using Exchange.Audit.Log;
using Exchange.Tests.Audit;
using Exchange.Verifier;
using Checkpoint = Exchange.Hosting.Transparency.Checkpoint;
using Ed25519 = Exchange.Hosting.Ed25519;
using Note = Exchange.Hosting.Transparency.Note;

namespace Exchange.Tests.Verifier;

/// <summary>A log that a test makes of any leaves, signs, has cosigned, and writes as the files that are served.</summary>
internal sealed class SignedLog : IDisposable
{
    public const string Origin = "exchange.example/api/audit/log/2026";

    private readonly Ed25519 ed25519 = Ed25519.FromSeed(new byte[32]);
    private readonly ECDsa ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public string Folder { get; } = Directory.CreateTempSubdirectory("exchange-verifier-").FullName;

    public IReadOnlyList<INoteSigner> Signers => [new Ed25519NoteSigner(ed25519), new EcdsaNoteSigner(ecdsa)];

    /// <summary>The signed checkpoint of these leaves.</summary>
    public string Checkpoint(IEnumerable<byte[]> leaves)
    {
        var tree = Tree(leaves);
        return Checkpoint(tree.Size, tree.Root);
    }

    public string Checkpoint(long size, byte[] root) => Note.Write(new Checkpoint(Origin, size, root).Body, Origin, Signers);

    /// <summary>The published files of these leaves, in a folder of their own.</summary>
    public string Write(IReadOnlyList<byte[]> leaves)
    {
        var folder = Directory.CreateDirectory(Path.Combine(Folder, Guid.NewGuid().ToString("n"))).FullName;
        var tree = Tree(leaves);
        foreach (var tile in TilePath.All(tree.Size))
        {
            Put(folder, $"tile/{tile}", tree.Tiles[(tile.Level!.Value, tile.Index)]);
        }
        WriteBundles(folder, leaves);
        File.WriteAllText(Path.Combine(folder, "checkpoint"), Checkpoint(tree.Size, tree.Root));
        return folder;
    }

    /// <summary>Only the leaves, as somebody would who cannot make the tree follow.</summary>
    public static void WriteBundles(string folder, IReadOnlyList<byte[]> leaves)
    {
        foreach (var tile in TilePath.All(leaves.Count).Where(tile => tile.Level == 0))
        {
            var first = (int)tile.Index * TilePath.FullWidth;
            Put(folder, $"tile/{tile with { Level = null }}", EntryBundle.Write([.. leaves.Skip(first).Take(tile.Width)]));
        }
    }

    public string Trust(int quorum = 0, params IEnumerable<string> witnesses) => Trust(Origin, [.. Signers.Select(signer => signer.VerifierKey(Origin).ToString())], quorum, witnesses);

    public string Trust(string origin, IReadOnlyList<string> keys, int quorum = 0, params IEnumerable<string> witnesses) =>
        Save(JsonSerializer.Serialize(new
        {
            version = 1,
            logs = new[] { new { origin, year = 2026, keys, valid_from = "2026-01-01", valid_to = "2027-12-31" } },
            witnesses,
            quorum,
        }));

    public string Save(string text)
    {
        var path = Path.Combine(Folder, Guid.NewGuid().ToString("n"));
        File.WriteAllText(path, text);
        return path;
    }

    public static (int Code, string Output, string Errors) Run(params string[] arguments)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        var code = new Commands(output, errors).Run(arguments);
        return (code, output.ToString(), errors.ToString());
    }

    public void Dispose()
    {
        ed25519.Dispose();
        ecdsa.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private static MemoryLog Tree(IEnumerable<byte[]> leaves)
    {
        var tree = new MemoryLog();
        foreach (var leaf in leaves)
        {
            tree.Append(leaf);
        }
        return tree;
    }

    private static void Put(string folder, string name, byte[] bytes)
    {
        var file = Path.Combine(folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file, bytes);
    }
}

/// <summary>One who cosigns checkpoints: c2sp.org/tlog-cosignature, <c>cosignature/v1</c>.</summary>
internal sealed class CosigningWitness(string name, byte seed) : IDisposable
{
    private readonly Ed25519 key = Ed25519.FromSeed([.. Enumerable.Repeat(seed, 32)]);

    public string Name => name;

    public string VerifierKey => $"{name}+{Convert.ToHexStringLower(KeyId)}+{Convert.ToBase64String([4, .. key.PublicKey])}";

    private byte[] KeyId => SHA256.HashData([.. Encoding.UTF8.GetBytes(name), (byte)'\n', 4, .. key.PublicKey])[..4];

    /// <summary>The note with one more line.</summary>
    public string Cosign(string note, DateTimeOffset at)
    {
        var text = note[..(note.IndexOf("\n\n", StringComparison.Ordinal) + 1)];
        var seconds = at.ToUnixTimeSeconds();
        var time = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(time, seconds);
        var signature = key.Sign(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"cosignature/v1\ntime {seconds}\n{text}")));
        return $"{note}— {name} {Convert.ToBase64String([.. KeyId, .. time, .. signature])}\n";
    }

    public void Dispose() => key.Dispose();
}
