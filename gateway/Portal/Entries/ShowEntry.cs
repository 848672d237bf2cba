using System.Globalization;
using System.Text.Json.Nodes;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Entries;

/// <summary>One entry of ours: where it stands, its text, the next step for who may take it, and how it came to be what it is.</summary>
internal static class ShowEntry
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/entries/{id:guid}", (Guid id, Visit visit, ApiClient api, CancellationToken cancel) => PageAsync(id, visit, api, null, FormFaults.None, StatusCodes.Status200OK, cancel)).ForSignedIn([.. EntriesPages.Readers, Roles.Authority]);
        pages.MapForm("/entries/{id:guid}", HandleAsync).ForSignedIn([.. EntriesPages.Readers, Roles.Authority]);
    }

    private static async Task<IResult> HandleAsync(Guid id, Visit visit, ApiClient api, CancellationToken cancel)
    {
        if (visit.Person is not { City: { } city })
        {
            return Visit.NoDepartment();
        }

        var act = visit.Form["act"].ToString();
        var path = $"/api/cities/{city}/datasets/{id}";
        var form = visit.Form;
        Problem? problem;
        switch (act)
        {
            case "assess":
                problem = (await api.PostAsync<OwnEntry>($"{path}/assess", new JsonObject
                {
                    ["secrecy"] = new JsonObject { ["result"] = FormRead.Text(form["secrecy"]), ["note"] = FormRead.Text(form["secrecy-note"]) },
                    ["personal_information"] = new JsonObject { ["result"] = FormRead.Text(form["personal"]), ["note"] = FormRead.Text(form["personal-note"]) },
                }, visit.Version, null, cancel)).Problem;
                break;
            case "approve":
                problem = (await api.PostAsync<OwnEntry>($"{path}/approve", null, visit.Version, null, cancel)).Problem;
                break;
            case "withdraw":
                problem = (await api.PostAsync<OwnEntry>($"{path}/withdraw", new JsonObject { ["reason"] = FormRead.Text(form["withdraw-reason"]) }, visit.Version, null, cancel)).Problem;
                break;
            case "standing":
                var treatments = new JsonObject(form.Keys.Where(key => key.StartsWith("treat-", StringComparison.Ordinal) && form[key].ToString() is { Length: > 0 } word && word != TreatmentWords.Band)
                    .Select(key => KeyValuePair.Create(key["treat-".Length..], (JsonNode?)form[key].ToString())));
                problem = (await api.PutAsync<OwnEntry>($"{path}/standing-sign-off", new JsonObject { ["reply"] = FormRead.Text(form["reply"]), ["treatments"] = form["reply"] == "approve" ? treatments : null }, visit.Version, null, cancel)).Problem;
                break;
            case "duty":
                problem = (await api.PostAsync<JsonObject>($"{path}/duty-changes", new JsonObject
                {
                    ["what"] = FormRead.Text(form["duty-what"]),
                    ["changed_on"] = FormRead.Day(form["duty-changed_on"])?.ToString("O", CultureInfo.InvariantCulture),
                    ["reference"] = FormRead.Text(form["duty-reference"]),
                }, null, visit.Key, cancel)).Problem;
                break;
            case "extend" when Guid.TryParse(form["change"].ToString(), out var change):
                problem = (await api.PostAsync<JsonObject>($"{path}/duty-changes/{change}/extend", new JsonObject
                {
                    ["working_days"] = int.TryParse(form[ExtendId(change, "working_days")], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var days) ? days : null,
                    ["reason"] = FormRead.Text(form[ExtendId(change, "reason")]),
                }, null, visit.Key, cancel)).Problem;
                break;
            default:
                return await PageAsync(id, visit, api, null, FormFaults.Of(null, visit.T("没有这个事项。", "There is no such act.")), StatusCodes.Status422UnprocessableEntity, cancel);
        }

        return problem is null
            ? visit.SeeOther($"/entries/{id}?done={act}")
            : await PageAsync(id, visit, api, act, FormFaults.Of(problem, field => act == "extend" ? ExtendId(Guid.Parse(form["change"].ToString()), field) : IdOf(act, field)), problem.Status, cancel);
    }

    /// <summary>Id and name of a field of the form that asks for more time: each change that waits has one.</summary>
    public static string ExtendId(Guid change, string field) => $"extend-{change:N}-{field}";

    private static string? IdOf(string act, string field) => (act, field) switch
    {
        ("assess", "secrecy.result") => "secrecy",
        ("assess", "secrecy.note") => "secrecy-note",
        ("assess", "personal_information.result") => "personal",
        ("assess", "personal_information.note") => "personal-note",
        ("withdraw", "reason") => "withdraw-reason",
        ("standing", _) when field.StartsWith("treatments.", StringComparison.Ordinal) => $"treat-{field["treatments.".Length..]}",
        ("duty", _) => $"duty-{field}",
        _ => null,
    };

    private static async Task<IResult> PageAsync(Guid id, Visit visit, ApiClient api, string? act, FormFaults faults, int status, CancellationToken cancel)
    {
        if (visit.Person is not { City: { } city, Department: { } department } person)
        {
            return Visit.NoDepartment();
        }

        var path = $"/api/cities/{city}/datasets/{id}";
        var answer = await api.GetAsync<OwnEntry>(path, cancel);
        if (answer.Value is not { } entry)
        {
            return visit.Refusal(answer.Problem!);
        }

        // What others publish stands on the catalogue's own page.
        if (entry.Text?.DepartmentCode != department && !person.Has(Roles.Authority))
        {
            return visit.SeeOther($"/datasets/{id}");
        }

        var history = api.GetAsync<EntryHistory>($"{path}/history?limit=500", cancel);
        var duties = api.GetAsync<DutyChanges>($"{path}/duty-changes", cancel);
        await Task.WhenAll(history, duties);
        return visit.Page<EntryPage, EntryModel>(new EntryModel
        {
            Entry = entry,
            History = [.. (history.Result.Value?.Items ?? []).Reverse()],
            Duties = duties.Result.Value?.Items ?? [],
            Act = act,
            Faults = faults,
            Done = status == StatusCodes.Status200OK ? DoneWords(visit.Http.Request.Query["done"]) : null,
            Path = path,
            Own = entry.Text?.DepartmentCode == department,
        }, status);
    }

    private static Text? DoneWords(string? act) => act switch
    {
        "kept" => new("草稿已保存。下一步：评估。", "The draft is kept. Next: the assessments."),
        "assess" => new("评估已记录。", "The assessments are kept."),
        "approve" => new("已审批并报送数据主管部门审核。", "Approved and sent to the data authority."),
        "withdraw" => new("目录已撤下。", "The entry is withdrawn."),
        "standing" => new("预先审签已生效：符合条件的申请将即时答复。", "The standing sign-off holds: requests that fit are answered at once."),
        "duty" => new("变化已登记，更新期限开始计算。", "Written down; the clock to update the entry runs."),
        "extend" => new("延期申请已报数据主管部门。", "The extension was sent to the data authority."),
        _ => null,
    };
}

/// <summary>What the page of an entry shows.</summary>
public sealed record EntryModel
{
    public required OwnEntry Entry { get; init; }

    /// <summary>Newest first.</summary>
    public required IReadOnlyList<EntryEvent> History { get; init; }

    public required IReadOnlyList<DutyChangeState> Duties { get; init; }
    public string? Act { get; init; }
    public required FormFaults Faults { get; init; }
    public Text? Done { get; init; }
    public required string Path { get; init; }

    /// <summary>Of the reader's department; false for the authority.</summary>
    public required bool Own { get; init; }

    public FormFaults FaultsOf(string act) => Act == act ? Faults : FormFaults.None;
}

/// <summary>How an entry came to be what it is.</summary>
public sealed record EntryHistory
{
    public IReadOnlyList<EntryEvent> Items { get; init; } = [];
    public long? Next { get; init; }
}

/// <summary>One thing that happened to it.</summary>
public sealed record EntryEvent(int Version, string Event, IReadOnlyList<MemberChange>? Changes, string? Note, string? ByName, string ByRole, DateTimeOffset At);

/// <summary>A member before and after.</summary>
public sealed record MemberChange(string Field, JsonNode? From, JsonNode? To);

/// <summary>Changes of law or duty that the entry has to follow (art. 17).</summary>
public sealed record DutyChanges
{
    public IReadOnlyList<DutyChangeState> Items { get; init; } = [];
}

/// <summary>One of them with its clock.</summary>
public sealed record DutyChangeState
{
    public required Guid Id { get; init; }
    public required string What { get; init; }
    public required DateOnly ChangedOn { get; init; }
    public required string Reference { get; init; }
    public required string StatedBy { get; init; }
    public required LegalDate Due { get; init; }
    public UpdateExtension? Extension { get; init; }
    public DateTimeOffset? MetAt { get; init; }
    public int? MetVersion { get; init; }
}

/// <summary>An extension of that clock: asked, consented or denied.</summary>
public sealed record UpdateExtension(int WorkingDays, string Reason, string Outcome, string? Answer);
