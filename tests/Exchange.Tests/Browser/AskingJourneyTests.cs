using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Exchange.Local.Accounts;
using Exchange.Tests.Flow;
using Microsoft.Playwright;

namespace Exchange.Tests.Browser;

/// <summary>A department of Zhuzhou asks for data of Changsha with nothing but the pages; the owning side answers through the API.</summary>
[Collection(BrowserExchange.Name), Trait("needs", "server")]
public sealed partial class AskingJourneyTests(BrowserFixture exchange)
{
    private const string Officer = "zhuzhou-labour-officer";
    private const string Head = "zhuzhou-labour-sharing-head";

    private static Task<Guid>? shared;

    [Theory]
    [InlineData(true)]
    [InlineData(false, Traits = ["length", "long"])]
    public async Task A_department_asks_receives_reports_an_error_and_disposes(bool script)
    {
        var dataset = await EntryAsync();
        await using var officer = await exchange.SignInAsync(Officer, script);
        await officer.GoAsync("/requests");
        await JudgeAsync(officer);

        // A fault is told at the top, with the focus on it and a link to the field, and at the field.
        await officer.GoAsync($"/requests/new?dataset={dataset}");
        await officer.PressAsync("继续");
        Assert.StartsWith("错误：", await officer.Page.TitleAsync(), StringComparison.Ordinal);
        if (script)
        {
            Assert.Equal("errors", await officer.Page.EvaluateAsync<string>("() => document.activeElement.id"));
        }

        await JudgeAsync(officer);
        await officer.Page.ClickAsync("#errors a");
        Assert.Equal("legal_basis", await officer.Page.EvaluateAsync<string>("() => document.activeElement.id"));
        Assert.Contains("请填写使用依据", await officer.Page.InnerTextAsync("#legal_basis-error"), StringComparison.Ordinal);

        await officer.Page.FillAsync("#legal_basis", "社会保险关系转移接续（示例）");
        if (script)
        {
            await officer.Page.GetByText("已自动保存").WaitForAsync();
        }

        await officer.PressAsync("继续");
        await officer.Page.FillAsync("#scenario", ExchangeFixture.Scenario);
        await officer.PressAsync("上一步");
        Assert.Equal("社会保险关系转移接续（示例）", await officer.Page.InputValueAsync("#legal_basis"));
        await officer.PressAsync("继续");
        Assert.Equal(ExchangeFixture.Scenario, await officer.Page.InputValueAsync("#scenario"));
        await officer.PressAsync("继续");
        await officer.Page.FillAsync("#scope", "经办人员（示例）");
        await officer.PressAsync("保存，稍后再填");

        // What was begun stands in the list, and is gone on with where it was left.
        await JudgeAsync(officer);
        await officer.MoveAsync(() => officer.Page.Locator($"a[href='/requests/new?dataset={dataset}']").ClickAsync());
        Assert.Equal($"/requests/new/{dataset}/items", officer.Path);
        await officer.PressAsync("继续");
        await JudgeAsync(officer);
        await officer.PressAsync("全部选择");
        await officer.Page.UncheckAsync("input[value=remark]");
        await officer.PressAsync("继续");
        await JudgeAsync(officer);
        await officer.Page.FillAsync("#use_until", $"{DateTime.UtcNow.AddYears(1):yyyy-MM-dd}");
        await officer.PressAsync("继续");
        await JudgeAsync(officer);
        await officer.MoveAsync(() => officer.Page.ClickAsync("a#scope"));
        Assert.Equal("经办人员（示例）", await officer.Page.InputValueAsync("#scope"));
        await officer.Page.FillAsync("#scope", "转移接续科经办人员（示例）");
        await officer.PressAsync("保存并返回核对");
        Assert.Contains("转移接续科经办人员（示例）", await officer.TextAsync(), StringComparison.Ordinal);
        await officer.PressAsync("保存申请，送负责人签批");
        await JudgeAsync(officer);
        Assert.Contains("待本部门共享机构负责人签批", await officer.TextAsync(), StringComparison.Ordinal);
        var request = Path().Match(officer.Path).Value;
        var id = request[(request.LastIndexOf('/') + 1)..];

        // The officer is told who signs; the head does.
        await officer.GoAsync($"{request}/sign-off", 403);
        Assert.Contains("由本部门共享机构负责人办理", await officer.TextAsync(), StringComparison.Ordinal);
        await using (var head = await exchange.SignInAsync(Head, script))
        {
            await head.GoAsync(request);
            await head.FollowAsync("签批申请");
            await JudgeAsync(head);
            Assert.Contains("转移接续科经办人员（示例）", await head.TextAsync(), StringComparison.Ordinal);
            await head.PressAsync("签批");
            await JudgeAsync(head);
        }

        await officer.GoAsync(request);
        await officer.FollowAsync("提交申请");
        await officer.PressAsync("提交申请");
        Assert.Equal($"{request}/submitted", officer.Path);
        var reference = await ShownAsync(officer, Reference(), script);
        await JudgeAsync(officer);
        await officer.GoAsync("/requests?group=theirs");
        var line = await officer.Page.Locator(".results > li").First.InnerTextAsync();
        Assert.Contains(reference, line, StringComparison.Ordinal);
        Assert.Contains("待长沙市人力资源和社会保障局答复", line, StringComparison.Ordinal);
        Assert.Contains("还剩 10 个工作日", line, StringComparison.Ordinal);

        await exchange.GrantAsync(id, new { Decision = "approve", Treatments = new Dictionary<string, string> { ["person"] = "masked:name" } });
        await exchange.MirrorAsync(id, "active");
        await officer.GoAsync(request);
        await JudgeAsync(officer);
        Assert.Contains("姓名隐去中间字", await officer.TextAsync(), StringComparison.Ordinal);

        // What lies on the disk is what the receipt says.
        await officer.FollowAsync("接收数据");
        await JudgeAsync(officer);
        await officer.FollowAsync("先预览前 20 行");
        await JudgeAsync(officer);
        Assert.Contains("240", await officer.TextAsync(), StringComparison.Ordinal);
        await officer.GoAsync($"{request}/data");
        var (_, csv) = await officer.SavedAsync(() => officer.Page.GetByRole(AriaRole.Button, new() { Name = "下载数据" }).ClickAsync());
        var digest = Convert.ToHexStringLower(SHA256.HashData(csv));
        var receipts = (await exchange.Who("zhuzhou", "officer").GetAsync($"/api/cities/changsha/grants/{id}/deliveries")).Succeeded("receipts").Json;
        Assert.Contains(receipts.EnumerateArray(), receipt => receipt.GetProperty("form").GetString() == "csv" && receipt.GetProperty("sha256").GetString() == digest);
        await officer.GoAsync($"{request}/deliveries");
        await JudgeAsync(officer);
        await officer.MoveAsync(() => officer.Page.Locator(".results > li").Filter(new() { HasText = digest }).Locator("h2 a").ClickAsync());
        await officer.Page.FillAsync("#sha256", digest);
        await officer.Page.FillAsync("#bytes", $"{csv.Length}");
        await officer.PressAsync("确认接收");
        await JudgeAsync(officer);
        Assert.Contains("接收方已确认一致", await officer.TextAsync(), StringComparison.Ordinal);
        await exchange.TimelineAsync(id, "delivery.ended");
        await Eventually.GetAsync(
            async () =>
            {
                await officer.GoAsync($"{request}/record");
                return await officer.Page.Locator("tr", new() { HasText = "数据交付结束" }).Filter(new() { HasText = "已见证" }).CountAsync();
            },
            count => count >= 2);
        await JudgeAsync(officer);
        await officer.GoAsync($"{request}/deliveries");
        var (_, proof) = await officer.SavedAsync(() => officer.Page.GetByRole(AriaRole.Button, new() { Name = "下载存证证明" }).First.ClickAsync());
        Assert.StartsWith("c2sp.org/tlog-proof@v1", System.Text.Encoding.UTF8.GetString(proof), StringComparison.Ordinal);

        await officer.GoAsync($"{request}/correct");
        await JudgeAsync(officer);
        await officer.PressAsync("提交校核");
        Assert.Equal(4, await officer.Page.Locator("#errors li").CountAsync());
        await officer.Page.SelectOptionAsync("#field", "months");
        await officer.Page.FillAsync("#record", "示例甲");
        await officer.Page.FillAsync("#wrong", "12");
        await officer.Page.FillAsync("#right", "13");
        await officer.Page.FillAsync("#evidence", "窗口核验材料（示例）");
        await officer.PressAsync("提交校核");
        Assert.Contains("12 → 13", await officer.TextAsync(), StringComparison.Ordinal);

        await officer.GoAsync($"{request}/use-records");
        foreach (var field in new[] { "#process", "#result", "#storage" })
        {
            await officer.Page.FillAsync(field, $"登记{field[1..]}（示例）");
        }

        await officer.PressAsync("登记");
        await officer.Page.ClickAsync("#uses ~ details summary");
        Assert.Contains("登记storage（示例）", await officer.TextAsync(), StringComparison.Ordinal);

        // No longer needed; one records the disposal, another confirms it.
        await officer.FollowAsync("不再需要数据");
        await officer.Page.FillAsync("#reason", "目的已实现（示例）");
        await officer.PressAsync("确认撤回");
        await exchange.MirrorAsync(id, "ended");
        await officer.GoAsync($"{request}/dispose");
        await JudgeAsync(officer);
        await officer.Page.FillAsync("#note", "业务库与备份均已删除（示例）");
        await officer.PressAsync("登记处置");
        Assert.Contains("由您登记，须由另一人复核", await officer.TextAsync(), StringComparison.Ordinal);
        await officer.GoAsync($"{request}/confirm-disposal");
        await officer.PressAsync("确认已处置");
        Assert.Contains("登记人不得复核本人的登记", await officer.Page.InnerTextAsync("#errors"), StringComparison.Ordinal);
        await using var second = await exchange.SignInAsync(Head, script);
        await second.GoAsync($"{request}/confirm-disposal");
        await second.PressAsync("确认已处置");
        await exchange.MirrorAsync(id, "disposed");
        await second.GoAsync(request);
        Assert.Contains("已由另一人复核", await second.TextAsync(), StringComparison.Ordinal);
        await JudgeAsync(second);

        // Without script the pages are the same ones.
        Task JudgeAsync(Visitor visitor) => script ? visitor.CheckAsync() : Task.CompletedTask;
    }

    [Fact, Trait("length", "long")]
    public async Task Every_page_of_a_running_request_is_there_in_English()
    {
        var dataset = await AnEntryAsync();
        var id = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        await using var officer = await exchange.SignInAsync(Officer, english: true);
        foreach (var page in new[]
        {
            "/requests", $"/requests/new/{dataset}/items", $"/requests/new/{dataset}/check", $"/requests/{id}", $"/requests/{id}/submitted", $"/requests/{id}/data",
            $"/requests/{id}/data/preview", $"/requests/{id}/deliveries", $"/requests/{id}/record", $"/requests/{id}/standing", $"/requests/{id}/change",
        })
        {
            await officer.GoAsync(page);
            await officer.CheckAsync();
        }

        // What is written in another language than the page's says so.
        await officer.GoAsync($"/requests/{id}");
        Assert.Equal("zh-CN", await officer.Page.GetAttributeAsync("h1", "lang"));
        Assert.Contains("In use by your department", await officer.TextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_cannot_ask_is_told_why_and_who_can()
    {
        var dataset = await AnEntryAsync();
        foreach (var (account, why) in new[]
        {
            (Head, "您的账号没有经办人角色"),
            ("changsha-labour-officer", "这是本部门自己的数据"),
            (exchange.Stack.Accounts.First(one => one.City is null && one.Roles.Contains("auditor")).ClientId, "您的账号不属于任何一个市的部门"),
        })
        {
            await using var visitor = await exchange.SignInAsync(account, script: account == Head);
            await visitor.GoAsync($"/requests/new?dataset={dataset}", 403);
            Assert.Contains(why, await visitor.TextAsync(), StringComparison.Ordinal);
            if (account == Head)
            {
                await visitor.CheckAsync();
            }
        }

        await using var stranger = await exchange.VisitAsync();
        await stranger.GoAsync($"/requests/new?dataset={dataset}");
        Assert.StartsWith("/sign-in", stranger.Path, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_session_that_ends_in_the_middle_of_the_form_loses_nothing(bool script)
    {
        var dataset = await AnEntryAsync();
        await using var officer = await exchange.SignInAsync(Officer, script);
        await officer.GoAsync($"/requests/new/{dataset}/basis");
        await officer.Page.FillAsync("#legal_basis", "登录结束前写下的依据（示例）");
        await using (var elsewhere = await exchange.SignInAsync(Officer, script))
        {
            await elsewhere.PressAsync("全部退出", "header");
        }

        await officer.PressAsync("继续");
        Assert.StartsWith("/sign-in", officer.Path, StringComparison.Ordinal);
        var account = exchange.Stack.Account(Officer);
        await officer.Page.FillAsync("#account", account.ClientId);
        await officer.Page.FillAsync("#secret", account.Secret);
        await officer.PressAsync("登录");
        Assert.Equal($"/requests/new/{dataset}/basis", officer.Path);
        Assert.Equal("登录结束前写下的依据（示例）", await officer.Page.InputValueAsync("#legal_basis"));
        await officer.PressAsync("继续");
        Assert.Equal($"/requests/new/{dataset}/scenario", officer.Path);
    }

    [Fact]
    public async Task The_second_of_two_tabs_sees_the_newest_state_and_keeps_what_was_typed()
    {
        var draft = (await exchange.DraftRequestAsync(await AnEntryAsync())).Succeeded("draft");
        var request = $"/requests/{draft["id"].GetString()}";
        await using var officer = await exchange.SignInAsync(Officer, script: false);
        await officer.GoAsync($"{request}/withdraw");
        await officer.Page.FillAsync("#reason", "先前打开的页面写的理由（示例）");
        var first = await officer.OpenTabAsync();
        await officer.GoAsync($"{request}/revise/check");
        await officer.MoveAsync(() => officer.Page.ClickAsync("a#scenario"));
        await officer.Page.FillAsync("#scenario", "另一标签页改过的场景（示例）");
        await officer.PressAsync("保存并返回核对");
        await officer.PressAsync("保存修改");
        Assert.Contains("另一标签页改过的场景（示例）", await officer.TextAsync(), StringComparison.Ordinal);

        var answered = await first.RunAndWaitForResponseAsync(() => first.GetByRole(AriaRole.Button, new() { Name = "确认撤回" }).ClickAsync(), response => response.Request.Method == "POST");
        Assert.Equal(412, answered.Status);
        Assert.Contains("已有变化", await first.InnerTextAsync("main"), StringComparison.Ordinal);
        Assert.Equal("先前打开的页面写的理由（示例）", await first.InputValueAsync("#reason"));
        await first.GetByRole(AriaRole.Button, new() { Name = "确认撤回" }).ClickAsync();
        await first.GetByText("已办结").First.WaitForAsync();
        Assert.Equal("withdrawn", (await exchange.Who("zhuzhou", "officer").GetAsync($"/api/cities/zhuzhou{request}")).Succeeded("read")["state"].GetString());
    }

    [Fact]
    public async Task A_form_that_is_sent_twice_is_one_request()
    {
        var dataset = await AnEntryAsync();
        var before = await CountAsync();
        await using var officer = await exchange.SignInAsync(Officer);
        foreach (var (step, fill) in new (string, Func<IPage, Task>)[]
        {
            ("basis", page => page.FillAsync("#legal_basis", "职责（示例）")), ("scenario", page => page.FillAsync("#scenario", "场景（示例）")), ("scope", page => page.FillAsync("#scope", "范围（示例）")),
            ("items", page => page.CheckAsync("input[value=person]")), ("term", page => page.FillAsync("#use_until", $"{DateTime.UtcNow.AddMonths(1):yyyy-MM-dd}")),
        })
        {
            await officer.GoAsync($"/requests/new/{dataset}/{step}");
            await fill(officer.Page);
            await officer.PressAsync("继续");
        }

        var reached = await officer.Page.EvaluateAsync<string[]>("""
            async () => {
                const form = document.querySelector("main form");
                const send = () => fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "text/html" } }).then(answer => answer.url);
                return await Promise.all([send(), send()]);
            }
            """);
        Assert.Equal(reached[0], reached[1]);
        Assert.EndsWith("?done=drafted", reached[0], StringComparison.Ordinal);
        // And once more from the page that is still open.
        await officer.PressAsync("保存申请，送负责人签批");
        Assert.Equal(reached[0], officer.Page.Url);
        Assert.Equal(before + 1, await CountAsync());

        async Task<int> CountAsync() => (await exchange.Who("zhuzhou", "officer").GetAsync("/api/cities/zhuzhou/requests?limit=500")).Succeeded("list")["items"].GetArrayLength();
    }

    [Fact]
    public async Task What_the_provider_does_is_shown_and_answered()
    {
        var id = await exchange.SubmitAsync(await AnEntryAsync());
        var request = $"/requests/{id}";
        var received = await exchange.ReceivedAsync(id);
        (await exchange.Who("changsha", "reviewer").PostAsync($"/api/cities/changsha/approvals/{id}/ask-supplement", new { Missing = new[] { new { Item = "legal_basis", What = "请写明条款（示例）" } } }, received.ETag)).Succeeded("ask");
        await exchange.MirrorAsync(id, "supplement_asked");
        await using var officer = await exchange.SignInAsync(Officer);
        await using var head = await exchange.SignInAsync(Head, script: false);

        await officer.GoAsync(request);
        Assert.Contains("请写明条款（示例）", await officer.TextAsync(), StringComparison.Ordinal);
        await officer.CheckAsync();
        await officer.FollowAsync("补正材料");
        await officer.CheckAsync();
        await officer.Page.FillAsync("#note", "已补充条款（示例）");
        await officer.Page.FillAsync("#legal_basis", "《示例条例》第四条（示例）");
        await officer.PressAsync("提交补正");
        await exchange.MirrorAsync(id, "under_review");
        Assert.Equal("《示例条例》第四条（示例）", (await exchange.ReceivedAsync(id))["legal_basis"].GetString());
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");

        // The page that stays open follows by itself.
        await officer.Page.GetByText("本部门使用中").First.WaitForAsync();
        await officer.FollowAsync("申请变更范围或用途");
        await officer.Page.CheckAsync("input[value=remark]");
        await officer.Page.FillAsync("#reason", "《示例条例》第五条（示例）");
        await officer.PressAsync("拟订变更，送负责人签批");
        Assert.Contains("待本部门共享机构负责人签批变更申请", await officer.TextAsync(), StringComparison.Ordinal);
        await officer.CheckAsync();
        await head.GoAsync($"{request}/sign-off-change");
        Assert.Contains("remark", (await exchange.Who("zhuzhou", "officer").GetAsync($"/api/cities/zhuzhou{request}"))["prepared_change"].GetProperty("fields").ToString(), StringComparison.Ordinal);
        await head.PressAsync("签批并发出");
        await exchange.OwningAsync(id, a => a.Json.TryGetProperty("change", out var change) && change.ValueKind == System.Text.Json.JsonValueKind.Object);
        await exchange.OwnAsync(id, "reviewer", "change/decide", new { Decision = "approve" });
        await exchange.OwnAsync(id, "sharing_head", "change/sign-off");

        await exchange.OwnAsync(id, "sharing_head", "consult", new { Kind = "change", Reason = "系统升级（示例）", EffectiveOn = DateOnly.FromDateTime(DateTime.UtcNow).AddDays(30) });
        await MirroredAsync(id, "consultation");
        await head.GoAsync($"{request}/answer-consultation");
        Assert.Contains("系统升级（示例）", await head.TextAsync(), StringComparison.Ordinal);
        await head.PressAsync("提交答复");
        Assert.Equal(2, await head.Page.Locator("#errors li").CountAsync());
        await head.Page.CheckAsync("#agree-1");
        await head.Page.FillAsync("#answer", "升级期间需保留接口（示例）");
        await head.PressAsync("提交答复");
        await exchange.OwningAsync(id, a => a["consultation"].TryGetProperty("agreed", out var agreed) && agreed.ValueKind == System.Text.Json.JsonValueKind.False);

        await exchange.OwnAsync(id, "sharing_head", "suspend", new { Reason = "超出用途（示例）", RepairBy = DateOnly.FromDateTime(DateTime.UtcNow).AddDays(7) });
        await exchange.MirrorAsync(id, "suspended");
        await officer.GoAsync($"{request}/data");
        Assert.Contains("不能接收数据", await officer.TextAsync(), StringComparison.Ordinal);
        await officer.GoAsync($"{request}/report-repair");
        await officer.CheckAsync();
        await officer.Page.FillAsync("#note", "已收回越权账号（示例）");
        await officer.PressAsync("提交报告");
        await exchange.OwningAsync(id, a => a["suspension"].TryGetProperty("repair", out var repair) && repair.GetString() == "已收回越权账号（示例）");
        await head.GoAsync($"{request}/dispute");
        await head.Page.FillAsync("#position", "未超出约定用途（示例）");
        await head.PressAsync("提交意见");
        await MirroredAsync(id, "dispute");
        await officer.GoAsync(request);
        Assert.Contains("未超出约定用途（示例）", await officer.TextAsync(), StringComparison.Ordinal);
        await officer.CheckAsync();

        Task<Answer> MirroredAsync(string id, string part) => Eventually.GetAsync(
            () => exchange.Who("zhuzhou", "officer").GetAsync($"/api/cities/zhuzhou/requests/{id}"), a => a.Json.TryGetProperty(part, out var told) && told.ValueKind == System.Text.Json.JsonValueKind.Object, show: a => a.Text);
    }

    /// <summary>Anyone's act is refused when its form is not ours, and what belongs to others is not there.</summary>
    [Fact]
    public async Task Other_departments_see_nothing_and_forms_of_other_sites_do_nothing()
    {
        var draft = (await exchange.DraftRequestAsync(await AnEntryAsync())).Succeeded("draft");
        var request = $"/requests/{draft["id"].GetString()}";
        await using var other = await exchange.SignInAsync("zhuzhou-housing-fund-officer", script: false);
        foreach (var path in new[] { request, $"{request}/withdraw", $"{request}/data", $"{request}/deliveries", $"{request}/record", $"{request}/revise/basis" })
        {
            await other.GoAsync(path, 404);
        }

        await using var officer = await exchange.SignInAsync(Officer, script: false);
        var forged = await officer.Context.APIRequest.PostAsync($"{request}/withdraw", new() { Form = officer.Context.APIRequest.CreateFormData().Set("reason", "伪造（示例）").Set("_version", "1"), MaxRedirects = 0 });
        Assert.Equal(400, forged.Status);
        Assert.Equal("draft", (await exchange.Who("zhuzhou", "officer").GetAsync($"/api/cities/zhuzhou{request}")).Succeeded("read")["state"].GetString());
    }

    /// <summary>The tests run one after the other, and most only need that there is something to ask for.</summary>
    private Task<Guid> AnEntryAsync() => shared ??= EntryAsync();

    /// <summary>An entry of Changsha's labour department that the catalogue and Zhuzhou know.</summary>
    private async Task<Guid> EntryAsync() => await exchange.KnownAsync((await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid());

    /// <summary>What the page says in the end: by itself where script runs, else when it is loaded again.</summary>
    private static async Task<string> ShownAsync(Visitor visitor, Regex wanted, bool script)
    {
        if (script)
        {
            await visitor.Page.GetByText(wanted).First.WaitForAsync();
            return wanted.Match(await visitor.TextAsync()).Value;
        }

        return await Eventually.GetAsync(
            async () =>
            {
                await visitor.Page.ReloadAsync();
                return wanted.Match(await visitor.TextAsync()).Value;
            },
            text => text.Length > 0);
    }

    [GeneratedRegex("/requests/[0-9a-f-]{36}")]
    private static partial Regex Path();

    [GeneratedRegex(@"长沙-\d{4}-\d{6}")]
    private static partial Regex Reference();
}
