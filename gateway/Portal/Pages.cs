using Exchange.Gateway.Portal.SignIn;
using Exchange.Hosting;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Gateway.Portal;

/// <summary>The routes of pages and forms: who may use them, what headers their answers have, and that a form is one of ours.</summary>
internal static class Pages
{
    /// <summary>Scheme of the session cookie. The API never takes it, so that no other site can act through a browser.</summary>
    public const string Scheme = "portal";

    /// <summary>
    /// Nothing from elsewhere, nothing inline. A script element of type <c>application/ld+json</c> is data and needs no leave.
    /// </summary>
    private const string ContentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    private static readonly Rule NotOurs = new("form-not-genuine", StatusCodes.Status400BadRequest, null,
        new("这份表单不是本次登录时由本站打开的，未予办理。", "This form was not opened by this site under your present session; nothing was done."),
        new("请返回上一页、刷新后再提交；填写的内容可从上一页复制。", "Go back, load the page anew and send it again; what you wrote is still on the page before."));

    /// <summary>A page. Answers GET.</summary>
    public static RouteHandlerBuilder MapPage(this IEndpointRouteBuilder routes, string path, Delegate handler) => routes.MapGet(path, handler).AsPage().AddEndpointFilter(FindKeptAsync);

    /// <summary>What a form of the page at the same address sends. Nothing is done unless the form is ours; <see cref="Visit.Form"/> holds it.</summary>
    public static RouteHandlerBuilder MapForm(this IEndpointRouteBuilder routes, string path, Delegate handler) =>
        routes.MapPost(path, handler).AsPage().WithMetadata(TakesForms.Instance).AddEndpointFilter(CheckFormAsync);

    /// <summary>Open to anyone; whoever has signed in is known.</summary>
    public static T ForAnyone<T>(this T route)
        where T : IEndpointConventionBuilder =>
        route.RequireAuthorization(new AuthorizationPolicyBuilder(Scheme).RequireAssertion(_ => true).Build());

    /// <summary>Persons who have signed in; with roles, those who have one of them. Everyone else is sent to sign in, and back.</summary>
    public static T ForSignedIn<T>(this T route, params string[] anyOfRoles)
        where T : IEndpointConventionBuilder =>
        route.RequireAuthorization(new AuthorizationPolicyBuilder(Scheme).RequireAuthenticatedUser().AddRequirements(new RoutePolicy(personsOnly: true, anyOfRoles)).Build());

    /// <summary>What every page of the portal says to the browser.</summary>
    public static void SetHeaders(HttpContext http)
    {
        var headers = http.Response.Headers;
        headers.ContentSecurityPolicy = ContentPolicy;
        headers.XFrameOptions = "DENY";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()";
        headers.CacheControl = "private, no-cache";
        headers.Vary = "Cookie";
    }

    private static RouteHandlerBuilder AsPage(this RouteHandlerBuilder route) => route.ExcludeFromDescription().AddEndpointFilter((context, next) =>
    {
        SetHeaders(context.HttpContext);
        return next(context);
    });

    private static async ValueTask<object?> CheckFormAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        if (!http.Request.HasFormContentType || !await http.RequestServices.GetRequiredService<IAntiforgery>().IsRequestValidAsync(http))
        {
            return new Refused(NotOurs);
        }

        var visit = http.RequestServices.GetRequiredService<Visit>();
        visit.Form = await http.Request.ReadFormAsync(http.RequestAborted);
        var result = await next(context);
        if (result is RedirectHttpResult && visit.Person is { } person)
        {
            await http.RequestServices.GetRequiredService<KeptForms>().ForgetAsync(person.Subject, SignInServices.AfterSignIn(http), CancellationToken.None);
        }

        return result;
    }

    /// <summary>What the person sent here after the session had ended is shown again.</summary>
    private static async ValueTask<object?> FindKeptAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var visit = http.RequestServices.GetRequiredService<Visit>();
        if (visit.Person is { } person)
        {
            visit.Kept = await http.RequestServices.GetRequiredService<KeptForms>().FindAsync(person.Subject, SignInServices.AfterSignIn(http), http.RequestAborted);
        }

        return await next(context);
    }

    /// <summary>Marks the routes that a form is sent to.</summary>
    public sealed class TakesForms
    {
        public static readonly TakesForms Instance = new();
    }
}
