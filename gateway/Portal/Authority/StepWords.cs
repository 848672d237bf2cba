using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Authority;

/// <summary>The steps of the sharing process in the words of people; a step without words says its own name.</summary>
internal static class StepWords
{
    private static readonly Dictionary<string, Text> Steps = new(StringComparer.Ordinal)
    {
        ["draft"] = new("起草申请", "Request drafted"),
        ["revise"] = new("修改申请", "Request revised"),
        ["sign_off"] = new("需求方审签", "Signed off by the asking side"),
        ["submit"] = new("提交申请", "Submitted"),
        ["receive"] = new("收到申请", "Received"),
        ["ask_supplement"] = new("一次性告知补正", "Supplement asked for"),
        ["supplement"] = new("补正", "Supplemented"),
        ["supplement_received"] = new("收到补正", "Supplement received"),
        ["extend"] = new("申请延期答复", "Extension asked for"),
        ["answer_extension"] = new("答复延期申请", "Extension answered"),
        ["propose"] = new("提出拟办意见", "Reply proposed"),
        ["return_reply"] = new("退回拟办意见", "Proposal given back"),
        ["sign_off_reply"] = new("审签答复", "Reply signed"),
        ["standing_reply"] = new("按常设签批答复", "Answered by the standing sign-off"),
        ["source_answered"] = new("数据可以使用", "The data can be had"),
        ["suspend"] = new("暂停共享", "Suspended"),
        ["repair_received"] = new("需求方报告整改", "Repair reported"),
        ["report_repair"] = new("报告整改", "Repair reported"),
        ["repair_breached"] = new("整改期限已过", "Not put right in time"),
        ["resume"] = new("恢复共享", "Resumed"),
        ["terminate"] = new("终止共享", "Terminated"),
        ["consult"] = new("就终止或变更征求意见", "Consultation about ending or changing"),
        ["consultation_received"] = new("收到协商答复", "Consultation answered"),
        ["file_change"] = new("备案", "Filed"),
        ["end_service"] = new("终止服务", "Service ended"),
        ["change_received"] = new("收到变更申请", "Change asked for"),
        ["ask_change"] = new("申请变更", "Change asked for"),
        ["propose_change"] = new("提出变更拟办意见", "Reply to the change proposed"),
        ["sign_off_change"] = new("审签变更答复", "Change decided"),
        ["dispute"] = new("提出争议", "Dispute raised"),
        ["dispute_received"] = new("需求方提出争议", "Dispute raised by the asking side"),
        ["dispute_step"] = new("登记争议进展", "Step of the dispute"),
        ["withdraw"] = new("撤回", "Withdrawn"),
        ["withdraw_received"] = new("需求方撤回", "Withdrawn by the asking side"),
        ["term_end"] = new("使用期满", "Term over"),
        ["dispose"] = new("处置数据", "Data disposed of"),
        ["dispose_received"] = new("需求方已处置数据", "Data disposed of"),
        ["confirm_disposal"] = new("复核处置", "Disposal confirmed"),
        ["archive"] = new("归档", "Archived"),
        ["recount"] = new("按新日历重新计算期限", "Dates counted anew"),
        ["reply_reminder"] = new("答复期限提醒", "Reply reminded of"),
        ["reply_breached"] = new("答复逾期", "Reply late"),
        ["reply_escalated"] = new("答复逾期上报", "Late reply goes up"),
        ["delivery_reminder"] = new("供数期限提醒", "Delivery reminded of"),
        ["delivery_breached"] = new("供数逾期", "Delivery late"),
        ["delivery_escalated"] = new("供数逾期上报", "Late delivery goes up"),
        ["disposal_reminder"] = new("处置期限提醒", "Disposal reminded of"),
        ["disposal_breached"] = new("处置逾期", "Disposal late"),
        ["disposal_escalated"] = new("处置逾期上报", "Late disposal goes up"),
    };

    public static Text Of(string step) => Steps.GetValueOrDefault(step) ?? Text.Same(step);
}
