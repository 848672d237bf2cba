using System.Net;
using System.Net.Sockets;

namespace Exchange.Hosting.Webhooks;

/// <summary>
/// Where a webhook may go. Receivers stand in the government's own network, so private addresses are allowed; what only this machine or its cloud answers is not.
/// The address is checked when it is connected to, by the very address that is used: a name that points elsewhere later changes nothing.
/// </summary>
public static class WebhookAddress
{
    private static readonly IPNetwork[] Refused =
    [
        IPNetwork.Parse("169.254.0.0/16"), IPNetwork.Parse("fe80::/10"), IPNetwork.Parse("0.0.0.0/8"), IPNetwork.Parse("::/128"),
        // What clouds answer about the machine: Aliyun, and AWS over IPv6.
        IPNetwork.Parse("100.100.100.200/32"), IPNetwork.Parse("fd00:ec2::254/128"),
        IPNetwork.Parse("224.0.0.0/4"), IPNetwork.Parse("ff00::/8"),
    ];

    /// <summary>Absolute https, or http outside of production, without a password in it.</summary>
    public static bool IsAllowed(string? url, bool production) =>
        url is { Length: <= 500 } && Uri.TryCreate(url, UriKind.Absolute, out var address) && (address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && !production))
        && address is { UserInfo: "", Fragment: "", Host.Length: > 0 } && (!IPAddress.TryParse(address.IdnHost.Trim('[', ']'), out var ip) || IsAllowed(ip, production));

    public static void Check(string field, string? url, bool production, Faults faults)
    {
        if (!IsAllowed(url, production))
        {
            faults.Add(field, "address", null, production
                ? new("须为可公开或内网访问的 https 地址，不得含口令。", "An absolute https address without a password, not of this machine or its cloud.")
                : new("须为 https 或 http 地址，不得含口令。", "An absolute https or http address without a password, not of this machine's cloud."));
        }
    }

    public static bool IsAllowed(IPAddress address, bool production)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return !Array.Exists(Refused, network => network.Contains(plain)) && !(production && IPAddress.IsLoopback(plain));
    }

    public static SocketsHttpHandler Handler(bool production) => Handler(address => IsAllowed(address, production));

    /// <summary>Follows nothing, sends nothing of its own, and connects to no address but those that are allowed.</summary>
    public static SocketsHttpHandler Handler(Func<IPAddress, bool> isAllowed) => new()
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        AutomaticDecompression = DecompressionMethods.None,
        MaxResponseHeadersLength = 16,
        PooledConnectionLifetime = TimeSpan.FromMinutes(1),
        ConnectCallback = async (asked, cancel) =>
        {
            var addresses = await Dns.GetHostAddressesAsync(asked.DnsEndPoint.Host, cancel);
            var allowed = Array.FindAll(addresses, address => isAllowed(address));
            if (allowed.Length == 0)
            {
                throw new HttpRequestException($"{asked.DnsEndPoint.Host} has no address that may be sent to.");
            }

            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(allowed, asked.DnsEndPoint.Port, cancel);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    };
}
