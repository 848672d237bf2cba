using System.Globalization;
using System.Text;
using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Grants;
using Exchange.Local.Accounts;
using Npgsql;
using Xunit;

namespace Exchange.Tests.Flow;

/// <summary>Two cities keep a shared table in step: set up by an officer, pulled by the city's service through the gateway, seen by both sides, disposed of with the grant.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class StandingTests(ExchangeFixture exchange)
{
    [Fact]
    public async Task A_copy_follows_its_source_through_loads_suspension_and_a_change_of_scope_until_it_is_disposed_of()
    {
        var (dataset, tag) = await PublishedAsync("示例甲,12,\n示例乙,240,\n示例丙,3,末\n");
        var id = await exchange.SubmitAsync(dataset);
        (await SetUpAsync(id, 60)).Refuses(403, "grant-not-active");
        await exchange.GrantAsync(id, new { Decision = "approve", Treatments = new Dictionary<string, string> { ["person"] = "hashed" } });
        await exchange.MirrorAsync(id, "active");
        Assert.Equal(["daily_at time", "every_minutes one-of", "every_minutes range"], Faults(await Officer.PostAsync(Path(id), new { EveryMinutes = 4, DailyAt = "2:30 pm" })));
        Assert.Equal(404, (await exchange.Who("zhuzhou", "officer", "police").PostAsync(Path(id), new { EveryMinutes = 60 })).Status);
        Assert.Equal(404, (await Officer.GetAsync(Path(id))).Status);
        var request = await Officer.GetAsync($"/api/cities/zhuzhou/requests/{id}");
        Assert.Equal(["changes", "set-standing", "standing"], Rels(request).Where(r => r is "changes" or "set-standing" or "standing").Order(StringComparer.Ordinal));

        (await SetUpAsync(id, 60)).Succeeded("set up");
        (await SetUpAsync(id, 60)).Refuses(409, "standing-exists");
        var view = await PulledAsync(id, 3, 0, whole: true);
        Assert.Equal(("active", 60), (view["state"].GetString(), view["every_minutes"].GetInt32()));
        Assert.False(view.Json.TryGetProperty("behind_since", out _));
        Assert.False(view.Json.TryGetProperty("reason", out _));
        var copy = view["table"].GetProperty("name").GetString()!;
        await SameAsync(id, copy);
        Assert.All(await CopyAsync(copy), row => Assert.Matches("^[0-9a-f]{64} ", row));

        // A load, and the next pull brings what is new, other and gone, and no more.
        tag = await LoadAsync(dataset, tag, "示例甲,13,\n示例丙,3,末\n示例丁,7,\n");
        var owner = await OwnerAsync(id, v => v.TryGetProperty("behind_since", out _));
        Assert.Equal(("active", "complete", true), (owner["receiver"].GetProperty("state").GetString(), owner["acknowledged"].GetProperty("outcome").GetString(), owner["acknowledged"].GetProperty("equal").GetBoolean()));
        await RunAsync(id);
        view = await PulledAsync(id, 2, 1, whole: false);
        await SameAsync(id, copy);
        owner = await OwnerAsync(id, v => !v.TryGetProperty("behind_since", out _) && v.GetProperty("receiver").GetProperty("last_pull").GetProperty("deleted").GetInt64() == 1);
        Assert.Equal(view["last_pull"].GetProperty("delivery_id").GetString(), owner["acknowledged"].GetProperty("delivery_id").GetString());

        // The delivery has its three reports like any other.
        var delivery = view["last_pull"].GetProperty("delivery_id").GetString()!;
        var timeline = await Eventually.GetAsync(
            () => Officer.GetAsync($"/api/audit/exchanges/{id}?limit=200"),
            a => new[] { "delivery.opened", "delivery.ended", "gateway.delivered", "delivery.acknowledged" }.All(t => a["events"].EnumerateArray().Any(e => e.GetProperty("type").GetString() == t && e.GetProperty("delivery_id").GetString() == delivery)),
            show: a => a.Text);
        Assert.Contains("standing.set", timeline.Text, StringComparison.Ordinal);
        await exchange.PairedAsync(id);

        // Others see nothing of it, on either side.
        Assert.Equal(404, (await exchange.Who("zhuzhou", "officer", "police").GetAsync(Path(id))).Status);
        Assert.Equal(404, (await exchange.Who("changsha", "officer", "police").GetAsync($"/api/cities/changsha/approvals/{id}/standing")).Status);
        Assert.Equal(200, (await exchange.Who("zhuzhou", "authority").GetAsync(Path(id))).Status);
        Assert.Equal(200, (await exchange.Who("changsha", "authority").GetAsync($"/api/cities/changsha/approvals/{id}/standing")).Status);

        // While it is suspended nothing moves, and both sides know why.
        await OwnAsync(id, "sharing_head", "suspend", new { Reason = "核实用途（示例）", RepairBy = DateTime.UtcNow.AddDays(30).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) });
        await exchange.MirrorAsync(id, "suspended");
        tag = await LoadAsync(dataset, tag, "示例甲,14,\n示例戊,1,\n");
        await RunAsync(id);
        await Eventually.GetAsync(() => Officer.GetAsync(Path(id)), a => Reason(a) == "grant-suspended", show: a => a.Text);
        await OwnerAsync(id, v => v.GetProperty("receiver").TryGetProperty("reason", out var why) && why.GetString() == "grant-suspended");
        Assert.Equal(3, (await CopyAsync(copy)).Count);
        await OwnAsync(id, "sharing_head", "resume", null);
        await PulledAsync(id, 2, 2, whole: false);
        await SameAsync(id, copy);

        // Paused it stands still; a pause is nobody else's to make.
        await ActAsync(id, "pause");
        tag = await LoadAsync(dataset, tag, "示例甲,15,\n示例戊,1,\n");
        (await Officer.PostAsync($"{Path(id)}/run", etag: (await Officer.GetAsync(Path(id))).ETag)).Refuses(409, "standing-state");
        Assert.Equal(412, (await Officer.PostAsync($"{Path(id)}/resume", etag: "\"1\"")).Status);
        await ActAsync(id, "resume");
        await PulledAsync(id, 1, 0, whole: false);
        await SameAsync(id, copy);

        // Another scope: everything comes anew and takes the copy's place.
        await ChangeScopeAsync(id);
        await RunAsync(id);
        // It was set up for the purpose of before, and states that: somebody says that it goes on for the new one.
        var refused = await Eventually.GetAsync(() => Officer.GetAsync(Path(id)), a => Reason(a) == "refused", show: a => a.Text);
        Assert.Contains("使用目的", refused["reason"].GetProperty("said").GetString(), StringComparison.Ordinal);
        Assert.Equal(2, (await CopyAsync(copy)).Count);
        Assert.Equal("统计（示例）", (await Officer.PutAsync(Path(id), new { DailyAt = "23:59" }, refused.ETag)).Succeeded("for the new purpose")["purpose"].GetString());
        await PulledAsync(id, 1, 0, whole: true);
        await SameAsync(id, copy, "统计（示例）");
        Assert.Equal(["示例戊 1"], await CopyAsync(copy));

        // The grant ends, the copy stays until the data is disposed of, and goes then.
        var now = await Officer.GetAsync($"/api/cities/zhuzhou/requests/{id}");
        (await Officer.PostAsync($"/api/cities/zhuzhou/requests/{id}/withdraw", new { Reason = "办结（示例）" }, now.ETag)).Succeeded("withdraw");
        var over = await exchange.MirrorAsync(id, "ended");
        await Eventually.GetAsync(() => Officer.GetAsync(Path(id)), a => a["state"].GetString() == "ended" && Reason(a) == "grant-ended", show: a => a.Text);
        Assert.Single(await CopyAsync(copy));
        var disposed = (await Officer.PostAsync($"/api/cities/zhuzhou/requests/{id}/dispose", new { Method = over["grant"].TryGetProperty("disposal", out var how) ? how.GetString() : "delete", Note = "已删除（示例）" }, over.ETag)).Succeeded("dispose");
        // Whoever reads it to the end holds that up, and nothing else.
        await using (var report = await OpenAsync())
        await using (var reading = await report.BeginTransactionAsync())
        {
            await report.ExecuteAsync($"select 1 from {copy}");
            (await exchange.Who("zhuzhou", "sharing_head").PostAsync($"/api/cities/zhuzhou/requests/{id}/confirm-disposal", etag: disposed.ETag)).Succeeded("confirm");
            await exchange.MirrorAsync(id, "disposed");
            var (other, _) = await PublishedAsync("示例甲,1,\n");
            var also = await exchange.SubmitAsync(other);
            await exchange.GrantAsync(also);
            await exchange.MirrorAsync(also, "active");
            (await SetUpAsync(also, 60)).Succeeded("another one");
            await PulledAsync(also, 1, 0, whole: true);
            await ActAsync(also, "end");
            Assert.Equal("ended", (await Officer.GetAsync(Path(id)))["state"].GetString());
        }

        await Eventually.GetAsync(() => Officer.GetAsync(Path(id)), a => a["state"].GetString() == "disposed" && !a.Json.TryGetProperty("table", out _), show: a => a.Text);
        await using var zhuzhou = await OpenAsync();
        Assert.Null(await zhuzhou.ExecuteScalarAsync<string>("select to_regclass(@copy)::text", new { copy }));
        await OwnerAsync(id, v => v.GetProperty("receiver").GetProperty("state").GetString() == "disposed");
        await Eventually.GetAsync(
            () => Officer.GetAsync($"/api/audit/exchanges/{id}?limit=200"),
            a => new[] { "standing.set", "standing.paused", "standing.resumed", "standing.failing", "standing.ended", "standing.disposed" }.All(t => a.Text.Contains($"\"{t}\"", StringComparison.Ordinal)), show: a => a.Text);
    }

    [Fact]
    public async Task What_the_provider_refuses_is_shown_with_its_words_and_told_to_people_and_goes_on_when_it_is_put_right()
    {
        // Rows without a key: changes cannot be told.
        var published = await exchange.PublishAsync("changsha", "conditional");
        var dataset = published.GetProperty("dataset_id").GetGuid();
        var id = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        (await Officer.PostAsync(Path(id), new { DailyAt = "02:30" })).Succeeded("set up");

        var waiting = await Eventually.GetAsync(() => Officer.GetAsync(Path(id)), a => Reason(a) == "refused", show: a => a.Text);
        Assert.Contains("主键", waiting["reason"].GetProperty("said").GetString(), StringComparison.Ordinal);
        Assert.True(waiting.Json.TryGetProperty("behind_since", out _));
        await Eventually.GetAsync(() => Officer.GetAsync($"/api/cities/zhuzhou/notices?type=standing.failing&exchange={id}"), a => a.Status == 200 && a["items"].GetArrayLength() == 1, show: a => a.Text);
        await exchange.TimelineAsync(id, "standing.failing");

        await LoadAsync(dataset, (await exchange.Who("changsha", "officer").GetAsync($"/api/cities/changsha/datasets/{dataset}")).ETag!, "示例甲,12,\n");
        await RunAsync(id);
        var view = await PulledAsync(id, 1, 0, whole: true);
        Assert.False(view.Json.TryGetProperty("reason", out _));
        // Daily at half past two in Beijing.
        Assert.Equal((18, 30), (view["next_run_at"].GetDateTimeOffset().UtcDateTime.Hour, view["next_run_at"].GetDateTimeOffset().UtcDateTime.Minute));

        // A quota that is used up is waited for as long as the provider says, and is no fault.
        (await exchange.Who("changsha", "reviewer").PutAsync($"/api/cities/changsha/grants/{id}/quota", new { Calls = 1 })).Succeeded("a quota");
        await RunAsync(id);
        waiting = await Eventually.GetAsync(() => Officer.GetAsync(Path(id)), a => Reason(a) == "quota", show: a => a.Text);
        Assert.Equal(0, waiting["faults"].GetInt32());
        var resets = (await exchange.Who("changsha", "reviewer").GetAsync($"/api/cities/changsha/grants/{id}/quota"))["resets_at"].GetDateTimeOffset();
        Assert.InRange(waiting["next_run_at"].GetDateTimeOffset(), resets.AddSeconds(-2), resets.AddMinutes(1));
        (await exchange.Who("changsha", "reviewer").PutAsync($"/api/cities/changsha/grants/{id}/quota", new { Calls = 1000 })).Succeeded("a larger one");
        await RunAsync(id);
        await PulledAsync(id, 0, 0, whole: false);
        await ActAsync(id, "end");
        Assert.Equal("ended", (await Officer.GetAsync(Path(id)))["state"].GetString());
        (await SetUpAsync(id, 60)).Succeeded("set up again");
        await PulledAsync(id, 0, 0, whole: false);
        await ActAsync(id, "end");
    }

    private Participant Officer => exchange.Who("zhuzhou", "officer");

    private static string Path(string id) => $"/api/cities/zhuzhou/requests/{id}/standing";

    private static string? Reason(Answer view) => view.Status == 200 && view.Json.TryGetProperty("reason", out var reason) ? reason.GetProperty("code").GetString() : null;

    private static IEnumerable<string?> Rels(Answer view) => view["links"].EnumerateArray().Select(l => l.GetProperty("rel").GetString());

    private static IEnumerable<string> Faults(Answer answer) => answer.Refuses(422, "invalid-input")["errors"].EnumerateArray().Select(e => $"{e.GetProperty("field").GetString()} {e.GetProperty("rule").GetString()}").Order(StringComparer.Ordinal);

    private Task<Answer> SetUpAsync(string id, int minutes) => Officer.PostAsync(Path(id), new { EveryMinutes = minutes });

    private Task RunAsync(string id) => ActAsync(id, "run");

    private async Task ActAsync(string id, string act) => (await Officer.PostAsync($"{Path(id)}/{act}", etag: (await Officer.GetAsync(Path(id))).ETag)).Succeeded(act);

    private Task<Answer> PulledAsync(string id, int upserted, int deleted, bool whole) => Eventually.GetAsync(
        () => Officer.GetAsync(Path(id)),
        a => a.Status == 200 && a.Json.TryGetProperty("last_pull", out var pull) && !a.Json.TryGetProperty("running", out _)
            && (pull.GetProperty("upserted").GetInt64(), pull.GetProperty("deleted").GetInt64(), pull.GetProperty("whole").GetBoolean()) == (upserted, deleted, whole),
        show: a => a.Text);

    private Task<Answer> OwnerAsync(string id, Func<JsonElement, bool> enough) => Eventually.GetAsync(
        () => exchange.Who("changsha", "reviewer").GetAsync($"/api/cities/changsha/approvals/{id}/standing"), a => a.Status == 200 && a.Json.TryGetProperty("receiver", out _) && enough(a.Json), show: a => a.Text);

    private async Task OwnAsync(string id, string role, string act, object? body)
    {
        var (who, path) = (exchange.Who("changsha", role), $"/api/cities/changsha/approvals/{id}");
        (await who.PostAsync($"{path}/{act}", body, (await who.GetAsync(path)).ETag)).Succeeded(act);
    }

    /// <summary>Fewer rows and names as they are, by the asking side's request and two persons of the provider.</summary>
    private async Task ChangeScopeAsync(string id)
    {
        var path = $"/api/cities/zhuzhou/requests/{id}";
        var asked = (await Officer.PostAsync($"{path}/change", new { Scenario = "统计（示例）", Reason = "职责（示例）" }, (await Officer.GetAsync(path)).ETag)).Succeeded("ask for a change");
        (await exchange.Who("zhuzhou", "sharing_head").PostAsync($"{path}/change/sign-off", etag: asked.ETag)).Succeeded("sign the change");
        await Eventually.GetAsync(
            () => exchange.Who("changsha", "reviewer").GetAsync($"/api/cities/changsha/approvals/{id}"),
            a => a.Json.TryGetProperty("change", out var change) && change.ValueKind == JsonValueKind.Object && !change.TryGetProperty("outcome", out _), show: a => a.Text);
        await OwnAsync(id, "reviewer", "change/decide", new { Decision = "approve", Treatments = new Dictionary<string, string> { ["person"] = "plain" }, Rows = new { Area = new { Field = "person", Values = new[] { "示例戊" } } } });
        await OwnAsync(id, "sharing_head", "change/sign-off", null);
        await Eventually.GetAsync(() => Officer.GetAsync(path), a => a["grant"].TryGetProperty("rows", out _), show: a => a.Text);
    }

    private async Task<(Guid Dataset, string Tag)> PublishedAsync(string rows)
    {
        var published = await exchange.PublishAsync("changsha", "conditional", rowsToo: false);
        var dataset = published.GetProperty("dataset_id").GetGuid();
        var tag = (await exchange.Who("changsha", "officer").GetAsync($"/api/cities/changsha/datasets/{dataset}")).ETag!;
        return (dataset, await LoadAsync(dataset, tag, rows, "?key=person"));
    }

    private async Task<string> LoadAsync(Guid dataset, string tag, string rows, string query = "?key=person")
    {
        using var csv = new StringContent("person,months,remark\n" + rows, Encoding.UTF8, "text/csv");
        return (await exchange.Who("changsha", "officer").PutAsync($"/api/cities/changsha/datasets/{dataset}/rows{query}", csv, tag)).Succeeded("load").ETag!;
    }

    /// <summary>The copy is what the grant gives now.</summary>
    private async Task SameAsync(string id, string copy, string purpose = ExchangeFixture.Scenario)
    {
        using var program = new Participant(exchange.Gateway, exchange.Who("zhuzhou", "integrator").Account) { Purpose = PurposeCode.Of(purpose) };
        var csv = (await program.GetAsync($"/api/cities/changsha/grants/{id}/data?format=csv")).Succeeded("data").Text;
        Assert.Equal(csv.Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(l => l.Replace(',', ' ')).Order(StringComparer.Ordinal), (await CopyAsync(copy)).Order(StringComparer.Ordinal));
    }

    private async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection(exchange.Stack.Databases.ConnectionString("zhuzhou", "reader"));
        await connection.OpenAsync();
        return connection;
    }

    private async Task<List<string>> CopyAsync(string copy)
    {
        await using var connection = await OpenAsync();
        return [.. await connection.QueryAsync<string>($"select c1 || ' ' || c2 from {copy}")];
    }
}

internal static class AnswerRefusals
{
    /// <summary>A refusal by this rule.</summary>
    public static Answer Refuses(this Answer answer, int status, string rule)
    {
        Assert.Equal((status, rule), (answer.Status, answer.Json.TryGetProperty("rule", out var named) ? named.GetString() : answer.Text));
        return answer;
    }
}
