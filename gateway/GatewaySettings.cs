using System.ComponentModel.DataAnnotations;
using Exchange.Gateway.Harvest;
using Exchange.Hosting;

namespace Exchange.Gateway;

/// <summary>What the gateway fronts and how it judges a city's silence (section <c>Gateway</c>).</summary>
internal sealed record GatewaySettings
{
    /// <summary>City → base address; several processes of one city are separated by commas. A fourth city is one more line here.</summary>
    [MinLength(1)]
    public IDictionary<string, string> Cities { get; init; } = new Dictionary<string, string>();

    /// <summary>Base address of the audit service; several processes are separated by commas.</summary>
    [Required]
    public string Audit { get; init; } = "";

    /// <summary>JSON file with the accounts of the gateway's own issuer (local start and sandbox); without one the table stays as it is.</summary>
    public string? AccountsFile { get; init; }

    /// <summary>How often each city is asked for its digest.</summary>
    public TimeSpan RepairEvery { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A city whose catalogue is known as of at most this long ago is live.</summary>
    public TimeSpan LiveWithin { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Older than this it is silent; between the two it is lagging.</summary>
    public TimeSpan SilentAfter { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Bytes of the largest file that is passed on to a city, which has a limit of its own.</summary>
    [Range(1, 1L << 50)]
    public long LargestFile { get; init; } = 8L << 30;

    /// <summary>Folder with a file for each foreign catalogue that is harvested; without one there are none.</summary>
    public string? SourcesFolder { get; init; }

    internal IReadOnlyList<Source> Sources { get; init; } = [];

    /// <summary>Age at which a token signing key gets its successor.</summary>
    public TimeSpan SigningKeyLifetime { get; init; } = TimeSpan.FromDays(30);

    /// <summary>The names that stand in a token's audience: every service checks for its own.</summary>
    /// <summary>All whose entries are in the catalogue: the cities and the harvested sources.</summary>
    internal IReadOnlyList<string> Publishers => [.. Cities.Keys, .. Sources.Select(source => source.Id)];

    public IReadOnlyList<string> Services => [.. Cities.Keys, "audit", "gateway"];

    /// <summary>Where the processes of a city, or of <c>audit</c>, listen.</summary>
    public IReadOnlyList<string> AddressesOf(string service) => Split(service == "audit" ? Audit : Cities[service]);

    private static string[] Split(string addresses) => [.. addresses.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(a => a.TrimEnd('/'))];

    public static GatewaySettings Read(WebApplicationBuilder builder)
    {
        var reader = new SettingsReader(builder.Configuration);
        var settings = reader.Section<GatewaySettings>("Gateway");
        foreach (var (name, addresses) in settings.Cities.Append(new("audit", settings.Audit)))
        {
            if (Split(addresses) is not { Length: > 0 } each || !each.All(a => Uri.TryCreate(a, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"))
            {
                reader.Fault(name == "audit" ? "Gateway:Audit" : $"Gateway:Cities:{name}", "must be an absolute http or https address, or several separated by commas");
            }
        }

        if (settings.AccountsFile is { } file && !File.Exists(file))
        {
            reader.Fault("Gateway:AccountsFile", "names a file that is not there");
        }

        if (settings.SilentAfter <= settings.LiveWithin)
        {
            reader.Fault("Gateway:SilentAfter", "must be longer than Gateway:LiveWithin");
        }

        var sources = Source.ReadFolder(settings.SourcesFolder, settings.Cities.Keys, reader);
        reader.ThrowOnFaults();
        return settings with { Sources = sources };
    }
}
