using System.Globalization;
using Dapper;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Deadlines;

/// <summary>
/// The State Council's notice for a year comes out in November of the year before; an operator or the data authority loads it into the running city. No release is needed:
/// dates that lay past the loaded calendar become final.
/// </summary>
internal static class LoadCalendar
{
    private static readonly Rule ForeignCity = new("foreign-city", StatusCodes.Status403Forbidden, "第12条",
        new("只有本市的运维人员和数据主管部门可以载入本市的工作日历。", "A city's calendar is loaded by its own operators or data authority."),
        new("请由该市办理。", "Have that city do it."));

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/calendar", ReadAsync).AllowCallers().WithTags("calendar")
            .WithSummary("The years whose notice on holidays is loaded, with days off, make-up days and source. A date past them is provisional.");
        routes.MapPut("/calendar/{year:int}", PutAsync).AllowCallers(Roles.Operator, Roles.Authority).Writes().WithTags("calendar")
            .WithSummary("Loads the notice for a year in place of the one before; provisional dates are counted anew within seconds.");
    }

    private static async Task<CalendarView> ReadAsync(WorkingDays days, Database database, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var loaded = (await FollowCalendar.ReadAsync(connection, cancel)).ToDictionary(year => year.Year);
        var shipped = days.Calendar.Where(year => !loaded.ContainsKey(year.Year)).Select(year => YearView.Of(year, null));
        return new CalendarView([.. shipped.Concat(loaded.Values.Select(year => YearView.Of(year.ToCalendar(), year.LoadedAt))).OrderBy(year => year.Year)]);
    }

    private static async Task<Results<Ok<YearView>, Refused>> PutAsync(int year, Body body, Caller caller, City city, Transaction transaction, TimeProvider clock, CancellationToken cancel)
    {
        if (caller.City != city.Id)
        {
            return new Refused(ForeignCity);
        }

        var faults = new Faults();
        var notice = new CalendarYear { Year = year, Off = body.Off ?? [], Work = body.Work ?? [], Source = body.Source?.Trim() ?? "" };
        if (year is < 2000 or > 2100)
        {
            faults.Add("year", "range", null, new("年份须在 2000 到 2100 之间。", "The year is between 2000 and 2100."));
        }

        foreach (var member in new[] { ("off", body.Off), ("work", body.Work) }.Where(m => m.Item2 is null).Select(m => m.Item1))
        {
            faults.Add(member, "required", null, new("此项必填，没有则为空数组。", "This field is required; an empty list where there are none."));
        }

        if (body.Off is { Count: 0 })
        {
            faults.Add("off", "no-days-off", null, new("通知中没有放假日，不是一年的放假安排。", "A year's notice names days off."));
        }

        faults.CheckText("source", body.Source, longest: 500);
        foreach (var fault in notice.Faults())
        {
            faults.Add(fault.Member, "calendar", null, new(fault.Text.Zh + "。", fault.Text.En + "."));
        }

        if (faults.Any)
        {
            return new Refused(faults);
        }

        var now = clock.Now();
        await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into calendar_years (year, off, work, source, loaded_by, loaded_at) values (@year, @off, @work, @Source, @Subject, @now)
            on conflict (year) do update set off = excluded.off, work = excluded.work, source = excluded.source, loaded_by = excluded.loaded_by, loaded_at = excluded.loaded_at
            """, new { year, off = Days(notice.Off), work = Days(notice.Work), notice.Source, caller.Subject, now }, cancellationToken: cancel));
        await transaction.RecordAsync(new AuditRecord
        {
            Type = "calendar.loaded",
            Details = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["year"] = year.ToString(CultureInfo.InvariantCulture),
                ["off"] = string.Join(',', notice.Off.Distinct().Order().Select(Text)),
                ["work"] = string.Join(',', notice.Work.Distinct().Order().Select(Text)),
                ["source"] = notice.Source,
            },
            Openings = new Dictionary<string, string>(StringComparer.Ordinal) { ["officer"] = caller.Subject },
        }, cancel);
        return TypedResults.Ok(YearView.Of(notice, now));

        static string Text(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
    }

    private static DateOnly[] Days(IEnumerable<DateOnly> days) => [.. days.Distinct().Order()];

    /// <summary>A year's notice.</summary>
    internal sealed record Body
    {
        /// <summary>Days off, weekends inside a holiday included.</summary>
        public IReadOnlyList<DateOnly>? Off { get; init; }

        /// <summary>Saturdays and Sundays on which work is made up.</summary>
        public IReadOnlyList<DateOnly>? Work { get; init; }

        /// <summary>Address of the notice.</summary>
        public string? Source { get; init; }
    }

    internal sealed record CalendarView(IReadOnlyList<YearView> Years);

    /// <summary>One year's notice.</summary>
    internal sealed record YearView
    {
        public required int Year { get; init; }

        /// <summary><c>shipped</c> with the program (or its settings), or <c>loaded</c> since.</summary>
        public required string Origin { get; init; }

        public required IReadOnlyList<DateOnly> Off { get; init; }

        public required IReadOnlyList<DateOnly> Work { get; init; }

        public required string Source { get; init; }

        public DateTimeOffset? LoadedAt { get; init; }

        public static YearView Of(CalendarYear year, DateTimeOffset? loadedAt) => new()
        {
            Year = year.Year,
            Origin = loadedAt is null ? "shipped" : "loaded",
            Off = Days(year.Off),
            Work = Days(year.Work),
            Source = year.Source,
            LoadedAt = loadedAt,
        };
    }
}
