using Exchange.Hosting;

namespace Exchange.Gateway.Portal;

/// <summary>The places of the main navigation, by what a person may do.</summary>
internal static class Navigation
{
    public static IEnumerable<(string Path, string Zh, string En)> For(Person? person)
    {
        yield return ("/search", "数据目录", "Catalogue");
        yield return ("/cities", "各市与部门", "Cities");
        if (person is null)
        {
            yield break;
        }

        if (person.Has(Roles.Officer, Roles.SharingHead, Roles.Reviewer, Roles.DepartmentHead))
        {
            yield return ("/requests", "我的申请", "My requests");
            yield return ("/approvals", "审批待办", "To answer");
            yield return ("/entries", "本部门目录", "Our entries");
            yield return ("/corrections", "校核", "Corrections");
        }

        if (person.Has(Roles.Authority))
        {
            yield return ("/authority", "主管工作台", "Authority");
        }

        if (person.Has(Roles.Auditor, Roles.CaseAuditor))
        {
            yield return ("/audit", "审计", "Audit");
        }

        yield return ("/figures", "运行概览", "Figures");
        if (person.Has(Roles.Operator))
        {
            yield return ("/status", "系统运行", "System");
        }
    }
}
