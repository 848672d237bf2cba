using System.Text.Json.Nodes;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Tests.Federation;

[Collection(GatewayStack.CollectionName)]
[Trait("needs", "server")]
public sealed class ReadModelTests(GatewayStack gateway)
{
    [Fact]
    public async Task A_publication_is_found_by_search_and_by_id()
    {
        var entry = GatewayStack.Entry("changsha", "公交站点全集", open: true);
        await PublishAsync(gateway.Changsha, entry);
        var found = await Eventually.GetAsync(() => gateway.ReadAsync("/api/catalogue/datasets?q=公交站点全集"), page => page["total"]!.GetValue<int>() == 1 && page["match"]!.GetValue<string>() == "all");
        Assert.Equal("公交站点全集", found["items"]![0]!["name"]!.GetValue<string>());
        Assert.Equal(1, found["facets"]!["city"]!.AsArray().Single(c => c!["value"]!.GetValue<string>() == "changsha")!["count"]!.GetValue<int>());
        Assert.Equal(3, found["cities"]!.AsArray().Count(line => line!["harvested"] is null));
        var one = await gateway.ReadAsync($"/api/catalogue/datasets/{entry.DatasetId}");
        foreach (var (name, value) in found["items"]![0]!.AsObject())
        {
            Assert.True(JsonNode.DeepEquals(value, one[name]), name);
        }
    }

    [Fact]
    public async Task Without_a_token_only_open_entries_are_there()
    {
        var entry = GatewayStack.Entry("changsha", "内部台账唯一");
        await PublishAsync(gateway.Changsha, entry);
        var token = await gateway.TokenAsync("zhuzhou-police-officer");
        await Eventually.GetAsync(() => gateway.ReadAsync("/api/catalogue/datasets?q=内部台账唯一", token), page => page["total"]!.GetValue<int>() == 1);
        Assert.Equal(0, (await gateway.ReadAsync("/api/catalogue/datasets?q=内部台账唯一"))["total"]!.GetValue<int>());
        using var one = await gateway.GetAsync($"/api/catalogue/datasets/{entry.DatasetId}");
        Assert.Equal(404, (int)one.StatusCode);
        using var mine = await gateway.GetAsync($"/api/catalogue/datasets/{entry.DatasetId}", token);
        Assert.Equal(200, (int)mine.StatusCode);
    }

    [Fact]
    public async Task Late_repeated_and_reversed_messages_leave_the_newest_version()
    {
        var first = GatewayStack.Entry("changsha", "河道水位甲", open: true);
        var second = first with { Version = 2, Name = "河道水位乙" };
        var third = first with { Version = 3, Name = "河道水位丙" };
        DatasetPublished[] messages = [gateway.Changsha.Publish(first), gateway.Changsha.Publish(second), gateway.Changsha.Publish(third)];
        var id = Guid.CreateVersion7();
        await gateway.SendAsync("changsha", messages[2], id);
        await gateway.SendAsync("changsha", messages[2], id);
        await gateway.SendAsync("changsha", messages[1]);
        await gateway.SendAsync("changsha", messages[0]);
        await Eventually.GetAsync(() => gateway.ReadAsync($"/api/catalogue/datasets?q=河道水位丙"), page => page["total"]!.GetValue<int>() == 1);
        Assert.Equal(1, (await gateway.ReadAsync("/api/catalogue/datasets?q=河道水位"))["total"]!.GetValue<int>());

        var withdrawn = gateway.Changsha.Withdraw(third);
        await gateway.SendAsync("changsha", withdrawn);
        await gateway.SendAsync("changsha", messages[2]);
        await Eventually.GetAsync(() => gateway.ReadAsync($"/api/catalogue/datasets?q=河道水位"), page => page["total"]!.GetValue<int>() == 0);
        Assert.True(await gateway.ScalarAsync<bool>($"select tombstone from datasets where dataset_id = '{first.DatasetId}'"));
    }

    [Fact]
    public async Task A_message_that_never_came_is_pulled()
    {
        var entry = GatewayStack.Entry("changsha", "遗失消息样例", open: true);
        gateway.Changsha.Publish(entry);
        await Eventually.GetAsync(() => gateway.ReadAsync("/api/catalogue/datasets?q=遗失消息样例"), page => page["total"]!.GetValue<int>() == 1);
    }

    [Theory]
    [InlineData("delete from datasets where dataset_id = '{0}'")]
    [InlineData("update datasets set version = version - 1, row_hash = row_hash # 1 where dataset_id = '{0}'")]
    [InlineData("update datasets set tombstone = true, row_hash = row_hash # 1 where dataset_id = '{0}'")]
    [InlineData("insert into datasets (dataset_id, city, version, tombstone, entry, row_hash, city_epoch, city_change, change) select gen_random_uuid(), city, 1, true, null, 7, city_epoch, 1, (select max(change) + 1 from datasets) from datasets where dataset_id = '{0}'")]
    public async Task A_row_that_somebody_changed_heals_without_reading_the_whole_city(string damage)
    {
        var entry = GatewayStack.Entry("zhuzhou", $"单行受损{Guid.NewGuid():N}", open: true) with { Version = 3 };
        await PublishAsync(gateway.Zhuzhou, entry);
        await Eventually.GetAsync(() => gateway.ReadAsync($"/api/catalogue/datasets?q={entry.Name}"), page => page["total"]!.GetValue<int>() == 1);
        await LiveAsync("zhuzhou");
        const string State = "select string_agg(dataset_id || '|' || version || '|' || tombstone || '|' || row_hash || '|' || coalesce(entry, ''), E'\n' order by dataset_id) from datasets where city = 'zhuzhou' and row_hash is not null";
        var before = await gateway.ScalarAsync<string>(State);
        var read = gateway.Zhuzhou.WholeReads;
        await gateway.ScalarAsync<object>(string.Format(System.Globalization.CultureInfo.InvariantCulture, damage, entry.DatasetId));
        await Eventually.GetAsync(() => gateway.ScalarAsync<string>(State), after => after == before);
        Assert.Equal(read, gateway.Zhuzhou.WholeReads);
    }

    [Fact]
    public async Task What_was_damaged_here_is_pulled_anew_and_is_as_before()
    {
        var entry = GatewayStack.Entry("zhuzhou", "被损坏的条目", open: true);
        await PublishAsync(gateway.Zhuzhou, entry);
        var token = await gateway.TokenAsync("zhuzhou-police-officer");
        await Eventually.GetAsync(() => gateway.ReadAsync("/api/catalogue/datasets?q=被损坏的条目", token), page => page["total"]!.GetValue<int>() == 1);
        await LiveAsync("zhuzhou");
        var before = await gateway.ScalarAsync<string>("select string_agg(dataset_id || '|' || version || '|' || coalesce(entry, ''), E'\\n' order by dataset_id) from datasets where city = 'zhuzhou' and row_hash is not null");
        await gateway.ScalarAsync<object>("delete from datasets where city = 'zhuzhou'");
        await Eventually.GetAsync(
            () => gateway.ScalarAsync<string>("select string_agg(dataset_id || '|' || version || '|' || coalesce(entry, ''), E'\\n' order by dataset_id) from datasets where city = 'zhuzhou' and row_hash is not null"),
            after => after == before);
    }

    [Fact]
    public async Task A_city_that_was_restored_from_an_older_state_is_followed_back()
    {
        var kept = GatewayStack.Entry("zhuzhou", "备份里有的条目", open: true);
        var lost = GatewayStack.Entry("zhuzhou", "备份里没有的条目", open: true);
        await PublishAsync(gateway.Zhuzhou, kept);
        await PublishAsync(gateway.Zhuzhou, lost);
        await Eventually.GetAsync(() => gateway.ReadAsync("/api/catalogue/datasets?q=备份里"), page => page["total"]!.GetValue<int>() == 2);
        gateway.Zhuzhou.Restart(lost.DatasetId);
        var page = await Eventually.GetAsync(() => gateway.ReadAsync("/api/catalogue/datasets?q=备份里"), page => page["total"]!.GetValue<int>() == 1);
        Assert.Equal("备份里有的条目", page["items"]![0]!["name"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_city_falls_silent_and_its_entries_stay()
    {
        await PublishAsync(gateway.Zhuzhou, GatewayStack.Entry("zhuzhou", "沉默城市的条目", open: true));
        await Eventually.GetAsync(() => gateway.ReadAsync("/api/catalogue/datasets?q=沉默城市的条目"), page => page["total"]!.GetValue<int>() == 1);
        await LiveAsync("zhuzhou");
        gateway.Zhuzhou.Silent = true;
        try
        {
            await Eventually.GetAsync(StateOfZhuzhou, state => state is "lagging" or "silent");
            await Eventually.GetAsync(StateOfZhuzhou, state => state == "silent");
            Assert.Equal(1, (await gateway.ReadAsync("/api/catalogue/datasets?q=沉默城市的条目"))["total"]!.GetValue<int>());
        }
        finally
        {
            gateway.Zhuzhou.Silent = false;
        }

        await LiveAsync("zhuzhou");

        async Task<string> StateOfZhuzhou() => Freshness(await gateway.ReadAsync("/api/catalogue/datasets?limit=1"), "zhuzhou");
    }

    [Fact]
    public async Task A_city_that_was_never_heard_is_silent() =>
        Assert.Equal("silent", Freshness(await gateway.ReadAsync("/api/catalogue/datasets?limit=1"), "xiangtan"));

    [Fact]
    public async Task A_city_cannot_speak_for_another()
    {
        var before = await gateway.ScalarAsync<long>("select change from catalogue");
        var entry = GatewayStack.Entry("zhuzhou", "冒名条目", open: true);
        await gateway.SendAsync("changsha", new DatasetPublished { City = "zhuzhou", Epoch = gateway.Zhuzhou.Epoch, Change = 1, Entry = entry });
        await PublishAsync(gateway.Changsha, GatewayStack.Entry("changsha", "冒名之后的条目", open: true));
        await Eventually.GetAsync(() => gateway.ReadAsync("/api/catalogue/datasets?q=冒名"), page => page["total"]!.GetValue<int>() > 0);
        var page = await gateway.ReadAsync("/api/catalogue/datasets?q=冒名");
        Assert.Equal(["冒名之后的条目"], page["items"]!.AsArray().Select(item => item!["name"]!.GetValue<string>()));
        Assert.True(await gateway.ScalarAsync<long>("select change from catalogue") > before);
    }

    [Fact]
    public async Task The_change_feed_brings_each_change_once_and_says_where_to_go_on()
    {
        var token = await gateway.TokenAsync("changsha-police-client");
        var start = await gateway.ReadAsync("/api/catalogue/changes?limit=500", token);
        var cursor = start["next"]!.GetValue<string>();
        var entry = GatewayStack.Entry("changsha", "变更流条目");
        await PublishAsync(gateway.Changsha, entry);
        var changes = await Eventually.GetAsync(
            () => gateway.ReadAsync($"/api/catalogue/changes?after={cursor}", token),
            page => page["changes"]!.AsArray().Any(change => change!["dataset_id"]!.GetValue<Guid>() == entry.DatasetId));
        Assert.False(changes["more"]!.GetValue<bool>());
        var next = changes["next"]!.GetValue<string>();
        Assert.DoesNotContain(
            (await gateway.ReadAsync($"/api/catalogue/changes?after={next}", token))["changes"]!.AsArray(), change => change!["dataset_id"]!.GetValue<Guid>() == entry.DatasetId);

        using var rebuilt = await gateway.GetAsync($"/api/catalogue/changes?after={Exchange.Gateway.Federation.Cursor.Of(Guid.NewGuid(), 3)}", token);
        Assert.Equal(410, (int)rebuilt.StatusCode);
        using var wrong = await gateway.GetAsync("/api/catalogue/changes?after=nonsense", token);
        Assert.Equal(400, (int)wrong.StatusCode);
        using var stranger = await gateway.GetAsync("/api/catalogue/changes");
        Assert.Equal(401, (int)stranger.StatusCode);
    }

    [Fact]
    public async Task An_operator_has_the_catalogue_pulled_anew()
    {
        await PublishAsync(gateway.Changsha, GatewayStack.Entry("changsha", "重建前的条目", open: true));
        await Eventually.GetAsync(() => gateway.ReadAsync("/api/catalogue/datasets?q=重建前的条目"), page => page["total"]!.GetValue<int>() == 1);
        var token = await gateway.TokenAsync("exchange-operator");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/operations/catalogue/rebuild");
        request.Headers.Authorization = new("Bearer", token);
        using var answer = await gateway.Client.SendAsync(request);
        Assert.Equal(202, (int)answer.StatusCode);
        await Eventually.TrueAsync(() => gateway.ScalarAsync<bool>("select not rebuild_wanted and not rebuilding from city_feeds where city = 'changsha'"));
        Assert.Equal(1, (await gateway.ReadAsync("/api/catalogue/datasets?q=重建前的条目"))["total"]!.GetValue<int>());
    }

    [Theory]
    [InlineData("sort=price", "sort")]
    [InlineData("limit=0", "limit")]
    [InlineData("cursor=abc", "cursor")]
    public async Task A_wrong_parameter_is_named(string query, string field)
    {
        using var answer = await gateway.GetAsync($"/api/catalogue/datasets?{query}");
        Assert.Equal(422, (int)answer.StatusCode);
        var problem = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
        Assert.Equal(field, problem["errors"]![0]!["field"]!.GetValue<string>());
    }

    [Fact]
    public async Task Pages_go_on_with_the_cursor()
    {
        for (var i = 0; i < 5; i++)
        {
            await PublishAsync(gateway.Changsha, GatewayStack.Entry("changsha", $"分页样例{i}", open: true));
        }

        await Eventually.GetAsync(() => gateway.ReadAsync("/api/catalogue/datasets?q=分页样例"), page => page["total"]!.GetValue<int>() == 5);
        List<string> names = [];
        string? cursor = null;
        do
        {
            var page = await gateway.ReadAsync($"/api/catalogue/datasets?q=分页样例&sort=name&limit=2{(cursor is null ? "" : $"&cursor={cursor}")}");
            names.AddRange(page["items"]!.AsArray().Select(item => item!["name"]!.GetValue<string>()));
            cursor = page["next"]?.GetValue<string>();
        }
        while (cursor is not null);
        Assert.Equal(["分页样例0", "分页样例1", "分页样例2", "分页样例3", "分页样例4"], names);
    }

    private async Task PublishAsync(FakeCity city, DatasetEntry entry) => await gateway.SendAsync(city.Name, city.Publish(entry));

    private async Task LiveAsync(string city) =>
        await Eventually.GetAsync(async () => Freshness(await gateway.ReadAsync("/api/catalogue/datasets?limit=1"), city), state => state == "live");

    private static string Freshness(JsonNode page, string city) =>
        page["cities"]!.AsArray().Single(line => line!["city"]!.GetValue<string>() == city)!["state"]!.GetValue<string>();
}
