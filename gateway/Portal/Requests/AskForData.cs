using System.Globalization;
using Exchange.Contracts;
using Exchange.Hosting;
using Microsoft.Extensions.Primitives;

namespace Exchange.Gateway.Portal.Requests;

/// <summary>
/// The request of art. 20, one question a page, and what was answered once more before it is kept by the city: a new draft, or another text of one that is not submitted yet.
/// Each answer is kept as it is given; what the city stores is what stood on the last page, word for word.
/// </summary>
internal static class AskForData
{
    /// <summary>The beginning of the names under which new drafts are kept; the entry's id follows.</summary>
    public const string Drafts = "request:new:";

    private const int Longest = 2000;
    private const string Last = "check";

    public static readonly IReadOnlyList<AskStep> Steps =
    [
        new("basis", "legal_basis", new("使用依据", "Legal basis")),
        new("scenario", "scenario", new("使用场景", "Scenario of use")),
        new("scope", "scope", new("使用范围", "Scope of use")),
        new("items", "fields", new("共享方式与数据项", "Method and data items")),
        new("term", "use_until", new("使用时限", "Term of use")),
    ];

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/requests/new", StartAsync).ForSignedIn();
        foreach (var path in new[] { "/requests/new/{dataset:guid}", "/requests/{request:guid}/revise" })
        {
            pages.MapPage($"{path}/{{step}}", ShowAsync).ForSignedIn();
            pages.MapForm($"{path}/{{step}}", AnswerAsync).ForSignedIn();
            pages.MapPage($"{path}/{Last}", CheckAsync).ForSignedIn();
            pages.MapForm($"{path}/{Last}", SendAsync).ForSignedIn();
        }
    }

    private static async Task<IResult> StartAsync(Visit visit, ApiClient api, KeptForms kept, Guid? dataset, CancellationToken cancel)
    {
        if (dataset is null)
        {
            return visit.SeeOther("/search");
        }

        var (form, refusal) = await FindAsync(visit, api, kept, dataset, null, cancel);
        return refusal ?? visit.SeeOther(form!.PathOf(Steps.FirstOrDefault(step => form.Answers.Of(step.Field).Length == 0)?.Word ?? Last));
    }

    private static async Task<IResult> ShowAsync(Visit visit, ApiClient api, KeptForms kept, string step, Guid? dataset, Guid? request, CancellationToken cancel) =>
        Find(step) is not { } asked ? Pipeline.NotFound()
        : await FindAsync(visit, api, kept, dataset, request, cancel) is var (form, refusal) && refusal is not null ? refusal
        : visit.Page<AskStepPage, AskStepModel>(new AskStepModel { Form = form!, Step = asked, ToCheck = visit.Http.Request.Query.ContainsKey("check") });

    private static async Task<IResult> AnswerAsync(Visit visit, ApiClient api, KeptForms kept, string step, Guid? dataset, Guid? request, CancellationToken cancel)
    {
        if (Find(step) is not { } asked)
        {
            return Pipeline.NotFound();
        }

        var (form, refusal) = await FindAsync(visit, api, kept, dataset, request, cancel);
        if (refusal is not null)
        {
            return refusal;
        }

        var go = visit.Form["_go"].ToString();
        var sent = go == "all" ? new StringValues([.. form!.Offered.Select(field => field.Name)]) : visit.Form[asked.Field];
        await kept.KeepAsync(visit.Person!.Subject, form!.Kept, [KeyValuePair.Create(asked.Field, sent)], cancel);
        if (visit.Form["_keep"] == "1")
        {
            return TypedResults.NoContent();
        }

        var (at, toCheck) = (Steps.Index().First(one => one.Item == asked).Index, visit.Http.Request.Query.ContainsKey("check"));
        switch (go)
        {
            case "back":
                return visit.SeeOther(toCheck ? form.PathOf(Last) : at > 0 ? form.PathOf(Steps[at - 1].Word) : form.Above);
            case "later":
                return visit.SeeOther("/requests");
            case "all":
                return visit.SeeOther(form.PathOf(asked.Word) + (toCheck ? "?check" : ""));
        }

        return FaultOf(asked, sent, visit) is { } fault
            ? visit.Page<AskStepPage, AskStepModel>(new AskStepModel { Form = form, Step = asked, ToCheck = toCheck, Fault = visit.T(fault) }, StatusCodes.Status422UnprocessableEntity)
            : visit.SeeOther(toCheck || at == Steps.Count - 1 ? form.PathOf(Last) : form.PathOf(Steps[at + 1].Word));
    }

    private static async Task<IResult> CheckAsync(Visit visit, ApiClient api, KeptForms kept, Guid? dataset, Guid? request, CancellationToken cancel) =>
        await FindAsync(visit, api, kept, dataset, request, cancel) is var (form, refusal) && refusal is not null ? refusal
        : visit.Page<AskCheckPage, AskCheckModel>(new AskCheckModel { Form = form!, Answers = Shown(visit, form!) });

    private static async Task<IResult> SendAsync(Visit visit, ApiClient api, KeptForms kept, Guid? dataset, Guid? request, CancellationToken cancel)
    {
        var (form, refusal) = await FindAsync(visit, api, kept, dataset, request, cancel);
        if (refusal is not null)
        {
            return refusal;
        }

        var answers = Shown(visit, form!);
        var body = new
        {
            DatasetId = form!.Entry.DatasetId,
            LegalBasis = answers.Text("legal_basis"),
            Scenario = answers.Text("scenario"),
            Scope = answers.Text("scope"),
            Method = form.Entry.SharingMethod,
            Fields = answers.Of("fields"),
            UseUntil = FormRead.Day(answers.Text("use_until")) is { } until ? until : (DateOnly?)null,
        };
        var answer = form.Draft is { } draft
            ? await api.PutAsync<RequestView>(draft.Address, body, visit.Version, visit.Key, cancel)
            : await api.PostAsync<RequestView>($"/api/cities/{visit.Person!.City}/requests", body, null, visit.Key, cancel);
        if (answer.Succeeded)
        {
            await kept.ForgetAsync(visit.Person!.Subject, form.Kept, cancel);
            return visit.SeeOther($"/requests/{answer.Value!.Id}?done={(form.Draft is null ? "drafted" : "revised")}");
        }

        return visit.Page<AskCheckPage, AskCheckModel>(new AskCheckModel { Form = form, Answers = answers, Problem = answer.Problem }, answer.Status);
    }

    /// <summary>The form with its entry and what was answered so far; or why this person cannot ask for it.</summary>
    private static async Task<(AskForm? Form, IResult? Refusal)> FindAsync(Visit visit, ApiClient api, KeptForms kept, Guid? dataset, Guid? request, CancellationToken cancel)
    {
        var person = visit.Person!;
        RequestView? draft = null;
        if (request is { } id)
        {
            if (person.City is null)
            {
                return (null, Pipeline.NotFound());
            }

            var found = await api.GetAsync<RequestView>($"/api/cities/{person.City}/requests/{id}", cancel);
            if (!found.Succeeded)
            {
                return (null, visit.Refusal(found.Problem));
            }

            draft = found.Value!;
            dataset = draft.Dataset.Id;
        }

        var read = await api.GetAsync<DatasetEntry>($"/api/catalogue/datasets/{dataset}", cancel);
        if (!read.Succeeded)
        {
            return (null, visit.Refusal(read.Problem));
        }

        var entry = read.Value!;
        if (WhyNot(person, entry, draft) is { } why)
        {
            return (null, visit.Page<AskRefusedPage, AskRefusedModel>(new AskRefusedModel { Entry = entry, Request = draft?.Id, Why = why }, StatusCodes.Status403Forbidden));
        }

        var name = draft is null ? Drafts + dataset : $"request:{draft.Id}";
        var stored = await kept.FindAsync(person.Subject, name, cancel);
        return (new AskForm { Entry = entry, Draft = draft, Kept = name, Answers = AskAnswers.Of(draft, stored) }, null);
    }

    private static Text? WhyNot(Person person, DatasetEntry entry, RequestView? draft) => (person, entry) switch
    {
        ({ City: null } or { Department: null }, _) => new("您的账号不属于任何一个市的部门。数据共享申请由需求部门提出（第20条）。", "Your account belongs to no department of a city. Requests are made by the department that needs the data (art. 20)."),
        _ when draft is { State: not ("draft" or "signed_off") } => new("申请已经提交，内容不能再改动。可撤回后重新申请，或等待提供方通知补正。", "The request is submitted and is no longer changed. Withdraw it and ask anew, or wait until the provider asks for a supplement."),
        ({ City: var city, Department: var department }, _) when entry.City == city && entry.DepartmentCode == department => new("这是本部门自己的数据，无需申请。", "The dataset is your own department's; there is nothing to ask for."),
        (_, { Origin: not null }) => new("该条目采自外部目录，仅供查询，不在本平台受理申请；请到来源网站办理。", "This entry was harvested from another catalogue and is for reading only: nobody answers requests for it here. Turn to its source."),
        (_, { Classification: "core" }) => new("核心数据不通过本平台交换。", "Core data is not exchanged here."),
        (_, { SharingType: SharingClass.Refused }) => new($"该条目不予共享，依据：{entry.RefusalLaw ?? "见目录"}。", $"This entry is not shared. It rests on: {entry.RefusalLaw ?? "see the entry"}."),
        _ when !person.Has(Roles.Officer) => new("申请由本部门经办人起草，由共享机构负责人签批（第20条）。您的账号没有经办人角色，请由经办人填写。", "An officer of the department drafts a request, the head of its sharing office signs it (art. 20). Your account is not an officer's."),
        _ => null,
    };

    /// <summary>What stands on the last page: what was sent from it, else what was kept when the session ended, else the answers as they are kept.</summary>
    private static AskAnswers Shown(Visit visit, AskForm form) => new(Steps.ToDictionary(step => step.Field,
        step => step.Field == "fields" ? [.. visit.Chosen(step.Field, form.Answers.Of(step.Field))] : visit.Entered(step.Field, form.Answers.Text(step.Field)) is { Length: > 0 } text ? new[] { text } : [], StringComparer.Ordinal));

    private static AskStep? Find(string word) => Steps.FirstOrDefault(step => step.Word == word);

    /// <summary>What a person is told at once; the city checks everything when the whole is sent.</summary>
    private static Text? FaultOf(AskStep step, StringValues sent, Visit visit) => step.Word switch
    {
        "items" => sent.Count == 0 ? new("请至少选择一个数据项。", "Choose at least one data item.") : null,
        "term" => FormRead.Day(sent) is not { } until ? new("请填写使用时限，格式如 2027-06-30。", "Enter the last day of use, such as 2027-06-30.")
            : until < visit.Today ? new("使用时限不能早于今天。", "The last day of use has passed.")
            : until > visit.Today.AddYears(5) ? new("使用时限最长为五年，到期前可再次申请。", "The term is at most five years; ask again before it ends.")
            : null,
        _ when string.IsNullOrWhiteSpace(sent.ToString()) => new($"请填写{step.Title.Zh}。", $"Enter the {step.Title.En.ToLowerInvariant()}."),
        _ => sent.ToString().Length > Longest ? new($"最多 {Longest} 个字符。", $"At most {Longest} characters.") : null,
    };
}

/// <summary>One question of the request.</summary>
/// <param name="Word">Last part of its address.</param>
/// <param name="Field">Name of the answer, as the API has it.</param>
/// <param name="Title">What is asked.</param>
public sealed record AskStep(string Word, string Field, Text Title);

/// <summary>A request that is being written.</summary>
public sealed record AskForm
{
    public required DatasetEntry Entry { get; init; }

    /// <summary>The draft that is written anew; null for a new one.</summary>
    public RequestView? Draft { get; init; }

    /// <summary>Name under which the answers are kept.</summary>
    public required string Kept { get; init; }

    public required AskAnswers Answers { get; init; }

    public string Above => Draft is { } draft ? $"/requests/{draft.Id}" : $"/datasets/{Entry.DatasetId}";

    /// <summary>Items that can be asked for: not those that are not shared.</summary>
    public IEnumerable<DatasetField> Offered => Entry.Fields.Where(item => item.SharingType != SharingClass.Refused);

    /// <summary>A file is not cut: it comes with all its items.</summary>
    public bool Whole => Entry.Format != "table" && Entry.SharingMethod == "file";

    public string PathOf(string step) => Draft is { } draft ? $"/requests/{draft.Id}/revise/{step}" : $"/requests/new/{Entry.DatasetId}/{step}";
}

/// <summary>Answers by their fields.</summary>
public sealed class AskAnswers(IReadOnlyDictionary<string, string[]> byField)
{
    public string[] Of(string field) => byField.GetValueOrDefault(field)?.Where(value => value.Length > 0).ToArray() ?? [];

    public string? Text(string field) => Of(field) is [var one, ..] ? one : null;

    /// <summary>The draft's answers, and over them those that were written since.</summary>
    public static AskAnswers Of(RequestView? draft, IReadOnlyDictionary<string, string[]>? written)
    {
        var answers = new Dictionary<string, string[]>(StringComparer.Ordinal);
        if (draft is not null)
        {
            (answers["legal_basis"], answers["scenario"], answers["scope"]) = ([draft.LegalBasis], [draft.Scenario], [draft.Scope]);
            (answers["fields"], answers["use_until"]) = ([.. draft.Fields], [draft.UseUntil.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)]);
        }

        foreach (var (field, values) in written ?? new Dictionary<string, string[]>())
        {
            answers[field] = values;
        }

        return new AskAnswers(answers);
    }
}

/// <summary>One question's page.</summary>
public sealed record AskStepModel
{
    public required AskForm Form { get; init; }
    public required AskStep Step { get; init; }

    /// <summary>Goes back to the last page, where the answers are checked.</summary>
    public bool ToCheck { get; init; }

    public string? Fault { get; init; }
}

/// <summary>The last page: everything that was answered.</summary>
public sealed record AskCheckModel
{
    public required AskForm Form { get; init; }
    public required AskAnswers Answers { get; init; }
    public Problem? Problem { get; init; }
}

/// <summary>Why somebody cannot ask for an entry.</summary>
public sealed record AskRefusedModel
{
    public required DatasetEntry Entry { get; init; }
    public Guid? Request { get; init; }
    public required Text Why { get; init; }
}
