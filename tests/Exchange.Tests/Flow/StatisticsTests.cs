using System.Globalization;
using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Local.Accounts;
using Exchange.Tests.Faults;

namespace Exchange.Tests.Flow;

/// <summary>The figures are counted again from the rows, and every number leads to the rows it counts.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class StatisticsTests(ExchangeFixture exchange) : IAsyncLifetime
{
    private const string Outcomes = "on_time late open open_late";
    private static readonly DateOnly Today = LegalDay.Of(DateTimeOffset.UtcNow);
    private readonly List<Guid> invented = [];

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await using var city = await exchange.AdminAsync("changsha");
        await city.ExecuteAsync("delete from service.clocks where subject = any(@invented)", new { invented = invented.ToArray() });
    }

    [Fact]
    public async Task Figures_are_what_the_rows_say()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var granted = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(granted);
        await exchange.MirrorAsync(granted, "active");
        var refused = await exchange.SubmitAsync(dataset);
        await RefuseAsync(refused);
        var open = await exchange.SubmitAsync(dataset);
        await exchange.ReceivedAsync(open);
        var labour = exchange.Who("changsha", "reviewer").Account.Department!;
        var late = await InventAsync(labour, "reply", due: -10, stopped: -9);
        await InventAsync(labour, "catalogue_review", due: 0, stopped: 0);
        var openLate = await InventAsync(labour, "reply", due: -1, stopped: null);
        // An extended clock: the same wait goes on, and only its newest day counts.
        var extended = await InventAsync(labour, "reply", due: -20, stopped: -15, next: -3);

        var (figures, rows) = await AgreedAsync("changsha", $"?from={Today.AddYears(-1):yyyy-MM-dd}&to={Today:yyyy-MM-dd}");

        var mine = Department(figures, labour);
        Assert.True(Number(mine, "clocks.reply.on_time") >= 2);
        Assert.True(Number(mine, "clocks.reply.late") >= 1);
        Assert.True(Number(mine, "clocks.reply.open") >= 2);
        Assert.True(Number(mine, "clocks.reply.open_late") >= 1);
        Assert.Equal(30, Number(mine, "clocks.reply.longest_wait_days"));
        Assert.True(Number(mine, "clocks.catalogue_review.on_time") >= 1);
        Assert.Contains(rows, r => r.Subject == late && r.Outcome == "late");
        Assert.Contains(rows, r => r.Subject == openLate && r.Outcome == "open_late");
        Assert.Contains(rows, r => r.Subject == extended && r is { Outcome: "on_time", Waited: 25 });
        Assert.Contains(rows, r => r.Subject == Guid.Parse(granted) && r is { Clock: "delivery", Outcome: "on_time" });
        Assert.True(Number(mine, "refusals.total") >= 1);
        Assert.True(Number(mine, "refusals.by_ground.not_necessary") >= 1);
        Assert.Equal(Number(mine, "refusals.total"), Number(mine, "refusals.disputed") + Number(mine, "refusals.undisputed"));
        Assert.InRange(Number(mine, "supplements.most_per_request"), 0, 1);
    }

    [Fact]
    public async Task Every_number_leads_to_its_rows_and_only_those_concerned_read_them()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var id = await exchange.SubmitAsync(dataset);
        await exchange.ReceivedAsync(id);
        await RefuseAsync(id);
        var labour = exchange.Who("changsha", "reviewer").Account.Department!;
        await InventAsync(labour, "reply", due: -1, stopped: 0);
        var (figures, _) = await AgreedAsync("changsha", "");
        var (authority, reviewer) = (exchange.Who("changsha", "authority"), exchange.Who("changsha", "reviewer"));

        foreach (var (reader, set) in new[] { (authority, figures.GetProperty("total")), (reviewer, Department(figures, labour)) })
        {
            foreach (var clock in set.GetProperty("clocks").EnumerateObject())
            {
                foreach (var outcome in Outcomes.Split(' '))
                {
                    Assert.Equal(clock.Value.GetProperty(outcome).GetInt32(), (await AllAsync(reader, clock.Value.GetProperty("rows").GetString()! + $"&outcome={outcome}")).Count);
                }
            }

            foreach (var outcome in (string[])["disputed", "undisputed"])
            {
                Assert.Equal(Number(set, $"refusals.{outcome}"), (await AllAsync(reader, set.GetProperty("refusals").GetProperty("rows").GetString()! + $"&outcome={outcome}")).Count);
            }

            foreach (var figure in (string[])["received", "asked"])
            {
                foreach (var state in set.GetProperty(figure).GetProperty("by_state").EnumerateObject())
                {
                    Assert.Equal(state.Value.GetInt32(), (await AllAsync(reader, set.GetProperty(figure).GetProperty("rows").GetString()! + $"&outcome={state.Name}")).Count);
                }
            }
        }

        var row = (await AllAsync(reviewer, Department(figures, labour).GetProperty("refusals").GetProperty("rows").GetString()!)).First(r => r.GetProperty("subject").GetString() == id);
        Assert.StartsWith("长沙-", row.GetProperty("reference").GetString());
        (await reviewer.GetAsync(row.GetProperty("link").GetString()!)).Succeeded("follow the link");

        // Numbers are for every caller; rows are not, and a clock's word or outcome that is none is told.
        var stranger = exchange.Who("zhuzhou", "reviewer");
        (await stranger.GetAsync("/api/cities/changsha/statistics")).Succeeded("read numbers");
        foreach (var refused in new[]
        {
            await stranger.GetAsync($"/api/cities/changsha/statistics/rows?figure=reply&department={labour}"),
            await stranger.GetAsync("/api/cities/changsha/statistics/rows?figure=refusals"),
            await exchange.Who("zhuzhou", "authority").GetAsync("/api/cities/changsha/statistics/rows?figure=reply&department=" + labour),
            await exchange.Who("changsha", "reviewer", "police").GetAsync($"/api/cities/changsha/statistics/rows?figure=reply&department={labour}"),
        })
        {
            Assert.Equal((403, "others-rows"), (refused.Status, refused["rule"].GetString()));
        }

        var faulty = await reviewer.GetAsync("/api/cities/changsha/statistics/rows?outcome=soon&from=2026-02-01&to=2026-01-01&limit=0");
        Assert.Equal(["figure", "limit", "outcome", "to"], faulty["errors"].EnumerateArray().Select(e => e.GetProperty("field").GetString()!).Order(StringComparer.Ordinal));
        Assert.Equal(422, (await reviewer.GetAsync("/api/cities/changsha/statistics?from=2026-02-01&to=2026-01-01")).Status);
    }

    [Fact]
    public async Task The_cities_together_and_one_that_is_silent()
    {
        var officer = exchange.Who("xiangtan", "officer");
        var live = await Eventually.GetAsync(() => officer.GetAsync("/api/statistics"), a => a.Status == 200 && Cities(a).All(c => c.GetProperty("state").GetString() == "live"), show: a => a.Text);

        Assert.Equal(["changsha", "xiangtan", "zhuzhou"], Cities(live).Select(c => c.GetProperty("city").GetString()));
        foreach (var path in (string[])["clocks.reply.on_time", "clocks.delivery.open", "refusals.total", "received.by_state.active"])
        {
            Assert.Equal(Cities(live).Sum(c => Number(c.GetProperty("statistics").GetProperty("total"), path)), Number(live["total"], path));
        }

        await exchange.Stack.StopAsync("xiangtan");
        try
        {
            var silent = (await officer.GetAsync("/api/statistics")).Succeeded("read without one city");
            var away = Cities(silent).Single(c => c.GetProperty("city").GetString() == "xiangtan");
            Assert.Equal("silent", away.GetProperty("state").GetString());
            var kept = Cities(live).Single(c => c.GetProperty("city").GetString() == "xiangtan");
            Assert.Equal(kept.GetProperty("as_of").GetString(), away.GetProperty("as_of").GetString());
            Assert.Equal(kept.GetProperty("statistics").ToString(), away.GetProperty("statistics").ToString());
            Assert.All(Cities(silent).Where(c => c.GetProperty("city").GetString() != "xiangtan"), c => Assert.Equal("live", c.GetProperty("state").GetString()));
        }
        finally
        {
            await exchange.Stack.StartAsync("xiangtan");
        }

        using var nobody = await exchange.Gateway.GetAsync(new Uri("/api/statistics", UriKind.Relative));
        Assert.Equal(401, (int)nobody.StatusCode);
        Assert.Equal(422, (await officer.GetAsync("/api/statistics?from=2026-02-01&to=2026-01-01")).Status);
    }

    /// <summary>The figures once they agree with what is counted here, row by row: sweeps of other tests' clocks may go on meanwhile.</summary>
    private async Task<(JsonElement Figures, IReadOnlyList<Counted> Rows)> AgreedAsync(string city, string period)
    {
        await using var database = await exchange.AdminAsync(city);
        var seen = await Eventually.GetAsync(
            async () =>
            {
                var figures = (await exchange.Who(city, "officer").GetAsync($"/api/cities/{city}/statistics{period}")).Succeeded("read figures").Json;
                var rows = await RecountAsync(database, DateOnly.Parse(figures.GetProperty("from").GetString()!, CultureInfo.InvariantCulture), DateOnly.Parse(figures.GetProperty("to").GetString()!, CultureInfo.InvariantCulture));
                return (figures, rows, differs: Differs(figures, rows));
            },
            s => s.differs is null, show: s => s.differs!);
        return (seen.figures, seen.rows);
    }

    private static string? Differs(JsonElement figures, IReadOnlyList<Counted> rows)
    {
        foreach (var (set, counted) in figures.GetProperty("departments").EnumerateArray()
            .Select(d => (d.GetProperty("figures"), rows.Where(r => r.Department == d.GetProperty("department").GetString()).ToList())).Append((figures.GetProperty("total"), [.. rows])))
        {
            foreach (var word in set.GetProperty("clocks").EnumerateObject())
            {
                var of = counted.Where(r => r.Clock == word.Name).ToList();
                var expected = new[] { of.Count(r => r.Outcome == "on_time"), of.Count(r => r.Outcome == "late"), of.Count(r => r.Outcome.StartsWith("open", StringComparison.Ordinal)), of.Count(r => r.Outcome == "open_late"), of.Select(r => r.Waited).DefaultIfEmpty().Max() };
                var told = $"{Outcomes} longest_wait_days".Split(' ').Select(name => word.Value.GetProperty(name).GetInt32());
                if (!told.SequenceEqual(expected))
                {
                    return $"{word.Name}: told {string.Join(' ', told)}, counted {string.Join(' ', expected)}";
                }
            }
        }

        return null;
    }

    private static async Task<IReadOnlyList<Counted>> RecountAsync(Npgsql.NpgsqlConnection database, DateOnly from, DateOnly to)
    {
        var all = await database.QueryAsync<(Guid Subject, string Clock, int Version, string? Department, string Due, DateTime Started, DateTime? Stopped)>(
            "select subject, clock, for_version, department, due_on::text, started_at, stopped_at from service.clocks order by for_version, started_at");
        return [.. all.GroupBy(r => (r.Subject, r.Clock)).Select(same =>
        {
            var began = same.First().Started;
            foreach (var (before, row) in same.Zip(same.Skip(1)))
            {
                began = before.Stopped == row.Started ? began : row.Started;
            }

            var last = same.Last();
            var due = DateOnly.Parse(last.Due, CultureInfo.InvariantCulture);
            var stopped = last.Stopped is { } at ? DayOf(at) : (DateOnly?)null;
            var outcome = stopped is { } day ? day <= due ? "on_time" : "late" : due < Today ? "open_late" : "open";
            return new Counted(last.Subject, last.Clock, last.Department, DayOf(began), outcome, (stopped ?? Today).DayNumber - DayOf(began).DayNumber);
        }).Where(c => c.Began >= from && c.Began <= to)];
    }

    /// <summary>A clock that no process looks at; it began forty days ago, or thirty before its stop where that is given. Days are counted from today.</summary>
    private async Task<Guid> InventAsync(string department, string clock, int due, int? stopped, int? next = null)
    {
        var subject = Guid.CreateVersion7();
        invented.Add(subject);
        await using var city = await exchange.AdminAsync("changsha");
        var started = stopped is null ? At(-30) : next is null ? At(Math.Min(due, stopped.Value)) : At(-28);
        await InsertAsync(1, started, due, stopped);
        if (next is not null)
        {
            await InsertAsync(2, At(stopped!.Value), next.Value, next);
        }

        return subject;

        Task InsertAsync(int version, DateTime from, int last, int? end) => city.ExecuteAsync("""
            insert into service.clocks (subject, clock, for_version, department, due_on, provisional, started_at, stopped_at)
            values (@subject, @clock, @version, @department, @due::date, false, @from, @end)
            """, new { subject, clock, version, department, due = Today.AddDays(last).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), from, end = end is { } e ? At(e) : (DateTime?)null });

        static DateTime At(int days) => LegalDay.EndOf(Today.AddDays(days)).AddHours(-12).UtcDateTime;
    }

    private async Task RefuseAsync(string id)
    {
        var received = await exchange.ReceivedAsync(id);
        var proposed = (await exchange.Who("changsha", "reviewer").PostAsync($"/api/cities/changsha/approvals/{id}/decide", new { Decision = "refuse", Reason = "示例", Grounds = new[] { "not_necessary" } }, received.ETag)).Succeeded("propose");
        (await exchange.Who("changsha", "sharing_head").PostAsync($"/api/cities/changsha/approvals/{id}/sign-off", etag: proposed.ETag)).Succeeded("refuse");
    }

    /// <summary>Every page.</summary>
    private static async Task<IReadOnlyList<JsonElement>> AllAsync(Participant reader, string link)
    {
        List<JsonElement> all = [];
        for (string? cursor = ""; cursor is not null;)
        {
            var page = (await reader.GetAsync($"{link}&limit=7&cursor={cursor}")).Succeeded("read rows").Json;
            all.AddRange(page.GetProperty("items").EnumerateArray());
            cursor = page.TryGetProperty("next", out var next) ? next.GetString() : null;
        }

        return all;
    }

    private static JsonElement.ArrayEnumerator Cities(Answer answer) => answer["cities"].EnumerateArray();

    private static DateOnly DayOf(DateTime at) => LegalDay.Of(new DateTimeOffset(at, TimeSpan.Zero));

    private static JsonElement Department(JsonElement figures, string code) => figures.GetProperty("departments").EnumerateArray().Single(d => d.GetProperty("department").GetString() == code).GetProperty("figures");

    private static int Number(JsonElement set, string path)
    {
        foreach (var name in path.Split('.'))
        {
            if (!set.TryGetProperty(name, out set))
            {
                return 0;
            }
        }

        return set.GetInt32();
    }

    private sealed record Counted(Guid Subject, string Clock, string? Department, DateOnly Began, string Outcome, int Waited);
}
