using System.Text.RegularExpressions;
using Dapper;
using Exchange.Tests.Faults;
using Exchange.Tests.Flow;
using Exchange.Verifier;
using Microsoft.Playwright;

namespace Exchange.Tests.Browser;

/// <summary>An exchange that has its grant, so that both cities, the log and the witnesses have something to say.</summary>
public sealed class AuditedExchange(BrowserFixture exchange) : IAsyncLifetime
{
    internal string Id { get; private set; } = "";

    internal Guid Dataset { get; private set; }

    public async ValueTask InitializeAsync()
    {
        Dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        Id = await exchange.SubmitAsync(Dataset);
        await exchange.GrantAsync(Id);
        await exchange.TimelineAsync(Id, "grant.activated", "decision.received");
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

[Collection(BrowserExchange.Name), Trait("needs", "server")]
public sealed partial class AuditJourneyTests(BrowserFixture exchange, AuditedExchange audited) : IClassFixture<AuditedExchange>
{
    private string Timeline => $"/audit/exchanges/{audited.Id}";

    [Fact]
    public async Task An_auditor_finds_an_exchange_sees_every_line_verified_and_takes_a_proof_that_holds_offline()
    {
        await using var auditor = await exchange.SignInAsync("auditor");
        await auditor.Page.Locator("header nav").GetByRole(AriaRole.Link, new() { Name = "审计" }).ClickAsync();
        await auditor.Page.SelectOptionAsync("#type", "grant.");
        await auditor.Page.SelectOptionAsync("#city", "changsha");
        await auditor.Page.FillAsync("#dataset", audited.Dataset.ToString());
        await auditor.PressAsync("检索");
        await auditor.CheckAsync();
        Assert.Contains("授权生效", await auditor.TextAsync(), StringComparison.Ordinal);
        await auditor.FollowAsync("查看全程");
        Assert.StartsWith(Timeline, auditor.Path, StringComparison.Ordinal);
        await VerifiedAsync(auditor);
        await auditor.CheckAsync();
        var said = await auditor.TextAsync();
        Assert.All((string[])["株洲市", "需求方", "长沙市", "提供方", "申请经本部门共享负责人签批", "授权生效"], word => Assert.Contains(word, said, StringComparison.Ordinal));

        await auditor.Page.Locator(".records details").First.Locator("summary").ClickAsync();
        var download = await auditor.Page.RunAndWaitForDownloadAsync(() => auditor.Page.Locator(".records details").First.GetByRole(AriaRole.Link, new() { NameRegex = Take() }).ClickAsync());
        Assert.EndsWith(".tlog-proof", download.SuggestedFilename, StringComparison.Ordinal);
        Assert.Equal(0, await VerifyAsync("proof", await File.ReadAllBytesAsync((await download.PathAsync())!)));
        var report = await auditor.Page.RunAndWaitForDownloadAsync(() => auditor.Page.GetByRole(AriaRole.Button, new() { Name = "导出全程（签名报告）" }).ClickAsync());
        var bytes = await File.ReadAllBytesAsync((await report.PathAsync())!);
        Assert.Equal(0, await VerifyAsync("report", bytes));
        bytes[bytes.Length / 2] ^= 1;
        Assert.Equal(1, await VerifyAsync("report", bytes));
    }

    [Fact]
    public async Task What_somebody_altered_in_the_log_or_in_its_index_is_not_verified_and_says_why()
    {
        await using var auditor = await exchange.SignInAsync("auditor", script: false);
        await VerifiedAsync(auditor);
        await using var database = await exchange.AdminAsync("audit");
        var (year, idx, bytes) = await database.QuerySingleAsync<(int, long, byte[])>("select l.year, l.idx, l.bytes from service.leaves l join service.records r using (year, idx) where r.exchange_id = @id and r.type = 'grant.activated'", new { id = Guid.Parse(audited.Id) });
        var line = auditor.Page.Locator(".records > li", new() { HasText = "授权生效" });
        try
        {
            await database.ExecuteAsync("update service.leaves set bytes = convert_to(replace(convert_from(bytes, 'UTF8'), 'grant.activated', 'grant.suspended'), 'UTF8') where year = @year and idx = @idx", new { year, idx });
            await auditor.GoAsync(Timeline);
            Assert.Contains("未通过核验", await line.InnerTextAsync(), StringComparison.Ordinal);
            Assert.Contains("与检查点不符", await line.InnerTextAsync(), StringComparison.Ordinal);
            Assert.Contains("有 1 条记录未通过核验", await auditor.TextAsync(), StringComparison.Ordinal);
            await auditor.CheckAsync();
        }
        finally
        {
            await database.ExecuteAsync("update service.leaves set bytes = @bytes where year = @year and idx = @idx", new { year, idx, bytes });
        }

        try
        {
            await database.ExecuteAsync("update service.records set result = 'refused' where year = @year and idx = @idx", new { year, idx });
            await auditor.GoAsync(Timeline);
            Assert.Contains("与日志中经核验的原文不一致", await line.InnerTextAsync(), StringComparison.Ordinal);
        }
        finally
        {
            await database.ExecuteAsync("update service.records set result = (select convert_from(l.bytes, 'UTF8')::jsonb -> 'event' ->> 'result' from service.leaves l where l.year = @year and l.idx = @idx) where year = @year and idx = @idx", new { year, idx });
        }

        await VerifiedAsync(auditor);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false, Traits = ["length", "long"])]
    public async Task A_party_sees_the_timeline_of_its_own_exchange_and_nobody_elses(bool english)
    {
        await using var officer = await exchange.SignInAsync("zhuzhou-labour-officer", script: english, english: english);
        await VerifiedAsync(officer, english ? "Verified" : "已核验");
        await officer.CheckAsync();
        await using var stranger = await exchange.SignInAsync("changsha-police-officer", script: false, english: english);
        await stranger.GoAsync(Timeline, 404);
        await stranger.GoAsync("/audit/flags", 403);
        await using var nobody = await exchange.VisitAsync(script: false, english: english);
        await nobody.GoAsync(Timeline);
        Assert.StartsWith("/sign-in", nobody.Path, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_record_commits_to_is_opened_by_two_persons_without_script()
    {
        await using var database = await exchange.AdminAsync("changsha");
        var record = await database.QueryFirstAsync<Guid>("select event_id from service.audit_openings where name = 'signed_by' or name = 'officer' or name = 'proposed_by' order by event_id desc limit 1");
        await using var asker = await exchange.SignInAsync("case-auditor", script: false);
        await asker.GoAsync("/audit");
        Assert.Equal("/audit/openings", asker.Path);
        await asker.GoAsync("/audit/openings/new?service=changsha");
        await asker.CheckAsync();
        await asker.Page.FillAsync("#case_number", "无号");
        await asker.Page.FillAsync("#event_ids", $"{record}\nabc");
        await asker.Page.FillAsync("#reason", "核查（示例）");
        await asker.PressAsync("提交申请");
        Assert.Contains("第 2 条", await asker.Page.InnerTextAsync(".error-summary"), StringComparison.Ordinal);
        Assert.Contains("请填写案号", await asker.Page.InnerTextAsync("#case_number-error"), StringComparison.Ordinal);
        Assert.Equal("核查（示例）", await asker.Page.InputValueAsync("#reason"));
        await asker.CheckAsync();
        await asker.Page.FillAsync("#case_number", "（2026）湘01刑初12号");
        await asker.Page.FillAsync("#event_ids", record.ToString());
        await asker.PressAsync("提交申请");
        var path = asker.Path;
        Assert.Contains("待批准", await asker.TextAsync(), StringComparison.Ordinal);
        Assert.Equal(0, await asker.Page.GetByRole(AriaRole.Button, new() { Name = "批准" }).CountAsync());

        foreach (var approver in (string[])["changsha-authority", "auditor"])
        {
            await using var visitor = await exchange.SignInAsync(approver, script: false);
            await visitor.GoAsync("/audit/openings?service=changsha");
            await visitor.CheckAsync();
            await visitor.FollowAsync("（2026）湘01刑初12号");
            await visitor.GoAsync(path);
            await visitor.CheckAsync();
            Assert.Equal(0, await visitor.Page.GetByRole(AriaRole.Button, new() { Name = "读取开封内容" }).CountAsync());
            await visitor.PressAsync("批准");
        }

        await asker.GoAsync(path);
        Assert.Contains("已批准", await asker.TextAsync(), StringComparison.Ordinal);
        await asker.PressAsync("读取开封内容");
        Assert.Contains("与承诺相符", await asker.TextAsync(), StringComparison.Ordinal);
        await asker.CheckAsync();

        await using var auditor = await exchange.SignInAsync("auditor", script: false);
        await auditor.GoAsync(path);
        await auditor.Page.Locator("summary", new() { HasText = "收回批准" }).ClickAsync();
        await auditor.Page.FillAsync("#reason", "案件已结（示例）");
        await auditor.PressAsync("确认");
        Assert.Contains("案件已结（示例）", await auditor.TextAsync(), StringComparison.Ordinal);
        await asker.PressAsync("读取开封内容");
        Assert.Contains("开封期限已过", await asker.Page.InnerTextAsync(".error-summary"), StringComparison.Ordinal);
    }

    [Theory, Trait("length", "long")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Every_page_of_the_audit_can_be_used_by_anyone_who_may(bool english)
    {
        await using var auditor = await exchange.SignInAsync("auditor", english: english);
        foreach (var page in (string[])["/audit?type=nonsense.", "/audit/exchanges?city=changsha&from=2026-01-01", "/audit/gaps", "/audit/flags", "/audit/openings?service=audit", "/audit/erasures"])
        {
            await auditor.GoAsync(page);
            await auditor.CheckAsync();
        }

        foreach (var wrong in (string[])["/audit?from=yesterday&dataset=x", "/audit/flags?kind=none", "/audit/gaps?from=2020-01-01&to=2026-01-01"])
        {
            await auditor.GoAsync(wrong, 422);
            Assert.True(await auditor.Page.Locator(".error-summary a").CountAsync() > 0, wrong);
            await auditor.CheckAsync();
        }

        await auditor.GoAsync("/audit/openings?service=nowhere", 404);
        await auditor.GoAsync("/audit/exchanges/01900000-0000-7000-8000-000000000000", 404);
    }

    [Fact]
    public async Task Filters_are_kept_under_a_name_and_what_they_find_is_taken_away_without_script()
    {
        await using var auditor = await exchange.SignInAsync("auditor", script: false);
        await auditor.GoAsync($"/audit?exchange={audited.Id}&type=grant.");
        await auditor.Page.FillAsync("#name", "授权（示例）");
        await auditor.PressAsync("保存");
        await auditor.GoAsync("/audit");
        await auditor.FollowAsync("授权（示例）");
        Assert.Equal(audited.Id, await auditor.Page.InputValueAsync("#exchange"));
        await auditor.Page.FillAsync("#name", "授权（示例）");
        await auditor.PressAsync("保存");
        Assert.Contains("同名", await auditor.Page.InnerTextAsync("#name-error"), StringComparison.Ordinal);
        await auditor.PressAsync("删除 授权（示例）");
        Assert.Equal(0, await auditor.Page.GetByRole(AriaRole.Link, new() { Name = "授权（示例）" }).CountAsync());

        await auditor.GoAsync($"/audit?exchange={audited.Id}");
        var table = await auditor.Page.RunAndWaitForDownloadAsync(() => auditor.Page.GetByRole(AriaRole.Button, new() { Name = "导出表格（CSV）" }).ClickAsync());
        var csv = await File.ReadAllTextAsync((await table.PathAsync())!);
        Assert.Contains("grant.activated", csv, StringComparison.Ordinal);
        Assert.DoesNotContain("dataset.published", csv, StringComparison.Ordinal);
    }

    /// <summary>Once the witnesses have signed what covers the exchange, which takes a second or so.</summary>
    private async Task VerifiedAsync(Visitor visitor, string word = "已核验")
    {
        await Eventually.GetAsync(
            async () =>
            {
                await visitor.GoAsync(Timeline);
                return (Lines: await visitor.Page.Locator(".records > li").CountAsync(), Good: await visitor.Page.Locator(".records .tag.good", new() { HasText = word }).CountAsync());
            },
            seen => seen.Lines > 5 && seen.Lines == seen.Good,
            show: seen => $"{seen.Good} of {seen.Lines} verified");
    }

    private async Task<int> VerifyAsync(string command, byte[] file)
    {
        var folder = Directory.CreateTempSubdirectory("exchange-portal-audit-");
        try
        {
            var (trust, given) = (Path.Combine(folder.FullName, "trust.json"), Path.Combine(folder.FullName, "given"));
            await Exchange.Local.Trust.WriteAsync(trust, exchange.Stack, default);
            await File.WriteAllBytesAsync(given, file);
            return new Commands(TextWriter.Null, TextWriter.Null).Run([command, given, "--trust", trust]);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [GeneratedRegex("^取走证明")]
    private static partial Regex Take();
}
