using System.Security.Cryptography;
using Exchange.Hosting;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace Exchange.Tests.Identity;

/// <summary>A token that was found good once is good again only as far as it would be found good anew.</summary>
public sealed class KnownTokensTests : IDisposable
{
    private readonly ECDsa pair = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly MovedClock clock = new();
    private readonly OpenIdConnectConfiguration published = new();
    private readonly ECDsaSecurityKey key;
    private readonly Tokens.KnownTokens tokens;

    public KnownTokensTests()
    {
        key = new ECDsaSecurityKey(pair) { KeyId = "one" };
        published.SigningKeys.Add(key);
        tokens = new Tokens.KnownTokens(clock) { MapInboundClaims = false };
    }

    public void Dispose()
    {
        tokens.Dispose();
        pair.Dispose();
    }

    [Fact]
    public async Task It_speaks_for_the_same_caller_each_time()
    {
        var token = Token();
        var first = await CheckAsync(token);
        var again = await CheckAsync(token);
        Assert.True(first.IsValid && again.IsValid);
        Assert.Equal(("somebody", "somebody"), (first.ClaimsIdentity.FindFirst("sub")!.Value, again.ClaimsIdentity.FindFirst("sub")!.Value));
        // What one call adds to its caller is not another one's.
        again.ClaimsIdentity.AddClaim(new("roles", "authority"));
        Assert.Null((await CheckAsync(token)).ClaimsIdentity.FindFirst("roles"));
    }

    [Fact]
    public async Task It_ends_with_its_time()
    {
        var token = Token();
        Assert.True((await CheckAsync(token)).IsValid);
        clock.Ahead = TimeSpan.FromMinutes(6);
        Assert.False((await CheckAsync(token)).IsValid);
        clock.Ahead = TimeSpan.FromMinutes(-10);
        Assert.False((await CheckAsync(token)).IsValid);
    }

    [Fact]
    public async Task It_ends_with_its_key()
    {
        var token = Token();
        Assert.True((await CheckAsync(token)).IsValid);
        published.SigningKeys.Clear();
        Assert.False((await CheckAsync(token)).IsValid);
    }

    [Fact]
    public async Task Another_one_is_not_taken_for_it()
    {
        var token = Token();
        Assert.True((await CheckAsync(token)).IsValid);
        var parts = token.Split('.');
        Assert.False((await CheckAsync($"{parts[0]}.{Token("somebody-else").Split('.')[1]}.{parts[2]}")).IsValid);
        Assert.False((await CheckAsync(token[..^4] + "AAAA")).IsValid);
    }

    private Task<TokenValidationResult> CheckAsync(string token) => tokens.ValidateTokenAsync(token, new TokenValidationParameters
    {
        ValidIssuer = "issuer",
        ValidAudience = "changsha",
        LifetimeValidator = (notBefore, expires, _, _) => Tokens.Lives(notBefore, expires, clock),
        ConfigurationManager = new StaticConfigurationManager<OpenIdConnectConfiguration>(published),
    });

    private string Token(string subject = "somebody") => new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
    {
        Issuer = "issuer",
        Audience = "changsha",
        IssuedAt = clock.GetUtcNow().UtcDateTime,
        Expires = clock.GetUtcNow().UtcDateTime.AddMinutes(5),
        Claims = new Dictionary<string, object> { ["sub"] = subject },
        SigningCredentials = new SigningCredentials(key, SecurityAlgorithms.EcdsaSha256),
    });

    private sealed class MovedClock : TimeProvider
    {
        public TimeSpan Ahead { get; set; }

        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + Ahead;
    }
}
