using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Exchange.Verifier;

/// <summary>A record in words. What is printed comes from the record, so nothing in it may steer the terminal.</summary>
internal static class Words
{
    private static readonly Dictionary<string, Text> Types = new(StringComparer.Ordinal)
    {
        ["request.signed_off"] = new("申请经本部门共享负责人签批", "request signed off by the head of the asking sharing office"),
        ["request.submitted"] = new("提交数据共享申请", "sharing request submitted"),
        ["request.received"] = new("数据提供方收到申请", "request received by the owning city"),
        ["request.withdrawn"] = new("撤回申请", "request withdrawn"),
        ["request.supplemented"] = new("补正材料", "request supplemented"),
        ["supplement.asked"] = new("一次性告知补正内容", "missing material asked for"),
        ["extension.asked"] = new("申请延长答复期限", "extension of the reply clock asked for"),
        ["extension.consented"] = new("数据主管部门同意延期", "extension consented to by the data authority"),
        ["extension.denied"] = new("数据主管部门不同意延期", "extension denied by the data authority"),
        ["reply.returned"] = new("负责人退回答复意见", "proposed reply returned by the head"),
        ["reply.proposed"] = new("审核人提出答复意见", "reply proposed by the reviewer"),
        ["decision.received"] = new("需求方获知提供方的决定", "a decision of the owning city received by the asking city"),
        ["reply.signed_off"] = new("答复经提供部门共享负责人签批", "reply signed off by the head of the provider's sharing office"),
        ["grant.activated"] = new("授权生效", "grant activated"),
        ["grant.ended"] = new("授权终止", "grant ended"),
        ["grant.suspended"] = new("暂停共享", "access suspended"),
        ["grant.resumed"] = new("恢复共享", "access resumed"),
        ["grant.terminated"] = new("终止共享", "access terminated"),
        ["repair.reported"] = new("报告整改情况", "repair reported"),
        ["change.asked"] = new("申请变更范围、用途或转供", "change of scope, purpose or receivers asked for"),
        ["change.received"] = new("数据提供方收到变更申请", "change received by the owning city"),
        ["change.proposed"] = new("审核人提出变更意见", "decision on a change proposed"),
        ["change.signed_off"] = new("变更答复经负责人签批", "decision on a change signed off"),
        ["service_change.consulted"] = new("就终止或变更服务征求意见", "consulted about ending or changing the service"),
        ["service_change.answered"] = new("答复协商", "consultation answered"),
        ["service_change.filed"] = new("向数据主管部门备案", "filed with the data authority"),
        ["dispute.position"] = new("争议：提出立场", "dispute: position"),
        ["dispute.settled"] = new("争议：达成一致", "dispute: settled"),
        ["dispute.to_superior"] = new("争议：提请共同上级主管部门协调", "dispute: put to the common superior authority"),
        ["dispute.superior_decision"] = new("争议：上级主管部门协调意见", "dispute: the superior authority's word"),
        ["dispute.to_government"] = new("争议：提请人民政府决定", "dispute: put to the government"),
        ["dispute.government_decision"] = new("争议：人民政府决定", "dispute: the government's decision"),
        ["use.recorded"] = new("登记使用情况", "use of the data recorded"),
        ["disposal.recorded"] = new("登记数据处置", "disposal recorded"),
        ["exchange.archived"] = new("归档", "archived"),
        ["clock.reminder"] = new("期限提醒", "a clock's reminder"),
        ["clock.breached"] = new("期限已过", "a clock has run out"),
        ["clock.escalated"] = new("逾期上报", "a late clock goes up"),
        ["clock.recounted"] = new("期限重新计算", "a date counted anew"),
        ["calendar.loaded"] = new("载入年度放假安排", "a year's notice on holidays loaded"),
        ["grant.quota_set"] = new("设定授权的配额", "the quota of a grant is set"),
        ["webhook.made"] = new("设置通知推送地址", "notices are sent to a further address"),
        ["webhook.removed"] = new("删除通知推送地址", "notices are sent to an address no more"),
        ["correction.filed"] = new("提出校核申请", "an error in received data reported"),
        ["correction.received"] = new("数据提供方收到校核申请", "correction received by the owning city"),
        ["correction.answered"] = new("校核答复", "correction answered"),
        ["correction.answer_received"] = new("需求方收到校核答复", "the correction's answer received by the asking city"),
        ["correction.told"] = new("接收方获知数据已更正", "a receiver told that its data is corrected"),
        ["delivery.opened"] = new("开始交付数据", "delivery opened"),
        ["delivery.ended"] = new("数据交付结束", "delivery ended"),
        ["gateway.delivered"] = new("网关转交数据的报告", "the gateway's report of a delivery"),
        ["delivery.acknowledged"] = new("接收方确认所收到的数据", "the receiver's word on what it got"),
        ["standing.set"] = new("设置定期交换", "a standing exchange set up or its times changed"),
        ["standing.paused"] = new("暂停定期交换", "a standing exchange paused"),
        ["standing.resumed"] = new("恢复定期交换", "a standing exchange resumed"),
        ["standing.failing"] = new("定期交换持续未能进行", "a standing exchange does not go on"),
        ["standing.recovered"] = new("定期交换恢复正常", "a standing exchange goes on again"),
        ["standing.ended"] = new("停止定期交换", "a standing exchange ended"),
        ["standing.disposed"] = new("定期交换所得数据副本已处置", "the copy of a standing exchange disposed of"),
        ["act.ignored"] = new("需求方的操作到达过晚，未产生影响", "an act of the asking side came too late to change anything"),
        ["department.added"] = new("新增部门", "department added"),
        ["department.changed"] = new("变更部门信息", "department changed"),
        ["account.created"] = new("新增账号及其角色", "account created with its roles"),
        ["account.changed"] = new("变更账号、角色或口令", "account, roles or secret changed"),
        ["account.removed"] = new("删除账号", "account removed"),
        ["key.made"] = new("生成密钥", "key made"),
        ["trust.changed"] = new("采用新的日志信任约定", "another agreement on the log taken up"),
        ["dataset.published"] = new("目录条目发布", "catalogue entry published"),
        ["dataset.returned"] = new("目录条目退回提供部门", "catalogue entry given back to its department"),
        ["dataset.withdrawn"] = new("目录条目撤下", "catalogue entry withdrawn"),
        ["dataset.duty_changed"] = new("依据或职责变化，目录须更新", "a law or duty changed, the entry has to follow"),
        ["update_extension.asked"] = new("申请延长目录更新期限", "extension of an update asked for"),
        ["update_extension.consented"] = new("数据主管部门同意目录更新延期", "extension of an update consented to by the data authority"),
        ["update_extension.denied"] = new("数据主管部门不同意目录更新延期", "extension of an update denied by the data authority"),
        ["standing_sign_off.given"] = new("作出常设签批", "standing sign-off given"),
        ["refusal"] = new("请求被拒", "a call was refused"),
        ["opening.asked"] = new("专案审计人员申请开封", "a case auditor asked to open commitments"),
        ["opening.approved"] = new("批准开封", "an opening approved"),
        ["opening.refused"] = new("不同意开封", "an opening refused"),
        ["audit.opened"] = new("读取开封内容", "opened values read"),
        ["erasure.asked"] = new("提出销毁", "an erasure asked for"),
        ["audit.erased"] = new("销毁承诺内容", "what commitments were made of was erased"),
        ["audit.looked"] = new("查阅审计日志", "the log was looked into"),
        ["messages.resent"] = new("运维人员补发消息", "messages sent again by an operator"),
        ["harvest.removal_confirmed"] = new("运维人员确认来源已删除的条目", "an operator confirmed what a harvested catalogue deleted"),
        ["service.started"] = new("服务启动", "service started"),
        ["service.stopped"] = new("服务停止", "service stopped"),
        ["source.heartbeat"] = new("每小时心跳", "heartbeat of an hour"),
        ["source.day_closed"] = new("日结：当日记录数", "a day closed with the number of its records"),
        ["log.opened"] = new("年度日志启用", "a year's log opened"),
        ["log.closed"] = new("年度日志结束", "a year's log closed"),
        ["log.keys_rotated"] = new("更换日志签名密钥", "the log's keys replaced"),
        ["log.held"] = new("年度日志保全", "a year's log put on hold"),
        ["log.hold_released"] = new("解除年度日志保全", "a hold on a year's log released"),
        ["log.retirement_asked"] = new("申请销毁年度日志", "the retirement of a year's log asked for"),
        ["log.retired"] = new("年度日志到期销毁", "a year's log retired"),
        ["conflict"] = new("同一编号出现两种不同内容", "one event id arrived with two different contents"),
    };

    private static readonly (string Key, Text Name)[] Fields =
    [
        ("exchange_id", new("交换编号", "exchange")),
        ("requesting", new("需求部门", "asking department")),
        ("providing", new("提供部门", "providing department")),
        ("service", new("数据集", "dataset")),
        ("service_version", new("数据集版本", "dataset version")),
        ("purpose", new("依据", "legal basis")),
        ("approval", new("批准", "approval")),
        ("result", new("结果", "result")),
        ("records", new("行数", "rows")),
        ("bytes", new("字节数", "bytes")),
        ("source", new("记录来源", "recorded by")),
        ("seq", new("来源序号", "number at its source")),
        ("at", new("发生时间", "happened at")),
        ("id", new("事件编号", "event")),
    ];

    private static readonly Dictionary<string, Text> Results = new(StringComparer.Ordinal)
    {
        ["complete"] = new("完整", "complete"),
        ["aborted"] = new("中断", "aborted"),
        ["failed"] = new("失败", "failed"),
        ["approved"] = new("同意", "approved"),
        ["refused"] = new("不同意", "refused"),
        ["equal"] = new("一致", "equal to what was sent"),
        ["different"] = new("不一致", "different from what was sent"),
    };

    public static IEnumerable<string> Of(Leaf leaf, bool zh)
    {
        var type = leaf.Event.TryGetProperty("type", out var value) ? Plain(value.ToString()) : "?";
        yield return zh ? $"  事件：{OfType(type, zh)}" : $"  event type: {OfType(type, zh)}";
        foreach (var (key, name) in Fields)
        {
            if (leaf.Event.TryGetProperty(key, out var field))
            {
                yield return zh ? $"  {name.Zh}：{Field(key, field, zh)}" : $"  {name.En}: {Field(key, field, zh)}";
            }
        }
        if (leaf.Event.TryGetProperty("details", out var details) && details.ValueKind == JsonValueKind.Object)
        {
            foreach (var detail in details.EnumerateObject())
            {
                yield return zh ? $"  详情 {Plain(detail.Name)}：{Plain(detail.Value.ToString())}" : $"  detail {Plain(detail.Name)}: {Plain(detail.Value.ToString())}";
            }
        }
        var received = leaf.ReceivedAt.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        yield return zh ? $"  日志收到时间：{received}" : $"  received by the log at: {received}";
    }

    public static string OfType(string type, bool zh) => Types.TryGetValue(type, out var words) ? $"{(zh ? words.Zh : words.En)} ({type})" : Plain(type);

    /// <summary>Without control and formatting characters.</summary>
    public static string Plain(string text)
    {
        var plain = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            plain.Append(Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned ? "\uFFFD" : rune.ToString());
        }
        return plain.ToString();
    }

    private static string Field(string key, JsonElement field, bool zh)
    {
        var text = Plain(field.ToString());
        return key == "result" && Results.TryGetValue(text, out var result) ? $"{(zh ? result.Zh : result.En)} ({text})" : text;
    }
}
