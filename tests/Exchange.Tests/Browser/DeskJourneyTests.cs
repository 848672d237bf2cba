using System.Globalization;
using System.Text.Json.Nodes;
using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Local.Accounts;
using Exchange.Tests.DataServices;
using Exchange.Tests.Faults;
using Exchange.Tests.Flow;
using Microsoft.AspNetCore.Http;
using Microsoft.Playwright;

namespace Exchange.Tests.Browser;

/// <summary>What is less often done at the desks of a providing department and of its city's data authority, each with what is refused first.</summary>
[Collection(BrowserExchange.Name), Trait("needs", "server")]
public sealed class DeskJourneyTests(BrowserFixture exchange)
{
    private static string Today(int days = 0) => LegalDay.Of(DateTimeOffset.UtcNow).AddDays(days).ToString("O", CultureInfo.InvariantCulture);

    [Theory]
    [InlineData(true, Traits = ["length", "long"])]
    [InlineData(false)]
    public async Task More_time_to_reply_is_asked_for_and_once_consented_to_the_new_day_stands_on_the_page(bool script)
    {
        var id = await exchange.SubmitAsync(await PublishedAsync());
        var due = DueOf(await exchange.ReceivedAsync(id), "reply_due");
        await using var reviewer = await exchange.SignInAsync("changsha-labour-reviewer", script);
        await reviewer.GoAsync($"/approvals/{id}");
        await reviewer.Page.Locator("#act-extend > summary").ClickAsync();
        await reviewer.Page.FillAsync("#extend-working_days", "11");
        await reviewer.PressAsync("报数据主管部门");
        Assert.Equal(["#extend-working_days", "#extend-reason"], await LinksAsync(reviewer));
        Assert.Equal("11", await reviewer.Page.InputValueAsync("#extend-working_days"));
        await reviewer.CheckAsync();
        await reviewer.Page.FillAsync("#extend-working_days", "4");
        await reviewer.Page.FillAsync("#extend-reason", "涉及多个处室（示例）");
        await reviewer.PressAsync("报数据主管部门");
        await reviewer.Page.GetByText("延期申请已报数据主管部门").WaitForAsync();
        Assert.Contains("延期待数据主管部门同意", await reviewer.TextAsync(), StringComparison.Ordinal);
        Assert.Equal(0, await reviewer.Page.Locator("#act-extend").CountAsync());
        Assert.Equal(due, await ShownAsync(reviewer.Page.Locator(".meta time")));

        await using var authority = await exchange.SignInAsync("changsha-authority", script);
        await authority.GoAsync("/authority/consents");
        await authority.FollowAsync((await exchange.ReceivedAsync(id))["reference"].GetString()!);
        await authority.Page.CheckAsync("#consent-yes");
        await authority.PressAsync("提交答复");

        await reviewer.GoAsync($"/approvals/{id}");
        Assert.Equal(WorkingDays.Load().Add(due, 4).On, await ShownAsync(reviewer.Page.Locator(".meta time")));
        var text = await reviewer.TextAsync();
        Assert.Contains("答复期限已延长 4 个工作日，理由：涉及多个处室（示例）", text, StringComparison.Ordinal);
        Assert.DoesNotContain("延期待数据主管部门同意", text, StringComparison.Ordinal);
        await reviewer.CheckAsync();
    }

    [Fact, Trait("length", "long")]
    public async Task A_service_is_described_with_every_fault_named_called_as_it_says_and_taken_away()
    {
        await using var bureau = new BureauService();
        await bureau.StartAsync();
        var (dataset, _) = await exchange.PublishFileEntryAsync("changsha", "service");
        var api = exchange.Who("changsha", "officer");
        var path = $"/api/cities/changsha/datasets/{dataset}";
        await using var officer = await exchange.SignInAsync("changsha-labour-officer");
        await officer.GoAsync($"/entries/{dataset}/data");
        await officer.CheckAsync();
        await officer.Page.FillAsync("#address", "file:///etc/passwd");
        await officer.Page.FillAsync("#operations", "DELETE /v1/persons purpose\n\nGET\nGET /v1/status");
        await officer.Page.FillAsync("#probe", "/v1/elsewhere");
        await officer.Page.FillAsync("#structure", $"data\n{new string('长', 101)}");
        await officer.Page.FillAsync("#timeout", "半分钟");
        await officer.Page.FillAsync("#credential-value", "没有请求头");
        await officer.PressAsync("保存");
        Assert.Equal(["#address", "#credential-header", "#credential-value", "#operations", "#operations", "#operations", "#probe", "#structure", "#timeout"], (await LinksAsync(officer)).Order(StringComparer.Ordinal));
        var wrong = await officer.Page.InnerTextAsync("#operations-error");
        Assert.Matches("“DELETE /v1/persons purpose”：须为 GET 或 POST.*“DELETE /v1/persons purpose”：“purpose”不能使用.*“GET”：写作 /v1/permits", wrong);
        Assert.Equal("file:///etc/passwd", await officer.Page.InputValueAsync("#address"));
        Assert.Equal("半分钟", await officer.Page.InputValueAsync("#timeout"));
        Assert.Equal("", await officer.Page.InputValueAsync("#credential-value"));
        await officer.CheckAsync();
        Assert.Equal(404, (await api.GetAsync($"{path}/service")).Status);

        await officer.Page.FillAsync("#address", bureau.Address);
        await officer.Page.FillAsync("#operations", "get /v1/status\nGET /v1/persons/{number} page, size");
        await officer.Page.FillAsync("#probe", "/v1/status");
        await officer.Page.FillAsync("#structure", "data");
        await officer.Page.FillAsync("#timeout", "5");
        await officer.Page.FillAsync("#credential-header", "X-Api-Key");
        await officer.Page.FillAsync("#credential-value", "desk-secret-5512");
        await officer.PressAsync("保存");
        await officer.Page.GetByText("服务接口说明已保存").WaitForAsync();
        Assert.Contains("凭证以 X-Api-Key 发送（不显示）", await officer.TextAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain("desk-secret-5512", await officer.Page.ContentAsync(), StringComparison.Ordinal);
        Assert.Equal("GET /v1/status\nGET /v1/persons/{number} page,size", await officer.Page.InputValueAsync("#operations"));
        await officer.CheckAsync();

        // Under a grant it is called as the page said.
        var id = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        bureau.Answer = http =>
        {
            http.Response.ContentType = "application/json";
            return http.Response.WriteAsync("""{"data":[{"person":"示例甲","months":12,"remark":"x"}]}""");
        };
        Assert.Equal("""{"data":[{"person":"示例甲","months":12}]}""", (await exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/service/v1/persons/42?size=2")).Succeeded("call").Text);
        var call = Assert.Single(bureau.Calls);
        Assert.Equal(("GET /bureau/v1/persons/42?size=2", "desk-secret-5512"), (call.Line, call.Headers["X-Api-Key"]));
        await officer.PressAsync("撤下服务接口");
        Assert.Contains("有部门正在使用此数据", await officer.Page.InnerTextAsync("#errors"), StringComparison.Ordinal);

        // What was described through the API and has no field here is not lost by the form.
        var described = JsonNode.Parse((await api.GetAsync($"{path}/service")).Text)!["service"]!;
        described["response_headers"] = new JsonArray("X-Batch");
        described["most_response_bytes"] = 4321;
        (await api.PutAsync($"{path}/service", new { Service = described }, (await api.GetAsync(path)).ETag)).Succeeded("describe");
        await officer.GoAsync($"/entries/{dataset}/data");
        await officer.Page.FillAsync("#timeout", "7");
        await officer.PressAsync("保存");
        await officer.Page.GetByText("服务接口说明已保存").WaitForAsync();
        var kept = (await api.GetAsync($"{path}/service")).Succeeded("read")["service"];
        Assert.Equal((7, 4321, "X-Batch"), (kept.GetProperty("timeout_seconds").GetInt32(), kept.GetProperty("most_response_bytes").GetInt32(), kept.GetProperty("response_headers")[0].GetString()));

        // One that nobody uses goes.
        var (spare, _) = await exchange.PublishFileEntryAsync("changsha", "service");
        await officer.GoAsync($"/entries/{spare}/data");
        Assert.Equal(0, await officer.Page.GetByRole(AriaRole.Button, new() { Name = "撤下服务接口" }).CountAsync());
        await officer.Page.FillAsync("#address", bureau.Address);
        await officer.Page.FillAsync("#operations", "GET /v1/status");
        await officer.Page.FillAsync("#probe", "/v1/status");
        await officer.PressAsync("保存");
        await officer.PressAsync("撤下服务接口");
        await officer.Page.GetByText("服务接口已撤下").WaitForAsync();
        Assert.Equal(404, (await api.GetAsync($"/api/cities/changsha/datasets/{spare}/service")).Status);
    }

    [Theory]
    [InlineData(true, Traits = ["length", "long"])]
    [InlineData(false, Traits = ["length", "long"])]
    public async Task An_update_gets_more_time_when_the_authority_consents_to_it_and_each_change_has_its_own_form(bool script)
    {
        var name = $"延期核验（示例）{Guid.NewGuid():N}"[..18];
        var dataset = await PublishedAsync(name);
        var api = exchange.Who("changsha", "officer");
        foreach (var (reference, days) in new[] { ("《甲办法》（示例）", -1), ("《乙办法》（示例）", -2) })
        {
            (await api.PostAsync($"/api/cities/changsha/datasets/{dataset}/duty-changes", new { What = "law", ChangedOn = Today(days), Reference = reference })).Succeeded("state");
        }

        await using var officer = await exchange.SignInAsync("changsha-labour-officer", script);
        await officer.GoAsync($"/entries/{dataset}");
        var change = officer.Page.Locator("section[aria-labelledby=duties] > ul > li", new() { HasText = "《乙办法》（示例）" });
        var due = await ShownAsync(change.Locator("time").Last);
        await AskAsync("6", "");
        Assert.Equal(2, await change.Locator("p.error").CountAsync());
        Assert.Equal(2, await officer.Page.Locator("section[aria-labelledby=duties] p.error").CountAsync());
        Assert.Equal("6", await change.Locator("input[type=number]").InputValueAsync());
        Assert.Empty(await officer.Page.EvaluateAsync<string[]>("() => [...document.querySelectorAll('[id]')].map(e => e.id).filter((id, i, all) => all.indexOf(id) !== i)"));
        await officer.CheckAsync();
        await AskAsync("3", "等待实施细则（示例）");
        await officer.Page.GetByText("延期申请已报数据主管部门。").WaitForAsync();
        Assert.Contains("待数据主管部门答复", await change.InnerTextAsync(), StringComparison.Ordinal);

        await using var authority = await exchange.SignInAsync("changsha-authority", script);
        await OpenAsync();
        await authority.CheckAsync();
        await authority.PressAsync("提交答复");
        Assert.Equal(["#consent"], await LinksAsync(authority));
        await authority.Page.CheckAsync("#consent-no");
        await authority.PressAsync("提交答复");
        Assert.Equal(["#reason"], await LinksAsync(authority));
        await authority.CheckAsync();
        await authority.Page.FillAsync("#reason", "细则已经公布（示例）");
        await authority.PressAsync("提交答复");
        await authority.Page.GetByText("已答复不同意延期").WaitForAsync();

        // Denied, it may be asked for anew while there is time; consented to, it is that.
        await officer.GoAsync($"/entries/{dataset}");
        Assert.Contains("未同意，细则已经公布（示例）", await change.InnerTextAsync(), StringComparison.Ordinal);
        Assert.Equal(due, await ShownAsync(change.Locator("time").Last));
        await AskAsync("2", "核对数据项（示例）");
        await officer.Page.GetByText("延期申请已报数据主管部门。").WaitForAsync();
        await OpenAsync();
        var here = authority.Path;
        await authority.Page.CheckAsync("#consent-yes");
        await authority.PressAsync("提交答复");
        await authority.Page.GetByText("已同意延期").WaitForAsync();
        Assert.DoesNotContain(name, await authority.TextAsync(), StringComparison.Ordinal);
        await authority.GoAsync(here);
        Assert.Contains("没有等待答复的延期申请", await authority.TextAsync(), StringComparison.Ordinal);
        await officer.GoAsync($"/entries/{dataset}");
        Assert.Contains("延期 2 个工作日：已同意", await change.InnerTextAsync(), StringComparison.Ordinal);
        Assert.Equal(WorkingDays.Load().Add(due, 2).On, await ShownAsync(change.Locator("time").Last));
        Assert.Equal(0, await change.Locator("details").CountAsync());

        async Task AskAsync(string days, string reason)
        {
            if (await change.Locator("details[open]").CountAsync() == 0)
            {
                await change.Locator("summary").ClickAsync();
            }

            await change.Locator("input[type=number]").FillAsync(days);
            await change.Locator("textarea").FillAsync(reason);
            await officer.MoveAsync(() => change.GetByRole(AriaRole.Button, new() { Name = "报数据主管部门" }).ClickAsync());
        }

        async Task OpenAsync()
        {
            await authority.GoAsync("/authority/consents");
            await authority.FollowAsync(name);
        }
    }

    [Theory]
    [InlineData(true, Traits = ["length", "long"])]
    [InlineData(false, Traits = ["length", "long"])]
    public async Task The_authority_suspends_resumes_and_terminates_and_is_told_what_it_may_not(bool script)
    {
        var id = await exchange.SubmitAsync(await PublishedAsync(rows: true));
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        var program = exchange.Who("zhuzhou", "integrator");
        await using var authority = await exchange.SignInAsync("changsha-authority", script);
        await authority.GoAsync($"/authority/exchanges/{id}");
        await authority.PressAsync("暂停共享");
        Assert.Equal(["#suspend-reason", "#suspend-repair_by"], await LinksAsync(authority));
        await authority.Page.FillAsync("#suspend-reason", "超目的使用（示例）");
        await authority.Page.FillAsync("#suspend-repair_by", Today(-1));
        await authority.PressAsync("暂停共享");
        Assert.Contains("整改期限不得早于今天", await authority.Page.InnerTextAsync("#errors"), StringComparison.Ordinal);
        Assert.Equal(("超目的使用（示例）", Today(-1)), (await authority.Page.InputValueAsync("#suspend-reason"), await authority.Page.InputValueAsync("#suspend-repair_by")));
        Assert.Equal(200, (await program.GetAsync($"/api/cities/changsha/grants/{id}/data")).Status);
        await SuspendAsync();
        Assert.Equal("grant-not-active", (await program.GetAsync($"/api/cities/changsha/grants/{id}/data"))["rule"].GetString());
        Assert.Equal(0, await authority.Page.Locator("#suspend-reason").CountAsync());
        await authority.PressAsync("恢复共享");
        await authority.Page.GetByText("共享已恢复。").WaitForAsync();
        Assert.Equal(200, (await program.GetAsync($"/api/cities/changsha/grants/{id}/data")).Status);

        // For good only when it was not put right: not without a reason, and not before its day or the other side's word.
        await SuspendAsync();
        await authority.PressAsync("终止共享");
        Assert.Equal(["#terminate-reason"], await LinksAsync(authority));
        await authority.Page.FillAsync("#terminate-reason", "整改不合格（示例）");
        await authority.PressAsync("终止共享");
        Assert.Contains("整改期限未到", await authority.Page.InnerTextAsync("#errors"), StringComparison.Ordinal);
        Assert.Equal("整改不合格（示例）", await authority.Page.InputValueAsync("#terminate-reason"));
        await authority.CheckAsync();
        (await exchange.Who("zhuzhou", "officer").PostAsync($"/api/cities/zhuzhou/requests/{id}/report-repair", new { Note = "已删除导出文件（示例）" }, (await exchange.MirrorAsync(id, "suspended")).ETag)).Succeeded("repair");
        await Eventually.GetAsync(() => exchange.ReceivedAsync(id), view => view["suspension"].TryGetProperty("repair", out _), show: view => view.Text);
        await authority.GoAsync($"/authority/exchanges/{id}");
        Assert.Contains("需求方报告：已删除导出文件（示例）", await authority.TextAsync(), StringComparison.Ordinal);
        await authority.Page.FillAsync("#terminate-reason", "整改不合格（示例）");
        await authority.PressAsync("终止共享");
        await authority.Page.GetByText("共享已终止。").WaitForAsync();
        Assert.Equal(0, await authority.Page.Locator("#terminate-reason").CountAsync());
        await authority.CheckAsync();
        await exchange.MirrorAsync(id, "terminated");

        // The two do not agree: each step names what was said, and what comes next is offered.
        await StepAsync("position", "");
        Assert.Equal(["#dispute-text"], await LinksAsync(authority));
        await StepAsync("position", "认为整改不合格（示例）");
        await authority.Page.GetByText("争议进展已登记").WaitForAsync();
        Assert.Equal(["position", "to_superior", "settled"], await authority.Page.Locator("#dispute-kind option").EvaluateAllAsync<string[]>("options => options.map(option => option.value)"));
        await StepAsync("to_superior", "协商不成（示例）");
        Assert.Contains("湖南省数据局", await authority.Page.Locator(".timeline").First.InnerTextAsync(), StringComparison.Ordinal);
        await StepAsync("superior_decision", "维持终止（示例文号）");
        await StepAsync("settled", "按协调意见执行（示例）");
        Assert.Contains("已解决", await authority.Page.InnerTextAsync("h2#dispute"), StringComparison.Ordinal);
        await authority.CheckAsync();

        async Task SuspendAsync()
        {
            await authority.Page.FillAsync("#suspend-reason", "超目的使用（示例）");
            await authority.Page.FillAsync("#suspend-repair_by", Today(10));
            await authority.PressAsync("暂停共享");
            await authority.Page.GetByText("共享已暂停，需求方已收到通知").WaitForAsync();
        }

        async Task StepAsync(string kind, string text)
        {
            if (await authority.Page.Locator("details.panel[open]").CountAsync() == 0)
            {
                await authority.Page.ClickAsync("details.panel summary");
            }

            await authority.Page.SelectOptionAsync("#dispute-kind", kind);
            await authority.Page.FillAsync("#dispute-text", text);
            await authority.PressAsync("登记");
        }
    }

    [Fact, Trait("length", "long")]
    public async Task Pages_that_few_open_are_as_accessible_as_the_others()
    {
        await exchange.ReceivedAsync(await exchange.SubmitAsync(await PublishedAsync()));
        await using (var authority = await exchange.SignInAsync("changsha-authority", english: true))
        {
            foreach (var path in (string[])["/figures", "/figures?period=quarter", "/figures?period=days", "/figures?period=days&from=2026-01-01&to=2026-02-28", "/figures/freshness?city=changsha&state=unknown", "/figures/freshness?city=xiangtan&state=current", "/figures/definitions", "/figures/rows?city=changsha&figure=received"])
            {
                await authority.GoAsync(path);
                await authority.CheckAsync();
            }
        }

        await using (var authority = await exchange.SignInAsync("changsha-authority"))
        {
            foreach (var path in (string[])["/authority/notices", "/authority/calendar", "/figures"])
            {
                await authority.GoAsync(path);
                await authority.CheckAsync();
            }
        }

        await using var database = await exchange.AdminAsync("changsha");
        var record = await database.QueryFirstAsync<Guid>("select event_id from service.audit_openings where name = 'officer' order by event_id desc limit 1");
        await using var asker = await exchange.SignInAsync("case-auditor");
        await asker.GoAsync("/audit/openings/new?service=changsha");
        await asker.CheckAsync();
        await asker.Page.FillAsync("#case_number", "无号");
        await asker.Page.FillAsync("#event_ids", record.ToString());
        await asker.Page.FillAsync("#reason", "核查（示例）");
        await asker.PressAsync("提交申请");
        Assert.Equal(1, await asker.Page.Locator("#case_number-error").CountAsync());
        await asker.CheckAsync();
        await asker.Page.FillAsync("#case_number", "（2026）湘01刑初13号");
        await asker.PressAsync("提交申请");
        await asker.CheckAsync();
        var of = asker.Path;
        foreach (var (approver, english) in new[] { ("changsha-authority", false), ("auditor", true) })
        {
            await using var visitor = await exchange.SignInAsync(approver, english: english);
            await visitor.GoAsync(of);
            await visitor.CheckAsync();
            await visitor.PressAsync(english ? "Approve" : "批准");
            await visitor.CheckAsync();
        }

        await asker.GoAsync(of);
        await asker.PressAsync("读取开封内容");
        Assert.Contains("与承诺相符", await asker.TextAsync(), StringComparison.Ordinal);
        await asker.CheckAsync();
    }

    private async Task<Guid> PublishedAsync(string? name = null, bool rows = false) => (await exchange.PublishAsync("changsha", "conditional", name, rowsToo: rows)).GetProperty("dataset_id").GetGuid();

    /// <summary>Where the summary of faults leads to, in its order.</summary>
    private static async Task<IEnumerable<string>> LinksAsync(Visitor visitor) =>
        await visitor.Page.Locator(".error-summary a").EvaluateAllAsync<string[]>("links => links.map(link => link.getAttribute('href'))");

    /// <summary>The day that a page names, as machines read it there.</summary>
    private static async Task<DateOnly> ShownAsync(ILocator time) => DateOnly.ParseExact((await time.GetAttributeAsync("datetime"))!, "O", CultureInfo.InvariantCulture);

    private static DateOnly DueOf(Answer view, string clock) => DateOnly.ParseExact(view[clock].GetProperty("on").GetString()!, "yyyy-MM-dd", CultureInfo.InvariantCulture);
}
