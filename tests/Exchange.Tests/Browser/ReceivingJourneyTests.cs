using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Dapper;
using Exchange.Local.Accounts;
using Exchange.Tests.DataServices;
using Exchange.Tests.Flow;
using Microsoft.AspNetCore.Http;
using Microsoft.Playwright;
using Npgsql;

namespace Exchange.Tests.Browser;

/// <summary>The labour department of Zhuzhou receives what it was granted, has it kept in step, and changes its mind: on the pages, with what the API knows of it beside.</summary>
[Collection(BrowserExchange.Name), Trait("needs", "server")]
public sealed partial class ReceivingJourneyTests(BrowserFixture exchange)
{
    private const string Officer = "zhuzhou-labour-officer";
    private const string Head = "zhuzhou-labour-sharing-head";

    private static readonly string[] AllFields = ["person", "months", "remark"];

    [Theory]
    [InlineData(true)]
    [InlineData(false, Traits = ["length", "long"])]
    public async Task Rows_are_saved_in_each_form_as_their_receipts_say(bool script)
    {
        var id = await ActiveAsync((await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid());
        await using var officer = await exchange.SignInAsync(Officer, script, english: true);
        await officer.GoAsync($"/requests/{id}/data");
        await officer.CheckAsync();
        var saved = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var form in (string[])["csv", "csv-safe", "json", "ndjson"])
        {
            await officer.Page.CheckAsync($"#format-{form}");
            var (name, content) = await officer.SavedAsync(() => officer.Page.GetByRole(AriaRole.Button, new() { Name = "Download the data" }).ClickAsync());
            Assert.Equal($"{id}.{form.Split('-')[0]}", name);
            saved[form] = content;
        }

        const string Rows = "person,months,remark\r\n示例甲,12,\r\n示例乙,240,\"=1+1,\"\"x\"\"\"\r\n示例丙,3,末\r\n";
        Assert.Equal(Rows, Encoding.UTF8.GetString(saved["csv"]));
        Assert.Equal(Rows.Replace("=1+1", "'=1+1", StringComparison.Ordinal), Encoding.UTF8.GetString(saved["csv-safe"]));
        var records = JsonNode.Parse("""[{"person":"示例甲","months":12,"remark":null},{"person":"示例乙","months":240,"remark":"=1+1,\"x\""},{"person":"示例丙","months":3,"remark":"末"}]""")!;
        Assert.True(JsonNode.DeepEquals(records, JsonNode.Parse(saved["json"])), Encoding.UTF8.GetString(saved["json"]));
        var lines = Encoding.UTF8.GetString(saved["ndjson"]).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(JsonNode.DeepEquals(records, new JsonArray([.. lines.Select(line => JsonNode.Parse(line))])), Encoding.UTF8.GetString(saved["ndjson"]));

        var receipts = await ReceiptsAsync(id);
        Assert.Equal(saved.Count, receipts.Count);
        await officer.GoAsync($"/requests/{id}/deliveries");
        await officer.CheckAsync();
        var page = await officer.TextAsync();
        foreach (var (form, content) in saved)
        {
            var receipt = receipts.Single(one => one.GetProperty("sha256").GetString() == Sha(content));
            Assert.Equal((form.Split('-')[0], "complete", content.Length, 3), (receipt.GetProperty("form").GetString(), receipt.GetProperty("outcome").GetString(), receipt.GetProperty("bytes").GetInt32(), receipt.GetProperty("rows").GetInt32()));
            Assert.Contains(Sha(content), page, StringComparison.Ordinal);
        }
    }

    [Fact, Trait("length", "long")]
    public async Task Each_version_of_a_file_is_saved_as_it_was_handed_in()
    {
        const string Name = "参保月报 2026 (终稿).csv";
        var (dataset, etag) = await exchange.PublishFileEntryAsync("changsha", "spreadsheet/csv");
        var id = await exchange.SubmitAsync(dataset, fields: AllFields);
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "approved");
        await using var officer = await exchange.SignInAsync(Officer);
        await officer.GoAsync($"/requests/{id}/data");
        Assert.Contains("不能接收数据", await officer.TextAsync(), StringComparison.Ordinal);
        await officer.CheckAsync();

        byte[][] versions = [Encoding.UTF8.GetBytes("姓名,缴费月数\n示例甲,12\n"), Encoding.UTF8.GetBytes("姓名,缴费月数\n示例甲,13\n示例乙,240\n")];
        foreach (var content in versions)
        {
            etag = (await exchange.HandInAsync("changsha", dataset, Name, new ByteArrayContent(content), etag)).Succeeded("hand in").ETag!;
        }

        await exchange.MirrorAsync(id, "active");
        await officer.GoAsync($"/requests/{id}/data");
        await officer.CheckAsync();
        var offered = officer.Page.Locator(".results > li");
        Assert.Equal(versions.Length, await offered.CountAsync());
        foreach (var (content, at) in versions.Reverse().Select((content, at) => (content, at)))
        {
            Assert.Contains(Sha(content), await offered.Nth(at).InnerTextAsync(), StringComparison.Ordinal);
            var (name, got) = await officer.SavedAsync(() => offered.Nth(at).GetByRole(AriaRole.Button).ClickAsync());
            Assert.Equal(Name, name);
            Assert.Equal(content, got);
            var receipt = (await ReceiptsAsync(id)).Single(one => one.GetProperty("sha256").GetString() == Sha(content));
            Assert.Equal((Name, versions.Length - at, "complete"), (receipt.GetProperty("file").GetProperty("name").GetString(), receipt.GetProperty("file").GetProperty("version").GetInt32(), receipt.GetProperty("outcome").GetString()));
        }

        await officer.MoveAsync(() => offered.Nth(1).GetByRole(AriaRole.Link).ClickAsync());
        await officer.CheckAsync();
        Assert.Contains("示例甲", await officer.TextAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain("示例乙", await officer.TextAsync(), StringComparison.Ordinal);
        await officer.GoAsync($"/requests/{id}/deliveries");
        var deliveries = await officer.TextAsync();
        Assert.Contains(Name, deliveries, StringComparison.Ordinal);
        Assert.All(versions, content => Assert.Contains(Sha(content), deliveries, StringComparison.Ordinal));
        await officer.CheckAsync();
    }

    [Fact, Trait("length", "long")]
    public async Task A_service_is_called_as_the_page_says()
    {
        await using var bureau = new BureauService();
        await bureau.StartAsync();
        bureau.Answer = http => http.Response.WriteAsJsonAsync(new[] { new { person = "示例甲", months = 12, remark = "x" } });
        var provider = exchange.Who("changsha", "officer");
        var draft = (await provider.PostAsync("/api/cities/changsha/datasets", ExchangeFixture.Draft($"参保查询接口（示例）{Guid.NewGuid():N}", "conditional", provider.Account.Department!, null, "service"))).Succeeded("draft");
        var dataset = draft["dataset_id"].GetGuid();
        var published = await exchange.ReviewAsync("changsha", dataset, draft.ETag);
        (await provider.PutAsync($"/api/cities/changsha/datasets/{dataset}/service", bureau.Description("bureau-secret-7391"), published.ETag)).Succeeded("describe");
        var id = await ActiveAsync(dataset, new { Decision = "approve", Treatments = new { Person = "masked:name" } }, ["person", "months"]);

        await using var officer = await exchange.SignInAsync(Officer, english: true);
        await officer.GoAsync($"/requests/{id}");
        await officer.FollowAsync("Receive the data");
        await officer.CheckAsync();
        Assert.Equal(0, await officer.Page.Locator("#errors, [role=alert], main form").CountAsync());
        var curl = await officer.Page.InnerTextAsync(".copy pre");
        var address = Address().Match(curl).Groups["address"].Value;
        Assert.EndsWith("/service/PATH?PARAMETER=VALUE", address, StringComparison.Ordinal);
        using var system = new Participant(exchange.Gateway, exchange.Who("zhuzhou", "integrator").Account);
        var answer = await system.SendAsync(HttpMethod.Get, address.Replace("PATH?PARAMETER=VALUE", "v1/persons/42?page=1", StringComparison.Ordinal), null, request => request.Headers.Add("Purpose", Purpose().Match(curl).Groups["code"].Value), TestContext.Current.CancellationToken);
        Assert.Equal((200, """[{"person":"示*甲","months":12}]"""), (answer.Status, answer.Text));

        await officer.GoAsync($"/requests/{id}/deliveries");
        await officer.MoveAsync(() => officer.Page.Locator(".results > li", new() { HasText = Sha(answer.Bytes) }).Locator("h2 a").ClickAsync());
        Assert.Contains("Service call", await officer.TextAsync(), StringComparison.Ordinal);
        await officer.CheckAsync();
    }

    [Fact, Trait("length", "long")]
    public async Task The_rows_of_a_grant_are_told_in_words_and_no_others_are_shown_or_saved()
    {
        var dataset = await PeopleAsync("示例甲,12,,2026-03-01\n示例乙,240,,2026-03-31\n示例丙,3,末,2026-03-15\n示例丁,5,,2026-04-01\n", more: new JsonObject { ["name"] = "since", ["title"] = "参保日期", ["type"] = "D" });
        var id = await ActiveAsync(
            await exchange.KnownAsync(dataset),
            new { Decision = "approve", Rows = new { Area = new { Field = "person", Values = new[] { "示例甲", "示例乙", "示例丁" } }, Time = new { Field = "since", From = "2026-03-01", Until = "2026-03-31" } } });
        foreach (var (english, words, form) in new[]
        {
            (false, "“姓名”为 示例甲、示例乙、示例丁，且“参保日期”自 2026年3月1日 起至 2026年3月31日 止", "下载数据"),
            (true, "“姓名” is 示例甲 or 示例乙 or 示例丁, and “参保日期” from 1 Mar 2026 until 31 Mar 2026", "Download the data"),
        })
        {
            await using var officer = await exchange.SignInAsync(Officer, english: english);
            foreach (var page in new[] { $"/requests/{id}", $"/requests/{id}/data" })
            {
                await officer.GoAsync(page);
                Assert.Contains(words, await officer.TextAsync(), StringComparison.Ordinal);
                await officer.CheckAsync();
            }

            var (_, csv) = await officer.SavedAsync(() => officer.Page.GetByRole(AriaRole.Button, new() { Name = form }).ClickAsync());
            Assert.Equal("person,months,remark\r\n示例甲,12,\r\n示例乙,240,\r\n", Encoding.UTF8.GetString(csv));
            await officer.GoAsync($"/requests/{id}/data/preview");
            Assert.Equal(["示例甲", "示例乙"], await officer.Page.Locator("table").First.Locator("tbody td:first-child").AllInnerTextsAsync());
            await officer.CheckAsync();
        }
    }

    [Fact, Trait("length", "long")]
    public async Task A_copy_is_kept_in_step_paused_and_ended()
    {
        // Without a key changes cannot be told, and the provider says so.
        var dataset = await PeopleAsync("示例甲,12,\n示例乙,240,\n示例丙,3,末\n");
        var id = await ActiveAsync(await exchange.KnownAsync(dataset));
        var page = $"/requests/{id}/standing";
        await using var head = await exchange.SignInAsync(Head, english: true);
        await head.GoAsync(page);
        Assert.Equal(0, await head.Page.Locator("main form").CountAsync());
        await head.CheckAsync();
        // What is not there yet is no news each time anew.
        var live = await head.Page.GetAttributeAsync("main", "data-live");
        await head.GoAsync(page);
        Assert.Equal(live, await head.Page.GetAttributeAsync("main", "data-live"));

        await using var officer = await exchange.SignInAsync(Officer);
        await officer.GoAsync($"/requests/{id}");
        await officer.FollowAsync("定期交换");
        await officer.CheckAsync();
        await officer.Page.CheckAsync("#when-daily");
        await officer.Page.FillAsync("#daily_at", "");
        await officer.PressAsync("开始定期交换");
        Assert.StartsWith("错误：", await officer.Page.TitleAsync(), StringComparison.Ordinal);
        await officer.CheckAsync();
        await officer.Page.ClickAsync("#errors a");
        Assert.Contains("请填写时间", await officer.Page.InnerTextAsync("#daily_at-error"), StringComparison.Ordinal);
        Assert.Equal(("daily_at", "daily_at-error"), (await officer.Page.EvaluateAsync<string>("document.activeElement.id"), await officer.Page.GetAttributeAsync("#daily_at", "aria-describedby")));
        Assert.Equal(404, (await exchange.Who("zhuzhou", "officer").GetAsync($"/api/cities/zhuzhou{page}")).Status);
        await officer.Page.CheckAsync("#when-every");
        await officer.Page.FillAsync("#every_minutes", "");
        await officer.PressAsync("开始定期交换");
        Assert.Contains("请填写分钟数", await officer.Page.InnerTextAsync("#every_minutes-error"), StringComparison.Ordinal);
        Assert.Equal("#every_minutes", await officer.Page.GetAttributeAsync("#errors a", "href"));
        await officer.Page.FillAsync("#every_minutes", "60");
        await officer.PressAsync("开始定期交换");

        // The page follows by itself, as it does for whoever only looks.
        await officer.Page.GetByText("主键").WaitForAsync();
        await head.Page.GetByText("主键").WaitForAsync();
        await officer.CheckAsync();
        Assert.Equal(60, (await StandingAsync(view => view["state"].GetString() == "active"))["every_minutes"].GetInt32());
        await LoadAsync(dataset, "示例甲,12,\n示例乙,240,\n示例丙,3,末\n", key: true);
        await officer.PressAsync("立即执行一次");
        await officer.Page.GetByText("全部取回").WaitForAsync();
        Assert.Contains("更新 3 行，删除 0 行", await officer.TextAsync(), StringComparison.Ordinal);
        await officer.CheckAsync();
        var pulled = await StandingAsync(view => view.Json.TryGetProperty("last_pull", out _));
        Assert.Equal(pulled["table"].GetProperty("name").GetString(), await officer.Page.InnerTextAsync("dd code"));
        await officer.FollowAsync("回执");
        Assert.EndsWith($"/deliveries/{pulled["last_pull"].GetProperty("delivery_id").GetString()}", officer.Path, StringComparison.Ordinal);
        Assert.Contains("定期交换", await officer.TextAsync(), StringComparison.Ordinal);

        await LoadAsync(dataset, "示例甲,13,\n示例乙,240,\n", key: true);
        await officer.GoAsync(page);
        await officer.Page.CheckAsync("#when-daily");
        await officer.Page.FillAsync("#daily_at", "23:59");
        await officer.PressAsync("保存");
        Assert.Contains("每日 23:59（北京时间）", await officer.TextAsync(), StringComparison.Ordinal);
        var daily = await StandingAsync(view => view["state"].GetString() == "active");
        Assert.Equal(("23:59", false), (daily["daily_at"].GetString(), daily.Json.TryGetProperty("every_minutes", out _)));
        await officer.PressAsync("立即执行一次");
        await officer.Page.GetByText("取回变化").WaitForAsync();
        Assert.Contains("更新 1 行，删除 1 行", await officer.TextAsync(), StringComparison.Ordinal);

        await officer.PressAsync("暂停");
        Assert.Contains("已暂停", await officer.TextAsync(), StringComparison.Ordinal);
        Assert.Equal(["恢复", "停止"], await officer.Page.Locator("main form.actions button").AllInnerTextsAsync());
        await officer.CheckAsync();
        Assert.False((await StandingAsync(view => view["state"].GetString() == "paused")).Json.TryGetProperty("next_run_at", out _));
        await officer.PressAsync("恢复");
        Assert.Contains("进行中", await officer.TextAsync(), StringComparison.Ordinal);
        await StandingAsync(view => view["state"].GetString() == "active");

        // Somebody else was faster: the page shows what is now.
        (await exchange.Who("zhuzhou", "officer").PostAsync($"/api/cities/zhuzhou{page}/pause", etag: (await StandingAsync(_ => true)).ETag)).Succeeded("pause");
        await officer.Page.GetByText("已暂停").WaitForAsync();
        await officer.PressAsync("停止");
        Assert.Contains("已停止", await officer.TextAsync(), StringComparison.Ordinal);
        await officer.CheckAsync();
        await StandingAsync(view => view["state"].GetString() == "ended");
        await officer.PressAsync("开始定期交换");
        Assert.Contains("进行中", await officer.TextAsync(), StringComparison.Ordinal);
        await officer.PressAsync("停止");
        Assert.Equal("ended", (await StandingAsync(_ => true))["state"].GetString());

        Task<Answer> StandingAsync(Func<Answer, bool> until) =>
            Eventually.GetAsync(() => exchange.Who("zhuzhou", "officer").GetAsync($"/api/cities/zhuzhou{page}"), a => a.Status == 200 && until(a), show: a => a.Text);
    }

    [Fact, Trait("length", "long")]
    public async Task What_was_prepared_is_taken_back_and_written_anew()
    {
        var id = await exchange.SubmitAsync((await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid());
        var request = $"/requests/{id}";
        await exchange.OwnAsync(id, "reviewer", "extend", new { WorkingDays = 3, Reason = "涉及多个部门（示例）" });
        await exchange.OwnAsync(id, "authority", "answer-extension", new { Consent = true });
        await AskingAsync(a => a.Json.TryGetProperty("extension", out _));
        await using var officer = await exchange.SignInAsync(Officer, english: true);
        await using var head = await exchange.SignInAsync(Head, script: false);
        await officer.GoAsync(request);
        Assert.Contains("3 working days in total", await officer.TextAsync(), StringComparison.Ordinal);
        Assert.Contains("涉及多个部门（示例）", await officer.TextAsync(), StringComparison.Ordinal);
        await officer.CheckAsync();
        await exchange.GrantAsync(id);
        var until = DateOnly.Parse((await exchange.MirrorAsync(id, "active"))["grant"].GetProperty("valid_until").GetString()!, CultureInfo.InvariantCulture);
        await officer.GoAsync($"{request}/take-back", 409);

        // A change: by whoever wrote it, and by the head who does not sign it.
        await PrepareAsync("示例受托单位甲", until.AddDays(-30));
        await officer.FollowAsync("Take it back");
        Assert.Contains("示例受托单位甲", await officer.TextAsync(), StringComparison.Ordinal);
        await officer.CheckAsync();
        await officer.PressAsync("Take back");
        Assert.Contains("It is taken back.", await officer.TextAsync(), StringComparison.Ordinal);
        await NothingPreparedAsync("prepared_change");
        await officer.GoAsync($"{request}/take-back", 409);
        await PrepareAsync("示例受托单位乙", until.AddDays(-60));
        await head.GoAsync($"{request}/take-back");
        Assert.Contains("示例受托单位乙", await head.TextAsync(), StringComparison.Ordinal);
        await head.PressAsync("收回");
        Assert.Contains("已收回。", await head.TextAsync(), StringComparison.Ordinal);
        await NothingPreparedAsync("prepared_change");
        Assert.False((await exchange.OwningAsync(id, _ => true)).Json.TryGetProperty("change", out _));

        // A disposal: of personal data, so a second person would have to confirm it.
        await officer.GoAsync($"{request}/withdraw");
        await officer.Page.FillAsync("#reason", "目的已实现（示例）");
        await officer.PressAsync("Withdraw it");
        await exchange.MirrorAsync(id, "ended");
        await DisposeAsync("误记（示例）");
        await officer.FollowAsync("Take it back");
        Assert.Contains("误记（示例）", await officer.TextAsync(), StringComparison.Ordinal);
        await officer.CheckAsync();
        await officer.PressAsync("Take back");
        await NothingPreparedAsync("prepared_disposal");
        await DisposeAsync("库表与备份均已删除（示例）");
        await head.GoAsync($"{request}/confirm-disposal");
        Assert.DoesNotContain("误记（示例）", await head.TextAsync(), StringComparison.Ordinal);
        await head.PressAsync("确认已处置");
        Assert.Equal("库表与备份均已删除（示例）", (await exchange.MirrorAsync(id, "disposed"))["disposal"].GetProperty("note").GetString());
        await officer.GoAsync(request);
        Assert.DoesNotContain("误记（示例）", await officer.TextAsync(), StringComparison.Ordinal);

        async Task PrepareAsync(string third, DateOnly last)
        {
            await officer.GoAsync(request);
            await officer.FollowAsync("Ask for a change");
            await officer.Page.FillAsync("#reason", "《示例条例》第五条（示例）");
            await officer.Page.FillAsync("#third_party", third);
            await officer.Page.FillAsync("#use_until", last.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
            await officer.PressAsync("Prepare it for the head's signature");
            var prepared = (await AskingAsync(a => a.Json.TryGetProperty("prepared_change", out _)))["prepared_change"];
            Assert.Equal((third, last.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)), (prepared.GetProperty("third_party").GetString(), prepared.GetProperty("use_until").GetString()));
            Assert.False(prepared.TryGetProperty("fields", out _));
        }

        async Task DisposeAsync(string note)
        {
            await officer.GoAsync($"{request}/dispose");
            await officer.Page.FillAsync("#note", note);
            await officer.PressAsync("Record it");
            Assert.Equal(note, (await AskingAsync(_ => true))["prepared_disposal"].GetProperty("note").GetString());
        }

        async Task NothingPreparedAsync(string what)
        {
            var now = await AskingAsync(_ => true);
            Assert.False(now.Json.TryGetProperty("pending", out _) || now.Json.TryGetProperty(what, out _), now.Text);
        }

        Task<Answer> AskingAsync(Func<Answer, bool> until) =>
            Eventually.GetAsync(() => exchange.Who("zhuzhou", "officer").GetAsync($"/api/cities/zhuzhou{request}"), a => a.Status == 200 && until(a), show: a => a.Text);
    }

    [Fact]
    public async Task A_source_that_breaks_leaves_no_file_that_looks_whole()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var id = await ActiveAsync(dataset);
        await BreakAsync(dataset, rows: 40_000);
        await using var officer = await exchange.SignInAsync(Officer);
        await officer.GoAsync($"/requests/{id}/data");
        var download = await officer.Page.RunAndWaitForDownloadAsync(() => officer.Page.GetByRole(AriaRole.Button, new() { Name = "下载数据" }).ClickAsync());
        Assert.NotNull(await download.FailureAsync());
        await Assert.ThrowsAnyAsync<PlaywrightException>(() => download.PathAsync());
        await officer.GoAsync($"/requests/{id}/deliveries");
        var cut = officer.Page.Locator(".results > li");
        Assert.Equal(1, await cut.CountAsync());
        await Eventually.GetAsync(() => cut.Locator(".tag").AllInnerTextsAsync(), tags => tags.SequenceEqual(["失败"]));
        Assert.Contains("收到的部分不完整", await cut.InnerTextAsync(), StringComparison.Ordinal);
        await officer.CheckAsync();
        var receipt = Assert.Single(await ReceiptsAsync(id));
        Assert.Equal("failed", receipt.GetProperty("outcome").GetString());
        Assert.True(receipt.GetProperty("bytes").GetInt64() > 0);

        // One that gives nothing at all: there is no file, and the page says why.
        await BreakAsync(dataset, rows: 1);
        await officer.GoAsync($"/requests/{id}/data");
        await officer.PressAsync("下载数据");
        Assert.StartsWith("错误：", await officer.Page.TitleAsync(), StringComparison.Ordinal);
        Assert.True(await officer.Page.Locator("#errors li").IsVisibleAsync());
    }

    [Fact, Trait("length", "long")]
    public async Task A_long_list_of_requests_is_turned_page_by_page_within_its_filter()
    {
        var dataset = await exchange.KnownAsync((await exchange.PublishAsync("changsha", "conditional", rowsToo: false)).GetProperty("dataset_id").GetGuid());
        var civil = exchange.Who("zhuzhou", "officer", "civil");
        var first = (await civil.PostAsync("/api/cities/zhuzhou/requests", ExchangeFixture.RequestBody(dataset))).Succeeded("draft");
        (await civil.PostAsync($"/api/cities/zhuzhou/requests/{first["id"].GetString()}/withdraw", new { Reason = "重复（示例）" }, first.ETag)).Succeeded("withdraw");
        await Task.WhenAll(Enumerable.Range(0, 23).Select(async _ => (await civil.PostAsync("/api/cities/zhuzhou/requests", ExchangeFixture.RequestBody(dataset))).Succeeded("draft")));

        await using var officer = await exchange.SignInAsync("zhuzhou-civil-officer", english: true);
        var (newest, oldest) = await TurnAsync("/requests");
        Assert.Equal((20, 4), (newest.Count, oldest.Count));
        Assert.Equal($"/en/requests/{first["id"].GetString()}", oldest[^1]);
        Assert.Equal(24, newest.Concat(oldest).Distinct().Count());
        Assert.Contains("has no reference", await officer.Page.Locator(".results > li").Last.InnerTextAsync(), StringComparison.Ordinal);
        await officer.CheckAsync();
        await officer.FollowAsync("First page");
        Assert.Equal(newest, await LinksAsync());
        await officer.Page.GoBackAsync();
        Assert.Equal(oldest, await LinksAsync());

        foreach (var (filter, shown) in new[] { ("state=draft", ".chip"), ("group=ours", ".tabs [aria-current=page]") })
        {
            (newest, oldest) = await TurnAsync($"/requests?{filter}");
            Assert.Equal((20, 3), (newest.Count, oldest.Count));
            Assert.Contains(filter, officer.Path, StringComparison.Ordinal);
            Assert.Contains(filter == "state=draft" ? "Draft" : "For us to act", await officer.Page.InnerTextAsync(shown), StringComparison.Ordinal);
            await officer.FollowAsync("First page");
            Assert.Equal(newest, await LinksAsync());
        }

        await officer.GoAsync("/requests?group=ours&cursor=%27", 422);
        await officer.FollowAsync("First page");
        Assert.Equal(newest, await LinksAsync());

        async Task<(IReadOnlyList<string?> Newest, IReadOnlyList<string?> Oldest)> TurnAsync(string path)
        {
            await officer.GoAsync(path);
            var before = await LinksAsync();
            await officer.FollowAsync("Next page");
            Assert.Equal(0, await officer.Page.GetByRole(AriaRole.Link, new() { Name = "Next page" }).CountAsync());
            return (before, await LinksAsync());
        }

        async Task<IReadOnlyList<string?>> LinksAsync() => await officer.Page.Locator(".results h2 a").EvaluateAllAsync<string[]>("links => links.map(link => link.getAttribute('href'))");
    }

    private async Task<string> ActiveAsync(Guid dataset, object? decision = null, string[]? fields = null)
    {
        var id = await exchange.SubmitAsync(dataset, fields: fields ?? AllFields);
        await exchange.GrantAsync(id, decision);
        await exchange.MirrorAsync(id, "active");
        return id;
    }

    /// <summary>An entry with these rows, and with one more data item where one is named.</summary>
    private async Task<Guid> PeopleAsync(string rows, JsonObject? more = null)
    {
        var provider = exchange.Who("changsha", "officer");
        var text = JsonSerializer.SerializeToNode(ExchangeFixture.Draft($"参保核验（示例）{Guid.NewGuid():N}", "conditional", provider.Account.Department!, null), Exchange.Hosting.Json.Options)!;
        if (more is not null)
        {
            text["fields"]!.AsArray().Add(more);
        }

        var draft = (await provider.PostAsync("/api/cities/changsha/datasets", text)).Succeeded("draft");
        var dataset = draft["dataset_id"].GetGuid();
        await exchange.ReviewAsync("changsha", dataset, draft.ETag);
        await LoadAsync(dataset, rows, key: false, more?["name"]!.GetValue<string>());
        return dataset;
    }

    private async Task LoadAsync(Guid dataset, string rows, bool key, string? more = null)
    {
        var provider = exchange.Who("changsha", "officer");
        using var csv = new StringContent($"person,months,remark{(more is null ? "" : $",{more}")}\n{rows}", Encoding.UTF8, "text/csv");
        (await provider.PutAsync($"/api/cities/changsha/datasets/{dataset}/rows{(key ? "?key=person" : "")}", csv, (await provider.GetAsync($"/api/cities/changsha/datasets/{dataset}")).ETag)).Succeeded("load");
    }

    /// <summary>The entry's rows become so many, the last of which cannot be read while the ones before it can.</summary>
    private async Task BreakAsync(Guid dataset, int rows)
    {
        await using var admin = new NpgsqlConnection(exchange.Stack.Databases.AdminConnectionString("changsha"));
        var table = await admin.ExecuteScalarAsync<string>("select table_name from service.dataset_rows where dataset_id = @dataset", new { dataset });
        if (await admin.ExecuteScalarAsync<string>($"select to_regclass('data.{table}_kept')::text") is null)
        {
            await admin.ExecuteAsync($"""
                alter table data.{table} rename to {table}_kept;
                create view data.{table} as select c1, c2 / case when c2 = 0 then 0 else 1 end as c2, c3 from data.{table}_kept;
                grant select on data.{table} to changsha_reader;
                """);
        }

        await admin.ExecuteAsync($"truncate data.{table}_kept; insert into data.{table}_kept (c1, c2, c3) select '示例', @rows - n, repeat('示', 100) from generate_series(1, @rows) n", new { rows });
    }

    private async Task<IReadOnlyList<JsonElement>> ReceiptsAsync(string id) =>
        [.. (await exchange.Who("zhuzhou", "officer").GetAsync($"/api/cities/changsha/grants/{id}/deliveries")).Succeeded("receipts").Json.EnumerateArray()];

    private static string Sha(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    [GeneratedRegex("\"(?<address>http[^\"]+)\"")]
    private static partial Regex Address();

    [GeneratedRegex("Purpose: (?<code>[^\"]+)\"")]
    private static partial Regex Purpose();
}
