using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Applied = Exchange.Catalogue.Sharing.SharingOutcome.Applied;

namespace Exchange.Tests.Sharing;

/// <summary>A department in Zhuzhou asks Changsha's; everyone who takes part, and every event as the right person would cause it.</summary>
internal static class Scene
{
    public const string Asking = "11430200000000001A";
    public const string Owning = "11430100000000002B";

    public static readonly DateTimeOffset Now = new(2026, 3, 2, 2, 0, 0, TimeSpan.Zero);
    public static readonly DateOnly UseUntil = new(2026, 12, 31);
    public static readonly LegalDate ReplyDue = new(new DateOnly(2026, 3, 16), false);
    public static readonly LegalDate DeliveryDue = new(new DateOnly(2026, 3, 30), false);

    public static readonly Caller Officer = Person("zhuzhou-officer", "zhuzhou", Asking, Roles.Officer);
    public static readonly Caller AskingHead = Person("zhuzhou-head", "zhuzhou", Asking, Roles.SharingHead);
    public static readonly Caller Reviewer = Person("changsha-reviewer", "changsha", Owning, Roles.Reviewer);
    public static readonly Caller Authority = Person("changsha-authority", "changsha", "11430100000000009Z", Roles.Authority);
    public static readonly Caller OwningHead = Person("changsha-head", "changsha", Owning, Roles.SharingHead);

    public static readonly Ask Ask = new()
    {
        ExchangeId = Guid.Parse("0195570e-5c00-7000-8000-000000000001"),
        AskingCity = "zhuzhou",
        AskingDepartment = Asking,
        OwningCity = "changsha",
        OwningDepartment = Owning,
        DatasetId = Guid.Parse("0195570e-5c00-7000-8000-000000000002"),
        DatasetVersion = 3,
        SharingClass = SharingClass.Conditional,
        Fields = ["name", "area", "since"],
        UseUntil = UseUntil,
    };

    public static readonly Proposal Approval = new() { Decision = SharingDecision.Approve };
    public static readonly Proposal Refusal = new() { Decision = SharingDecision.Refuse, Reason = "用途不属于职责范围", Grounds = [RefusalGrounds.OutsideDuty] };
    public static readonly RequestTexts Texts = new() { DepartmentName = "示例", DatasetName = "示例", LegalBasis = "依据", Scenario = "场景", Scope = "范围", Method = "rows" };
    public static readonly IReadOnlyList<MissingItem> Missing = [new("legal_basis", "请注明条款（示例）")];
    public static readonly ScopeChange Change = new() { Scenario = "扩大用途（示例）", Reason = "《示例条例》（示例）", AskedAt = Now };
    public static readonly Disposal Disposal = new() { Method = Disposals.Delete, Note = "已删除（示例）", By = Officer.Subject, SecondPerson = AskingHead.Subject, At = Now };
    public static readonly DateOnly RepairBy = new(2026, 3, 9);
    public static readonly LegalDate DisposalDue = new(new DateOnly(2026, 7, 14), false);
    public static readonly LegalDate Counted = new(new DateOnly(2027, 1, 6), false);
    public static readonly LegalDate Later = new(new DateOnly(2026, 3, 23), false);

    public static Caller Person(string subject, string city, string department, params string[] roles) => new()
    {
        Subject = subject,
        IsPerson = true,
        ClientId = "portal",
        Name = subject,
        City = city,
        Department = department,
        Roles = roles.ToHashSet(StringComparer.Ordinal),
    };

    public static StandingSignOff Standing(SharingDecision decision) => new()
    {
        DatasetVersion = Ask.DatasetVersion,
        Decision = decision,
        CitedLaw = decision == SharingDecision.Refuse ? "《统计法》第9条" : null,
        SignedBy = OwningHead.Subject,
        Department = Owning,
        Since = new DateOnly(2026, 1, 5),
    };

    /// <summary>The event as the right person, message or clock brings it.</summary>
    public static SharingEvent Event(SharingEventName name) => name switch
    {
        SharingEventName.Draft => new SharingEvent.Draft(Officer, Ask),
        SharingEventName.Revise => new SharingEvent.Revise(Officer, Ask, Texts),
        SharingEventName.SignOff => new SharingEvent.SignOff(AskingHead),
        SharingEventName.Submit => new SharingEvent.Submit(Officer),
        SharingEventName.Supplement => new SharingEvent.Supplement(Officer, "补充依据", Texts),
        SharingEventName.Withdraw => new SharingEvent.Withdraw(Officer, "不再需要"),
        SharingEventName.AskChange => new SharingEvent.AskChange(Officer, Change),
        SharingEventName.SignOffAskedChange => new SharingEvent.SignOffAskedChange(AskingHead),
        SharingEventName.TakeBack => new SharingEvent.TakeBack(Officer),
        SharingEventName.ReportRepair => new SharingEvent.ReportRepair(Officer, "已收回权限（示例）"),
        SharingEventName.AnswerConsultation => new SharingEvent.AnswerConsultation(AskingHead, Agreed: true, "同意（示例）"),
        SharingEventName.Dispute => new SharingEvent.Dispute(AskingHead, "理由不成立（示例）"),
        SharingEventName.Dispose => new SharingEvent.Dispose(Officer, Disposals.Delete, "已删除（示例）", TwoPersons: true),
        SharingEventName.ConfirmDisposal => new SharingEvent.ConfirmDisposal(AskingHead),
        SharingEventName.AskSupplement => new SharingEvent.AskSupplement(Reviewer, Missing, 8),
        SharingEventName.Extend => new SharingEvent.Extend(Reviewer, 3, "涉及多个部门", 10),
        SharingEventName.AnswerExtension => new SharingEvent.AnswerExtension(Authority, Consent: true, Reason: null, Later),
        SharingEventName.Propose => new SharingEvent.Propose(Reviewer, Approval, Later),
        SharingEventName.ReturnReply => new SharingEvent.ReturnReply(OwningHead, "请写明范围"),
        SharingEventName.SignOffReply => new SharingEvent.SignOffReply(OwningHead, DeliveryDue),
        SharingEventName.Suspend => new SharingEvent.Suspend(OwningHead, "超出用途（示例）", RepairBy),
        SharingEventName.Resume => new SharingEvent.Resume(OwningHead),
        SharingEventName.Terminate => new SharingEvent.Terminate(OwningHead, "未整改（示例）", DisposalDue),
        SharingEventName.Consult => new SharingEvent.Consult(OwningHead, "end", "系统停用（示例）", new DateOnly(2026, 4, 1), Later),
        SharingEventName.FileChange => new SharingEvent.FileChange(OwningHead),
        SharingEventName.EndService => new SharingEvent.EndService(OwningHead, DisposalDue),
        SharingEventName.ProposeChange => new SharingEvent.ProposeChange(Reviewer, Approval),
        SharingEventName.SignOffChange => new SharingEvent.SignOffChange(OwningHead),
        SharingEventName.DisputeStep => new SharingEvent.DisputeStep(OwningHead, "position", "维持答复（示例）"),
        SharingEventName.Receive => new SharingEvent.Receive(new Submission(Ask, AskingHead.Subject, Now, 3), ReplyDue),
        SharingEventName.StandingReply => new SharingEvent.StandingReply(Standing(SharingDecision.Approve), DeliveryDue),
        SharingEventName.SourceAnswered => new SharingEvent.SourceAnswered(),
        SharingEventName.SupplementReceived => new SharingEvent.SupplementReceived("补充依据", Texts, Later),
        SharingEventName.WithdrawReceived => new SharingEvent.WithdrawReceived("不再需要", DisposalDue),
        SharingEventName.ChangeReceived => new SharingEvent.ChangeReceived(Change with { SignedBy = AskingHead.Subject }, Later),
        SharingEventName.RepairReceived => new SharingEvent.RepairReceived("已收回权限（示例）", Now),
        SharingEventName.ConsultationReceived => new SharingEvent.ConsultationReceived(Agreed: true, "同意（示例）", Now),
        SharingEventName.DisputeReceived => new SharingEvent.DisputeReceived("理由不成立（示例）", Now),
        SharingEventName.DisposeReceived => new SharingEvent.DisposeReceived(Disposal),
        SharingEventName.TermEnd => new SharingEvent.TermEnd(DisposalDue),
        SharingEventName.Archive => new SharingEvent.Archive(new DateOnly(2029, 3, 2)),
        SharingEventName.Recount => new SharingEvent.Recount(Counted, Counted, Counted),
        SharingEventName.ReplyReminder or SharingEventName.DeliveryReminder or SharingEventName.DisposalReminder => new SharingEvent.ClockStepped(name, ClockStep.Reminder),
        SharingEventName.ReplyBreached or SharingEventName.DeliveryBreached or SharingEventName.DisposalBreached or SharingEventName.RepairBreached => new SharingEvent.ClockStepped(name, ClockStep.Breach),
        SharingEventName.ReplyEscalated or SharingEventName.DeliveryEscalated or SharingEventName.DisposalEscalated => new SharingEvent.ClockStepped(name, ClockStep.Head),
        _ => throw new InvalidOperationException($"{name} has no event here."),
    };

    /// <summary>A request in this state, with what it would carry there.</summary>
    public static SharingRequest? In(SharingState state, string sharingClass = SharingClass.Conditional)
    {
        if (state == SharingState.None)
            return null;
        var request = new SharingRequest
        {
            Ask = Ask with { SharingClass = sharingClass },
            State = state,
            Version = 7,
            DraftedBy = Officer.Subject,
        };
        if (state is SharingState.Draft)
            return request;
        request = request with { SignedOffBy = AskingHead.Subject };
        if (state is SharingState.SignedOff)
            return request;
        request = request with { SubmittedAt = Now, ReceivedAt = Now, ReplyDue = ReplyDue };
        if (state is SharingState.Submitted or SharingState.UnderReview)
            return request;
        if (state is SharingState.SupplementAsked)
            return request with { ReplyDue = null, Supplement = new SupplementNotice { Missing = Missing, AskedAt = Now, DaysLeft = 8 } };
        request = request with { ProposedBy = Reviewer.Subject, Proposal = state == SharingState.Refused ? Refusal : Approval };
        if (state is SharingState.Decided)
            return request;
        return request with
        {
            ReplyDue = null,
            DeliveryDue = state == SharingState.Approved ? DeliveryDue : null,
            Suspension = state is SharingState.Suspended ? new Suspension { Reason = "超出用途（示例）", RepairBy = RepairBy, By = "provider", At = Now } : null,
            DisposalDue = state is SharingState.Ended or SharingState.Terminated ? DisposalDue : null,
            Grant = state == SharingState.Refused ? null : new GrantTerms
            {
                ExchangeId = Ask.ExchangeId,
                DatasetId = Ask.DatasetId,
                DatasetVersion = Ask.DatasetVersion,
                Fields = Ask.Fields,
                ValidFrom = new DateOnly(2026, 3, 2),
                ValidUntil = UseUntil,
            },
        };
    }

    public static RequestProgressed News(SharingRequest row, string what = "receive") => new()
    {
        ExchangeId = row.Ask.ExchangeId,
        AskingCity = row.Ask.AskingCity,
        OwningCity = row.Ask.OwningCity,
        OwningDepartment = row.Ask.OwningDepartment!,
        Version = row.Version,
        State = row.State.Word(),
        Event = what,
        Reference = "长沙-2026-000001",
        ReceivedAt = row.ReceivedAt ?? Now,
        ReplyDue = row.ReplyDue,
        DeliveryDue = row.DeliveryDue,
        Supplement = row.Supplement,
        Extension = row.Extension,
        Reply = row.Reply,
        Grant = row.Grant,
        Suspension = row.Suspension,
        Change = row.Change,
        Consultation = row.Consultation,
        Dispute = row.Dispute,
        DisposalDue = row.DisposalDue,
        Disposal = row.Disposal,
        RetainUntil = row.RetainUntil,
        EndReason = row.EndReason,
        At = Now,
    };

    public static SharingRequest After(SharingRequest? request, params SharingEvent[] events)
    {
        foreach (var happened in events)
            request = (SharingProcess.Apply(request, happened, Now) as Applied ?? throw new InvalidOperationException($"{happened.Name} in {request?.State}: {SharingProcess.Apply(request, happened, Now)}")).Request;
        return request!;
    }
}
