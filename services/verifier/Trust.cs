using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Exchange.Verifier;

/// <summary>Whom the checking person trusts. It comes from a file they hold; nothing is fetched.</summary>
/// <param name="Logs">The logs whose checkpoints are believed.</param>
/// <param name="Witnesses">Keys of those who cosign checkpoints, no two with the same name or key.</param>
/// <param name="Quorum">How many different witnesses must have cosigned each checkpoint.</param>
internal sealed record Trust(IReadOnlyList<TrustedLog> Logs, IReadOnlyList<VerifierKey> Witnesses, int Quorum)
{
    public static Trust Parse(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            var root = document.RootElement;
            if (root.GetProperty("version").GetInt32() != 1)
            {
                throw new Unusable("信任文件的版本不是 1。", "The trust file's version is not 1.");
            }
            var logs = root.GetProperty("logs").EnumerateArray().Select(TrustedLog.Parse).ToList();
            if (logs.Count == 0)
            {
                throw new Unusable("信任文件没有列出任何日志。", "The trust file names no log.");
            }
            var witnesses = root.GetProperty("witnesses").EnumerateArray().Select(key => VerifierKey.Parse(key.GetString() ?? "")).ToList();
            if (witnesses.Exists(key => key.Type != VerifierKey.CosignatureType))
            {
                throw new Unusable("信任文件中的一个见证公钥不是共签公钥（类型 0x04）。", "A witness's key in the trust file is no key for cosignatures (type 0x04).");
            }
            if (witnesses.DistinctBy(key => key.Name).Count() < witnesses.Count || witnesses.DistinctBy(key => Convert.ToHexString(key.Key)).Count() < witnesses.Count)
            {
                throw new Unusable("信任文件中有两个见证同名或公钥相同。", "Two witnesses in the trust file have the same name or the same key.");
            }
            var quorum = root.GetProperty("quorum").GetInt32();
            return quorum >= 0 && quorum <= witnesses.Count
                ? new Trust(logs, witnesses, quorum)
                : throw new Unusable($"信任文件要求 {quorum} 个见证，却列出 {witnesses.Count} 个。", $"The trust file demands {quorum} witnesses and lists {witnesses.Count}.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new Unusable("信任文件的格式不对。", "The trust file is malformed.");
        }
    }

    /// <summary>Parses a note and believes it only when a trusted log's keys signed it and a quorum of the witnesses cosigned it.</summary>
    public Accepted Accept(string text)
    {
        var note = Note.Parse(text);
        var checkpoint = Checkpoint.Parse(note.Text);
        var log = Logs.FirstOrDefault(log => log.Origin == checkpoint.Origin)
            ?? throw new Refusal($"信任文件中没有名为 {Words.Plain(checkpoint.Origin)} 的日志。", $"The trust file knows no log named {Words.Plain(checkpoint.Origin)}.");
        log.CheckSignatures(note);
        return new Accepted(log, checkpoint, Cosignature.Check(note, Witnesses, Quorum));
    }
}

/// <param name="Log">The trusted log that the checkpoint is of.</param>
/// <param name="Checkpoint">Its size and root.</param>
/// <param name="Cosignatures">One of each witness that cosigned, the earliest first.</param>
internal sealed record Accepted(TrustedLog Log, Checkpoint Checkpoint, IReadOnlyList<Cosignature> Cosignatures);

/// <param name="Origin">First line of the log's checkpoints.</param>
/// <param name="Year">The year whose records the log holds.</param>
/// <param name="Keys">Ed25519 and ECDSA keys.</param>
/// <param name="From">First day of validity, UTC.</param>
/// <param name="To">Last day of validity, UTC.</param>
internal sealed record TrustedLog(string Origin, int Year, IReadOnlyList<VerifierKey> Keys, DateOnly From, DateOnly To)
{
    public static TrustedLog Parse(JsonElement log)
    {
        var keys = log.GetProperty("keys").EnumerateArray().Select(key => VerifierKey.Parse(key.GetString() ?? "")).ToList();
        if (keys.Exists(key => key.Type == VerifierKey.CosignatureType))
        {
            throw new Unusable("信任文件把一个见证公钥列为日志公钥。", "The trust file lists a witness's key as a log's.");
        }
        if (!keys.Exists(key => key.Type == VerifierKey.Ed25519Type))
        {
            throw new Unusable("信任文件中的日志缺少 Ed25519 公钥。", "A log in the trust file has no Ed25519 key.");
        }
        var year = log.GetProperty("year").GetInt32();
        if (year < DateOnly.MinValue.Year || year > DateOnly.MaxValue.Year)
        {
            throw new Unusable("信任文件中日志的年份不对。", "The year of a log in the trust file is none.");
        }
        return new TrustedLog(log.GetProperty("origin").GetString() ?? "", year, keys,
            Day(log.GetProperty("valid_from")), Day(log.GetProperty("valid_to")));
    }

    /// <summary>A line of a known key must verify, and each kind of key the trust file lists must have signed. Lines of unknown keys say nothing.</summary>
    public void CheckSignatures(Note note)
    {
        foreach (var kind in Keys.GroupBy(key => key.Type))
        {
            var lines = note.Signatures.SelectMany(line => kind.Where(key => key.Name == line.Name && key.Id == line.KeyId).Select(key => (key, line))).ToList();
            var name = kind.Key == VerifierKey.Ed25519Type ? "Ed25519" : "ECDSA";
            if (lines.Count == 0)
            {
                throw new Refusal($"检查点缺少日志的 {name} 签名。", $"The checkpoint lacks the log's {name} signature.");
            }
            if (!lines.TrueForAll(signed => signed.key.Verifies(note.Text, signed.line.Signature)))
            {
                throw new Refusal($"检查点的 {name} 签名不成立。", $"The checkpoint's {name} signature is wrong.");
            }
        }
    }

    public void CheckDay(Leaf leaf)
    {
        var day = DateOnly.FromDateTime(leaf.ReceivedAt.UtcDateTime);
        if (day < From || day > To || day.Year != Year)
        {
            throw new Refusal($"记录的日期 {day:yyyy-MM-dd} 不在信任文件认可该日志的期间内。", $"The record's day {day:yyyy-MM-dd} is outside the time for which the trust file vouches for this log.");
        }
    }

    private static DateOnly Day(JsonElement day) => DateOnly.ParseExact(day.GetString() ?? "", "yyyy-MM-dd", CultureInfo.InvariantCulture);
}

/// <summary>A public key as <c>name+id+base64(type ‖ key)</c>.</summary>
internal sealed record VerifierKey(string Name, uint Id, byte Type, byte[] Key)
{
    public const byte Ed25519Type = 1;
    public const byte CosignatureType = 4;
    private const byte EcdsaType = 2;

    public bool IsEcdsa => Type == EcdsaType;

    public static VerifierKey Parse(string text)
    {
        var parts = text.Split('+', 3);
        if (parts.Length == 3 && SignatureLine.IsKeyName(parts[0]) && parts[1].Length == 8
            && uint.TryParse(parts[1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var id)
            && Strict.Base64(parts[2]) is { Length: > 1 } typed)
        {
            var key = new VerifierKey(parts[0], id, typed[0], typed[1..]);
            if (key.IsUsable() && key.ComputeId() == id)
            {
                return key;
            }
        }
        throw new Unusable("信任文件中的一个公钥格式不对。", "A key in the trust file is malformed.");
    }

    public bool Verifies(byte[] text, byte[] signature) =>
        Type == EcdsaType ? VerifiesEcdsa(text, signature, DSASignatureFormat.Rfc3279DerSequence) : Ed25519.Verify(Key, text, signature);

    /// <summary>ES256 of RFC 7518: the same kind of key, another form of signature.</summary>
    public bool VerifiesJws(byte[] input, byte[] signature) => Type == EcdsaType && VerifiesEcdsa(input, signature, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);

    private bool VerifiesEcdsa(byte[] text, byte[] signature, DSASignatureFormat form)
    {
        using var key = ECDsa.Create();
        key.ImportSubjectPublicKeyInfo(Key, out _);
        try
        {
            return key.VerifyData(text, signature, HashAlgorithmName.SHA256, form);
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private bool IsUsable()
    {
        if (Type is Ed25519Type or CosignatureType)
        {
            return Key.Length == 32;
        }
        if (Type != EcdsaType)
        {
            return false;
        }
        try
        {
            using var key = ECDsa.Create();
            key.ImportSubjectPublicKeyInfo(Key, out var read);
            return read == Key.Length && key.KeySize == 256;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    // ECDSA key ids are over the key alone, all others over name and type too.
    private uint ComputeId()
    {
        byte[] material = Type == EcdsaType ? Key : [.. Encoding.UTF8.GetBytes(Name), (byte)'\n', Type, .. Key];
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData(material));
    }
}
