using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using Exchange.Gateway.Identity;
using Exchange.Hosting;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace Exchange.Gateway.Portal.SignIn;

/// <summary>
/// Sessions live in the gateway's database, the cookie holds a random key: what is ended here is ended at every replica and in every browser at once.
/// </summary>
internal sealed class Sessions(Database database, PortalSettings settings, TimeProvider clock) : ITicketStore
{
    /// <summary>Where the cookie handler keeps the key.</summary>
    private const string SessionIdClaim = "Microsoft.AspNetCore.Authentication.Cookies-SessionId";

    private const string IdToken = "id_token";

    private static readonly CookieBuilder Leaving = new SignInServices.HostCookie { Name = "__Host-leaving", HttpOnly = true, SameSite = SameSiteMode.Strict, IsEssential = true, MaxAge = TimeSpan.FromMinutes(10) };

    /// <summary>Begins a session of its own for the person, whatever the browser brought along.</summary>
    /// <param name="http">The request that proved who it is.</param>
    /// <param name="account">Who it is.</param>
    /// <param name="idToken">What an outside provider said of the person; it is shown to that provider when the person leaves there too.</param>
    public static async Task BeginAsync(HttpContext http, Account account, string? idToken = null)
    {
        var identity = new ClaimsIdentity(Pages.Scheme, "name", "roles");
        identity.AddClaims([new("sub", account.Subject), new("sub_type", account.SubType), new("client_id", account.ClientId), new("name", account.Name)]);
        identity.AddClaims(account.Roles.Select(role => new Claim("roles", role)));
        if (account.City is not null)
        {
            identity.AddClaim(new("city", account.City));
        }

        if (account.Department is not null)
        {
            identity.AddClaim(new("department", account.Department));
        }

        // Whatever session the request came with is over. The handler that read it would go on under its key, which somebody else may know: another one writes the new cookie.
        if (KeyOf(http) is not null)
        {
            await http.SignOutAsync(Pages.Scheme);
        }

        http.Request.Headers.Remove("Cookie");
        var scheme = await http.RequestServices.GetRequiredService<IAuthenticationSchemeProvider>().GetSchemeAsync(Pages.Scheme);
        var handler = ActivatorUtilities.CreateInstance<CookieAuthenticationHandler>(http.RequestServices);
        await handler.InitializeAsync(scheme!, http);
        var properties = new AuthenticationProperties();
        if (idToken is not null)
        {
            properties.StoreTokens([new AuthenticationToken { Name = IdToken, Value = idToken }]);
        }

        await handler.SignInAsync(new ClaimsPrincipal(identity), properties);
    }

    public async Task<string> StoreAsync(AuthenticationTicket ticket)
    {
        var key = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));
        await using var connection = await database.OpenAsync(CancellationToken.None);
        await connection.ExecuteAsync(Insert, new { hash = Hash(key), subject = ticket.Principal.FindFirstValue("sub"), ticket = TicketSerializer.Default.Serialize(ticket), now = clock.GetUtcNow(), expires = Expiry(ticket) });
        return key;
    }

    public async Task RenewAsync(string key, AuthenticationTicket ticket)
    {
        await using var connection = await database.OpenAsync(CancellationToken.None);
        await connection.ExecuteAsync("update portal_sessions set ticket = @ticket, expires_at = @expires where key_hash = @hash and ended_at is null",
            new { hash = Hash(key), ticket = TicketSerializer.Default.Serialize(ticket), expires = Expiry(ticket) });
    }

    public async Task<AuthenticationTicket?> RetrieveAsync(string key)
    {
        var now = clock.GetUtcNow();
        await using var connection = await database.OpenAsync(CancellationToken.None);
        var ticket = await connection.QuerySingleOrDefaultAsync<byte[]>("select ticket from portal_sessions where key_hash = @hash and ended_at is null and expires_at > @now and started_at > @oldest",
            new { hash = Hash(key), now, oldest = now - settings.LongestSession });
        return ticket is null ? null : TicketSerializer.Default.Deserialize(ticket);
    }

    public async Task RemoveAsync(string key)
    {
        await using var connection = await database.OpenAsync(CancellationToken.None);
        await connection.ExecuteAsync("update portal_sessions set ended_at = clock_timestamp() where key_hash = @hash and ended_at is null", new { hash = Hash(key) });
    }

    /// <summary>Ends every session of the person, in whatever browser.</summary>
    public async Task EndAllAsync(string subject, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition("update portal_sessions set ended_at = clock_timestamp() where subject = @subject and ended_at is null", new { subject }, cancellationToken: cancel));
    }

    /// <summary>Whose session it was that the request's cookie names, though it may be over; null when it names none.</summary>
    public async Task<string?> SubjectOfEndedAsync(HttpContext http)
    {
        if (KeyOf(http) is not { } key)
        {
            return null;
        }

        await using var connection = await database.OpenAsync(http.RequestAborted);
        return await connection.ExecuteScalarAsync<string?>("select subject from portal_sessions where key_hash = @hash", new { hash = Hash(key) });
    }

    /// <summary>
    /// Before a session ends: lets this browser, for some minutes, ask that the outside provider through which it began ends its own too. False where there is none.
    /// The browser holds the name of the ended session, never the token.
    /// </summary>
    public static async Task<bool> LetLeaveAsync(HttpContext http)
    {
        var options = http.RequestServices.GetRequiredService<IOptionsMonitor<CookieAuthenticationOptions>>().Get(Pages.Scheme);
        if ((await http.AuthenticateAsync(Pages.Scheme)).Properties?.GetTokenValue(IdToken) is null || options.CookieManager.GetRequestCookie(http, options.Cookie.Name!) is not { } cookie)
        {
            return false;
        }

        http.Response.Cookies.Append(Leaving.Name!, cookie, Leaving.Build(http));
        return true;
    }

    /// <summary>The token of the session that this browser has ended, once.</summary>
    public async Task<string?> TakeLeaverAsync(HttpContext http)
    {
        http.Response.Cookies.Delete(Leaving.Name!, Leaving.Build(http));
        if (http.Request.Cookies[Leaving.Name!] is not { } cookie || KeyIn(http, cookie) is not { } key)
        {
            return null;
        }

        await using var connection = await database.OpenAsync(http.RequestAborted);
        var ticket = await connection.QuerySingleOrDefaultAsync<byte[]>("select ticket from portal_sessions where key_hash = @hash and ended_at is not null", new { hash = Hash(key) });
        return ticket is null ? null : TicketSerializer.Default.Deserialize(ticket)?.Properties.GetTokenValue(IdToken);
    }

    public static bool MayLeave(HttpContext http) => http.Request.Cookies.ContainsKey(Leaving.Name!);

    /// <summary>True once the request's session was ended, here or anywhere.</summary>
    public async Task<bool> IsOverAsync(HttpContext http) => KeyOf(http) is not { } key || await RetrieveAsync(key) is null;

    private static string? KeyOf(HttpContext http)
    {
        var options = http.RequestServices.GetRequiredService<IOptionsMonitor<CookieAuthenticationOptions>>().Get(Pages.Scheme);
        return options.CookieManager.GetRequestCookie(http, options.Cookie.Name!) is { } cookie ? KeyIn(http, cookie) : null;
    }

    private static string? KeyIn(HttpContext http, string cookie) =>
        http.RequestServices.GetRequiredService<IOptionsMonitor<CookieAuthenticationOptions>>().Get(Pages.Scheme).TicketDataFormat.Unprotect(cookie)?.Principal.FindFirstValue(SessionIdClaim);

    private DateTimeOffset Expiry(AuthenticationTicket ticket) => ticket.Properties.ExpiresUtc ?? clock.GetUtcNow() + settings.IdleAfter;

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    private const string Insert = """
        delete from portal_sessions where expires_at < @now - interval '2 days';
        insert into portal_sessions (key_hash, subject, ticket, started_at, expires_at) values (@hash, @subject, @ticket, @now, @expires)
        """;
}
