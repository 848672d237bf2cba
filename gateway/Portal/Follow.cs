using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using Exchange.Hosting;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.WebUtilities;

namespace Exchange.Gateway.Portal;

/// <summary>
/// Tells a page that what it shows has changed, as server-sent events. It looks as the person would, and says only that there is something new: the page is then loaded again.
/// The stream ends with the session.
/// </summary>
internal static class Follow
{
    private const int MostPaths = 6;

    /// <summary>What <c>Live</c> of a page's shell takes: changes of any of these addresses of the API, or of the gateway's own operations.</summary>
    public static string Url(params ReadOnlySpan<string> paths) => $"/live?of={string.Join("&of=", paths.ToArray().Select(Uri.EscapeDataString))}";

    /// <summary>The same with what the page has seen, so that what changes between the page and its first look is news too.</summary>
    public static string? Since(string? live, ApiClient api) =>
        live is not null && api.Seen(QueryHelpers.ParseQuery(live[live.IndexOf('?', StringComparison.Ordinal)..])["of"]) is { } seen ? $"{live}&seen={seen}" : live;

    public static void Map(IEndpointRouteBuilder pages) => pages.MapPage("/live", (Visit visit, ApiClient api, PortalSettings settings, TimeProvider clock, CancellationToken cancel) =>
    {
        string[] paths = [.. visit.Http.Request.Query["of"].OfType<string>().Where(path => path.StartsWith("/api/", StringComparison.Ordinal) || path.StartsWith("/operations/", StringComparison.Ordinal)).Take(MostPaths)];
        return paths.Length == 0 ? Pipeline.NotFound() : (IResult)TypedResults.ServerSentEvents(ChangesAsync(visit, api, paths, settings.LookEvery, clock, cancel));
    }).ForSignedIn();

    private static async IAsyncEnumerable<SseItem<string>> ChangesAsync(Visit visit, ApiClient api, string[] paths, TimeSpan every, TimeProvider clock, [EnumeratorCancellation] CancellationToken cancel)
    {
        var seen = await StateAsync(api, paths, cancel);
        yield return new SseItem<string>("", "following");
        if (seen is not null && visit.Http.Request.Query["seen"].ToString() is { Length: > 0 } shown && shown != ApiClient.Short(seen))
        {
            yield return new SseItem<string>("", "changed");
        }

        while (!cancel.IsCancellationRequested)
        {
            await Task.Delay(every, clock, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (cancel.IsCancellationRequested || (await visit.Http.RequestServices.GetRequiredService<SignIn.Sessions>().IsOverAsync(visit.Http)))
            {
                yield break;
            }

            var now = await StateAsync(api, paths, cancel);
            if (now is not null && now != seen)
            {
                seen = now;
                yield return new SseItem<string>("", "changed");
            }
        }
    }

    /// <summary>Null while somebody does not answer: that is no news.</summary>
    private static async Task<string?> StateAsync(ApiClient api, string[] paths, CancellationToken cancel)
    {
        var state = "";
        foreach (var path in paths)
        {
            try
            {
                using var answer = await api.OpenAsync(path, null, cancel);
                if ((int)answer.StatusCode >= StatusCodes.Status500InternalServerError)
                {
                    return null;
                }

                state += ApiClient.StateOf(answer.StatusCode, await answer.Content.ReadAsByteArrayAsync(cancel));
            }
            catch (Exception fault) when (fault is HttpRequestException or OperationCanceledException or IOException)
            {
                return null;
            }
        }

        return state;
    }
}
