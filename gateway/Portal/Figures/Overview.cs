using System.Globalization;
using Exchange.Contracts;
using Exchange.Gateway.Federation;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Figures;

/// <summary>The leader's screen: how the cities keep the regulation's limits, who shares with whom, how fresh and how good what they offer is, and where people wait longest.</summary>
internal static class Overview
{
    private const int MostWaits = 10;

    /// <summary>As far as the averages can be asked for at once.</summary>
    private const int MostQualityDays = 366;

    public static void Map(IEndpointRouteBuilder pages) => pages.MapPage("/figures", async (Visit visit, ApiClient api, Places places, CatalogueIndex catalogue, CancellationToken cancel) =>
    {
        var period = Period.Of(visit);
        var last = period.To < visit.Today ? period.To : visit.Today;
        var first = last.DayNumber - period.From.DayNumber >= MostQualityDays ? last.AddDays(1 - MostQualityDays) : period.From;
        var asked = api.GetAsync<AllFigures>($"/api/statistics?{period.Api}", cancel);
        var quality = first <= last
            ? await api.GetAsync<QualityAnswer>(string.Create(CultureInfo.InvariantCulture, $"/api/catalogue/quality?from={first:yyyy-MM-dd}&to={last:yyyy-MM-dd}"), cancel)
            : null;
        var figures = await asked;
        var cities = places.InOrder(figures.Value?.Cities ?? [], city => city.City).ToList();
        return visit.Page<OverviewPage, OverviewModel>(new OverviewModel
        {
            Period = period,
            Problem = figures.Problem,
            Cities = [.. cities.Select(city => new NamedCity(city.City, places.City(city.City, visit), city.State, city.AsOf, city.Statistics))],
            Waits = [.. Waits(cities, places, visit).OrderByDescending(wait => wait.Days).ThenBy(wait => wait.Department, StringComparer.Ordinal).Take(MostWaits)],
            Freshness = [.. places.InOrder(catalogue.Cities, city => city.City).Select(city => new CityFresh(
                city.City, places.City(city.City, visit), city.Harvested == true, city.State.ToString().ToLowerInvariant(), city.AsOf, city.LagSeconds))],
            Data = StaleData.Count(catalogue, visit.Today),
            Quality = quality?.Value is { } scored ? scored with { Cities = [.. places.InOrder(scored.Cities, city => city.City)] } : null,
        });
    }).ForSignedIn();

    /// <summary>Rows are their department's and its authority's.</summary>
    public static bool MayRead(Person person, string city, string? department) =>
        person.City == city && (person.Has(Roles.Authority) || (department is not null && person.Department == department));

    /// <summary>The page of the rows behind a figure.</summary>
    public static string RowsUrl(Period period, string city, string figure, string? outcome = null, string? department = null, string? more = null) =>
        $"/figures/rows?city={city}&figure={figure}{(outcome is null ? "" : $"&outcome={outcome}")}{(department is null ? "" : $"&department={department}")}{more}&{period.Query}";

    private static IEnumerable<LongWait> Waits(IEnumerable<CityLine> cities, Places places, Visit visit) =>
        from city in cities
        where city.Statistics is not null
        from department in city.Statistics!.Departments
        from clock in department.Figures.Clocks
        where clock.Value.LongestWaitDays > 0
        select new LongWait(city.City, places.City(city.City, visit), department.Department, department.Name ?? places.Department(city.City, department.Department), clock.Key, clock.Value.LongestWaitDays);
}

/// <summary>What the leader's screen shows.</summary>
public sealed record OverviewModel
{
    public required Period Period { get; init; }

    /// <summary>Why there are no figures.</summary>
    public Problem? Problem { get; init; }

    public required IReadOnlyList<NamedCity> Cities { get; init; }
    public required IReadOnlyList<LongWait> Waits { get; init; }
    public required IReadOnlyList<CityFresh> Freshness { get; init; }
    public required IReadOnlyList<DataFresh> Data { get; init; }
    public QualityAnswer? Quality { get; init; }

    /// <summary>All cities together, of one clock.</summary>
    public ClockCount All(string clock)
    {
        var all = Known.Select(city => city.Figures!.Total.Clock(clock)).ToList();
        return new ClockCount
        {
            OnTime = all.Sum(c => c.OnTime),
            Late = all.Sum(c => c.Late),
            Open = all.Sum(c => c.Open),
            OpenLate = all.Sum(c => c.OpenLate),
            LongestWaitDays = all.Select(c => c.LongestWaitDays).DefaultIfEmpty().Max(),
        };
    }

    /// <summary>Cities that told their figures, now or earlier.</summary>
    public IEnumerable<NamedCity> Known => Cities.Where(city => city.Figures is not null);

    public int Received => Known.Sum(city => city.Figures!.Total.Received.Total);

    public int Overdue => Known.Sum(city => city.Figures!.Total.Clocks.Values.Sum(clock => clock.OpenLate));

    /// <summary>Requests from one city to another; 0 where the owning city has not told.</summary>
    public PartnerCount Between(string asking, string owning) =>
        Cities.FirstOrDefault(city => city.Id == owning)?.Figures?.Partners.FirstOrDefault(partner => partner.City == asking) ?? new PartnerCount { City = asking, Received = 0, Agreed = 0, Refused = 0 };

    /// <summary>Every month of the period that has begun in any city, without gaps.</summary>
    public IReadOnlyList<string> Months
    {
        get
        {
            var told = Known.SelectMany(city => city.Figures!.Months).Select(month => month.Month).Order(StringComparer.Ordinal).ToList();
            if (told.Count == 0)
            {
                return [];
            }

            var months = new List<string>();
            for (var month = DateOnly.ParseExact(told[0] + "-01", "yyyy-MM-dd", CultureInfo.InvariantCulture); ; month = month.AddMonths(1))
            {
                months.Add(month.ToString("yyyy-MM", CultureInfo.InvariantCulture));
                if (string.CompareOrdinal(months[^1], told[^1]) >= 0)
                {
                    return months;
                }
            }
        }
    }
}

/// <summary>A city with its figures; null while it was never heard.</summary>
public sealed record NamedCity(string Id, string Name, string State, DateTimeOffset? AsOf, CityFigures? Figures)
{
    public MonthCount? Month(string month) => Figures?.Months.FirstOrDefault(m => m.Month == month);
}

/// <summary>A department that waited, or let wait, long.</summary>
public sealed record LongWait(string City, string CityName, string Department, string Name, string Clock, int Days);

/// <summary>How fresh what is shown of a city is.</summary>
public sealed record CityFresh(string City, string Name, bool Harvested, string State, DateTimeOffset? AsOf, int? LagSeconds);

/// <summary>How many entries of a city keep their update cycle.</summary>
public sealed record DataFresh(string City, int Current, int Due, int Overdue, int Unknown, int NotApplicable)
{
    public int Total => Current + Due + Overdue + Unknown + NotApplicable;

    public int Of(string state) => state switch { "current" => Current, "due" => Due, "overdue" => Overdue, "unknown" => Unknown, _ => NotApplicable };
}
