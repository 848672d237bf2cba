using System.Security.Cryptography;
using Exchange.Hosting;
using Exchange.Hosting.Transparency;

namespace Exchange.Audit.Log;

/// <summary>The log's private keys, files of mode 0600 in the service's own folder. A key is named for its kind, one that replaced another with a number behind it.</summary>
internal sealed class LogKeys : IDisposable
{
    public static readonly IReadOnlyList<string> Kinds = [Ed25519Kind, EcdsaKind];

    private const string Ed25519Kind = "ed25519";
    private const string EcdsaKind = "ecdsa-p256";

    private readonly List<Key> keys = [];

    private LogKeys()
    {
    }

    public IReadOnlyList<INoteSigner> Signers => [.. keys.Select(key => key.Signer)];

    /// <summary>Public halves as the database remembers them, by name.</summary>
    public IReadOnlyDictionary<string, byte[]> PublicKeys => keys.ToDictionary(key => key.Name, key => key.Public, StringComparer.Ordinal);

    public static string KindOf(string name) => Kinds.First(kind => name == kind || name.StartsWith(kind + "-", StringComparison.Ordinal));

    /// <param name="folder">The service's key folder, 0700.</param>
    /// <param name="known">
    /// The public keys that sign now, as the database remembers them; when it knows none a first pair is made. A missing or another private key is refused: a log that
    /// changed its key silently is a fork.
    /// </param>
    public static LogKeys Open(string folder, IReadOnlyDictionary<string, byte[]> known)
    {
        var opened = new LogKeys();
        try
        {
            // Ed25519 first, of each kind the older first.
            foreach (var name in (known.Count == 0 ? Kinds : known.Keys).OrderByDescending(KindOf, StringComparer.Ordinal).ThenBy(name => name.Length).ThenBy(name => name, StringComparer.Ordinal))
            {
                var key = Key.Open(folder, name, mayCreate: known.Count == 0);
                opened.keys.Add(key);
                if (known.Count > 0 && !known[name].AsSpan().SequenceEqual(key.Public))
                {
                    throw new InvalidOperationException($"The {name} key in {folder} is not the one this log has signed with. Restore the folder from its backup.");
                }
            }
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>Makes a key's file, or finds the one an earlier attempt made; answers its public half.</summary>
    public static byte[] Make(string folder, string name)
    {
        using var key = Key.Open(folder, name, mayCreate: true);
        return key.Public;
    }

    public void Dispose() => keys.ForEach(key => key.Dispose());

    private sealed record Key(string Name, INoteSigner Signer, byte[] Public, IDisposable Secret) : IDisposable
    {
        public static Key Open(string folder, string name, bool mayCreate)
        {
            var path = Path.Combine(folder, $"log-{name}.key");
            if (KindOf(name) == Ed25519Kind)
            {
                var edwards = Ed25519.FromSeed(KeyFile.Open(path, mayCreate, () => RandomNumberGenerator.GetBytes(Ed25519.SeedSize)));
                return new Key(name, new Ed25519NoteSigner(edwards), edwards.PublicKey, edwards);
            }
            var nist = ECDsa.Create();
            nist.ImportPkcs8PrivateKey(KeyFile.Open(path, mayCreate, NewEcdsa), out _);
            return new Key(name, new EcdsaNoteSigner(nist), nist.ExportSubjectPublicKeyInfo(), nist);
        }

        public void Dispose() => Secret.Dispose();

        private static byte[] NewEcdsa()
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            return key.ExportPkcs8PrivateKey();
        }
    }
}
