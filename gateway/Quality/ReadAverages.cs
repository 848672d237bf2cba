using Dapper;
using Exchange.Hosting;
using Microsoft.AspNetCore.Mvc;

namespace Exchange.Gateway.Quality;

/// <summary>
/// How good the entries of each city and department are, now and day by day. Whoever has no token gets the averages of open entries alone:
/// an average over what a caller may not see would tell of it.
/// </summary>
internal static class ReadAverages
{
    private const int MostDays = 366;
    private const int MostValues = 50;

    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/api/catalogue/quality", HandleAsync)
        .AllowAnyone()
        .WithTags("catalogue")
        .WithSummary("Average quality by city and department, with history")
        .WithDescription("Percent of the points that could be judged, over all entries with a token and over those open to society without one. history has a line per day and city, or per day and department where departments are named; 30 days back where from is left out, at most 366.")
        .Produces<QualityAverages>()
        .Produces<Problem>(StatusCodes.Status422UnprocessableEntity, "application/problem+json");

    private static async Task<IResult> HandleAsync([AsParameters] Query query, HttpContext http, Caller? caller, Database database, CancellationToken cancel)
    {
        if (caller is null && http.Request.Headers.Authorization.Count > 0)
        {
            return TypedResults.Challenge();
        }

        var cities = Values(query.City);
        var departments = Values(query.Department);
        await using var connection = await database.OpenAsync(cancel);
        var state = await connection.QuerySingleAsync<State>(new CommandDefinition(ReadState, cancellationToken: cancel));
        var last = query.To ?? state.Day;
        var first = query.From ?? last?.AddDays(-Math.Min(30, last.Value.DayNumber));
        var faults = new Faults();
        if (first > last)
        {
            faults.Add("to", "before-from", null, new("截止日早于起始日。", "The last day is before the first."));
        }
        else if (last?.DayNumber - first?.DayNumber >= MostDays)
        {
            faults.Add("from", "out-of-range", null, new($"一次最多 {MostDays} 天。", $"At most {MostDays} days at a time."));
        }

        if (faults.Any)
        {
            return new Refused(faults);
        }

        var parameters = new { state.Day, first, last, openOnly = caller is null, cities, departments, named = departments is not null };
        var now = (await connection.QueryAsync<AverageRow>(new CommandDefinition(ReadNow, parameters, cancellationToken: cancel))).AsList();
        var then = await connection.QueryAsync<AverageRow>(new CommandDefinition(ReadThen, parameters, cancellationToken: cancel));
        http.Response.Headers.CacheControl = caller is null ? "public, max-age=1" : "private, no-cache";
        http.Response.Headers.Vary = "Authorization";
        return TypedResults.Ok(new QualityAverages
        {
            RuleSet = QualityRules.Version,
            Day = state.Day,
            Current = state.Current,
            Cities =
            [
                .. Averages(now.Where(row => row.Department.Length == 0)).Select(city => city with
                {
                    Departments = [.. Averages(now.Where(row => row.City == city.City && row.Department.Length > 0)).OrderByDescending(d => d.Percent).ThenBy(d => d.Department, StringComparer.Ordinal)],
                }),
            ],
            History = [.. Averages(then)],
        });
    }

    private static string[]? Values(string[]? given) => given?.Where(value => value.Length > 0).Take(MostValues).ToArray() is { Length: > 0 } values ? values : null;

    /// <summary>One line per day, city and department, whether its entries are open or not.</summary>
    private static IEnumerable<QualityAverage> Averages(IEnumerable<AverageRow> rows) => rows
        .GroupBy(row => (row.Day, row.City, row.Department))
        .OrderBy(group => group.Key)
        .Select(group => new QualityAverage
        {
            Day = group.Key.Day,
            City = group.Key.City,
            Department = group.Key.Department.Length == 0 ? null : group.Key.Department,
            DepartmentName = group.Key.Department.Length == 0 ? null : group.MaxBy(row => row.Entries)!.DepartmentName,
            RuleSet = group.Max(row => row.RuleSet),
            Entries = group.Sum(row => row.Entries),
            Percent = Percent(group.Sum(row => row.Points.Sum()), group.Sum(row => row.Maxima.Sum())),
            Dimensions =
            [
                .. Enum.GetValues<QualityDimension>()
                    .Select(dimension => new DimensionPercent(
                        dimension, Percent(group.Sum(row => row.Points.ElementAtOrDefault((int)dimension)), group.Sum(row => row.Maxima.ElementAtOrDefault((int)dimension))))),
            ],
        });

    private static decimal? Percent(long points, long max) => max == 0 ? null : Math.Round(100m * points / max, 2);

    internal sealed record Query
    {
        [FromQuery(Name = "city")]
        public string[]? City { get; init; }

        /// <summary>Unified social credit code.</summary>
        [FromQuery(Name = "department")]
        public string[]? Department { get; init; }

        /// <summary>First day in Beijing.</summary>
        [FromQuery(Name = "from")]
        public DateOnly? From { get; init; }

        /// <summary>Last day in Beijing.</summary>
        [FromQuery(Name = "to")]
        public DateOnly? To { get; init; }
    }

    /// <summary>What the answer looks like.</summary>
    internal sealed record QualityAverages
    {
        /// <summary>Version of the rules by which entries are scored now.</summary>
        public required int RuleSet { get; init; }

        /// <summary>The newest day, in Beijing, to which <see cref="Cities"/> belongs; absent before anything was scored.</summary>
        public DateOnly? Day { get; init; }

        /// <summary>False while changes of the catalogue, or entries of a new day, are still being scored.</summary>
        public required bool Current { get; init; }

        /// <summary>The newest averages, with those of the departments, best first.</summary>
        public required IReadOnlyList<QualityAverage> Cities { get; init; }

        /// <summary>Day by day. A day on which the gateway did not run has no line.</summary>
        public required IReadOnlyList<QualityAverage> History { get; init; }
    }

    /// <summary>The average of a city or a department on a day.</summary>
    internal sealed record QualityAverage
    {
        public required DateOnly Day { get; init; }

        public required string City { get; init; }

        /// <summary>Unified social credit code; absent for the whole city.</summary>
        public string? Department { get; init; }

        public string? DepartmentName { get; init; }

        /// <summary>Version of the rules by which they were scored.</summary>
        public required int RuleSet { get; init; }

        /// <summary>Entries that are counted.</summary>
        public required int Entries { get; init; }

        /// <summary>Points reached, of all that could be judged, over these entries; absent when there are none.</summary>
        public decimal? Percent { get; init; }

        public required IReadOnlyList<DimensionPercent> Dimensions { get; init; }

        /// <summary>Only under <c>cities</c>.</summary>
        public IReadOnlyList<QualityAverage>? Departments { get; init; }
    }

    /// <summary>A dimension's part.</summary>
    /// <param name="Dimension">Which.</param>
    /// <param name="Percent">Points reached, of all that could be judged; absent when none could.</param>
    internal sealed record DimensionPercent(QualityDimension Dimension, decimal? Percent);

    private sealed record State
    {
        public DateOnly? Day { get; init; }
        public required bool Current { get; init; }
    }

    private const string ReadState = """
        select p.day, p.epoch is not distinct from c.epoch and p.change = c.change and p.swept is null as current from quality_progress p, catalogue c
        """;

    private const string Columns = "select day, city, department, open, department_name, rule_set, entries, points, maxima from quality_averages";

    private const string ReadNow = Columns + """

        where day = @Day and (open or not @openOnly) and entries > 0 and (@cities::text[] is null or city = any(@cities)) and (@departments::text[] is null or department = '' or department = any(@departments))
        """;

    private const string ReadThen = Columns + """

        where day between @first and @last and (open or not @openOnly) and (@cities::text[] is null or city = any(@cities))
            and case when @named then department = any(@departments) else department = '' end
        """;
}
