using System.Globalization;
using Exchange.Catalogue.Deadlines;
using Exchange.Hosting;

namespace Exchange.Catalogue.Standing;

/// <summary>When it is pulled: every so many minutes, or once a day at a time in Beijing.</summary>
internal sealed record StandingSchedule(int? EveryMinutes, string? DailyAt)
{
    private const int Least = 5;
    private const int Most = 7 * 24 * 60;

    /// <summary>Exactly one of the two, inside its bounds; all faults at once.</summary>
    public static StandingSchedule Check(int? everyMinutes, string? dailyAt, Faults faults)
    {
        if (everyMinutes is null == dailyAt is null)
        {
            faults.Add("every_minutes", "one-of", null, new("填写 every_minutes 或 daily_at，二者取一。", "Name every_minutes or daily_at, one of the two."));
        }

        if (everyMinutes is < Least or > Most)
        {
            faults.Add("every_minutes", "range", null, new($"须在 {Least} 到 {Most} 分钟之间。", $"It is between {Least} and {Most} minutes."));
        }

        if (dailyAt is not null && !TimeOnly.TryParseExact(dailyAt, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out _))
        {
            faults.Add("daily_at", "time", null, new("须为北京时间，写作 02:30。", "It is a time of day in Beijing, such as 02:30."));
        }

        return new StandingSchedule(everyMinutes, dailyAt);
    }

    /// <summary>The first time after this moment. What was missed meanwhile is made up for by one pull, not by many.</summary>
    public DateTimeOffset After(DateTimeOffset moment)
    {
        if (EveryMinutes is { } minutes)
        {
            return moment.AddMinutes(minutes);
        }

        // A legal day begins where the one before ends.
        var today = LegalDay.EndOf(LegalDay.Of(moment).AddDays(-1)) + TimeOnly.ParseExact(DailyAt!, "HH:mm", CultureInfo.InvariantCulture).ToTimeSpan();
        return today > moment ? today : today.AddDays(1);
    }
}
