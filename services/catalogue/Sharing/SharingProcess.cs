using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Grants;
using Exchange.Contracts;
using Exchange.Hosting;
using static Exchange.Catalogue.Sharing.SharingEffect;
using static Exchange.Catalogue.Sharing.SharingOutcome;
using E = Exchange.Catalogue.Sharing.SharingEventName;
using ProbeSource = Exchange.Catalogue.Sharing.SharingEffect.ProbeSource;
using Refused = Exchange.Catalogue.Sharing.SharingOutcome.Refused;
using S = Exchange.Catalogue.Sharing.SharingState;

// A state or event that the table does not name does not compile (CS8509). CS8524 would ask for numbers that are no state at all.
#pragma warning disable CS8524

namespace Exchange.Catalogue.Sharing;

/// <summary>
/// The sharing process of 《政务数据共享条例》, as a pure function. First the table, one line of states per answer and no default, then the steps.
/// Persons are told why something is refused; messages, machines and clocks that come twice or too late are ignored.
/// Before <see cref="S.Submitted"/> the asking city runs it on its own row, from then on the owning city does; the asking city's mirror only
/// follows (<see cref="Follow"/>) and notes its own acts as pending. SharingProcess.md is written from this table.
/// </summary>
internal static class SharingProcess
{
    /// <summary>Working days by which the reply clock is extended in total, at most (art. 21).</summary>
    public const int LongestExtension = 10;

    /// <param name="request">This city's row; null when there is none.</param>
    /// <param name="event">What happened.</param>
    /// <param name="now">Business time.</param>
    public static SharingOutcome Apply(SharingRequest? request, SharingEvent @event, DateTimeOffset now)
    {
        // Who may act comes before what may happen, so that a stranger learns nothing about the state.
        if (@event is PersonAct act && Stranger(act, request?.Ask ?? (@event as SharingEvent.Draft)?.Ask) is { } stranger)
            return stranger;

        return Cell(request?.State ?? S.None, @event.Name) switch
        {
            SharingCell.Apply apply => apply.Step(request, @event, now),
            SharingCell.Pend => Pend(request!, (AskingAct)@event, now),
            SharingCell.Ignore ignore => new Ignored(ignore.Why),
            SharingCell.Refuse refuse => new Refused(refuse.Rule),
            var cell => throw new InvalidOperationException($"No answer for {cell}."),
        };
    }

    /// <summary>The asking city's mirror takes over the owning city's newest version. It needs no earlier one, and an older or repeated one changes nothing.</summary>
    public static SharingOutcome Follow(SharingRequest? mirror, RequestProgressed news)
    {
        if (mirror is null)
            return new Refused(SharingRules.NoSuchRequest);
        if (mirror.State is S.Draft or S.SignedOff)
            return new Refused(SharingRules.NotSubmitted);
        // Received a second time: the owning city's database was restored to before the first, and what it decides from now on is what counts.
        var anew = news.ReceivedAt > mirror.ReceivedAt;
        if (news.ReceivedAt < mirror.ReceivedAt || (news.Version <= mirror.Version && !anew))
            return new Ignored("older than the mirror, or the same");

        return new Applied(Answered(AsTold(mirror, news)), []);
    }

    /// <summary>The request as the owning city tells it in these news; newer ones may have reached the mirror before them.</summary>
    public static SharingRequest AsTold(SharingRequest mirror, RequestProgressed news) => mirror with
    {
        Ask = mirror.Ask with { OwningDepartment = news.OwningDepartment },
        State = Words.Parse<SharingState>(news.State),
        Version = news.Version,
        ReceivedAt = news.ReceivedAt,
        ReplyDue = news.ReplyDue,
        DeliveryDue = news.DeliveryDue,
        Supplement = news.Supplement,
        Extension = news.Extension,
        Reply = news.Reply,
        Grant = news.Grant,
        Suspension = news.Suspension,
        Change = news.Change,
        Consultation = news.Consultation,
        Dispute = news.Dispute,
        DisposalDue = news.DisposalDue,
        Disposal = news.Disposal,
        RetainUntil = news.RetainUntil,
        EndReason = news.EndReason,
    };

    // The table.

    public static SharingCell Cell(SharingState state, SharingEventName name) => name switch
    {
        E.Draft => OnDraft(state),
        E.Revise => OnRevise(state),
        E.SignOff => OnSignOff(state),
        E.Submit => OnSubmit(state),
        E.Supplement => OnSupplement(state),
        E.Withdraw => OnWithdraw(state),
        E.AskChange or E.SignOffAskedChange => OnAskChange(state),
        E.TakeBack => OnTakeBack(state),
        E.ReportRepair => OnReportRepair(state),
        E.AnswerConsultation => OnAnswerConsultation(state),
        E.Dispute => OnDispute(state),
        E.Dispose or E.ConfirmDisposal => OnDispose(state),
        E.AskSupplement => OnAskSupplement(state),
        E.Extend => OnExtend(state),
        E.AnswerExtension => OnAnswerExtension(state),
        E.Propose => OnPropose(state),
        E.ReturnReply => OnReturnReply(state),
        E.SignOffReply => OnSignOffReply(state),
        E.Suspend => OnSuspend(state),
        E.Resume => OnResume(state),
        E.Terminate => OnTerminate(state),
        E.Consult => OnRunningService(state, Do<SharingEvent.Consult>(Consult, state)),
        E.FileChange => OnRunningService(state, Do<SharingEvent.FileChange>(FileChange, state)),
        E.EndService => OnRunningService(state, Do<SharingEvent.EndService>(EndService, S.Ended)),
        E.ProposeChange => OnChange(state, Do<SharingEvent.ProposeChange>(ProposeChange, state)),
        E.SignOffChange => OnChange(state, Do<SharingEvent.SignOffChange>(SignOffChange, state)),
        E.DisputeStep => OnDisputeStep(state),
        E.Receive => OnReceive(state),
        E.StandingReply => OnStandingReply(state),
        E.SourceAnswered => OnSourceAnswered(state),
        E.SupplementReceived => OnSupplementReceived(state),
        E.ChangeReceived => OnChangeReceived(state),
        E.RepairReceived => OnRepairReceived(state),
        E.ConsultationReceived => OnConsultationReceived(state),
        E.WithdrawReceived => OnWithdrawReceived(state),
        E.DisputeReceived => OnDisputeReceived(state),
        E.DisposeReceived => OnDisposeReceived(state),
        E.TermEnd => OnTermEnd(state),
        E.Archive => OnArchive(state),
        E.Recount => OnRecount(state),
        E.ReplyReminder or E.ReplyBreached or E.ReplyEscalated => OnReplyClock(state),
        E.DeliveryReminder or E.DeliveryBreached or E.DeliveryEscalated => OnDeliveryClock(state),
        E.RepairBreached => OnRepairClock(state),
        E.DisposalReminder or E.DisposalBreached or E.DisposalEscalated => OnDisposalClock(state),
    };

    private static SharingCell OnDraft(SharingState state) => state switch
    {
        S.None => Do<SharingEvent.Draft>(Draft, S.Draft),
        S.Draft or S.SignedOff or S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided or S.Approved or S.Refused or S.Active or S.Suspended
            or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.AlreadyDrafted),
    };

    private static SharingCell OnRevise(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Do<SharingEvent.Revise>(Revise, S.Draft), // a signature was for another text
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided or S.Approved or S.Active or S.Suspended => Refuse(SharingRules.AlreadySubmitted),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnSignOff(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft => Do<SharingEvent.SignOff>(SignOff, S.SignedOff),
        S.SignedOff => Refuse(SharingRules.AlreadySignedOff),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided or S.Approved or S.Active or S.Suspended => Refuse(SharingRules.AlreadySubmitted),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnSubmit(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft => Refuse(SharingRules.NotSignedOff),
        S.SignedOff => Do<SharingEvent.Submit>(Submit, S.Submitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided or S.Approved or S.Active or S.Suspended => Refuse(SharingRules.AlreadySubmitted),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnSupplement(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.Decided => Refuse(SharingRules.SupplementNotAsked),
        S.SupplementAsked => new SharingCell.Pend(),
        S.Approved or S.Active or S.Suspended => Refuse(SharingRules.AlreadyAnswered),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnWithdraw(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Do<SharingEvent.Withdraw>(WithdrawBeforeSubmission, S.Withdrawn),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided or S.Approved or S.Active or S.Suspended => new SharingCell.Pend(),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnAskChange(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided => Refuse(SharingRules.NotGranted),
        S.Approved or S.Active => new SharingCell.Pend(), // prepared by one person, sent with the signature of another
        S.Suspended => Refuse(SharingRules.GrantSuspended),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnTakeBack(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided => Refuse(SharingRules.NothingPrepared),
        S.Approved or S.Active or S.Suspended or S.Terminated or S.Ended => new SharingCell.Pend(), // nothing was sent yet, so nothing stays pending
        S.Refused or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnReportRepair(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided or S.Approved => Refuse(SharingRules.NotGranted),
        S.Active => Refuse(SharingRules.NotSuspended),
        S.Suspended => new SharingCell.Pend(),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnAnswerConsultation(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided => Refuse(SharingRules.NotGranted),
        S.Approved or S.Active or S.Suspended => new SharingCell.Pend(),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnDispute(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided or S.Approved or S.Refused or S.Active or S.Suspended or S.Terminated or S.Ended => new SharingCell.Pend(),
        S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnDispose(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided or S.Approved or S.Refused or S.Active or S.Suspended or S.Withdrawn => Refuse(SharingRules.NotEnded),
        S.Terminated or S.Ended => new SharingCell.Pend(), // personal and important data: prepared by one person, sent once another has confirmed
        S.Disposed or S.Archived => Refuse(SharingRules.AlreadyDisposed),
    };

    private static SharingCell OnAskSupplement(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted => Refuse(SharingRules.NotYetReceived),
        S.UnderReview => Do<SharingEvent.AskSupplement>(AskSupplement, S.SupplementAsked), // once: a second notice is refused
        S.SupplementAsked => Refuse(SharingRules.SupplementOnce),
        S.Decided => Refuse(SharingRules.AlreadyProposed),
        S.Approved or S.Refused or S.Active or S.Suspended or S.Terminated or S.Ended or S.Disposed or S.Archived => Refuse(SharingRules.AlreadyAnswered),
        S.Withdrawn => Refuse(SharingRules.AlreadyWithdrawn),
    };

    private static SharingCell OnExtend(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted => Refuse(SharingRules.NotYetReceived),
        S.UnderReview or S.SupplementAsked or S.Decided => Do<SharingEvent.Extend>(Extend, state),
        S.Approved or S.Refused or S.Active or S.Suspended or S.Terminated or S.Ended or S.Disposed or S.Archived => Refuse(SharingRules.AlreadyAnswered),
        S.Withdrawn => Refuse(SharingRules.AlreadyWithdrawn),
    };

    private static SharingCell OnAnswerExtension(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted => Refuse(SharingRules.NotYetReceived),
        S.UnderReview or S.SupplementAsked or S.Decided => Do<SharingEvent.AnswerExtension>(AnswerExtension, state),
        S.Approved or S.Refused or S.Active or S.Suspended or S.Terminated or S.Ended or S.Disposed or S.Archived => Refuse(SharingRules.AlreadyAnswered),
        S.Withdrawn => Refuse(SharingRules.AlreadyWithdrawn),
    };

    private static SharingCell OnPropose(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted => Refuse(SharingRules.NotYetReceived),
        S.UnderReview => Do<SharingEvent.Propose>(Propose, S.Decided),
        S.SupplementAsked => Do<SharingEvent.Propose>(Propose, S.Decided), // on what there is, never a refusal for incompleteness alone
        S.Decided => Refuse(SharingRules.AlreadyProposed),
        S.Approved or S.Refused or S.Active or S.Suspended or S.Terminated or S.Ended or S.Disposed or S.Archived => Refuse(SharingRules.AlreadyAnswered),
        S.Withdrawn => Refuse(SharingRules.AlreadyWithdrawn),
    };

    private static SharingCell OnReturnReply(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted => Refuse(SharingRules.NotYetReceived),
        S.UnderReview or S.SupplementAsked => Refuse(SharingRules.NotProposed),
        S.Decided => Do<SharingEvent.ReturnReply>(ReturnReply, S.UnderReview),
        S.Approved or S.Refused or S.Active or S.Suspended or S.Terminated or S.Ended or S.Disposed or S.Archived => Refuse(SharingRules.AlreadyAnswered),
        S.Withdrawn => Refuse(SharingRules.AlreadyWithdrawn),
    };

    private static SharingCell OnSignOffReply(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted => Refuse(SharingRules.NotYetReceived),
        S.UnderReview or S.SupplementAsked => Refuse(SharingRules.NotProposed),
        S.Decided => Do<SharingEvent.SignOffReply>(SignOffReply, S.Approved, S.Refused),
        S.Approved or S.Refused or S.Active or S.Suspended or S.Terminated or S.Ended or S.Disposed or S.Archived => Refuse(SharingRules.AlreadyAnswered),
        S.Withdrawn => Refuse(SharingRules.AlreadyWithdrawn),
    };

    private static SharingCell OnSuspend(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided or S.Approved => Refuse(SharingRules.NotGranted),
        S.Active => Do<SharingEvent.Suspend>(Suspend, S.Suspended),
        S.Suspended => Refuse(SharingRules.AlreadySuspended),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnResume(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided or S.Approved => Refuse(SharingRules.NotGranted),
        S.Active => Refuse(SharingRules.NotSuspended),
        S.Suspended => Do<SharingEvent.Resume>(Resume, S.Active),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnTerminate(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided or S.Approved => Refuse(SharingRules.NotGranted),
        S.Active => Refuse(SharingRules.SuspendFirst),
        S.Suspended => Do<SharingEvent.Terminate>(Terminate, S.Terminated),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnRunningService(SharingState state, SharingCell apply) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided => Refuse(SharingRules.NotGranted),
        S.Approved or S.Active or S.Suspended => apply,
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnChange(SharingState state, SharingCell apply) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided => Refuse(SharingRules.NotGranted),
        S.Approved or S.Active => apply,
        S.Suspended => Refuse(SharingRules.GrantSuspended),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnDisputeStep(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted => Refuse(SharingRules.NotYetReceived),
        S.UnderReview or S.SupplementAsked or S.Decided or S.Approved or S.Refused or S.Active or S.Suspended or S.Terminated or S.Ended => Do<SharingEvent.DisputeStep>(TakeDisputeStep, state),
        S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnReceive(SharingState state) => state switch
    {
        S.None => Do<SharingEvent.Receive>(Receive, S.UnderReview),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted => Do<SharingEvent.Receive>(Receive, S.UnderReview), // asking and owning city are the same
        S.UnderReview or S.SupplementAsked or S.Decided or S.Approved or S.Refused or S.Active or S.Suspended or S.Terminated or S.Ended or S.Disposed or S.Archived => Ignore("received before"),
        S.Withdrawn => Ignore("withdrawn before"),
    };

    private static SharingCell OnStandingReply(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NotYetReceived),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted => Refuse(SharingRules.NotYetReceived),
        S.UnderReview => Do<SharingEvent.StandingReply>(StandingReply, S.Approved, S.Refused),
        S.SupplementAsked or S.Decided => Ignore("a person answers"),
        S.Approved or S.Refused or S.Active or S.Suspended or S.Terminated or S.Ended or S.Disposed or S.Archived => Ignore("answered before"),
        S.Withdrawn => Ignore("withdrawn before"),
    };

    private static SharingCell OnSourceAnswered(SharingState state) => state switch
    {
        S.None or S.Draft or S.SignedOff or S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided => Ignore("no grant yet"),
        S.Approved => Do<SharingEvent.SourceAnswered>(SourceAnswered, S.Active),
        S.Active or S.Suspended => Ignore("opened before"),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Ignore("closed: access never opens again"),
    };

    private static SharingCell OnSupplementReceived(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NotYetReceived),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted => Refuse(SharingRules.NotYetReceived),
        S.UnderReview or S.Decided => Do<SharingEvent.SupplementReceived>(SupplementReceived, state), // somebody decided on what there was; ignored when supplemented before
        S.SupplementAsked => Do<SharingEvent.SupplementReceived>(SupplementReceived, S.UnderReview),
        S.Approved or S.Refused or S.Active or S.Suspended or S.Terminated or S.Ended or S.Disposed or S.Archived => Ignore("answered before"),
        S.Withdrawn => Ignore("withdrawn before"),
    };

    private static SharingCell OnChangeReceived(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NotYetReceived),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided => Refuse(SharingRules.NotGranted),
        S.Approved or S.Active => Do<SharingEvent.ChangeReceived>(ChangeReceived, state),
        S.Suspended => Do<SharingEvent.ChangeReceived>(ChangeLapses, state), // suspended in between: the asking side is told that it lapsed
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Ignore("closed in between"),
    };

    private static SharingCell OnRepairReceived(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NotYetReceived),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided or S.Approved => Refuse(SharingRules.NotGranted),
        S.Active => Ignore("resumed before"),
        S.Suspended => Do<SharingEvent.RepairReceived>(RepairReceived, S.Suspended),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Ignore("closed in between"),
    };

    private static SharingCell OnConsultationReceived(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NotYetReceived),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided => Refuse(SharingRules.NotGranted),
        S.Approved or S.Active or S.Suspended => Do<SharingEvent.ConsultationReceived>(ConsultationReceived, state),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Ignore("closed in between"),
    };

    // Both orders of the race: whoever commits first in the owning city wins, and a withdrawal that lost to the approval still ends the grant.
    private static SharingCell OnWithdrawReceived(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NotYetReceived),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided => Do<SharingEvent.WithdrawReceived>(WithdrawUnanswered, S.Withdrawn),
        S.Approved or S.Active or S.Suspended => Do<SharingEvent.WithdrawReceived>(WithdrawGranted, S.Ended),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived => Ignore("closed before"),
        S.Withdrawn => Ignore("withdrawn before"),
    };

    private static SharingCell OnDisputeReceived(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NotYetReceived),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted => Refuse(SharingRules.NotYetReceived),
        S.UnderReview or S.SupplementAsked or S.Decided or S.Approved or S.Refused or S.Active or S.Suspended or S.Terminated or S.Ended => Do<SharingEvent.DisputeReceived>(DisputeReceived, state),
        S.Disposed or S.Archived or S.Withdrawn => Ignore("closed before"),
    };

    private static SharingCell OnDisposeReceived(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NotYetReceived),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided or S.Approved or S.Refused or S.Active or S.Suspended or S.Withdrawn => Refuse(SharingRules.NotEnded),
        S.Terminated or S.Ended => Do<SharingEvent.DisposeReceived>(DisposeReceived, S.Disposed),
        S.Disposed or S.Archived => Ignore("disposed before"),
    };

    private static SharingCell OnTermEnd(SharingState state) => state switch
    {
        S.None or S.Draft or S.SignedOff or S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided => Ignore("no grant yet"),
        S.Approved or S.Active or S.Suspended => Do<SharingEvent.TermEnd>(TermEnd, S.Ended),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Ignore("closed before"),
    };

    private static SharingCell OnArchive(SharingState state) => state switch
    {
        S.None or S.Draft or S.SignedOff or S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided or S.Approved or S.Active or S.Suspended => Ignore("not closed yet"),
        S.Terminated or S.Ended => Ignore("not disposed of yet"),
        S.Refused or S.Disposed or S.Withdrawn => Do<SharingEvent.Archive>(Archive, S.Archived),
        S.Archived => Ignore("archived before"),
    };

    private static SharingCell OnRecount(SharingState state) => state switch
    {
        S.None or S.Draft or S.SignedOff or S.Submitted => Ignore("the clock's row is in the owning city"),
        S.UnderReview or S.SupplementAsked or S.Decided or S.Approved or S.Active or S.Suspended or S.Terminated or S.Ended => Do<SharingEvent.Recount>(Recount, state),
        S.Refused or S.Disposed or S.Archived or S.Withdrawn => Ignore("no clock runs"),
    };

    private static SharingCell OnReplyClock(SharingState state) => state switch
    {
        S.None or S.Draft or S.SignedOff or S.Submitted => Ignore("the clock's row is in the owning city"),
        S.UnderReview or S.SupplementAsked or S.Decided => Do<SharingEvent.ClockStepped>(ReplyClock, state),
        S.Approved or S.Active => Do<SharingEvent.ClockStepped>(ReplyClock, state), // of a change that was asked for (art. 25)
        S.Refused or S.Suspended or S.Terminated or S.Ended or S.Disposed or S.Archived => Ignore("answered before"),
        S.Withdrawn => Ignore("withdrawn before"),
    };

    private static SharingCell OnDeliveryClock(SharingState state) => state switch
    {
        S.None or S.Draft or S.SignedOff or S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided => Ignore("no grant yet"),
        S.Approved => Do<SharingEvent.ClockStepped>(DeliveryClock, state),
        S.Active or S.Suspended => Ignore("opened before"),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Ignore("closed before"),
    };

    private static SharingCell OnRepairClock(SharingState state) => state switch
    {
        S.None or S.Draft or S.SignedOff or S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided => Ignore("no grant yet"),
        S.Approved or S.Active => Ignore("not suspended"),
        S.Suspended => Do<SharingEvent.ClockStepped>(RepairClock, state),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Ignore("closed before"),
    };

    private static SharingCell OnDisposalClock(SharingState state) => state switch
    {
        S.None or S.Draft or S.SignedOff or S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided or S.Approved or S.Active or S.Suspended => Ignore("not ended yet"),
        S.Terminated or S.Ended => Do<SharingEvent.ClockStepped>(DisposalClock, state),
        S.Refused or S.Disposed or S.Archived or S.Withdrawn => Ignore("nothing is left to dispose of"),
    };

    // The steps.

    private static Applied Draft(SharingRequest? none, SharingEvent.Draft e, DateTimeOffset now) =>
        new(new SharingRequest { Ask = e.Ask, State = S.Draft, Version = 1, DraftedBy = e.By.Subject }, []);

    /// <summary>Art. 20: the head of the asking side's sharing office signs what somebody else drafted.</summary>
    private static SharingOutcome SignOff(SharingRequest request, SharingEvent.SignOff e, DateTimeOffset now) =>
        e.By.Subject == request.DraftedBy || request.RevisedBy.Contains(e.By.Subject, StringComparer.Ordinal)
            ? new Refused(SharingRules.SamePersonSigns)
            : Move(request with { SignedOffBy = e.By.Subject }, S.SignedOff, new WriteRecord("request.signed_off"));

    /// <summary>Art. 20: what is written anew is signed anew.</summary>
    private static Applied Revise(SharingRequest request, SharingEvent.Revise e, DateTimeOffset now) => Move(
        request with { Ask = e.Ask, SignedOffBy = null, RevisedBy = [.. request.RevisedBy.Append(e.By.Subject).Where(s => s != request.DraftedBy).Distinct(StringComparer.Ordinal)] },
        S.Draft,
        new Rewrite(e.Texts));

    private static SharingOutcome Submit(SharingRequest request, SharingEvent.Submit e, DateTimeOffset now) =>
        LegalDay.Of(now) > request.Ask.UseUntil
            ? new Refused(SharingRules.TermOver)
            : Move(request with { SubmittedAt = now }, S.Submitted, new SendRequest(), new WriteRecord("request.submitted"));

    // A draft never was an exchange and has no record; a signed one has its signature on record, so its end is recorded too.
    private static Applied WithdrawBeforeSubmission(SharingRequest request, SharingEvent.Withdraw e, DateTimeOffset now) =>
        request.State == S.Draft
            ? Move(request with { EndReason = EndReasons.Withdrawn }, S.Withdrawn)
            : Move(request with { EndReason = EndReasons.Withdrawn }, S.Withdrawn, new WriteRecord("request.withdrawn"));

    /// <summary>Art. 21: the reply clock starts where the owning city learns of the request, counted from its submission.</summary>
    private static Applied Receive(SharingRequest? row, SharingEvent.Receive e, DateTimeOffset now)
    {
        var (ask, signedOffBy, submittedAt, version) = e.Submission;
        var submitted = row ?? new SharingRequest { Ask = ask, State = S.Submitted, Version = version };
        return Move(
            submitted with { Ask = ask, SignedOffBy = signedOffBy, SubmittedAt = submittedAt, ReceivedAt = now, ReplyDue = e.ReplyDue },
            S.UnderReview,
            new StartClock(SharingClock.Reply, e.ReplyDue),
            new NotifyAskingCity(),
            new WriteRecord("request.received"));
    }

    /// <summary>Art. 21: everything that is missing, once. Whether the clock waits meanwhile is the city's setting; the notice says how much of it is left.</summary>
    private static SharingOutcome AskSupplement(SharingRequest request, SharingEvent.AskSupplement e, DateTimeOffset now) => request.Supplement is not null
        ? new Refused(SharingRules.SupplementOnce)
        : Move(
            request with
            {
                ReplyDue = e.DaysLeft is null ? request.ReplyDue : null,
                Supplement = new SupplementNotice { Missing = e.Missing, AskedAt = now, DaysLeft = e.DaysLeft },
            },
            S.SupplementAsked,
            [
                .. e.DaysLeft is null ? Array.Empty<SharingEffect>() : [new StopClock(SharingClock.Reply)],
                new NotifyAskingCity(),
                new WriteRecord("supplement.asked"),
            ]);

    /// <summary>Art. 21: what was missing is there. It is taken up too when somebody has decided meanwhile on what there was.</summary>
    private static SharingOutcome SupplementReceived(SharingRequest request, SharingEvent.SupplementReceived e, DateTimeOffset now) => request.Supplement is not { AnsweredAt: null } notice
        ? new Ignored("supplemented before")
        : Move(
            request with { Supplement = notice with { AnsweredAt = now }, ReplyDue = request.ReplyDue ?? e.ReplyDue },
            request.State == S.SupplementAsked ? S.UnderReview : request.State,
            [
                new Rewrite(e.Texts),
                .. RunOn(request, e.ReplyDue),
                new NotifyAskingCity(),
                new WriteRecord("request.supplemented"),
            ]);

    /// <summary>Art. 21: inside the clock, ten working days in total at most. Nothing is extended yet.</summary>
    private static SharingOutcome Extend(SharingRequest request, SharingEvent.Extend e, DateTimeOffset now)
    {
        if (request.ExtensionAsked is not null)
            return new Refused(SharingRules.ExtensionAskedAlready);
        if (e.WorkingDays < 1 || (request.Extension?.WorkingDays ?? 0) + e.WorkingDays > Math.Min(e.AtMost, LongestExtension))
            return new Refused(SharingRules.ExtensionTooLong);
        return request.ReplyDue is { } due && LegalDay.Of(now) > due.On
            ? new Refused(SharingRules.ExtensionTooLate)
            : Move(request with { ExtensionAsked = new ExtensionAsked(e.WorkingDays, e.Reason, e.By.Subject, now) }, request.State, new WriteRecord("extension.asked"));
    }

    /// <summary>Art. 21: with the consent of the provider's own data authority, and the asking side is told.</summary>
    private static SharingOutcome AnswerExtension(SharingRequest request, SharingEvent.AnswerExtension e, DateTimeOffset now)
    {
        if (request.ExtensionAsked is not { } asked)
            return new Refused(SharingRules.ExtensionNotAsked);
        if (e.By.Subject == asked.By)
            return new Refused(SharingRules.SamePersonConsents);
        if (!e.Consent)
            return Move(request with { ExtensionAsked = null }, request.State, new WriteRecord("extension.denied"));

        var paused = request.ReplyDue is null;
        return Move(
            request with
            {
                ExtensionAsked = null,
                Extension = new Extension((request.Extension?.WorkingDays ?? 0) + asked.WorkingDays, asked.Reason, now),
                ReplyDue = paused ? null : e.ReplyDue,
                Supplement = paused ? request.Supplement! with { DaysLeft = request.Supplement.DaysLeft + asked.WorkingDays } : request.Supplement,
            },
            request.State,
            [
                .. paused ? Array.Empty<SharingEffect>() : [new StopClock(SharingClock.Reply), new StartClock(SharingClock.Reply, e.ReplyDue!)],
                new NotifyAskingCity(),
                new WriteRecord("extension.consented"),
            ]);
    }

    // Stays inside the owning city: to the asking side only the signed reply is an answer. A paused clock runs on, or nobody would wait for the signature.
    private static SharingOutcome Propose(SharingRequest request, SharingEvent.Propose e, DateTimeOffset now) =>
        Unlawful(request.Ask, e.Proposal, now)
            ?? (SharingOutcome)Move(
                request with { ProposedBy = e.By.Subject, Proposal = e.Proposal, ReplyDue = request.ReplyDue ?? e.ReplyDue },
                S.Decided,
                [.. RunOn(request, e.ReplyDue), new WriteRecord("reply.proposed")]);

    /// <summary>Art. 20: the head does not sign; the reviewer proposes anew. The asking side is told that its request is under review, which it may not have known when the proposal came while a supplement was awaited.</summary>
    private static Applied ReturnReply(SharingRequest request, SharingEvent.ReturnReply e, DateTimeOffset now) =>
        Move(request with { ProposedBy = null, Proposal = null }, S.UnderReview, new NotifyAskingCity(), new WriteRecord("reply.returned"));

    private static SharingEffect[] RunOn(SharingRequest paused, LegalDate? due) =>
        paused.ReplyDue is null ? [new StartClock(SharingClock.Reply, due ?? throw new InvalidOperationException("A paused clock runs on to a day."))] : [];

    /// <summary>Art. 20: the head of the provider's sharing office signs what somebody else proposed.</summary>
    private static SharingOutcome SignOffReply(SharingRequest request, SharingEvent.SignOffReply e, DateTimeOffset now)
    {
        var proposal = request.Proposal!;
        if (e.By.Subject == request.ProposedBy)
            return new Refused(SharingRules.SamePersonReplies);

        // The proposal was lawful when it was made; only the term may have run out since.
        return Unlawful(request.Ask, proposal, now) ?? (SharingOutcome)Answer(request, proposal, e.By.Subject, standingSince: null, e.DeliveryDue, now);
    }

    /// <summary>The same answer without waiting for a person, on the signature that the head gave at publication; the reply names that person and that day.</summary>
    private static SharingOutcome StandingReply(SharingRequest request, SharingEvent.StandingReply e, DateTimeOffset now)
    {
        var standing = e.Standing;
        if (standing.Department != request.Ask.OwningDepartment)
            return new Refused(SharingRules.WrongDepartment);
        if (standing.DatasetVersion != request.Ask.DatasetVersion)
            return new Refused(SharingRules.StandingOtherVersion);
        if (request.Ask.SharingClass != (standing.Decision == SharingDecision.Approve ? SharingClass.Unconditional : SharingClass.Refused))
            return new Refused(SharingRules.StandingOtherClass);

        var proposal = new Proposal { Decision = standing.Decision, Grounds = standing.Decision == SharingDecision.Refuse ? [RefusalGrounds.NotSharedByLaw] : [], CitedLaw = standing.CitedLaw, Reason = standing.Decision == SharingDecision.Refuse ? standing.CitedLaw : null, Treatments = standing.Treatments };
        return Unlawful(request.Ask, proposal, now) ?? (SharingOutcome)Answer(request, proposal, standing.SignedBy, standing.Since, e.DeliveryDue, now);
    }

    private static Applied Answer(SharingRequest request, Proposal proposal, string signedBy, DateOnly? standingSince, LegalDate deliveryDue, DateTimeOffset now)
    {
        var approved = proposal.Decision == SharingDecision.Approve;
        var answered = request with
        {
            ReplyDue = null,
            ExtensionAsked = null,
            Reply = new Reply
            {
                Outcome = approved ? "approved" : "refused",
                Reason = proposal.Reason,
                Grounds = approved ? null : proposal.Grounds,
                CitedLaw = proposal.CitedLaw,
                SignedBy = signedBy,
                StandingSince = standingSince,
                SignedAt = now,
            },
        };
        if (!approved)
            return Move(answered, S.Refused, new StopClock(SharingClock.Reply), new NotifyAskingCity(), new WriteRecord("reply.signed_off"));

        var terms = new GrantTerms
        {
            ExchangeId = request.Ask.ExchangeId,
            DatasetId = request.Ask.DatasetId,
            DatasetVersion = request.Ask.DatasetVersion,
            Fields = proposal.Fields ?? request.Ask.Fields,
            Treatments = TreatedOf(proposal.Fields ?? request.Ask.Fields, null, proposal),
            Rows = ChosenOf(proposal.Rows),
            ValidFrom = LegalDay.Of(now),
            ValidUntil = proposal.ValidUntil ?? request.Ask.UseUntil,
            Disposal = proposal.Disposal ?? Disposals.Delete,
        };
        return Move(
            answered with { Grant = terms, DeliveryDue = deliveryDue },
            S.Approved,
            new StopClock(SharingClock.Reply),
            new StartClock(SharingClock.Delivery, deliveryDue),
            new IssueGrant(terms),
            new ProbeSource(),
            new NotifyAskingCity(),
            new WriteRecord("reply.signed_off"));
    }

    /// <summary>Art. 22: the data can be had, so the delivery clock stops.</summary>
    private static Applied SourceAnswered(SharingRequest request, SharingEvent.SourceAnswered e, DateTimeOffset now) => Move(
        request with { DeliveryDue = null },
        S.Active,
        new StopClock(SharingClock.Delivery),
        new OpenGrant(),
        new NotifyAskingCity(),
        new WriteRecord("grant.activated"));

    private static Applied WithdrawUnanswered(SharingRequest request, SharingEvent.WithdrawReceived e, DateTimeOffset now) => Move(
        request with { ReplyDue = null, ExtensionAsked = null, EndReason = EndReasons.Withdrawn },
        S.Withdrawn,
        new StopClock(SharingClock.Reply),
        new NotifyAskingCity(),
        new WriteRecord("request.withdrawn"));

    private static Applied WithdrawGranted(SharingRequest request, SharingEvent.WithdrawReceived e, DateTimeOffset now) => End(request, EndReasons.NotNeeded, e.DisposalDue, now);

    /// <summary>Arts. 20, 27: past the last day of use, which ends at 24:00 in Beijing, the data is no longer needed.</summary>
    private static SharingOutcome TermEnd(SharingRequest request, SharingEvent.TermEnd e, DateTimeOffset now) =>
        now < LegalDay.EndOf(request.Grant!.ValidUntil) ? new Ignored("the term is not over yet") : End(request, EndReasons.Term, e.DisposalDue, now);

    /// <summary>Art. 27: access is over, and the data that was received is disposed of as the provider requires.</summary>
    private static Applied End(SharingRequest request, string reason, LegalDate disposalDue, DateTimeOffset now, SharingState to = S.Ended, string record = "grant.ended") => Move(
        Lapsed(request) with { DeliveryDue = null, DisposalDue = disposalDue, EndReason = reason, Suspension = request.Suspension is { EndedAt: null } running ? running with { EndedAt = now } : request.Suspension },
        to,
        [
            .. Stopped(request),
            new EndGrant(reason),
            new StartClock(SharingClock.Disposal, disposalDue),
            new NotifyAskingCity(),
            new WriteRecord(record),
        ]);

    // A change that nobody has decided on lapses with what it was to change.
    private static SharingRequest Lapsed(SharingRequest request) => request.Change is { Outcome: null } open
        ? request with { ReplyDue = null, Change = open with { Outcome = "lapsed" }, Proposal = null, ProposedBy = null }
        : request;

    private static IEnumerable<SharingEffect> Stopped(SharingRequest request)
    {
        if (request.ReplyDue is not null)
            yield return new StopClock(SharingClock.Change);
        if (request.DeliveryDue is not null)
            yield return new StopClock(SharingClock.Delivery);
        if (request.State == S.Suspended)
            yield return new StopClock(SharingClock.Repair);
    }

    /// <summary>Art. 27: use beyond scope or purpose, or onward supply: access stops at once, and a date is set to put it right.</summary>
    private static SharingOutcome Suspend(SharingRequest request, SharingEvent.Suspend e, DateTimeOffset now) => e.RepairBy < LegalDay.Of(now)
        ? new Refused(SharingRules.RepairDatePast)
        : Move(
            Lapsed(request) with { Suspension = new Suspension { Reason = e.Reason, RepairBy = e.RepairBy, By = SideOf(request, e.By), At = now } },
            S.Suspended,
            [
                .. Stopped(request),
                new SuspendGrant(),
                new StartClock(SharingClock.Repair, new LegalDate(e.RepairBy, false)),
                new NotifyAskingCity(),
                new WriteRecord("grant.suspended"),
            ]);

    private static Applied Resume(SharingRequest request, SharingEvent.Resume e, DateTimeOffset now) => Move(
        request with { Suspension = request.Suspension! with { EndedAt = now } },
        S.Active,
        new StopClock(SharingClock.Repair),
        new OpenGrant(),
        new NotifyAskingCity(),
        new WriteRecord("grant.resumed"));

    /// <summary>Art. 27: repair was refused or is not good enough. Before its date only when the asking side has said that it is done.</summary>
    private static SharingOutcome Terminate(SharingRequest request, SharingEvent.Terminate e, DateTimeOffset now) =>
        request.Suspension is { ReportedAt: null } open && LegalDay.Of(now) <= open.RepairBy
            ? new Refused(SharingRules.RepairDateNotReached)
            : End(request, EndReasons.Misuse, e.DisposalDue, now, S.Terminated, "grant.terminated");

    private static SharingOutcome RepairReceived(SharingRequest request, SharingEvent.RepairReceived e, DateTimeOffset now) => request.Suspension!.ReportedAt >= e.ReportedAt
        ? new Ignored("reported before")
        : Move(request with { Suspension = request.Suspension with { Repair = e.Note, ReportedAt = e.ReportedAt } }, S.Suspended, new NotifyAskingCity(), new WriteRecord("repair.reported"));

    /// <summary>Art. 27: who has to end or change a running service asks those who use it first.</summary>
    private static SharingOutcome Consult(SharingRequest request, SharingEvent.Consult e, DateTimeOffset now)
    {
        if (request.Consultation is { FiledAt: null })
            return new Refused(SharingRules.ConsultationOpen);
        if (e.EffectiveOn <= LegalDay.Of(now))
            return new Refused(SharingRules.ConsultBefore);
        return Move(
            request with { Consultation = new Consultation { Kind = e.Kind, Reason = e.Reason, EffectiveOn = e.EffectiveOn, AnswerBy = e.AnswerBy, AskedAt = now } },
            request.State,
            new NotifyAskingCity(),
            new WriteRecord("service_change.consulted"));
    }

    private static SharingOutcome ConsultationReceived(SharingRequest request, SharingEvent.ConsultationReceived e, DateTimeOffset now) => request.Consultation is not { AnsweredAt: null } open
        ? new Ignored("answered before")
        : Move(
            request with { Consultation = open with { Agreed = e.Agreed, Answer = e.Answer, AnsweredAt = e.AnsweredAt } },
            request.State,
            new NotifyAskingCity(),
            new WriteRecord("service_change.answered"));

    /// <summary>Art. 27: filed with the provider's data authority, once the asking side has answered or its time is over.</summary>
    private static SharingOutcome FileChange(SharingRequest request, SharingEvent.FileChange e, DateTimeOffset now)
    {
        if (request.Consultation is not { FiledAt: null } open)
            return new Refused(SharingRules.NotConsulted);
        return open.AnsweredAt is null && LegalDay.Of(now) <= open.AnswerBy.On
            ? new Refused(SharingRules.ConsultationRuns)
            : Move(request with { Consultation = open with { FiledAt = now } }, request.State, new NotifyAskingCity(), new WriteRecord("service_change.filed"));
    }

    private static SharingOutcome EndService(SharingRequest request, SharingEvent.EndService e, DateTimeOffset now) =>
        request.Consultation is not { Kind: "end", FiledAt: not null } filed || LegalDay.Of(now) < filed.EffectiveOn
            ? new Refused(SharingRules.ConsultAndFile)
            : End(request, EndReasons.ServiceEnded, e.DisposalDue, now);

    /// <summary>Art. 25: a wider scope, another purpose or a third party needs the provider's agreement: a new decision, with the clock of one.</summary>
    private static SharingOutcome ChangeReceived(SharingRequest request, SharingEvent.ChangeReceived e, DateTimeOffset now) => request.Change?.AskedAt >= e.Change.AskedAt
        ? new Ignored("asked before")
        : Move(
            request with { Change = e.Change, ReplyDue = e.ReplyDue, Proposal = null, ProposedBy = null },
            request.State,
            [
                .. request.ReplyDue is null ? Array.Empty<SharingEffect>() : [new StopClock(SharingClock.Change)],
                new StartClock(SharingClock.Change, e.ReplyDue),
                new NotifyAskingCity(),
                new WriteRecord("change.received"),
            ]);

    private static SharingOutcome ChangeLapses(SharingRequest request, SharingEvent.ChangeReceived e, DateTimeOffset now) => request.Change?.AskedAt >= e.Change.AskedAt
        ? new Ignored("asked before")
        : Move(request with { Change = e.Change with { Outcome = "lapsed" } }, request.State, new NotifyAskingCity(), new WriteRecord("change.received"));

    private static SharingOutcome ProposeChange(SharingRequest request, SharingEvent.ProposeChange e, DateTimeOffset now) => request.Change is not { Outcome: null }
        ? new Refused(SharingRules.NoChangeAsked)
        : UnlawfulChange(request, e.Proposal, now)
            ?? (SharingOutcome)Move(request with { ProposedBy = e.By.Subject, Proposal = e.Proposal }, request.State, new WriteRecord("change.proposed"));

    /// <summary>Arts. 20, 25: signed by the head of the provider's sharing office, another person than the one who proposed it.</summary>
    private static SharingOutcome SignOffChange(SharingRequest request, SharingEvent.SignOffChange e, DateTimeOffset now)
    {
        if (request.Change is not { Outcome: null } change)
            return new Refused(SharingRules.NoChangeAsked);
        if (request.Proposal is not { } proposal)
            return new Refused(SharingRules.NotProposed);
        if (e.By.Subject == request.ProposedBy)
            return new Refused(SharingRules.SamePersonReplies);
        if (UnlawfulChange(request, proposal, now) is { } unlawful)
            return unlawful;

        var approved = proposal.Decision == SharingDecision.Approve;
        var decided = request with { ReplyDue = null, Change = change with { Outcome = approved ? "approved" : "refused", OutcomeReason = proposal.Reason, DecidedAt = now } };
        if (!approved)
            return Move(decided, request.State, new StopClock(SharingClock.Change), new NotifyAskingCity(), new WriteRecord("change.signed_off"));

        var grant = request.Grant!;
        var fields = proposal.Fields ?? change.Fields ?? grant.Fields;
        var terms = grant with
        {
            Fields = fields,
            Treatments = TreatedOf(fields, grant.Treatments, proposal),
            Rows = proposal.Rows is { } rows ? ChosenOf(rows) : grant.Rows,
            ValidUntil = proposal.ValidUntil ?? change.UseUntil ?? grant.ValidUntil,
            Purpose = change.Scenario ?? grant.Purpose,
            ThirdParties = change.ThirdParty is { } third ? [.. grant.ThirdParties, third] : grant.ThirdParties,
        };
        return Move(decided with { Grant = terms }, request.State, new StopClock(SharingClock.Change), new ChangeGrant(terms), new NotifyAskingCity(), new WriteRecord("change.signed_off"));
    }

    private static Refused? UnlawfulChange(SharingRequest request, Proposal proposal, DateTimeOffset now) => Unlawful(
        request.Ask with { Fields = request.Change!.Fields ?? request.Grant!.Fields, UseUntil = request.Change.UseUntil ?? request.Grant!.ValidUntil }, proposal, now, request.Grant?.Treatments);

    /// <summary>The treatment of each granted field: what the decision names, else what it was before; plain ones are not named. Null when all are plain.</summary>
    private static Dictionary<string, string>? TreatedOf(IReadOnlyList<string> fields, IReadOnlyDictionary<string, string>? before, Proposal proposal)
    {
        var treated = fields
            .Select(f => (Field: f, Word: proposal.Treatments?.GetValueOrDefault(f) ?? before?.GetValueOrDefault(f)))
            .Where(t => t.Word is not (null or Treatments.Plain))
            .ToDictionary(t => t.Field, t => t.Word!, StringComparer.Ordinal);
        return treated.Count == 0 ? null : treated;
    }

    private static RowFilter? ChosenOf(RowFilter? rows) => rows is null or { Area: null, Time: null } ? null : rows;

    // Art. 28: negotiation between the two, the common superior's coordination, its government's decision, in this order; settled at any time.

    private static SharingOutcome TakeDisputeStep(SharingRequest request, SharingEvent.DisputeStep e, DateTimeOffset now)
    {
        if (e.Kind is "superior_decision" or "government_decision" && !e.By.Has(Roles.Authority))
            return new Refused(SharingRules.AuthorityRecords);
        return Stage(request.Dispute, e.Kind) is { } stage
            ? InDispute(request, stage, new DisputeStep(e.Kind, e.Kind is "superior_decision" or "government_decision" ? "authority" : SideOf(request, e.By) == "provider" ? "owning" : "authority", e.Text, now, e.To))
            : new Refused(SharingRules.DisputeOrder);
    }

    private static SharingOutcome DisputeReceived(SharingRequest request, SharingEvent.DisputeReceived e, DateTimeOffset now) =>
        request.Dispute?.Steps.Any(step => step.By == "asking" && step.At >= e.RaisedAt) == true
            ? new Ignored("raised before")
            : InDispute(request, Stage(request.Dispute, "position")!, new DisputeStep("position", "asking", e.Position, e.RaisedAt));

    private static Applied InDispute(SharingRequest request, string stage, DisputeStep step) => Move(
        request with { Dispute = new Dispute { Stage = stage, Steps = [.. request.Dispute?.Steps ?? [], step] } },
        request.State,
        new NotifyAskingCity(),
        new WriteRecord("dispute." + step.Kind));

    private static string? Stage(Dispute? dispute, string kind) => (dispute?.Stage, kind) switch
    {
        (null or "settled", "position") => "negotiation",
        (null or "settled", _) => null,
        (var stage, "position") => stage,
        (_, "settled") => "settled",
        ("negotiation", "to_superior") => "superior",
        ("superior", "superior_decision") => "superior",
        ("superior", "to_government") when dispute.Steps[^1].Kind is not "to_superior" => "government",
        ("government", "government_decision") => "settled",
        _ => null,
    };

    /// <summary>Art. 27: what had been received is gone, as the provider required.</summary>
    private static Applied DisposeReceived(SharingRequest request, SharingEvent.DisposeReceived e, DateTimeOffset now) => Move(
        request with { Disposal = e.Disposal, DisposalDue = null },
        S.Disposed,
        new StopClock(SharingClock.Disposal),
        new NotifyAskingCity(),
        new WriteRecord("disposal.recorded"));

    /// <summary>Art. 29: kept at least three years.</summary>
    private static Applied Archive(SharingRequest request, SharingEvent.Archive e, DateTimeOffset now) =>
        Move(request with { RetainUntil = e.RetainUntil }, S.Archived, new NotifyAskingCity(), new WriteRecord("exchange.archived"));

    /// <summary>A date past the loaded calendar was provisional; now it is known.</summary>
    private static SharingOutcome Recount(SharingRequest request, SharingEvent.Recount e, DateTimeOffset now)
    {
        var recounted = request with
        {
            ReplyDue = request.ReplyDue is null ? null : e.ReplyDue ?? request.ReplyDue,
            DeliveryDue = request.DeliveryDue is null ? null : e.DeliveryDue ?? request.DeliveryDue,
            DisposalDue = request.DisposalDue is null ? null : e.DisposalDue ?? request.DisposalDue,
        };
        if (recounted == request)
            return new Ignored("counted so already");

        (SharingClock, LegalDate?, LegalDate?)[] clocks =
        [
            (request.Reply is null ? SharingClock.Reply : SharingClock.Change, request.ReplyDue, recounted.ReplyDue), (SharingClock.Delivery, request.DeliveryDue, recounted.DeliveryDue), (SharingClock.Disposal, request.DisposalDue, recounted.DisposalDue),
        ];
        return Move(
            recounted,
            request.State,
            [
                .. clocks.Where(c => c.Item2 != c.Item3).SelectMany(c => new SharingEffect[] { new StopClock(c.Item1), new StartClock(c.Item1, c.Item3!) }),
                new NotifyAskingCity(),
                new WriteRecord("clock.recounted"),
            ]);
    }

    private static SharingOutcome ReplyClock(SharingRequest request, SharingEvent.ClockStepped e, DateTimeOffset now) => Stepped(request, e, request.ReplyDue is not null);

    private static SharingOutcome DeliveryClock(SharingRequest request, SharingEvent.ClockStepped e, DateTimeOffset now) => Stepped(request, e, request.DeliveryDue is not null);

    private static SharingOutcome RepairClock(SharingRequest request, SharingEvent.ClockStepped e, DateTimeOffset now) => Stepped(request, e, running: true);

    private static SharingOutcome DisposalClock(SharingRequest request, SharingEvent.ClockStepped e, DateTimeOffset now) => Stepped(request, e, request.DisposalDue is not null);

    // The asking side is told of what is late, and of what it has to do itself.
    private static SharingOutcome Stepped(SharingRequest request, SharingEvent.ClockStepped e, bool running)
    {
        if (!running)
            return new Ignored("the clock does not run");
        var record = new WriteRecord(e.Step switch { ClockStep.Reminder => "clock.reminder", ClockStep.Breach => "clock.breached", _ => "clock.escalated" });
        return e.Step == ClockStep.Breach || e.Name == E.DisposalReminder
            ? Move(request, request.State, new NotifyAskingCity(), record)
            : Move(request, request.State, record);
    }

    private static string SideOf(SharingRequest request, Caller by) => by.Has(Roles.SharingHead) && by.Department == request.Ask.OwningDepartment ? "provider" : "authority";

    /// <summary>An act of the asking side: noted on its mirror and sent, or prepared for a second person and not sent yet.</summary>
    private static SharingOutcome Pend(SharingRequest mirror, AskingAct act, DateTimeOffset now)
    {
        var ask = mirror.Ask;
        switch (act)
        {
            case SharingEvent.SignOffAskedChange when mirror is { Pending: E.AskChange, Prepared: { Change: { } change } prepared }:
                var signed = change with { SignedBy = act.By.Subject, AskedAt = now };
                return prepared.By == act.By.Subject
                    ? new Refused(SharingRules.SamePersonSigns)
                    : Noted(prepared with { At = now, Change = signed },
                        new SendAct(new ScopeChangeAsked { ExchangeId = ask.ExchangeId, AskingCity = ask.AskingCity, OwningCity = ask.OwningCity, Change = signed }), new WriteRecord("change.asked"));
            case SharingEvent.ConfirmDisposal when mirror is { Pending: E.Dispose, Prepared: { Disposal: { } disposal } prepared }:
                return prepared.By == act.By.Subject
                    ? new Refused(SharingRules.SamePersonConfirms)
                    : Disposed(disposal with { SecondPerson = act.By.Subject, At = now });
            case SharingEvent.TakeBack when mirror is { Pending: E.AskChange } or { Pending: E.Dispose, Prepared.Disposal: not null }:
                return new Applied(mirror with { Pending = null, Prepared = null }, []);
            case SharingEvent.SignOffAskedChange or SharingEvent.ConfirmDisposal or SharingEvent.TakeBack:
                return new Refused(SharingRules.NothingPrepared);
        }

        if (mirror.Pending is not null)
            return new Refused(SharingRules.AlreadyPending);

        var waits = new Prepared(act.By.Subject, now, null, null);
        return act switch
        {
            SharingEvent.Supplement supplement => Noted(waits,
                new Rewrite(supplement.Texts),
                new SendAct(new RequestSupplemented
                {
                    ExchangeId = ask.ExchangeId,
                    AskingCity = ask.AskingCity,
                    OwningCity = ask.OwningCity,
                    Note = supplement.Note,
                    LegalBasis = supplement.Texts.LegalBasis,
                    Scenario = supplement.Texts.Scenario,
                    Scope = supplement.Texts.Scope,
                    SuppliedAt = now,
                }),
                new WriteRecord("request.supplemented")),
            SharingEvent.Withdraw withdraw => Noted(waits,
                new SendAct(new RequestWithdrawn { ExchangeId = ask.ExchangeId, AskingCity = ask.AskingCity, OwningCity = ask.OwningCity, Reason = withdraw.Reason, WithdrawnAt = now }),
                new WriteRecord("request.withdrawn")),
            SharingEvent.AskChange when mirror.Change is { Outcome: null } => new Refused(SharingRules.ChangeAskedAlready),
            SharingEvent.AskChange change => Noted(waits with { Change = change.Change }),
            SharingEvent.ReportRepair repair => Noted(waits,
                new SendAct(new RepairReported { ExchangeId = ask.ExchangeId, AskingCity = ask.AskingCity, OwningCity = ask.OwningCity, Note = repair.Note, ReportedAt = now }),
                new WriteRecord("repair.reported")),
            SharingEvent.AnswerConsultation when mirror.Consultation is not { AnsweredAt: null, FiledAt: null } => new Refused(SharingRules.NotConsulted),
            SharingEvent.AnswerConsultation answer => Noted(waits,
                new SendAct(new ConsultationAnswered { ExchangeId = ask.ExchangeId, AskingCity = ask.AskingCity, OwningCity = ask.OwningCity, Agreed = answer.Agreed, Answer = answer.Answer, AnsweredAt = now }),
                new WriteRecord("service_change.answered")),
            SharingEvent.Dispute dispute => Noted(waits,
                new SendAct(new DisputeRaised { ExchangeId = ask.ExchangeId, AskingCity = ask.AskingCity, OwningCity = ask.OwningCity, Position = dispute.Position, RaisedAt = now }),
                new WriteRecord("dispute.position")),
            SharingEvent.Dispose { TwoPersons: true } dispose => Noted(waits with { Disposal = new Disposal { Method = dispose.Method, Note = dispose.Note, By = act.By.Subject, At = now } }),
            SharingEvent.Dispose dispose => Disposed(new Disposal { Method = dispose.Method, Note = dispose.Note, By = act.By.Subject, At = now }),
            _ => throw new InvalidOperationException($"{act.Name.Word()} says nothing to the owning city."),
        };

        Applied Noted(Prepared prepared, params SharingEffect[] effects) => new(mirror with { Pending = act.Name, Prepared = prepared }, effects);

        Applied Disposed(Disposal disposal) => Noted(
            new Prepared(act.By.Subject, now, null, null),
            new SendAct(new DisposalRecorded { ExchangeId = ask.ExchangeId, AskingCity = ask.AskingCity, OwningCity = ask.OwningCity, Disposal = disposal }),
            new WriteRecord("disposal.recorded"));
    }

    /// <summary>What may not be answered, by whomever it is signed.</summary>
    private static Refused? Unlawful(Ask ask, Proposal proposal, DateTimeOffset now, IReadOnlyDictionary<string, string>? before = null)
    {
        if (proposal.Decision == SharingDecision.Refuse)
        {
            if (ask.SharingClass == SharingClass.Refused && string.IsNullOrWhiteSpace(proposal.CitedLaw))
                return new Refused(SharingRules.RefusalNeedsLaw);
            if (string.IsNullOrWhiteSpace(proposal.Reason))
                return new Refused(SharingRules.RefusalNeedsReason);
            if (proposal.Grounds.Count == 0)
                return new Refused(SharingRules.RefusalNeedsGrounds);
            return proposal.Grounds.All(g => g == RefusalGrounds.Incomplete) ? new Refused(SharingRules.IncompleteIsNoRefusal) : null;
        }

        if (ask.SharingClass == SharingClass.Refused)
            return new Refused(SharingRules.NotShared);
        if (proposal.Fields is { } fields && (fields.Count == 0 || fields.Except(ask.Fields, StringComparer.Ordinal).Any()))
            return new Refused(SharingRules.WiderThanAsked);
        if (TreatedOf(proposal.Fields ?? ask.Fields, before, proposal) is { } treated && (proposal.Fields ?? ask.Fields).All(f => treated.GetValueOrDefault(f) == Treatments.Dropped))
            return new Refused(SharingRules.NothingLeft);
        if (proposal.ValidUntil > ask.UseUntil)
            return new Refused(SharingRules.WiderThanAsked);
        return LegalDay.Of(now) > (proposal.ValidUntil ?? ask.UseUntil) ? new Refused(SharingRules.TermOver) : null;
    }

    /// <summary>Two-person rules need persons: of the side's own department, in its own city, with the role.</summary>
    private static Refused? Stranger(PersonAct act, Ask? ask)
    {
        var by = act.By;
        if (!by.IsPerson || string.IsNullOrEmpty(by.Subject))
            return new Refused(SharingRules.PersonRequired);
        if (!act.AnyOfRoles.Any(by.Has))
            return new Refused(SharingRules.RoleMissing, new($"需要角色：{string.Join("、", act.AnyOfRoles)}。", $"One of these roles is needed: {string.Join(", ", act.AnyOfRoles)}."));
        if (ask is null)
            return null;
        if (act is AuthorityAct || (act is ProviderOrAuthorityAct && by.Has(Roles.Authority)))
            return by.City == ask.OwningCity ? null : new Refused(SharingRules.OtherAuthority);

        var (city, department) = act is AskingAct ? (ask.AskingCity, ask.AskingDepartment) : (ask.OwningCity, ask.OwningDepartment);
        return by.City == city && department is not null && by.Department == department ? null : new Refused(SharingRules.WrongDepartment);
    }

    private static Applied Move(SharingRequest request, SharingState to, params SharingEffect[] effects)
    {
        return new Applied(Answered(request with { State = to, Version = request.Version + 1 }), effects);
    }

    /// <summary>
    /// Nothing stays pending that the owning city has answered, or that what closed the request has overtaken. An act is known again by its own time, which the
    /// owning city writes down as it came.
    /// </summary>
    private static SharingRequest Answered(SharingRequest request)
    {
        var since = request.Prepared?.At;
        var answered = request.Pending switch
        {
            null => true,
            E.Supplement => (request.Supplement?.AnsweredAt ?? request.Reply?.SignedAt) is not null || request.IsClosed,
            E.SignOffAskedChange => request.Change?.AskedAt >= since || request.IsClosed,
            E.ReportRepair => request.Suspension?.ReportedAt >= since || request.State != S.Suspended,
            E.AnswerConsultation => request.Consultation?.AnsweredAt is not null || request.IsClosed,
            E.Dispute => request.Dispute?.Steps.Any(step => step.By == "asking" && step.At >= since) == true || request.State is S.Disposed or S.Archived or S.Withdrawn,
            E.Dispose or E.ConfirmDisposal => request.State is S.Disposed or S.Archived,
            _ => request.IsClosed,
        };
        return answered ? request with { Pending = null, Prepared = null } : request;
    }

    private static SharingCell.Apply Do<TEvent>(Func<SharingRequest, TEvent, DateTimeOffset, SharingOutcome> step, params SharingState[] to)
        where TEvent : SharingEvent => new(to, (request, e, now) => step(request!, (TEvent)e, now));

    private static SharingCell.Refuse Refuse(Rule rule) => new(rule);

    private static SharingCell.Ignore Ignore(string why) => new(why);
}

/// <summary>What the table says about one event in one state.</summary>
internal abstract record SharingCell
{
    /// <summary>The step leads to one of these states, or refuses what its own check finds.</summary>
    public sealed record Apply(IReadOnlyList<SharingState> To, Func<SharingRequest?, SharingEvent, DateTimeOffset, SharingOutcome> Step) : SharingCell;

    /// <summary>An act of the asking side on its mirror: noted and sent; the owning city's answer changes the state.</summary>
    public sealed record Pend : SharingCell;

    public sealed record Ignore(string Why) : SharingCell;

    public sealed record Refuse(Rule Rule) : SharingCell;
}
