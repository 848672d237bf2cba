using System.Globalization;
using Dapper;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace Exchange.Catalogue.Statistics;

/// <summary>
/// How the city and each of its departments keep the regulation's limits (arts. 17, 21, 22, 26, 27), and how requests end. Numbers only: every caller of the exchange may read them;
/// the rows behind a number are its department's and the authority's.
/// </summary>
internal static class ReadStatistics
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/statistics", HandleAsync).AllowCallers().WithTags("statistics")
        .WithSummary("What was on time and what was late, refusals, supplements and extensions: for the city and per department, in the current year or from a day to a day.");

    private static async Task<Results<Ok<StatisticsView>, Refused>> HandleAsync(
        City city, Database database, ServiceSettings service, TimeProvider clock, DateOnly? from, DateOnly? to, CancellationToken cancel)
    {
        var faults = new Faults();
        var today = Counted.Today(clock);
        var period = Period.Of(from, to, today, faults);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        await using var connection = await database.OpenAsync(cancel);
        var parameters = new { today, period.From, period.To };
        var clocks = (await connection.QueryAsync<ClockRow>(new CommandDefinition(Counted.Clocks + OfClocks, parameters, cancellationToken: cancel))).ToLookup(r => r.Whole ? "" : r.Department);
        var requests = (await connection.QueryAsync<RequestRow>(new CommandDefinition(Counted.Requests + OfRequests, parameters, cancellationToken: cancel))).ToLookup(r => r.Whole ? "" : r.Department);
        var grounds = (await connection.QueryAsync<GroundRow>(new CommandDefinition(Counted.Requests + OfGrounds, parameters, cancellationToken: cancel))).ToLookup(r => r.Whole ? "" : r.Department);
        var months = (await connection.QueryAsync<MonthRow>(new CommandDefinition(Counted.Clocks + OfMonths, parameters, cancellationToken: cancel))).ToLookup(r => r.Month);
        var arrived = (await connection.QueryAsync<MonthCount>(new CommandDefinition(Counted.Requests + OfArrivals, parameters, cancellationToken: cancel))).ToDictionary(r => r.Month, r => r.Count, StringComparer.Ordinal);
        var classes = await connection.QueryAsync<ClassRow>(new CommandDefinition(Counted.Clocks + OfClasses, parameters, cancellationToken: cancel));
        var partners = await connection.QueryAsync<PartnerRow>(new CommandDefinition(Counted.Requests + OfPartners, parameters, cancellationToken: cancel));
        var names = await NamesAsync(connection, city, cancel);
        var codes = names.Keys.Union(clocks.Select(g => g.Key).Concat(requests.Select(g => g.Key)).OfType<string>()).Where(code => code.Length > 0).Order(StringComparer.Ordinal);
        var rows = string.Create(CultureInfo.InvariantCulture, $"{service.PublicAddress}/api/cities/{city.Id}/statistics/rows?from={period.From:yyyy-MM-dd}&to={period.To:yyyy-MM-dd}");
        return TypedResults.Ok(new StatisticsView
        {
            City = city.Id,
            Name = city.Name,
            From = period.From,
            To = period.To,
            AsOf = clock.Now(),
            Total = FiguresOf("", rows),
            ReplyByClass = [.. classes.Select(c => new ClassFigure(c.SharingType, c.OnTime, c.Late, c.Open, c.OpenLate, $"{rows}&figure=reply&sharing_type={c.SharingType}"))],
            Partners = [.. partners.Select(p => new PartnerFigure(p.City, p.Received, p.Agreed, p.Refused, $"{rows}&figure={Counted.Received}&asking_city={p.City}"))],
            Months =
            [
                .. months.Select(month => month.Key).Union(arrived.Keys).Order(StringComparer.Ordinal).Select(month => new MonthFigures(
                    month, arrived.GetValueOrDefault(month), months[month].ToDictionary(r => r.Clock, r => new MonthClock(r.OnTime, r.Late, r.Open, r.OpenLate), StringComparer.Ordinal))),
            ],
            Departments = [.. codes.Select(code => new DepartmentFigures(code, names.GetValueOrDefault(code), FiguresOf(code, $"{rows}&department={code}")))],
        });

        Figures FiguresOf(string code, string link)
        {
            var known = clocks[code].ToDictionary(r => r.Clock, StringComparer.Ordinal);
            var mine = requests[code].ToList();
            var owning = mine.Where(r => r.Side == "owning").ToList();
            return new Figures
            {
                Clocks = Counted.Measures.Union(known.Keys.Order(StringComparer.Ordinal)).ToDictionary(word => word, word =>
                {
                    var row = known.GetValueOrDefault(word);
                    return new ClockFigure(row?.OnTime ?? 0, row?.Late ?? 0, row?.Open ?? 0, row?.OpenLate ?? 0, row?.Longest ?? 0, $"{link}&figure={word}");
                }, StringComparer.Ordinal),
                Refusals = new RefusalFigure(
                    owning.Sum(r => r.Refused), owning.Sum(r => r.Disputed), owning.Sum(r => r.Refused - r.Disputed),
                    grounds[code].OrderBy(g => g.Ground, StringComparer.Ordinal).ToDictionary(g => g.Ground, g => g.Count, StringComparer.Ordinal), $"{link}&figure={Counted.Refusals}"),
                Received = new StateFigure(owning.ToDictionary(r => r.State, r => r.Count, StringComparer.Ordinal), $"{link}&figure={Counted.Received}"),
                Asked = new StateFigure(mine.Where(r => r.Side == "asking").ToDictionary(r => r.State, r => r.Count, StringComparer.Ordinal), $"{link}&figure={Counted.Asked}"),
                Supplements = new SupplementFigure(owning.Sum(r => r.Supplements), owning.Select(r => r.MostSupplements).DefaultIfEmpty().Max(), $"{link}&figure={Counted.Supplements}"),
                Extensions = new ExtensionFigure(owning.Sum(r => r.Extended), owning.Sum(r => r.ExtendedBy), $"{link}&figure={Counted.Extensions}"),
            };
        }
    }

    /// <summary>The city's own departments and its authority, and those of other cities who have to act here: they dispose of data and put misuse right.</summary>
    private static async Task<Dictionary<string, string>> NamesAsync(NpgsqlConnection connection, City city, CancellationToken cancel)
    {
        var names = (await connection.QueryAsync<(string Code, string Name)>(new CommandDefinition("select code, name from departments", cancellationToken: cancel)))
            .ToDictionary(d => d.Code, d => d.Name, StringComparer.Ordinal);
        names[city.Authority.Code] = city.Authority.Name;
        foreach (var (code, name) in await connection.QueryAsync<(string Code, string Name)>(new CommandDefinition("""
            select distinct on (r.asking_department) r.asking_department, r.asking_department_name
            from clocks c join sharing_requests r on r.exchange_id = c.subject and r.side = 'owning' and r.asking_department = c.department
            order by r.asking_department, r.created_at desc
            """, cancellationToken: cancel)))
        {
            names.TryAdd(code, name);
        }

        return names;
    }

    private const string OfClocks = """
        select grouping(department) = 1 as whole, department, clock,
               (count(*) filter (where outcome = 'on_time'))::int as on_time, (count(*) filter (where outcome = 'late'))::int as late,
               (count(*) filter (where outcome in ('open', 'open_late')))::int as open, (count(*) filter (where outcome = 'open_late'))::int as open_late,
               max(waited) as longest
        from counted
        group by grouping sets ((clock), (clock, department))
        """;

    private const string OfRequests = """
        select grouping(department) = 1 as whole, department, side, state, count(*)::int as count,
               (count(*) filter (where refused))::int as refused, (count(*) filter (where refused and disputed))::int as disputed,
               sum(supplements)::int as supplements, max(supplements) as most_supplements,
               (count(*) filter (where extended_by > 0 and side = 'owning'))::int as extended, sum(extended_by)::int as extended_by
        from counted
        group by grouping sets ((side, state), (side, state, department))
        """;

    private const string OfGrounds = """
        select grouping(department) = 1 as whole, department, ground, count(*)::int as count
        from counted, jsonb_array_elements_text(grounds) as ground
        where side = 'owning' and refused
        group by grouping sets ((ground), (ground, department))
        """;

    private const string OfMonths = """
        select to_char(began_on, 'YYYY-MM') as month, clock,
               (count(*) filter (where outcome = 'on_time'))::int as on_time, (count(*) filter (where outcome = 'late'))::int as late,
               (count(*) filter (where outcome in ('open', 'open_late')))::int as open, (count(*) filter (where outcome = 'open_late'))::int as open_late
        from counted
        group by 1, 2
        """;

    private const string OfClasses = """
        select r.sharing_class as sharing_type,
               (count(*) filter (where c.outcome = 'on_time'))::int as on_time, (count(*) filter (where c.outcome = 'late'))::int as late,
               (count(*) filter (where c.outcome in ('open', 'open_late')))::int as open, (count(*) filter (where c.outcome = 'open_late'))::int as open_late
        from counted c join sharing_requests r on r.exchange_id = c.subject and r.side = 'owning'
        where c.clock = 'reply' and r.sharing_class is not null
        group by 1
        order by 1
        """;

    private const string OfArrivals = "select to_char(day, 'YYYY-MM') as month, count(*)::int as count from counted where side = 'owning' group by 1";

    private const string OfPartners = """
        select asking_city as city, count(*)::int as received, (count(*) filter (where agreed))::int as agreed, (count(*) filter (where refused))::int as refused
        from counted
        where side = 'owning'
        group by asking_city
        order by asking_city
        """;

    private sealed record ClassRow
    {
        public required string SharingType { get; init; }
        public required int OnTime { get; init; }
        public required int Late { get; init; }
        public required int Open { get; init; }
        public required int OpenLate { get; init; }
    }

    private sealed record MonthRow
    {
        public required string Month { get; init; }
        public required string Clock { get; init; }
        public required int OnTime { get; init; }
        public required int Late { get; init; }
        public required int Open { get; init; }
        public required int OpenLate { get; init; }
    }

    private sealed record MonthCount
    {
        public required string Month { get; init; }
        public required int Count { get; init; }
    }

    private sealed record PartnerRow
    {
        public required string City { get; init; }
        public required int Received { get; init; }
        public required int Agreed { get; init; }
        public required int Refused { get; init; }
    }

    private sealed record ClockRow
    {
        public required bool Whole { get; init; }
        public string? Department { get; init; }
        public required string Clock { get; init; }
        public required int OnTime { get; init; }
        public required int Late { get; init; }
        public required int Open { get; init; }
        public required int OpenLate { get; init; }
        public required int Longest { get; init; }
    }

    private sealed record RequestRow
    {
        public required bool Whole { get; init; }
        public string? Department { get; init; }
        public required string Side { get; init; }
        public required string State { get; init; }
        public required int Count { get; init; }
        public required int Refused { get; init; }
        public required int Disputed { get; init; }
        public required int Supplements { get; init; }
        public required int MostSupplements { get; init; }
        public required int Extended { get; init; }
        public required int ExtendedBy { get; init; }
    }

    private sealed record GroundRow
    {
        public required bool Whole { get; init; }
        public string? Department { get; init; }
        public required string Ground { get; init; }
        public required int Count { get; init; }
    }
}

/// <summary>A city's figures.</summary>
internal sealed record StatisticsView
{
    public required string City { get; init; }

    public required string Name { get; init; }

    /// <summary>First day, in Beijing.</summary>
    public required DateOnly From { get; init; }

    /// <summary>Last day, in Beijing.</summary>
    public required DateOnly To { get; init; }

    public required DateTimeOffset AsOf { get; init; }

    public required Figures Total { get; init; }

    /// <summary>The city's replies by the sharing class of what was asked for: the limits differ (art. 21).</summary>
    public required IReadOnlyList<ClassFigure> ReplyByClass { get; init; }

    /// <summary>Requests that this city received, by the city that asks.</summary>
    public required IReadOnlyList<PartnerFigure> Partners { get; init; }

    /// <summary>The city's figures by the month in which a wait began or a request came, in order; months without any are left out.</summary>
    public required IReadOnlyList<MonthFigures> Months { get; init; }

    public required IReadOnlyList<DepartmentFigures> Departments { get; init; }
}

/// <summary>The reply clocks of one sharing class, as <see cref="ClockFigure"/> counts them.</summary>
/// <param name="SharingType">unconditional, conditional or refused.</param>
/// <param name="OnTime">Stopped on its last day or before.</param>
/// <param name="Late">Stopped after it.</param>
/// <param name="Open">Runs.</param>
/// <param name="OpenLate">Of those that run: its last day is over.</param>
/// <param name="Rows">Where the rows behind the figure are read.</param>
internal sealed record ClassFigure(string SharingType, int OnTime, int Late, int Open, int OpenLate, string Rows);

/// <summary>Requests from one city, its own departments' included.</summary>
/// <param name="City">The city that asks.</param>
/// <param name="Received">All that came in the period.</param>
/// <param name="Agreed">Of those: the reply agrees.</param>
/// <param name="Refused">Of those: the reply refuses.</param>
/// <param name="Rows">Where the requests are read.</param>
internal sealed record PartnerFigure(string City, int Received, int Agreed, int Refused, string Rows);

/// <summary>A month.</summary>
/// <param name="Month">As <c>2026-03</c>, in Beijing.</param>
/// <param name="Received">Requests that came in it.</param>
/// <param name="Clocks">Waits that began in it, by clock.</param>
internal sealed record MonthFigures(string Month, int Received, IReadOnlyDictionary<string, MonthClock> Clocks);

/// <summary>How the waits of a month stand now.</summary>
/// <param name="OnTime">Stopped on their last day or before.</param>
/// <param name="Late">Stopped after it.</param>
/// <param name="Open">Still run.</param>
/// <param name="OpenLate">Of those that run: the last day is over.</param>
internal sealed record MonthClock(int OnTime, int Late, int Open, int OpenLate);

/// <summary>A department's figures; one of another city stands here with what it has to do for this one.</summary>
/// <param name="Department">Credit code.</param>
/// <param name="Name">Its name; absent when this city does not know it.</param>
/// <param name="Figures">Its figures.</param>
internal sealed record DepartmentFigures(string Department, string? Name, Figures Figures);

/// <summary>The figures of a department or of the city.</summary>
internal sealed record Figures
{
    /// <summary>By clock: reply, delivery, correction, catalogue_update, catalogue_review, disposal, and others that run.</summary>
    public required IReadOnlyDictionary<string, ClockFigure> Clocks { get; init; }

    public required RefusalFigure Refusals { get; init; }

    /// <summary>Requests received, by their state now.</summary>
    public required StateFigure Received { get; init; }

    /// <summary>Requests made, by their state now.</summary>
    public required StateFigure Asked { get; init; }

    public required SupplementFigure Supplements { get; init; }

    public required ExtensionFigure Extensions { get; init; }
}

/// <summary>One clock, counted once per subject.</summary>
/// <param name="OnTime">Stopped on its last day or before.</param>
/// <param name="Late">Stopped after it.</param>
/// <param name="Open">Runs.</param>
/// <param name="OpenLate">Of those that run: its last day is over.</param>
/// <param name="LongestWaitDays">Calendar days, of stopped and running ones.</param>
/// <param name="Rows">Where the rows behind the figure are read.</param>
internal sealed record ClockFigure(int OnTime, int Late, int Open, int OpenLate, int LongestWaitDays, string Rows);

/// <summary>Refused requests (art. 21).</summary>
/// <param name="Total">All.</param>
/// <param name="Disputed">The asking side disagreed (art. 28).</param>
/// <param name="Undisputed">It did not.</param>
/// <param name="ByGround">By the regulation's grounds; a refusal may rest on several.</param>
/// <param name="Rows">Where they are read.</param>
internal sealed record RefusalFigure(int Total, int Disputed, int Undisputed, IReadOnlyDictionary<string, int> ByGround, string Rows);

/// <summary>Requests by their state.</summary>
internal sealed record StateFigure(IReadOnlyDictionary<string, int> ByState, string Rows);

/// <summary>Supplements asked for.</summary>
/// <param name="Total">All.</param>
/// <param name="MostPerRequest">At most one is lawful (art. 21).</param>
/// <param name="Rows">Where the requests are read.</param>
internal sealed record SupplementFigure(int Total, int MostPerRequest, string Rows);

/// <summary>Extended reply clocks (art. 21).</summary>
internal sealed record ExtensionFigure(int Total, int WorkingDays, string Rows);
