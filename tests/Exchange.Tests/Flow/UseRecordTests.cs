using Dapper;
using Exchange.Local.Accounts;
using Exchange.Tests.Faults;
using Npgsql;

namespace Exchange.Tests.Flow;

/// <summary>Those who use data record how (art. 29), over the public address and two cities.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class UseRecordTests(ExchangeFixture exchange)
{
    [Fact]
    public async Task Use_is_recorded_in_the_asking_city_and_both_sides_inspect_it()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var id = await exchange.SubmitAsync(dataset);
        await exchange.ReceivedAsync(id);
        var officer = exchange.Who("zhuzhou", "officer");
        Assert.Equal("nothing-granted", (await officer.PostAsync(Path(id), Record))["rule"].GetString());
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");

        var faulty = await officer.PostAsync(Path(id), new { Scenario = " ", Result = "示例" });
        Assert.Equal(["process", "scenario", "storage"], faulty["errors"].EnumerateArray().Select(e => e.GetProperty("field").GetString()!).Order(StringComparer.Ordinal));
        var first = (await officer.PostAsync(Path(id), Record)).Succeeded("record");
        (await officer.PostAsync(Path(id), new { Scenario = "再次核验（示例）", Process = "示例", Result = "示例", Storage = "示例", Destruction = "已删除中间结果（示例）" })).Succeeded("record again");

        foreach (var reader in new[] { officer, exchange.Who("zhuzhou", "authority"), exchange.Who("changsha", "reviewer"), exchange.Who("changsha", "authority") })
        {
            var records = (await reader.GetAsync(Path(id))).Succeeded($"inspect as {reader.Account.ClientId}")["items"];
            Assert.Equal(2, records.GetArrayLength());
            Assert.Equal(("批量核验（示例）", first["audit_event"].GetString()), (records[0].GetProperty("process").GetString(), records[0].GetProperty("audit_event").GetString()));
        }

        foreach (var stranger in new[] { exchange.Who("changsha", "reviewer", "police"), exchange.Who("xiangtan", "officer"), exchange.Who("xiangtan", "authority") })
        {
            Assert.Equal(404, (await stranger.GetAsync(Path(id))).Status);
        }

        Assert.Equal(404, (await exchange.Who("changsha", "officer").PostAsync(Path(id), Record)).Status);
        Assert.Equal("role-missing", (await exchange.Who("changsha", "reviewer").PostAsync(Path(id), Record))["rule"].GetString());
        var timeline = await exchange.TimelineAsync(id, "use.recorded");
        Assert.DoesNotContain("批量核验", timeline.Text, StringComparison.Ordinal);
        await using var app = new NpgsqlConnection(exchange.Stack.Databases.ConnectionString("zhuzhou", "app"));
        var never = await Assert.ThrowsAsync<PostgresException>(() => app.ExecuteAsync("update service.use_records set result = ''"));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, never.SqlState);
    }

    [Fact]
    public async Task The_reminder_runs_while_access_lasts_and_begins_anew_with_each_record_and_each_breach()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var id = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        var officer = exchange.Who("zhuzhou", "officer");
        await using var city = await exchange.AdminAsync("zhuzhou");
        var begun = await ClockAsync(city, id, c => c.Rows == 1 && c.Running == 1);
        Assert.Equal((officer.Account.Department, 60), (begun.Department, begun.Days));

        (await officer.PostAsync(Path(id), Record)).Succeeded("record");
        var second = await ClockAsync(city, id, c => c.Rows == 2);
        Assert.Equal((1, 2), (second.Running, second.Turn));

        // As if two months had gone by.
        await city.ExecuteAsync("update service.clocks set due_on = current_date - 1, next_on = current_date - 5 where subject = @id and clock = 'use_records' and stopped_at is null", new { id = Guid.Parse(id) });
        var third = await ClockAsync(city, id, c => c is { Rows: 3, Running: 1 });
        Assert.Equal((3, 60, "reminder"), (third.Turn, third.Days, third.NextStep));
        var notices = (await officer.GetAsync($"/api/cities/zhuzhou/notices?exchange={id}")).Succeeded("read notices")["items"].EnumerateArray()
            .Where(n => n.GetProperty("type").GetString()!.StartsWith("use_records.", StringComparison.Ordinal)).Select(n => (n.GetProperty("type").GetString(), n.GetProperty("for").GetString()));
        Assert.Equal([("use_records.breached", "officer"), ("use_records.reminder", "officer")], notices);
        await exchange.TimelineAsync(id, "clock.reminder", "clock.breached");

        var mirror = await exchange.MirrorAsync(id, "active");
        (await officer.PostAsync($"/api/cities/zhuzhou/requests/{id}/withdraw", new { Reason = "不再需要（示例）" }, mirror.ETag)).Succeeded("give it up");
        await exchange.MirrorAsync(id, "ended");
        await ClockAsync(city, id, c => c is { Rows: 3, Running: 0 });
        (await officer.PostAsync(Path(id), Record)).Succeeded("record after the end");
        await ClockAsync(city, id, c => c is { Rows: 3, Running: 0 });
    }

    private static readonly object Record = new { Scenario = "核验参保情况（示例）", Process = "批量核验（示例）", Result = "示例", Storage = "本部门机房（示例）" };

    private static string Path(string id) => $"/api/cities/zhuzhou/grants/{id}/use-records";

    private static Task<Clock> ClockAsync(NpgsqlConnection city, string id, Func<Clock, bool> enough) => Eventually.GetAsync(
        () => city.QuerySingleAsync<Clock>("""
            select count(*)::int as rows, (count(*) filter (where stopped_at is null))::int as running, coalesce(max(for_version), 0) as turn,
                   (array_agg(department order by for_version desc))[1] as department, (array_agg(days order by for_version desc))[1] as days, (array_agg(next_step order by for_version desc))[1] as next_step
            from service.clocks where subject = @id and clock = 'use_records'
            """, new { id = Guid.Parse(id) }),
        enough);

    private sealed record Clock
    {
        public int Rows { get; init; }
        public int Running { get; init; }
        public int Turn { get; init; }
        public string? Department { get; init; }
        public int? Days { get; init; }
        public string? NextStep { get; init; }
    }
}
