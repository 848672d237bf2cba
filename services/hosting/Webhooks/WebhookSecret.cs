using System.Security.Cryptography;
using System.Text;

namespace Exchange.Hosting.Webhooks;

/// <summary>The key that a webhook's messages are signed with, as Standard Webhooks says (github.com/standard-webhooks).</summary>
public static class WebhookSecret
{
    private const int Length = 32;

    public static byte[] Make() => RandomNumberGenerator.GetBytes(Length);

    /// <summary>As its owner is told it, once.</summary>
    public static string Shown(byte[] secret) => "whsec_" + Convert.ToBase64String(secret);

    /// <summary>The header <c>webhook-signature</c>: HMAC-SHA256 over id, time and body.</summary>
    public static string Sign(byte[] secret, string id, string timestamp, byte[] body) =>
        "v1," + Convert.ToBase64String(HMACSHA256.HashData(secret, (byte[])[.. Encoding.UTF8.GetBytes($"{id}.{timestamp}."), .. body]));
}
