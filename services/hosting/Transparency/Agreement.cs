using System.Text.Json;

namespace Exchange.Hosting.Transparency;

/// <summary>
/// What the cities have agreed on about the log: its origins and keys, the witnesses' keys, and how many of them make a checkpoint witnessed. It is the file that auditors
/// give to the verifier (<c>trust.json</c>); a service that finds it in its key folder takes it up, also when it changes.
/// </summary>
public sealed record Agreement(IReadOnlyDictionary<string, IReadOnlyList<VerifierKey>> Logs, IReadOnlyList<VerifierKey> Witnesses, int Quorum)
{
    public static Agreement Parse(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            var logs = root.GetProperty("logs").EnumerateArray().ToDictionary(log => log.GetProperty("origin").GetString()!, log => Keys(log.GetProperty("keys")), StringComparer.Ordinal);
            var witnesses = Keys(root.GetProperty("witnesses"));
            var quorum = root.GetProperty("quorum").GetInt32();
            return root.GetProperty("version").GetInt32() == 1 && witnesses.All(w => w.Type == NoteKeyType.Cosigner) && quorum >= 0 && quorum <= witnesses.Count
                ? new Agreement(logs, witnesses, quorum)
                : throw new InvalidDataException("The trust file's version, witnesses or quorum are wrong.");
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or ArgumentException)
        {
            throw new InvalidDataException("The trust file is malformed.", fault);
        }
    }

    private static IReadOnlyList<VerifierKey> Keys(JsonElement keys) =>
        [.. keys.EnumerateArray().Select(key => VerifierKey.Parse(key.GetString() ?? "") ?? throw new InvalidDataException("A key in the trust file is malformed."))];
}

/// <summary>The agreement as it lies in the key folder now; null before there is one.</summary>
public sealed class AgreementFile(ServiceSettings service)
{
    public const string Name = "trust.json";

    private readonly Lock gate = new();
    private (DateTime Written, Agreement Agreement)? read;

    /// <summary>Throws <see cref="InvalidDataException"/> for a file that cannot be read as one.</summary>
    public Agreement? Current
    {
        get
        {
            var file = new FileInfo(Path.Combine(service.KeyFolder, Name));
            lock (gate)
            {
                if (!file.Exists)
                {
                    read = null;
                }
                else if (read?.Written != file.LastWriteTimeUtc)
                {
                    read = (file.LastWriteTimeUtc, Agreement.Parse(File.ReadAllBytes(file.FullName)));
                }
                return read?.Agreement;
            }
        }
    }
}
