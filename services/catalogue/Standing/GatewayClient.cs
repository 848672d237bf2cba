using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Serialization;
using Exchange.Hosting;

namespace Exchange.Catalogue.Standing;

/// <summary>Speaks to other cities as a department's program does: through the gateway, with that program's own client credentials.</summary>
internal sealed class GatewayClient(StandingSettings settings, ServiceSettings service) : IDisposable
{
    private static readonly TimeSpan Answers = TimeSpan.FromSeconds(60);

    /// <summary>Tokens live five minutes.</summary>
    private static readonly TimeSpan KeepToken = TimeSpan.FromMinutes(4);

    private readonly ConcurrentDictionary<(string Department, string City), (string Token, long Since)> tokens = new();
    private readonly HttpClient client = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(3), AutomaticDecompression = DecompressionMethods.None, PooledConnectionLifetime = TimeSpan.FromMinutes(2) })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    private string Address => (settings.Gateway ?? service.PublicAddress).TrimEnd('/');

    public bool Knows(string department) => settings.Clients.ContainsKey(department);

    /// <summary>The answer once its headers are there; whoever asks reads and disposes it. 401 when there is no credential or it is not taken.</summary>
    /// <exception cref="HttpRequestException">The gateway cannot be reached.</exception>
    /// <exception cref="OperationCanceledException">It does not answer in time.</exception>
    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string department, string city, string path, Action<HttpRequestMessage> adjust, CancellationToken cancel)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        timeout.CancelAfter(Answers);
        if (await TokenAsync(department, city, timeout.Token) is not { } token)
        {
            return new HttpResponseMessage(HttpStatusCode.Unauthorized);
        }

        using var request = new HttpRequestMessage(method, $"{Address}/api/cities/{city}/{path}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        request.Headers.AcceptLanguage.ParseAdd("zh");
        adjust(request);
        var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, timeout.Token);
        if (answer.StatusCode == HttpStatusCode.Unauthorized)
        {
            tokens.TryRemove((department, city), out _);
        }

        return answer;
    }

    public void Dispose() => client.Dispose();

    private async Task<string?> TokenAsync(string department, string city, CancellationToken cancel)
    {
        if (tokens.TryGetValue((department, city), out var kept) && TimeProvider.System.GetElapsedTime(kept.Since) < KeepToken)
        {
            return kept.Token;
        }

        if (!settings.Clients.TryGetValue(department, out var credential))
        {
            return null;
        }

        var since = TimeProvider.System.GetTimestamp();
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = credential.Id,
            ["client_secret"] = credential.Secret,
            ["resource"] = $"{service.PublicAddress}/api/cities/{city}",
        });
        using var answer = await client.PostAsync($"{Address}/connect/token", form, cancel);
        if (answer.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.Unauthorized)
        {
            return null;
        }

        var issued = await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<Issued>(cancel);
        tokens[(department, city)] = (issued!.AccessToken, since);
        return issued.AccessToken;
    }

    private sealed record Issued([property: JsonPropertyName("access_token")] string AccessToken);
}
