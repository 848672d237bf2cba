using System.Text.Json;
using Exchange.Local.Accounts;

namespace Exchange.Tests.Faults;

/// <summary>One city is cut off from the others for an hour, and works on by itself.</summary>
[Collection(FaultyExchange.Name)]
[Trait("needs", "server")]
public sealed class PartitionTests(FaultFixture exchange)
{
    [Fact]
    public Task A_city_cut_off_for_an_hour_is_shown_as_last_seen_and_heals_by_itself() => Schedule.RunAsync(async schedule =>
    {
        var theirs = (await exchange.PublishAsync("xiangtan", "conditional")).GetProperty("dataset_id").GetGuid();
        var ours = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        await exchange.DraftRequestAsync(theirs);
        await CityAsync("xiangtan", "live");

        schedule.Note("cut");
        exchange.Line("xiangtan", FaultFixture.Rabbitmq).Cut();
        exchange.Line("gateway", "xiangtan").Cut();
        try
        {
            await exchange.MoveClockAsync(TimeSpan.FromHours(1));

            // Its entries stay, marked with when they were last true.
            var silent = await CityAsync("xiangtan", "silent");
            // By the city's own clock, which may have been ahead of ours when it was last heard.
            var asOf = silent.GetProperty("as_of").GetDateTimeOffset();
            Assert.True(asOf < DateTimeOffset.UtcNow.AddMinutes(30), $"as of {asOf:O}");
            Assert.True(silent.GetProperty("lag_seconds").GetInt32() >= (DateTimeOffset.UtcNow.AddHours(1) - asOf).TotalSeconds - 60, silent.ToString());
            Assert.Equal(200, (await exchange.Who("zhuzhou", "officer").GetAsync($"/api/catalogue/datasets/{theirs}")).Status);

            // What needs the city itself says so; a request to it is accepted and waits.
            var direct = await exchange.Who("xiangtan", "officer").GetAsync("/api/cities/xiangtan/datasets");
            Assert.Equal(502, direct.Status);
            Assert.Contains("city-away", direct.Text, StringComparison.Ordinal);
            var waiting = await exchange.SubmitAsync(theirs);
            await exchange.DrainedAsync("zhuzhou");
            Assert.Equal("submitted", (await exchange.Who("zhuzhou", "officer").GetAsync($"/api/cities/zhuzhou/requests/{waiting}"))["state"].GetString());

            // The others are not touched.
            var among = await exchange.SubmitAsync(ours);
            await exchange.GrantAsync(among);
            await exchange.MirrorAsync(among, "active");

            // And the city works on for those who reach it.
            var officer = exchange.Who("xiangtan", "officer");
            var known = await officer.GetAsync(new Uri(exchange.Stack.Address("xiangtan"), $"/datasets/{theirs}").AbsoluteUri);
            Assert.Equal(200, known.Status);

            schedule.Note("mend");
            exchange.Line("xiangtan", FaultFixture.Rabbitmq).Mend();
            exchange.Line("gateway", "xiangtan").Mend();
            await CityAsync("xiangtan", "live");
            await exchange.MirrorAsync(waiting, "under_review");
            await exchange.AtRestAsync();
        }
        finally
        {
            exchange.Line("xiangtan", FaultFixture.Rabbitmq).Mend();
            exchange.Line("gateway", "xiangtan").Mend();
            await exchange.MoveClockAsync(TimeSpan.Zero);
        }
    });

    private async Task<JsonElement> CityAsync(string city, string state)
    {
        var answer = await Eventually.GetAsync(
            () => exchange.Who("zhuzhou", "officer").GetAsync("/api/catalogue/datasets?limit=1"),
            a => a.Status == 200 && City(a).GetProperty("state").GetString() == state,
            TimeSpan.FromSeconds(60),
            a => a.Text);
        return City(answer);

        JsonElement City(Answer a) => a["cities"].EnumerateArray().Single(c => c.GetProperty("city").GetString() == city);
    }
}
