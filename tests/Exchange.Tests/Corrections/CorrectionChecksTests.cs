using Exchange.Catalogue.Corrections;
using Exchange.Catalogue.Sharing;
using Xunit;

namespace Exchange.Tests.Corrections;

/// <summary>What a correction and its answer must say (art. 26).</summary>
public sealed class CorrectionChecksTests
{
    private static readonly DateOnly Today = new(2026, 9, 18);

    [Fact]
    public void All_faults_of_a_report_are_told_at_once()
    {
        Assert.Equal(["evidence required", "field not-granted-field", "record required", "right required", "since future"], Told(FileCorrection.Check(new() { Field = "salary", Since = Today.AddDays(1) }, ["person"], Today)));
        Assert.Empty(Told(FileCorrection.Check(new() { Field = "person", Record = "1", Right = "示例", Evidence = "示例", Since = Today }, ["person"], Today)));
    }

    [Theory]
    [InlineData("corrected", "2026-09-01", "2026-09-18", "")]
    [InlineData("corrected", null, null, "error_from required,error_to required")]
    [InlineData("corrected", "2026-09-10", "2026-09-09", "error_from after-end")]
    [InlineData("corrected", "2026-09-10", "2026-09-19", "error_to future")]
    [InlineData("not_an_error", null, null, "")]
    [InlineData("not_an_error", "2026-09-01", null, "error_from no-error")]
    [InlineData("maybe", null, null, "result one-of")]
    public void An_answer_names_the_days_of_an_error_and_of_nothing_else(string result, string? from, string? to, string faults) =>
        Assert.Equal(faults, string.Join(',', Told(AnswerCorrection.Check(new() { Result = result, Explanation = "示例", ErrorFrom = Day(from), ErrorTo = Day(to) }, Today))));

    [Fact]
    public void There_is_something_to_correct_once_data_flows_and_until_it_is_disposed_of()
    {
        foreach (var state in Enum.GetValues<SharingState>())
        {
            var expected = state switch
            {
                SharingState.Active or SharingState.Suspended or SharingState.Ended or SharingState.Terminated => null,
                SharingState.Disposed or SharingState.Archived => "already-disposed",
                _ => "nothing-received",
            };
            Assert.Equal(expected, FileCorrection.Refusal(state)?.Type);
        }
    }

    private static IEnumerable<string> Told(Exchange.Hosting.Faults faults) => faults.All.Select(f => $"{f.Field} {f.Rule}").Order(StringComparer.Ordinal);

    private static DateOnly? Day(string? day) => day is null ? null : DateOnly.Parse(day, System.Globalization.CultureInfo.InvariantCulture);
}
