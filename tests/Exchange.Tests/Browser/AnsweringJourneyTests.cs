using System.Globalization;
using System.Text.Json;
using Exchange.Local.Accounts;
using Exchange.Tests.Flow;
using Microsoft.Playwright;

namespace Exchange.Tests.Browser;

/// <summary>A department answers what others ask of it: the reviewer decides item by item, another person signs, and misuse is stopped.</summary>
[Collection(BrowserExchange.Name), Trait("needs", "server")]
public sealed class AnsweringJourneyTests(BrowserFixture exchange)
{
    private const string Reviewer = "changsha-labour-reviewer";
    private const string Head = "changsha-labour-sharing-head";

    [Theory]
    [InlineData(true, Traits = ["length", "long"])]
    [InlineData(false)]
    public async Task A_request_is_supplemented_once_granted_in_part_and_signed(bool script)
    {
        var name = $"参保核验（示例）{Guid.NewGuid():N}"[..20];
        var id = await AskAsync(name);
        await using var reviewer = await exchange.SignInAsync(Reviewer, script);
        await reviewer.GoAsync("/approvals");
        await reviewer.CheckAsync();
        await reviewer.FollowAsync(name);
        await reviewer.CheckAsync();
        Assert.Contains("社会保险关系转移接续（示例）", await reviewer.TextAsync(), StringComparison.Ordinal);

        // What is missing, in one notice; rows are added without script, and what stands in them stays.
        await reviewer.Page.Locator("#act-ask-supplement > summary").ClickAsync();
        await reviewer.Page.SelectOptionAsync("#missing-0-item", "legal_basis");
        await reviewer.PressAsync("增加三行");
        Assert.Equal(6, await reviewer.Page.Locator("#act-ask-supplement fieldset").CountAsync());
        Assert.Equal("legal_basis", await reviewer.Page.InputValueAsync("#missing-0-item"));
        await reviewer.PressAsync("发送补正通知");
        Assert.StartsWith("错误：", await reviewer.Page.TitleAsync(), StringComparison.Ordinal);
        Assert.Equal("此项必填。", await reviewer.Page.InnerTextAsync("#missing-0-what-error"));
        await reviewer.CheckAsync();
        await reviewer.Page.FillAsync("#missing-0-what", "请补充条款");
        await reviewer.Page.SelectOptionAsync("#missing-4-item", "material");
        await reviewer.Page.FillAsync("#missing-4-what", "请补充职责文件");
        await reviewer.PressAsync("发送补正通知");
        await reviewer.Page.GetByText("补正通知已发送申请方").WaitForAsync();
        Assert.Equal(0, await reviewer.Page.Locator("#act-ask-supplement").CountAsync());
        Assert.Equal(["请补充条款", "请补充职责文件"], await reviewer.Page.Locator(".notice.warn li span").AllInnerTextsAsync());

        var asked = await exchange.MirrorAsync(id, "supplement_asked");
        (await exchange.Who("zhuzhou", "officer").PostAsync($"/api/cities/zhuzhou/requests/{id}/supplement", new { Note = "已补充职责文件（示例）" }, asked.ETag)).Succeeded("supplement");
        await OwnAsync(id, view => view["state"].GetString() == "under_review");

        // Two of three items, the name masked as it was chosen beforehand; nothing at all is no approval.
        await reviewer.GoAsync($"/approvals/{id}");
        await reviewer.Page.GetByText("已补充职责文件（示例）").WaitForAsync();
        Assert.Equal("masked:name", await reviewer.Page.InputValueAsync("#treat-person"));
        foreach (var field in (string[])["person", "months", "remark"])
        {
            await reviewer.Page.UncheckAsync($"#give-{field}");
        }

        await reviewer.PressAsync("提交同意意见，送负责人签批");
        Assert.StartsWith("错误：", await reviewer.Page.TitleAsync(), StringComparison.Ordinal);
        Assert.False(await reviewer.Page.IsCheckedAsync("#give-person"));
        await reviewer.Page.CheckAsync("#give-person");
        await reviewer.Page.CheckAsync("#give-months");
        await reviewer.Page.SelectOptionAsync("#treat-months", "generalised:band");
        await reviewer.Page.FillAsync("#width-months", "零");
        await reviewer.PressAsync("提交同意意见，送负责人签批");
        await reviewer.Page.Locator("#treat-months-error").WaitForAsync();
        await reviewer.Page.FillAsync("#width-months", "10");
        await reviewer.PressAsync("提交同意意见，送负责人签批");
        await reviewer.Page.GetByText("答复意见已提交，等待负责人签批").WaitForAsync();
        Assert.Contains("由共享机构负责人办理", await reviewer.TextAsync(), StringComparison.Ordinal);
        Assert.Equal(0, await reviewer.Page.GetByRole(AriaRole.Link, new() { Name = "核对并签批" }).CountAsync());

        await using var head = await exchange.SignInAsync(Head, script);
        await head.GoAsync("/approvals");
        await head.FollowAsync(name);
        await head.FollowAsync("核对并签批");
        await head.CheckAsync();
        var signed = await head.Page.Locator(".panel table").InnerTextAsync();
        Assert.Matches("(?s)姓名.*张\\*三.*缴费月数.*宽度 10 的区间.*备注\\s+不提供", signed);
        await head.PressAsync("签批并答复");
        await head.Page.GetByText("答复已签批并发送申请方").WaitForAsync();

        await exchange.MirrorAsync(id, "active");
        var data = (await exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/data")).Succeeded("data");
        Assert.Equal("person,months\r\n示*甲,10..20\r\n示*乙,240..250\r\n示*丙,0..10\r\n", data.Text);
        (await exchange.Who("zhuzhou", "officer").PostAsync($"/api/cities/zhuzhou/grants/{id}/use-records", new { Scenario = "核验（示例）", Process = "逐件核对", Result = "通过", Storage = "未存储" })).Succeeded("use");

        // Who used our data, and how much may be taken.
        await head.FollowAsync("使用情况与配额");
        await head.CheckAsync();
        Assert.Contains("逐件核对", await head.TextAsync(), StringComparison.Ordinal);
        Assert.Equal(1, await head.Page.Locator("#deliveries + .scroll tbody tr").CountAsync());
        await head.Page.FillAsync("#quota-calls", "多");
        await head.PressAsync("保存配额");
        await head.Page.Locator("#quota-calls-error").WaitForAsync();
        await head.Page.FillAsync("#quota-calls", "0");
        await head.PressAsync("保存配额");
        await head.Page.Locator("#quota-calls-error").WaitForAsync();
        await head.Page.FillAsync("#quota-calls", "1,234");
        await head.PressAsync("保存配额");
        await head.Page.GetByText("配额已保存").WaitForAsync();
        Assert.Contains(
            (await exchange.Who("changsha", "reviewer").GetAsync($"/api/cities/changsha/grants/{id}/quota"))["limits"].EnumerateArray(), limit => limit.GetProperty("name").GetString() == "grant-calls" && limit.GetProperty("limit").GetInt64() == 1234);
    }

    [Fact, Trait("length", "long")]
    public async Task Whoever_proposed_does_not_sign_and_the_head_can_give_it_back()
    {
        var id = await AskAsync($"参保核验（示例）{Guid.NewGuid():N}");
        await using var deputy = await exchange.SignInAsync("changsha-labour-deputy");
        await deputy.GoAsync($"/approvals/{id}");
        await deputy.PressAsync("提交同意意见，送负责人签批");
        await deputy.FollowAsync("核对并签批");
        await deputy.PressAsync("签批并答复");
        Assert.Contains("拟办人不得审签本人提出的答复意见", await deputy.Page.InnerTextAsync("#errors"), StringComparison.Ordinal);

        await using var head = await exchange.SignInAsync(Head);
        // Without script nothing tells this one what happens meanwhile.
        await using var stale = await exchange.SignInAsync(Head, script: false);
        await stale.GoAsync($"/approvals/{id}/sign");
        await head.GoAsync($"/approvals/{id}/sign");
        await head.Page.Locator("#act-return > summary").ClickAsync();
        await head.PressAsync("退回");
        Assert.Equal("此项必填。", (await head.Page.InnerTextAsync("#return-reason-error")).Replace("错误：", "", StringComparison.Ordinal).Trim());
        await head.Page.FillAsync("#return-reason", "请说明必要性（示例）");
        await head.PressAsync("退回");
        await head.Page.GetByText("答复意见已退回审核人").WaitForAsync();
        Assert.Contains("请说明必要性（示例）", await head.TextAsync(), StringComparison.Ordinal);
        // What another tab still shows no longer holds, and signing there signs nothing.
        await stale.PressAsync("签批并答复");
        await stale.Page.Locator("#errors").WaitForAsync();
        Assert.Equal("under_review", (await OwnAsync(id, _ => true))["state"].GetString());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true, Traits = ["length", "long"])]
    public async Task A_refusal_says_why_and_on_what_it_rests(bool english)
    {
        var id = await AskAsync($"参保核验（示例）{Guid.NewGuid():N}");
        await using var reviewer = await exchange.SignInAsync(Reviewer, english: english);
        await reviewer.GoAsync($"/approvals/{id}");
        await reviewer.Page.Locator("#act-refuse > summary").ClickAsync();
        var propose = english ? "Propose to refuse" : "提交不同意意见，送负责人签批";
        await reviewer.Page.CheckAsync("#ground-incomplete");
        await reviewer.Page.FillAsync("#refuse-reason", "材料不全（示例）");
        await reviewer.PressAsync(propose);
        // Missing material alone is no reason; the words are the rule's own, and what was written stays.
        Assert.Contains(english ? "because material is missing" : "不得仅以材料不全为由", await reviewer.Page.InnerTextAsync("#errors"), StringComparison.Ordinal);
        Assert.Equal("材料不全（示例）", await reviewer.Page.InputValueAsync("#refuse-reason"));
        await reviewer.CheckAsync();
        // Meanwhile somebody else acts: the page says so and takes nothing away, though nothing was written since; what is sent then meets the newest state, with what was written.
        (await exchange.Who("changsha", "reviewer").PostAsync($"/api/cities/changsha/approvals/{id}/extend", new { WorkingDays = 3, Reason = "情况复杂（示例）" }, (await OwnAsync(id, _ => true)).ETag)).Succeeded("extend");
        await reviewer.Page.Locator("[data-news]").WaitForAsync();
        Assert.True(await reviewer.Page.Locator("#errors").IsVisibleAsync());
        await reviewer.Page.CheckAsync("#ground-not_necessary");
        await reviewer.PressAsync(propose);
        Assert.Contains("情况复杂（示例）", await reviewer.TextAsync(), StringComparison.Ordinal);
        Assert.True(await reviewer.Page.IsCheckedAsync("#ground-not_necessary"));
        Assert.Equal("材料不全（示例）", await reviewer.Page.InputValueAsync("#refuse-reason"));
        await reviewer.PressAsync(propose);
        await using var head = await exchange.SignInAsync(Head, english: english);
        await head.GoAsync($"/approvals/{id}/sign");
        await head.CheckAsync();
        await head.PressAsync(english ? "Sign and answer" : "签批并答复");
        var mirror = await exchange.MirrorAsync(id, "refused");
        Assert.Equal("材料不全（示例）", mirror["reply"].GetProperty("reason").GetString());
        await reviewer.GoAsync("/approvals?state=refused");
        await reviewer.CheckAsync();
        Assert.True(await reviewer.Page.Locator($"a[href$='{id}']").CountAsync() == 1);
    }

    [Fact]
    public async Task Misuse_stops_access_until_it_is_put_right()
    {
        var id = await AskAsync($"参保核验（示例）{Guid.NewGuid():N}");
        await exchange.GrantAsync(id);
        await OwnAsync(id, view => view["state"].GetString() == "active");
        await using var reviewer = await exchange.SignInAsync(Reviewer);
        await reviewer.GoAsync($"/approvals/{id}");
        Assert.Contains("暂停共享：由共享机构负责人办理。", await reviewer.TextAsync(), StringComparison.Ordinal);

        await using var head = await exchange.SignInAsync(Head);
        await head.GoAsync($"/approvals/{id}");
        await head.Page.Locator("#act-suspend > summary").ClickAsync();
        await head.PressAsync("暂停共享");
        Assert.Equal(2, await head.Page.Locator("#act-suspend .error").CountAsync());
        await head.Page.FillAsync("#suspend-reason", "超范围使用（示例）");
        await head.Page.FillAsync("#suspend-repair_by", DateTime.UtcNow.AddDays(10).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
        await head.PressAsync("暂停共享");
        await head.Page.GetByText("共享已暂停，申请方已收到整改要求").WaitForAsync();
        var stopped = await exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/data");
        Assert.Equal("grant-not-active", stopped["rule"].GetString());
        // Too early to end it for good; the rule says so at its form.
        await head.Page.Locator("#act-terminate > summary").ClickAsync();
        await head.Page.FillAsync("#terminate-reason", "拒不整改（示例）");
        await head.PressAsync("终止共享");
        Assert.Contains("整改期限未到", await head.Page.InnerTextAsync("#errors"), StringComparison.Ordinal);

        var mirror = await exchange.MirrorAsync(id, "suspended");
        (await exchange.Who("zhuzhou", "officer").PostAsync($"/api/cities/zhuzhou/requests/{id}/report-repair", new { Note = "已收回多余权限（示例）" }, mirror.ETag)).Succeeded("repair");
        await OwnAsync(id, view => view["suspension"].TryGetProperty("repair", out _));
        await head.GoAsync($"/approvals/{id}");
        await head.Page.GetByText("已收回多余权限（示例）").WaitForAsync();
        await head.Page.Locator("#act-resume > summary").ClickAsync();
        await head.PressAsync("恢复共享");
        await head.Page.GetByText("共享已恢复。").WaitForAsync();
        Assert.Equal(200, (await exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/data")).Status);

        // Consultation, and a step of a dispute, on the same page.
        await head.Page.Locator("#act-consult > summary").ClickAsync();
        await head.Page.SelectOptionAsync("#consult-kind", "end");
        await head.Page.FillAsync("#consult-reason", "系统停用（示例）");
        await head.Page.FillAsync("#consult-effective_on", DateTime.UtcNow.AddDays(40).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
        await head.PressAsync("发起协商");
        await head.Page.GetByText("协商意见已发送申请方").WaitForAsync();
        await head.Page.Locator("#act-dispute > summary").ClickAsync();
        await head.Page.SelectOptionAsync("#dispute-kind", "position");
        await head.Page.FillAsync("#dispute-text", "双方意见不一（示例）");
        await head.PressAsync("登记");
        await head.Page.GetByText("争议进展已登记").WaitForAsync();
        await head.CheckAsync();
    }

    [Fact]
    public async Task A_change_of_scope_is_decided_and_signed_like_the_request()
    {
        var id = await AskAsync($"参保核验（示例）{Guid.NewGuid():N}", ["person", "months"]);
        await exchange.GrantAsync(id, new { Decision = "approve", Treatments = new Dictionary<string, string> { ["person"] = "masked:name" } });
        var path = $"/api/cities/zhuzhou/requests/{id}";
        var (officer, askingHead) = (exchange.Who("zhuzhou", "officer"), exchange.Who("zhuzhou", "sharing_head"));
        await exchange.MirrorAsync(id, "active");
        (await officer.PostAsync($"{path}/change", new { Fields = new[] { "person", "months", "remark" }, Reason = "须核对备注（示例）" }, (await officer.GetAsync(path)).ETag)).Succeeded("prepare");
        (await askingHead.PostAsync($"{path}/change/sign-off", etag: (await askingHead.GetAsync(path)).ETag)).Succeeded("sign");
        await OwnAsync(id, view => view.Json.TryGetProperty("change", out var change) && change.ValueKind == JsonValueKind.Object);

        await using var reviewer = await exchange.SignInAsync(Reviewer);
        await reviewer.GoAsync("/approvals");
        await reviewer.MoveAsync(() => reviewer.Page.Locator($"#mine + .scroll a[href$='{id}']").ClickAsync());
        Assert.Contains("须核对备注（示例）", await reviewer.TextAsync(), StringComparison.Ordinal);
        Assert.Equal("masked:name", await reviewer.Page.InputValueAsync("#treat-person"));
        await reviewer.PressAsync("提交同意意见，送负责人签批");
        await using var head = await exchange.SignInAsync(Head);
        await head.GoAsync("/approvals");
        await head.MoveAsync(() => head.Page.Locator($"#mine + .scroll a[href$='{id}']").ClickAsync());
        await head.FollowAsync("核对并签批变更");
        await head.PressAsync("签批变更");
        await head.Page.GetByText("变更已签批。").WaitForAsync();
        Assert.StartsWith("person,months,remark\r\n示*甲,12,", (await exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/data")).Succeeded("data").Text, StringComparison.Ordinal);
    }

    /// <summary>Received by the owning city.</summary>
    private async Task<string> AskAsync(string name, string[]? fields = null)
    {
        var id = await exchange.SubmitAsync((await exchange.PublishAsync("changsha", "conditional", name)).GetProperty("dataset_id").GetGuid(), fields: fields ?? ["person", "months", "remark"]);
        await exchange.ReceivedAsync(id);
        return id;
    }

    private Task<Answer> OwnAsync(string id, Func<Answer, bool> until) =>
        Eventually.GetAsync(() => exchange.Who("changsha", "reviewer").GetAsync($"/api/cities/changsha/approvals/{id}"), a => a.Status == 200 && until(a), show: a => a.Text);
}
