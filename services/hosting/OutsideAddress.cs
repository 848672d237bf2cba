using System.Net;
using Exchange.Hosting.Webhooks;

namespace Exchange.Hosting;

/// <summary>
/// Where a call may go whose address somebody else wrote: nowhere private, unless the operator names that network; what only this machine's cloud or link answers is never allowed.
/// To be asked of the very address that is connected to (<see cref="WebhookAddress.Handler(Func{IPAddress, bool})"/>).
/// </summary>
public static class OutsideAddress
{
    private static readonly IPNetwork[] Private =
    [
        IPNetwork.Parse("127.0.0.0/8"), IPNetwork.Parse("::1/128"),
        IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("172.16.0.0/12"), IPNetwork.Parse("192.168.0.0/16"), IPNetwork.Parse("100.64.0.0/10"), IPNetwork.Parse("fc00::/7"),
        IPNetwork.Parse("192.0.0.0/24"), IPNetwork.Parse("198.18.0.0/15"), IPNetwork.Parse("240.0.0.0/4"),
        // These carry an IPv4 address inside, which may be any of the above.
        IPNetwork.Parse("64:ff9b::/96"), IPNetwork.Parse("2002::/16"), IPNetwork.Parse("2001::/32"), IPNetwork.Parse("::/96"),
    ];

    /// <param name="address">What a name stands for at this moment.</param>
    /// <param name="allow">Networks such as <c>10.20.0.0/16</c> that the operator names.</param>
    public static bool IsAllowed(IPAddress address, IEnumerable<string> allow)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return WebhookAddress.IsAllowed(plain, production: false)
            && (!Array.Exists(Private, network => network.Contains(plain)) || allow.Any(network => IPNetwork.Parse(network).Contains(plain)));
    }
}
