using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization;
using Exchange.Gateway.Federation;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal;

/// <summary>
/// What cities and departments are called: each city tells it (<c>GET /departments</c>, open to anyone), and is asked again after some minutes. A city that was never heard is
/// shown by its id, and a department by what the catalogue knows of it, or its code.
/// </summary>
internal sealed class Places(GatewaySettings settings, IHttpClientFactory clients, TimeProvider clock) : BackgroundService
{
    private static readonly TimeSpan Again = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(2);
    private static readonly JsonSerializerOptions Reading = new(Json.Options) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip };

    private readonly ConcurrentDictionary<string, CityPlace> known = new(StringComparer.Ordinal);

    /// <summary>The cities in the order of their division codes (GB/T 2260), as people list them: 长沙, 株洲, 湘潭.</summary>
    public IReadOnlyList<string> Cities => [.. InOrder(settings.Cities.Keys, city => city)];

    /// <summary>The same order for what belongs to cities; what is no city, or was never heard, comes last.</summary>
    public IEnumerable<T> InOrder<T>(IEnumerable<T> items, Func<T, string> cityOf) =>
        // Characters three to eight of an organisation's unified social credit code (GB 32100) are the division it is registered in.
        items.OrderBy(item => Find(cityOf(item))?.Authority.Code is { Length: >= 8 } code ? code[2..8] : "~", StringComparer.Ordinal).ThenBy(cityOf, StringComparer.Ordinal);

    /// <summary>Null while the city has not been heard.</summary>
    public CityPlace? Find(string city) => known.GetValueOrDefault(city);

    public string City(string city, Visit visit) => Find(city) is { } place ? visit.T(place.Name, place.Public.NameEn)
        : settings.Sources.FirstOrDefault(source => source.Id == city) is { } source ? visit.T(source.Name, source.NameEn)
        : city;

    public string Department(string city, string code) => Find(city) switch
    {
        { } place when place.Authority.Code == code => place.Authority.Name,
        { } place => place.Items.FirstOrDefault(item => item.Code == code)?.Name ?? code,
        null => code,
    };

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var heard = await Task.WhenAll(settings.Cities.Keys.Select(city => AskAsync(city, stoppingToken)));
            await Task.Delay(heard.All(answered => answered) ? Again : Soon, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<bool> AskAsync(string city, CancellationToken cancel)
    {
        foreach (var address in settings.AddressesOf(city))
        {
            try
            {
                using var client = clients.CreateClient(Repair.HttpClientName);
                known[city] = await client.GetFromJsonAsync<CityPlace>($"{address}/departments", Reading, cancel) ?? throw new JsonException("nothing");
                return true;
            }
            catch (Exception fault) when (fault is HttpRequestException or OperationCanceledException or JsonException)
            {
                // The next one, or later.
            }
        }

        return false;
    }
}

/// <summary>A city as it names itself.</summary>
public sealed record CityPlace
{
    public required string City { get; init; }
    public required string Name { get; init; }
    public required CityNames Public { get; init; }
    public required AuthorityPlace Authority { get; init; }

    /// <summary>The common superior authority, which coordinates disputes between cities (art. 28).</summary>
    public string? Superior { get; init; }

    public required IReadOnlyList<DepartmentPlace> Items { get; init; }
}

public sealed record CityNames
{
    public required string NameEn { get; init; }
    public string? Catalogue { get; init; }
    public string? CatalogueEn { get; init; }
}

public sealed record AuthorityPlace(string Code, string Name);

/// <summary>A department with the office to turn to (art. 11) and how it takes reports of errors (art. 26).</summary>
public sealed record DepartmentPlace
{
    public required string Code { get; init; }
    public required string Name { get; init; }
    public OfficePlace? SharingOffice { get; init; }
    public string? CorrectionRules { get; init; }
    public string? CorrectionChannel { get; init; }
}

public sealed record OfficePlace(string Name, string Contact);
