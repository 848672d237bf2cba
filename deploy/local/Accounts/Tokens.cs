using System.Net.Http.Json;
using System.Text.Json;

namespace Exchange.Local.Accounts;

internal static class Tokens
{
    /// <summary>Signs in at the gateway; the token is good for at most five minutes.</summary>
    public static async Task<string> GetAsync(HttpClient gateway, Account account, CancellationToken ct)
    {
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = account.ClientId,
            ["client_secret"] = account.Secret,
        });
        using var answer = await gateway.PostAsync(new Uri("/connect/token", UriKind.Relative), form, ct);
        if (!answer.IsSuccessStatusCode)
            throw new LocalFault($"The gateway gave no token to {account.ClientId}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(ct)}");
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(ct)).GetProperty("access_token").GetString()!;
    }
}
