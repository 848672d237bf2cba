using System.Net;
using Exchange.Hosting.Webhooks;

namespace Exchange.Gateway.Harvest;

/// <summary>
/// Where a harvest may go. A source is somebody else's machine and can answer with any name or redirect, so nothing private is connected to unless the source's own settings allow
/// that network; what only this machine's cloud or link answers is never allowed.
/// </summary>
internal static class SourceAddress
{
    private const int Longest = 2000;

    private static readonly IPNetwork[] Private =
    [
        IPNetwork.Parse("127.0.0.0/8"), IPNetwork.Parse("::1/128"),
        IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("172.16.0.0/12"), IPNetwork.Parse("192.168.0.0/16"), IPNetwork.Parse("100.64.0.0/10"), IPNetwork.Parse("fc00::/7"),
        IPNetwork.Parse("192.0.0.0/24"), IPNetwork.Parse("198.18.0.0/15"), IPNetwork.Parse("240.0.0.0/4"),
        // These carry an IPv4 address inside, which may be any of the above.
        IPNetwork.Parse("64:ff9b::/96"), IPNetwork.Parse("2002::/16"), IPNetwork.Parse("2001::/32"), IPNetwork.Parse("::/96"),
    ];

    public static bool IsAllowed(IPAddress address, IEnumerable<string> allow)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return WebhookAddress.IsAllowed(plain, production: false)
            && (!Array.Exists(Private, network => network.Contains(plain)) || allow.Any(network => IPNetwork.Parse(network).Contains(plain)));
    }

    /// <summary>An absolute http or https address that may be shown to people and followed by them.</summary>
    public static bool IsWebAddress(string? address) =>
        address is { Length: <= Longest } && Uri.TryCreate(address, UriKind.Absolute, out var uri) && IsWebAddress(uri);

    public static bool IsWebAddress(Uri address) =>
        address.IsAbsoluteUri && (address.Scheme == Uri.UriSchemeHttps || address.Scheme == Uri.UriSchemeHttp) && address is { UserInfo: "", Host.Length: > 0 };
}
