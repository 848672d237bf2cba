using Exchange.Contracts;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Gateway.Portal.Requests;

/// <summary>The page of each act: what it means, what has to be said, and who can when the reader cannot. What somebody else did meanwhile is shown, and what was typed stays.</summary>
internal static class ActOnRequest
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        foreach (var act in Acts.All)
        {
            pages.MapPage($"/requests/{{id:guid}}/{act.Rel}", (Guid id, Visit visit, ApiClient api, CancellationToken cancel) => ShowAsync(act, id, visit, api, cancel)).ForSignedIn();
            pages.MapForm($"/requests/{{id:guid}}/{act.Rel}", (Guid id, Visit visit, ApiClient api, CancellationToken cancel) => RunAsync(act, id, visit, api, cancel)).ForSignedIn();
        }
    }

    private static async Task<IResult> ShowAsync(Act act, Guid id, Visit visit, ApiClient api, CancellationToken cancel)
    {
        var (request, refusal) = await ShowRequest.FindAsync(id, visit, api, cancel);
        return refusal ?? await PageAsync(act, request!, visit, api, null, cancel);
    }

    private static async Task<IResult> RunAsync(Act act, Guid id, Visit visit, ApiClient api, CancellationToken cancel)
    {
        var (request, refusal) = await ShowRequest.FindAsync(id, visit, api, cancel);
        if (refusal is not null)
        {
            return refusal;
        }

        var entered = new Entered(visit.Form);
        if (act.Questions(request!, null).Where(question => question.Kind == "date" && entered.IsNoDay(question.Name)).ToList() is { Count: > 0 } wrong)
        {
            return await PageAsync(act, request!, visit, api, Wrong(wrong, visit), cancel);
        }

        // The address that the act has whatever the state: the API says why it does not go, or gives the first answer to a form that was sent twice.
        var answer = await api.PostAsync<object>(AddressOf(act, request!), act.Body?.Invoke(entered, request!), visit.Version, visit.Key, cancel);
        if (answer.Succeeded)
        {
            return visit.SeeOther(act.Rel == "submit" ? $"/requests/{id}/submitted" : $"/requests/{id}?done={act.Done}");
        }

        var (newest, gone) = await ShowRequest.FindAsync(id, visit, api, cancel);
        return gone ?? await PageAsync(act, newest!, visit, api, answer.Problem, cancel);
    }

    private static async Task<RazorComponentResult> PageAsync(Act act, RequestView request, Visit visit, ApiClient api, Problem? problem, CancellationToken cancel)
    {
        var entry = await api.GetAsync<DatasetEntry>($"/api/catalogue/datasets/{request.Dataset.Id}", cancel);
        var possible = request.Link(act.Rel) is not null;
        var mayAct = ShowRequest.MayAct(visit.Person!, act, request);
        return visit.Page<ActPage, ActModel>(new ActModel { Act = act, Request = request, Entry = entry.Value, Problem = problem, IsPossible = possible, MayAct = mayAct },
            problem?.Status ?? (!mayAct ? StatusCodes.Status403Forbidden : !possible ? StatusCodes.Status409Conflict : StatusCodes.Status200OK));
    }

    private static string AddressOf(Act act, RequestView request) => act.Rel switch
    {
        "use-records" => $"/api/cities/{request.Asking.City}/grants/{request.Id}/use-records",
        "sign-off-change" => $"{request.Address}/change/sign-off",
        _ => $"{request.Address}/{act.Rel}",
    };

    private static Problem Wrong(IReadOnlyList<Question> days, Visit visit)
    {
        var faults = new Faults();
        foreach (var question in days)
        {
            faults.Add(question.Name, "day", null, new("请填写有效日期，如 2027-06-30。", "Enter a day, such as 2027-06-30."));
        }

        return new Refused(faults).ToProblem(visit.Language, visit.PublicAddress);
    }
}

/// <summary>An act with the request as it stands.</summary>
public sealed record ActModel
{
    public required Act Act { get; init; }
    public required RequestView Request { get; init; }

    /// <summary>Null when it is no longer in the catalogue.</summary>
    public DatasetEntry? Entry { get; init; }

    /// <summary>Why it was not carried out.</summary>
    public Problem? Problem { get; init; }

    /// <summary>The request's state allows it.</summary>
    public bool IsPossible { get; init; }

    /// <summary>The reader has a role for it.</summary>
    public bool MayAct { get; init; }

    public string? ErrorAt(string field) => Problem?.Errors?.FirstOrDefault(error => error.Field.Split('[')[0] == field)?.Message;
}
