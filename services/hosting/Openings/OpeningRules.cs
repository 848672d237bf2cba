using System.Text.RegularExpressions;
using Exchange.Hosting.Messaging;
using Microsoft.AspNetCore.Http;

namespace Exchange.Hosting.Openings;

/// <summary>Who may do what with openings. Manager, auditor and operator are separate roles (GB/T 39477); opening and deleting take several persons (GB/T 45396 7.2).</summary>
internal static partial class OpeningRules
{
    private const string SeparateRoles = "GB/T 39477";
    private const string SeveralPersons = "GB/T 45396 7.2";

    public static readonly Rule CaseAuditorsOnly = new("openings-case-auditor", StatusCodes.Status403Forbidden, SeparateRoles,
        new("只有专案审计人员可凭案号申请开封。", "Only a case auditor asks for openings, under a case number."),
        new("请由专案审计人员办理。", "Have a case auditor do it."));

    public static readonly Rule ApproversOnly = new("openings-approver", StatusCodes.Status403Forbidden, SeparateRoles,
        new("开封与销毁由数据所属市的数据主管部门和监督机构（审计员）办理。", "Openings and erasures are for the owning city's data authority and the supervising body (auditor)."),
        new("请由本市数据主管部门或审计员办理。", "Have the city's data authority or an auditor do it."));

    public static readonly Rule AuthorityOnly = new("openings-authority", StatusCodes.Status403Forbidden, SeparateRoles,
        new("销毁由数据所属市的数据主管部门提出。", "Erasures are asked for by the owning city's data authority."),
        new("请由本市数据主管部门办理。", "Have the city's data authority do it."));

    public static readonly Rule AuditorOnly = new("openings-auditor", StatusCodes.Status403Forbidden, SeparateRoles,
        new("销毁须由监督机构（审计员）确认。", "An erasure is confirmed by the supervising body (auditor)."),
        new("请由审计员确认。", "Have an auditor confirm it."));

    public static readonly Rule AskerOnly = new("openings-asker", StatusCodes.Status403Forbidden, SeparateRoles,
        new("开封内容只交给提出申请的专案审计人员本人。", "What was opened is for the case auditor who asked, and nobody else."),
        new("请由申请人本人读取，或以自己的案号另行申请。", "Have the asker read it, or ask under a case number of your own."));

    public static readonly Rule TwoPersons = new("openings-two-persons", StatusCodes.Status403Forbidden, SeveralPersons,
        new("申请人与两名批准人须是三个不同的人；提出与确认销毁须是两个不同的人。", "Asker and the two approvers are three different persons; whoever asks for an erasure does not confirm it."),
        new("请由另一人办理。", "Have another person do it."));

    public static readonly Rule NotApproved = new("opening-not-approved", StatusCodes.Status409Conflict, SeveralPersons,
        new("尚未获得两方批准。", "It does not have both approvals."),
        new("请等待所列一方批准。", "Wait for the one that is named."));

    public static readonly Rule NotPending = new("opening-not-pending", StatusCodes.Status409Conflict, SeveralPersons,
        new("该申请已办结、已到期，或这一方已批准。", "It is decided, past its end, or this side has approved already."),
        new("请重新读取其状态。", "Read its state again."));

    public static readonly Rule Ended = new("opening-ended", StatusCodes.Status403Forbidden, SeparateRoles,
        new("开封期限已过，或申请已被拒绝。", "The time for which it was open is over, or it was refused."),
        new("如仍需要，请重新申请。", "Ask again if it is still needed."));

    public static readonly Rule HeldByCase = new("erasure-held-by-case", StatusCodes.Status409Conflict, "个人信息保护法 第47条",
        new("未了结的案件需要这些记录，不得销毁。", "An open case holds these records; they are not erased."),
        new("请在案件的开封期限结束后办理。", "Wait until the case's opening has ended."));

    public static readonly Rule AlreadyConfirmed = new("erasure-confirmed", StatusCodes.Status409Conflict, SeveralPersons,
        new("该销毁已确认。", "The erasure is confirmed already."),
        new("无需再办。", "Nothing is left to do."));

    /// <summary>A field's name in a record.</summary>
    [GeneratedRegex("^[a-z][a-z0-9_]{0,40}\\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 100)]
    public static partial Regex FieldName { get; }

    /// <summary>Whether the service's records are this authority's to open: its own city's, and those of the services of all cities.</summary>
    public static bool IsAuthority(this Caller caller, ServiceSettings service) => caller.Has(Roles.Authority) && (IsShared(service) || caller.City == service.Name);

    public static bool MayApprove(this Caller caller, ServiceSettings service) => caller.IsAuthority(service) || caller.Has(Roles.Auditor);

    private static bool IsShared(ServiceSettings service) => service.Name is Topology.GatewayService or Topology.AuditService;

    public static void CheckNames(Faults faults, IReadOnlyList<string> names)
    {
        if (names.Count > 20 || names.Any(name => !FieldName.IsMatch(name)))
        {
            faults.Add("names", "form", null, new("最多 20 个字段名，由小写字母、数字和下划线组成。", "At most 20 names of fields, of small letters, digits and underscores."));
        }
    }

    /// <summary>Ids as details of a record, ten in each: a text in the log is at most 400 characters.</summary>
    public static void AddEvents(Dictionary<string, string> details, IReadOnlyList<Guid> events)
    {
        foreach (var (i, ten) in events.Chunk(10).Index())
        {
            details[$"events_{i + 1}"] = string.Join(' ', ten);
        }
    }
}
