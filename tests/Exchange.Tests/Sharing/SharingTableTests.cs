using System.Text;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Xunit;

namespace Exchange.Tests.Sharing;

public sealed class SharingTableTests
{
    private static readonly SharingState[] States = Enum.GetValues<SharingState>();
    private static readonly SharingEventName[] Events = Enum.GetValues<SharingEventName>();

    /// <summary>Touches every cell: what the function does is what the table says.</summary>
    [Fact]
    public void Every_cell_does_what_it_says()
    {
        foreach (var state in States)
        {
            foreach (var name in Events)
            {
                // A standing sign-off answers open classes only; term ends once the last day is over.
                var request = Scene.In(state, name == SharingEventName.StandingReply ? SharingClass.Unconditional : SharingClass.Conditional);
                var now = name == SharingEventName.TermEnd ? LegalDay.EndOf(Scene.UseUntil) : Scene.Now;
                // Only who asked for an extension gets an answer, and only who was asked for a supplement sends one.
                if (name == SharingEventName.AnswerExtension)
                    request = request is null ? null : request with { ExtensionAsked = new ExtensionAsked(3, "涉及多个部门", Scene.Reviewer.Subject, Scene.Now) };
                if (name == SharingEventName.SupplementReceived)
                    request = request is null ? null : request with { Supplement = new SupplementNotice { Missing = Scene.Missing, AskedAt = Scene.Now } };
                request = request is null ? null : Ready(request, name);
                var outcome = SharingProcess.Apply(request, Scene.Event(name), now);
                var where = $"{state.Word()} × {name.Word()}: {outcome}";

                switch (SharingProcess.Cell(state, name))
                {
                    case SharingCell.Apply cell:
                        var applied = Assert.IsType<SharingOutcome.Applied>(outcome);
                        Assert.True(cell.To.Contains(applied.Request.State), where);
                        Assert.True(applied.Request.Version == (name == SharingEventName.Receive && request is null ? 4 : (request?.Version ?? 0) + 1), where);
                        break;
                    case SharingCell.Pend:
                        var pended = Assert.IsType<SharingOutcome.Applied>(outcome);
                        Assert.True(pended.Request with { Prepared = null } == request! with { Pending = name == SharingEventName.TakeBack ? null : name, Prepared = null }, where);
                        break;
                    case SharingCell.Ignore cell:
                        Assert.True(outcome is SharingOutcome.Ignored ignored && ignored.Why == cell.Why, where);
                        break;
                    case SharingCell.Refuse cell:
                        Assert.True(outcome is SharingOutcome.Refused refused && refused.Rule == cell.Rule, where);
                        break;
                    default:
                        Assert.Fail(where);
                        break;
                }
            }
        }
    }

    /// <summary>With what the event answers to: nobody signs a change that was not asked for, and a filed end comes after a consultation.</summary>
    private static SharingRequest Ready(SharingRequest request, SharingEventName name) => name switch
    {
        SharingEventName.SignOffAskedChange => request with { Pending = SharingEventName.AskChange, Prepared = new Prepared(Scene.Officer.Subject, Scene.Now, Scene.Change, null) },
        SharingEventName.TakeBack => request with { Pending = SharingEventName.AskChange, Prepared = new Prepared(Scene.Officer.Subject, Scene.Now, Scene.Change, null) },
        SharingEventName.ConfirmDisposal => request with { Pending = SharingEventName.Dispose, Prepared = new Prepared(Scene.Officer.Subject, Scene.Now, null, Scene.Disposal) },
        SharingEventName.AnswerConsultation or SharingEventName.ConsultationReceived => request with { Consultation = Consulted },
        SharingEventName.FileChange => request with { Consultation = Consulted with { Agreed = true, AnsweredAt = Scene.Now } },
        SharingEventName.EndService => request with { Consultation = Consulted with { FiledAt = Scene.Now, EffectiveOn = new DateOnly(2026, 3, 1) } },
        SharingEventName.ProposeChange or SharingEventName.SignOffChange => request with { Change = Scene.Change },
        SharingEventName.Terminate when request.Suspension is { } suspension => request with { Suspension = suspension with { ReportedAt = Scene.Now } },
        SharingEventName.ReplyReminder or SharingEventName.ReplyBreached or SharingEventName.ReplyEscalated => request with { ReplyDue = Scene.ReplyDue },
        SharingEventName.Recount => request with { ReplyDue = new LegalDate(Scene.ReplyDue.On, true) },
        _ => request,
    };

    private static readonly Consultation Consulted = new() { Kind = "end", Reason = "系统停用（示例）", EffectiveOn = new DateOnly(2026, 4, 1), AnswerBy = Scene.Later, AskedAt = Scene.Now };

    [Fact]
    public void Every_target_of_a_step_is_reached()
    {
        Assert.Equal(SharingState.Refused, Scene.After(Scene.In(SharingState.Decided)! with { Proposal = Scene.Refusal }, Scene.Event(SharingEventName.SignOffReply)).State);
        Assert.Equal(
            SharingState.Refused,
            Scene.After(Scene.In(SharingState.UnderReview, SharingClass.Refused), new SharingEvent.StandingReply(Scene.Standing(SharingDecision.Refuse), Scene.DeliveryDue)).State);
    }

    [Fact]
    public void Persons_are_refused_and_messages_and_clocks_are_ignored_where_nothing_is_left_to_do()
    {
        SharingState[] closed = [SharingState.Terminated, SharingState.Ended, SharingState.Disposed, SharingState.Archived, SharingState.Withdrawn, SharingState.Refused];
        foreach (var name in Events)
        {
            foreach (var state in closed)
            {
                var cell = SharingProcess.Cell(state, name);
                // What is left to do at a closed request: dispose, dispute, archive, and the clock of the disposal; none of it gives access.
                if (cell is SharingCell.Pend)
                    Assert.True(name is SharingEventName.Dispose or SharingEventName.ConfirmDisposal or SharingEventName.TakeBack or SharingEventName.Dispute, $"{state.Word()} × {name.Word()}");
                else if (cell is SharingCell.Apply apply)
                    Assert.All(apply.To, to => Assert.Contains(to, closed));
                else if (Scene.Event(name) is PersonAct)
                    Assert.IsType<SharingCell.Refuse>(cell);
                else if (name != SharingEventName.DisposeReceived)
                    Assert.IsType<SharingCell.Ignore>(cell);
            }
        }
    }

    [Fact]
    public void Words_are_stable()
    {
        Assert.Equal(
            "draft signed_off submitted under_review supplement_asked decided approved refused active suspended terminated ended disposed archived withdrawn",
            string.Join(' ', Words.Stored.Select(state => state.Word())));
        Assert.Equal(
            "draft revise sign_off submit supplement withdraw ask_change sign_off_asked_change take_back report_repair answer_consultation confirm_disposal dispute dispose "
            + "ask_supplement extend answer_extension propose return_reply sign_off_reply suspend resume terminate consult file_change end_service propose_change sign_off_change dispute_step "
            + "receive standing_reply source_answered supplement_received change_received repair_received consultation_received withdraw_received dispute_received dispose_received term_end archive recount "
            + "reply_reminder reply_breached reply_escalated delivery_reminder delivery_breached delivery_escalated repair_breached "
            + "disposal_reminder disposal_breached disposal_escalated",
            string.Join(' ', Events.Select(name => name.Word())));
        Assert.Equal(["reply", "delivery", "repair", "disposal"], Enum.GetValues<SharingClock>().Select(clock => clock.Word()));
        Assert.Equal(["approve", "refuse"], Enum.GetValues<SharingDecision>().Select(decision => decision.Word()));
        Assert.All(States, state => Assert.Equal(state, Words.Parse<SharingState>(state.Word())));
        Assert.Throws<FormatException>(() => Words.Parse<SharingState>("UnderReview"));
    }

    [Fact]
    public void Every_rule_says_what_and_the_way_out_in_both_languages()
    {
        Rule[] rules = [.. typeof(SharingRules).GetFields().Select(field => (Rule)field.GetValue(null)!)];

        Assert.Equal(rules.Length, rules.Select(rule => rule.Type).Distinct().Count());
        Assert.All(rules, rule =>
        {
            Assert.Matches("^[a-z]+(-[a-z]+)*$", rule.Type);
            Assert.InRange(rule.Status, 400, 499);
            Assert.All([rule.Title, rule.WayOut], text => Assert.True(text.Zh.EndsWith('。') && text.En.EndsWith('.'), rule.Type));
        });
    }

    /// <summary><c>EXCHANGE_WRITE_TABLE=1</c> writes the file anew from the code.</summary>
    [Fact]
    public void The_written_table_is_the_code()
    {
        var file = Path.Combine(Root(), "services", "catalogue", "Sharing", "SharingProcess.md");
        var rendered = Render();
        if (Environment.GetEnvironmentVariable("EXCHANGE_WRITE_TABLE") == "1")
            File.WriteAllText(file, rendered);

        Assert.True(rendered == File.ReadAllText(file), $"{file} is not what the code says; run this test with EXCHANGE_WRITE_TABLE=1.");
    }

    private static string Render()
    {
        var text = new StringBuilder();
        text.Append("""
            # The sharing process, state by state

            Written from `SharingProcess.cs` by the test `SharingTableTests` (`EXCHANGE_WRITE_TABLE=1` writes it anew); the same test fails when code and file differ.

            - **→ state**: the event is applied, the version rises by one. The step may still refuse what its own checks find: who signs, reasons, term, fields (rules at the end).
            - **pending**: an act of the asking side is noted on its mirror and sent; the owning city's answer changes the state. A supplement: it is pending until it was taken up. A withdrawal, in both orders of the race: not yet answered → `withdrawn`; approval won → `ended`, reason `not_needed`. A change of scope, and the disposal of personal or important data, wait on the mirror for a second person before they are sent.
            - *ignore*: a duplicate or too late; nothing changes. For messages, machines and clocks.
            - refuse `rule`: the caller is told the rule, its article and the way out. For persons, and for messages that cannot be (their consumer must not swallow them).

            Before `submitted` the row is the asking city's, from then on the owning city's; the asking city's mirror follows the owning city's newest version.
            Articles are of 《政务数据共享条例》.


            """);

        foreach (var (title, chosen) in Groups())
        {
            text.Append($"## {title}\n\n| state | {string.Join(" | ", chosen.Select(name => $"`{name.Word()}`"))} |\n|{string.Concat(Enumerable.Repeat(" --- |", chosen.Count + 1))}\n");
            foreach (var state in States)
                text.Append($"| {(state == SharingState.None ? "(no row)" : $"`{state.Word()}`")} | {string.Join(" | ", chosen.Select(name => Render(SharingProcess.Cell(state, name))))} |\n");
            text.Append('\n');
        }

        text.Append("""
            ## Duplicates and lateness

            Whatever comes twice has one effect, and whatever comes too late undoes nothing. Three kinds of the first and four of the second; for each the cells from above that answer it, and
            what stands guard beside the table. Shown pure by `DuplicatesAndLatenessTests`, over HTTP and messages by `Faults/LatenessTests`.


            """);
        foreach (var kind in DuplicatesAndLateness.All)
            text.Append(kind.Render(Render));

        text.Append("## Rules\n\n| rule | status | article | 规则 | meaning | 办法 | way out |\n| --- | --- | --- | --- | --- | --- | --- |\n");
        foreach (var rule in typeof(SharingRules).GetFields().Select(field => (Rule)field.GetValue(null)!))
            text.Append($"| `{rule.Type}` | {rule.Status} | {rule.Article} | {rule.Title.Zh} | {rule.Title.En} | {rule.WayOut.Zh} | {rule.WayOut.En} |\n");
        return text.ToString();
    }

    private static IEnumerable<(string Title, IReadOnlyList<SharingEventName> Events)> Groups()
    {
        SharingEventName[] owning = [.. Events.Where(name => Scene.Event(name) is OwningAct or AuthorityAct or ProviderOrAuthorityAct)];
        SharingEventName[] clocks = [.. Events.Where(name => name.IsClock())];
        yield return ("Persons of the asking side", [.. Events.Where(name => Scene.Event(name) is AskingAct)]);
        yield return ("Persons of the owning side: the reply", owning[..6]);
        yield return ("Persons of the owning side: during use", owning[6..]);
        yield return ("Messages and machines", [.. Events.Where(name => Scene.Event(name) is not PersonAct).Except(clocks)]);
        yield return ("Clocks", clocks);
    }

    private static string Render(SharingCell cell) => cell switch
    {
        SharingCell.Apply apply => $"**→ {string.Join(" or ", apply.To.Select(state => $"`{state.Word()}`"))}**",
        SharingCell.Pend => "**pending**",
        SharingCell.Ignore ignore => $"*ignore: {ignore.Why}*",
        SharingCell.Refuse refuse => $"refuse `{refuse.Rule.Type}`{(refuse.Rule.Article is { } article ? $" ({article})" : "")}",
        _ => throw new InvalidOperationException($"{cell}"),
    };

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Exchange.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("The tests run outside the repository.");
        return folder.FullName;
    }
}
