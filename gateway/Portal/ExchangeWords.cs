using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal;

/// <summary>What happens to a request and the exchange that comes of it, in the words of people on either side. A word that is not known says itself.</summary>
internal static class ExchangeWords
{
    /// <summary>What a refusal may rest on (art. 21).</summary>
    public static readonly IReadOnlyList<(string Word, Text Name)> Grounds =
    [
        ("outside_duty", new("超出履行职责需要", "Outside the asking department's duties")),
        ("not_necessary", new("超出必要的范围", "More than is necessary")),
        ("conditions_not_met", new("不符合共享条件", "The conditions for sharing are not met")),
        ("not_shared_by_law", new("法律、行政法规或国务院决定规定不予共享", "A law, regulation or State Council decision forbids sharing")),
        ("incomplete", new("材料不全", "Material is missing")),
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

    /// <summary>What becomes of the data in the end.</summary>
    public static readonly IReadOnlyList<(string Word, Text Name)> Disposals =
    [
        ("delete", new("删除", "Delete")),
        ("return", new("退回", "Return")),
        ("seal", new("封存", "Seal")),
        ("anonymise", new("匿名化", "Anonymise")),
    ];

    /// <summary>The steps of a dispute (art. 28) in the regulation's order.</summary>
    public static readonly IReadOnlyList<(string Word, Text Name)> DisputeSteps =
    [
        ("position", new("提出意见", "Position")),
        ("settled", new("协商一致", "Settled")),
        ("to_superior", new("报请共同上级主管部门协调", "Put to the common superior authority")),
        ("superior_decision", new("上级主管部门协调意见", "The superior authority's opinion")),
        ("to_government", new("报请本级人民政府决定", "Put to the government")),
        ("government_decision", new("人民政府决定", "The government's decision")),
    ];

    private static readonly Dictionary<string, Text> Steps = new(StringComparer.Ordinal)
    {
        ["draft"] = new("起草申请", "Request drafted"),
        ["revise"] = new("修改申请", "Request changed"),
        ["sign_off"] = new("需求方共享机构负责人签批", "Signed by the head of the asking side's sharing office"),
        ["submit"] = new("提交申请", "Request submitted"),
        ["supplement"] = new("提交补正材料", "Further material supplied"),
        ["withdraw"] = new("撤回申请", "Request withdrawn"),
        ["ask_change"] = new("拟订变更申请", "Change prepared"),
        ["sign_off_asked_change"] = new("变更申请经负责人签批并发出", "Change signed and sent"),
        ["take_back"] = new("收回待签批（复核）事项", "What was prepared is taken back"),
        ["report_repair"] = new("报告整改情况", "Repair reported"),
        ["answer_consultation"] = new("答复协商", "Consultation answered"),
        ["confirm_disposal"] = new("第二人复核处置", "Disposal confirmed by a second person"),
        ["dispute"] = new("提出争议", "Dispute raised"),
        ["dispose"] = new("登记数据处置", "Disposal recorded"),
        ["ask_supplement"] = new("提供方一次性告知补正", "Provider asked for further material"),
        ["extend"] = new("提供方申请延期答复", "Provider asked for more time"),
        ["answer_extension"] = new("提供方数据主管部门答复延期申请", "Provider's data authority answered on the extension"),
        ["propose"] = new("提供方审核人拟出答复", "Provider's reviewer proposed a reply"),
        ["return_reply"] = new("提供方负责人退回拟办意见", "Provider's head returned the proposal"),
        ["sign_off_reply"] = new("提供方签批答复", "Provider signed its reply"),
        ["suspend"] = new("暂停共享", "Access suspended"),
        ["resume"] = new("恢复共享", "Access resumed"),
        ["terminate"] = new("终止共享", "Access terminated"),
        ["consult"] = new("提供方就终止或变更服务征求意见", "Provider consulted about ending or changing the service"),
        ["file_change"] = new("提供方向数据主管部门备案", "Provider filed it with its data authority"),
        ["end_service"] = new("提供方终止服务", "Provider ended the service"),
        ["propose_change"] = new("提供方审核人拟出变更答复", "Provider's reviewer proposed a reply to the change"),
        ["sign_off_change"] = new("提供方签批变更答复", "Provider signed its reply to the change"),
        ["dispute_step"] = new("争议办理进展", "Dispute went a step on"),
        ["receive"] = new("提供方收到申请", "Received by the provider"),
        ["standing_reply"] = new("按预先审签自动答复", "Answered by the standing sign-off"),
        ["source_answered"] = new("数据源已接通，开始供数", "Source answered, data can be had"),
        ["supplement_received"] = new("提供方收到补正材料", "Further material received"),
        ["change_received"] = new("提供方收到变更申请", "Change received"),
        ["repair_received"] = new("提供方收到整改报告", "Report of repair received"),
        ["consultation_received"] = new("提供方收到协商答复", "Answer to the consultation received"),
        ["withdraw_received"] = new("提供方收到撤回", "Withdrawal received"),
        ["dispute_received"] = new("提供方收到争议意见", "Position received"),
        ["dispose_received"] = new("提供方收到处置登记", "Disposal received"),
        ["term_end"] = new("使用时限届满", "Term of use is over"),
        ["archive"] = new("归档", "Archived"),
        ["recount"] = new("期限重新计算", "Date counted anew"),
        ["reply_reminder"] = new("答复期限将至", "Reply falls due soon"),
        ["reply_breached"] = new("答复期限已过", "Reply is late"),
        ["reply_escalated"] = new("逾期答复已上报", "Late reply went up"),
        ["delivery_reminder"] = new("供数期限将至", "Delivery falls due soon"),
        ["delivery_breached"] = new("供数期限已过", "Delivery is late"),
        ["delivery_escalated"] = new("逾期供数已上报", "Late delivery went up"),
        ["repair_breached"] = new("整改期限已过", "Repair is late"),
        ["disposal_reminder"] = new("处置期限将至", "Disposal falls due soon"),
        ["disposal_breached"] = new("处置期限已过", "Disposal is late"),
        ["disposal_escalated"] = new("逾期处置已上报", "Late disposal went up"),
    };

    private static readonly Dictionary<string, Text> Dates = new(StringComparer.Ordinal)
    {
        ["reply"] = new("答复期限", "Reply due"),
        ["delivery"] = new("供数期限", "Delivery due"),
        ["change"] = new("变更答复期限", "Reply to the change due"),
        ["repair"] = new("整改期限", "Repair due"),
        ["consultation"] = new("协商答复期限", "Answer to the consultation due"),
        ["disposal"] = new("处置期限", "Disposal due"),
    };

    private static readonly Dictionary<string, Text> EndReasons = new(StringComparer.Ordinal)
    {
        ["term"] = new("使用时限届满", "the term of use is over"),
        ["not_needed"] = new("本部门不再需要", "the data is no longer needed"),
        ["withdrawn"] = new("本部门撤回申请", "the request was withdrawn"),
        ["service_ended"] = new("提供方经协商备案后终止服务", "the provider ended the service after consultation and filing"),
        ["misuse"] = new("超范围使用且整改不到位", "misuse was not put right"),
    };

    public static Text Step(string word) => Steps.GetValueOrDefault(word) ?? Text.Same(word);

    /// <summary>Name of a last day.</summary>
    public static Text Date(string word) => Dates.GetValueOrDefault(word) ?? Text.Same(word);

    public static Text EndReason(string word) => EndReasons.GetValueOrDefault(word) ?? Text.Same(word);

    public static Text Ground(string word) => Find(Grounds, word);

    public static Text Item(string word) => Find(Items, word);

    public static Text Disposal(string word) => Find(Disposals, word);

    public static Text DisputeStep(string word) => Find(DisputeSteps, word);

    public static Text DisputeStage(string word) => word switch
    {
        "negotiation" => new("双方协商", "Negotiation"),
        "superior" => new("共同上级主管部门协调", "With the common superior authority"),
        "government" => new("报请人民政府决定", "With the government"),
        "settled" => new("已解决", "Settled"),
        _ => Text.Same(word),
    };

    public static Text Side(string word) => word switch
    {
        "asking" => new("需求方", "Asking side"),
        "owning" or "provider" => new("提供方", "Provider"),
        "authority" => new("数据主管部门", "Data authority"),
        _ => Text.Same(word),
    };

    /// <summary>Class of the tag that shows a state.</summary>
    public static string Tone(string state) => state switch
    {
        "active" or "approved" => "good",
        "supplement_asked" or "suspended" or "ended" or "signed_off" => "warn",
        "refused" or "terminated" => "bad",
        "submitted" or "under_review" or "decided" => "info",
        _ => "",
    };

    /// <summary>Which rows are delivered, in words; null when all are.</summary>
    public static Text? Rows(RowFilter? rows, Func<string, string> title, Visit visit)
    {
        if (rows is not { Area: not null } and not { Time: not null })
        {
            return null;
        }

        List<Text> parts = [];
        if (rows.Area is { } area)
        {
            parts.Add(area.Values is { } values
                ? new($"“{title(area.Field)}”为 {string.Join("、", values)}", $"“{title(area.Field)}” is {string.Join(" or ", values)}")
                : new($"“{title(area.Field)}”以 {area.Prefix} 开头", $"“{title(area.Field)}” begins with {area.Prefix}"));
        }

        if (rows.Time is { } time)
        {
            var (from, until) = (time.From is { } first ? visit.Day(first) : null, time.Until is { } last ? visit.Day(last) : null);
            parts.Add(new($"“{title(time.Field)}”{(from is null ? "" : $"自 {from} 起")}{(until is null ? "" : $"至 {until} 止")}", $"“{title(time.Field)}”{(from is null ? "" : $" from {from}")}{(until is null ? "" : $" until {until}")}"));
        }

        return new(string.Join("，且", parts.Select(part => part.Zh)), string.Join(", and ", parts.Select(part => part.En)));
    }

    private static Text Find(IReadOnlyList<(string Word, Text Name)> list, string word) => list.FirstOrDefault(known => known.Word == word).Name ?? Text.Same(word);
}
