using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Exchange.Local.Accounts;

namespace Exchange.Local.Samples;

/// <summary>Fills a city that is empty, as its people would: through the gateway's public address, each step with the account whose duty it is.</summary>
internal sealed class Samples(Uri gateway, IReadOnlyList<Account> accounts, string folder, Action<string> say) : IDisposable
{
    private readonly HttpClient http = new() { BaseAddress = gateway, Timeout = TimeSpan.FromSeconds(60) };

    public async Task LoadAsync(IEnumerable<City> cities, CancellationToken ct)
    {
        foreach (var city in cities)
        {
            var samples = Path.Combine(folder, city.Name);
            if (Directory.Exists(samples) && await IsEmptyAsync(city, ct))
                say($"loading the samples of {city.Title}");
        }
    }

    public void Dispose() => http.Dispose();

    private async Task<bool> IsEmptyAsync(City city, CancellationToken ct)
    {
        var authority = accounts.First(a => a.City == city.Name && a.Roles.Contains("authority"));
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/cities/{city.Name}/datasets?limit=1");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await TokenAsync(authority, ct));
        using var answer = await http.SendAsync(request, ct);
        answer.EnsureSuccessStatusCode();
        var page = await answer.Content.ReadFromJsonAsync<JsonElement>(ct);
        return page.GetProperty("items").GetArrayLength() == 0;
    }

    private Task<string> TokenAsync(Account account, CancellationToken ct) => Tokens.GetAsync(http, account, ct);
}
