using System.Net.Http.Headers;
using Exchange.Gateway.Identity;
using Exchange.Hosting;

namespace Exchange.Gateway.Federation;

/// <summary>Asks a city in the gateway's own name what it tells no one else; its processes one after the other, until one answers.</summary>
internal sealed class CityClient(AccessTokens tokens, GatewaySettings settings, IHttpClientFactory clients)
{
    private static readonly Account Self = new()
    {
        ClientId = "gateway-repair",
        Subject = "gateway-repair",
        SubType = "client",
        Name = "gateway repair",
        Roles = [Roles.Repair],
    };

    public async Task<T> GetAsync<T>(string city, string path, CancellationToken cancel)
    {
        using var client = clients.CreateClient(Repair.HttpClientName);
        var addresses = settings.AddressesOf(city);
        for (var i = 0; ; i++)
        {
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, addresses[i] + path);
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", tokens.Issue(Self, [city]));
                using var response = await client.SendAsync(request, cancel);
                response.EnsureSuccessStatusCode();
                return await response.Content.ReadFromJsonAsync<T>(Json.Options, cancel) ?? throw new InvalidDataException($"{city} answered nothing.");
            }
            catch (Exception fault) when (fault is HttpRequestException or TaskCanceledException && !cancel.IsCancellationRequested && i + 1 < addresses.Count)
            {
                // The city's next process may answer.
            }
        }
    }
}
