using System.Text;
using System.Text.Json.Serialization;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Exchange.Gateway.Identity;

/// <summary>OAuth 2 client credentials (RFC 6749 section 4.4), secret in the form or as Basic; <c>resource</c> (RFC 8707) narrows the token to the services named.</summary>
internal static class IssueToken
{
    private const long LongestForm = 16 * 1024;

    public static void Map(IEndpointRouteBuilder routes) => routes.MapPost("/connect/token", HandleAsync)
        .AllowAnyone()
        .WithMetadata(new RequestSizeLimitAttribute(LongestForm))
        .DisableAntiforgery()
        .WithTags("identity")
        .WithSummary("An access token for client credentials")
        .WithDescription("Form post with grant_type=client_credentials; client_id and client_secret in the form or as HTTP Basic. The optional parameter resource (RFC 8707), such as <public address>/api/cities/changsha, narrows the token's audience. Tokens are valid for five minutes.")
        .AddOpenApiOperationTransformer(DescribeForm)
        .Produces<Token>()
        .Produces<TokenError>(StatusCodes.Status400BadRequest)
        .Produces<TokenError>(StatusCodes.Status401Unauthorized);

    private static async Task<IResult> HandleAsync(HttpContext http, Accounts accounts, AccessTokens tokens, GatewaySettings gateway, ServiceSettings service, CancellationToken cancel)
    {
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.Pragma = "no-cache";
        if (http.Request.GetTypedHeaders().ContentType?.MediaType != "application/x-www-form-urlencoded" || await ReadFormAsync(http, cancel) is not { } form)
        {
            return Error("invalid_request", "The body must be application/x-www-form-urlencoded.");
        }

        if (form.FirstOrDefault(field => field.Key != "resource" && field.Value.Count > 1) is { Key: { } repeated })
        {
            return Error("invalid_request", $"The parameter {Printable(repeated)} stands there more than once.");
        }

        var (credentials, fault) = CredentialsOf(http, form);
        if (fault is not null)
        {
            return Error("invalid_request", fault);
        }

        if (form["grant_type"].ToString() is not "client_credentials" and var grant)
        {
            return grant.Length == 0 ? Error("invalid_request", "grant_type is missing.") : Error("unsupported_grant_type", "Only client_credentials is supported.");
        }

        if (AudienceOf(form["resource"], gateway, service.PublicAddress) is not { } audience)
        {
            return Error("invalid_target", "resource must name this exchange, one of its cities, or its audit service.");
        }

        if (credentials is not { } given)
        {
            return Unauthorized(http);
        }

        var (account, lockedSeconds) = await accounts.CheckAsync(given.ClientId, given.Secret, cancel);
        if (lockedSeconds > 0)
        {
            http.Response.Headers.RetryAfter = lockedSeconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
            return Error("temporarily_unavailable", "Too many failed attempts; try again later.", StatusCodes.Status429TooManyRequests);
        }

        return account is null
            ? Unauthorized(http)
            : TypedResults.Json(new Token(tokens.Issue(account, audience), "Bearer", (int)AccessTokens.Lifetime.TotalSeconds), Json.Options);
    }

    /// <summary>All services without a resource; otherwise those named and the gateway, through which every call goes. Null when one is unknown.</summary>
    internal static IReadOnlyCollection<string>? AudienceOf(IReadOnlyCollection<string?> resources, GatewaySettings gateway, string publicAddress)
    {
        if (resources.Count == 0)
        {
            return gateway.Services;
        }

        HashSet<string> audience = ["gateway"];
        foreach (var resource in resources)
        {
            var path = resource is not null && resource.StartsWith(publicAddress, StringComparison.Ordinal) ? resource[publicAddress.Length..].TrimEnd('/') : null;
            switch (path)
            {
                case "":
                    break;
                case "/api/audit":
                    audience.Add("audit");
                    break;
                case not null when path.StartsWith("/api/cities/", StringComparison.Ordinal) && gateway.Cities.ContainsKey(path["/api/cities/".Length..]):
                    audience.Add(path["/api/cities/".Length..]);
                    break;
                default:
                    return null;
            }
        }

        return audience;
    }

    private static async Task<IFormCollection?> ReadFormAsync(HttpContext http, CancellationToken cancel)
    {
        try
        {
            return await http.Request.ReadFormAsync(cancel);
        }
        catch (Exception fault) when (fault is InvalidDataException or BadHttpRequestException or IOException)
        {
            return null;
        }
    }

    private static ((string ClientId, string Secret)? Credentials, string? Fault) CredentialsOf(HttpContext http, IFormCollection form)
    {
        var inForm = (ClientId: form["client_id"].ToString(), Secret: form["client_secret"].ToString());
        var header = http.Request.Headers.Authorization.ToString();
        if (!header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase))
        {
            return inForm.ClientId.Length == 0 || inForm.Secret.Length == 0 ? (null, null) : (Storable(inForm), null);
        }

        if (inForm.Secret.Length > 0)
        {
            return (null, "The client authenticated in two ways at once.");
        }

        try
        {
            var pair = new UTF8Encoding(false, true).GetString(Convert.FromBase64String(header["Basic ".Length..].Trim()));
            if (pair.IndexOf(':', StringComparison.Ordinal) is >= 0 and var colon)
            {
                // RFC 6749 section 2.3.1: both are form-encoded before they are joined.
                var basic = (ClientId: Decode(pair[..colon]), Secret: Decode(pair[(colon + 1)..]));
                return inForm.ClientId.Length > 0 && inForm.ClientId != basic.ClientId
                    ? (null, "client_id in the form and in the header differ.")
                    : (Storable(basic), null);
            }
        }
        catch (Exception fault) when (fault is FormatException or ArgumentException)
        {
            // Falls through: a header that cannot be read is no authentication.
        }

        return (null, null);

        static string Decode(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));
        static (string, string)? Storable((string ClientId, string Secret) given) => given.ClientId.Contains('\0', StringComparison.Ordinal) ? null : given;
    }

    private static JsonHttpResult<TokenError> Unauthorized(HttpContext http)
    {
        http.Response.Headers.WWWAuthenticate = "Basic realm=\"exchange\", charset=\"UTF-8\"";
        return Error("invalid_client", "The client is unknown or its secret is wrong.", StatusCodes.Status401Unauthorized);
    }

    private static JsonHttpResult<TokenError> Error(string error, string description, int status = StatusCodes.Status400BadRequest) =>
        TypedResults.Json(new TokenError(error, description), Json.Options, statusCode: status);

    // RFC 6749 section 5.2 allows only printable ASCII without quote and backslash.
    private static string Printable(string text) => string.Concat(text.Take(40).Where(c => c is >= ' ' and <= '~' and not '"' and not '\\'));

    /// <summary>The form is read field by field, for RFC 6749 wants its own errors where the framework would answer 415; so it is described by hand.</summary>
    private static Task DescribeForm(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancel)
    {
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>
            {
                ["application/x-www-form-urlencoded"] = new()
                {
                    Schema = new OpenApiSchema
                    {
                        Type = JsonSchemaType.Object,
                        Required = new HashSet<string> { "grant_type" },
                        Properties = new Dictionary<string, IOpenApiSchema>
                        {
                            ["grant_type"] = new OpenApiSchema { Type = JsonSchemaType.String, Enum = ["client_credentials"] },
                            ["client_id"] = new OpenApiSchema { Type = JsonSchemaType.String },
                            ["client_secret"] = new OpenApiSchema { Type = JsonSchemaType.String, Format = "password" },
                            ["resource"] = new OpenApiSchema { Type = JsonSchemaType.String, Format = "uri" },
                        },
                    },
                },
            },
        };
        return Task.CompletedTask;
    }

    private sealed record Token(
        [property: JsonPropertyName("access_token")] string AccessToken,
        [property: JsonPropertyName("token_type")] string TokenType,
        [property: JsonPropertyName("expires_in")] int ExpiresIn);

    private sealed record TokenError(string Error, [property: JsonPropertyName("error_description")] string ErrorDescription);
}
