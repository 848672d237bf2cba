using Exchange.Gateway.Federation;

namespace Exchange.Tests.Federation;

public sealed class DataFreshnessTests
{
    [Theory]
    [InlineData("daily", "2026-03-01T15:59:59Z", "2026-03-01", "Current", "2026-03-02", null)]
    [InlineData("daily", "2026-03-01T16:00:00Z", "2026-03-02", "Current", "2026-03-03", null)]
    [InlineData("realtime", "2026-03-01T00:00:00Z", "2026-03-02", "Due", "2026-03-02", null)]
    [InlineData("weekly", "2026-03-01T00:00:00Z", "2026-03-08", "Due", "2026-03-08", null)]
    [InlineData("weekly", "2026-03-01T00:00:00Z", "2026-03-09", "Overdue", "2026-03-08", 1)]
    [InlineData("monthly", "2026-01-31T00:00:00Z", "2026-02-27", "Current", "2026-02-28", null)]
    [InlineData("quarterly", "2026-01-01T00:00:00Z", "2026-05-01", "Overdue", "2026-04-01", 30)]
    [InlineData("semiannual", "2026-01-01T00:00:00Z", "2026-06-30", "Current", "2026-07-01", null)]
    [InlineData("annual", "2024-02-29T00:00:00Z", "2025-02-28", "Due", "2025-02-28", null)]
    [InlineData("historical", "2020-01-01T00:00:00Z", "2026-01-01", "NotApplicable", null, null)]
    [InlineData("irregular", null, "2026-01-01", "NotApplicable", null, null)]
    [InlineData("daily", null, "2026-01-01", "Unknown", null, null)]
    [InlineData("hourly", "2026-01-01T00:00:00Z", "2026-01-01", "Unknown", null, null)]
    public void Data_is_due_by_its_declared_cycle_in_days_of_Beijing(string cycle, string? updated, string today, string state, string? due, int? overdue)
    {
        var freshness = DataFreshness.Of(cycle, updated is null ? null : DateTimeOffset.Parse(updated, null), DateOnly.Parse(today, null));
        Assert.Equal((state, due is null ? null : DateOnly.Parse(due, null), overdue), (freshness.State.ToString(), freshness.DueOn, freshness.OverdueDays));
    }
}
