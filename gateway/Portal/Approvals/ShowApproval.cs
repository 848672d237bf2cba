using System.Globalization;
using System.Text.Json.Nodes;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Approvals;

/// <summary>One request with everything that is needed to decide on it, and the forms of what can be done. What can be done the API's links say, what was wrong its problems.</summary>
internal static class ShowApproval
{
    private const int MostMissing = 50;

    private static readonly Rule NotNow = new("act-not-possible", StatusCodes.Status409Conflict, null,
        new("此事项现在不能办理，可能已由他人办理。", "This cannot be done now; somebody else may have acted."),
        new("请核对下方最新情况。", "Look at the present state below."));

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/approvals/{id:guid}", ShowAsync).ForSignedIn(ApprovalsPages.Readers);
        pages.MapForm("/approvals/{id:guid}", HandleAsync).ForSignedIn(ApprovalsPages.Readers).WithFormOptions(valueCountLimit: 4096);
    }

    private static Task<IResult> ShowAsync(Guid id, Visit visit, ApiClient api, CancellationToken cancel) => PageAsync(id, visit, api, null, FormFaults.None, StatusCodes.Status200OK, cancel);

    private static async Task<IResult> HandleAsync(Guid id, Visit visit, ApiClient api, CancellationToken cancel)
    {
        var rel = visit.Form["act"].ToString();
        if (rel == "more-rows")
        {
            // Without script: the page again with more rows to fill in.
            return await PageAsync(id, visit, api, "ask-supplement", FormFaults.None, StatusCodes.Status200OK, cancel);
        }

        var answer = await CarryOutAsync(id, rel, visit, api, cancel);
        return answer.Problem is { } problem
            ? await PageAsync(id, visit, api, rel, FormFaults.Of(problem, field => IdOf(rel, field)), problem.Status == StatusCodes.Status404NotFound ? StatusCodes.Status409Conflict : problem.Status, cancel)
            : visit.SeeOther($"/approvals/{id}?done={Uri.EscapeDataString(RelOf(rel))}");
    }

    /// <summary>Sends the act to where the API's link points.</summary>
    public static async Task<ApiAnswer<RequestView>> CarryOutAsync(Guid id, string rel, Visit visit, ApiClient api, CancellationToken cancel)
    {
        var answer = await api.GetAsync<RequestView>(Path(visit, id), cancel);
        if (answer.Value is not { } view)
        {
            return answer;
        }

        JsonObject? body;
        switch (rel)
        {
            case "ask-supplement":
                body = new JsonObject { ["missing"] = new JsonArray([.. Missing(visit).Select(row => (JsonNode)new JsonObject { ["item"] = row.Item, ["what"] = row.What })]) };
                break;
            case "approve":
                var form = visit.Person?.City is { } city ? (await api.GetAsync<OwnEntry>($"/api/cities/{city}/datasets/{view.Dataset.Id}", cancel)).Value?.Published?.Format : null;
                body = Approval(visit, view, form);
                break;
            case "refuse":
                body = Refusal(visit);
                break;
            default:
                body = ApprovalAct.Find(rel)?.Body(visit);
                break;
        }

        var link = view.Link(rel is "approve" or "refuse" ? view.ChangeIsOpen ? "decide-change" : "decide" : rel);
        return link is null
            ? new ApiAnswer<RequestView>(null, new Refused(NotNow).ToProblem(visit.Language, visit.PublicAddress), NotNow.Status, null)
            : await api.PostAsync<RequestView>(link.Href, body, visit.Version, visit.Key, cancel);
    }

    public static string Path(Visit visit, Guid id) => $"/api/cities/{visit.Person!.City}/approvals/{id}";

    /// <summary>The rows of the list of what is missing that somebody has begun to fill in.</summary>
    public static IReadOnlyList<(string Item, string What)> Missing(Visit visit)
    {
        List<(string, string)> rows = [];
        for (var i = 0; i < MostMissing; i++)
        {
            var (item, what) = (visit.Entered($"missing-{i}-item"), visit.Entered($"missing-{i}-what").Trim());
            if (item.Length > 0 || what.Length > 0)
            {
                rows.Add((item, what));
            }
        }

        return rows;
    }

    private static JsonObject Approval(Visit visit, RequestView view, string? format)
    {
        var given = view.AskedFields.Where(field => visit.Form["give"].Contains(field)).ToList();
        var body = new JsonObject
        {
            ["decision"] = "approve",
            ["reason"] = FormRead.Text(visit.Form["approve-reason"]),
            ["valid_until"] = FormRead.Day(visit.Form["valid-until"]) is { } until ? until.ToString("O", CultureInfo.InvariantCulture) : null,
            ["disposal"] = FormRead.Text(visit.Form["disposal"]),
        };
        // A file goes out whole and as it is.
        if (format?.Contains('/', StringComparison.Ordinal) == true)
        {
            return body;
        }

        body["fields"] = new JsonArray([.. given.Select(field => (JsonNode)field)]);
        body["treatments"] = new JsonObject(given.Select(field => KeyValuePair.Create(field, (JsonNode?)Treatment(visit, field))));
        if (format == "table")
        {
            var rows = new JsonObject();
            if (FormRead.Text(visit.Form["area-field"]) is { } areaField)
            {
                var area = new JsonObject { ["field"] = areaField };
                if (FormRead.Text(visit.Form["area-prefix"]) is { } prefix)
                {
                    area["prefix"] = prefix;
                }

                if (FormRead.Lines(visit.Form["area-values"]) is { Count: > 0 } values)
                {
                    area["values"] = new JsonArray([.. values.Select(value => (JsonNode)value)]);
                }

                rows["area"] = area;
            }

            if (FormRead.Text(visit.Form["time-field"]) is { } timeField)
            {
                rows["time"] = new JsonObject
                {
                    ["field"] = timeField,
                    ["from"] = FormRead.Day(visit.Form["time-from"]) is { } first ? first.ToString("O", CultureInfo.InvariantCulture) : null,
                    ["until"] = FormRead.Day(visit.Form["time-until"]) is { } last ? last.ToString("O", CultureInfo.InvariantCulture) : null,
                };
            }

            // In a decision on a change an empty filter gives all rows; in the first one nothing is named.
            body["rows"] = rows.Count > 0 || view.ChangeIsOpen ? rows : null;
        }

        return body;
    }

    private static string Treatment(Visit visit, string field) =>
        visit.Form[$"treat-{field}"].ToString() is var word && word == TreatmentWords.Band ? $"{word}:{visit.Form[$"width-{field}"].ToString().Trim()}" : word.Length == 0 ? "plain" : word;

    private static JsonObject Refusal(Visit visit) => new()
    {
        ["decision"] = "refuse",
        ["reason"] = FormRead.Text(visit.Form["refuse-reason"]),
        ["grounds"] = new JsonArray([.. visit.Form["grounds"].OfType<string>().Select(ground => (JsonNode)ground)]),
        ["cited_law"] = FormRead.Text(visit.Form["cited-law"]),
    };

    private static string RelOf(string rel) => rel is "approve" or "refuse" ? "decide" : rel;

    /// <summary>The page's field for the API's.</summary>
    private static string? IdOf(string rel, string field)
    {
        switch (rel)
        {
            case "ask-supplement" when field.StartsWith("missing[", StringComparison.Ordinal):
                return field.Replace("missing[", "missing-", StringComparison.Ordinal).Replace("].", "-", StringComparison.Ordinal);
            case "ask-supplement":
                return "missing-0-item";
            case "approve" when field.StartsWith("treatments.", StringComparison.Ordinal):
                return $"treat-{field["treatments.".Length..]}";
            case "approve":
                return field switch
                {
                    "fields" => "give",
                    "reason" => "approve-reason",
                    "valid_until" => "valid-until",
                    "disposal" => "disposal",
                    "rows.area.field" => "area-field",
                    "rows.area.prefix" => "area-prefix",
                    "rows.time.field" or "rows" => "time-field",
                    "rows.time" or "rows.time.from" => "time-from",
                    "rows.time.until" => "time-until",
                    _ when field.StartsWith("rows.area", StringComparison.Ordinal) => "area-values",
                    _ => null,
                };
            case "refuse":
                return field switch { "reason" => "refuse-reason", "cited_law" => "cited-law", _ when field.StartsWith("grounds", StringComparison.Ordinal) => "grounds", _ => null };
            default:
                return ApprovalAct.Find(rel) is { } act && act.Questions.Any(question => question.Name == field) ? act.IdOf(field) : null;
        }
    }

    private static async Task<IResult> PageAsync(Guid id, Visit visit, ApiClient api, string? act, FormFaults faults, int status, CancellationToken cancel)
    {
        if (visit.Person is not { City: { } city, Department: not null })
        {
            return Visit.NoDepartment();
        }

        var answer = await api.GetAsync<RequestView>(Path(visit, id), cancel);
        if (answer.Value is not { } view)
        {
            return visit.Refusal(answer.Problem!);
        }

        var entry = api.GetAsync<OwnEntry>($"/api/cities/{city}/datasets/{view.Dataset.Id}", cancel);
        var steps = api.GetAsync<IReadOnlyList<RequestStep>>($"{Path(visit, id)}/history", cancel);
        var former = api.GetAsync<RequestList>($"/api/cities/{city}/approvals?dataset={view.Dataset.Id}&asking_city={view.Asking.City}&asking_department={Uri.EscapeDataString(view.Asking.Department ?? "")}&limit=11", cancel);
        await Task.WhenAll(entry, steps, former);
        return visit.Page<ApprovalPage, ApprovalModel>(new ApprovalModel
        {
            View = view,
            Entry = entry.Result.Value,
            Steps = steps.Result.Value ?? [],
            Former = [.. (former.Result.Value?.Items ?? []).Where(other => other.Id != id).Take(10)],
            Act = act,
            Faults = faults,
            Done = status == StatusCodes.Status200OK ? ApprovalAct.DoneWords(visit.Http.Request.Query["done"]) : null,
            Path = Path(visit, id),
        }, status);
    }
}

/// <summary>What the page of one request shows.</summary>
public sealed record ApprovalModel
{
    public required RequestView View { get; init; }

    /// <summary>Null when the city does not show the entry.</summary>
    public OwnEntry? Entry { get; init; }

    public required IReadOnlyList<RequestStep> Steps { get; init; }

    /// <summary>Other requests of the same department for the same entry, newest first.</summary>
    public required IReadOnlyList<RequestView> Former { get; init; }

    /// <summary>The form that was sent.</summary>
    public string? Act { get; init; }

    public required FormFaults Faults { get; init; }

    /// <summary>What was just done.</summary>
    public Text? Done { get; init; }

    /// <summary>Of the request in the API.</summary>
    public required string Path { get; init; }

    /// <summary>The faults of one form.</summary>
    public FormFaults FaultsOf(string act) => Act == act ? Faults : FormFaults.None;

    /// <summary>A data item of the entry by its name; one that the entry no longer has keeps its name alone.</summary>
    public FieldText Field(string name) => Entry?.Published?.Fields?.FirstOrDefault(field => field.Name == name) ?? new FieldText { Name = name, Title = name };
}
