using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Authority;

/// <summary>One exchange as the city's authority sees it, with what it may do: answer an extension, suspend, resume, terminate, and write down the steps of a dispute.</summary>
internal static class OneExchange
{
    private static readonly string[] Acts = ["answer-extension", "suspend", "resume", "terminate", "dispute"];

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/authority/exchanges/{id:guid}", (Visit visit, ApiClient api, Places places, Guid id, CancellationToken cancel) => ShowAsync(visit, api, places, id, null, null, cancel)).ForAuthority();
        pages.MapForm("/authority/exchanges/{id:guid}", ActAsync).ForAuthority();
    }

    private static async Task<IResult> ActAsync(Visit visit, ApiClient api, Places places, Guid id, CancellationToken cancel)
    {
        var act = visit.Form["act"].ToString();
        if (!Acts.Contains(act, StringComparer.Ordinal))
        {
            return Pipeline.NotFound();
        }

        object? body = act switch
        {
            "answer-extension" => ConsentBody.Of(visit),
            "suspend" => new { reason = Text("suspend-reason"), repair_by = Day("suspend-repair_by") },
            "terminate" => new { reason = Text("terminate-reason") },
            "dispute" => new { kind = Text("dispute-kind"), text = Text("dispute-text") },
            _ => null,
        };
        var path = act == "dispute" ? $"/disputes/{id}/step" : $"/approvals/{id}/{act}";
        var answer = await api.PostAsync<Done>(visit.Api(path), body, visit.Version, visit.Key, cancel);
        return answer.Problem is { } problem ? await ShowAsync(visit, api, places, id, act, problem, cancel) : visit.SeeOther($"/authority/exchanges/{id}?done={act}");

        string? Text(string field) => FormRead.Text(visit.Form[field]);
        DateOnly? Day(string field) => FormRead.Day(visit.Form[field]);
    }

    private static async Task<IResult> ShowAsync(Visit visit, ApiClient api, Places places, Guid id, string? act, Problem? problem, CancellationToken cancel)
    {
        var asking = visit.Http.Request.Query["side"] == "asking";
        var path = $"/{(asking ? "requests" : "approvals")}/{id}";
        var answer = await api.GetAsync<RequestView>(visit.Api(path), cancel);
        if (answer.Value is not { } exchange)
        {
            return answer.Problem is { Status: not StatusCodes.Status404NotFound } refused ? visit.Refusal(refused) : Pipeline.NotFound();
        }

        var history = await api.GetAsync<List<RequestStep>>(visit.Api(path + "/history"), cancel);
        return visit.Page<OneExchangePage, OneExchangeModel>(new OneExchangeModel
        {
            Exchange = exchange,
            Asking = asking,
            AskingCity = places.City(exchange.Asking.City, visit),
            OwningCity = places.City(exchange.Owning.City, visit),
            OwningDepartment = places.Department(exchange.Owning.City, exchange.Owning.Department ?? ""),
            History = history.Value ?? [],
            Path = path,
            Act = act,
            Problem = problem,
            Changed = problem?.Rule == "version-changed",
            Done = visit.Http.Request.Query["done"].ToString(),
        }, problem is null ? StatusCodes.Status200OK : StatusCodes.Status422UnprocessableEntity);
    }
}

/// <summary>What the page shows.</summary>
public sealed record OneExchangeModel
{
    public required RequestView Exchange { get; init; }

    /// <summary>Seen as the authority of the asking city: nothing can be done here.</summary>
    public required bool Asking { get; init; }

    public required string AskingCity { get; init; }
    public required string OwningCity { get; init; }
    public required string OwningDepartment { get; init; }
    public required IReadOnlyList<RequestStep> History { get; init; }

    /// <summary>In the city's part of the API.</summary>
    public required string Path { get; init; }

    /// <summary>What was tried and refused.</summary>
    public string? Act { get; init; }

    public Problem? Problem { get; init; }

    /// <summary>Somebody else acted meanwhile: what is shown is the newest state, what was written stands in the form.</summary>
    public required bool Changed { get; init; }

    public required string Done { get; init; }
}
