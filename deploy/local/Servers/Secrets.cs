using System.Buffers.Text;
using System.Security.Cryptography;

namespace Exchange.Local.Servers;

/// <summary>Passwords of the servers' roles and users: made at first use, kept for their owner only in the data folder.</summary>
internal sealed class Secrets
{
    private readonly string path;
    private readonly Dictionary<string, string> known;
    private readonly Lock gate = new();

    private readonly bool fixedSet;

    /// <param name="path">The file.</param>
    /// <param name="readOnly">For those who only look: a secret that is not there is not made.</param>
    public Secrets(string path, bool readOnly = false)
    {
        this.path = path;
        fixedSet = readOnly;
        known = Files.Read<Dictionary<string, string>>(path) ?? [];
    }

    public string this[string name]
    {
        get
        {
            lock (gate)
            {
                if (!known.TryGetValue(name, out var secret))
                {
                    if (fixedSet)
                        throw new LocalFault($"{path} has no secret for {name}: deploy/up makes it at the next start.");
                    secret = New();
                    known.Add(name, secret);
                    Files.Write(path, known);
                }
                return secret;
            }
        }
    }

    // Letters, digits, - and _ only: it stands in URIs, connection strings and SQL as it is.
    public static string New() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(18));
}
