using Exchange.Hosting;
using Microsoft.AspNetCore.Authentication;

namespace Exchange.Gateway.Portal.SignIn;

/// <summary>Ends this session, or all of the person's in every browser. Whoever came through an outside provider is told that they are still signed in there.</summary>
internal static class SignOut
{
    private const string Done = "/signed-out";

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapForm("/sign-out", async (Visit visit, Sessions sessions, CancellationToken cancel) =>
        {
            if (visit.Form["everywhere"].Count > 0 && visit.Person is { } person)
            {
                await sessions.EndAllAsync(person.Subject, cancel);
            }

            var elsewhere = await Sessions.LetLeaveAsync(visit.Http);
            await visit.Http.SignOutAsync(Pages.Scheme);
            // Pages that the browser kept for going back are somebody's who has left.
            visit.Http.Response.Headers["Clear-Site-Data"] = "\"cache\"";
            return visit.SeeOther(elsewhere ? Done : "/");
        }).ForAnyone();

        // A page between: the answer to a form may not lead to another host (form-action).
        pages.MapPage(Done, async (Visit visit, IServiceProvider services, CancellationToken cancel) =>
            Sessions.MayLeave(visit.Http) && services.GetService<ProviderSettings>() is { } settings && await OutsideProvider.TakesLeaversAsync(services.GetRequiredService<ProviderDocument>(), cancel)
                ? visit.Page<SignedOutPage, SignedOutModel>(new SignedOutModel(visit.T(settings.Called)))
                : (IResult)visit.SeeOther("/")).ForAnyone();
    }
}

/// <summary>What the page after signing out shows.</summary>
/// <param name="Provider">Name of the outside provider at which the person is still signed in.</param>
public sealed record SignedOutModel(string Provider);
