using System.Security.Cryptography;
using Exchange.Hosting;
using Exchange.Hosting.Transparency;

namespace Exchange.Audit.Log;

/// <summary>The log's two private keys, files of mode 0600 in the service's own folder; made when neither the folder nor the database knows one.</summary>
internal sealed class LogKeys : IDisposable
{
    private const string Ed25519File = "log-ed25519.key";
    private const string EcdsaFile = "log-ecdsa-p256.key";

    private readonly Ed25519 ed25519;
    private readonly ECDsa ecdsa;

    private LogKeys(Ed25519 ed25519, ECDsa ecdsa)
    {
        this.ed25519 = ed25519;
        this.ecdsa = ecdsa;
        Signers = [new Ed25519NoteSigner(ed25519), new EcdsaNoteSigner(ecdsa)];
    }

    public IReadOnlyList<INoteSigner> Signers { get; }

    /// <summary>Public halves as the database remembers them.</summary>
    public IReadOnlyDictionary<string, byte[]> PublicKeys => new Dictionary<string, byte[]>
    {
        ["ed25519"] = ed25519.PublicKey,
        ["ecdsa-p256"] = ecdsa.ExportSubjectPublicKeyInfo(),
    };

    /// <param name="folder">The service's key folder, 0700.</param>
    /// <param name="known">What the database remembers; when it is not empty a missing or another key is refused: a log that changed its key silently is a fork.</param>
    public static LogKeys Open(string folder, IReadOnlyDictionary<string, byte[]> known)
    {
        var mayCreate = known.Count == 0;
        var edwards = Ed25519.FromSeed(KeyFile.Open(Path.Combine(folder, Ed25519File), mayCreate, () => RandomNumberGenerator.GetBytes(Ed25519.SeedSize)));
        var nist = ECDsa.Create();
        nist.ImportPkcs8PrivateKey(KeyFile.Open(Path.Combine(folder, EcdsaFile), mayCreate, NewEcdsa), out _);
        var keys = new LogKeys(edwards, nist);
        foreach (var (name, publicKey) in keys.PublicKeys)
        {
            if (!mayCreate && !(known.TryGetValue(name, out var before) && before.AsSpan().SequenceEqual(publicKey)))
            {
                keys.Dispose();
                throw new InvalidOperationException($"The {name} key in {folder} is not the one this log has signed with. Restore the folder from its backup.");
            }
        }
        return keys;
    }

    public void Dispose()
    {
        ed25519.Dispose();
        ecdsa.Dispose();
    }

    private static byte[] NewEcdsa()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return key.ExportPkcs8PrivateKey();
    }
}
