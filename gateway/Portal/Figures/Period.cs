using System.Globalization;

namespace Exchange.Gateway.Portal.Figures;

/// <summary>For which days figures are shown: this year, this quarter, or from a day to a day. It stands in the address, so a link shows the same.</summary>
public sealed record Period(string Kind, DateOnly From, DateOnly To, bool Faulty)
{
    public const string Year = "year";
    public const string Quarter = "quarter";
    public const string Days = "days";

    public static Period Of(Visit visit)
    {
        var query = visit.Http.Request.Query;
        var today = visit.Today;
        var year = new Period(Year, new DateOnly(today.Year, 1, 1), new DateOnly(today.Year, 12, 31), Faulty: false);
        switch (query["period"].ToString())
        {
            case Quarter:
                var first = new DateOnly(today.Year, (((today.Month - 1) / 3) * 3) + 1, 1);
                return new Period(Quarter, first, first.AddMonths(3).AddDays(-1), Faulty: false);
            case Days:
                var from = Day(query["from"]);
                var to = Day(query["to"]);
                return from is null || to is null || from > to ? year with { Kind = Days, Faulty = true } : new Period(Days, from.Value, to.Value, Faulty: false);
            default:
                return year;
        }
    }

    /// <summary>As the API takes it.</summary>
    public string Api => string.Create(CultureInfo.InvariantCulture, $"from={From:yyyy-MM-dd}&to={To:yyyy-MM-dd}");

    /// <summary>As the pages take it.</summary>
    public string Query => $"period={Days}&{Api}";

    private static DateOnly? Day(string? text) => DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) ? day : null;
}
