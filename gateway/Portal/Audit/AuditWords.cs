using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Audit;

/// <summary>The words of people for words of the log that the API leaves as they are.</summary>
internal static class AuditWords
{
    private static readonly Dictionary<string, Text> Results = new(StringComparer.Ordinal)
    {
        ["complete"] = new("完整", "complete"),
        ["aborted"] = new("中断", "aborted"),
        ["failed"] = new("失败", "failed"),
        ["approved"] = new("同意", "approved"),
        ["approve"] = new("同意", "approve"),
        ["refused"] = new("不同意", "refused"),
        ["refuse"] = new("不同意", "refuse"),
        ["equal"] = new("一致", "equal"),
        ["different"] = new("不一致", "different"),
        ["published"] = new("已发布", "published"),
        ["withdrawn"] = new("已撤下", "withdrawn"),
        ["conditional"] = new("有条件共享", "conditional"),
        ["unconditional"] = new("无条件共享", "unconditional"),
        ["shown"] = new("已显示", "shown"),
        ["asked"] = new("已提出", "asked"),
        ["opened"] = new("已开封", "opened"),
        ["confirmed"] = new("已确认", "confirmed"),
        ["authority"] = new("数据主管部门", "data authority"),
        ["auditor"] = new("审计员", "auditor"),
    };

    /// <summary>Groups of event types, by the beginning of their words.</summary>
    public static readonly IReadOnlyList<(string Value, Text Name)> Types =
    [
        ("request.", new("申请", "Requests")), ("supplement.", new("补正", "Supplements")), ("extension.", new("延期", "Extensions")), ("reply.", new("答复", "Replies")), ("decision.", new("决定送达", "Decisions received")),
        ("grant.", new("授权", "Grants")), ("delivery.", new("交付", "Deliveries")), ("gateway.", new("网关转交报告", "The gateway's reports")), ("standing.", new("定期交换", "Standing exchanges")),
        ("use.", new("使用登记", "Use records")), ("disposal.", new("处置", "Disposals")), ("correction.", new("校核", "Corrections")), ("dispute.", new("争议", "Disputes")), ("change.", new("变更", "Changes")),
        ("clock.", new("期限", "Clocks")), ("dataset.", new("目录", "Catalogue")), ("refusal", new("拒绝访问", "Refused calls")), ("audit.", new("查阅与开封", "Looks and openings")), ("opening.", new("开封审批", "Approvals of openings")),
        ("erasure.", new("销毁申请", "Erasures asked for")), ("account.", new("账号", "Accounts")), ("department.", new("部门", "Departments")), ("trust.", new("信任约定", "Trust")), ("service.", new("服务启停", "Services")), ("log.", new("日志", "Log")),
    ];

    public static readonly IReadOnlyList<(string Value, Text Name, string Tag)> Severities = [("high", new("高", "high"), "bad"), ("medium", new("中", "medium"), "warn"), ("low", new("低", "low"), "info")];

    public static readonly IReadOnlyList<(string Value, Text Name)> Flags =
    [
        ("volume_beyond_grant", new("交付量远超往常", "Volume beyond the usual")), ("bulk_outside_hours", new("非工作时间大量交付", "Bulk outside hours")), ("refusal_burst", new("短时间多次被拒", "Burst of refusals")),
        ("use_after_end", new("终止后仍有交付", "Use after the end")), ("late_answer", new("逾期答复", "Late answer")), ("unused_grant", new("授权未使用", "Unused grant")), ("purpose_differs", new("用途不符", "Another purpose")),
    ];

    private static readonly Dictionary<string, Text> Missing = new(StringComparer.Ordinal)
    {
        ["city_opening"] = new("提供方的开始记录", "the owning city's record of the beginning"),
        ["city_end"] = new("提供方的结束记录", "the owning city's record of the end"),
        ["gateway"] = new("网关的报告", "the gateway's report"),
        ["asking_city"] = new("需求方的记录", "the asking city's record"),
        ["owning_city"] = new("提供方的记录", "the owning city's record"),
    };

    public static string Result(string result, Visit visit) => Results.TryGetValue(result, out var words) ? visit.T(words) : visit.T(Words.State(result));

    public static string MissingPart(string part, Visit visit) => Missing.TryGetValue(part, out var words) ? visit.T(words) : part;
}
