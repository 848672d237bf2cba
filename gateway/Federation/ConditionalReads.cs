using System.Security.Cryptography;
using Exchange.Hosting;

namespace Exchange.Gateway.Federation;

/// <summary>Conditional requests for answers that are put together from several parts.</summary>
internal static class ConditionalReads
{
    /// <summary>
    /// A weak tag (RFC 9110, 8.8.1) of what is shown. Moments that only say when one last looked are left out of <paramref name="shown"/>: they move every few seconds,
    /// and nobody would ever be told that nothing changed.
    /// </summary>
    public static string WeakTag(ReadOnlySpan<byte> shown) => $"W/\"{Convert.ToHexStringLower(SHA256.HashData(shown).AsSpan(0, 12))}\"";

    /// <summary>The headers of such an answer; true when the caller has it already.</summary>
    public static bool NotModified(this HttpContext http, string tag, Caller? caller)
    {
        http.Response.Headers.Vary = "Authorization";
        http.Response.Headers.CacheControl = caller is null ? "public, no-cache" : "private, no-cache";
        return http.IsKnown(tag);
    }

    /// <summary>Sets the tag; true when the caller already has what it names.</summary>
    public static bool IsKnown(this HttpContext http, string tag)
    {
        http.Response.Headers.ETag = tag;
        return http.Request.Headers.IfNoneMatch.Any(tags => tags!.Split(',', StringSplitOptions.TrimEntries).Any(known => known == "*" || Opaque(known) == Opaque(tag)));
    }

    private static string Opaque(string tag) => tag.StartsWith("W/", StringComparison.Ordinal) ? tag[2..] : tag;
}
