using Exchange.Gateway.Portal.Shared;
using Exchange.Hosting;
using Microsoft.AspNetCore.Authentication;

namespace Exchange.Gateway.Portal;

/// <summary>Shows a refusal as a page to whoever asked for one: what the rule is, where it stands, and the way out.</summary>
internal sealed class PageRefusals : IRefusalPages
{
    /// <summary>Read by programs, whatever their Accept says.</summary>
    private static readonly string[] Programs = ["/api", "/connect", "/.well-known", "/openapi", "/operations", "/health", "/catalog", "/assets"];

    public static bool IsForPrograms(PathString path) => Array.Exists(Programs, prefix => path.StartsWithSegments(prefix, StringComparison.OrdinalIgnoreCase));

    public bool Wants(HttpContext http) => !IsForPrograms(http.Request.Path)
        && http.Request.GetTypedHeaders().Accept.Any(accepted => accepted.MediaType == "text/html" && accepted.Quality != 0);

    public async Task ShowAsync(HttpContext http, Refused refused)
    {
        // Nobody has looked at the cookie where no route was found.
        if (http.User.Identity is not { IsAuthenticated: true } && await http.AuthenticateAsync(Pages.Scheme) is { Principal: { } principal })
        {
            http.User = principal;
        }

        Pages.SetHeaders(http);
        var visit = http.RequestServices.GetRequiredService<Visit>();
        http.Response.Headers.ContentLanguage = visit.Lang;
        var problem = refused.ToProblem(visit.Language, visit.PublicAddress) with { TraceId = System.Diagnostics.Activity.Current?.TraceId.ToString() };
        await visit.Page<RefusalPage, Problem>(problem, problem.Status).ExecuteAsync(http);
    }
}
