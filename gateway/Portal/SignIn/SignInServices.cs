using System.Security.Claims;
using Exchange.Hosting;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Options;

namespace Exchange.Gateway.Portal.SignIn;

/// <summary>The session cookie, the forms' tokens and the keys that seal both.</summary>
internal static class SignInServices
{
    public static void AddSignIn(this IServiceCollection services, ServiceSettings service, PortalSettings settings)
    {
        // Beside the gateway's other keys: its replicas share them.
        services.AddDataProtection().SetApplicationName("exchange").PersistKeysToFileSystem(Directory.CreateDirectory(Path.Combine(service.KeyFolder, "portal")));
        services.AddAntiforgery(options =>
        {
            options.Cookie = new HostCookie { Name = "__Host-form", Path = "/", HttpOnly = true, SameSite = SameSiteMode.Strict, IsEssential = true };
            options.FormFieldName = "_token";
            options.HeaderName = "Form-Token";
            options.SuppressXFrameOptionsHeader = true;
        });
        services.AddSingleton<Sessions>();
        services.AddSingleton<KeptForms>();
        services.AddAuthentication().AddCookie(Pages.Scheme);
        services.AddOptions<CookieAuthenticationOptions>(Pages.Scheme).Configure<Sessions, TimeProvider>((options, sessions, clock) =>
        {
            options.Cookie = new HostCookie { Name = "__Host-session", Path = "/", HttpOnly = true, SameSite = SameSiteMode.Lax, IsEssential = true };
            options.SessionStore = sessions;
            options.TimeProvider = clock;
            options.ExpireTimeSpan = settings.IdleAfter;
            options.SlidingExpiration = true;
            options.Events = new CookieAuthenticationEvents { OnRedirectToLogin = SendToSignInAsync };
        });
        if (settings.Provider is { } provider)
        {
            OutsideProvider.Add(services, provider);
        }
    }

    /// <summary>Whoever has to sign in first comes back to the page; what was sent in a session that has ended waits there for its writer.</summary>
    private static async Task SendToSignInAsync(RedirectContext<CookieAuthenticationOptions> context)
    {
        var http = context.HttpContext;
        var sessions = http.RequestServices.GetRequiredService<Sessions>();
        if (HttpMethods.IsPost(http.Request.Method) && http.Request.HasFormContentType && await sessions.SubjectOfEndedAsync(http) is { } subject)
        {
            var form = await http.Request.ReadFormAsync(http.RequestAborted);
            await http.RequestServices.GetRequiredService<KeptForms>().KeepAsync(subject, AfterSignIn(http), form, http.RequestAborted);
        }

        var back = http.Request.PathBase + http.Request.Path + http.Request.QueryString;
        http.Response.Redirect($"{http.Request.PathBase}/sign-in?return={Uri.EscapeDataString(back)}");
    }

    /// <summary>The name under which a page finds what was written in it when the session ended.</summary>
    public static string AfterSignIn(HttpContext http) => $"page:{http.Request.Path}";

    /// <summary>
    /// A cookie that no other host can set or read: <c>__Host-</c> asks for Secure, the path / and no domain. Browsers take it over plain http from this machine's own address, and
    /// behind a proxy that ends TLS the request does not look secure; so neither the request's scheme nor its path decides.
    /// </summary>
    internal sealed class HostCookie : CookieBuilder
    {
        public override CookieOptions Build(HttpContext context, DateTimeOffset expiresFrom)
        {
            var options = base.Build(context, expiresFrom);
            (options.Secure, options.Path, options.Domain) = (true, "/", null);
            return options;
        }
    }
}
