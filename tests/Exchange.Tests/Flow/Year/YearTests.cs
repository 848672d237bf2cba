using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Sharing;
using Exchange.Tests.Faults;

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

    /// <summary>Each clock has told what was due by its last day, each step once, with its notices and its record: counted anew from the clocks' own rows.</summary>
    private async Task ToldOnceAsync()
    {
        var calendar = WorkingDays.Load();
        foreach (var city in year.Cities)
        {
            await using var connection = await year.AdminAsync(city);
            var clocks = (await connection.QueryAsync<(Guid Subject, string Clock, DateOnly Due, DateTime Started, DateTime? Stopped)>(
                "select subject, clock, due_on, started_at, stopped_at from service.clocks where clock in ('reply', 'delivery', 'repair', 'disposal')")).AsList();
            var expected = clocks.SelectMany(c => Steps(calendar, c.Clock, Day(c.Started), c.Due, c.Stopped is { } stopped ? Day(stopped) : year.Today).Select(step => (c.Subject, step)))
                .GroupBy(s => s).ToDictionary(g => g.Key, g => g.Count());
            var told = (await connection.QueryAsync<(Guid Subject, string Event, string? Note)>("select exchange_id, event, note from service.sharing_history where side = 'owning'"))
                .Where(h => Words.Parse<SharingEventName>(h.Event).IsClock())
                .Select(h => (h.Subject, h.Note is null ? h.Event : $"{h.Event} {h.Note}"))
                .GroupBy(s => s).ToDictionary(g => g.Key, g => g.Count());
            Assert.Equal(expected.OrderBy(e => e.Key.Subject).ThenBy(e => e.Key.step, StringComparer.Ordinal), told.OrderBy(e => e.Key.Subject).ThenBy(e => e.Key.Item2, StringComparer.Ordinal));

            var notices = (await connection.QueryAsync<(Guid Exchange, string Type, string Role, int Times)>(
                "select exchange_id, type, role, count(*) from service.notices where type ~ '(reminder|breached|escalated)$' and exchange_id is not null group by 1, 2, 3")).AsList();
            foreach (var ((subject, step), times) in expected)
            {
                var word = step.Split(' ')[0];
                if (word is "disposal_reminder")
                    continue; // told in the asking city
                var role = step.EndsWith("department_head", StringComparison.Ordinal) ? "department_head" : step.EndsWith(" authority", StringComparison.Ordinal) ? "authority" : "sharing_head";
                Assert.Equal((step, times), (step, notices.Where(n => n.Exchange == subject && n.Type == "request." + word && n.Role == role).Sum(n => n.Times)));
            }
        }
    }

    private static DateOnly Day(DateTime at) => LegalDay.Of(new DateTimeOffset(at, TimeSpan.Zero));

    private static IEnumerable<string> Steps(WorkingDays calendar, string clock, DateOnly started, DateOnly due, DateOnly last)
    {
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
