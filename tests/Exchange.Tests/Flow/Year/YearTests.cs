using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Sharing;
using Exchange.Tests.Faults;
using Npgsql;

namespace Exchange.Tests.Flow.Year;

/// <summary>A year of requests between the three cities, over the public address, day by day.</summary>
[Collection(ExchangeOfAYear.Name)]
[Trait("needs", "server")]
public sealed class YearTests(YearFixture year)
{
    [Fact]
    public Task Every_story_once_ends_where_it_should_with_each_deadline_told_once() => LiveAsync(stories: Story.Kinds.Count, starts: 1);

    [Fact]
    [Trait("length", "long")]
    public Task A_year_of_three_hundred_requests() => LiveAsync(stories: 300, starts: 240);

    private Task LiveAsync(int stories, int starts) => Schedule.RunAsync(async schedule =>
    {
        var first = year.Day;
        var cast = await CastAsync(schedule, stories, first, starts);
        var days = cast.SelectMany(s => s.Days).Distinct().Order().ToList();
        foreach (var day in days)
        {
            await year.MoveToAsync(day);
            // One act of each story at a time; what it changes in the other city is known there before the next.
            while (cast.Where(s => s.IsDue).ToList() is { Count: > 0 } due)
            {
                foreach (var story in due)
                    await story.ActAsync();
                await year.SettleAsync();
            }
        }

        // Long after the last act, by which time the archivist has come.
        await year.MoveToAsync(days[^1] + 35);
        await EndedAsync(cast);
        await ToldOnceAsync();
        await CountedAsync();
        await year.AtRestAsync();
    });

    private async Task<IReadOnlyList<Story>> CastAsync(Schedule schedule, int stories, int first, int starts)
    {
        var cities = year.Cities.ToArray();
        var tables = new Dictionary<(string City, bool Open), Guid>();
        foreach (var city in cities)
        {
            tables[(city, true)] = (await year.PublishAsync(city, "unconditional", standing: true)).GetProperty("dataset_id").GetGuid();
            tables[(city, false)] = (await year.PublishAsync(city, "conditional")).GetProperty("dataset_id").GetGuid();
        }

        List<Story> cast = [];
        for (var i = 0; i < stories; i++)
        {
            var kind = Story.Kinds[i % Story.Kinds.Count];
            // Xiangtan answers in person (its setting), the other two automatically where a standing sign-off is given.
            var owning = kind switch { "automatic" => schedule.Pick<string>(["changsha", "zhuzhou"]), "in person" => "xiangtan", _ => schedule.Pick<string>(cities) };
            var asking = schedule.Pick<string>([.. cities.Where(c => c != owning)]);
            var dataset = kind == "late delivery"
                ? (await year.PublishAsync(owning, "conditional", rowsToo: false)).GetProperty("dataset_id").GetGuid()
                : tables[(owning, kind is "automatic" or "in person")];
            cast.Add(new Story(kind, asking, owning, year, first + 1 + schedule.Next(starts), dataset));
        }

        schedule.Note($"{stories} stories over {starts} days");
        return cast;
    }

    private async Task EndedAsync(IReadOnlyList<Story> cast)
    {
        foreach (var city in year.Cities)
        {
            await using var connection = await year.AdminAsync(city);
            var rows = (await connection.QueryAsync<(Guid Id, string Side, string State)>("select exchange_id, side, state from service.sharing_requests")).ToDictionary(r => (r.Id.ToString(), r.Side), r => r.State);
            var steps = (await connection.QueryAsync<(Guid Id, string Event)>("select exchange_id, event from service.sharing_history where side = 'owning' order by position")).ToLookup(s => s.Id.ToString(), s => s.Event);
            foreach (var story in cast.Where(s => s.Asking == city))
                Assert.Equal((story.Kind, story.End), (story.Kind, rows[(story.Id, "asking")]));
            foreach (var story in cast.Where(s => s.Owning == city))
            {
                Assert.Equal((story.Kind, story.End), (story.Kind, rows[(story.Id, "owning")]));
                var mine = steps[story.Id].Where(e => e != "archive" && !Words.Parse<SharingEventName>(e).IsClock());
                Assert.True(story.Steps.SequenceEqual(mine), $"{story.Kind}: {string.Join(' ', mine)}");
            }
        }
    }

    /// <summary>Each clock has told what was due by its last day, each step once, with its notices: counted anew from the clocks' own rows.</summary>
    private async Task ToldOnceAsync()
    {
        var calendar = WorkingDays.Load();
        var met = new HashSet<string>(StringComparer.Ordinal);
        foreach (var city in year.Cities)
        {
            await using var connection = await year.AdminAsync(city);
            var clocks = await ClocksAsync(connection);
            var due = clocks.Where(c => Watched.Contains(c.Clock))
                .SelectMany(c => Steps(calendar, c.Clock, Day(c.Started), c.Due, c.Stopped is { } stopped ? Day(stopped) : year.Today).Select(step => (c.Exchange, Step: step)))
                .GroupBy(s => s).ToDictionary(g => g.Key, g => g.Count());
            met.UnionWith(due.Keys.Select(d => d.Step));

            var told = (await connection.QueryAsync<(Guid Exchange, string Event, string? Note)>("select exchange_id, event, note from service.sharing_history where side = 'owning'"))
                .Where(h => Words.Parse<SharingEventName>(h.Event).IsClock())
                .Select(h => (h.Exchange, Step: h.Note is null ? h.Event : $"{h.Event} {h.Note}"))
                .GroupBy(s => s).ToDictionary(g => g.Key, g => g.Count());
            Assert.Equal(InOrder(due.Where(d => !d.Key.Step.StartsWith("correction", StringComparison.Ordinal))), InOrder(told));

            var notices = (await connection.QueryAsync<(Guid Exchange, string Type, string Role, int Times)>(
                "select exchange_id, type, role, count(*) from service.notices where type ~ '(reminder|breached|escalated)$' and exchange_id is not null group by 1, 2, 3")).AsList();
            foreach (var ((exchange, step), times) in due.Where(d => d.Key.Step != "disposal_reminder")) // that one is for the asking side
            {
                var word = step.Split(' ')[0];
                var type = word.StartsWith("correction_", StringComparison.Ordinal) ? word.Replace('_', '.') : "request." + word;
                var role = step.EndsWith("department_head", StringComparison.Ordinal) ? "department_head" : step.EndsWith(" authority", StringComparison.Ordinal) ? "authority" : "sharing_head";
                Assert.Equal((step, times), (step, notices.Where(n => n.Exchange == exchange && n.Type == type && n.Role == role).Sum(n => n.Times)));
            }
        }

        // All that a clock can tell was told somewhere.
        Assert.Superset(
            new HashSet<string>(["reply", "delivery", "disposal", "correction"]).SelectMany(c => (string[])[$"{c}_reminder", $"{c}_breached", $"{c}_escalated department_head", $"{c}_escalated authority"]).Append("repair_breached").ToHashSet(),
            met);
    }

    /// <summary>The figures of every city, and of all together, are what a recount of the clocks and requests says.</summary>
    private async Task CountedAsync()
    {
        var all = (await year.Who("xiangtan", "officer").GetAsync("/api/statistics")).Succeeded("read the figures");
        var sum = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var city in year.Cities)
        {
            await using var connection = await year.AdminAsync(city);
            var recount = (await ClocksAsync(connection)).GroupBy(c => (c.Subject, c.Clock)).Select(g => g.MaxBy(c => (c.Version, c.Started))!)
                .SelectMany(c => Outcomes(c).Select(outcome => $"clocks.{c.Clock}.{outcome}")).GroupBy(f => f).ToDictionary(g => g.Key, g => g.Count());
            recount["refusals.total"] = await connection.ExecuteScalarAsync<int>("select count(*) from service.sharing_requests where side = 'owning' and reply ->> 'outcome' = 'refused'");
            recount["refusals.disputed"] = await connection.ExecuteScalarAsync<int>("select count(*) from service.sharing_requests where side = 'owning' and reply ->> 'outcome' = 'refused' and dispute is not null");
            foreach (var (state, times) in await connection.QueryAsync<(string, int)>("select state, count(*) from service.sharing_requests where side = 'owning' group by state"))
                recount[$"received.by_state.{state}"] = times;
            Assert.Equal(InOrder(recount), InOrder(Numbers(all["cities"].EnumerateArray().Single(c => c.GetProperty("city").GetString() == city).GetProperty("statistics").GetProperty("total"))));
            foreach (var (figure, times) in recount)
                sum[figure] = sum.GetValueOrDefault(figure) + times;
        }

        Assert.Equal(InOrder(sum), InOrder(Numbers(all["total"])));
    }

    private string[] Outcomes(ClockRow clock)
    {
        if (clock.Stopped is { } stopped)
            return [Day(stopped) <= clock.Due ? "on_time" : "late"];
        return clock.Due < year.Today ? ["open", "open_late"] : ["open"];
    }

    /// <summary>The numbers that are recounted, those that are not zero.</summary>
    private static Dictionary<string, int> Numbers(JsonElement figures)
    {
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var clock in figures.GetProperty("clocks").EnumerateObject())
        {
            foreach (var outcome in (string[])["on_time", "late", "open", "open_late"])
                numbers[$"clocks.{clock.Name}.{outcome}"] = clock.Value.GetProperty(outcome).GetInt32();
        }

        foreach (var which in (string[])["total", "disputed"])
            numbers[$"refusals.{which}"] = figures.GetProperty("refusals").GetProperty(which).GetInt32();
        foreach (var state in figures.GetProperty("received").GetProperty("by_state").EnumerateObject())
            numbers[$"received.by_state.{state.Name}"] = state.Value.GetInt32();
        return numbers;
    }

    private static IEnumerable<KeyValuePair<string, int>> InOrder(Dictionary<string, int> numbers) => numbers.Where(n => n.Value > 0).OrderBy(n => n.Key, StringComparer.Ordinal);

    private static IEnumerable<KeyValuePair<(Guid, string), int>> InOrder(IEnumerable<KeyValuePair<(Guid Exchange, string Step), int>> steps) =>
        steps.Select(s => KeyValuePair.Create((s.Key.Exchange, s.Key.Step), s.Value)).OrderBy(s => s.Key.Exchange).ThenBy(s => s.Key.Step, StringComparer.Ordinal);

    private static async Task<IReadOnlyList<ClockRow>> ClocksAsync(NpgsqlConnection connection) => (await connection.QueryAsync<ClockRow>("""
        select c.subject, coalesce(k.exchange_id, c.subject) as exchange, c.clock, c.for_version as version, c.due_on as due, c.started_at as started, c.stopped_at as stopped
        from service.clocks c left join service.corrections k on k.correction_id = c.subject and k.side = 'owning'
        """)).AsList();

    private sealed record ClockRow
    {
        public required Guid Subject { get; init; }

        /// <summary>The exchange it is about, or the subject itself.</summary>
        public required Guid Exchange { get; init; }
        public required string Clock { get; init; }
        public required int Version { get; init; }
        public required DateOnly Due { get; init; }
        public required DateTime Started { get; init; }
        public DateTime? Stopped { get; init; }
    }

    private static readonly string[] Watched = ["reply", "delivery", "change", "repair", "disposal", "correction"];

    private static DateOnly Day(DateTime at) => LegalDay.Of(new DateTimeOffset(at, TimeSpan.Zero));

    private static IEnumerable<string> Steps(WorkingDays calendar, string clock, DateOnly started, DateOnly due, DateOnly last)
    {
        // A change of scope is replied to like the request was.
        clock = clock == "change" ? "reply" : clock;
        var reminder = calendar.Back(due, 2) is var early && early > started ? early : due;
        if (reminder <= last && clock != "repair")
            yield return $"{clock}_reminder";
        if (due < last)
            yield return $"{clock}_breached";
        if (calendar.Add(due, 2).On < last && clock != "repair")
            yield return $"{clock}_escalated department_head";
        if (calendar.Add(due, 4).On < last && clock != "repair")
            yield return $"{clock}_escalated authority";
    }
}
