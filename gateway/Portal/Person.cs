using System.Security.Claims;
using Exchange.Gateway.Identity;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal;

/// <summary>Who signed in. The claims are those of a token, so that every service judges the same person in the same way.</summary>
public sealed record Person
{
    public required string Subject { get; init; }
    public required string ClientId { get; init; }
    public required string Name { get; init; }

    /// <summary>Null for those who belong to no city, such as auditors of the whole log.</summary>
    public string? City { get; init; }

    /// <summary>Unified social credit code.</summary>
    public string? Department { get; init; }

    public required IReadOnlySet<string> Roles { get; init; }

    public bool Has(params ReadOnlySpan<string> anyOf)
    {
        foreach (var role in anyOf)
        {
            if (Roles.Contains(role))
            {
                return true;
            }
        }

        return false;
    }

    internal Account ToAccount() => new() { ClientId = ClientId, Subject = Subject, SubType = "person", Name = Name, City = City, Department = Department, Roles = [.. Roles] };

    public static Person? From(ClaimsPrincipal principal) => Caller.From(principal) is not { } caller ? null : new Person
    {
        Subject = caller.Subject,
        ClientId = caller.ClientId,
        Name = caller.Name,
        City = caller.City,
        Department = caller.Department,
        Roles = caller.Roles,
    };
}
