using System.Text.Json.Nodes;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Tests.Federation;

/// <summary>The page of an entry and its history at the gateway, in front of cities that the tests play.</summary>
[Collection(GatewayStack.CollectionName)]
[Trait("needs", "server")]
public sealed class EntryPageTests(GatewayStack gateway)
{
    [Fact]
    public async Task An_entry_shows_its_figures_and_a_changed_figure_changes_the_tag()
    {
        var entry = await PublishedAsync(gateway.Changsha, "数字样例条目");
        var path = Path(entry);
        var quiet = await Eventually.GetAsync(() => gateway.ReadAsync(path), page => page["figures"] is not null, show: Show);
        Assert.Equal((0, 0, 0, 0L), Figures(quiet));
        Assert.Equal(("daily", "unknown"), (quiet["freshness"]!["cycle"]!.GetValue<string>(), quiet["freshness"]!["state"]!.GetValue<string>()));
        var tag = await TagAsync(path);
        Assert.Equal(304, await StatusAsync(path, null, ("If-None-Match", $"\"other\", {tag}")));

        gateway.Changsha.Count(entry.DatasetId, 1, 2, 3, 40, DateTimeOffset.UtcNow.AddDays(-3));
        var counted = await Eventually.GetAsync(() => gateway.ReadAsync(path), page => Figures(page) != (0, 0, 0, 0L), show: Show);

        Assert.Equal((1, 2, 3, 40L), Figures(counted));
        Assert.Equal(("overdue", 2), (counted["freshness"]!["state"]!.GetValue<string>(), counted["freshness"]!["overdue_days"]!.GetValue<int>()));
        Assert.Equal(200, await StatusAsync(path, null, ("If-None-Match", tag)));
        var countedTag = await TagAsync(path);
        gateway.Changsha.Count(entry.DatasetId, 1, 2, 3, 41, counted["figures"]!["data_updated_at"]!.GetValue<DateTimeOffset>());
        await Eventually.GetAsync(() => gateway.ReadAsync(path), page => Figures(page).Deliveries == 41, show: Show);
        Assert.NotEqual(countedTag, await TagAsync(path));
        Assert.Equal("changsha", counted["city_state"]!["city"]!.GetValue<string>());
        Assert.NotNull(counted["city_state"]!["as_of"]);
        var links = counted["links"]!.AsArray().Select(link => (link!["rel"]!.GetValue<string>(), new Uri(link["href"]!.GetValue<string>()).PathAndQuery)).ToList();
        Assert.Equal([("self", path), ("history", path + "/history"), ("quality", path + "/quality"), ("city", $"/api/cities/changsha/datasets/{entry.DatasetId}"), ("dcat", $"/datasets/{entry.DatasetId}"), ("dcat", $"/datasets/{entry.DatasetId}.jsonld"), ("dcat", $"/datasets/{entry.DatasetId}.ttl")], links);
        var asking = await gateway.ReadAsync(path, await gateway.TokenAsync("zhuzhou-police-officer"));
        Assert.Contains(asking["links"]!.AsArray(), link => link!["rel"]!.GetValue<string>() == "request" && link["href"]!.GetValue<string>().EndsWith("/api/cities/zhuzhou/requests", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Who_looks_for_open_corrections_finds_them_until_they_are_answered()
    {
        var (one, other) = (await PublishedAsync(gateway.Changsha, "校核分面样例甲"), await PublishedAsync(gateway.Changsha, "校核分面样例乙"));
        gateway.Changsha.Count(one.DatasetId, openCorrections: 2, grants: 1);
        gateway.Changsha.Count(other.DatasetId, grants: 1);

        var open = await Eventually.GetAsync(() => gateway.ReadAsync("/api/catalogue/datasets?q=校核分面样例&open_correction=true"), page => page["total"]!.GetValue<int>() == 1, show: Show);

        Assert.Equal(one.DatasetId, open["items"]![0]!["dataset_id"]!.GetValue<Guid>());
        Assert.Equal([("false", 1), ("true", 1)], open["facets"]!["open_correction"]!.AsArray().Select(count => (count!["value"]!.GetValue<string>(), count["count"]!.GetValue<int>())).Order());
        // The flag outlives a new version of the entry.
        await gateway.SendAsync("changsha", gateway.Changsha.Publish(one with { Version = 2, Name = "校核分面样例丙" }));
        await Eventually.GetAsync(() => gateway.ReadAsync("/api/catalogue/datasets?q=校核分面样例丙&open_correction=true"), page => page["total"]!.GetValue<int>() == 1, show: Show);
        gateway.Changsha.Count(one.DatasetId, openCorrections: 0, grants: 1);
        await Eventually.GetAsync(() => gateway.ReadAsync("/api/catalogue/datasets?q=校核分面样例&open_correction=false"), page => page["total"]!.GetValue<int>() == 2, show: Show);
    }

    [Fact]
    public async Task Figures_that_were_lost_or_altered_here_are_pulled_again()
    {
        var (lost, old) = (await PublishedAsync(gateway.Zhuzhou, "遗失数字条目"), await PublishedAsync(gateway.Zhuzhou, "陈旧数字条目"));
        gateway.Zhuzhou.Count(lost.DatasetId, deliveries: 7);
        gateway.Zhuzhou.Count(old.DatasetId, deliveries: 1);
        gateway.Zhuzhou.Count(old.DatasetId, deliveries: 8);
        await Eventually.GetAsync(() => gateway.ReadAsync(Path(old)), page => Figures(page).Deliveries == 8, show: Show);
        var before = await RowsAsync();

        await gateway.ScalarAsync<object>($"delete from dataset_figures where dataset_id = '{lost.DatasetId}'");
        await gateway.ScalarAsync<object>($"update dataset_figures set deliveries = 1, city_change = city_change - 1 where dataset_id = '{old.DatasetId}'");

        await Eventually.GetAsync(RowsAsync, after => after == before);
        Assert.Equal(7, Figures(await gateway.ReadAsync(Path(lost))).Deliveries);

        Task<string?> RowsAsync() => gateway.ScalarAsync<string>(
            $"select string_agg(dataset_id || '|' || deliveries || '|' || city_change, ' ' order by dataset_id) from dataset_figures where dataset_id in ('{lost.DatasetId}', '{old.DatasetId}')");
    }

    [Fact]
    public async Task Figures_come_together_of_datasets_that_were_loaded_and_of_such_that_were_not()
    {
        var (without, with) = (await PublishedAsync(gateway.Zhuzhou, "未装载数字条目"), await PublishedAsync(gateway.Zhuzhou, "已装载数字条目"));
        gateway.Zhuzhou.Silent = true;
        try
        {
            gateway.Zhuzhou.Count(without.DatasetId, deliveries: 5);
            gateway.Zhuzhou.Count(with.DatasetId, deliveries: 6, dataUpdatedAt: DateTimeOffset.UtcNow);
        }
        finally
        {
            gateway.Zhuzhou.Silent = false;
        }

        await Eventually.GetAsync(() => gateway.ReadAsync(Path(with)), page => page["figures"] is not null && Figures(page).Deliveries == 6, show: Show);
        Assert.Equal(5, Figures(await gateway.ReadAsync(Path(without))).Deliveries);
    }

    [Fact]
    public async Task Figures_of_a_restored_city_are_followed_back()
    {
        var entry = await PublishedAsync(gateway.Zhuzhou, "恢复后数字条目");
        gateway.Zhuzhou.Count(entry.DatasetId, openCorrections: 1, deliveries: 9);
        await Eventually.GetAsync(() => gateway.ReadAsync(Path(entry)), page => Figures(page).Deliveries == 9, show: Show);
        gateway.Zhuzhou.RestartFigures(entry.DatasetId);
        await Eventually.GetAsync(() => gateway.ReadAsync(Path(entry)), page => Figures(page) == (0, 0, 0, 0L), show: Show);
        await Eventually.GetAsync(() => gateway.ReadAsync("/api/catalogue/datasets?q=恢复后数字条目&open_correction=true"), page => page["total"]!.GetValue<int>() == 0, show: Show);
    }

    [Fact]
    public async Task Related_entries_are_only_those_that_the_caller_may_see()
    {
        var shown = Alone("关联样例甲", open: true);
        var hidden = Alone("关联样例乙", open: false) with { Code = "900/1" };
        var entry = Alone("关联样例丙", open: true) with { RelatedCodes = ["900/1"] };
        foreach (var each in (DatasetEntry[])[shown, hidden, entry])
        {
            await gateway.SendAsync("changsha", gateway.Changsha.Publish(each));
        }

        var token = await gateway.TokenAsync("zhuzhou-police-officer");
        var all = await Eventually.GetAsync(() => ReadAsync(Path(entry), token), page => page?["related"]!.AsArray().Count == 2);
        Assert.Equal(["关联样例乙", "关联样例甲"], all!["related"]!.AsArray().Select(near => near!["name"]!.GetValue<string>()));
        Assert.Equal(["named", "same_department", "same_theme"], all["related"]![0]!["why"]!.AsArray().Select(why => why!.GetValue<string>()).Take(3));
        var open = await gateway.ReadAsync(Path(entry));
        Assert.Equal(["关联样例甲"], open["related"]!.AsArray().Select(near => near!["name"]!.GetValue<string>()));
        Assert.NotEqual(await TagAsync(Path(entry)), await TagAsync(Path(entry), token));

        // Nothing in common with what other tests leave behind.
        static DatasetEntry Alone(string name, bool open) => GatewayStack.Entry("changsha", name, open: open) with
        {
            Theme = "Z9999",
            DepartmentCode = "11430100EXAMPL0998",
            Fields = [new DatasetField { Name = "alone", Title = "独有数据项", Type = "C", Length = 10, SharingType = SharingClass.Unconditional }],
        };
    }

    [Fact]
    public async Task A_history_is_told_by_the_city_once_per_version_and_kept_while_it_is_silent()
    {
        var first = await PublishedAsync(gateway.Zhuzhou, "历史样例一");
        var unread = await PublishedAsync(gateway.Zhuzhou, "无人读过历史的样例");
        var path = Path(first) + "/history";
        Assert.Empty((await gateway.ReadAsync(path))["changes"]![0]!["differences"]!.AsArray());
        await NextAsync(first with { Version = 2, Name = "历史样例二" });

        var two = await Eventually.GetAsync(() => gateway.ReadAsync(path), page => page["changes"]!.AsArray().Count == 2, show: Show);

        Assert.Equal([2, 1], two["changes"]!.AsArray().Select(change => change!["version"]!.GetValue<int>()));
        var difference = Assert.Single(two["changes"]![0]!["differences"]!.AsArray())!;
        Assert.Equal(("name", "changed", "历史样例一", "历史样例二"), (difference["field"]!.GetValue<string>(), difference["kind"]!.GetValue<string>(), difference["from"]!.GetValue<string>(), difference["to"]!.GetValue<string>()));
        Assert.False(two["stale"]!.GetValue<bool>());
        var tag = await TagAsync(path);
        Assert.Equal(304, await StatusAsync(path, null, ("If-None-Match", tag)));
        Assert.Equal(2, gateway.Zhuzhou.VersionsTold[first.DatasetId]);

        gateway.Zhuzhou.Silent = true;
        try
        {
            await NextAsync(first with { Version = 3, Name = "历史样例三" });
            await Eventually.GetAsync(() => gateway.ReadAsync(Path(first)), page => page["version"]!.GetValue<int>() == 3, show: Show);
            var stale = await gateway.ReadAsync(path);
            Assert.Equal((true, 2, 2), (stale["stale"]!.GetValue<bool>(), stale["version"]!.GetValue<int>(), stale["changes"]!.AsArray().Count));
            Assert.NotEqual(tag, await TagAsync(path));
            using var nothing = await gateway.GetAsync(Path(unread) + "/history");
            var problem = JsonNode.Parse(await nothing.Content.ReadAsStringAsync())!;
            Assert.Equal((503, "city-silent"), ((int)nothing.StatusCode, problem["rule"]!.GetValue<string>()));
            Assert.NotNull(nothing.Headers.RetryAfter);
            Assert.Contains("zhuzhou", problem["detail"]!.GetValue<string>(), StringComparison.Ordinal);
        }
        finally
        {
            gateway.Zhuzhou.Silent = false;
        }

        var again = await Eventually.GetAsync(() => gateway.ReadAsync(path), page => !page["stale"]!.GetValue<bool>(), show: Show);
        Assert.Equal(3, again["changes"]!.AsArray().Count);

        async Task NextAsync(DatasetEntry entry) => await gateway.SendAsync("zhuzhou", gateway.Zhuzhou.Publish(entry));
    }

    [Fact]
    public async Task Without_a_token_versions_that_were_not_open_never_were()
    {
        var closed = GatewayStack.Entry("changsha", "曾不开放的样例");
        var open = closed with { Version = 2, OpenToSociety = true, Abstract = "已开放" };
        var newest = open with { Version = 3, Abstract = "又一版" };
        gateway.Changsha.Publish(closed);
        gateway.Changsha.Publish(open);
        await gateway.SendAsync("changsha", gateway.Changsha.Publish(newest));
        var path = Path(closed) + "/history";
        var stranger = await Eventually.GetAsync(() => ReadAsync(path), page => page is not null);
        Assert.Equal([3, 2], stranger!["changes"]!.AsArray().Select(change => change!["version"]!.GetValue<int>()));
        Assert.DoesNotContain("示例摘要", stranger.ToJsonString(Json.Options), StringComparison.Ordinal);
        Assert.Empty(stranger["changes"]![1]!["differences"]!.AsArray());
        var known = await gateway.ReadAsync(path, await gateway.TokenAsync("zhuzhou-police-officer"));
        Assert.Equal([3, 2, 1], known["changes"]!.AsArray().Select(change => change!["version"]!.GetValue<int>()));
    }

    [Fact]
    public async Task Of_a_withdrawn_entry_callers_with_a_token_read_how_it_ended_and_others_find_nothing()
    {
        var entry = await PublishedAsync(gateway.Changsha, "撤销历史样例");
        var path = Path(entry) + "/history";
        await gateway.ReadAsync(path);
        await gateway.SendAsync("changsha", gateway.Changsha.Withdraw(entry));
        await Eventually.GetAsync(() => StatusAsync(Path(entry)), status => status == 404);
        var told = await gateway.ReadAsync(path, await gateway.TokenAsync("zhuzhou-police-officer"));
        Assert.Equal([("withdrawn", "示例"), ("published", null)], told["changes"]!.AsArray().Select(change => (change!["event"]!.GetValue<string>(), change["reason"]?.GetValue<string>())));
        Assert.Equal(404, await StatusAsync(path));
        Assert.Equal(404, await StatusAsync($"/api/catalogue/datasets/{Guid.NewGuid()}/history", await gateway.TokenAsync("zhuzhou-police-officer")));
    }

    [Fact]
    public async Task A_long_history_goes_on_with_the_cursor()
    {
        var entry = GatewayStack.Entry("changsha", "第1版", open: true);
        for (var version = 1; version <= 22; version++)
        {
            await gateway.SendAsync("changsha", gateway.Changsha.Publish(entry with { Version = version, Name = $"第{version}版" }));
        }

        await Eventually.GetAsync(() => ReadAsync(Path(entry)), page => page?["version"]!.GetValue<int>() == 22);
        var path = Path(entry) + "/history";
        var page = await gateway.ReadAsync(path);
        var rest = await gateway.ReadAsync($"{path}?cursor={page["next"]}");
        var versions = page["changes"]!.AsArray().Concat(rest["changes"]!.AsArray()).ToList();
        Assert.Equal(Enumerable.Range(1, 22).Reverse(), versions.Select(change => change!["version"]!.GetValue<int>()));
        Assert.All(versions.SkipLast(1), change => Assert.Single(change!["differences"]!.AsArray()));
        Assert.Null(rest["next"]);
        Assert.Equal(400, await StatusAsync($"/api/catalogue/datasets/{Guid.NewGuid()}/history?cursor={page["next"]}"));
        Assert.Equal(400, await StatusAsync($"{path}?cursor=abc"));
    }

    [Fact]
    public async Task The_description_shows_what_stands_beside_the_entry()
    {
        var document = await Eventually.GetAsync(() => ReadAsync("/openapi/v1.json"), seen => seen?["paths"]?["/api/catalogue/datasets/{id}/history"] is not null);
        var parts = document!["paths"]!["/api/catalogue/datasets/{id}"]!["get"]!["responses"]!["200"]!["content"]!["application/json"]!["schema"]!["allOf"]!.AsArray();
        Assert.Equal(2, parts.Count);
        Assert.Contains("DatasetEntry", parts[0]!.ToJsonString(), StringComparison.Ordinal);
    }

    private async Task<DatasetEntry> PublishedAsync(FakeCity city, string name)
    {
        var entry = GatewayStack.Entry(city.Name, name, open: true);
        await gateway.SendAsync(city.Name, city.Publish(entry));
        await Eventually.GetAsync(() => StatusAsync(Path(entry)), status => status == 200);
        return entry;
    }

    private async Task<int> StatusAsync(string path, string? token = null, params (string Name, string Value)[] headers)
    {
        using var answer = await gateway.GetAsync(path, token, headers);
        return (int)answer.StatusCode;
    }

    private async Task<string> TagAsync(string path, string? token = null)
    {
        using var answer = await gateway.GetAsync(path, token);
        return answer.Headers.ETag!.ToString();
    }

    private async Task<JsonNode?> ReadAsync(string path, string? token = null)
    {
        using var answer = await gateway.GetAsync(path, token);
        return answer.IsSuccessStatusCode ? JsonNode.Parse(await answer.Content.ReadAsStringAsync()) : null;
    }

    private static (int Open, int Running, int Grants, long Deliveries) Figures(JsonNode page) => (
        page["figures"]!["open_corrections"]!.GetValue<int>(), page["figures"]!["running_grants"]!.GetValue<int>(), page["figures"]!["grants"]!.GetValue<int>(), page["figures"]!["deliveries"]!.GetValue<long>());

    private static string Path(DatasetEntry entry) => $"/api/catalogue/datasets/{entry.DatasetId}";

    private static string Show(JsonNode page) => page.ToJsonString(Json.Options);
}
