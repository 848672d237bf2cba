using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Xunit;
using static Exchange.Catalogue.Sharing.SharingEffect;
using Applied = Exchange.Catalogue.Sharing.SharingOutcome.Applied;
using Ignored = Exchange.Catalogue.Sharing.SharingOutcome.Ignored;
using Refused = Exchange.Catalogue.Sharing.SharingOutcome.Refused;

namespace Exchange.Tests.Sharing;

public sealed class SharingProcessTests
{
    [Fact]
    public void An_exchange_goes_from_draft_to_active_and_ends_with_its_term()
    {
        var draft = Apply(null, Scene.Event(SharingEventName.Draft));
        Assert.Empty(draft.Effects);
        var signed = Apply(draft.Request, Scene.Event(SharingEventName.SignOff));
        Assert.Equal([new WriteRecord("request.signed_off")], signed.Effects);
        var submitted = Apply(signed.Request, Scene.Event(SharingEventName.Submit));
        Assert.Equal([new SendRequest(), new WriteRecord("request.submitted")], submitted.Effects);
        Assert.Equal((3, Scene.Now), (submitted.Request.Version, submitted.Request.SubmittedAt!.Value));

        var received = Apply(null, Scene.Event(SharingEventName.Receive));
        Assert.Equal([new StartClock(SharingClock.Reply, Scene.ReplyDue), new NotifyAskingCity(), new WriteRecord("request.received")], received.Effects);
        Assert.Equal((4, Scene.ReplyDue), (received.Request.Version, received.Request.ReplyDue));
        var decided = Apply(received.Request, Scene.Event(SharingEventName.Propose));
        Assert.Equal([new WriteRecord("reply.proposed")], decided.Effects);
        Assert.Null(decided.Request.Reply);

        var approved = Apply(decided.Request, Scene.Event(SharingEventName.SignOffReply));
        var terms = approved.Request.Grant!;
        Assert.Equal(
            [new StopClock(SharingClock.Reply), new StartClock(SharingClock.Delivery, Scene.DeliveryDue), new IssueGrant(terms), new ProbeSource(), new NotifyAskingCity(), new WriteRecord("reply.signed_off")],
            approved.Effects);
        Assert.Equal((new DateOnly(2026, 3, 2), Scene.UseUntil, 3), (terms.ValidFrom, terms.ValidUntil, terms.DatasetVersion));
        Assert.Equal(Scene.Ask.Fields, terms.Fields);
        Assert.Equal(("approved", Scene.OwningHead.Subject, null, Scene.Now), (approved.Request.Reply!.Outcome, approved.Request.Reply.SignedBy, approved.Request.Reply.StandingSince, approved.Request.Reply.SignedAt));
        Assert.Equal((null, Scene.DeliveryDue), (approved.Request.ReplyDue, approved.Request.DeliveryDue));

        var active = Apply(approved.Request, Scene.Event(SharingEventName.SourceAnswered));
        Assert.Equal([new StopClock(SharingClock.Delivery), new OpenGrant(), new NotifyAskingCity(), new WriteRecord("grant.activated")], active.Effects);
        Assert.Null(active.Request.DeliveryDue);

        var end = LegalDay.EndOf(Scene.UseUntil);
        Assert.IsType<Ignored>(SharingProcess.Apply(active.Request, new SharingEvent.TermEnd(Scene.DisposalDue), end.AddTicks(-1)));
        var ended = Assert.IsType<Applied>(SharingProcess.Apply(active.Request, new SharingEvent.TermEnd(Scene.DisposalDue), end));
        Assert.Equal([new EndGrant("term"), new StartClock(SharingClock.Disposal, Scene.DisposalDue), new NotifyAskingCity(), new WriteRecord("grant.ended")], ended.Effects);
        Assert.Equal((SharingState.Ended, "term", 8), (ended.Request.State, ended.Request.EndReason, ended.Request.Version));
    }

    [Fact]
    public void Whoever_drafted_does_not_sign_off()
    {
        var both = Scene.Person("both", "zhuzhou", Scene.Asking, Roles.Officer, Roles.SharingHead);
        var draft = Apply(null, new SharingEvent.Draft(both, Scene.Ask)).Request;

        Assert.Equal(SharingRules.SamePersonSigns, Refuses(draft, new SharingEvent.SignOff(both)));
        Assert.Equal(SharingState.SignedOff, Apply(draft, new SharingEvent.SignOff(Scene.AskingHead)).Request.State);
    }

    [Fact]
    public void Whoever_proposed_does_not_sign_the_reply()
    {
        var both = Scene.Person("both", "changsha", Scene.Owning, Roles.Reviewer, Roles.SharingHead);
        var decided = Apply(Scene.In(SharingState.UnderReview), new SharingEvent.Propose(both, Scene.Approval)).Request;

        Assert.Equal(SharingRules.SamePersonReplies, Refuses(decided, new SharingEvent.SignOffReply(both, Scene.DeliveryDue)));
        Assert.Equal(SharingState.Approved, Apply(decided, new SharingEvent.SignOffReply(Scene.OwningHead, Scene.DeliveryDue)).Request.State);
    }

    [Theory]
    [InlineData("draft", "none")]
    [InlineData("sign_off", "draft")]
    [InlineData("submit", "signed_off")]
    [InlineData("withdraw", "under_review")]
    [InlineData("propose", "under_review")]
    [InlineData("sign_off_reply", "decided")]
    public void A_client_a_role_a_foreign_department_and_a_foreign_city_are_refused(string name, string state)
    {
        var request = Scene.In(Words.Parse<SharingState>(state));
        var act = (PersonAct)Scene.Event(Words.Parse<SharingEventName>(name));

        Assert.Equal(SharingRules.PersonRequired, Refuses(request, act with { By = act.By with { IsPerson = false } }));
        Assert.Equal(SharingRules.PersonRequired, Refuses(request, act with { By = act.By with { Subject = "" } }));
        Assert.Equal(SharingRules.RoleMissing, Refuses(request, act with { By = act.By with { Roles = new HashSet<string> { Roles.Auditor, Roles.Authority } } }));
        Assert.Equal(SharingRules.WrongDepartment, Refuses(request, act with { By = act.By with { Department = "11430300000000003C" } }));
        Assert.Equal(SharingRules.WrongDepartment, Refuses(request, act with { By = act.By with { Department = null } }));
        Assert.Equal(SharingRules.WrongDepartment, Refuses(request, act with { By = act.By with { City = "xiangtan" } }));
        Assert.IsType<Applied>(SharingProcess.Apply(request, act, Scene.Now));
    }

    [Fact]
    public void A_stranger_learns_nothing_about_the_state()
    {
        var stranger = Scene.Person("stranger", "xiangtan", "11430300000000003C", Roles.SharingHead);

        Assert.All(
            Words.Stored,
            state => Assert.Equal(SharingRules.WrongDepartment, Refuses(Scene.In(state), new SharingEvent.SignOffReply(stranger, Scene.DeliveryDue))));
    }

    [Fact]
    public void Where_the_owning_department_is_unknown_nobody_acts_for_it()
    {
        var request = Scene.In(SharingState.UnderReview)!;

        Assert.Equal(SharingRules.WrongDepartment, Refuses(request with { Ask = Scene.Ask with { OwningDepartment = null } }, new SharingEvent.Propose(Scene.Reviewer with { Department = null }, Scene.Approval)));
    }

    [Fact]
    public void A_second_decision_changes_nothing()
    {
        var other = Scene.Person("changsha-head-2", "changsha", Scene.Owning, Roles.SharingHead, Roles.Reviewer);
        var approved = Scene.After(Scene.In(SharingState.Decided), Scene.Event(SharingEventName.SignOffReply));

        Assert.Equal(SharingRules.AlreadyProposed, Refuses(Scene.In(SharingState.Decided), new SharingEvent.Propose(other, Scene.Refusal)));
        Assert.Equal(SharingRules.AlreadyAnswered, Refuses(approved, new SharingEvent.Propose(other, Scene.Refusal)));
        Assert.Equal(SharingRules.AlreadyAnswered, Refuses(approved, new SharingEvent.SignOffReply(other, Scene.DeliveryDue)));
    }

    [Fact]
    public void A_refusal_says_why_and_cites_the_law_where_the_entry_is_not_shared()
    {
        var refuse = new Proposal { Decision = SharingDecision.Refuse };
        var notShared = Scene.In(SharingState.UnderReview, SharingClass.Refused);

        Assert.Equal(SharingRules.RefusalNeedsReason, Proposes(Scene.In(SharingState.UnderReview), refuse with { Reason = " " }));
        Assert.Equal(SharingRules.RefusalNeedsLaw, Proposes(notShared, refuse with { Reason = "不予共享" }));
        Assert.Equal(SharingRules.NotShared, Proposes(notShared, Scene.Approval));
        Assert.Equal(SharingRules.RefusalNeedsGrounds, Proposes(Scene.In(SharingState.UnderReview), refuse with { Reason = "不予共享" }));
        Assert.Equal(SharingRules.IncompleteIsNoRefusal, Proposes(Scene.In(SharingState.UnderReview), refuse with { Reason = "材料不全", Grounds = [RefusalGrounds.Incomplete] }));
        refuse = refuse with { Grounds = [RefusalGrounds.NotSharedByLaw] };
        var refused = Scene.After(notShared, new SharingEvent.Propose(Scene.Reviewer, refuse with { Reason = "不予共享", CitedLaw = "《统计法》第9条" }), Scene.Event(SharingEventName.SignOffReply));
        Assert.Equal((SharingState.Refused, "refused", "不予共享", "《统计法》第9条"), (refused.State, refused.Reply!.Outcome, refused.Reply.Reason, refused.Reply.CitedLaw));
        Assert.Null(refused.Grant);
    }

    [Fact]
    public void A_grant_may_be_narrower_than_asked_and_never_wider()
    {
        var request = Scene.In(SharingState.UnderReview);
        var approve = Scene.Approval;

        Assert.Equal(SharingRules.WiderThanAsked, Proposes(request, approve with { Fields = ["name", "owner"] }));
        Assert.Equal(SharingRules.WiderThanAsked, Proposes(request, approve with { Fields = [] }));
        Assert.Equal(SharingRules.WiderThanAsked, Proposes(request, approve with { ValidUntil = Scene.UseUntil.AddDays(1) }));
        Assert.Equal(SharingRules.TermOver, Proposes(request, approve with { ValidUntil = new DateOnly(2026, 3, 1) }));

        var narrow = Scene.After(request, new SharingEvent.Propose(Scene.Reviewer, approve with { Fields = ["name"], ValidUntil = new DateOnly(2026, 6, 30) }), Scene.Event(SharingEventName.SignOffReply));
        Assert.Equal(["name"], narrow.Grant!.Fields);
        Assert.Equal(new DateOnly(2026, 6, 30), narrow.Grant.ValidUntil);
    }

    [Fact]
    public void Treatments_and_rows_are_what_was_signed_and_a_change_keeps_what_it_does_not_name()
    {
        var rows = new RowFilter { Area = new AreaFilter { Field = "area", Prefix = "4301" } };
        var approve = Scene.Approval with { Treatments = new Dictionary<string, string> { ["name"] = "masked:name", ["paid_months"] = "plain" }, Rows = rows };
        var under = Scene.In(SharingState.UnderReview)!;
        under = under with { Ask = under.Ask with { Fields = ["name", "paid_months"] } };

        var granted = Scene.After(under, new SharingEvent.Propose(Scene.Reviewer, approve), Scene.Event(SharingEventName.SignOffReply));
        Assert.Equal([new("name", "masked:name")], granted.Grant!.Treatments);
        Assert.Equal(rows, granted.Grant.Rows);
        Assert.Equal(SharingRules.NothingLeft, Proposes(under, approve with { Fields = ["name"], Treatments = new Dictionary<string, string> { ["name"] = "dropped" } }));
        var plain = Scene.After(under, new SharingEvent.Propose(Scene.Reviewer, Scene.Approval with { Rows = new RowFilter() }), Scene.Event(SharingEventName.SignOffReply));
        Assert.Equal((null, null), (plain.Grant!.Treatments, plain.Grant.Rows));

        SharingRequest Decided(Proposal proposal, params string[] fields) => Scene.After(
            granted, new SharingEvent.ChangeReceived(Scene.Change with { Fields = fields.Length == 0 ? null : fields }, Scene.ReplyDue), new SharingEvent.ProposeChange(Scene.Reviewer, proposal), Scene.Event(SharingEventName.SignOffChange));
        var wider = Decided(Scene.Approval with { Treatments = new Dictionary<string, string> { ["born"] = "generalised:month" } }, "name", "paid_months", "born");
        Assert.Equal(["born=generalised:month", "name=masked:name"], wider.Grant!.Treatments!.Select(t => $"{t.Key}={t.Value}").Order());
        Assert.Equal(rows, wider.Grant.Rows);
        Assert.Null(Decided(Scene.Approval with { Fields = ["paid_months"] }).Grant!.Treatments);
        var anew = Decided(Scene.Approval with { Treatments = new Dictionary<string, string> { ["name"] = "plain" }, Rows = new RowFilter() });
        Assert.Equal((null, null), (anew.Grant!.Treatments, anew.Grant.Rows));

        var request = Scene.In(SharingState.UnderReview, SharingClass.Unconditional);
        var standing = Scene.After(request, new SharingEvent.StandingReply(Scene.Standing(SharingDecision.Approve) with { Treatments = new Dictionary<string, string> { [request!.Ask.Fields[0]] = "hashed", ["other"] = "hashed" } }, Scene.DeliveryDue));
        Assert.Equal([new(request.Ask.Fields[0], "hashed")], standing.Grant!.Treatments);
    }

    [Fact]
    public void Nothing_is_submitted_or_approved_past_its_term()
    {
        var after = LegalDay.EndOf(Scene.UseUntil);

        Assert.Equal(SharingRules.TermOver, Assert.IsType<Refused>(SharingProcess.Apply(Scene.In(SharingState.SignedOff), Scene.Event(SharingEventName.Submit), after)).Rule);
        Assert.IsType<Applied>(SharingProcess.Apply(Scene.In(SharingState.SignedOff), Scene.Event(SharingEventName.Submit), after.AddTicks(-1)));
        Assert.Equal(SharingRules.TermOver, Assert.IsType<Refused>(SharingProcess.Apply(Scene.In(SharingState.Decided), Scene.Event(SharingEventName.SignOffReply), after)).Rule);
        Assert.IsType<Applied>(SharingProcess.Apply(Scene.In(SharingState.Decided)! with { Proposal = Scene.Refusal }, Scene.Event(SharingEventName.SignOffReply), after));
    }

    [Fact]
    public void A_standing_sign_off_answers_at_once_and_names_person_and_day()
    {
        var approved = Scene.After(Scene.In(SharingState.UnderReview, SharingClass.Unconditional), Scene.Event(SharingEventName.StandingReply));
        var refused = Scene.After(Scene.In(SharingState.UnderReview, SharingClass.Refused), new SharingEvent.StandingReply(Scene.Standing(SharingDecision.Refuse), Scene.DeliveryDue));

        Assert.Equal((SharingState.Approved, Scene.OwningHead.Subject, new DateOnly(2026, 1, 5)), (approved.State, approved.Reply!.SignedBy, approved.Reply.StandingSince));
        Assert.Equal((SharingState.Refused, "《统计法》第9条", "《统计法》第9条"), (refused.State, refused.Reply!.CitedLaw, refused.Reply.Reason));
    }

    [Fact]
    public void A_standing_sign_off_holds_for_its_version_class_and_department_only()
    {
        var standing = Scene.Standing(SharingDecision.Approve);
        var open = Scene.In(SharingState.UnderReview, SharingClass.Unconditional);

        Assert.Equal(SharingRules.StandingOtherVersion, Refuses(open, new SharingEvent.StandingReply(standing with { DatasetVersion = 2 }, Scene.DeliveryDue)));
        Assert.Equal(SharingRules.WrongDepartment, Refuses(open, new SharingEvent.StandingReply(standing with { Department = Scene.Asking }, Scene.DeliveryDue)));
        Assert.Equal(SharingRules.StandingOtherClass, Refuses(Scene.In(SharingState.UnderReview), new SharingEvent.StandingReply(standing, Scene.DeliveryDue)));
        Assert.Equal(SharingRules.StandingOtherClass, Refuses(Scene.In(SharingState.UnderReview, SharingClass.Refused), new SharingEvent.StandingReply(standing, Scene.DeliveryDue)));
        Assert.Equal(SharingRules.StandingOtherClass, Refuses(open, new SharingEvent.StandingReply(Scene.Standing(SharingDecision.Refuse), Scene.DeliveryDue)));
        Assert.Equal(
            SharingRules.RefusalNeedsLaw,
            Refuses(Scene.In(SharingState.UnderReview, SharingClass.Refused), new SharingEvent.StandingReply(Scene.Standing(SharingDecision.Refuse) with { CitedLaw = null }, Scene.DeliveryDue)));
    }

    [Fact]
    public void A_withdrawal_before_submission_stays_in_the_city()
    {
        var draft = Apply(Scene.In(SharingState.Draft), Scene.Event(SharingEventName.Withdraw));
        var signed = Apply(Scene.In(SharingState.SignedOff), Scene.Event(SharingEventName.Withdraw));

        Assert.Equal((SharingState.Withdrawn, "withdrawn"), (draft.Request.State, draft.Request.EndReason));
        Assert.Empty(draft.Effects);
        Assert.Equal([new WriteRecord("request.withdrawn")], signed.Effects);
    }

    [Fact]
    public void A_withdrawal_after_submission_is_pending_until_the_owning_city_answers()
    {
        var mirror = Scene.In(SharingState.UnderReview)!;
        var pending = Apply(mirror, new SharingEvent.Withdraw(Scene.AskingHead, "已由本级取得"));

        Assert.Equal(mirror with { Pending = SharingEventName.Withdraw, Prepared = new Prepared(Scene.AskingHead.Subject, Scene.Now, null, null) }, pending.Request);
        Assert.Equal(
            [
                new SendAct(new RequestWithdrawn { ExchangeId = Scene.Ask.ExchangeId, AskingCity = "zhuzhou", OwningCity = "changsha", Reason = "已由本级取得", WithdrawnAt = Scene.Now }),
                new WriteRecord("request.withdrawn"),
            ],
            pending.Effects);
        Assert.Equal(SharingRules.AlreadyPending, Refuses(pending.Request, Scene.Event(SharingEventName.Withdraw)));

        var still = Assert.IsType<Applied>(SharingProcess.Follow(pending.Request, Scene.News(mirror with { State = SharingState.Decided, Version = 8 })));
        Assert.Equal(SharingEventName.Withdraw, still.Request.Pending);
        var answered = Assert.IsType<Applied>(SharingProcess.Follow(still.Request, Scene.News(mirror with { State = SharingState.Withdrawn, Version = 9, EndReason = "withdrawn" })));
        Assert.Equal((SharingState.Withdrawn, null, 9, "withdrawn"), (answered.Request.State, answered.Request.Pending, answered.Request.Version, answered.Request.EndReason));
    }

    [Fact]
    public void The_withdrawal_wins_the_race_before_the_signature()
    {
        var withdrawn = Apply(Scene.In(SharingState.Decided), Scene.Event(SharingEventName.WithdrawReceived));

        Assert.Equal((SharingState.Withdrawn, "withdrawn", null), (withdrawn.Request.State, withdrawn.Request.EndReason, withdrawn.Request.ReplyDue));
        Assert.Equal([new StopClock(SharingClock.Reply), new NotifyAskingCity(), new WriteRecord("request.withdrawn")], withdrawn.Effects);
        Assert.Equal(SharingRules.AlreadyWithdrawn, Refuses(withdrawn.Request, Scene.Event(SharingEventName.SignOffReply)));
    }

    [Theory]
    [InlineData("approved")]
    [InlineData("active")]
    public void The_approval_wins_the_race_and_the_withdrawal_ends_the_grant(string state)
    {
        var ended = Apply(Scene.In(Words.Parse<SharingState>(state)), Scene.Event(SharingEventName.WithdrawReceived));

        Assert.Equal((SharingState.Ended, "not_needed", null), (ended.Request.State, ended.Request.EndReason, ended.Request.DeliveryDue));
        Assert.Contains(new EndGrant("not_needed"), ended.Effects);
        Assert.Equal(state == "approved", ended.Effects.Contains(new StopClock(SharingClock.Delivery)));
        Assert.IsType<Ignored>(SharingProcess.Apply(ended.Request, new SharingEvent.SourceAnswered(), Scene.Now));
    }

    [Fact]
    public void A_withdrawal_that_overtakes_its_request_waits_for_it()
    {
        Assert.Equal(SharingRules.NotYetReceived, Refuses(null, Scene.Event(SharingEventName.WithdrawReceived)));
        Assert.Equal(SharingState.Withdrawn, Scene.After(null, Scene.Event(SharingEventName.Receive), Scene.Event(SharingEventName.WithdrawReceived)).State);
    }

    [Fact]
    public void A_mirror_takes_the_newest_version_and_nothing_older()
    {
        var mirror = Scene.In(SharingState.Submitted)! with { Version = 3 };
        var approved = Scene.After(Scene.After(null, Scene.Event(SharingEventName.Receive)), Scene.Event(SharingEventName.Propose), Scene.Event(SharingEventName.SignOffReply));

        var newest = Assert.IsType<Applied>(SharingProcess.Follow(mirror, Scene.News(approved))).Request;

        Assert.Equal((SharingState.Approved, 6), (newest.State, newest.Version));
        Assert.Equal(approved.Reply, newest.Reply);
        Assert.Equal(approved.Grant, newest.Grant);
        Assert.IsType<Ignored>(SharingProcess.Follow(newest, Scene.News(approved)));
        Assert.IsType<Ignored>(SharingProcess.Follow(newest, Scene.News(Scene.After(null, Scene.Event(SharingEventName.Receive)))));
        Assert.Equal(SharingRules.NoSuchRequest, Assert.IsType<Refused>(SharingProcess.Follow(null, Scene.News(approved))).Rule);
        Assert.Equal(SharingRules.NotSubmitted, Assert.IsType<Refused>(SharingProcess.Follow(Scene.In(SharingState.SignedOff), Scene.News(approved))).Rule);
    }

    [Fact]
    public void Within_one_city_the_same_row_goes_on()
    {
        var received = Scene.After(null, Scene.Event(SharingEventName.Draft), Scene.Event(SharingEventName.SignOff), Scene.Event(SharingEventName.Submit), Scene.Event(SharingEventName.Receive));

        Assert.Equal((SharingState.UnderReview, 4, Scene.Officer.Subject), (received.State, received.Version, received.DraftedBy));
    }

    private static Applied Apply(SharingRequest? request, SharingEvent happened) => Assert.IsType<Applied>(SharingProcess.Apply(request, happened, Scene.Now));

    private static Rule Refuses(SharingRequest? request, SharingEvent happened) => Assert.IsType<Refused>(SharingProcess.Apply(request, happened, Scene.Now)).Rule;

    private static Rule Proposes(SharingRequest? request, Proposal proposal) => Refuses(request, new SharingEvent.Propose(Scene.Reviewer, proposal));
}
