using Exchange.Hosting;
using Microsoft.AspNetCore.Authentication;

namespace Exchange.Gateway.Portal.SignIn;

/// <summary>Ends this session, or all of the person's in every browser.</summary>
internal static class SignOut
{
    public static void Map(IEndpointRouteBuilder pages) => pages.MapForm("/sign-out", async (Visit visit, Sessions sessions, CancellationToken cancel) =>
    {
        if (visit.Form["everywhere"].Count > 0 && visit.Person is { } person)
        {
            await sessions.EndAllAsync(person.Subject, cancel);
        }

        await visit.Http.SignOutAsync(Pages.Scheme);
        // Pages that the browser kept for going back are somebody's who has left.
        visit.Http.Response.Headers["Clear-Site-Data"] = "\"cache\"";
        return visit.SeeOther("/");
    }).ForAnyone();
}
