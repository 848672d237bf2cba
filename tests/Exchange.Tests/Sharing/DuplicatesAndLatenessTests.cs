using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using E = Exchange.Catalogue.Sharing.SharingEventName;
using S = Exchange.Catalogue.Sharing.SharingState;

namespace Exchange.Tests.Sharing;

/// <summary>Twice or too late, in the process itself; over HTTP and messages in <c>Faults/LatenessTests</c>.</summary>
public sealed class DuplicatesAndLatenessTests
{
    private static readonly S[] States = Enum.GetValues<S>();
    private static readonly E[] Events = Enum.GetValues<E>();

    [Fact]
    public void A_message_that_comes_twice_changes_nothing_the_second_time()
    {
        foreach (var name in (E[])[E.Receive, E.StandingReply, E.SourceAnswered, E.WithdrawReceived, E.TermEnd])
        {
            var now = name == E.TermEnd ? LegalDay.EndOf(Scene.UseUntil) : Scene.Now;
            foreach (var state in States)
            {
                if (SharingProcess.Apply(Scene.In(state, name == E.StandingReply ? SharingClass.Unconditional : SharingClass.Conditional), Scene.Event(name), now) is SharingOutcome.Applied first)
                    Assert.IsType<SharingOutcome.Ignored>(SharingProcess.Apply(first.Request, Scene.Event(name), now));
            }
        }
    }

    [Fact]
    public void A_command_that_comes_twice_is_refused_the_second_time()
    {
        foreach (var name in (E[])[E.Draft, E.SignOff, E.Submit, E.Withdraw, E.Propose, E.SignOffReply])
        {
            foreach (var state in States)
            {
                if (SharingProcess.Apply(Scene.In(state), Scene.Event(name), Scene.Now) is SharingOutcome.Applied first)
                    Assert.IsType<SharingOutcome.Refused>(SharingProcess.Apply(first.Request, Scene.Event(name), Scene.Now));
            }
        }
    }

    [Fact]
    public void A_second_decision_of_whomever_is_refused()
    {
        var other = Scene.Person("changsha-other", "changsha", Scene.Owning, Roles.Reviewer, Roles.SharingHead);
        var decided = Scene.After(Scene.In(S.UnderReview), Scene.Event(E.Propose));
        Assert.Equal(SharingRules.AlreadyProposed, Refusal(decided, new SharingEvent.Propose(other, Scene.Refusal)));

        var approved = Scene.After(decided, Scene.Event(E.SignOffReply));
        Assert.Equal(SharingRules.AlreadyAnswered, Refusal(approved, new SharingEvent.Propose(other, Scene.Refusal)));
        Assert.Equal(SharingRules.AlreadyAnswered, Refusal(approved, new SharingEvent.SignOffReply(other, Scene.DeliveryDue)));
    }

    [Fact]
    public void After_the_decision_a_withdrawal_ends_the_grant_and_nothing_else_moves_it()
    {
        var active = Scene.After(Scene.In(S.Decided), Scene.Event(E.SignOffReply), Scene.Event(E.SourceAnswered));
        Assert.IsType<SharingOutcome.Ignored>(SharingProcess.Apply(active, Scene.Event(E.Receive), Scene.Now));
        Assert.IsType<SharingOutcome.Ignored>(SharingProcess.Apply(active, Scene.Event(E.ReplyBreached), Scene.Now));
        Assert.Equal(S.Ended, Scene.After(active, Scene.Event(E.WithdrawReceived)).State);
        Assert.IsType<SharingOutcome.Ignored>(SharingProcess.Apply(Scene.In(S.Refused), Scene.Event(E.WithdrawReceived), Scene.Now));
    }

    [Fact]
    public void After_the_end_nothing_gives_access_again_whatever_comes()
    {
        foreach (var state in DuplicatesAndLateness.Closed)
        {
            foreach (var name in Events)
            {
                var late = SharingProcess.Apply(Scene.In(state), Scene.Event(name), LegalDay.EndOf(Scene.UseUntil));
                Assert.False(late is SharingOutcome.Applied { Request.IsClosed: false }, $"{state.Word()} × {name.Word()}: {late}");
                Assert.False(late is SharingOutcome.Applied applied && applied.Effects.Any(effect => effect is SharingEffect.OpenGrant or SharingEffect.IssueGrant or SharingEffect.ChangeGrant), $"{state.Word()} × {name.Word()}: {late}");
            }
        }
    }

    [Fact]
    public void After_the_revocation_no_event_and_no_news_opens_access_again()
    {
        foreach (var state in DuplicatesAndLateness.Revoked)
        {
            foreach (var name in Events)
            {
                var to = SharingProcess.Cell(state, name) switch
                {
                    SharingCell.Apply apply => apply.To,
                    _ => [],
                };
                Assert.False(to.Any(s => s is S.Approved or S.Active or S.Suspended), $"{state.Word()} × {name.Word()}");
            }

            var mirror = Scene.In(state)!;
            foreach (var before in (S[])[S.Approved, S.Active])
            {
                for (var version = 1; version <= mirror.Version; version++)
                    Assert.IsType<SharingOutcome.Ignored>(SharingProcess.Follow(mirror, Scene.News(Scene.In(before)! with { Version = version })));
            }
        }
    }

    [Fact]
    public void After_the_re_publication_a_standing_sign_off_of_another_version_answers_nothing()
    {
        var late = new SharingEvent.StandingReply(Scene.Standing(SharingDecision.Approve) with { DatasetVersion = Scene.Ask.DatasetVersion + 1 }, Scene.DeliveryDue);

        Assert.Equal(SharingRules.StandingOtherVersion, Refusal(Scene.In(S.UnderReview, SharingClass.Unconditional), late));
    }

    [Fact]
    public void Each_of_the_seven_kinds_is_written_down_with_cells_and_guards()
    {
        Assert.Equal(7, DuplicatesAndLateness.All.Count);
        Assert.Equal(3, DuplicatesAndLateness.All.Count(k => k.Kind.StartsWith("Duplicate", StringComparison.Ordinal)));
        Assert.Equal(4, DuplicatesAndLateness.All.Count(k => k.Kind.StartsWith("Late", StringComparison.Ordinal)));
        Assert.All(DuplicatesAndLateness.All, kind => Assert.True(kind.Cells.Count > 0 && kind.Guards.Count > 0, kind.Kind));
    }

    private static Rule Refusal(SharingRequest? request, SharingEvent happened) => Assert.IsType<SharingOutcome.Refused>(SharingProcess.Apply(request, happened, Scene.Now)).Rule;
}
