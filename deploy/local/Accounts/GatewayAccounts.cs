using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Exchange.Local.Accounts;

/// <summary>The accounts as the gateway gets them: a hash in place of the secret.</summary>
internal static class GatewayAccounts
{
    /// <summary>Many iterations are for secrets that people choose; these are 144 random bits, and each sign-in pays for them too.</summary>
    private const int Iterations = 10_000;

    /// <summary>Leaves the file alone when it was made from these accounts: hundreds of slow hashes at every start would be felt.</summary>
    public static void Write(string path, IReadOnlyList<Account> accounts)
    {
        // A plain digest gives nothing away: the secrets in it are 144 random bits each.
        var madeFrom = Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(accounts, Files.Json)));
        var note = path + ".made-from";
        if (File.Exists(path) && File.Exists(note) && File.ReadAllText(note) == madeFrom)
            return;
        File.Delete(note);
        var hashed = new GatewayAccount[accounts.Count];
        Parallel.For(0, accounts.Count, i => hashed[i] = Hashed(accounts[i]));
        Files.Write(path, new { accounts = hashed });
        Files.WriteText(note, madeFrom);
    }

    private static GatewayAccount Hashed(Account account) => new()
    {
        ClientId = account.ClientId,
        SecretHash = Hash(account.Secret),
        Sub = account.ClientId,
        SubType = account.Type,
        Name = account.Name,
        City = account.City,
        Department = account.Department,
        Roles = account.Roles,
    };

    public static string Hash(string secret)
    {
        var salt = RandomNumberGenerator.GetBytes(16);
        var hash = Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(secret), salt, Iterations, HashAlgorithmName.SHA256, 32);
        return string.Create(CultureInfo.InvariantCulture, $"pbkdf2-sha256${Iterations}${Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}");
    }

    private sealed record GatewayAccount
    {
        public required string ClientId { get; init; }
        public required string SecretHash { get; init; }
        public required string Sub { get; init; }
        public required string SubType { get; init; }
        public required string Name { get; init; }
        public string? City { get; init; }
        public string? Department { get; init; }
        public required IReadOnlyList<string> Roles { get; init; }
    }
}
