using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Exchange.Tests.Browser;

/// <summary>An OpenID provider that signs everyone in at once and says of them what a test wants, in tokens that may be as wrong as the test wants.</summary>
internal sealed class HostileProvider : IAsyncDisposable
{
    public const string ClientId = "exchange portal";
    public const string Secret = "geheim:+%";

    private readonly WebApplication app;
    private readonly ConcurrentDictionary<string, (string Nonce, string Challenge, string RedirectUri)> codes = new(StringComparer.Ordinal);
    private ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    private HostileProvider()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
    }

    public string Address { get; private set; } = "";

    public string KeyId { get; private set; } = "one";

    /// <summary>What it says of the next person.</summary>
    public JsonObject Claims { get; set; } = Person();

    /// <summary>Writes the id_token from its header and payload; properly signed unless a test wants something else.</summary>
    public Func<JsonObject, JsonObject, string> Write { get; set; } = null!;

    /// <summary>Answers nothing any more.</summary>
    public bool IsAway { get; set; }

    public string LastAccessToken { get; private set; } = "";

    public string LastIdToken { get; private set; } = "";

    /// <summary>Everything that was said of the person by its userinfo endpoint; null where it has none to say.</summary>
    public JsonObject? UserInfo { get; set; }

    public static JsonObject Person(string subject = "p-1", string? city = "changsha", params string[] roles) => new()
    {
        ["sub"] = subject,
        ["name"] = "示例·某人",
        ["city"] = city,
        ["department"] = "11430100EXAMPL020U",
        ["roles"] = new JsonArray([.. (roles.Length == 0 ? ["officer"] : roles).Select(role => (JsonNode)role)]),
    };

    public static async Task<HostileProvider> StartAsync()
    {
        var provider = new HostileProvider();
        provider.Write = provider.Sign;
        provider.Map();
        await provider.app.StartAsync();
        provider.Address = provider.app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        return provider;
    }

    /// <summary>As it was at the start.</summary>
    public void Behave()
    {
        (Claims, Write, IsAway, UserInfo) = (Person(), Sign, false, null);
    }

    public void ChangeKey()
    {
        key.Dispose();
        key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        KeyId += "+";
    }

    public string Sign(JsonObject header, JsonObject payload) => Sign(header, payload, key);

    /// <summary>With another beginning than the payload has: a member that then stands there twice.</summary>
    public string Sign(JsonObject header, JsonObject payload, string beginning) => Join(header, beginning + payload.ToJsonString()[1..], text => key.SignData(text, HashAlgorithmName.SHA256));

    public static string Sign(JsonObject header, JsonObject payload, ECDsa with) => Join(header, payload.ToJsonString(), text => with.SignData(text, HashAlgorithmName.SHA256));

    public static string Join(JsonObject header, string payload, Func<byte[], byte[]> sign)
    {
        var text = $"{Encoded(header.ToJsonString())}.{Encoded(payload)}";
        return $"{text}.{Base64Url.EncodeToString(sign(Encoding.ASCII.GetBytes(text)))}";
    }

    public static string HalfHash(string text) => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(text)).AsSpan(0, 16));

    /// <summary>The published key as a provider's document writes it, which an attacker has too.</summary>
    public JsonObject PublicKey(ECDsa? of = null)
    {
        var point = (of ?? key).ExportParameters(includePrivateParameters: false).Q;
        return new JsonObject { ["kty"] = "EC", ["crv"] = "P-256", ["kid"] = KeyId, ["alg"] = "ES256", ["use"] = "sig", ["x"] = Base64Url.EncodeToString(point.X), ["y"] = Base64Url.EncodeToString(point.Y) };
    }

    public byte[] PublicKeyBytes => key.ExportSubjectPublicKeyInfo();

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        key.Dispose();
    }

    private static string Encoded(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    private void Map()
    {
        app.Use((http, next) =>
        {
            if (IsAway)
            {
                http.Abort();
                return Task.CompletedTask;
            }

            return next(http);
        });
        app.MapGet("/.well-known/openid-configuration", () => Results.Json(new JsonObject
        {
            ["issuer"] = Address,
            ["authorization_endpoint"] = Address + "/authorize?tenant=1",
            ["token_endpoint"] = Address + "/token",
            ["userinfo_endpoint"] = Address + "/me",
            ["jwks_uri"] = Address + "/jwks",
            ["end_session_endpoint"] = Address + "/end",
        }));
        app.MapGet("/jwks", () => Results.Json(new JsonObject { ["keys"] = new JsonArray(PublicKey()) }));
        app.MapGet("/authorize", (HttpContext http) =>
        {
            var asked = http.Request.Query;
            Assert.Equal(("code", ClientId, "S256", "1"), (asked["response_type"].ToString(), asked["client_id"].ToString(), asked["code_challenge_method"].ToString(), asked["tenant"].ToString()));
            var code = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
            codes[code] = (asked["nonce"].ToString(), asked["code_challenge"].ToString(), asked["redirect_uri"].ToString());
            return Results.Redirect(QueryHelpers.AddQueryString(asked["redirect_uri"].ToString(), new Dictionary<string, string?> { ["code"] = code, ["state"] = asked["state"] }));
        });
        app.MapPost("/token", async (HttpContext http) =>
        {
            var form = await http.Request.ReadFormAsync();
            var credentials = Encoding.UTF8.GetString(Convert.FromBase64String(http.Request.Headers.Authorization.ToString()["Basic ".Length..]));
            if (credentials != "exchange+portal:geheim%3A%2B%25")
            {
                return Results.Json(new { error = "invalid_client" }, statusCode: 401);
            }

            var code = form["code"].ToString();
            if (!codes.TryRemove(code, out var begun) || form["redirect_uri"] != begun.RedirectUri || Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(form["code_verifier"].ToString()))) != begun.Challenge)
            {
                return Results.Json(new { error = "invalid_grant" }, statusCode: 400);
            }

            LastAccessToken = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));
            var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
            var payload = (JsonObject)Claims.DeepClone();
            foreach (var (name, value) in new JsonObject
            {
                ["iss"] = Address,
                ["aud"] = ClientId,
                ["azp"] = ClientId,
                ["nonce"] = begun.Nonce,
                ["iat"] = now,
                ["exp"] = now + 300,
                ["at_hash"] = HalfHash(LastAccessToken),
                ["c_hash"] = HalfHash(code),
            })
            {
                payload[name] = value?.DeepClone();
            }

            LastIdToken = Write(new JsonObject { ["alg"] = "ES256", ["kid"] = KeyId, ["typ"] = "JWT" }, payload);
            return Results.Json(new JsonObject { ["access_token"] = LastAccessToken, ["token_type"] = "Bearer", ["expires_in"] = 300, ["id_token"] = LastIdToken });
        });
        app.MapGet("/me", (HttpContext http) => http.Request.Headers.Authorization == $"Bearer {LastAccessToken}" && UserInfo is not null ? Results.Json(UserInfo) : Results.StatusCode(401));
    }
}
