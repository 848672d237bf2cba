using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Exchange.Local.Accounts;

/// <summary>The accounts as the gateway gets them: a hash in place of the secret.</summary>
internal static class GatewayAccounts
{
    private const int Iterations = 100_000;

    public static void Write(string path, IReadOnlyList<Account> accounts)
    {
        var hashed = new GatewayAccount[accounts.Count];
        Parallel.For(0, accounts.Count, i => hashed[i] = Hashed(accounts[i]));
        Files.Write(path, new { accounts = hashed });
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
