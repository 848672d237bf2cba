using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.IdentityModel.Tokens;

namespace Exchange.Gateway.Identity;

/// <summary>
/// Where services and clients learn the issuer and its keys. The issuer is the public address whatever address was asked, because it must equal <c>iss</c>;
/// a service that asks on the loopback address gets its key set from there too.
/// </summary>
internal static class Discovery
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/.well-known/openid-configuration", Document).AllowAnyone().WithTags("identity").WithSummary("The issuer's metadata");
        routes.MapGet("/.well-known/oauth-authorization-server", Document).AllowAnyone().ExcludeFromDescription();
        routes.MapGet("/.well-known/jwks.json", KeySet).AllowAnyone().WithTags("identity").WithSummary("The keys that sign tokens");
    }

    private static JsonHttpResult<IssuerMetadata> Document(HttpContext http, ServiceSettings service)
    {
        var issuer = service.PublicAddress;
        var own = $"{http.Request.Scheme}://{http.Connection.LocalIpAddress}:{http.Connection.LocalPort}";
        // Only a caller on this machine is sent to the loopback address, and only to the one it already used: never to what a Host header says.
        var loopback = http.Connection.RemoteIpAddress is { } remote && System.Net.IPAddress.IsLoopback(remote);
        http.Response.Headers.CacheControl = "public, max-age=300";
        return TypedResults.Json(new IssuerMetadata
        {
            Issuer = issuer,
            TokenEndpoint = $"{issuer}/connect/token",
            JwksUri = $"{(loopback ? own : issuer)}/.well-known/jwks.json",
        }, Json.Options);
    }

    private static JsonHttpResult<JwkSet> KeySet(HttpContext http, SigningKeys keys)
    {
        // Kept half as long as a new key waits before it signs.
        http.Response.Headers.CacheControl = "public, max-age=300";
        return TypedResults.Json(
            new JwkSet([.. keys.Published.Select(key => new Jwk("EC", "P-256", Base64UrlEncoder.Encode(key.Point.X), Base64UrlEncoder.Encode(key.Point.Y), "sig", "ES256", key.Kid))]), Json.Options);
    }

    private sealed record IssuerMetadata
    {
        public required string Issuer { get; init; }
        public required string TokenEndpoint { get; init; }
        public required string JwksUri { get; init; }
        public IReadOnlyList<string> GrantTypesSupported { get; init; } = ["client_credentials"];
        public IReadOnlyList<string> ResponseTypesSupported { get; init; } = [];
        public IReadOnlyList<string> TokenEndpointAuthMethodsSupported { get; init; } = ["client_secret_basic", "client_secret_post"];
        public IReadOnlyList<string> SubjectTypesSupported { get; init; } = ["public"];
        public IReadOnlyList<string> IdTokenSigningAlgValuesSupported { get; init; } = ["ES256"];
    }

    private sealed record JwkSet(IReadOnlyList<Jwk> Keys);

    private sealed record Jwk(string Kty, string Crv, string X, string Y, string Use, string Alg, string Kid);
}
