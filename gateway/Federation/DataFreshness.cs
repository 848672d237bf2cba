namespace Exchange.Gateway.Federation;

public enum DataState
{
    /// <summary>The next update is not due yet.</summary>
    Current,

    /// <summary>The next update is due today.</summary>
    Due,

    /// <summary>It should have come by now.</summary>
    Overdue,

    /// <summary>The entry declares no cycle that could be missed: irregular or historical data.</summary>
    NotApplicable,

    /// <summary>The exchange does not hold the data, or its city has not told when it last changed.</summary>
    Unknown,
}

/// <summary>Whether the data keeps the cycle that its entry declares (更新周期). Days are Beijing's.</summary>
public sealed record DataFreshness
{
    /// <summary>The declared cycle, as in <c>update_frequency</c>.</summary>
    public required string Cycle { get; init; }

    public required DataState State { get; init; }

    /// <summary>Day on which the data last changed.</summary>
    public DateOnly? UpdatedOn { get; init; }

    /// <summary>Last day for the next update. What is declared as real-time is measured by the day, the smallest step that is known here.</summary>
    public DateOnly? DueOn { get; init; }

    /// <summary>Days since <see cref="DueOn"/>, when that is over.</summary>
    public int? OverdueDays { get; init; }

    public static DataFreshness Of(string cycle, DateTimeOffset? updatedAt, DateOnly today)
    {
        if (cycle is "irregular" or "historical")
        {
            return new DataFreshness { Cycle = cycle, State = DataState.NotApplicable, UpdatedOn = updatedAt is { } at ? DayOf(at) : null };
        }

        if (updatedAt is not { } moment || NextDue(cycle, moment) is not { } due)
        {
            return new DataFreshness { Cycle = cycle, State = DataState.Unknown };
        }

        return new DataFreshness
        {
            Cycle = cycle,
            State = today < due ? DataState.Current : today == due ? DataState.Due : DataState.Overdue,
            UpdatedOn = DayOf(moment),
            DueOn = due,
            OverdueDays = today > due ? today.DayNumber - due.DayNumber : null,
        };
    }

    /// <summary>Last day for the next update of data that was last updated then; null where no cycle can be missed, or nobody said when.</summary>
    public static DateOnly? NextDue(string cycle, DateTimeOffset? updatedAt) => updatedAt is { } moment ? Next(cycle, DayOf(moment)) : null;

    /// <summary>China has one time zone and no summer time.</summary>
    public static DateOnly DayOf(DateTimeOffset moment) =>
        DateOnly.FromDayNumber((int)Math.Min((moment.UtcTicks + (8 * TimeSpan.TicksPerHour)) / TimeSpan.TicksPerDay, DateOnly.MaxValue.DayNumber));

    private static DateOnly? Next(string cycle, DateOnly day) => cycle switch
    {
        "realtime" or "daily" => day.AddDays(1),
        "weekly" => day.AddDays(7),
        "monthly" => day.AddMonths(1),
        "quarterly" => day.AddMonths(3),
        "semiannual" => day.AddMonths(6),
        "annual" => day.AddYears(1),
        _ => null,
    };
}
