using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Exchange.Tests.Audit;

/// <summary>A party whose tokens a service believes when its settings say so: discovery, keys, and tokens for whoever a test needs.</summary>
internal sealed class TestIssuer : IAsyncDisposable
{
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly WebApplication app;

    private TestIssuer()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
    }

    public string Address { get; private set; } = "";

    public IReadOnlyDictionary<string, string> Settings => new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["Issuers__0__Authority"] = Address,
        ["Issuers__0__Metadata"] = $"{Address}/.well-known/openid-configuration",
    };

    public static async Task<TestIssuer> StartAsync()
    {
        var issuer = new TestIssuer();
        var point = issuer.key.ExportParameters(includePrivateParameters: false).Q;
        issuer.app.MapGet("/.well-known/openid-configuration", () => Results.Json(new { issuer = issuer.Address, jwks_uri = $"{issuer.Address}/jwks" }));
        issuer.app.MapGet("/jwks", () => Results.Json(new
        {
            keys = new[] { new { kty = "EC", crv = "P-256", kid = "1", alg = "ES256", use = "sig", x = Base64UrlEncoder.Encode(point.X), y = Base64UrlEncoder.Encode(point.Y) } },
        }));
        await issuer.app.StartAsync();
        issuer.Address = issuer.app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        return issuer;
    }

    public string Token(string audience, string? city, string? department, params string[] roles) => new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
    {
        Issuer = Address,
        TokenType = "at+jwt",
        Expires = DateTime.UtcNow.AddMinutes(5),
        Claims = new Dictionary<string, object?>
        {
            ["aud"] = new[] { audience },
            ["sub"] = $"person of {department}",
            ["sub_type"] = "person",
            ["client_id"] = "test",
            ["name"] = "测试",
            ["city"] = city,
            ["department"] = department,
            ["roles"] = roles,
        }.Where(claim => claim.Value is not null).ToDictionary(claim => claim.Key, claim => claim.Value!),
        SigningCredentials = new SigningCredentials(new ECDsaSecurityKey(key) { KeyId = "1" }, SecurityAlgorithms.EcdsaSha256),
    });

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        key.Dispose();
    }
}
