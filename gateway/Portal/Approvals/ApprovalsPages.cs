using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Approvals;

/// <summary>The pages of a department that is asked for data: what to answer, one request, the signature, and what was done with our data.</summary>
internal static class ApprovalsPages
{
    /// <summary>People of a department see what it has to answer, whoever of them acts; the authority sees its city's.</summary>
    public static readonly string[] Readers = [Roles.Officer, Roles.Reviewer, Roles.SharingHead, Roles.DepartmentHead, Roles.Authority];

    public static void Map(IEndpointRouteBuilder pages)
    {
        ListApprovals.Map(pages);
        ShowApproval.Map(pages);
        SignReply.Map(pages);
        ShowUse.Map(pages);
    }
}
