using Exchange.Catalogue.Deadlines;
using Exchange.Contracts;
using Exchange.Hosting;
using static Exchange.Catalogue.Sharing.SharingEffect;
using static Exchange.Catalogue.Sharing.SharingOutcome;
using E = Exchange.Catalogue.Sharing.SharingEventName;
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
            SharingCell.Pend => Pend(request!, (AskingAct)@event),
            SharingCell.Ignore ignore => new Ignored(ignore.Why),
            SharingCell.Refuse refuse => new Refused(refuse.Rule),
            SharingCell.NotBuilt open => new Refused(SharingRules.NotBuiltYet with { Article = open.Article }),
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

        var followed = mirror with
        {
            State = Words.Parse<SharingState>(news.State),
            Version = news.Version,
            ReceivedAt = news.ReceivedAt,
            ReplyDue = news.ReplyDue,
            DeliveryDue = news.DeliveryDue,
            Supplement = news.Supplement,
            Extension = news.Extension,
            Reply = news.Reply,
            Grant = news.Grant,
            EndReason = news.EndReason,
        };
        return new Applied(followed with { Pending = StillPending(followed) }, []);
    }

    // The table.

    public static SharingCell Cell(SharingState state, SharingEventName name) => name switch
    {
        E.Draft => OnDraft(state),
        E.Revise => OnRevise(state),
        E.SignOff => OnSignOff(state),
        E.Submit => OnSubmit(state),
        E.Supplement => OnSupplement(state),
        E.Withdraw => OnWithdraw(state),
        E.AskChange => OnAskChange(state),
        E.Dispute => OnDispute(state),
        E.Dispose => OnDispose(state),
        E.AskSupplement => OnAskSupplement(state),
        E.Extend => OnExtend(state),
        E.AnswerExtension => OnAnswerExtension(state),
        E.Propose => OnPropose(state),
        E.ReturnReply => OnReturnReply(state),
        E.SignOffReply => OnSignOffReply(state),
        E.Suspend => OnSuspend(state),
        E.Resume => OnResume(state),
        E.Terminate => OnTerminate(state),
        E.EndService => OnEndService(state),
        E.ProposeChange => OnChange(state),
        E.SignOffChange => OnChange(state),
        E.DisputeStep => OnDisputeStep(state),
        E.Receive => OnReceive(state),
        E.StandingReply => OnStandingReply(state),
        E.SourceAnswered => OnSourceAnswered(state),
        E.SupplementReceived => OnSupplementReceived(state),
        E.ChangeReceived => OnChangeReceived(state),
        E.WithdrawReceived => OnWithdrawReceived(state),
        E.DisputeReceived => OnDisputeReceived(state),
        E.DisposeReceived => OnDisposeReceived(state),
        E.TermEnd => OnTermEnd(state),
        E.Archive => OnArchive(state),
        E.ReplyReminder or E.ReplyBreached or E.ReplyEscalated => OnReplyClock(state),
        E.DeliveryReminder or E.DeliveryBreached or E.DeliveryEscalated => OnDeliveryClock(state),
        E.RepairBreached => OnRepairClock(state),
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
        S.Approved or S.Active => Open("第25条", state),
        S.Suspended => Refuse(SharingRules.GrantSuspended),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnDispute(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided or S.Approved or S.Refused or S.Active or S.Suspended or S.Terminated or S.Ended => Open("第28条", state),
        S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnDispose(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided or S.Approved or S.Refused or S.Active or S.Suspended or S.Withdrawn => Refuse(SharingRules.NotEnded),
        S.Terminated or S.Ended => Open("第27条", state),
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
        S.Active => Open("第27条", S.Suspended),
        S.Suspended => Refuse(SharingRules.AlreadySuspended),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnResume(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided or S.Approved => Refuse(SharingRules.NotGranted),
        S.Active => Refuse(SharingRules.NotSuspended),
        S.Suspended => Open("第27条", S.Active),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnTerminate(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided or S.Approved => Refuse(SharingRules.NotGranted),
        S.Active => Refuse(SharingRules.SuspendFirst),
        S.Suspended => Open("第27条", S.Terminated),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnEndService(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided => Refuse(SharingRules.NotGranted),
        S.Approved or S.Active or S.Suspended => Open("第27条", S.Ended),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnChange(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided => Refuse(SharingRules.NotGranted),
        S.Approved or S.Active => Open("第25条", state),
        S.Suspended => Refuse(SharingRules.GrantSuspended),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Refuse(SharingRules.Closed),
    };

    private static SharingCell OnDisputeStep(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NoSuchRequest),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted => Refuse(SharingRules.NotYetReceived),
        S.UnderReview or S.SupplementAsked or S.Decided or S.Approved or S.Refused or S.Active or S.Suspended or S.Terminated or S.Ended => Open("第28条", state),
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
        S.Approved or S.Active => Open("第25条", state),
        S.Suspended => Ignore("suspended in between"),
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
        S.UnderReview or S.SupplementAsked or S.Decided or S.Approved or S.Refused or S.Active or S.Suspended or S.Terminated or S.Ended => Open("第28条", state),
        S.Disposed or S.Archived or S.Withdrawn => Ignore("closed before"),
    };

    private static SharingCell OnDisposeReceived(SharingState state) => state switch
    {
        S.None => Refuse(SharingRules.NotYetReceived),
        S.Draft or S.SignedOff => Refuse(SharingRules.NotSubmitted),
        S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided or S.Approved or S.Refused or S.Active or S.Suspended or S.Withdrawn => Refuse(SharingRules.NotEnded),
        S.Terminated or S.Ended => Open("第27条", S.Disposed),
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
        S.Refused or S.Disposed or S.Withdrawn => Open("第29条", S.Archived),
        S.Archived => Ignore("archived before"),
    };

    private static SharingCell OnReplyClock(SharingState state) => state switch
    {
        S.None or S.Draft or S.SignedOff or S.Submitted => Ignore("the clock's row is in the owning city"),
        S.UnderReview or S.SupplementAsked or S.Decided => Open("第21条", state),
        S.Approved or S.Refused or S.Active or S.Suspended or S.Terminated or S.Ended or S.Disposed or S.Archived => Ignore("answered before"),
        S.Withdrawn => Ignore("withdrawn before"),
    };

    private static SharingCell OnDeliveryClock(SharingState state) => state switch
    {
        S.None or S.Draft or S.SignedOff or S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided => Ignore("no grant yet"),
        S.Approved => Open("第22条", state),
        S.Active or S.Suspended => Ignore("opened before"),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Ignore("closed before"),
    };

    private static SharingCell OnRepairClock(SharingState state) => state switch
    {
        S.None or S.Draft or S.SignedOff or S.Submitted or S.UnderReview or S.SupplementAsked or S.Decided => Ignore("no grant yet"),
        S.Approved or S.Active => Ignore("not suspended"),
        S.Suspended => Open("第27条", state),
        S.Refused or S.Terminated or S.Ended or S.Disposed or S.Archived or S.Withdrawn => Ignore("closed before"),
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

        var proposal = new Proposal { Decision = standing.Decision, Grounds = standing.Decision == SharingDecision.Refuse ? [RefusalGrounds.NotSharedByLaw] : [], CitedLaw = standing.CitedLaw, Reason = standing.Decision == SharingDecision.Refuse ? standing.CitedLaw : null };
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
            ValidFrom = LegalDay.Of(now),
            ValidUntil = proposal.ValidUntil ?? request.Ask.UseUntil,
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

    private static Applied WithdrawGranted(SharingRequest request, SharingEvent.WithdrawReceived e, DateTimeOffset now) => End(request, EndReasons.NotNeeded);

    /// <summary>Arts. 20, 27: past the last day of use, which ends at 24:00 in Beijing, the data is no longer needed.</summary>
    private static SharingOutcome TermEnd(SharingRequest request, SharingEvent.TermEnd e, DateTimeOffset now) =>
        now < LegalDay.EndOf(request.Grant!.ValidUntil) ? new Ignored("the term is not over yet") : End(request, EndReasons.Term);

    private static Applied End(SharingRequest request, string reason) => Move(
        request with { DeliveryDue = null, EndReason = reason },
        S.Ended,
        [
            .. request.State == S.Approved ? [new StopClock(SharingClock.Delivery)] : Array.Empty<SharingEffect>(),
            new EndGrant(reason),
            new NotifyAskingCity(),
            new WriteRecord("grant.ended"),
        ]);

    private static SharingOutcome Pend(SharingRequest mirror, AskingAct act) => mirror.Pending is not null
        ? new Refused(SharingRules.AlreadyPending)
        : new Applied(mirror with { Pending = act.Name }, act switch
        {
            SharingEvent.Supplement supplement => [new Rewrite(supplement.Texts), new SendSupplement(supplement.Note, supplement.Texts), new WriteRecord("request.supplemented")],
            SharingEvent.Withdraw withdraw => [new SendWithdrawal(withdraw.Reason), new WriteRecord("request.withdrawn")],
            _ => throw new InvalidOperationException($"{act.Name.Word()} says nothing to the owning city."),
        });

    /// <summary>What may not be answered, by whomever it is signed.</summary>
    private static Refused? Unlawful(Ask ask, Proposal proposal, DateTimeOffset now)
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
        if (act is AuthorityAct)
            return by.City == ask.OwningCity ? null : new Refused(SharingRules.OtherAuthority);

        var (city, department) = act is AskingAct ? (ask.AskingCity, ask.AskingDepartment) : (ask.OwningCity, ask.OwningDepartment);
        return by.City == city && department is not null && by.Department == department ? null : new Refused(SharingRules.WrongDepartment);
    }

    private static Applied Move(SharingRequest request, SharingState to, params SharingEffect[] effects)
    {
        var moved = request with { State = to, Version = request.Version + 1 };
        return new Applied(moved with { Pending = StillPending(moved) }, effects);
    }

    // A withdrawal is answered by whatever closes the request, even when something else closed it first; a supplement by its being taken up.
    private static SharingEventName? StillPending(SharingRequest request) => request.IsClosed || (request.Pending == E.Supplement && (request.Supplement?.AnsweredAt ?? request.Reply?.SignedAt) is not null)
        ? null
        : request.Pending;

    private static SharingCell.Apply Do<TEvent>(Func<SharingRequest, TEvent, DateTimeOffset, SharingOutcome> step, params SharingState[] to)
        where TEvent : SharingEvent => new(to, (request, e, now) => step(request!, (TEvent)e, now));

    private static SharingCell.Refuse Refuse(Rule rule) => new(rule);

    private static SharingCell.Ignore Ignore(string why) => new(why);

    private static SharingCell.NotBuilt Open(string article, SharingState to) => new(article, to);
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

    /// <summary>Will lead to this state by this article; today it is refused as <c>not-built-yet</c>.</summary>
    public sealed record NotBuilt(string Article, SharingState To) : SharingCell;
}
