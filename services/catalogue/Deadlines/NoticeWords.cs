using Exchange.Hosting;

namespace Exchange.Catalogue.Deadlines;

/// <summary>What a notice says to people. A type without words says its own name.</summary>
internal static class NoticeWords
{
    private static readonly Dictionary<string, Text> Words = new(StringComparer.Ordinal)
    {
        ["request.draft"] = new("有申请等待审签", "A request waits for your signature"),
        ["request.sign_off"] = new("申请已审签，可以提交", "The request is signed off and can be submitted"),
        ["request.receive"] = new("收到共享申请", "A request has come in"),
        ["request.supplement_received"] = new("需求方已补正", "The asking side has supplied what was missing"),
        ["request.withdraw_received"] = new("需求方撤回申请或不再需要数据", "The asking side has withdrawn, or needs the data no longer"),
        ["request.ask_supplement"] = new("提供方一次性告知需补正的材料", "The provider has named what is missing"),
        ["request.extend"] = new("延期申请等待数据主管部门答复", "An extension waits for the data authority"),
        ["request.answer_extension"] = new("延期申请已答复", "The extension is answered"),
        ["request.propose"] = new("拟办意见等待审签", "A proposed reply waits for your signature"),
        ["request.return_reply"] = new("拟办意见被退回", "The proposed reply was given back"),
        ["request.sign_off_reply"] = new("申请已答复", "The request is answered"),
        ["request.standing_reply"] = new("申请已答复", "The request is answered"),
        ["request.source_answered"] = new("数据可以使用", "The data can be had"),
        ["request.suspend"] = new("共享已暂停，请限期整改", "Access is suspended; put it right by the date set"),
        ["request.repair_received"] = new("需求方报告整改情况", "The asking side reports what it has put right"),
        ["request.repair_breached"] = new("整改期限已过", "The date for putting it right has passed"),
        ["request.resume"] = new("共享已恢复", "Access is resumed"),
        ["request.terminate"] = new("共享已终止", "Access is terminated"),
        ["request.consult"] = new("提供方就终止或变更服务征求意见", "The provider consults you about ending or changing the service"),
        ["request.consultation_received"] = new("需求方已答复协商", "The asking side has answered the consultation"),
        ["request.file_change"] = new("终止或变更服务已备案", "The end or change of the service is filed"),
        ["request.end_service"] = new("提供方已终止服务", "The provider has ended the service"),
        ["request.ask_change"] = new("变更申请等待审签", "A change waits for your signature"),
        ["request.change_received"] = new("收到变更申请", "A change of scope is asked for"),
        ["request.propose_change"] = new("变更的拟办意见等待审签", "A proposed decision on a change waits for your signature"),
        ["request.sign_off_change"] = new("变更申请已答复", "The change is decided"),
        ["request.dispute_received"] = new("需求方提出异议", "The asking side has raised a dispute"),
        ["request.dispute_step"] = new("争议办理有进展", "The dispute has gone a step on"),
        ["request.term_end"] = new("使用期满，请处置数据", "The term is over; dispose of the data"),
        ["request.dispose"] = new("数据处置等待复核", "A disposal waits for a second person"),
        ["request.dispose_received"] = new("需求方已处置数据", "The asking side has disposed of the data"),
        ["request.recount"] = new("期限已按新公布的日历重新计算", "The date was counted anew by the calendar that arrived"),
        ["request.reply_reminder"] = new("答复期限将至", "The reply is due soon"),
        ["request.reply_breached"] = new("答复已逾期", "The reply is late"),
        ["request.reply_escalated"] = new("答复逾期，已上报", "The reply is late and goes up"),
        ["request.delivery_reminder"] = new("供数期限将至", "The delivery is due soon"),
        ["request.delivery_breached"] = new("供数已逾期", "The delivery is late"),
        ["request.delivery_escalated"] = new("供数逾期，已上报", "The delivery is late and goes up"),
        ["request.disposal_reminder"] = new("数据处置期限将至", "The disposal is due soon"),
        ["request.disposal_breached"] = new("数据处置已逾期", "The disposal is late"),
        ["use_records.reminder"] = new("请登记数据使用情况", "Please record how the data is used"),
        ["use_records.breached"] = new("到期未登记数据使用情况", "How the data is used was not recorded in time"),
        ["request.disposal_escalated"] = new("数据处置逾期，已上报", "The disposal is late and goes up"),
        ["correction.received"] = new("收到校核申请", "An error in provided data is reported"),
        ["correction.answered"] = new("校核申请已答复", "The correction is answered"),
        ["correction.reminder"] = new("校核期限将至", "The correction is due soon"),
        ["correction.breached"] = new("校核已逾期", "The correction is late"),
        ["correction.escalated"] = new("校核逾期，已上报", "The correction is late and goes up"),
        ["data.corrected"] = new("已接收的数据有误，提供方已更正，请重新获取", "Data you received was wrong and is corrected; fetch it again"),
        ["standing.failing"] = new("定期交换未能继续，请查看原因", "A standing exchange does not go on; see why"),
        ["catalogue.published"] = new("目录条目已发布", "A catalogue entry is published"),
        ["catalogue.withdrawn"] = new("目录条目已撤回", "A catalogue entry is withdrawn"),
        ["catalogue.returned"] = new("目录条目经审核退回，请修改后重新送审", "A catalogue entry was given back in review; change it and send it again"),
        ["catalogue.review"] = new("有目录条目等待审核发布", "A catalogue entry waits for review and publication"),
        ["catalogue.review_reminder"] = new("目录审核期限将至", "The review of an entry is due soon"),
        ["catalogue.review_breached"] = new("目录审核已逾期", "The review of an entry is late"),
        ["catalogue.review_escalated"] = new("目录审核仍未办理", "The review of an entry is still not done"),
        ["catalogue.duty_changed"] = new("依据或职责有变化，目录条目须更新送审", "A law or duty has changed; the entry is to be updated and sent to review"),
        ["catalogue.update_reminder"] = new("目录更新期限将至", "The update of an entry is due soon"),
        ["catalogue.update_breached"] = new("目录更新已逾期", "The update of an entry is late"),
        ["catalogue.update_escalated"] = new("目录更新逾期，已上报", "The update of an entry is late and goes up"),
        ["catalogue.extend_update"] = new("目录更新延期申请等待数据主管部门答复", "An extension of an update waits for the data authority"),
        ["catalogue.extension_answered"] = new("目录更新延期申请已答复", "The extension of an update is answered"),
    };

    /// <summary>The types there are.</summary>
    public static IReadOnlyCollection<string> Types => Words.Keys;

    public static Text Of(string type, IReadOnlyDictionary<string, string> details)
    {
        var text = Words.TryGetValue(type, out var known) ? known : new Text(type, type);
        return details.TryGetValue("due", out var due) ? new Text($"{text.Zh}（{due}）", $"{text.En} ({due})") : text;
    }
}
