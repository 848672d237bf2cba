using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Approvals;

/// <summary>The head of the sharing office reads exactly what is signed, and signs or gives it back (art. 20).</summary>
internal static class SignReply
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/approvals/{id:guid}/sign", ShowAsync).ForSignedIn(ApprovalsPages.Readers);
        pages.MapForm("/approvals/{id:guid}/sign", HandleAsync).ForSignedIn(ApprovalsPages.Readers);
    }

    private static Task<IResult> ShowAsync(Guid id, Visit visit, ApiClient api, CancellationToken cancel) => PageAsync(id, visit, api, null, FormFaults.None, StatusCodes.Status200OK, cancel);

    private static async Task<IResult> HandleAsync(Guid id, Visit visit, ApiClient api, CancellationToken cancel)
    {
        var rel = visit.Form["act"].ToString();
        var answer = await ShowApproval.CarryOutAsync(id, rel, visit, api, cancel);
        return answer.Problem is { } problem
            ? await PageAsync(id, visit, api, rel, FormFaults.Of(problem, field => field == "reason" ? "return-reason" : null), problem.Status == StatusCodes.Status404NotFound ? StatusCodes.Status409Conflict : problem.Status, cancel)
            : visit.SeeOther($"/approvals/{id}?done={Uri.EscapeDataString(rel)}");
    }

    private static async Task<IResult> PageAsync(Guid id, Visit visit, ApiClient api, string? act, FormFaults faults, int status, CancellationToken cancel)
    {
        if (visit.Person is not { City: { } city, Department: not null })
        {
            return Visit.NoDepartment();
        }

        var answer = await api.GetAsync<RequestView>(ShowApproval.Path(visit, id), cancel);
        if (answer.Value is not { } view)
        {
            return visit.Refusal(answer.Problem!);
        }

        if (view.Proposal is null && !faults.Any)
        {
            return visit.SeeOther($"/approvals/{id}");
        }

        var entry = await api.GetAsync<OwnEntry>($"/api/cities/{city}/datasets/{view.Dataset.Id}", cancel);
        var steps = await api.GetAsync<IReadOnlyList<RequestStep>>($"{ShowApproval.Path(visit, id)}/history", cancel);
        return visit.Page<SignPage, ApprovalModel>(new ApprovalModel { View = view, Entry = entry.Value, Steps = steps.Value ?? [], Former = [], Act = act, Faults = faults, Path = ShowApproval.Path(visit, id) }, status);
    }
}
