using Exchange.Hosting;

namespace Exchange.Catalogue.Sharing;

/// <summary>Every refusal of the sharing process: the article it rests on, and the way out.</summary>
internal static class SharingRules
{
    // Who.

    public static readonly Rule PersonRequired = RoutePolicy.PersonRequired;

    public static readonly Rule RoleMissing = RoutePolicy.RoleMissing;

    public static readonly Rule WrongDepartment = new("wrong-department", 403, "第20条",
        new("只有本申请对应部门的本市工作人员可以办理此事项。", "Only people of the department concerned, in its own city, may do this."),
        new("需求方事项由申请部门办理，提供方事项由数据提供部门办理。", "The asking department acts for the asking side, the providing department for the owning side."));

    public static readonly Rule SamePersonSigns = new("same-person-signs", 403, "第20条",
        new("起草人不得审签本人起草的申请。", "Whoever drafted a request does not sign it off."),
        new("请由本部门共享工作机构的另一位负责人审签。", "Have another head of the department's sharing office sign it off."));

    public static readonly Rule SamePersonReplies = new("same-person-replies", 403, "第20条",
        new("拟办人不得审签本人提出的答复意见。", "Whoever proposed a reply does not sign it."),
        new("请由提供部门共享工作机构的另一位负责人审签。", "Have another head of the providing department's sharing office sign it."));

    // Before the request leaves the asking city.

    public static readonly Rule NoSuchRequest = new("no-such-request", 404, null,
        new("本市没有此项申请。", "This city has no such request."),
        new("请核对编号，或到申请所在城市查询。", "Check the id, or ask the city where the request is."));

    public static readonly Rule AlreadyDrafted = new("already-drafted", 409, null,
        new("此编号的申请已经存在。", "A request with this id exists already."),
        new("请修改原申请，或以新编号另行起草。", "Change that request, or draft another one under a new id."));

    public static readonly Rule AlreadySignedOff = new("already-signed-off", 409, "第20条",
        new("申请已经审签。", "The request is signed off already."),
        new("可直接提交。", "It can be submitted."));

    public static readonly Rule NotSignedOff = new("not-signed-off", 409, "第20条",
        new("申请须先经需求部门共享工作机构负责人审签。", "The head of the asking department's sharing office signs a request before it is submitted."),
        new("请由负责人审签后提交。", "Have the head sign it off, then submit it."));

    public static readonly Rule AlreadySubmitted = new("already-submitted", 409, "第20条",
        new("申请已经提交，需求方不能再改动。", "The request is submitted; the asking side no longer changes it."),
        new("可撤回后重新申请，或等待提供方通知补正。", "Withdraw it and ask anew, or wait until the provider asks for a supplement."));

    public static readonly Rule NotSubmitted = new("not-submitted", 409, "第20条",
        new("申请尚未提交。", "The request is not submitted yet."),
        new("请先由需求部门审签并提交。", "The asking department signs it off and submits it first."));

    // While it is answered.

    /// <summary>For a consumer: the message overtook the request. Try again until the request is there.</summary>
    public static readonly Rule NotYetReceived = new("not-yet-received", 409, null,
        new("本市尚未收到此项申请。", "The request has not been received here yet."),
        new("系统收到申请后会再次处理。", "It is handled again once the request is there."));

    public static readonly Rule SupplementNotAsked = new("supplement-not-asked", 409, "第21条",
        new("提供方没有要求补正材料。", "The provider has not asked for a supplement."),
        new("如需更改申请内容，请撤回后重新申请。", "To change what is asked for, withdraw the request and ask anew."));

    public static readonly Rule SupplementOnce = new("supplement-once", 409, "第21条",
        new("补正材料须一次性告知，不得再次要求。", "Missing material is asked for once, all of it, and not again."),
        new("请等待需求方补正后审核。", "Wait for the supplement, then decide."));

    public static readonly Rule ExtensionTooLong = new("extension-too-long", 422, "第21条",
        new("延长答复期限累计不得超过十个工作日，且不得超过本市规定。", "The reply clock is extended by at most ten working days in total, and by no more than the city has set."),
        new("请在剩余的可延长天数内申请，或在期限内答复。", "Ask for no more than is left, or reply inside the clock."));

    public static readonly Rule ExtensionAskedAlready = new("extension-asked", 409, "第21条",
        new("已有延期申请，等待本市数据主管部门答复。", "An extension is asked for and waits for the data authority's answer."),
        new("请由本市数据主管部门答复。", "Have the city's data authority answer it."));

    public static readonly Rule ExtensionNotAsked = new("extension-not-asked", 409, "第21条",
        new("没有等待答复的延期申请。", "No extension waits for an answer."),
        new("须先由提供部门申请延期。", "The providing department asks for it first."));

    public static readonly Rule ExtensionTooLate = new("extension-too-late", 409, "第21条",
        new("答复期限已过，不能再延长。", "The reply clock has run out and is no longer extended."),
        new("请立即答复；逾期情况已有记录。", "Reply at once; that it is late is on record."));

    public static readonly Rule SamePersonConsents = new("same-person-consents", 403, "第21条",
        new("申请延期的人不得同意本人的申请。", "Whoever asked for an extension does not consent to it."),
        new("请由本市数据主管部门的另一位工作人员答复。", "Have another person of the city's data authority answer it."));

    public static readonly Rule OtherAuthority = new("other-authority", 403, "第21条",
        new("只有提供部门所在城市的数据主管部门可以办理此事项。", "Only the data authority of the providing department's city may do this."),
        new("请由提供方城市的数据主管部门办理。", "Have the owning city's data authority do it."));

    public static readonly Rule RefusalNeedsGrounds = new("refusal-needs-grounds", 422, "第21条",
        new("不同意共享的，应当注明所依据的规定。", "A refusal names the rule that it rests on."),
        new("请选择至少一项依据：超出履职需要、超出必要范围、不符合共享条件、法律规定不予共享、其他。", "Choose at least one of the grounds: outside_duty, not_necessary, conditions_not_met, not_shared_by_law, other."));

    public static readonly Rule IncompleteIsNoRefusal = new("incomplete-is-no-refusal", 409, "第21条",
        new("不得仅以材料不全为由不同意共享。", "A request is not refused because material is missing alone."),
        new("请一次性告知全部需要补正的内容。", "Ask for everything that is missing, in one notice."));

    public static readonly Rule AlreadyProposed = new("already-proposed", 409, "第20条",
        new("已有拟办意见，等待负责人审签。", "A reply is proposed and waits for the head's signature."),
        new("请由提供部门共享工作机构负责人审签。", "Have the head of the providing department's sharing office sign it."));

    public static readonly Rule NotProposed = new("not-proposed", 409, "第20条",
        new("尚无可供审签的拟办意见。", "There is no proposed reply to sign."),
        new("请先由审核人员提出同意或不同意的意见。", "A reviewer proposes to approve or to refuse first."));

    public static readonly Rule AlreadyAnswered = new("already-answered", 409, "第21条",
        new("申请已经答复，答复只作一次。", "The request is answered; it is answered once."),
        new("如有异议，按第28条协商；需扩大范围的，另行申请。", "Who disagrees negotiates under art. 28; a wider need is a new request."));

    public static readonly Rule AlreadyWithdrawn = new("already-withdrawn", 409, "第20条",
        new("需求方已撤回申请。", "The asking side has withdrawn the request."),
        new("无需再办理；需求方可重新申请。", "Nothing is left to do; the asking side may ask anew."));

    public static readonly Rule AlreadyPending = new("already-pending", 409, null,
        new("此前的操作已发往提供方城市，尚待答复。", "An earlier act is on its way to the owning city and waits for its answer."),
        new("请等待答复后再办理。", "Wait for the answer."));

    public static readonly Rule RefusalNeedsReason = new("refusal-needs-reason", 422, "第21条",
        new("不同意共享的，应当说明理由。", "A refusal states its reasons."),
        new("请写明理由后重新提出。", "State the reasons and propose it again."));

    public static readonly Rule RefusalNeedsLaw = new("refusal-needs-law", 422, "第15条",
        new("不予共享的，应当列明法律、行政法规或者国务院决定依据。", "Not sharing rests on a law, an administrative regulation or a State Council decision, and cites it."),
        new("请引用目录条目所列依据。", "Cite the law that the entry names."));

    public static readonly Rule NotShared = new("not-shared", 409, "第14条",
        new("该目录条目为不予共享，不能同意。", "The entry is not shared, so the request cannot be approved."),
        new("请引用依据作出不同意答复；共享属性由提供部门变更并经数据主管部门审核。", "Refuse it citing the law; only the provider changes the sharing attribute, reviewed by the data authority."));

    public static readonly Rule WiderThanAsked = new("wider-than-asked", 422, "第20条",
        new("同意的数据项和使用时限不得超出申请。", "A grant does not exceed the fields and the term asked for."),
        new("请在申请范围内确定数据项和时限。", "Choose fields and a last day of use within the request."));

    public static readonly Rule NothingLeft = new("nothing-left", 422, "第21条",
        new("所有数据项都不提供，等于不同意。", "Every data item is dropped; that is no approval."),
        new("请至少保留一个数据项，或答复不同意并说明理由。", "Keep at least one data item, or refuse and say why."));

    public static readonly Rule TermOver = new("term-over", 409, "第20条",
        new("申请的使用时限已过。", "The last day of use asked for has passed."),
        new("请撤回后以新的使用时限重新申请。", "Withdraw it and ask anew with a later last day of use."));

    public static readonly Rule StandingOtherVersion = new("standing-other-version", 409, "第20条",
        new("预先审签只对该目录条目的同一版本有效。", "A standing sign-off holds for one version of the entry only."),
        new("请由提供部门人工答复，或为新版本预先审签。", "The provider answers in person, or its head gives a standing sign-off for this version."));

    public static readonly Rule StandingOtherClass = new("standing-other-class", 409, "第21条",
        new("预先审签只可用于同意无条件共享或不同意不予共享的数据。", "A standing sign-off grants unconditional entries or refuses entries that are not shared, nothing else."),
        new("请由提供部门在期限内人工答复。", "The provider answers in person within the time limit."));

    // During use and at the end.

    public static readonly Rule NotGranted = new("not-granted", 409, "第27条",
        new("没有正在使用的共享授权。", "No grant is in use."),
        new("待同意共享并开始供数后再办理。", "It can be done once the data is granted and flows."));

    public static readonly Rule AlreadySuspended = new("already-suspended", 409, "第27条",
        new("共享已经暂停。", "Access is suspended already."),
        new("整改后恢复，或整改不到位时终止。", "It is resumed when put right, or terminated when not."));

    public static readonly Rule NotSuspended = new("not-suspended", 409, "第27条",
        new("共享没有暂停。", "Access is not suspended."),
        new("无需恢复。", "There is nothing to resume."));

    public static readonly Rule SuspendFirst = new("suspend-first", 409, "第27条",
        new("终止前须先暂停共享并督促限期整改。", "Before access is terminated it is suspended and repair is pressed for by a set date."),
        new("请先暂停并写明整改期限。", "Suspend it first and set the date for repair."));

    public static readonly Rule GrantSuspended = new("grant-suspended", 409, "第27条",
        new("共享已暂停，整改前不受理范围变更。", "Access is suspended; its scope is not changed before repair."),
        new("请先完成整改。", "Put it right first."));

    public static readonly Rule NotEnded = new("not-ended", 409, "第27条",
        new("没有已结束的共享需要处置数据。", "No ended grant leaves data to dispose of."),
        new("使用期满、不再需要或共享终止后再登记处置。", "Disposal is recorded once the term is over, the need is gone or access is terminated."));

    public static readonly Rule AlreadyDisposed = new("already-disposed", 409, "第27条",
        new("数据处置已经登记。", "The disposal is recorded already."),
        new("无需重复登记。", "Nothing is left to do."));

    public static readonly Rule Closed = new("request-closed", 409, "第27条",
        new("此项申请已经办结。", "The request is closed."),
        new("如仍需数据，请重新申请。", "Ask anew if the data is still needed."));

    public static readonly Rule NothingPrepared = new("nothing-prepared", 409, "第20条",
        new("没有等待第二人办理的事项。", "Nothing waits for a second person."),
        new("须先由一人起草变更或登记处置。", "One person prepares the change or the disposal first."));

    public static readonly Rule SamePersonConfirms = new("same-person-confirms", 403, "GB/T 45396-2025 7.2",
        new("个人信息和重要数据的处置须由另一人复核，登记人不得复核本人的登记。", "The disposal of personal or important data is confirmed by another person than the one who recorded it."),
        new("请由本部门另一位工作人员或共享工作机构负责人复核。", "Have another officer or the head of the department's sharing office confirm it."));

    public static readonly Rule ChangeAskedAlready = new("change-asked", 409, "第25条",
        new("已有变更申请，等待提供方答复。", "A change is asked for and waits for the provider's decision."),
        new("请等待答复后再申请。", "Wait for the decision."));

    public static readonly Rule NoChangeAsked = new("no-change-asked", 409, "第25条",
        new("没有等待答复的变更申请。", "No change waits for a decision."),
        new("变更由需求方提出。", "The asking side asks for a change first."));

    public static readonly Rule RepairDatePast = new("repair-date-past", 422, "第27条",
        new("整改期限不得早于今天。", "The date for putting it right is not before today."),
        new("请确定今天或以后的日期。", "Set today or a later day."));

    public static readonly Rule RepairDateNotReached = new("repair-date-not-reached", 409, "第27条",
        new("整改期限未到，需求方也未报告整改情况，不能终止。", "The date for putting it right is not past and the asking side has not reported; access is not terminated yet."),
        new("请等待期限届满或需求方报告整改。", "Wait for the date or for the report."));

    public static readonly Rule ConsultationOpen = new("consultation-open", 409, "第27条",
        new("已有未备案的协商。", "A consultation is open that is not filed yet."),
        new("请先完成该次协商并备案。", "Finish that one and file it first."));

    public static readonly Rule ConsultBefore = new("consult-before", 422, "第27条",
        new("终止或者变更共享服务应当事先协商，生效日须在今天之后。", "Who ends or changes a running service consults beforehand: it takes effect after today."),
        new("请确定今天以后的生效日。", "Choose a day after today."));

    public static readonly Rule NotConsulted = new("not-consulted", 409, "第27条",
        new("没有进行中的协商。", "No consultation is open."),
        new("须先由提供部门发起协商。", "The providing department consults the asking side first."));

    public static readonly Rule ConsultationRuns = new("consultation-runs", 409, "第27条",
        new("需求方尚未答复，答复期限未到，不能备案。", "The asking side has not answered and its time is not over; it is not filed yet."),
        new("请等待答复或答复期限届满。", "Wait for the answer or for the day it is due."));

    public static readonly Rule ConsultAndFile = new("consult-and-file", 409, "第27条",
        new("终止共享服务须先与需求方协商、向本级数据主管部门备案，并到生效日。", "A running service is ended after the asking side was consulted, the end was filed with the data authority and its day has come."),
        new("请先发起终止服务的协商（kind 为 end）并备案，到生效日后再办理。", "Consult (kind end) and file it first, and wait for its day."));

    public static readonly Rule DisputeOrder = new("dispute-order", 409, "第28条",
        new("争议按协商、共同上级主管部门协调、本级人民政府决定的顺序办理。", "A dispute is negotiated first, then coordinated by the common superior authority, then decided by its government."),
        new("请先登记立场（position），再逐级提交。", "Begin with a position, and go up step by step."));

    public static readonly Rule AuthorityRecords = new("authority-records", 403, "第28条",
        new("上级主管部门和人民政府的决定由提供方城市的数据主管部门登记。", "What the superior authority or the government decided is written down by the owning city's data authority."),
        new("请由数据主管部门登记，并注明文号。", "Have the data authority write it down, with the document's number."));
}
