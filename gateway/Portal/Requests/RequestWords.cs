using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Requests;

/// <summary>A request in the words of the people who ask: who holds it, what comes next, what was agreed.</summary>
internal static class RequestWords
{
    private static readonly Dictionary<string, Text> Events = new(StringComparer.Ordinal)
    {
        ["draft"] = new("起草申请", "Request drafted"),
        ["revise"] = new("修改申请", "Request changed"),
        ["sign_off"] = new("本部门共享机构负责人签批", "Signed by the head of the sharing office"),
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

    private static readonly Dictionary<string, Text> Disposals = new(StringComparer.Ordinal)
    {
        ["delete"] = new("删除", "Delete"),
        ["return"] = new("退回提供方", "Return to the provider"),
        ["seal"] = new("封存", "Seal"),
        ["anonymise"] = new("匿名化", "Anonymise"),
    };

    private static readonly Dictionary<string, Text> Grounds = new(StringComparer.Ordinal)
    {
        ["outside_duty"] = new("超出履行职责需要", "Outside the department's duties"),
        ["not_necessary"] = new("超出必要范围", "More than is necessary"),
        ["conditions_not_met"] = new("不符合共享条件", "The conditions of sharing are not met"),
        ["not_shared_by_law"] = new("法律、行政法规、国务院决定规定不予共享", "A law, regulation or State Council decision forbids sharing"),
        ["incomplete"] = new("材料不全", "Material is missing"),
        ["other"] = new("其他", "Other"),
    };

    private static readonly Dictionary<string, Text> EndReasons = new(StringComparer.Ordinal)
    {
        ["term"] = new("使用时限届满", "the term of use is over"),
        ["not_needed"] = new("本部门不再需要", "the data is no longer needed"),
        ["withdrawn"] = new("本部门撤回申请", "the request was withdrawn"),
        ["service_ended"] = new("提供方经协商备案后终止服务", "the provider ended the service after consultation and filing"),
        ["misuse"] = new("超范围使用且整改不到位", "misuse was not put right"),
    };

    private static readonly Dictionary<string, Text> Missing = new(StringComparer.Ordinal)
    {
        ["legal_basis"] = new("使用依据", "Legal basis"),
        ["scenario"] = new("使用场景", "Scenario"),
        ["scope"] = new("使用范围", "Scope"),
        ["fields"] = new("数据项", "Data items"),
        ["use_until"] = new("使用时限", "Term of use"),
        ["material"] = new("材料", "Material"),
    };

    public static Text Event(string word) => Events.GetValueOrDefault(word) ?? Text.Same(word);

    public static Text Date(string word) => Dates.GetValueOrDefault(word) ?? Text.Same(word);

    public static Text Disposal(string word) => Disposals.GetValueOrDefault(word) ?? Text.Same(word);

    public static IReadOnlyDictionary<string, Text> AllDisposals => Disposals;

    public static Text Ground(string word) => Grounds.GetValueOrDefault(word) ?? Text.Same(word);

    public static Text EndReason(string word) => EndReasons.GetValueOrDefault(word) ?? Text.Same(word);

    public static Text MissingItem(string word) => Missing.GetValueOrDefault(word) ?? Text.Same(word);

    /// <summary>Class of the tag that shows a state.</summary>
    public static string Tone(string state) => state switch
    {
        "active" or "approved" => "good",
        "supplement_asked" or "suspended" or "ended" or "signed_off" => "warn",
        "refused" or "terminated" => "bad",
        "submitted" or "under_review" or "decided" => "info",
        _ => "",
    };

    /// <summary>True once nobody has anything left to do.</summary>
    public static bool IsDone(string state) => state is "refused" or "disposed" or "archived" or "withdrawn";

    /// <summary>Who has to act now, on which side and in which role.</summary>
    public static string Holder(RequestView request, Visit visit, Places places)
    {
        var mine = visit.Person is { } person && person.City == request.Asking.City && person.Department == request.Asking.Department;
        var we = mine ? visit.T("本部门", "your department") : request.Asking.Name ?? places.Department(request.Asking.City, request.Asking.Department ?? "");
        var they = Provider(request, places);
        return (request.State, request.Pending) switch
        {
            ("draft", _) => T("待", $"共享机构负责人签批", $"The head of {we}'s sharing office signs", we),
            ("signed_off", _) => T("待", "经办人提交", $"An officer of {we} submits", we),
            (_, "ask_change") => T("待", "共享机构负责人签批变更申请", $"The head of {we}'s sharing office signs the change", we),
            (_, "dispose") when request.PreparedDisposal is not null => T("待", "另一人复核处置", $"A second person of {we} confirms the disposal", we),
            ("submitted", _) => visit.T($"已发出，待{they}所在城市接收", $"On its way to the city of {they}"),
            ("supplement_asked", null) => T("待", "经办人补正", $"An officer of {we} supplies what is missing", we),
            (_, "supplement") => visit.T($"补正已发出，待{they}接收", $"Sent; {they} takes it up"),
            ("under_review", _) => visit.T($"待{they}答复", $"{they} answers"),
            ("decided", _) => visit.T($"待{they}共享机构负责人签批答复", $"The head of the sharing office of {they} signs the reply"),
            ("approved", _) => visit.T($"待{they}供数", $"{they} delivers"),
            ("suspended", "report_repair") => visit.T($"整改报告已发出，待{they}核查", $"Reported; {they} checks the repair"),
            ("suspended", _) when request.Suspension?.ReportedAt is not null => visit.T($"待{they}核查整改", $"{they} checks the repair"),
            ("suspended", _) => T("待", "整改", $"{we} puts it right", we),
            ("ended" or "terminated", null) => T("待", "处置数据", $"{we} disposes of the data", we),
            ("ended" or "terminated", _) => visit.T($"处置登记已发出，待{they}所在城市确认", $"Sent; the city of {they} takes the disposal down"),
            ("active", _) when request.Consultation is { AnsweredAt: null, FiledAt: null } && request.Pending is null => T("待", "共享机构负责人答复协商", $"The head of {we}'s sharing office answers the consultation", we),
            ("active", _) when request.Change is { Outcome: null } => visit.T($"使用中；待{they}答复变更", $"In use; {they} answers on the change"),
            ("active", _) => T("", "使用中", $"In use by {we}", we),
            _ => visit.T("已办结", "Closed"),
        };

        string T(string before, string after, string en, string who) => visit.Language == "en" ? Capital(en) : before + who + after;
    }

    /// <summary>The providing department, with its city where that is not part of its name.</summary>
    public static string Provider(RequestView request, Places places) =>
        request.Owning.Department is { } code ? places.Department(request.Owning.City, code) : request.Owning.City;

    /// <summary>What is on its way or waits for a second person; null when nothing does.</summary>
    public static Text? Pending(RequestView request) => request.Pending switch
    {
        null => null,
        "ask_change" => new("变更申请已拟订，待共享机构负责人签批。", "A change is prepared and waits for the head's signature."),
        "dispose" when request.PreparedDisposal is not null => new("处置已登记，待另一人复核。", "The disposal is recorded and waits for a second person."),
        "supplement" => new("补正材料已发出，等待提供方城市确认。", "What was missing is sent; the owning city has not confirmed it yet."),
        "withdraw" => new("撤回已发出，等待提供方城市确认。", "The withdrawal is sent; the owning city has not confirmed it yet."),
        "sign_off_asked_change" => new("变更申请已发出，等待提供方城市确认。", "The change is sent; the owning city has not confirmed it yet."),
        "report_repair" => new("整改报告已发出，等待提供方城市确认。", "The report is sent; the owning city has not confirmed it yet."),
        "answer_consultation" => new("协商答复已发出，等待提供方城市确认。", "The answer is sent; the owning city has not confirmed it yet."),
        "dispute" => new("争议意见已发出，等待提供方城市确认。", "The position is sent; the owning city has not confirmed it yet."),
        "dispose" or "confirm_disposal" => new("处置登记已发出，等待提供方城市确认。", "The disposal is sent; the owning city has not confirmed it yet."),
        _ => new("操作已发出，等待提供方城市确认。", "The act is sent; the owning city has not confirmed it yet."),
    };

    /// <summary>How many working days are left, or by how many it is late.</summary>
    public static Text DaysLeft(RunningDate due) => due.WorkingDaysLeft switch
    {
        0 => new("今日到期", "due today"),
        > 0 and var left => new($"还剩 {left} 个工作日", left == 1 ? "1 working day left" : $"{left} working days left"),
        var late => new($"已逾期 {-late} 个工作日", late == -1 ? "1 working day late" : $"{-late} working days late"),
    };

    public static string DaysTone(RunningDate due) => due.WorkingDaysLeft switch { < 0 => "bad", <= 2 => "warn", _ => "" };

    /// <summary>What a treatment does to a value, for whoever receives it.</summary>
    public static Text Treatment(string? word) => word switch
    {
        null or "plain" => new("原样提供", "as it is"),
        "masked" => new("全部遮蔽", "hidden whole"),
        "masked:name" => new("姓名脱敏（如 张*）", "name masked, such as 张*"),
        "masked:id_number" => new("证件号脱敏（保留前六位和后四位）", "id number masked: first six and last four digits stay"),
        "masked:phone" => new("电话脱敏（隐藏中间四位）", "phone masked: the middle is hidden"),
        "masked:address" => new("地址脱敏（到区县）", "address masked below the district"),
        "masked:bank_card" => new("银行卡号脱敏（保留后四位）", "card number masked: the last four digits stay"),
        "hashed" => new("散列（同一值在本次授权内相同，不可还原）", "hashed: equal values stay equal within this grant"),
        "generalised:month" => new("只到年月", "year and month only"),
        "generalised:district" => new("只到区县", "district only"),
        "dropped" => new("不提供", "not delivered"),
        _ when word.StartsWith("generalised:band:", StringComparison.Ordinal) => new($"按区间（宽度 {word["generalised:band:".Length..]}）", $"as a band of {word["generalised:band:".Length..]}"),
        _ => Text.Same(word),
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

    private static string Capital(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..];
}
