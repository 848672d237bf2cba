using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Exchange.Hosting.Transparency;

/// <summary>A signed note (c2sp.org/signed-note v1.0.0): a text of lines, an empty line, and signature lines. Nothing of a parsed one is believed yet.</summary>
/// <param name="Text">Lines, each ended by a newline.</param>
public sealed record Note(string Text, IReadOnlyList<SignatureLine> Signatures)
{
    private const int MostSignatures = 64;

    /// <param name="text">Lines, each ended by a newline.</param>
    /// <param name="name">Key name of all signers: the log's origin.</param>
    public static string Write(string text, string name, IEnumerable<INoteSigner> signers) =>
        $"{text}\n{string.Concat(signers.Select(signer => new SignatureLine(name, signer.Sign(name, Encoding.UTF8.GetBytes(text)))))}";

    /// <summary>Null for what is no note.</summary>
    public static Note? Parse(string note)
    {
        var split = note.LastIndexOf("\n\n", StringComparison.Ordinal);
        if (split < 0 || !note.EndsWith('\n') || split + 2 == note.Length || note.Any(c => c < ' ' && c != '\n'))
        {
            return null;
        }
        var lines = note[(split + 2)..^1].Split('\n').Select(SignatureLine.Parse).ToList();
        return lines.Count <= MostSignatures && !lines.Contains(null) ? new Note(note[..(split + 1)], [.. lines.OfType<SignatureLine>()]) : null;
    }
}

/// <param name="Name">Key name.</param>
/// <param name="Blob">Four bytes of key id, then the signature.</param>
public sealed record SignatureLine(string Name, byte[] Blob)
{
    public ReadOnlySpan<byte> Signature => Blob.AsSpan(4);

    public uint KeyId => BinaryPrimitives.ReadUInt32BigEndian(Blob);

    public static SignatureLine? Parse(string line) =>
        line.Split(' ') is ["—", var name, var text] && IsKeyName(name) && Base64(text) is { Length: > 4 } blob ? new SignatureLine(name, blob) : null;

    public static bool IsKeyName(string name) => name.Length is > 0 and <= 255 && !name.Any(c => char.IsWhiteSpace(c) || c == '+');

    /// <summary>One spelling per value.</summary>
    internal static byte[]? Base64(string text)
    {
        var bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text, bytes, out var length) && Convert.ToBase64String(bytes, 0, length) == text ? bytes[..length] : null;
    }

    /// <summary>The line with its newline.</summary>
    public override string ToString() => $"— {Name} {Convert.ToBase64String(Blob)}\n";
}

/// <summary>What is signed (c2sp.org/tlog-checkpoint v1.0.0), without extension lines.</summary>
public sealed record Checkpoint(string Origin, long Size, byte[] Root)
{
    public string Body => string.Create(CultureInfo.InvariantCulture, $"{Origin}\n{Size}\n{Convert.ToBase64String(Root)}\n");

    /// <summary>Whether of each kind of key one has signed: while a key is being replaced, the old and the new one are both listed.</summary>
    public static bool IsSigned(Note note, IEnumerable<VerifierKey> keys) =>
        keys.GroupBy(key => key.Type).All(kind => kind.Any(key => note.Signatures.Any(line => key.Made(line) && key.Verifies(note.Text, line))));

    /// <summary>Null for what is no checkpoint. Extension lines, which others may write, pass.</summary>
    public static Checkpoint? Parse(string text) =>
        text.Split('\n') is [{ Length: > 0 } origin, var size, var root, .., ""]
        && long.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number.ToString(CultureInfo.InvariantCulture) == size
        && SignatureLine.Base64(root) is { Length: Merkle.HashSize } hash
            ? new Checkpoint(origin, number, hash)
            : null;
}

/// <summary>A public key as <c>name+id+base64(type ‖ key)</c>: Ed25519 (0x01), ECDSA P-256 (0x02) or Ed25519 of a cosigner (0x04).</summary>
public sealed record VerifierKey(string Name, NoteKeyType Type, byte[] Key)
{
    /// <summary>The first four bytes of a hash; that of ECDSA is over the key alone, all others over name and type too.</summary>
    public byte[] Id => SHA256.HashData(Type == NoteKeyType.Ecdsa ? Key : [.. Encoding.UTF8.GetBytes(Name), (byte)'\n', (byte)Type, .. Key])[..4];

    /// <summary>Null for a key of another kind or form, or whose id is not its own.</summary>
    public static VerifierKey? Parse(string text)
    {
        if (text.Split('+', 3) is [var name, { Length: 8 } id, var typed] && SignatureLine.IsKeyName(name) && SignatureLine.Base64(typed) is { Length: > 1 } bytes
            && Enum.IsDefined((NoteKeyType)bytes[0]) && (bytes[0] == (byte)NoteKeyType.Ecdsa || bytes.Length == 1 + Ed25519.PublicKeySize))
        {
            var key = new VerifierKey(name, (NoteKeyType)bytes[0], bytes[1..]);
            return Convert.ToHexStringLower(key.Id) == id ? key : null;
        }
        return null;
    }

    public bool Made(SignatureLine line) => line.Name == Name && line.Blob.AsSpan(0, 4).SequenceEqual(Id);

    /// <summary>Whether the line is this key's signature of the text.</summary>
    public bool Verifies(string text, SignatureLine line)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        switch (Type)
        {
            case NoteKeyType.Ed25519:
                return Ed25519.Verify(Key, bytes, line.Signature);
            case NoteKeyType.Cosigner:
                return line.Signature.Length == Cosignature.Size && Ed25519.Verify(Key, Cosignature.Message(Cosignature.TimeOf(line), text), line.Signature[8..]);
            default:
                using (var key = ECDsa.Create())
                {
                    key.ImportSubjectPublicKeyInfo(Key, out _);
                    return key.VerifyData(bytes, line.Signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
                }
        }
    }

    public override string ToString() => $"{Name}+{Convert.ToHexStringLower(Id)}+{Convert.ToBase64String([(byte)Type, .. Key])}";
}

public enum NoteKeyType : byte
{
    Ed25519 = 1,
    Ecdsa = 2,
    Cosigner = 4,
}

/// <summary>Makes one signature line of a note. A line of another algorithm (SM2) is one more of these.</summary>
public interface INoteSigner
{
    VerifierKey VerifierKey(string name);

    /// <summary>Key id and signature, as they stand in the line.</summary>
    byte[] Sign(string name, ReadOnlySpan<byte> text);
}

/// <summary>Type 0x01 of c2sp.org/signed-note: Ed25519 over the text.</summary>
public sealed class Ed25519NoteSigner(Ed25519 key) : INoteSigner
{
    public VerifierKey VerifierKey(string name) => new(name, NoteKeyType.Ed25519, key.PublicKey);

    public byte[] Sign(string name, ReadOnlySpan<byte> text) => [.. VerifierKey(name).Id, .. key.Sign(text)];
}

/// <summary>Type 0x02: ECDSA P-256 with SHA-256, DER.</summary>
public sealed class EcdsaNoteSigner(ECDsa key) : INoteSigner
{
    private readonly byte[] publicKey = key.ExportSubjectPublicKeyInfo();

    public VerifierKey VerifierKey(string name) => new(name, NoteKeyType.Ecdsa, publicKey);

    public byte[] Sign(string name, ReadOnlySpan<byte> text) => [.. VerifierKey(name).Id, .. key.SignData(text, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence)];

    /// <summary>ES256 of RFC 7518. What it signs holds no newline, so it is never the text of a note.</summary>
    public byte[] SignJws(ReadOnlySpan<byte> input) => key.SignData(input, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
}

/// <summary>Type 0x04 (c2sp.org/tlog-cosignature v1.0.1): a witness says at what time it saw this tree, the largest of this log it knows.</summary>
public static class Cosignature
{
    /// <summary>A time of eight bytes, seconds since 1970, and the signature.</summary>
    public const int Size = 8 + Ed25519.SignatureSize;

    public static SignatureLine Sign(Ed25519 key, string name, DateTimeOffset at, string text)
    {
        var time = (ulong)at.ToUnixTimeSeconds();
        var blob = new byte[4 + Size];
        new VerifierKey(name, NoteKeyType.Cosigner, key.PublicKey).Id.CopyTo(blob, 0);
        BinaryPrimitives.WriteUInt64BigEndian(blob.AsSpan(4), time);
        key.Sign(Message(time, text)).CopyTo(blob, 12);
        return new SignatureLine(name, blob);
    }

    public static ulong TimeOf(SignatureLine line) => BinaryPrimitives.ReadUInt64BigEndian(line.Signature);

    internal static byte[] Message(ulong time, string text) => Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"cosignature/v1\ntime {time}\n{text}"));
}
