using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using FsCheck;
using FsCheck.Fluent;
using Xunit;
using static Exchange.Catalogue.Sharing.SharingEffect;
using Applied = Exchange.Catalogue.Sharing.SharingOutcome.Applied;
using Refused = Exchange.Catalogue.Sharing.SharingOutcome.Refused;

namespace Exchange.Tests.Sharing;

/// <summary>Random histories; a failing one is shrunk and its message holds the seed to replay it with.</summary>
public sealed class SharingHistoryTests
{
    private static readonly Config Histories = Config.QuickThrowOnFailure.WithMaxTest(400).WithStartSize(40).WithEndSize(200);
    private static readonly string[] Classes = [.. SharingClass.All];
    private static readonly SharingEventName[] Events = Enum.GetValues<SharingEventName>();

    // Right people, one who holds both roles of a side, machines that hold every role, and people of elsewhere.
    private static readonly Caller[] AskingPeople =
    [
        Scene.Officer,
        Scene.AskingHead,
        Scene.Person("zhuzhou-both", "zhuzhou", Scene.Asking, Roles.Officer, Roles.SharingHead),
        Scene.Person("zhuzhou-machine", "zhuzhou", Scene.Asking, Roles.Officer, Roles.SharingHead) with { IsPerson = false },
        Scene.Person("elsewhere", "xiangtan", "11430300000000003C", Roles.Officer, Roles.SharingHead, Roles.Reviewer),
    ];

    private static readonly Caller[] OwningPeople =
    [
        Scene.Reviewer,
        Scene.OwningHead,
        Scene.Person("changsha-both", "changsha", Scene.Owning, Roles.Reviewer, Roles.SharingHead),
        Scene.Person("changsha-machine", "changsha", Scene.Owning, Roles.Reviewer, Roles.SharingHead) with { IsPerson = false },
        AskingPeople[4],
    ];

    [Fact]
    public void No_history_gives_access_without_two_persons_on_each_side()
    {
        var seen = new HashSet<SharingState>();

        Prop.ForAll(Steps(Events), steps =>
        {
            SharingRequest? request = null;
            var (now, moves, first) = (Scene.Now, 0, 0);
            foreach (var step in steps)
            {
                now = now.AddHours(step.Dice % 12);
                var happened = Happen(step, Classes[steps[0].Dice % 3]);
                if (SharingProcess.Apply(request, happened, now) is not Applied applied)
                    continue;

                var (before, after) = (request, applied.Request);
                if (happened is AskingAct && before is { State: not (SharingState.Draft or SharingState.SignedOff) })
                {
                    // Noted on the mirror; what it changes is the owning city's to say.
                    Assert.Equal(before with { Pending = happened is SharingEvent.TakeBack ? null : happened.Name, Prepared = null }, after with { Prepared = null });
                }
                else
                {
                    first = before is null ? after.Version - 1 : first;
                    moves++;
                }

                Assert.Equal(first + moves, after.Version);
                // Each step is on record, once; only what has not left a person's desk is not.
                Assert.True(applied.Effects.Count(effect => effect is WriteRecord) == (OnADesk(before, happened) ? 0 : 1), $"{before?.State} × {happened.Name}");
                Assert.False(before is { IsClosed: true } && !after.IsClosed, $"{before?.State} is closed and was opened by {happened.Name}");
                // Some acts may follow one another as often as one likes; what guards them is the version that was read.
                if (!Again.Contains(happened.Name))
                    Assert.IsNotType<Applied>(SharingProcess.Apply(after, happened, now));
                if (after.State == SharingState.Approved && before?.State != SharingState.Approved)
                    SignedByTwo(after);
                if (after.Grant is { } grant && before?.Grant is { } had && grant != had)
                    ChangedByTwo(before, after);
                if (after.State == SharingState.Active && before?.State == SharingState.Suspended)
                    Assert.IsType<SharingEvent.Resume>(happened);
                if (after.State is SharingState.SignedOff or SharingState.Submitted)
                    Assert.True(Persons(AskingPeople).Contains(after.SignedOffBy!) && after.SignedOffBy != after.DraftedBy && !after.RevisedBy.Contains(after.SignedOffBy!));
                Assert.InRange(after.Extension?.WorkingDays ?? 0, 0, SharingProcess.LongestExtension);
                seen.Add(after.State);
                request = after;
            }
        }).Check(Histories);

        Assert.Superset(
            new HashSet<SharingState> { SharingState.SignedOff, SharingState.Submitted, SharingState.UnderReview, SharingState.Decided, SharingState.Approved, SharingState.Refused, SharingState.Active, SharingState.Ended, SharingState.Withdrawn },
            seen);
    }

    private static readonly SharingEventName[] Again =
    [
        SharingEventName.Revise, SharingEventName.ProposeChange, SharingEventName.DisputeStep, SharingEventName.Consult,
        SharingEventName.ReplyReminder, SharingEventName.ReplyBreached, SharingEventName.ReplyEscalated, SharingEventName.DeliveryReminder, SharingEventName.DeliveryBreached, SharingEventName.DeliveryEscalated,
        SharingEventName.RepairBreached, SharingEventName.DisposalReminder, SharingEventName.DisposalBreached, SharingEventName.DisposalEscalated,
    ];

    [Fact]
    public void Both_cities_end_equal_whatever_the_broker_repeats_and_reorders()
    {
        Prop.ForAll(Steps(TwoCities), steps =>
        {
            var cities = new Cities(Classes[steps[0].Dice % 3]);
            foreach (var step in steps)
            {
                cities.Step(step);
            }

            EndEqual(cities);
        }).Check(Histories);
    }

    /// <summary>Chance alone meets the rarer order in most runs, not in all.</summary>
    [Fact]
    public void Approval_and_withdrawal_meet_in_either_order()
    {
        Assert.Equal((SharingState.Active, null), AfterTheRace(SharingEventName.SignOffReply, SharingEventName.SourceAnswered));
        Assert.Equal((SharingState.Withdrawn, "withdrawn"), AfterTheRace(SharingEventName.Withdraw, SharingEventName.Receive, SharingEventName.Receive, SharingEventName.SignOffReply));
        Assert.Equal((SharingState.Ended, "not_needed"), AfterTheRace(SharingEventName.SignOffReply, SharingEventName.Withdraw));
    }

    private static (SharingState, string?) AfterTheRace(params SharingEventName[] race)
    {
        // Dice under which the right person acts, the proposal approves and each message is delivered once.
        const int plain = 25;
        var cities = new Cities(SharingClass.Conditional);
        foreach (var name in (SharingEventName[])[SharingEventName.Draft, SharingEventName.SignOff, SharingEventName.Submit, SharingEventName.Receive, SharingEventName.Propose, .. race])
        {
            cities.Step(new Step(name, name == SharingEventName.Receive ? plain + 1 : plain));
        }

        EndEqual(cities);
        return (cities.Owning!.State, cities.Owning.EndReason);
    }

    private static void EndEqual(Cities cities)
    {
        cities.DeliverAll();

        if (cities.Owning is null)
        {
            Assert.True(cities.Asking?.State is null or SharingState.Draft or SharingState.SignedOff or SharingState.Withdrawn);
            return;
        }

        var (mirror, row) = (cities.Asking!, cities.Owning);
        // A proposal and what is asked of the authority stay inside the owning city.
        Assert.Equal(cities.Told, mirror.Version);
        if (row.State != SharingState.Decided)
            Assert.Equal((row.State, row.ReplyDue), (mirror.State, mirror.ReplyDue));
        Assert.Equal((row.Reply, row.Grant, row.EndReason), (mirror.Reply, mirror.Grant, mirror.EndReason));
        Assert.Equal((row.Supplement, row.Extension, row.DeliveryDue), (mirror.Supplement, mirror.Extension, mirror.DeliveryDue));
        Assert.Equal((row.Suspension, row.Change, row.Consultation, row.Dispute), (mirror.Suspension, mirror.Change, mirror.Consultation, mirror.Dispute));
        Assert.Equal((row.DisposalDue, row.Disposal, row.RetainUntil), (mirror.DisposalDue, mirror.Disposal, mirror.RetainUntil));
        // Only what waits for a second person of its own side is still open.
        Assert.True(mirror.Pending is null or SharingEventName.AskChange || mirror is { Pending: SharingEventName.Dispose, Prepared.Disposal: not null }, $"{mirror.Pending}");
        Assert.All(cities.Audits.Where(audit => !Repeatable.Any(act => audit.Key.EndsWith(act, StringComparison.Ordinal))), audit => Assert.Equal(1, audit.Value));
        Assert.Equal(row.Grant is null ? 0 : 1, cities.Audits.GetValueOrDefault("owning reply.signed_off") - (row.State == SharingState.Refused ? 1 : 0));
        Assert.Equal(row.Grant is not null && row.EndReason is not null and not EndReasons.Misuse ? 1 : 0, cities.Audits.GetValueOrDefault("owning grant.ended"));
        Assert.Equal(row.EndReason == EndReasons.Misuse ? 1 : 0, cities.Audits.GetValueOrDefault("owning grant.terminated"));
        Assert.Equal(row.Disposal is null ? 0 : 1, cities.Audits.GetValueOrDefault("owning disposal.recorded"));
    }

    // An act that the process lets people do again; each time is a step of its own.
    private static readonly string[] Repeatable =
    [
        "owning request.withdrawn", "asking request.signed_off", "owning reply.proposed", "owning reply.returned", "owning extension.asked", "owning extension.consented", "owning extension.denied",
        "change.asked", "change.received", "change.proposed", "change.signed_off", "grant.suspended", "grant.resumed", "repair.reported",
        "service_change.consulted", "service_change.answered", "service_change.filed", "dispute.position", "clock.reminder", "clock.breached", "clock.recounted",
    ];

    private static readonly SharingEventName[] TwoCities =
    [
        SharingEventName.Revise, SharingEventName.AskSupplement, SharingEventName.Supplement, SharingEventName.Extend, SharingEventName.AnswerExtension, SharingEventName.ReturnReply,
        SharingEventName.Draft, SharingEventName.SignOff, SharingEventName.Submit, SharingEventName.Withdraw,
        SharingEventName.Propose, SharingEventName.SignOffReply, SharingEventName.StandingReply, SharingEventName.SourceAnswered, SharingEventName.TermEnd,
        SharingEventName.AskChange, SharingEventName.SignOffAskedChange, SharingEventName.TakeBack, SharingEventName.ProposeChange, SharingEventName.SignOffChange,
        SharingEventName.Suspend, SharingEventName.ReportRepair, SharingEventName.Resume, SharingEventName.Terminate,
        SharingEventName.Consult, SharingEventName.AnswerConsultation, SharingEventName.FileChange, SharingEventName.EndService,
        SharingEventName.Dispute, SharingEventName.DisputeStep, SharingEventName.Dispose, SharingEventName.ConfirmDisposal, SharingEventName.Archive, SharingEventName.Recount,
        SharingEventName.ReplyReminder, SharingEventName.ReplyBreached, SharingEventName.DeliveryBreached, SharingEventName.RepairBreached, SharingEventName.DisposalBreached,
    ];

    private sealed record Step(SharingEventName Name, int Dice);

    private static Arbitrary<Step[]> Steps(SharingEventName[] events)
    {
        // Half of the steps are the way to a grant, so that long histories get somewhere.
        SharingEventName[] way = [SharingEventName.Draft, SharingEventName.SignOff, SharingEventName.Submit, SharingEventName.Receive, SharingEventName.Propose, SharingEventName.SignOffReply, SharingEventName.SourceAnswered];
        var name = Gen.OneOf(Gen.Elements(events), Gen.Elements(way));
        var step = name.SelectMany(_ => Gen.Choose(0, 9_999), (chosen, dice) => new Step(chosen, dice));
        return Arb.From(step.NonEmptyListOf().Select(steps => steps.ToArray()), steps => Shorter(steps));
    }

    private static IEnumerable<Step[]> Shorter(Step[] steps)
    {
        for (var i = steps.Length - 1; i > 0; i--)
            yield return [.. steps[..i], .. steps[(i + 1)..]];
    }

    private static SharingEvent Happen(Step step, string sharingClass)
    {
        var ask = Scene.Ask with { SharingClass = sharingClass };
        var wrong = step.Dice % 10 < 3;
        var any = step.Dice / 10 % 10 is var who and < 5 ? who : 2; // mostly the one who could sign his own paper
        var decision = step.Dice % 3 == 0 ? SharingDecision.Refuse : SharingDecision.Approve;
        return Scene.Event(step.Name) switch
        {
            SharingEvent.Draft draft => draft with { By = wrong ? AskingPeople[any] : draft.By, Ask = ask },
            AskingAct act => act with { By = wrong ? AskingPeople[any] : act.By },
            SharingEvent.Propose propose => propose with
            {
                By = wrong ? OwningPeople[any] : propose.By,
                Proposal = new Proposal { Decision = decision, Reason = step.Dice % 7 == 0 ? null : "理由", CitedLaw = step.Dice % 11 == 0 ? null : "依据" },
            },
            SharingEvent.Extend extend => extend with { By = wrong ? OwningPeople[any] : extend.By, WorkingDays = 1 + (step.Dice % 6) },
            SharingEvent.AnswerExtension answer => answer with { By = wrong ? OwningPeople[any] : answer.By, Consent = step.Dice % 4 != 0 },
            OwningAct act => act with { By = wrong ? OwningPeople[any] : act.By },
            SharingEvent.Receive receive => receive with { Submission = receive.Submission with { Ask = ask } },
            SharingEvent.StandingReply standing => standing with { Standing = Scene.Standing(decision) with { DatasetVersion = step.Dice % 13 == 0 ? 2 : 3 } },
            var other => other,
        };
    }

    private static void SignedByTwo(SharingRequest request)
    {
        var reply = request.Reply!;
        Assert.Equal("approved", reply.Outcome);
        Assert.NotEqual(SharingClass.Refused, request.Ask.SharingClass);
        if (request.DraftedBy is not null)
            Assert.NotEqual(request.DraftedBy, request.SignedOffBy);
        Assert.Contains(reply.SignedBy, Persons(OwningPeople));
        if (reply.StandingSince is null)
        {
            Assert.Contains(request.ProposedBy!, Persons(OwningPeople));
            Assert.NotEqual(request.ProposedBy, reply.SignedBy);
        }
        else
        {
            Assert.Equal(SharingClass.Unconditional, request.Ask.SharingClass);
        }
    }

    private static bool OnADesk(SharingRequest? before, SharingEvent happened) => happened switch
    {
        SharingEvent.Draft or SharingEvent.Revise or SharingEvent.AskChange or SharingEvent.TakeBack or SharingEvent.Dispose { TwoPersons: true } => true,
        SharingEvent.Withdraw => before?.State == SharingState.Draft,
        _ => false,
    };

    // A wider scope takes two persons on each side like the request did (arts. 20, 25).
    private static void ChangedByTwo(SharingRequest before, SharingRequest after)
    {
        Assert.Equal((null, "approved"), (before.Change!.Outcome, after.Change!.Outcome));
        Assert.NotNull(after.Change.SignedBy);
        Assert.Contains(before.ProposedBy!, Persons(OwningPeople));
    }

    private static HashSet<string> Persons(Caller[] side) => [.. side.Where(caller => caller.IsPerson && caller.City != "xiangtan").Select(caller => caller.Subject)];

    /// <summary>Two rows and the messages between them, delivered in any order and more than once.</summary>
    private sealed class Cities(string sharingClass)
    {
        private readonly List<object> broker = [];
        private DateTimeOffset now = Scene.Now;

        public SharingRequest? Asking { get; private set; }

        public SharingRequest? Owning { get; private set; }

        public Dictionary<string, int> Audits { get; } = [];

        /// <summary>The newest version that the asking city was told of.</summary>
        public int Told { get; private set; }

        public void Step(Step step)
        {
            now = now.AddMinutes(step.Dice % 600);
            if (step.Name == SharingEventName.Receive || step.Dice % 3 == 0)
            {
                if (broker.Count > 0)
                    Deliver(broker[step.Dice % broker.Count], again: step.Dice % 5 == 0);
                return;
            }

            var happened = Happen(step, sharingClass);
            if (happened is SharingEvent.Withdraw && step.Dice % 5 != 0)
                return; // else few histories live long enough to be answered
            if (happened is AskingAct)
                Write("asking", Asking, SharingProcess.Apply(Asking, happened, now));
            else
                Write("owning", Owning, SharingProcess.Apply(Owning, happened, now));
        }

        public void DeliverAll()
        {
            for (var round = 0; broker.Count > 0; round++)
            {
                Assert.True(round < 50, $"a message is never taken: {string.Join(", ", broker)}");
                foreach (var message in Enumerable.Reverse(broker).ToList())
                    Deliver(message, again: false);
            }
        }

        // A refused message stays in the queue, as a consumer that throws leaves it.
        private void Deliver(object message, bool again)
        {
            var outcome = message switch
            {
                RequestProgressed news => SharingProcess.Follow(Asking, news),
                SharingEvent happened => SharingProcess.Apply(Owning, happened, now),
                _ => throw new InvalidOperationException($"{message}"),
            };
            if (message is RequestProgressed)
                Write("asking", Asking, outcome);
            else
                Write("owning", Owning, outcome);
            if (outcome is not Refused && !again)
                broker.Remove(message);
        }

        private void Write(string city, SharingRequest? before, SharingOutcome outcome)
        {
            if (outcome is not Applied applied)
                return;
            if (city == "asking")
                Asking = applied.Request;
            else
                Owning = applied.Request;

            foreach (var effect in applied.Effects)
            {
                switch (effect)
                {
                    case SendRequest:
                        broker.Add(new SharingEvent.Receive(new Submission(applied.Request.Ask, applied.Request.SignedOffBy!, applied.Request.SubmittedAt!.Value, applied.Request.Version), Scene.ReplyDue));
                        break;
                    case SendAct act:
                        broker.Add(act.Message switch
                        {
                            RequestWithdrawn withdrawn => new SharingEvent.WithdrawReceived(withdrawn.Reason, Scene.DisposalDue),
                            RequestSupplemented supplemented => new SharingEvent.SupplementReceived(supplemented.Note, Scene.Texts, Scene.Later),
                            ScopeChangeAsked change => new SharingEvent.ChangeReceived(change.Change, Scene.Later),
                            RepairReported repair => new SharingEvent.RepairReceived(repair.Note, repair.ReportedAt),
                            ConsultationAnswered answer => new SharingEvent.ConsultationReceived(answer.Agreed, answer.Answer, answer.AnsweredAt),
                            DisputeRaised dispute => new SharingEvent.DisputeReceived(dispute.Position, dispute.RaisedAt),
                            DisposalRecorded disposal => new SharingEvent.DisposeReceived(disposal.Disposal),
                            var other => throw new InvalidOperationException($"{other}"),
                        });
                        break;
                    case NotifyAskingCity:
                        Told = applied.Request.Version;
                        broker.Add(Scene.News(applied.Request));
                        break;
                    case WriteRecord audit:
                        Audits[$"{city} {audit.Type}"] = Audits.GetValueOrDefault($"{city} {audit.Type}") + 1;
                        break;
                }
            }
        }
    }
}
