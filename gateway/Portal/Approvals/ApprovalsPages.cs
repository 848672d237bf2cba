using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Gateway.Portal.Approvals;

/// <summary>The pages of a department that is asked for data: what to answer, one request, the signature, and what was done with our data.</summary>
internal static class ApprovalsPages
{
    /// <summary>People of a department see what it has to answer, whoever of them acts; the authority sees its city's.</summary>
    public static readonly string[] Readers = [Roles.Officer, Roles.Reviewer, Roles.SharingHead, Roles.DepartmentHead, Roles.Authority];

    private static readonly Rule OfNoDepartment = new("no-department", StatusCodes.Status403Forbidden, null,
        new("您的账号不属于任何部门，没有本部门的事项。", "Your account belongs to no department, so there is nothing of yours here."),
        new("请使用所在部门的账号登录。", "Sign in with an account of your department."));

    public static void Map(IEndpointRouteBuilder pages)
    {
        ListApprovals.Map(pages);
        ShowApproval.Map(pages);
        SignReply.Map(pages);
        ShowUse.Map(pages);
    }

    public static Refused NoDepartment(this Visit visit) => new(OfNoDepartment);

    /// <summary>What the API refused, as a page.</summary>
    public static RazorComponentResult Refusal(this Visit visit, Problem problem) => visit.Page<Shared.RefusalPage, Problem>(problem, problem.Status);
}
