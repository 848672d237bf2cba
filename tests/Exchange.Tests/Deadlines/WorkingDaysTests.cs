using System.Globalization;
using Exchange.Catalogue.Deadlines;
using Exchange.Contracts;
using Xunit;

namespace Exchange.Tests.Deadlines;

public sealed class WorkingDaysTests : IDisposable
{
    private static readonly WorkingDays Calendar = WorkingDays.Load();

    private readonly string folder = Directory.CreateTempSubdirectory("calendar-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("2025-09-26", 10, "2025-10-16")] // make-up Sunday, eight-day break, make-up Saturday
    [InlineData("2025-12-31", 1, "2026-01-04")] // due on a working Sunday of the next year
    [InlineData("2026-02-13", 1, "2026-02-14")] // working Saturday
    [InlineData("2026-02-13", 10, "2026-03-05")] // Spring Festival and two make-up Saturdays
    [InlineData("2026-02-21", 1, "2026-02-24")] // received on a day off
    [InlineData("2026-04-30", 10, "2026-05-18")] // May break, working 05-09
    [InlineData("2026-09-18", 10, "2026-10-09")] // two breaks, working 09-20
    [InlineData("2026-09-18", 20, "2026-10-22")] // full extension, or a delivery clock
    [InlineData("2026-09-30", 1, "2026-10-08")] // unconditional reply across National Day
    public void The_day_of_the_event_does_not_count(string received, int days, string due) =>
        Assert.Equal(new LegalDate(Day(due), Provisional: false), Calendar.Add(Day(received), days));

    [Theory]
    [InlineData(2025, 248, null)]
    [InlineData(2026, 248, new[] { 21, 16, 22, 21, 19, 21, 23, 21, 22, 18, 21, 23 })]
    public void A_year_has_its_working_days(int year, int total, int[]? byMonth)
    {
        int[] counted = [.. Enumerable.Range(1, 12).Select(month => Days(year).Count(day => day.Month == month && Calendar.IsWorkingDay(day)))];

        Assert.Equal(total, counted.Sum());
        if (byMonth is not null)
            Assert.Equal(byMonth, counted);
    }

    // The notices once more, written by hand from their text: a slip in a calendar file shows here.
    [Theory]
    [InlineData("2026-09-18", "2026-10-09", 10)] // over two breaks
    [InlineData("2026-10-09", "2026-10-09", 0)]
    [InlineData("2026-10-10", "2026-10-09", -1)] // a Saturday of work
    [InlineData("2026-10-11", "2026-10-09", -1)]
    [InlineData("2026-10-03", "2026-10-02", -1)] // only days off have gone by, and it is late all the same
    [InlineData("2026-10-14", "2026-10-09", -4)]
    public void Days_left_are_less_than_none_once_the_last_day_is_past(string today, string last, int left) =>
        Assert.Equal(left, WorkingDays.Load().Until(DateOnly.ParseExact(today, "yyyy-MM-dd", CultureInfo.InvariantCulture), DateOnly.ParseExact(last, "yyyy-MM-dd", CultureInfo.InvariantCulture)));

    [Fact]
    public void Every_day_of_2025_and_2026_is_as_the_notice_says()
    {
        HashSet<DateOnly> off =
        [
            .. Span("2025-01-01", 1), .. Span("2025-01-28", 8), .. Span("2025-04-04", 3), .. Span("2025-05-01", 5), .. Span("2025-05-31", 3), .. Span("2025-10-01", 8),
            .. Span("2026-01-01", 3), .. Span("2026-02-15", 9), .. Span("2026-04-04", 3), .. Span("2026-05-01", 5), .. Span("2026-06-19", 3), .. Span("2026-09-25", 3), .. Span("2026-10-01", 7),
        ];
        HashSet<DateOnly> work =
        [
            .. new[] { "2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11", "2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10" }.Select(Day),
        ];

        foreach (var day in Days(2025).Concat(Days(2026)))
        {
            var weekend = day.DayOfWeek is DayOfWeek.Saturday or DayOfWeek.Sunday;
            Assert.True(Calendar.IsWorkingDay(day) == (work.Contains(day) || (!weekend && !off.Contains(day))), $"{day:yyyy-MM-dd}");
        }
    }

    [Fact]
    public void Every_due_date_is_a_working_day_with_exactly_so_many_between()
    {
        var counted = Days(2025).Concat(Days(2026)).ToList();
        foreach (var day in counted)
        {
            foreach (var n in new[] { 1, 2, 5, 10, 15, 20 })
            {
                var due = Calendar.Add(day, n);
                if (due.Provisional)
                {
                    Assert.True(due.On.Year > 2026, $"{day:yyyy-MM-dd} + {n}");
                    continue;
                }

                Assert.True(Calendar.IsWorkingDay(due.On), $"{day:yyyy-MM-dd} + {n}");
                Assert.Equal(n, counted.Count(between => between > day && between <= due.On && Calendar.IsWorkingDay(between)));
            }
        }
    }

    [Fact]
    public void A_date_past_the_loaded_calendar_is_provisional()
    {
        Assert.Equal(new LegalDate(Day("2026-12-31"), Provisional: false), Calendar.Add(Day("2026-12-30"), 1));
        Assert.Equal(new LegalDate(Day("2027-01-01"), Provisional: true), Calendar.Add(Day("2026-12-31"), 1));
        Assert.Equal(new LegalDate(Day("2027-01-04"), Provisional: true), Calendar.Add(Day("2026-12-31"), 2));
    }

    [Fact]
    public void A_count_that_crosses_an_unloaded_year_is_provisional()
    {
        File.WriteAllText(Path.Combine(folder, "2028.json"), """{"year":2028,"off":["2028-01-01"],"work":[],"source":"https://example.org/2028"}""");

        var due = WorkingDays.Load(folder).Add(Day("2027-12-31"), 1);
        var crossing = WorkingDays.Load(folder).Add(Day("2027-12-30"), 2);

        Assert.Equal(new LegalDate(Day("2028-01-03"), Provisional: false), due);
        Assert.True(crossing.Provisional);
    }

    [Fact]
    public void An_operator_adds_a_year_without_a_release()
    {
        File.WriteAllText(Path.Combine(folder, "2027.json"), """{"year":2027,"off":["2027-01-01","2027-01-02","2027-01-03"],"work":["2026-12-27"],"source":"https://example.org/2027"}""");

        var calendar = WorkingDays.Load(folder);

        Assert.Equal([2025, 2026, 2027], calendar.Years);
        Assert.Equal(new LegalDate(Day("2027-01-04"), Provisional: false), calendar.Add(Day("2026-12-31"), 1));
        Assert.True(calendar.IsWorkingDay(Day("2026-12-27")));
    }

    [Theory]
    [InlineData("2027.json", """{"year":2027,"off":["2026-05-01"],"work":[],"source":"s"}""", "2026-05-01 is of another year")]
    [InlineData("2027.json", """{"year":2027,"off":["2027-02-06"],"work":["2027-02-06"],"source":"s"}""", "both off and work")]
    [InlineData("2027.json", """{"year":2027,"off":[],"work":["2027-02-08"],"source":"s"}""", "no weekend")]
    [InlineData("2027.json", """{"year":2027,"off":[],"work":[],"source":" "}""", "names no source")]
    [InlineData("2027.json", """{"year":2027,"off":[],"work":[],"source":"s","offDays":[]}""", "is not a calendar")]
    [InlineData("2027.json", """{"year":2027,"off":[]}""", "is not a calendar")]
    [InlineData("2028.json", """{"year":2027,"off":[],"work":[],"source":"s"}""", "name it 2027.json")]
    public void A_wrong_calendar_stops_the_start(string file, string json, string says)
    {
        File.WriteAllText(Path.Combine(folder, file), json);

        Assert.Contains(says, Assert.Throws<InvalidDataException>(() => WorkingDays.Load(folder)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2026-03-02T23:59:59.999+08:00", "2026-03-02")]
    [InlineData("2026-03-03T00:00:00+08:00", "2026-03-03")]
    [InlineData("2026-03-02T15:59:59Z", "2026-03-02")]
    [InlineData("2026-03-02T16:00:00Z", "2026-03-03")]
    [InlineData("2026-03-02T00:30:00-05:00", "2026-03-02")]
    public void A_legal_day_is_a_day_in_Beijing(string at, string day) =>
        Assert.Equal(Day(day), LegalDay.Of(DateTimeOffset.Parse(at, CultureInfo.InvariantCulture)));

    [Fact]
    public void A_minute_around_midnight_moves_the_due_date()
    {
        var before = new DateTimeOffset(2026, 3, 2, 23, 59, 0, TimeSpan.FromHours(8));

        Assert.Equal(Day("2026-03-16"), Calendar.Add(LegalDay.Of(before), 10).On);
        Assert.Equal(Day("2026-03-17"), Calendar.Add(LegalDay.Of(before.AddMinutes(1)), 10).On);
    }

    [Fact]
    public void A_legal_day_ends_at_24_00_in_Beijing()
    {
        var end = LegalDay.EndOf(Day("2026-12-31"));

        Assert.Equal(new DateTimeOffset(2026, 12, 31, 16, 0, 0, TimeSpan.Zero), end);
        Assert.Equal(TimeSpan.Zero, end.Offset);
        Assert.Equal(Day("2026-12-31"), LegalDay.Of(end.AddTicks(-1)));
        Assert.Equal(Day("2027-01-01"), LegalDay.Of(end));
    }

    private static DateOnly Day(string day) => DateOnly.ParseExact(day, "yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static IEnumerable<DateOnly> Span(string from, int days) => Enumerable.Range(0, days).Select(Day(from).AddDays);

    private static IEnumerable<DateOnly> Days(int year) => Enumerable.Range(0, DateTime.IsLeapYear(year) ? 366 : 365).Select(new DateOnly(year, 1, 1).AddDays);
}
