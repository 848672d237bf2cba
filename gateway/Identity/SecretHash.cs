using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Exchange.Gateway.Identity;

/// <summary>
/// A stored client secret: <c>pbkdf2-sha256$&lt;iterations&gt;$&lt;base64 salt&gt;$&lt;base64 hash&gt;</c>, salt 16 bytes, hash 32.
/// Generated secrets carry 256 bits, so the iterations only matter for secrets that people choose.
/// </summary>
internal sealed record SecretHash(int Iterations, byte[] Salt, byte[] Hash)
{
    private const string Scheme = "pbkdf2-sha256";
    private const int MostIterations = 5_000_000;

    public static SecretHash Of(string secret, int iterations)
    {
        var salt = RandomNumberGenerator.GetBytes(16);
        return new SecretHash(iterations, salt, Derive(secret, salt, iterations));
    }

    public static SecretHash? Parse(string text)
    {
        var parts = text.Split('$');
        if (parts is not [Scheme, var rounds, var salt, var hash]
            || !int.TryParse(rounds, NumberStyles.None, CultureInfo.InvariantCulture, out var iterations)
            || iterations is < 1 or > MostIterations)
        {
            return null;
        }

        Span<byte> saltBytes = stackalloc byte[64];
        Span<byte> hashBytes = stackalloc byte[32];
        return Convert.TryFromBase64String(salt, saltBytes, out var saltLength) && saltLength >= 8
            && Convert.TryFromBase64String(hash, hashBytes, out var hashLength) && hashLength == 32
                ? new SecretHash(iterations, saltBytes[..saltLength].ToArray(), hashBytes.ToArray())
                : null;
    }

    public bool Matches(string secret) => CryptographicOperations.FixedTimeEquals(Hash, Derive(secret, Salt, Iterations));

    public override string ToString() => $"{Scheme}${Iterations.ToString(CultureInfo.InvariantCulture)}${Convert.ToBase64String(Salt)}${Convert.ToBase64String(Hash)}";

    private static byte[] Derive(string secret, byte[] salt, int iterations) =>
        Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(secret), salt, iterations, HashAlgorithmName.SHA256, 32);
}
