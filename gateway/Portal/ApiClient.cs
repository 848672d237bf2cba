using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Exchange.Gateway.Identity;
using Exchange.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Exchange.Gateway.Portal;

/// <summary>
/// The portal is the first user of the exchange's API: what a page needs of a city, of the audit service or of the gateway it asks as any program would, with a token of the person
/// who is signed in. So nobody can do on a page what the API would refuse, and a delivery that begins on a page is reported like any other. Scoped.
/// </summary>
internal sealed class ApiClient(Visit visit, AccessTokens tokens, GatewaySettings gateway, PortalSettings settings, IServer server, IHttpClientFactory clients)
{
    public const string Name = "portal";

    /// <summary>As the API writes, but what a later release adds is passed over.</summary>
    private static readonly JsonSerializerOptions Reading = new(Json.Options) { UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Skip };

    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan AskAgain = TimeSpan.FromMilliseconds(250);
    private const int MostTries = 40;

    public static readonly Rule NoAnswer = new("no-answer", StatusCodes.Status502BadGateway, null,
        new("所需的服务没有给出可读的答复。", "The service that is needed gave no answer that can be read."),
        new("请稍后重试。", "Try again shortly."));

    private readonly ConcurrentDictionary<string, string> states = new(StringComparer.Ordinal);

    private (string Text, DateTimeOffset At)? token;

    /// <param name="path">As in the API's description: <c>/api/cities/changsha/requests</c>. An absolute address of the exchange, as <c>links</c> give, is taken too.</param>
    /// <param name="cancel">Ends the call.</param>
    public Task<ApiAnswer<T>> GetAsync<T>(string path, CancellationToken cancel) => SendAsync<T>(HttpMethod.Get, path, null, null, null, cancel);

    /// <param name="path">As with <see cref="GetAsync"/>.</param>
    /// <param name="body">Becomes JSON in the API's dialect; an <see cref="HttpContent"/> is sent as it is; null for none.</param>
    /// <param name="version">What the person has seen: <c>If-Match</c>.</param>
    /// <param name="key">What makes the same form sent twice one act: <c>Idempotency-Key</c>.</param>
    /// <param name="cancel">Ends the call.</param>
    public Task<ApiAnswer<T>> PostAsync<T>(string path, object? body, int? version, string? key, CancellationToken cancel) => SendAsync<T>(HttpMethod.Post, path, body, version, key, cancel);

    /// <param name="path">As with <see cref="GetAsync"/>.</param>
    /// <param name="body">As with <see cref="PostAsync"/>.</param>
    /// <param name="version">As with <see cref="PostAsync"/>.</param>
    /// <param name="key">As with <see cref="PostAsync"/>.</param>
    /// <param name="cancel">Ends the call.</param>
    public Task<ApiAnswer<T>> PutAsync<T>(string path, object? body, int? version, string? key, CancellationToken cancel) => SendAsync<T>(HttpMethod.Put, path, body, version, key, cancel);

    /// <summary>
    /// A form that was sent twice at once (a double click) is one act: the second sending waits for the first and gets its answer, so that the person sees what was done.
    /// </summary>
    public async Task<ApiAnswer<T>> SendAsync<T>(HttpMethod method, string path, object? body, int? version, string? key, CancellationToken cancel, Action<HttpRequestHeaders>? headers = null)
    {
        for (var tries = 1; ; tries++)
        {
            var answer = await SendOnceAsync<T>(method, path, body, version, key, headers, cancel);
            if (answer.Problem?.Rule != RouteWrites.KeyInFlight.Type || body is HttpContent || tries == MostTries)
            {
                return answer;
            }

            await Task.Delay(AskAgain, cancel);
        }
    }

    private async Task<ApiAnswer<T>> SendOnceAsync<T>(HttpMethod method, string path, object? body, int? version, string? key, Action<HttpRequestHeaders>? headers, CancellationToken cancel)
    {
        using var request = Request(method, path);
        headers?.Invoke(request.Headers);
        if (version is { } seen)
        {
            request.Headers.TryAddWithoutValidation("If-Match", string.Create(CultureInfo.InvariantCulture, $"\"{seen}\""));
        }

        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        }

        request.Content = body switch
        {
            null => null,
            HttpContent content => content,
            _ => JsonContent.Create(body, body.GetType(), options: Json.Options),
        };
        using var client = clients.CreateClient(Name);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        if (body is not HttpContent)
        {
            limit.CancelAfter(AnswerWithin);
        }

        try
        {
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            var bytes = await response.Content.ReadAsByteArrayAsync(limit.Token);
            if (method == HttpMethod.Get)
            {
                states[path] = StateOf(response.StatusCode, bytes);
            }

            return response.IsSuccessStatusCode
                ? new ApiAnswer<T>(bytes.Length == 0 ? default : JsonSerializer.Deserialize<T>(bytes, Reading), null, (int)response.StatusCode, response.Headers.ETag?.Tag)
                : new ApiAnswer<T>(default, JsonSerializer.Deserialize<Problem>(bytes, Reading), (int)response.StatusCode, null);
        }
        catch (Exception fault) when ((fault is HttpRequestException or JsonException or IOException || (fault is OperationCanceledException && limit.IsCancellationRequested)) && !cancel.IsCancellationRequested)
        {
            return new ApiAnswer<T>(default, Silent, NoAnswer.Status, null);
        }
    }

    /// <summary>An answer that is handed on while it comes, for downloads. The caller disposes of it.</summary>
    public async Task<HttpResponseMessage> OpenAsync(string path, Action<HttpRequestHeaders>? headers, CancellationToken cancel)
    {
        using var request = Request(HttpMethod.Get, path);
        headers?.Invoke(request.Headers);
        try
        {
            return await clients.CreateClient(Name).SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
        }
        catch (HttpRequestException)
        {
            return new HttpResponseMessage((HttpStatusCode)NoAnswer.Status) { Content = JsonContent.Create(Silent, options: Json.Options) };
        }
    }

    /// <summary>What an answer of <see cref="OpenAsync"/> that is no success says.</summary>
    public async Task<Problem> ProblemOfAsync(HttpResponseMessage answer, CancellationToken cancel)
    {
        try
        {
            return JsonSerializer.Deserialize<Problem>(await answer.Content.ReadAsByteArrayAsync(cancel), Reading) ?? Silent;
        }
        catch (Exception fault) when (fault is JsonException or HttpRequestException or IOException)
        {
            return Silent;
        }
    }

    private Problem Silent => new Refused(NoAnswer).ToProblem(visit.Language, visit.PublicAddress);

    /// <summary>
    /// What tells the states of an answer apart. Not its ETag, which is the version that acts name: a standing exchange goes on without another one. Of a refusal only the status: no two have the same trace.
    /// </summary>
    public static string StateOf(HttpStatusCode status, byte[] body) => status >= HttpStatusCode.BadRequest ? status.ToString() : Convert.ToHexString(SHA256.HashData(body));

    /// <summary>The same in few characters, for an address.</summary>
    public static string Short(string state) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(state)))[..16];

    /// <summary>What this visit has read of these addresses; null when it has not read them all.</summary>
    public string? Seen(IReadOnlyList<string?> paths) =>
        paths.All(path => path is not null && states.ContainsKey(path)) ? Short(string.Concat(paths.Select(path => states[path!]))) : null;

    private HttpRequestMessage Request(HttpMethod method, string path)
    {
        if (path.StartsWith(visit.PublicAddress, StringComparison.Ordinal))
        {
            path = path[visit.PublicAddress.Length..];
        }

        // A page that put somebody else's text into an address would go wherever that text says.
        if (!path.StartsWith("/api/", StringComparison.Ordinal) && !path.StartsWith("/operations", StringComparison.Ordinal) && !path.StartsWith("/health/", StringComparison.Ordinal))
        {
            throw new ArgumentException($"{path} is no path of the API.", nameof(path));
        }

        var request = new HttpRequestMessage(method, OwnAddress + path);
        if (visit.Person is { } person)
        {
            // A page that is followed outlives a token.
            if (token is not { } known || visit.Now - known.At > AccessTokens.Lifetime / 2)
            {
                token = known = (tokens.Issue(person.ToAccount(), gateway.Services), visit.Now);
            }

            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", known.Text);
        }

        request.Headers.TryAddWithoutValidation("Accept-Language", visit.Lang);
        return request;
    }

    private string OwnAddress => settings.OwnAddress?.TrimEnd('/')
        ?? server.Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault(address => address.StartsWith("http:", StringComparison.Ordinal))
            ?.Replace("[::]", "127.0.0.1", StringComparison.Ordinal).Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal).Replace("//+", "//127.0.0.1", StringComparison.Ordinal).Replace("//*", "//127.0.0.1", StringComparison.Ordinal)
        ?? visit.PublicAddress;
}

/// <summary>What the API answered: a value, or a problem in the person's language.</summary>
/// <param name="Value">Null when it was refused, or when the answer is empty.</param>
/// <param name="Problem">Null when it was carried out.</param>
/// <param name="Status">HTTP status.</param>
/// <param name="ETag">As sent, with quotes.</param>
internal sealed record ApiAnswer<T>(T? Value, Problem? Problem, int Status, string? ETag)
{
    [System.Diagnostics.CodeAnalysis.MemberNotNullWhen(false, nameof(Problem))]
    public bool Succeeded => Problem is null;
}
