using System.Buffers.Text;
using System.Security.Cryptography;

namespace Exchange.Local.Servers;

/// <summary>Passwords of the servers' roles and users: made at first use, kept for their owner only in the data folder.</summary>
internal sealed class Secrets
{
    private readonly string path;
    private readonly Dictionary<string, string> known;
    private readonly Lock gate = new();

    public Secrets(string path)
    {
        this.path = path;
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
