using System.Globalization;
using Exchange.Gateway.Portal.Requests;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Deliveries;

/// <summary>Granted rows that are pulled regularly into the city's own tables: how it goes, its times, pause and end.</summary>
internal static class KeepStanding
{
    private static readonly string[] Acts = ["pause", "resume", "run", "end"];

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/requests/{id:guid}/standing", ShowAsync).ForSignedIn();
        pages.MapForm("/requests/{id:guid}/standing", RunAsync).ForSignedIn(Roles.Officer);
    }

    private static Task<IResult> ShowAsync(Guid id, Visit visit, ApiClient api, CancellationToken cancel) => PageAsync(id, visit, api, null, cancel);

    private static async Task<IResult> PageAsync(Guid id, Visit visit, ApiClient api, Problem? problem, CancellationToken cancel)
    {
        var (request, refusal) = await ShowRequest.FindAsync(id, visit, api, cancel);
        if (refusal is not null)
        {
            return refusal;
        }

        var standing = await api.GetAsync<StandingView>($"{request!.Address}/standing", cancel);
        return visit.Page<StandingPage, StandingModel>(new StandingModel
        {
            Request = request,
            Standing = standing.Value,
            Version = int.TryParse(standing.ETag?.Trim('"'), NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version : null,
            Problem = problem ?? (standing.Status == StatusCodes.Status404NotFound ? null : standing.Problem),
        }, problem?.Status ?? StatusCodes.Status200OK);
    }

    private static async Task<IResult> RunAsync(Guid id, Visit visit, ApiClient api, CancellationToken cancel)
    {
        var (request, refusal) = await ShowRequest.FindAsync(id, visit, api, cancel);
        if (refusal is not null)
        {
            return refusal;
        }

        var (path, act) = ($"{request!.Address}/standing", visit.Form["act"].ToString());
        ApiAnswer<object> answer;
        if (Acts.Contains(act, StringComparer.Ordinal))
        {
            answer = await api.PostAsync<object>($"{path}/{act}", null, visit.Version, null, cancel);
        }
        else
        {
            var daily = visit.Form["when"] == "daily";
            var body = new
            {
                EveryMinutes = !daily && int.TryParse(visit.Form["every_minutes"], NumberStyles.None, CultureInfo.InvariantCulture, out var minutes) ? minutes : (int?)null,
                DailyAt = daily && visit.Form["daily_at"].ToString() is { Length: > 0 } at ? at : null,
            };
            answer = visit.Version is null || act == "set" ? await api.PostAsync<object>(path, body, null, visit.Key, cancel) : await api.PutAsync<object>(path, body, visit.Version, visit.Key, cancel);
        }

        return answer.Succeeded ? visit.SeeOther($"/requests/{id}/standing") : await PageAsync(id, visit, api, answer.Problem, cancel);
    }
}

/// <summary>How a standing exchange goes.</summary>
public sealed record StandingModel
{
    public required RequestView Request { get; init; }

    /// <summary>Null while none is set up.</summary>
    public StandingView? Standing { get; init; }

    public int? Version { get; init; }
    public Problem? Problem { get; init; }
}
