using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Exchange.Hosting;

namespace Exchange.Audit.Log;

/// <summary>Makes one signature line of a note. A line of another algorithm (SM2) is one more of these.</summary>
internal interface INoteSigner
{
    /// <summary>The public key as <c>name+id+base64(type ‖ key)</c>.</summary>
    string VerifierKey(string name);

    /// <summary>Key id and signature, as they stand in the line.</summary>
    byte[] Sign(string name, ReadOnlySpan<byte> text);
}

/// <summary>Type 0x01 of c2sp.org/signed-note: Ed25519 over the text.</summary>
internal sealed class Ed25519NoteSigner(Ed25519 key) : INoteSigner
{
    public string VerifierKey(string name) => Note.VerifierKey(name, KeyId(name), [1, .. key.PublicKey]);

    public byte[] Sign(string name, ReadOnlySpan<byte> text) => [.. KeyId(name), .. key.Sign(text)];

    private byte[] KeyId(string name) => SHA256.HashData([.. Encoding.UTF8.GetBytes(name), (byte)'\n', 1, .. key.PublicKey])[..4];
}

/// <summary>Type 0x02: ECDSA P-256 with SHA-256, DER. Its key id is over the key alone, without name and type.</summary>
internal sealed class EcdsaNoteSigner(ECDsa key) : INoteSigner
{
    private readonly byte[] publicKey = key.ExportSubjectPublicKeyInfo();

    public string VerifierKey(string name) => Note.VerifierKey(name, KeyId, [2, .. publicKey]);

    public byte[] Sign(string name, ReadOnlySpan<byte> text) =>
        [.. KeyId, .. key.SignData(text, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence)];

    private byte[] KeyId => SHA256.HashData(publicKey)[..4];
}

internal static class Note
{
    /// <param name="text">Lines, each ended by a newline.</param>
    /// <param name="name">Key name of all signers: the log's origin.</param>
    public static string Write(string text, string name, IEnumerable<INoteSigner> signers)
    {
        var note = new StringBuilder(text).Append('\n');
        foreach (var signer in signers)
        {
            note.Append("— ").Append(name).Append(' ')
                .Append(Convert.ToBase64String(signer.Sign(name, Encoding.UTF8.GetBytes(text)))).Append('\n');
        }
        return note.ToString();
    }

    public static string VerifierKey(string name, ReadOnlySpan<byte> keyId, ReadOnlySpan<byte> typeAndKey) =>
        $"{name}+{BinaryPrimitives.ReadUInt32BigEndian(keyId):x8}+{Convert.ToBase64String(typeAndKey)}";
}

/// <summary>What is signed (c2sp.org/tlog-checkpoint), without extension lines.</summary>
internal sealed record Checkpoint(string Origin, long Size, byte[] Root)
{
    public string Body => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Origin}\n{Size}\n{Convert.ToBase64String(Root)}\n");
}

/// <summary>An offline proof for one leaf: c2sp.org/tlog-proof@v1 with the leaf as its extra line.</summary>
internal static class ProofFile
{
    public static string Write(ReadOnlySpan<byte> leaf, long index, IEnumerable<byte[]> hashes, string checkpoint)
    {
        var proof = new StringBuilder("c2sp.org/tlog-proof@v1\n")
            .Append("extra ").Append(Convert.ToBase64String(leaf)).Append('\n')
            .Append(System.Globalization.CultureInfo.InvariantCulture, $"index {index}\n");
        foreach (var hash in hashes)
        {
            proof.Append(Convert.ToBase64String(hash)).Append('\n');
        }
        return proof.Append('\n').Append(checkpoint).ToString();
    }
}
