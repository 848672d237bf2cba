using System.Security.Cryptography;
using Dapper;
using Exchange.Hosting;
using Microsoft.IdentityModel.Tokens;

namespace Exchange.Gateway.Identity;

/// <summary>
/// The ES256 keys that sign tokens. The private key is a 0600 file that only the gateway reads; the database knows which keys exist, so a lost file is noticed at the next start
/// instead of being replaced in silence by a key nobody announced. A new key stands in the JWKS ten minutes before it signs, longer than any service keeps the set.
/// </summary>
internal sealed class SigningKeys(ServiceSettings service, GatewaySettings settings, TimeProvider clock)
{
    public static readonly TimeSpan Announcement = TimeSpan.FromMinutes(10);

    /// <summary>How long a replaced key is still published: no token it signed is valid any more by then.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromMinutes(30);

    private const long LockKey = 0x6b657973;

    private IReadOnlyList<SigningKey> keys = [];

    /// <summary>The key that signs now.</summary>
    public SigningKey Current
    {
        get
        {
            var now = clock.GetUtcNow();
            return keys.Where(key => key.SignsFrom <= now).MaxBy(key => key.SignsFrom)
                ?? throw new InvalidOperationException("No signing key is in force yet.");
        }
    }

    /// <summary>What the JWKS shows.</summary>
    public IEnumerable<SigningKey> Published
    {
        get
        {
            var now = clock.GetUtcNow();
            return keys.Where(key => SuccessorOf(key) is not { } successor || successor.SignsFrom + Farewell > now);
        }
    }

    /// <summary>Loads what the database knows, makes the first key when it knows none, and a successor when the newest is old.</summary>
    public async Task RefreshAsync(IServiceScopeFactory scopes, CancellationToken cancel)
    {
        Directory.CreateDirectory(service.KeyFolder);
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(cancel);
        var connection = transaction.Connection;
        await connection.ExecuteAsync("select pg_advisory_xact_lock(@LockKey)", new { LockKey });
        var rows = (await connection.QueryAsync<KeyRow>("select kid, signs_from from signing_keys order by signs_from")).AsList();
        var now = clock.GetUtcNow();
        if (rows.Count == 0 || rows[^1].SignsFrom + settings.SigningKeyLifetime < now)
        {
            var row = new KeyRow { Kid = await CreateFileAsync(cancel), SignsFrom = rows.Count == 0 ? now : now + Announcement };
            await connection.ExecuteAsync("insert into signing_keys (kid, signs_from) values (@Kid, @SignsFrom)", row);
            await transaction.RecordAsync(new AuditRecord
            {
                Type = "key.made",
                Details = new Dictionary<string, string>
                {
                    ["key"] = "token",
                    ["name"] = row.Kid,
                    ["signs_from"] = row.SignsFrom.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture),
                },
            }, cancel);
            rows.Add(row);
        }

        var known = keys.ToDictionary(key => key.Kid);
        keys = [.. rows.Select(row => known.GetValueOrDefault(row.Kid) ?? Open(row))];
        await transaction.CommitAsync(cancel);
    }

    private SigningKey? SuccessorOf(SigningKey key) => keys.Where(other => other.SignsFrom > key.SignsFrom).MinBy(other => other.SignsFrom);

    private string FileOf(string kid) => Path.Combine(service.KeyFolder, $"token-{kid}.pem");

    private async Task<string> CreateFileAsync(CancellationToken cancel)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var kid = SigningKey.KidOf(key.ExportParameters(includePrivateParameters: false));
        // The file is on disk before the database knows the key: a crash between the two leaves a file nobody asks for.
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        await using var file = new FileStream(FileOf(kid), options);
        await file.WriteAsync(System.Text.Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem()), cancel);
        file.Flush(flushToDisk: true);
        return kid;
    }

    private SigningKey Open(KeyRow row)
    {
        var path = FileOf(row.Kid);
        if (!File.Exists(path))
        {
            throw new InvalidOperationException(
                $"The database knows the signing key {row.Kid}, but {path} is missing. Restore the file; if it is lost for good, delete the key's row from signing_keys and start again.");
        }

        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & ~(UnixFileMode.UserRead | UnixFileMode.UserWrite)) != UnixFileMode.None)
        {
            throw new InvalidOperationException($"{path} can be read by others. Set its mode to 600.");
        }

        var key = ECDsa.Create();
        key.ImportFromPem(File.ReadAllText(path));
        return SigningKey.KidOf(key.ExportParameters(includePrivateParameters: false)) == row.Kid
            ? new SigningKey(row.Kid, row.SignsFrom, key)
            : throw new InvalidOperationException($"{path} holds another key than {row.Kid}.");
    }

    private sealed record KeyRow
    {
        public required string Kid { get; init; }
        public required DateTimeOffset SignsFrom { get; init; }
    }
}

internal sealed class SigningKey(string kid, DateTimeOffset signsFrom, ECDsa key)
{
    public string Kid { get; } = kid;

    public DateTimeOffset SignsFrom { get; } = signsFrom;

    public SigningCredentials Credentials { get; } = new(new ECDsaSecurityKey(key) { KeyId = kid }, SecurityAlgorithms.EcdsaSha256);

    public ECPoint Point { get; } = key.ExportParameters(includePrivateParameters: false).Q;

    /// <summary>RFC 7638 thumbprint: the id follows from the key, so two keys never share one.</summary>
    public static string KidOf(ECParameters key) => Base64UrlEncoder.Encode(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(
        $$"""{"crv":"P-256","kty":"EC","x":"{{Base64UrlEncoder.Encode(key.Q.X)}}","y":"{{Base64UrlEncoder.Encode(key.Q.Y)}}"}""")));
}
