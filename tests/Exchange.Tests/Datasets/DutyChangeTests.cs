using Exchange.Catalogue.Datasets;
using Xunit;

namespace Exchange.Tests.Datasets;

/// <summary>A change of law or duty, and the one extension of the clock that it starts (art. 17).</summary>
public sealed class DutyChangeTests
{
    private static readonly DateTimeOffset InTime = new(2026, 9, 18, 15, 59, 59, TimeSpan.Zero);

    private static readonly DutyChange Stated = new()
    {
        DutyChangeId = Guid.Empty,
        DatasetId = Guid.Empty,
        What = "law",
        ChangedOn = new DateOnly(2026, 9, 4),
        Reference = "《示例法》",
        StatedByName = "示例",
        StatedAt = InTime.AddDays(-10),
        DueOn = new DateOnly(2026, 9, 18),
        DueProvisional = false,
    };

    private static readonly DutyChange Asked = Stated with { ExtensionDays = 3, ExtensionAskedBy = "officer" };

    [Fact]
    public void All_faults_of_a_statement_are_told_at_once()
    {
        var today = new DateOnly(2026, 9, 18);
        Assert.Equal(["changed_on future", "reference required", "what one-of"], StateDutyChange.Check(new() { What = "mood", ChangedOn = today.AddDays(1) }, today).All.Select(f => $"{f.Field} {f.Rule}").Order(StringComparer.Ordinal));
        Assert.False(StateDutyChange.Check(new() { What = "department_duty", ChangedOn = today, Reference = "三定规定（示例）" }, today).Any);
    }

    [Fact]
    public void An_extension_is_asked_for_once_and_inside_the_clock()
    {
        Assert.Null(ExtendUpdate.Refusal(Stated, InTime));
        Assert.Equal(DutyChange.TooLate, ExtendUpdate.Refusal(Stated, InTime.AddSeconds(1)));
        Assert.Equal(DutyChange.ExtendedOnce, ExtendUpdate.Refusal(Asked, InTime));
        Assert.Equal(DutyChange.ExtendedOnce, ExtendUpdate.Refusal(Asked with { ExtensionOutcome = "consented" }, InTime));
        Assert.Null(ExtendUpdate.Refusal(Asked with { ExtensionOutcome = "denied" }, InTime));
        Assert.Equal(DutyChange.Met, ExtendUpdate.Refusal(Stated with { MetAt = InTime }, InTime));
    }

    [Fact]
    public void It_is_answered_once_by_another_person_and_not_consented_to_after_the_last_day()
    {
        Assert.Equal(DutyChange.NotAsked, ExtendUpdate.AnswerRefusal(Stated, "authority", true, InTime));
        Assert.Equal(DutyChange.SamePerson, ExtendUpdate.AnswerRefusal(Asked, "officer", true, InTime));
        Assert.Null(ExtendUpdate.AnswerRefusal(Asked, "authority", true, InTime));
        Assert.Equal(DutyChange.TooLate, ExtendUpdate.AnswerRefusal(Asked, "authority", true, InTime.AddSeconds(1)));
        Assert.Null(ExtendUpdate.AnswerRefusal(Asked, "authority", false, InTime.AddSeconds(1)));
        Assert.Equal(DutyChange.NotAsked, ExtendUpdate.AnswerRefusal(Asked with { ExtensionOutcome = "denied" }, "authority", true, InTime));
    }
}
