using System.ComponentModel.DataAnnotations;
using System.Net;
using Exchange.Gateway.Portal.SignIn;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal;

/// <summary>How people sign in and how long that lasts (section <c>Portal</c>).</summary>
internal sealed record PortalSettings
{
    /// <summary>A session that nobody used for this long is over.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "1.00:00:00")]
    public TimeSpan IdleAfter { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>A session is over after this, whatever happens in it.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "7.00:00:00")]
    public TimeSpan LongestSession { get; init; } = TimeSpan.FromHours(12);

    /// <summary>Shows the sample accounts at the sign-in and takes a click for a secret. Only where the public address is this machine's own.</summary>
    public bool SampleAccounts { get; init; }

    /// <summary>Where the portal reaches the gateway's own API; the first address that the gateway listens on when it is left out.</summary>
    public string? OwnAddress { get; init; }

    /// <summary>How often a page that is looked at asks whether it has changed.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan LookEvery { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Another party at which people may sign in; null for none.</summary>
    public ProviderSettings? Provider { get; init; }

    public static PortalSettings Read(IConfiguration configuration, ServiceSettings service)
    {
        var reader = new SettingsReader(configuration);
        var settings = reader.Section<PortalSettings>("Portal");
        if (settings.SampleAccounts && !IsLoopback(service.PublicAddress))
        {
            reader.Fault("Portal:SampleAccounts", "only where the public address is a loopback address: whoever reaches it signs in without a secret");
        }

        if (settings.OwnAddress is { } own && !(Uri.TryCreate(own, UriKind.Absolute, out var address) && address.Scheme is "http" or "https"))
        {
            reader.Fault("Portal:OwnAddress", "must be an absolute http or https address");
        }

        if (settings.Provider is not null)
        {
            reader.Section<ProviderSettings>("Portal:Provider").Check(reader);
        }

        reader.ThrowOnFaults();
        return settings;
    }

    private static bool IsLoopback(string address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri) && (uri.Host == "localhost" || (IPAddress.TryParse(uri.Host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip)));
}
