using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Requests;

/// <summary>Everything about one request of the reader's department on one page, and the page that confirms its submission.</summary>
internal static class ShowRequest
{
    private static readonly Dictionary<string, Text> Said = new(StringComparer.Ordinal)
    {
        ["drafted"] = new("申请已保存。请本部门共享机构负责人签批（第20条），签批后由经办人提交。", "The request is saved. The head of your sharing office signs it (art. 20), then an officer submits it."),
        ["revised"] = new("修改已保存，须由本部门共享机构负责人签批。", "The changes are saved; the head of your sharing office signs it."),
        ["signed"] = new("申请已签批，可由经办人提交。", "The request is signed; an officer can submit it."),
        ["supplemented"] = new("补正材料已提交。", "What was missing is sent."),
        ["change-prepared"] = new("变更申请已拟订，请本部门共享机构负责人签批。", "The change is prepared; the head of your sharing office signs it."),
        ["change-signed"] = new("变更申请已签批并发往提供方。", "The change is signed and on its way to the provider."),
        ["taken-back"] = new("已收回。", "It is taken back."),
        ["repair-reported"] = new("整改情况已报告提供方。", "The repair is reported to the provider."),
        ["consultation-answered"] = new("协商答复已发往提供方。", "The answer is on its way to the provider."),
        ["corrected"] = new("校核已提交，提供方将在 10 个工作日内反馈（第26条）。", "The report is sent; the provider answers within ten working days (art. 26)."),
        ["use-recorded"] = new("使用情况已登记。", "The use is recorded."),
        ["disposed"] = new("处置已登记。", "The disposal is recorded."),
        ["disposal-confirmed"] = new("处置已复核并发往提供方。", "The disposal is confirmed and on its way to the provider."),
        ["disputed"] = new("争议意见已发往提供方（第28条）。", "The position is on its way to the provider (art. 28)."),
        ["withdrawn"] = new("撤回已提交。", "The withdrawal is sent."),
    };

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/requests/{id:guid}", ShowAsync).ForSignedIn();
        pages.MapPage("/requests/{id:guid}/submitted", ConfirmAsync).ForSignedIn();
    }

    /// <summary>The request as the reader's city has it; else what is answered.</summary>
    public static async Task<(RequestView? Request, IResult? Refusal)> FindAsync(Guid id, Visit visit, ApiClient api, CancellationToken cancel)
    {
        if (visit.Person?.City is not { } city)
        {
            return (null, Pipeline.NotFound());
        }

        var answer = await api.GetAsync<RequestView>($"/api/cities/{city}/requests/{id}", cancel);
        return answer.Succeeded ? (answer.Value, null) : (null, visit.Refusal(answer.Problem));
    }

    /// <summary>The person is of the asking department and has a role for it.</summary>
    public static bool MayAct(Person person, Act act, RequestView request) => IsOurs(person, request) && person.Has(act.Roles);

    public static bool IsOurs(Person? person, RequestView request) => person is not null && person.City == request.Asking.City && person.Department == request.Asking.Department;

    private static async Task<IResult> ShowAsync(Guid id, Visit visit, ApiClient api, string? done, CancellationToken cancel)
    {
        var (found, refusal) = await FindAsync(id, visit, api, cancel);
        if (found is not { } request)
        {
            return refusal!;
        }

        var steps = api.GetAsync<IReadOnlyList<RequestStep>>($"{request.Address}/history", cancel);
        var entry = api.GetAsync<DatasetEntry>($"/api/catalogue/datasets/{request.Dataset.Id}", cancel);
        var corrections = request.Grant is null ? null : api.GetAsync<CorrectionList>($"/api/cities/{request.Asking.City}/corrections?exchange={id}&limit=50", cancel);
        var uses = request.Grant is null ? null : api.GetAsync<UseRecordList>($"/api/cities/{request.Asking.City}/grants/{id}/use-records?limit=100", cancel);
        return visit.Page<RequestPage, RequestModel>(new RequestModel
        {
            Request = request,
            Entry = (await entry).Value,
            Steps = (await steps).Value ?? [],
            Corrections = corrections is null ? null : (await corrections).Value,
            Uses = uses is null ? null : (await uses).Value,
            Done = done is null ? null : Said.GetValueOrDefault(done),
            Acts = [.. Acts.All.Where(act => request.Link(act.Rel) is not null)],
        });
    }

    private static async Task<IResult> ConfirmAsync(Guid id, Visit visit, ApiClient api, CancellationToken cancel) =>
        await FindAsync(id, visit, api, cancel) is var (request, refusal) && refusal is not null ? refusal
        : request!.SubmittedAt is null ? visit.SeeOther($"/requests/{id}")
        : visit.Page<SubmittedPage, RequestView>(request);
}

/// <summary>What the page of one request shows.</summary>
public sealed record RequestModel
{
    public required RequestView Request { get; init; }

    /// <summary>Null when it is no longer in the catalogue.</summary>
    public DatasetEntry? Entry { get; init; }

    public required IReadOnlyList<RequestStep> Steps { get; init; }

    /// <summary>Null while nothing is granted.</summary>
    public CorrectionList? Corrections { get; init; }

    public UseRecordList? Uses { get; init; }

    /// <summary>What was just done.</summary>
    public Text? Done { get; init; }

    /// <summary>What can be done now, by whomever.</summary>
    public required IReadOnlyList<Act> Acts { get; init; }

    public string Title(string field) => Entry?.Fields.FirstOrDefault(one => one.Name == field)?.Title ?? field;
}
