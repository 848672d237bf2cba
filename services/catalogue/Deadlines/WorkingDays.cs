using System.Collections.Frozen;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Catalogue.Deadlines;

/// <summary>
/// Counts working days by the State Council's yearly notice: not in the off list, and Monday to Friday or a make-up day.
/// The day of the event does not count (民法典 art. 201), so the first day counted is the next working day.
/// The calendar may be exchanged while others count: each count is made by one calendar, the one before or the one after.
/// </summary>
internal sealed class WorkingDays
{
    private readonly IReadOnlyList<CalendarYear> shipped;
    private volatile Days days;

    public WorkingDays(IEnumerable<CalendarYear> calendar)
    {
        shipped = [.. calendar];
        days = new Days(shipped);
    }

    /// <summary>The years for which the notice is loaded, in order.</summary>
    public IReadOnlyList<int> Years => [.. days.Calendar.Select(year => year.Year)];

    /// <summary>The notices counted by, in the order of their years.</summary>
    public IReadOnlyList<CalendarYear> Calendar => days.Calendar;

    /// <summary>The years that came with this release, and those an operator put into <paramref name="folder"/> as <c>2027.json</c>; the operator's file wins.</summary>
    public static WorkingDays Load(string? folder = null)
    {
        var calendar = Shipped().ToDictionary(year => year.Year);
        if (folder is not null)
        {
            foreach (var file in Directory.EnumerateFiles(folder, "*.json").Order(StringComparer.Ordinal))
            {
                using var json = File.OpenRead(file);
                var year = CalendarYear.Read(json, file);
                if (Path.GetFileNameWithoutExtension(file) != $"{year.Year}")
                    throw new InvalidDataException($"{file} holds the calendar of {year.Year}; name it {year.Year}.json.");
                calendar[year.Year] = year;
            }
        }

        return new WorkingDays(calendar.Values);
    }

    /// <summary>From now on counts by <paramref name="loaded"/>, and by what it started with for the years that are not among them.</summary>
    public void Take(IReadOnlyCollection<CalendarYear> loaded) =>
        days = new Days([.. shipped.Where(year => loaded.All(own => own.Year != year.Year)), .. loaded]);

    public bool IsWorkingDay(DateOnly day) => days.IsWorking(day);

    /// <summary>Working days after <paramref name="day"/>, up to and with <paramref name="last"/>; none when that is not later.</summary>
    public int Left(DateOnly day, DateOnly last)
    {
        var by = days;
        var n = 0;
        for (var next = day.AddDays(1); next <= last; next = next.AddDays(1))
        {
            n += by.IsWorking(next) ? 1 : 0;
        }

        return n;
    }

    /// <summary>The same, and less than 0 once the last day is past: by how many working days, and by one when only days off have gone by.</summary>
    public int Until(DateOnly day, DateOnly last) => day <= last ? Left(day, last) : -Math.Max(1, Left(last, day));

    /// <summary>The <paramref name="n"/>th working day before <paramref name="day"/>; the day itself for none.</summary>
    public DateOnly Back(DateOnly day, int n)
    {
        var by = days;
        while (n > 0)
        {
            day = day.AddDays(-1);
            n -= by.IsWorking(day) ? 1 : 0;
        }

        return day;
    }

    /// <summary>
    /// The <paramref name="n"/>th working day after <paramref name="day"/>. Once the count has touched a year whose notice is not loaded,
    /// Monday to Friday is only an assumption: the date is marked provisional and is computed anew when the notice arrives.
    /// </summary>
    public LegalDate Add(DateOnly day, int n)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(n);
        var by = days;
        var provisional = false;
        while (n > 0)
        {
            day = day.AddDays(1);
            provisional |= !by.Covers(day.Year);
            if (by.IsWorking(day))
                n--;
        }

        return new LegalDate(day, provisional);
    }

    private static IEnumerable<CalendarYear> Shipped()
    {
        var assembly = Assembly.GetExecutingAssembly();
        foreach (var name in assembly.GetManifestResourceNames().Where(name => name.Contains(".Deadlines.calendar.", StringComparison.Ordinal)))
        {
            using var json = assembly.GetManifestResourceStream(name)!;
            yield return CalendarYear.Read(json, name);
        }
    }

    /// <summary>One calendar, which does not change.</summary>
    private sealed class Days
    {
        private readonly FrozenSet<int> years;
        private readonly FrozenSet<DateOnly> off;
        private readonly FrozenSet<DateOnly> work;

        public Days(IReadOnlyList<CalendarYear> calendar)
        {
            string[] faults =
            [
                .. calendar.SelectMany(year => year.Faults()).Select(fault => fault.Text.En),
                .. calendar.GroupBy(year => year.Year).Where(same => same.Count() > 1).Select(same => $"{same.Key}: loaded twice"),
            ];
            if (faults.Length > 0)
                throw new InvalidDataException("The calendar of working days is wrong: " + string.Join("; ", faults));
            Calendar = [.. calendar.OrderBy(year => year.Year)];
            years = calendar.Select(year => year.Year).ToFrozenSet();
            off = calendar.SelectMany(year => year.Off).ToFrozenSet();
            work = calendar.SelectMany(year => year.Work).ToFrozenSet();
        }

        public IReadOnlyList<CalendarYear> Calendar { get; }

        public bool Covers(int year) => years.Contains(year);

        public bool IsWorking(DateOnly day) => !off.Contains(day) && (work.Contains(day) || day.DayOfWeek is not (DayOfWeek.Saturday or DayOfWeek.Sunday));
    }
}

/// <summary>One year's notice, as the calendar files hold it.</summary>
internal sealed record CalendarYear
{
    private static readonly JsonSerializerOptions Strict = new(JsonSerializerDefaults.Web) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow };

    public required int Year { get; init; }

    /// <summary>Days off, weekends inside a holiday included.</summary>
    public required IReadOnlyList<DateOnly> Off { get; init; }

    /// <summary>Saturdays and Sundays on which work is made up.</summary>
    public required IReadOnlyList<DateOnly> Work { get; init; }

    /// <summary>Address of the notice.</summary>
    public required string Source { get; init; }

    public static CalendarYear Read(Stream json, string name)
    {
        try
        {
            return JsonSerializer.Deserialize<CalendarYear>(json, Strict) ?? throw new InvalidDataException($"{name} is empty.");
        }
        catch (JsonException fault)
        {
            throw new InvalidDataException($"{name} is not a calendar: {fault.Message}", fault);
        }
    }

    /// <summary>Everything that is wrong with it, with the member it stands in.</summary>
    public IEnumerable<CalendarFault> Faults()
    {
        foreach (var (member, day) in Off.Select(day => ("off", day)).Concat(Work.Select(day => ("work", day))).Where(d => !Concerns(d.day)))
            yield return new(member, new($"{Year}：{day:yyyy-MM-dd} 属于另一年", $"{Year}: {day:yyyy-MM-dd} is of another year"));
        foreach (var day in Off.Intersect(Work))
            yield return new("work", new($"{Year}：{day:yyyy-MM-dd} 既放假又上班", $"{Year}: {day:yyyy-MM-dd} is both off and work"));
        foreach (var day in Work.Where(day => day.DayOfWeek is not (DayOfWeek.Saturday or DayOfWeek.Sunday)))
            yield return new("work", new($"{Year}：{day:yyyy-MM-dd} 不是周末，不能作为调休上班日", $"{Year}: {day:yyyy-MM-dd} is no weekend and cannot be made up"));
        if (string.IsNullOrWhiteSpace(Source))
            yield return new("source", new($"{Year}：未注明通知来源", $"{Year}: names no source"));
    }

    // A notice may move the last days of December before: New Year 2019 began on 2018-12-30 and was made up on 2018-12-29.
    private bool Concerns(DateOnly day) => day.Year == Year || (day.Year == Year - 1 && day.Month == 12);
}

/// <summary>One thing that is wrong with a year's notice.</summary>
internal sealed record CalendarFault(string Member, Text Text);

/// <summary>Legal days are days in Beijing. It has kept UTC+8 without summer time since 1991, so no time zone data is needed.</summary>
internal static class LegalDay
{
    private static readonly TimeSpan Beijing = TimeSpan.FromHours(8);

    public static DateOnly Of(DateTimeOffset at) => DateOnly.FromDateTime(at.ToOffset(Beijing).DateTime);

    /// <summary>24:00 in Beijing, in UTC: the first moment that is too late.</summary>
    public static DateTimeOffset EndOf(DateOnly day) => new DateTimeOffset(day.AddDays(1), TimeOnly.MinValue, Beijing).ToUniversalTime();
}
