using Exchange.Hosting;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Exchange.Gateway.Identity;

/// <summary>Who a token speaks for. Persons of the sandbox have accounts of the same kind as machine clients.</summary>
internal sealed record Account
{
    public required string ClientId { get; init; }
    public required string Subject { get; init; }
    public required string SubType { get; init; }
    public required string Name { get; init; }
    public string? City { get; init; }
    public string? Department { get; init; }
    public string[] Roles { get; init; } = [];
}

/// <summary>Writes access tokens as RFC 9068 has them (<c>typ</c> at+jwt), valid five minutes.</summary>
internal sealed class AccessTokens(SigningKeys keys, ServiceSettings service, TimeProvider clock)
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);

    private readonly JsonWebTokenHandler handler = new() { SetDefaultTimesOnTokenCreation = false };

    public string Issue(Account account, IReadOnlyCollection<string> audience)
    {
        var now = clock.GetUtcNow();
        Dictionary<string, object> claims = new()
        {
            ["aud"] = audience.ToArray(),
            ["sub"] = account.Subject,
            ["sub_type"] = account.SubType,
            ["client_id"] = account.ClientId,
            ["name"] = account.Name,
            ["roles"] = account.Roles,
            ["jti"] = Guid.CreateVersion7(now).ToString(),
        };
        if (account.City is not null)
        {
            claims["city"] = account.City;
        }

        if (account.Department is not null)
        {
            claims["department"] = account.Department;
        }

        return handler.CreateToken(new SecurityTokenDescriptor
        {
            TokenType = "at+jwt",
            Issuer = service.PublicAddress,
            IssuedAt = now.UtcDateTime,
            Expires = (now + Lifetime).UtcDateTime,
            Claims = claims,
            SigningCredentials = keys.Current.Credentials,
        });
    }
}
