using System.Buffers.Text;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Exchange.Gateway.Identity;
using Exchange.Hosting;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OAuth;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace Exchange.Gateway.Portal.SignIn;

/// <summary>Another party at which people sign in, such as a city's unified identity platform: OpenID Connect Core 1.0 with discovery (section <c>Portal:Provider</c>).</summary>
internal sealed partial record ProviderSettings
{
    /// <summary>Issuer identifier, exactly as the provider's discovery document and its tokens write it.</summary>
    [Required]
    public string Authority { get; init; } = "";

    [Required]
    public string ClientId { get; init; } = "";

    /// <summary>File that holds the client's secret and nothing else; read anew each time, so that a changed secret needs no restart.</summary>
    [Required]
    public string ClientSecretFile { get; init; } = "";

    /// <summary>What people call it, in Chinese.</summary>
    [Required, MaxLength(40)]
    public string Name { get; init; } = "";

    [Required, MaxLength(60)]
    public string NameEn { get; init; } = "";

    /// <summary>Asked for beside <c>openid</c>.</summary>
    public IList<string> Scopes { get; init; } = [];

    public string SubjectClaim { get; init; } = "sub";

    public string NameClaim { get; init; } = "name";

    public string CityClaim { get; init; } = "city";

    /// <summary>Holds the department's unified social credit code.</summary>
    public string DepartmentClaim { get; init; } = "department";

    /// <summary>A list of roles, or a text with blanks or commas between them. What is no role of a person here is passed over.</summary>
    public string RolesClaim { get; init; } = "roles";

    /// <summary>The cities whose people it may vouch for; <c>*</c> for all, and for those who belong to no city, such as auditors of the whole log.</summary>
    [MinLength(1)]
    public IList<string> Cities { get; init; } = [];

    /// <summary>
    /// Stands before the provider's own subject, so that nobody there becomes a person who has an account here. Empty only where both sides are known to name the same people by the same words.
    /// The provider's host when it is left out.
    /// </summary>
    public string? SubjectPrefix { get; init; }

    internal Text Called => new(Name, NameEn);

    internal string Before => SubjectPrefix ?? $"{new Uri(Authority).Authority}/";

    internal void Check(SettingsReader reader)
    {
        if (Authority.Length > 0 && !(Uri.TryCreate(Authority, UriKind.Absolute, out var address) && (address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback)) && address.Query.Length == 0 && address.Fragment.Length == 0))
        {
            reader.Fault("Portal:Provider:Authority", "must be an https address without a query");
        }

        if (ClientSecretFile.Length > 0 && !File.Exists(ClientSecretFile))
        {
            reader.Fault("Portal:Provider:ClientSecretFile", "names a file that is not there");
        }
    }

    /// <summary>The account that the claims speak of; null when they give the person no place here.</summary>
    public Account? ToAccount(JsonObject claims)
    {
        if (Text(claims, SubjectClaim) is not { } subject || subject.Any(c => c is < '!' or > '~'))
        {
            return null;
        }

        var (city, department) = (Text(claims, CityClaim), Text(claims, DepartmentClaim));
        if (!Cities.Contains("*") && (city is null || !Cities.Contains(city)))
        {
            return null;
        }

        string[] roles = [.. Several(claims[RolesClaim]).Where(role => OfPersons.Contains(role) && (Cities.Contains("*") || !OfAll.Contains(role))).Distinct(StringComparer.Ordinal)];
        if (roles.Length == 0 || (city is null && roles.Any(OfCities.Contains)))
        {
            return null;
        }

        if (roles.Any(OfDepartments.Contains) && (department is null || !CreditCode().IsMatch(department)))
        {
            return null;
        }

        var name = new string([.. (Text(claims, NameClaim) ?? subject).Where(c => !char.IsControl(c) && char.GetUnicodeCategory(c) != UnicodeCategory.Format).Take(100)]);
        return new Account { ClientId = "portal", Subject = Before + subject, SubType = "person", Name = name, City = city, Department = city is null ? null : department, Roles = roles };
    }

    /// <summary>Roles of programs are not among them: nobody becomes one by signing in.</summary>
    private static readonly HashSet<string> OfPersons = new(StringComparer.Ordinal)
    {
        Roles.Officer, Roles.Reviewer, Roles.SharingHead, Roles.DepartmentHead, Roles.Authority, Roles.Auditor, Roles.CaseAuditor, Roles.Operator,
    };

    private static readonly HashSet<string> OfDepartments = new(StringComparer.Ordinal) { Roles.Officer, Roles.Reviewer, Roles.SharingHead, Roles.DepartmentHead };

    private static readonly HashSet<string> OfCities = new(OfDepartments, StringComparer.Ordinal) { Roles.Authority };

    /// <summary>Who has one of them sees what concerns every city, so a party that vouches for some cities alone cannot give them.</summary>
    private static readonly HashSet<string> OfAll = new(StringComparer.Ordinal) { Roles.Auditor, Roles.CaseAuditor };

    private static string? Text(JsonObject claims, string name) => claims[name] is JsonValue value && value.TryGetValue<string>(out var text) && text.Length is > 0 and <= 255 ? text : null;

    private static IEnumerable<string> Several(JsonNode? claim) => claim switch
    {
        JsonArray list => list.OfType<JsonValue>().Select(item => item.TryGetValue<string>(out var text) ? text : "").Take(100),
        JsonValue value when value.TryGetValue<string>(out var text) => text.Split([' ', ','], StringSplitOptions.RemoveEmptyEntries),
        _ => [],
    };

    [GeneratedRegex("^[0-9A-Z]{18}$", RegexOptions.NonBacktracking)]
    private static partial Regex CreditCode();
}

/// <summary>Why nobody was signed in, as a word: <see cref="Told"/> stands in the address of the sign-in page, <see cref="Exception.Message"/> in our log. Neither holds anything of a token.</summary>
internal sealed class SignInRefusedException(string told, string reason) : Exception(reason)
{
    public const string Denied = "denied", Late = "late", Away = "away", NotTrusted = "refused", NoPlace = "no-place";

    public string Told => told;
}

/// <summary>What the provider publishes of itself: its addresses and its keys. Kept for some minutes; asked for anew when a token names a key that is not among them.</summary>
internal sealed class ProviderDocument(ProviderSettings settings, TimeProvider clock)
{
    private static readonly TimeSpan Fresh = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan NotSooner = TimeSpan.FromSeconds(5);

    private (OpenIdConnectConfiguration Document, DateTimeOffset At)? known;

    /// <summary>Goes nowhere but where it is sent: a redirect of the token endpoint would carry the secret along.</summary>
    public HttpClient Client { get; } = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = TimeSpan.FromSeconds(3) }) { Timeout = TimeSpan.FromSeconds(10), MaxResponseContentBufferSize = 1024 * 1024 };

    public async Task<OpenIdConnectConfiguration> ReadAsync(bool anew, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        if (known is { } before && now - before.At is var age && age >= TimeSpan.Zero && age < (anew ? NotSooner : Fresh))
        {
            return before.Document;
        }

        try
        {
            var documents = new HttpDocumentRetriever(Client) { RequireHttps = settings.Authority.StartsWith("https:", StringComparison.OrdinalIgnoreCase) };
            var found = await OpenIdConnectConfigurationRetriever.GetAsync($"{settings.Authority.TrimEnd('/')}/.well-known/openid-configuration", documents, cancel);
            // A document that speaks for another issuer would have its tokens taken for this one's.
            if (found.Issuer != settings.Authority || !IsUsable(found.AuthorizationEndpoint) || !IsUsable(found.TokenEndpoint))
            {
                throw new SignInRefusedException(SignInRefusedException.Away, "discovery");
            }

            known = (found, now);
            return found;
        }
        catch (Exception fault) when (fault is IOException or HttpRequestException or InvalidOperationException or ArgumentException or JsonException or (OperationCanceledException) && !cancel.IsCancellationRequested)
        {
            throw new SignInRefusedException(SignInRefusedException.Away, "discovery");
        }
    }

    private bool IsUsable(string? endpoint) => Uri.TryCreate(endpoint, UriKind.Absolute, out var address)
        && (address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && settings.Authority.StartsWith("http:", StringComparison.OrdinalIgnoreCase)));
}

/// <summary>
/// Sign-in through an outside provider: authorization code with PKCE on the framework's OAuth handler, which keeps what belongs to one sign-in (return address, nonce, code verifier)
/// sealed in <c>state</c> and binds it to the browser by a cookie. What the framework's OAuth knows nothing of, the id_token, is checked here.
/// </summary>
internal sealed partial class OutsideProvider(IOptionsMonitor<OAuthOptions> options, ILoggerFactory logs, UrlEncoder encoder, ProviderSettings settings, ProviderDocument documents, ServiceSettings service)
    : OAuthHandler<OAuthOptions>(options, logs, encoder)
{
    public const string AuthenticationScheme = "outside";

    private const string Callback = "/sign-in/outside/callback";
    private const string Nonce = "nonce";
    private const string Begun = "begun";
    private const string Language = "language";

    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan Skew = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Oldest = TimeSpan.FromMinutes(10);

    /// <summary>Signatures by a published key only: none of these can be made with what the client knows (HS*), or without a key.</summary>
    private static readonly Dictionary<string, Func<byte[], byte[]>> Algorithms = new(StringComparer.Ordinal)
    {
        ["RS256"] = SHA256.HashData, ["PS256"] = SHA256.HashData, ["ES256"] = SHA256.HashData,
        ["RS384"] = SHA384.HashData, ["PS384"] = SHA384.HashData, ["ES384"] = SHA384.HashData,
        ["RS512"] = SHA512.HashData, ["PS512"] = SHA512.HashData, ["ES512"] = SHA512.HashData,
    };

    /// <summary>Of two members of one name, two readers could take different ones.</summary>
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    private static readonly JsonWebTokenHandler Tokens = new() { MapInboundClaims = false };

    private OpenIdConnectConfiguration? provider;
    private Account? account;

    /// <summary>Nothing of it is there where no provider is set.</summary>
    public static void Add(IServiceCollection services, ProviderSettings settings)
    {
        services.AddSingleton(settings);
        services.AddSingleton<ProviderDocument>();
        services.AddAuthentication().AddOAuth<OAuthOptions, OutsideProvider>(AuthenticationScheme, _ => { });
        services.AddOptions<OAuthOptions>(AuthenticationScheme).Configure<ProviderDocument, TimeProvider>((options, documents, clock) =>
        {
            options.ClientId = settings.ClientId;
            // The framework wants to be told these at the start; they are read where they are used.
            (options.ClientSecret, options.AuthorizationEndpoint, options.TokenEndpoint) = ("-", settings.Authority, settings.Authority);
            options.CallbackPath = Callback;
            options.SignInScheme = Pages.Scheme;
            options.UsePkce = true;
            options.TimeProvider = clock;
            options.Backchannel = documents.Client;
            options.CorrelationCookie = new SignInServices.HostCookie { Name = "__Host-outside.", HttpOnly = true, SameSite = SameSiteMode.Lax, IsEssential = true, Expiration = Longest };
            options.Scope.Add("openid");
            foreach (var scope in settings.Scopes)
            {
                options.Scope.Add(scope);
            }
        });
    }

    public static void Map(IEndpointRouteBuilder pages)
    {
        if (pages.ServiceProvider.GetService<ProviderSettings>() is null)
        {
            return;
        }

        pages.MapPage("/sign-in/outside", BeginAsync).ForAnyone();
        pages.MapPage("/sign-out/outside", LeaveAsync).ForAnyone();
    }

    private static async Task<IResult> BeginAsync(Visit visit, ProviderDocument documents, ILogger<OutsideProvider> log, CancellationToken cancel)
    {
        var wanted = visit.Http.Request.Query["return"].ToString();
        try
        {
            await documents.ReadAsync(anew: false, cancel);
        }
        catch (SignInRefusedException refused)
        {
            LogRefused(log, refused.Message);
            return TypedResults.LocalRedirect(Told(visit.Http.Request.PathBase, refused, wanted));
        }

        return TypedResults.Challenge(
            new AuthenticationProperties(new Dictionary<string, string?>(StringComparer.Ordinal) { [Language] = visit.Language }) { RedirectUri = SignIn.IsOurs(wanted) ? wanted : visit.Url("/") },
            [AuthenticationScheme]);
    }

    /// <summary>Tells the provider that the person leaves there too, where it takes that (RP-Initiated Logout 1.0).</summary>
    private static async Task<IResult> LeaveAsync(Visit visit, Sessions sessions, ProviderDocument documents, ProviderSettings settings, CancellationToken cancel)
    {
        if (await sessions.TakeLeaverAsync(visit.Http) is { } token && await EndAddressAsync(documents, cancel) is { } end)
        {
            return TypedResults.Redirect(QueryHelpers.AddQueryString(end, new Dictionary<string, string?>(StringComparer.Ordinal)
            {
                ["id_token_hint"] = token,
                ["client_id"] = settings.ClientId,
                ["post_logout_redirect_uri"] = visit.PublicAddress + "/",
            }));
        }

        return visit.SeeOther("/");
    }

    public static async Task<bool> TakesLeaversAsync(ProviderDocument documents, CancellationToken cancel) => await EndAddressAsync(documents, cancel) is not null;

    /// <summary>Null where the provider has no such thing, or is away: the session there then ends by itself.</summary>
    private static async Task<string?> EndAddressAsync(ProviderDocument documents, CancellationToken cancel)
    {
        try
        {
            return (await documents.ReadAsync(anew: false, cancel)).EndSessionEndpoint is { Length: > 0 } end ? end : null;
        }
        catch (SignInRefusedException)
        {
            return null;
        }
    }

    /// <summary>What the person reads at the sign-in page for <see cref="SignInRefusedException.Told"/>; null for a word that is none of ours.</summary>
    public static Text? Explain(string told, ProviderSettings settings, Places places, Visit visit) => told switch
    {
        SignInRefusedException.Denied => new($"您在{settings.Name}取消了登录，或该平台未准许登录。", $"You stopped signing in at {settings.NameEn}, or it did not let you in."),
        SignInRefusedException.Late => new($"本次经{settings.Name}的登录已过期、已用过，或不是在此浏览器中开始的，请重新登录。", $"This sign-in through {settings.NameEn} is too old, was used before, or did not begin in this browser. Start again."),
        SignInRefusedException.Away => new($"{settings.Name}暂时无法连接，请稍后再试，或使用其他方式登录。", $"{settings.NameEn} cannot be reached at the moment. Try again later, or sign in another way."),
        SignInRefusedException.NotTrusted => new($"{settings.Name}给出的登录结果未通过核验，未予登录；如反复出现，请告知系统运维人员。", $"What {settings.NameEn} said of you could not be verified, so nobody was signed in. Tell the operators if it happens again."),
        SignInRefusedException.NoPlace => Ask(string.Join(visit.T("；", "; "), (settings.Cities.Contains("*") ? places.Cities : [.. settings.Cities]).Select(city => places.Find(city) is { } place ? $"{places.City(city, visit)}{visit.T("：", ": ")}{place.Authority.Name}" : null).OfType<string>()), settings),
        _ => null,
    };

    private static Text Ask(string whom, ProviderSettings settings) => new(
        $"您已在{settings.Name}登录，但您的账号在本系统没有对应的城市、部门或角色，暂不能办理业务。请联系本市数据主管部门配置{(whom.Length > 0 ? $"（{whom}）" : "")}。",
        $"{settings.NameEn} knows you, but your account there has no city, department or role here yet. Ask your city's data authority to set it up{(whom.Length > 0 ? $" ({whom})" : "")}.");

    /// <summary>The provider sends the browser here.</summary>
    public override async Task<bool> HandleRequestAsync()
    {
        if (!await ShouldHandleRequestAsync())
        {
            return false;
        }

        Pages.SetHeaders(Context);
        Response.Headers.CacheControl = "no-store";
        AuthenticationProperties? begun = null;
        try
        {
            var result = await HandleRemoteAuthenticateAsync();
            begun = result.Properties ?? result.Ticket?.Properties;
            if (!result.Succeeded || account is null)
            {
                throw result.Failure as SignInRefusedException ?? (Request.Query["error"].ToString() switch
                {
                    "" => new SignInRefusedException(SignInRefusedException.Late, "state"),
                    _ when begun is null => new SignInRefusedException(SignInRefusedException.Late, "state"),
                    "access_denied" => new SignInRefusedException(SignInRefusedException.Denied, "access_denied"),
                    "temporarily_unavailable" or "server_error" => new SignInRefusedException(SignInRefusedException.Away, "provider's error"),
                    _ => new SignInRefusedException(SignInRefusedException.NotTrusted, "provider's error"),
                });
            }

            await Sessions.BeginAsync(Context, account, result.Ticket!.Properties.GetTokenValue(OpenIdConnectParameterNames.IdToken));
            Response.Redirect(SignIn.IsOurs(result.Ticket.Properties.RedirectUri) ? result.Ticket.Properties.RedirectUri! : "/");
        }
        catch (SignInRefusedException refused)
        {
            LogRefused(Logger, refused.Message);
            Response.Redirect(Told(begun?.Items.TryGetValue(Language, out var language) == true && language == "en" ? Visit.EnglishPrefix : "", refused, begun?.RedirectUri));
        }

        return true;
    }

    /// <summary>The public address of the settings counts, not what the request says its host is.</summary>
    protected override string BuildChallengeUrl(AuthenticationProperties properties, string redirectUri)
    {
        var nonce = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        properties.Items[Nonce] = nonce;
        properties.Items[Begun] = TimeProvider.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var query = base.BuildChallengeUrl(properties, service.PublicAddress + Callback)[(settings.Authority.Length + 1)..];
        var end = provider!.AuthorizationEndpoint;
        return $"{end}{(end.Contains('?', StringComparison.Ordinal) ? '&' : '?')}{query}&nonce={nonce}";
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        provider = await documents.ReadAsync(anew: false, Context.RequestAborted);
        await base.HandleChallengeAsync(properties);
    }

    /// <summary>The framework has found the state to be of this browser.</summary>
    protected override async Task<OAuthTokenResponse> ExchangeCodeAsync(OAuthCodeExchangeContext context)
    {
        if (!long.TryParse(context.Properties.Items[Begun], NumberStyles.None, CultureInfo.InvariantCulture, out var begun) || TimeProvider.GetUtcNow() - DateTimeOffset.FromUnixTimeSeconds(begun) > Longest)
        {
            return OAuthTokenResponse.Failed(new SignInRefusedException(SignInRefusedException.Late, "too late"));
        }

        try
        {
            provider = await documents.ReadAsync(anew: false, Context.RequestAborted);
            // RFC 9207: an answer of another provider must not be taken to this one.
            if (Request.Query["iss"] is { Count: > 0 } issuer && issuer.ToString() != provider.Issuer)
            {
                throw new SignInRefusedException(SignInRefusedException.NotTrusted, "iss of the answer");
            }

            using var request = new HttpRequestMessage(HttpMethod.Post, provider.TokenEndpoint);
            var form = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["grant_type"] = "authorization_code",
                ["code"] = context.Code,
                ["redirect_uri"] = service.PublicAddress + Callback,
                ["code_verifier"] = context.Properties.Items[OAuthConstants.CodeVerifierKey] ?? "",
            };
            var secret = (await File.ReadAllTextAsync(settings.ClientSecretFile, Context.RequestAborted)).Trim();
            if (provider.TokenEndpointAuthMethodsSupported is { Count: > 0 } ways && !ways.Contains("client_secret_basic") && ways.Contains("client_secret_post"))
            {
                (form["client_id"], form["client_secret"]) = (settings.ClientId, secret);
            }
            else
            {
                // RFC 6749 section 2.3.1: each part form-encoded before they are joined.
                request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{FormEncoded(settings.ClientId)}:{FormEncoded(secret)}")));
            }

            request.Content = new FormUrlEncodedContent(form);
            request.Headers.Accept.ParseAdd("application/json");
            using var answer = await Backchannel.SendAsync(request, Context.RequestAborted);
            var text = await answer.Content.ReadAsStringAsync(Context.RequestAborted);
            if (answer.IsSuccessStatusCode)
            {
                var tokens = JsonDocument.Parse(text, Strict);
                return tokens.RootElement.ValueKind == JsonValueKind.Object ? OAuthTokenResponse.Success(tokens) : throw new JsonException("no object");
            }

            // A code that was used or has expired is refused there; anything else is between the provider and us.
            return OAuthTokenResponse.Failed((int)answer.StatusCode >= StatusCodes.Status500InternalServerError
                    ? new SignInRefusedException(SignInRefusedException.Away, "token endpoint")
                    : text.Contains("invalid_grant", StringComparison.Ordinal) ? new SignInRefusedException(SignInRefusedException.Late, "code")
                    : new SignInRefusedException(SignInRefusedException.NotTrusted, "token endpoint"));
        }
        catch (Exception fault) when (IsNoAnswer(fault))
        {
            return OAuthTokenResponse.Failed(new SignInRefusedException(SignInRefusedException.Away, "token endpoint"));
        }
        catch (SignInRefusedException refused)
        {
            return OAuthTokenResponse.Failed(refused);
        }
    }

    protected override async Task<AuthenticationTicket> CreateTicketAsync(ClaimsIdentity identity, AuthenticationProperties properties, OAuthTokenResponse tokens)
    {
        var idToken = tokens.Response!.RootElement.TryGetProperty("id_token", out var told) && told.ValueKind == JsonValueKind.String ? told.GetString()! : "";
        var claims = await CheckAsync(idToken, properties.Items[Nonce] ?? "", tokens.AccessToken!, Request.Query["code"].ToString());
        if (claims[settings.RolesClaim] is null && provider!.UserInfoEndpoint is { Length: > 0 } endpoint)
        {
            await AddUserInfoAsync(claims, endpoint, tokens.AccessToken!);
        }

        account = settings.ToAccount(claims) ?? throw new SignInRefusedException(SignInRefusedException.NoPlace, "no place");
        properties.StoreTokens([new AuthenticationToken { Name = OpenIdConnectParameterNames.IdToken, Value = idToken }]);
        return new AuthenticationTicket(new ClaimsPrincipal(identity), properties, Scheme.Name);
    }

    protected override async Task<HandleRequestResult> HandleRemoteAuthenticateAsync()
    {
        var before = (AuthenticationProperties?)null;
        try
        {
            before = Options.StateDataFormat.Unprotect(Request.Query["state"]);
            return await base.HandleRemoteAuthenticateAsync();
        }
        catch (Exception fault) when (fault is SignInRefusedException)
        {
            return HandleRequestResult.Fail(fault, before);
        }
        catch (Exception fault) when (IsNoAnswer(fault))
        {
            return HandleRequestResult.Fail(new SignInRefusedException(SignInRefusedException.Away, "no readable answer"), before);
        }
    }

    /// <summary>OpenID Connect Core 1.0, 3.1.3.7: what it must be before anything in it is believed. Each refusal has a word of its own.</summary>
    private async Task<JsonObject> CheckAsync(string idToken, string nonce, string accessToken, string code)
    {
        if (!Tokens.CanReadToken(idToken) || idToken.Split('.').Length != 3)
        {
            throw Refuse("form");
        }

        JsonWebToken token;
        try
        {
            token = Tokens.ReadJsonWebToken(idToken);
        }
        catch (Exception fault) when (fault is ArgumentException or SecurityTokenException)
        {
            throw Refuse("form");
        }

        if (!Algorithms.TryGetValue(token.Alg ?? "", out var hash))
        {
            throw Refuse("alg");
        }

        // An extension that must be understood, and is not (RFC 7515 section 4.1.11).
        if (token.TryGetHeaderValue<object>("crit", out _))
        {
            throw Refuse("crit");
        }

        var wrong = await ValidateAsync(provider!);
        if (wrong == "signature")
        {
            // The provider may have changed its keys since we looked.
            wrong = await ValidateAsync(provider = await documents.ReadAsync(anew: true, Context.RequestAborted));
        }

        if (wrong is not null)
        {
            throw Refuse(wrong);
        }

        var claims = JsonNode.Parse(Base64Url.DecodeFromChars(token.EncodedPayload), documentOptions: Strict) as JsonObject ?? throw Refuse("form");
        var party = Word("azp");
        if ((token.Audiences.Skip(1).Any() && party is null) || (party is not null && party != settings.ClientId))
        {
            throw Refuse("azp");
        }

        if (!token.TryGetPayloadValue<long>("iat", out var issued) || DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(issued, 0, 253402300799)) is var at
            && (at > TimeProvider.GetUtcNow() + Skew || at < TimeProvider.GetUtcNow() - Oldest))
        {
            throw Refuse("iat");
        }

        if (nonce.Length == 0 || !Same(Word("nonce"), nonce))
        {
            throw Refuse("nonce");
        }

        if (claims.ContainsKey("at_hash") && !Same(Word("at_hash"), HalfOf(accessToken)))
        {
            throw Refuse("at_hash");
        }

        if (claims.ContainsKey("c_hash") && !Same(Word("c_hash"), HalfOf(code)))
        {
            throw Refuse("c_hash");
        }

        return claims;

        async Task<string?> ValidateAsync(OpenIdConnectConfiguration known)
        {
            var result = await Tokens.ValidateTokenAsync(idToken, new TokenValidationParameters
            {
                ValidIssuer = settings.Authority,
                ValidAudience = settings.ClientId,
                IssuerSigningKeys = known.SigningKeys.Where(key => key is not SymmetricSecurityKey),
                ValidAlgorithms = Algorithms.Keys,
                RequireSignedTokens = true,
                RequireExpirationTime = true,
                RequireAudience = true,
                LifetimeValidator = (notBefore, expires, _, _) => TimeProvider.GetUtcNow().UtcDateTime is var now && expires is { } end && end + Skew > now && (notBefore is not { } start || start - Skew < now),
            });
            return result.IsValid ? null : result.Exception switch
            {
                SecurityTokenInvalidIssuerException => "iss",
                SecurityTokenInvalidAudienceException => "aud",
                SecurityTokenExpiredException or SecurityTokenInvalidLifetimeException or SecurityTokenNoExpirationException or SecurityTokenNotYetValidException => "exp",
                _ => "signature",
            };
        }

        string? Word(string name) => claims[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
        string HalfOf(string text) => hash(Encoding.ASCII.GetBytes(text)) is var whole ? Base64Url.EncodeToString(whole.AsSpan(0, whole.Length / 2)) : "";
        static bool Same(string? one, string other) => one is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(one), Encoding.UTF8.GetBytes(other));
        static SignInRefusedException Refuse(string what) => new(SignInRefusedException.NotTrusted, $"id_token: {what}");
    }

    /// <summary>Some providers tell more about a person only when asked. It counts only for the person of the id_token, and what that says comes first.</summary>
    private async Task AddUserInfoAsync(JsonObject claims, string endpoint, string accessToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, endpoint);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", accessToken);
        request.Headers.Accept.ParseAdd("application/json");
        using var answer = await Backchannel.SendAsync(request, Context.RequestAborted);
        if (!answer.IsSuccessStatusCode || answer.Content.Headers.ContentType?.MediaType != "application/json"
            || JsonNode.Parse(await answer.Content.ReadAsStringAsync(Context.RequestAborted), documentOptions: Strict) is not JsonObject more || !JsonNode.DeepEquals(more["sub"], claims["sub"]))
        {
            throw new SignInRefusedException(SignInRefusedException.NotTrusted, "userinfo");
        }

        foreach (var (name, value) in more.Where(claim => !claims.ContainsKey(claim.Key)).ToList())
        {
            claims[name] = value?.DeepClone();
        }
    }

    private bool IsNoAnswer(Exception fault) => !Context.RequestAborted.IsCancellationRequested && fault is HttpRequestException or IOException or JsonException or OperationCanceledException;

    private static string FormEncoded(string text) => Uri.EscapeDataString(text).Replace("%20", "+", StringComparison.Ordinal);

    private static string Told(string language, SignInRefusedException refused, string? wanted) => $"{language}/sign-in?outside={refused.Told}&return={Uri.EscapeDataString(SignIn.IsOurs(wanted) ? wanted! : "")}";

    [LoggerMessage(Level = LogLevel.Warning, Message = "Nobody was signed in through the outside provider: {Reason}")]
    private static partial void LogRefused(ILogger log, string reason);
}
