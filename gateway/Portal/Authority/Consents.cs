using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Authority;

/// <summary>Extensions that wait for the authority: the list, and the page on which an update's extension is answered. A reply's is answered on the page of its exchange.</summary>
internal static class Consents
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/authority/consents", async (Visit visit, ApiClient api, Places places, string? done, CancellationToken cancel) =>
        {
            var answer = await api.GetAsync<ConsentAnswer>(visit.Api("/authority/consents"), cancel);
            return visit.Page<ConsentsPage, ConsentsModel>(new ConsentsModel
            {
                Problem = answer.Problem,
                Replies = [.. (answer.Value?.Replies ?? []).Select(line => (line, places.Department(line.Owning.City, line.Owning.Department ?? "")))],
                Updates = answer.Value?.Updates ?? [],
                Done = done,
            }, answer.Succeeded ? StatusCodes.Status200OK : answer.Status);
        }).ForAuthority();
        pages.MapPage("/authority/updates/{dataset:guid}/{change:guid}", (Visit visit, ApiClient api, Guid dataset, Guid change, CancellationToken cancel) => ShowAsync(visit, api, dataset, change, null, cancel)).ForAuthority();
        pages.MapForm("/authority/updates/{dataset:guid}/{change:guid}", AnswerAsync).ForAuthority();
    }

    private static async Task<IResult> AnswerAsync(Visit visit, ApiClient api, Guid dataset, Guid change, CancellationToken cancel)
    {
        var answer = await api.PostAsync<DutyLine>(visit.Api($"/datasets/{dataset}/duty-changes/{change}/answer-extension"), ConsentBody.Of(visit), null, visit.Key, cancel);
        return answer.Problem is { } problem
            ? await ShowAsync(visit, api, dataset, change, problem, cancel)
            : visit.SeeOther($"/authority/consents?done={(visit.Entered("consent") == "yes" ? "consented" : "denied")}");
    }

    private static async Task<IResult> ShowAsync(Visit visit, ApiClient api, Guid dataset, Guid change, Problem? problem, CancellationToken cancel)
    {
        var entry = await api.GetAsync<OwnEntry>(visit.Api($"/datasets/{dataset}"), cancel);
        var changes = await api.GetAsync<DutyList>(visit.Api($"/datasets/{dataset}/duty-changes"), cancel);
        if (changes.Value?.Items.FirstOrDefault(item => item.Id == change) is not { } found || entry.Value is null)
        {
            return changes.Problem is { Status: not StatusCodes.Status404NotFound } refused ? visit.Refusal(refused) : Pipeline.NotFound();
        }

        return visit.Page<UpdatePage, UpdateModel>(
            new UpdateModel { Dataset = dataset, Name = (entry.Value.Published ?? entry.Value.Working!.Entry).Name ?? "", Change = found, Problem = problem },
            problem is null ? StatusCodes.Status200OK : StatusCodes.Status422UnprocessableEntity);
    }

    private sealed record DutyList
    {
        public IReadOnlyList<DutyLine> Items { get; init; } = [];
    }
}

/// <summary>The answer to an extension, as the API takes it.</summary>
internal sealed record ConsentBody(bool? Consent, string? Reason)
{
    public static ConsentBody Of(Visit visit) => new(
        visit.Form["consent"].ToString() switch { "yes" => true, "no" => false, _ => null },
        FormRead.Text(visit.Form["reason"]));
}

/// <summary>Extensions that wait.</summary>
public sealed record ConsentsModel
{
    public Problem? Problem { get; init; }

    /// <summary>Each with the name of the department that asks for more time.</summary>
    public required IReadOnlyList<(RequestView Line, string Department)> Replies { get; init; }

    public required IReadOnlyList<UpdateLine> Updates { get; init; }

    /// <summary>What was just done.</summary>
    public string? Done { get; init; }
}

/// <summary>One change of law or duty and the extension asked for.</summary>
public sealed record UpdateModel
{
    public required Guid Dataset { get; init; }
    public required string Name { get; init; }
    public required DutyLine Change { get; init; }
    public Problem? Problem { get; init; }
}
