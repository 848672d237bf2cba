using System.Globalization;
using Exchange.Tests.Flow;
using Microsoft.Playwright;

namespace Exchange.Tests.Browser;

/// <summary>The data authority of Changsha at its desk.</summary>
[Collection(BrowserExchange.Name), Trait("needs", "server")]
public sealed class AuthorityJourneyTests(BrowserFixture exchange)
{
    [Theory]
    [InlineData(true, Traits = ["length", "long"])]
    [InlineData(false)]
    public async Task Consents_to_an_extension_that_a_department_asks_for(bool script)
    {
        var (id, reference, due) = await ExtensionAskedAsync();
        await using var visitor = await exchange.SignInAsync("changsha-authority", script);
        await visitor.GoAsync("/authority?clock=reply");
        await visitor.CheckAsync();
        Assert.Contains(reference, await visitor.Page.InnerTextAsync("#clock-table"), StringComparison.Ordinal);
        await visitor.FollowAsync("延期审批");
        await visitor.CheckAsync();
        await visitor.FollowAsync(reference);
        await visitor.CheckAsync();

        // To deny without a reason is a fault at its field, and nothing has happened.
        await visitor.Page.CheckAsync("#consent-no");
        await visitor.PressAsync("提交答复");
        Assert.StartsWith("错误：", await visitor.Page.TitleAsync(), StringComparison.Ordinal);
        Assert.Equal("#reason", await visitor.Page.Locator(".error-summary a").GetAttributeAsync("href"));
        Assert.True(await visitor.Page.IsCheckedAsync("#consent-no"));
        await visitor.CheckAsync();

        await visitor.Page.CheckAsync("#consent-yes");
        await visitor.PressAsync("提交答复");
        Assert.Contains("延期申请已答复", await visitor.TextAsync(), StringComparison.Ordinal);
        var now = (await exchange.Who("changsha", "reviewer").GetAsync($"/api/cities/changsha/approvals/{id}")).Succeeded("read");
        Assert.Equal(6, now["extension"].GetProperty("working_days").GetInt32());
        Assert.True(string.CompareOrdinal(now["reply_due"].GetProperty("on").GetString(), due) > 0);
        Assert.Equal(0, await visitor.Page.Locator("#act-extension").CountAsync());
        await visitor.GoAsync("/authority/consents");
        Assert.DoesNotContain(reference, await visitor.TextAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false, Traits = ["length", "long"])]
    public async Task Reviews_an_entry_publishes_it_and_gives_its_successor_back(bool script)
    {
        var officer = exchange.Who("changsha", "officer");
        var name = $"待审核目录（示例）{Guid.NewGuid():N}";
        var id = await InReviewAsync(name, null);
        await using var visitor = await exchange.SignInAsync("changsha-authority", script);
        await visitor.GoAsync("/authority/reviews");
        await visitor.CheckAsync();
        await visitor.FollowAsync(name);
        Assert.Contains("首次发布", await visitor.TextAsync(), StringComparison.Ordinal);
        Assert.Contains("缴费月数", await visitor.Page.InnerTextAsync("#fields"), StringComparison.Ordinal);
        Assert.Contains("不涉密", await visitor.TextAsync(), StringComparison.Ordinal);
        await visitor.CheckAsync();
        await visitor.PressAsync("审核通过并发布");
        Assert.Contains("目录已发布", await visitor.TextAsync(), StringComparison.Ordinal);
        Assert.Equal("published", (await officer.GetAsync($"/api/cities/changsha/datasets/{id}"))["state"].GetString());

        // Its next version says something else in one member and one data item less; both are marked, nothing else is.
        await InReviewAsync(name, id);
        await visitor.GoAsync($"/authority/reviews/{id}");
        Assert.Equal(["摘要 有变化"], (await visitor.Page.Locator("#members tr.changed th").AllInnerTextsAsync()).Select(text => text.Trim()));
        Assert.Equal(["备注"], await visitor.Page.Locator("#fields tr.changed th").AllInnerTextsAsync());
        await visitor.CheckAsync();
        await visitor.PressAsync("退回提供部门");
        Assert.Equal("#reason", await visitor.Page.Locator(".error-summary a").GetAttributeAsync("href"));
        await visitor.Page.FillAsync("#reason", "请说明删除备注的原因（示例）");
        await visitor.PressAsync("退回提供部门");
        Assert.Contains("已退回提供部门", await visitor.TextAsync(), StringComparison.Ordinal);
        var back = (await officer.GetAsync($"/api/cities/changsha/datasets/{id}")).Succeeded("read");
        Assert.Equal(("draft", "请说明删除备注的原因（示例）"), (back["state"].GetString(), back["working"].GetProperty("returned").GetProperty("reason").GetString()));
        await visitor.GoAsync($"/authority/reviews/{id}");
        Assert.Equal(0, await visitor.Page.Locator("button[value=publish]").CountAsync());
    }

    [Fact]
    public async Task Suspends_a_grant_and_writes_a_dispute_down()
    {
        var id = await exchange.SubmitAsync((await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid());
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        await using var visitor = await exchange.SignInAsync("changsha-authority");
        await visitor.GoAsync($"/authority/exchanges/{id}");
        await visitor.CheckAsync();
        await visitor.Page.FillAsync("#suspend-reason", "超范围使用（示例）");
        await visitor.PressAsync("暂停共享");
        Assert.Equal("#suspend-repair_by", await visitor.Page.Locator(".error-summary a").GetAttributeAsync("href"));
        Assert.Equal("超范围使用（示例）", await visitor.Page.InputValueAsync("#suspend-reason"));
        await visitor.Page.FillAsync("#suspend-repair_by", DateTime.UtcNow.AddDays(20).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
        await visitor.PressAsync("暂停共享");
        Assert.Contains("共享已暂停", await visitor.TextAsync(), StringComparison.Ordinal);
        Assert.Equal("suspended", (await exchange.ReceivedAsync(id))["state"].GetString());

        // Another tab goes on with what it saw before: the newest state is shown, and what was written stays.
        await visitor.Page.ClickAsync("details.panel summary");
        await visitor.Page.FillAsync("#dispute-text", "双方意见不一致（示例）");
        (await exchange.Who("changsha", "sharing_head").PostAsync($"/api/cities/changsha/approvals/{id}/resume", etag: (await exchange.ReceivedAsync(id)).ETag)).Succeeded("resume");
        await visitor.PressAsync("登记");
        Assert.Contains("刚刚有变化", await visitor.TextAsync(), StringComparison.Ordinal);
        Assert.Equal("双方意见不一致（示例）", await visitor.Page.InputValueAsync("#dispute-text"));
        await visitor.PressAsync("登记");
        Assert.Contains("双方协商", await visitor.TextAsync(), StringComparison.Ordinal);
        await visitor.GoAsync("/authority/disputes");
        Assert.Contains((await exchange.ReceivedAsync(id))["reference"].GetString()!, await visitor.TextAsync(), StringComparison.Ordinal);
        await visitor.CheckAsync();
    }

    [Fact]
    public async Task The_clocks_of_a_city_come_in_their_order_page_by_page_and_to_its_own_authority_alone()
    {
        for (var i = 0; i < 2; i++)
        {
            await ExtensionAskedAsync();
        }

        var authority = exchange.Who("changsha", "authority");
        List<(string Due, string Subject)> read = [];
        string? cursor = null;
        do
        {
            var page = (await authority.GetAsync($"/api/cities/changsha/authority/clocks?limit=1{(cursor is null ? "" : $"&cursor={cursor}")}")).Succeeded("clocks");
            read.AddRange(page["items"].EnumerateArray().Select(item => (item.GetProperty("due").GetProperty("on").GetString()!, item.GetProperty("subject").GetString()!)));
            cursor = page.Json.TryGetProperty("next", out var next) ? next.GetString() : null;
        }
        while (cursor is not null);
        var whole = (await authority.GetAsync("/api/cities/changsha/authority/clocks?limit=500")).Succeeded("clocks");
        Assert.True(read.Count >= 2);
        Assert.Equal(whole["counts"].EnumerateArray().Sum(count => count.GetProperty("running").GetInt32()), read.Count);
        Assert.Equal(read.Count, read.Distinct().Count());
        Assert.Equal(read.Select(item => item.Due).Order(StringComparer.Ordinal), read.Select(item => item.Due));
        Assert.Equal(422, (await authority.GetAsync("/api/cities/changsha/authority/clocks?cursor=nothing")).Status);
        foreach (var list in (string[])["clocks", "consents", "disputes"])
        {
            Assert.Equal(403, (await exchange.Who("zhuzhou", "authority").GetAsync($"/api/cities/changsha/authority/{list}")).Status);
            Assert.Equal(403, (await exchange.Who("changsha", "reviewer").GetAsync($"/api/cities/changsha/authority/{list}")).Status);
        }

        await using var other = await exchange.SignInAsync("zhuzhou-labour-officer", script: false);
        await other.GoAsync("/authority", 403);
    }

    [Fact, Trait("length", "long")]
    public async Task Every_page_of_the_desk_stands_in_English_too()
    {
        await using var visitor = await exchange.SignInAsync("changsha-authority", english: true);
        foreach (var path in (string[])["/authority", "/authority/consents", "/authority/reviews", "/authority/exchanges", "/authority/disputes", "/authority/figures?empty=1", "/authority/notices", "/authority/calendar"])
        {
            await visitor.GoAsync(path);
            await visitor.CheckAsync();
        }

        await visitor.Page.FillAsync("#year", "2027");
        await visitor.Page.FillAsync("#off", "2027-01-01\n1 February");
        await visitor.PressAsync("Load");
        Assert.Contains("“February” is no date", await visitor.Page.InnerTextAsync(".error-summary"), StringComparison.Ordinal);
        Assert.Equal("2027-01-01\n1 February", await visitor.Page.InputValueAsync("#off"));
        await visitor.CheckAsync();
    }

    private async Task<(string Id, string Reference, string Due)> ExtensionAskedAsync()
    {
        var id = await exchange.SubmitAsync((await exchange.PublishAsync("changsha", "conditional", rowsToo: false)).GetProperty("dataset_id").GetGuid());
        var received = await exchange.ReceivedAsync(id);
        (await exchange.Who("changsha", "reviewer").PostAsync($"/api/cities/changsha/approvals/{id}/extend", new { WorkingDays = 6, Reason = "涉及多个部门（示例）" }, received.ETag)).Succeeded("ask");
        return (id, received["reference"].GetString()!, received["reply_due"].GetProperty("on").GetString()!);
    }

    /// <summary>A new entry that waits for publication, or the next version of one: another abstract, and its last data item gone.</summary>
    private async Task<Guid> InReviewAsync(string name, Guid? successorOf)
    {
        var officer = exchange.Who("changsha", "officer");
        object[] fields =
        [
            new { Name = "person", Title = "姓名", Type = "C", Length = 50, Personal = true },
            new { Name = "months", Title = "缴费月数", Type = "I" },
            new { Name = "remark", Title = "备注", Type = "M" },
        ];
        var text = new
        {
            Name = name,
            DepartmentCode = officer.Account.Department!,
            Abstract = successorOf is null ? "参保人员核验用表（示例）" : "参保人员核验用表，含历年缴费月数（示例）",
            Theme = "C0300",
            Format = "table",
            UpdateFrequency = "monthly",
            SharingType = "conditional",
            SharingConditions = "共享范围：人社部门；使用用途：转移接续",
            SharingMethod = "rows",
            Classification = "general",
            Grade = 3,
            Fields = successorOf is null ? fields : fields[..2],
        };
        var draft = successorOf is { } before
            ? (await officer.PutAsync($"/api/cities/changsha/datasets/{before}", text, (await officer.GetAsync($"/api/cities/changsha/datasets/{before}")).ETag)).Succeeded("revise")
            : (await officer.PostAsync("/api/cities/changsha/datasets", text)).Succeeded("draft");
        var id = draft["dataset_id"].GetGuid();
        var assessed = (await officer.PostAsync($"/api/cities/changsha/datasets/{id}/assess", new { Secrecy = new { Result = "not_secret" }, PersonalInformation = new { Result = "passed" } }, draft.ETag)).Succeeded("assess");
        (await exchange.Who("changsha", "department_head").PostAsync($"/api/cities/changsha/datasets/{id}/approve", etag: assessed.ETag)).Succeeded("approve");
        return id;
    }
}
