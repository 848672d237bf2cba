using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace Exchange.Local.Accounts;

/// <summary>One account at work: signs in at the gateway and speaks HTTP as a person or program would.</summary>
internal sealed class Participant(HttpClient gateway, Account account, string language = "zh-CN") : IDisposable
{
    private static readonly TimeSpan TokenLife = TimeSpan.FromMinutes(4);
    private readonly SemaphoreSlim signingIn = new(1, 1);
    private string? token;
    private long signedIn;

    public Account Account => account;

    /// <summary>The purpose_code that it states in each call; left out when null.</summary>
    public string? Purpose { get; init; }

    public Task<Answer> GetAsync(string path, CancellationToken ct = default) => SendAsync(HttpMethod.Get, path, null, null, ct);

    /// <summary>An act: with a fresh Idempotency-Key unless one is given, and with If-Match when an ETag is.</summary>
    public Task<Answer> PostAsync(string path, object? body = null, string? etag = null, string? key = null, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, path, ContentOf(body), request => Mark(request, etag, key), ct);

    public Task<Answer> PutAsync(string path, object body, string? etag = null, string? key = null, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Put, path, ContentOf(body), request => Mark(request, etag, key), ct);

    private static HttpContent? ContentOf(object? body) => body as HttpContent ?? (body is null ? null : JsonContent.Create(body, options: Snake));

    public async Task<Answer> SendAsync(HttpMethod method, string path, HttpContent? body, Action<HttpRequestMessage>? adjust, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.RelativeOrAbsolute)) { Content = body };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await TokenAsync(ct));
        request.Headers.AcceptLanguage.ParseAdd(language);
        if (Purpose is not null)
            request.Headers.Add("Purpose", Purpose);
        adjust?.Invoke(request);
        using var response = await gateway.SendAsync(request, ct);
        return await Answer.ReadAsync(response, ct);
    }

    public async Task<string> TokenAsync(CancellationToken ct = default)
    {
        await signingIn.WaitAsync(ct);
        try
        {
            if (token is null || TimeProvider.System.GetElapsedTime(signedIn) > TokenLife)
            {
                token = await Tokens.GetAsync(gateway, account, ct);
                signedIn = TimeProvider.System.GetTimestamp();
            }

            return token;
        }
        finally
        {
            signingIn.Release();
        }
    }

    public void Dispose() => signingIn.Dispose();

    private static readonly JsonSerializerOptions Snake = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull,
    };

    private static void Mark(HttpRequestMessage request, string? etag, string? key)
    {
        request.Headers.TryAddWithoutValidation("Idempotency-Key", key ?? Guid.NewGuid().ToString());
        if (etag is not null)
            request.Headers.TryAddWithoutValidation("If-Match", etag);
    }
}

/// <summary>What came back, read whole.</summary>
internal sealed record Answer(int Status, string? ETag, string MediaType, byte[] Bytes, IReadOnlyDictionary<string, string> Headers)
{
    public string Text => System.Text.Encoding.UTF8.GetString(Bytes);

    public JsonElement Json => JsonSerializer.Deserialize<JsonElement>(Bytes);

    public JsonElement this[string name] => Json.GetProperty(name);

    /// <summary>Itself when the status is a success; else the answer's own words.</summary>
    public Answer Succeeded(string what) => Status is >= 200 and < 300 ? this : throw new LocalFault($"{what}: {Status}\n{Text}");

    public static async Task<Answer> ReadAsync(HttpResponseMessage response, CancellationToken ct) => new(
        (int)response.StatusCode,
        response.Headers.ETag?.ToString(),
        response.Content.Headers.ContentType?.MediaType ?? "",
        await response.Content.ReadAsByteArrayAsync(ct),
        response.Headers.Concat(response.Content.Headers).ToDictionary(h => h.Key, h => string.Join(',', h.Value), StringComparer.OrdinalIgnoreCase));
}
