using System.Globalization;
using Exchange.Catalogue.Deadlines;
using Exchange.Tests.Faults;

namespace Exchange.Tests.Flow;

/// <summary>The notice for next year arrives while the exchange runs: what was provisional becomes final in both cities.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class CalendarTests(ExchangeFixture exchange)
{
    [Fact]
    public async Task A_date_past_the_loaded_calendar_is_provisional_until_the_notice_is_loaded()
    {
        var shipped = (await exchange.Who("zhuzhou", "officer").GetAsync("/api/cities/changsha/calendar")).Succeeded("read the calendar");
        var last = shipped["years"].EnumerateArray().Max(y => y.GetProperty("year").GetInt32());
        var year = last + 1;
        var notice = new
        {
            Off = Enumerable.Range(1, 3).Select(d => new DateOnly(year, 1, d)).ToArray(),
            Work = new[] { FirstSunday(year) },
            Source = "示例：虚构的放假安排，仅供测试",
        };
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var asked = new DateTimeOffset(last, 12, 22, 2, 0, 0, TimeSpan.Zero);
        await exchange.MoveClockAsync(asked - DateTimeOffset.UtcNow);
        try
        {
            var id = await exchange.SubmitAsync(dataset);
            var received = await exchange.ReceivedAsync(id);
            Assert.True(received["reply_due"].GetProperty("provisional").GetBoolean());
            Assert.True((await exchange.MirrorAsync(id, "under_review"))["reply_due"].GetProperty("provisional").GetBoolean());

            (await exchange.Who("changsha", "operator").PutAsync($"/api/cities/changsha/calendar/{year}", notice)).Succeeded("load");
            (await exchange.Who("zhuzhou", "authority").PutAsync($"/api/cities/zhuzhou/calendar/{year}", notice)).Succeeded("load in the other city");

            var calendar = WorkingDays.Load();
            calendar.Take([new CalendarYear { Year = year, Off = notice.Off, Work = notice.Work, Source = notice.Source }]);
            var expected = calendar.Add(new DateOnly(last, 12, 22), 10);
            Assert.False(expected.Provisional);
            var final = await Eventually.GetAsync(
                () => exchange.Who("changsha", "reviewer").GetAsync($"/api/cities/changsha/approvals/{id}"), a => !a["reply_due"].GetProperty("provisional").GetBoolean(), show: a => a.Text);
            Assert.Equal(expected.On.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), final["reply_due"].GetProperty("on").GetString());
            Assert.NotEqual(received["reply_due"].GetProperty("on").GetString(), final["reply_due"].GetProperty("on").GetString());
            await Eventually.GetAsync(
                () => exchange.Who("zhuzhou", "officer").GetAsync($"/api/cities/zhuzhou/requests/{id}"), a => a["reply_due"].ToString() == final["reply_due"].ToString(), show: a => a.Text);
            await exchange.TimelineAsync(id, "clock.recounted");
            var told = (await exchange.Who("zhuzhou", "officer").GetAsync($"/api/cities/zhuzhou/notices?exchange={id}&type=request.recount")).Succeeded("read notices");
            Assert.Single(told["items"].EnumerateArray());
        }
        finally
        {
            await exchange.MoveClockAsync(TimeSpan.Zero);
        }

        var now = (await exchange.Who("zhuzhou", "officer").GetAsync("/api/cities/changsha/calendar")).Succeeded("read the calendar")["years"].EnumerateArray().ToDictionary(y => y.GetProperty("year").GetInt32());
        Assert.Equal(("loaded", notice.Source, 3), (now[year].GetProperty("origin").GetString(), now[year].GetProperty("source").GetString(), now[year].GetProperty("off").GetArrayLength()));
        Assert.Equal("shipped", now[last].GetProperty("origin").GetString());
    }

    [Fact]
    public async Task Every_fault_of_a_notice_is_told_and_only_the_citys_own_people_load_it()
    {
        var @operator = exchange.Who("xiangtan", "operator");
        var faulty = await @operator.PutAsync("/api/cities/xiangtan/calendar/2031", new
        {
            Off = new[] { "2031-01-01", "2030-05-01", "2031-02-02" },
            Work = new[] { "2031-02-02", "2031-02-03" },
        });

        Assert.Equal(422, faulty.Status);
        Assert.Equal(["off", "source", "work", "work"], faulty["errors"].EnumerateArray().Select(e => e.GetProperty("field").GetString()!).Order(StringComparer.Ordinal));
        Assert.Equal(["off", "source", "work", "year"], (await @operator.PutAsync("/api/cities/xiangtan/calendar/1999", new { }))["errors"].EnumerateArray().Select(e => e.GetProperty("field").GetString()!).Order(StringComparer.Ordinal));
        var notice = new { Off = new[] { "2031-01-01" }, Work = Array.Empty<string>(), Source = "示例" };
        Assert.Equal("foreign-city", (await exchange.Who("changsha", "operator").PutAsync("/api/cities/xiangtan/calendar/2031", notice))["rule"].GetString());
        Assert.Equal("role-missing", (await exchange.Who("xiangtan", "officer").PutAsync("/api/cities/xiangtan/calendar/2031", notice))["rule"].GetString());
        var years = (await @operator.GetAsync("/api/cities/xiangtan/calendar"))["years"].EnumerateArray().Select(y => y.GetProperty("year").GetInt32());
        Assert.DoesNotContain(2031, years);
    }

    private static DateOnly FirstSunday(int year) => Enumerable.Range(4, 7).Select(d => new DateOnly(year, 1, d)).First(d => d.DayOfWeek == DayOfWeek.Sunday);
}
