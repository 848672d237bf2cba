using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Approvals;

/// <summary>The words of people for what happens to a request in the owning city.</summary>
public static class ApprovalWords
{
    /// <summary>What a refusal may rest on (art. 21).</summary>
    public static readonly IReadOnlyList<(string Word, Text Name)> Grounds =
    [
        ("outside_duty", new("超出申请部门履职需要", "Outside the asking department's duties")),
        ("not_necessary", new("超出必要的范围", "More than is necessary")),
        ("conditions_not_met", new("不符合共享条件", "The conditions for sharing are not met")),
        ("not_shared_by_law", new("法律、行政法规或国务院决定规定不予共享", "A law, regulation or State Council decision forbids sharing")),
        ("incomplete", new("材料不全（须另有依据）", "Material is missing (only beside another ground)")),
        ("other", new("其他", "Other")),
    ];

    /// <summary>What a supplement may concern.</summary>
    public static readonly IReadOnlyList<(string Word, Text Name)> Items =
    [
        ("legal_basis", new("使用依据", "Legal basis")),
        ("scenario", new("使用场景", "Scenario")),
        ("scope", new("使用范围", "Scope")),
        ("fields", new("数据项", "Data items")),
        ("use_until", new("使用时限", "Term of use")),
        ("material", new("证明材料", "Supporting material")),
    ];

    public static readonly IReadOnlyList<(string Word, Text Name)> Disposals =
    [
        ("delete", new("删除", "Delete")),
        ("return", new("退回", "Return")),
        ("seal", new("封存", "Seal")),
        ("anonymise", new("匿名化", "Anonymise")),
    ];

    private static readonly Dictionary<string, Text> Events = new(StringComparer.Ordinal)
    {
        ["receive"] = new("收到申请", "Received"),
        ["standing_reply"] = new("按预先审签自动答复", "Answered by the standing sign-off"),
        ["ask_supplement"] = new("一次性告知补正", "Supplement asked for"),
        ["supplement_received"] = new("收到补正材料", "Supplement received"),
        ["extend"] = new("申请延期", "Extension asked for"),
        ["answer_extension"] = new("数据主管部门答复延期", "Extension answered by the data authority"),
        ["propose"] = new("提出答复意见", "Reply proposed"),
        ["return_reply"] = new("退回答复意见", "Proposal returned"),
        ["sign_off_reply"] = new("签批答复", "Reply signed"),
        ["source_answered"] = new("数据源就绪，开始供数", "Data flows"),
        ["suspend"] = new("暂停共享", "Suspended"),
        ["repair_received"] = new("收到整改报告", "Repair reported"),
        ["resume"] = new("恢复共享", "Resumed"),
        ["terminate"] = new("终止共享", "Terminated"),
        ["consult"] = new("发起协商", "Consultation begun"),
        ["consultation_received"] = new("收到协商答复", "Consultation answered"),
        ["file_change"] = new("向数据主管部门备案", "Filed with the data authority"),
        ["end_service"] = new("结束服务", "Service ended"),
        ["change_received"] = new("收到变更申请", "Change of scope asked for"),
        ["propose_change"] = new("提出变更答复意见", "Decision on the change proposed"),
        ["sign_off_change"] = new("签批变更", "Decision on the change signed"),
        ["dispute_received"] = new("收到争议意见", "Position in the dispute received"),
        ["dispute_step"] = new("登记争议进展", "Step of the dispute written down"),
        ["withdraw_received"] = new("申请撤回", "Withdrawn"),
        ["dispose_received"] = new("收到处置登记", "Disposal recorded"),
        ["term_end"] = new("使用时限届满", "Term over"),
        ["archive"] = new("归档", "Archived"),
        ["recount"] = new("按新日历重新计算期限", "Days counted anew"),
        ["reply_reminder"] = new("答复期限将至", "Reply soon due"),
        ["reply_breached"] = new("逾期未答复", "Reply overdue"),
        ["reply_escalated"] = new("逾期已报数据主管部门", "Overdue, data authority told"),
        ["delivery_reminder"] = new("供数期限将至", "Delivery soon due"),
        ["delivery_breached"] = new("逾期未供数", "Delivery overdue"),
        ["delivery_escalated"] = new("供数逾期已报数据主管部门", "Delivery overdue, data authority told"),
        ["repair_breached"] = new("整改期限已过", "Repair overdue"),
        ["disposal_reminder"] = new("处置期限将至", "Disposal soon due"),
        ["disposal_breached"] = new("逾期未处置", "Disposal overdue"),
        ["disposal_escalated"] = new("处置逾期已报数据主管部门", "Disposal overdue, data authority told"),
    };

    private static readonly Dictionary<string, Text> DisputeKinds = new(StringComparer.Ordinal)
    {
        ["position"] = new("提出意见（协商）", "Position (negotiation)"),
        ["settled"] = new("协商一致", "Settled"),
        ["to_superior"] = new("报共同上级主管部门协调", "Put to the common superior authority"),
        ["superior_decision"] = new("上级主管部门协调意见", "Superior authority's opinion"),
        ["to_government"] = new("报本级人民政府决定", "Put to the government"),
        ["government_decision"] = new("人民政府决定", "Government's decision"),
    };

    public static IReadOnlyList<(string Word, Text Name)> Disputes => [.. DisputeKinds.Select(kind => (kind.Key, kind.Value))];

    public static Text Event(string word) => Events.GetValueOrDefault(word) ?? Text.Same(word);

    public static Text DisputeKind(string word) => DisputeKinds.GetValueOrDefault(word) ?? Text.Same(word);

    public static Text Ground(string word) => Find(Grounds, word);

    public static Text Item(string word) => Find(Items, word);

    public static Text Disposal(string word) => Find(Disposals, word);

    public static Text Side(string word) => word switch { "asking" => new("申请方", "Asking side"), "owning" or "provider" => new("提供方", "Provider"), "authority" => new("数据主管部门", "Data authority"), _ => Text.Same(word) };

    /// <summary>How the state's mark looks.</summary>
    public static string Tone(string state) => state switch
    {
        "active" => "good",
        "refused" or "terminated" or "suspended" => "bad",
        "under_review" or "decided" => "info",
        "supplement_asked" or "approved" or "ended" => "warn",
        _ => "",
    };

    private static Text Find(IReadOnlyList<(string Word, Text Name)> list, string word) => list.FirstOrDefault(known => known.Word == word).Name ?? Text.Same(word);
}
