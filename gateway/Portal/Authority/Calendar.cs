using System.Globalization;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Authority;

/// <summary>The working days by which the city counts, and the form that loads a year's notice.</summary>
internal static class Calendar
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/authority/calendar", (Visit visit, ApiClient api, CancellationToken cancel) => ShowAsync(visit, api, null, cancel)).ForAuthority();
        pages.MapForm("/authority/calendar", LoadAsync).ForAuthority();
    }

    private static async Task<IResult> LoadAsync(Visit visit, ApiClient api, CancellationToken cancel)
    {
        var faults = new Faults();
        var off = Days("off");
        var work = Days("work");
        if (!int.TryParse(visit.Form["year"].ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var year) || year is < 2000 or > 2100)
        {
            faults.Add("year", "range", null, new("请填写四位年份。", "Enter the year in four digits."));
        }

        if (faults.Any)
        {
            // The city is not asked then; what can be said without it is said too.
            faults.RequireText("source", visit.Form["source"], null, longest: 500);
            return await ShowAsync(visit, api, new Refused(faults).ToProblem(visit.Language, visit.PublicAddress), cancel);
        }

        var answer = await api.PutAsync<CalendarLine>(visit.Api($"/calendar/{year}"), new { off, work, source = visit.Form["source"].ToString() }, null, null, cancel);
        return answer.Problem is { } problem ? await ShowAsync(visit, api, problem, cancel) : visit.SeeOther($"/authority/calendar?done={year}");

        // One a line, as a notice is copied; commas and blanks part them as well.
        IReadOnlyList<DateOnly> Days(string field)
        {
            List<DateOnly> days = [];
            foreach (var text in visit.Form[field].ToString().Split(['\n', '\r', '\t', ',', '，', '、', ';', '；', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            {
                if (FormRead.Day(text) is { } day)
                {
                    days.Add(day);
                }
                else
                {
                    faults.Add(field, "date", null, new($"“{text}”不是日期，请写成 2027-01-01。", $"“{text}” is no date; write 2027-01-01."));
                }
            }

            return days;
        }
    }

    private static async Task<IResult> ShowAsync(Visit visit, ApiClient api, Problem? problem, CancellationToken cancel)
    {
        var answer = await api.GetAsync<CalendarAnswer>(visit.Api("/calendar"), cancel);
        return visit.Page<CalendarPage, CalendarModel>(
            new CalendarModel { Years = answer.Value?.Years ?? [], Unread = answer.Problem, Problem = problem, Done = visit.Http.Request.Query["done"].ToString() },
            problem is not null ? StatusCodes.Status422UnprocessableEntity : answer.Succeeded ? StatusCodes.Status200OK : answer.Status);
    }
}

/// <summary>What the page shows.</summary>
public sealed record CalendarModel
{
    public required IReadOnlyList<CalendarLine> Years { get; init; }

    /// <summary>Why the calendar cannot be shown.</summary>
    public Problem? Unread { get; init; }

    public Problem? Problem { get; init; }
    public required string Done { get; init; }
}
