using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Exchange.Hosting;

/// <summary>
/// Access tokens (RFC 9068): one scheme per issuer, chosen by <c>iss</c>; ES256 only, <c>typ</c> at+jwt, this service in <c>aud</c>.
/// Every service checks for itself; nothing rests on having come through the gateway.
/// </summary>
internal static class Tokens
{
    private const string Scheme = "exchange";
    private static readonly object KeysAway = new();

    private static readonly Rule TokenRequired = new("token-required", StatusCodes.Status401Unauthorized, "RFC 6750",
        new("需要有效的访问令牌。", "A valid access token is required."),
        new("请向签发方重新获取令牌（有效期不超过 5 分钟），放入 Authorization: Bearer 请求头。", "Get a fresh token from your issuer (it lives 5 minutes at most) and send it as Authorization: Bearer."));

    private static readonly Rule KeysUnavailable = new("issuer-keys-unavailable", StatusCodes.Status503ServiceUnavailable, null,
        new("暂时无法取得令牌签发方的公钥，不能核验身份。", "The issuer's keys cannot be had at the moment, so no token can be checked."),
        new("请稍后重试；令牌本身未被判定无效。", "Retry shortly; the token itself was not found wanting."));

    public static void AddTokens(this IServiceCollection services, ServiceSettings service, IReadOnlyList<IssuerSettings> issuers, TimeProvider clock)
    {
        services.AddSingleton(issuers);
        var authentication = services.AddAuthentication(Scheme);
        authentication.AddPolicyScheme(Scheme, null, options => options.ForwardDefaultSelector = context => SchemeFor(context, issuers));
        foreach (var issuer in issuers)
        {
            authentication.AddJwtBearer(issuer.Name, options =>
            {
                var addresses = issuer.MetadataAddresses;
                options.MetadataAddress = addresses[0].AbsoluteUri;
                options.RequireHttpsMetadata = !addresses.All(a => a.IsLoopback);
                options.BackchannelHttpHandler = new IssuerHandler(addresses);
                options.MapInboundClaims = false;
                options.BackchannelTimeout = TimeSpan.FromSeconds(5);
                options.RefreshInterval = TimeSpan.FromSeconds(30);
                options.TokenHandlers.Clear();
                options.TokenHandlers.Add(new KnownTokens(clock) { MapInboundClaims = false });
                options.TokenValidationParameters = new TokenValidationParameters
                {
                    ValidIssuer = issuer.Authority,
                    ValidAudience = service.Name,
                    ValidTypes = ["at+jwt"],
                    ValidAlgorithms = [SecurityAlgorithms.EcdsaSha256],
                    RequireSignedTokens = true,
                    RequireExpirationTime = true,
                    NameClaimType = "name",
                    RoleClaimType = "roles",
                    LifetimeValidator = (notBefore, expires, _, _) => Lives(notBefore, expires, clock),
                };
                options.Events = new JwtBearerEvents
                {
                    OnTokenValidated = context =>
                    {
                        var city = context.Principal!.FindFirst("city")?.Value;
                        if (!issuer.Cities.Contains("*") && (city is null || !issuer.Cities.Contains(city)))
                        {
                            context.Fail("The issuer may not speak for this city.");
                        }

                        if (string.IsNullOrEmpty(context.Principal.FindFirst("sub")?.Value))
                        {
                            context.Fail("The token names no subject.");
                        }

                        return Task.CompletedTask;
                    },
                    OnAuthenticationFailed = async context =>
                    {
                        // Without the issuer's keys the handler finds all sorts of faults with a good token; none of them is the token's.
                        if (!await HasKeysAsync(context))
                        {
                            context.HttpContext.Items[KeysAway] = true;
                        }
                    },
                    OnChallenge = async context =>
                    {
                        context.HandleResponse();
                        if (context.HttpContext.Items.ContainsKey(KeysAway))
                        {
                            await new Refused(KeysUnavailable) { RetryAfter = 2 }.ExecuteAsync(context.HttpContext);
                            return;
                        }

                        // A person who mistyped a page's address has no use for a word about tokens.
                        if (context.HttpContext.GetEndpoint() is null && context.HttpContext.RequestServices.GetService<IRefusalPages>()?.Wants(context.HttpContext) == true)
                        {
                            await Pipeline.NotFound().ExecuteAsync(context.HttpContext);
                            return;
                        }

                        context.Response.Headers.WWWAuthenticate = context.AuthenticateFailure is null ? "Bearer" : "Bearer error=\"invalid_token\"";
                        await new Refused(TokenRequired).ExecuteAsync(context.HttpContext);
                    },
                };
            });
        }

        services.AddHostedService<FetchKeys>();
        services.AddSingleton<IAuthorizationHandler, RoutePolicyHandler>();
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, RefusalWriter>();
        services.AddAuthorization(options => options.FallbackPolicy = new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build());
    }

    /// <summary>
    /// A program sends one token with all its calls of five minutes, and the check of its signature costs more than a small call does otherwise. One that was found good is taken again
    /// as long as it lives and the issuer still publishes the key that signed it; everything else is checked each time.
    /// </summary>
    internal sealed class KnownTokens(TimeProvider clock) : JsonWebTokenHandler, IDisposable
    {
        private const int Most = 10_000;

        private readonly MemoryCache known = new(new MemoryCacheOptions { SizeLimit = Most });

        public override async Task<TokenValidationResult> ValidateTokenAsync(string token, TokenValidationParameters validationParameters)
        {
            if (known.TryGetValue(token, out TokenValidationResult? before) && Lives(before!.SecurityToken.ValidFrom, before.SecurityToken.ValidTo, clock)
                && await IsPublishedAsync(before.SecurityToken.SigningKey, validationParameters))
            {
                return new TokenValidationResult { IsValid = true, Issuer = before.Issuer, SecurityToken = before.SecurityToken, TokenType = before.TokenType, ClaimsIdentity = before.ClaimsIdentity.Clone() };
            }

            var result = await base.ValidateTokenAsync(token, validationParameters);
            if (result.IsValid)
            {
                result.ClaimsIdentity = result.ClaimsIdentity.Clone();
                known.Set(token, result, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = LongestLife });
            }

            return result;
        }

        public void Dispose() => known.Dispose();

        private static async Task<bool> IsPublishedAsync(SecurityKey key, TokenValidationParameters parameters) =>
            parameters.ConfigurationManager is { } manager && (await manager.GetBaseConfigurationAsync(CancellationToken.None)).SigningKeys.Contains(key);
    }

    private static async Task<bool> HasKeysAsync(AuthenticationFailedContext context)
    {
        try
        {
            return (await context.Options.ConfigurationManager!.GetConfigurationAsync(context.HttpContext.RequestAborted)).SigningKeys.Count > 0;
        }
        catch (Exception) when (!context.HttpContext.RequestAborted.IsCancellationRequested)
        {
            return false;
        }
    }

    private static readonly TimeSpan LongestLife = TimeSpan.FromMinutes(5);

    internal static bool Lives(DateTime? notBefore, DateTime? expires, TimeProvider clock)
    {
        var skew = TimeSpan.FromSeconds(30);
        var now = clock.GetUtcNow().UtcDateTime;
        return expires is { } end && end + skew > now && end < now + LongestLife + skew && (notBefore is not { } start || start < now + skew);
    }

    private static string SchemeFor(HttpContext context, IReadOnlyList<IssuerSettings> issuers)
    {
        var header = context.Request.Headers.Authorization.ToString();
        if (header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
        {
            try
            {
                var issuer = new JsonWebToken(header[7..].Trim()).Issuer;
                return issuers.FirstOrDefault(i => i.Authority == issuer)?.Name ?? issuers[0].Name;
            }
            catch (Exception fault) when (fault is ArgumentException or SecurityTokenException)
            {
                // No token at all: the first scheme refuses it properly.
            }
        }

        return issuers[0].Name;
    }

    /// <summary>An issuer that runs as several processes: what one does not answer the next is asked for.</summary>
    private sealed class IssuerHandler(IReadOnlyList<Uri> addresses) : DelegatingHandler(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(2) })
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var asked = request.RequestUri!;
            // Asked for elsewhere (keys on another host, say), there is nobody else to ask.
            Uri[] others = addresses.Any(a => a.Authority == asked.Authority) ? [.. addresses.Where(a => a.Authority != asked.Authority)] : [];
            foreach (var other in others)
            {
                try
                {
                    var answer = await base.SendAsync(request, cancellationToken);
                    if (answer.IsSuccessStatusCode)
                    {
                        return answer;
                    }

                    answer.Dispose();
                }
                catch (HttpRequestException)
                {
                    // The next one may be there.
                }

                request.RequestUri = new UriBuilder(asked) { Scheme = other.Scheme, Host = other.Host, Port = other.Port }.Uri;
            }

            return await base.SendAsync(request, cancellationToken);
        }
    }

    /// <summary>Fetches the issuers' keys as soon as the process listens, so that the first caller does not wait for them.</summary>
    private sealed class FetchKeys(IOptionsMonitor<JwtBearerOptions> options, IReadOnlyList<IssuerSettings> issuers, IHostApplicationLifetime life) : BackgroundService
    {
        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            var listening = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await using var _ = life.ApplicationStarted.Register(listening.SetResult);
            await listening.Task.WaitAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await Task.WhenAll(issuers.Select(issuer => FetchAsync(options.Get(issuer.Name), stoppingToken)));
        }

        private static async Task FetchAsync(JwtBearerOptions issuer, CancellationToken cancel)
        {
            while (!cancel.IsCancellationRequested)
            {
                try
                {
                    await issuer.ConfigurationManager!.GetConfigurationAsync(cancel);
                    return;
                }
                catch (Exception)
                {
                    // Callers are told so meanwhile.
                    await Task.Delay(TimeSpan.FromSeconds(2), cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
            }
        }
    }

    private sealed class RoutePolicyHandler : AuthorizationHandler<RoutePolicy>
    {
        protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, RoutePolicy requirement)
        {
            if (Caller.From(context.User) is { } caller && requirement.Check(caller) is null)
            {
                context.Succeed(requirement);
            }

            return Task.CompletedTask;
        }
    }

    /// <summary>Says which rule kept the caller out.</summary>
    private sealed class RefusalWriter : IAuthorizationMiddlewareResultHandler
    {
        private readonly AuthorizationMiddlewareResultHandler standard = new();

        public async Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
        {
            if (authorizeResult.Forbidden && Caller.From(context.User) is { } caller)
            {
                var refused = policy.Requirements.OfType<RoutePolicy>().Select(r => r.Check(caller)).FirstOrDefault(r => r is not null);
                if (refused is not null)
                {
                    await refused.ExecuteAsync(context);
                    return;
                }
            }

            await standard.HandleAsync(next, context, policy, authorizeResult);
        }
    }
}
