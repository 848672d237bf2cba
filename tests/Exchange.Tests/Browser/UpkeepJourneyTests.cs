using System.Globalization;
using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Local;
using Exchange.Tests.Faults;
using Exchange.Tests.Flow;
using Exchange.Tests.Harvest;
using Microsoft.Playwright;
using RabbitMQ.Client;

namespace Exchange.Tests.Browser;

/// <summary>An exchange of its own for tests that stop its processes and move its clocks under people's hands.</summary>
[CollectionDefinition(Name)]
public sealed class UpkeptExchange : ICollectionFixture<UpkeptFixture>
{
    public const string Name = "browser and upkeep";
}

public sealed class UpkeptFixture : BrowserFixture
{
    /// <summary>Settings of foreign catalogues; there are none at first.</summary>
    internal string Sources { get; } = Directory.CreateTempSubdirectory("sources").FullName;

    private protected override StackOptions Options()
    {
        var options = base.Options();
        return options with { Settings = new Dictionary<string, string>(options.Settings, StringComparer.Ordinal) { ["Gateway__SourcesFolder"] = Sources } };
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(Sources, recursive: true);
        GC.SuppressFinalize(this);
    }
}

/// <summary>What happens rarely: a service comes to its agreed end, the year turns, operators mend what was set aside.</summary>
[Collection(UpkeptExchange.Name), Trait("needs", "server"), Trait("length", "long")]
public sealed class UpkeepJourneyTests(UpkeptFixture exchange)
{
    [Fact]
    public async Task A_service_ends_after_consultation_and_filing_on_the_day_that_was_named()
    {
        var id = await exchange.SubmitAsync((await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid());
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        var program = exchange.Who("zhuzhou", "integrator");
        await using (var head = await exchange.SignInAsync("changsha-labour-sharing-head"))
        {
            await head.GoAsync($"/approvals/{id}");
            await ActAsync(head, "consult", "发起协商");
            Assert.Equal(["#consult-kind", "#consult-reason", "#consult-effective_on"], await head.Page.Locator(".error-summary a").EvaluateAllAsync<string[]>("links => links.map(link => link.getAttribute('href'))"));
            await head.Page.SelectOptionAsync("#consult-kind", "end");
            await head.Page.FillAsync("#consult-reason", "系统停用（示例）");
            await head.Page.FillAsync("#consult-effective_on", Day(0));
            await ActAsync(head, "consult", "发起协商");
            Assert.Contains("生效日须在今天之后", await head.Page.InnerTextAsync("#errors"), StringComparison.Ordinal);
            Assert.Equal("end", await head.Page.InputValueAsync("#consult-kind"));
            await head.CheckAsync();
            await head.Page.FillAsync("#consult-effective_on", Day(1));
            await ActAsync(head, "consult", "发起协商");
            await head.Page.GetByText("协商意见已发送申请方").WaitForAsync();
            Assert.Equal(0, await head.Page.Locator("#act-consult, #act-end-service").CountAsync());
            await ActAsync(head, "file", "备案");
            Assert.Contains("需求方尚未答复", await head.Page.InnerTextAsync("#errors"), StringComparison.Ordinal);

            var asked = await Eventually.GetAsync(() => exchange.MirrorAsync(id, "active"), view => view.Json.TryGetProperty("consultation", out _), show: view => view.Text);
            (await exchange.Who("zhuzhou", "sharing_head").PostAsync($"/api/cities/zhuzhou/requests/{id}/answer-consultation", new { Agree = true, Answer = "已另行取得数据（示例）" }, asked.ETag)).Succeeded("answer");
            await Eventually.GetAsync(() => exchange.ReceivedAsync(id), view => view["consultation"].TryGetProperty("answered_at", out _), show: view => view.Text);
            await head.GoAsync($"/approvals/{id}");
            Assert.Contains("同意：已另行取得数据（示例）", await head.TextAsync(), StringComparison.Ordinal);
            await ActAsync(head, "file", "备案");
            await head.Page.GetByText("已向数据主管部门备案").WaitForAsync();
            // Not before its day, and until then data flows.
            await ActAsync(head, "end-service", "结束服务");
            Assert.Contains("到生效日后再办理", await head.Page.InnerTextAsync("#errors"), StringComparison.Ordinal);
            await head.CheckAsync();
            Assert.Equal(200, (await program.GetAsync($"/api/cities/changsha/grants/{id}/data")).Status);
        }

        await exchange.MoveClockAsync(TimeSpan.FromDays(2));
        try
        {
            await using var head = await exchange.SignInAsync("changsha-labour-sharing-head", script: false);
            await head.GoAsync($"/approvals/{id}");
            await ActAsync(head, "end-service", "结束服务");
            await head.Page.GetByText("服务已结束。").WaitForAsync();
            await head.CheckAsync();
            await exchange.MirrorAsync(id, "ended");
            Assert.Equal("grant-not-active", (await exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/data"))["rule"].GetString());
        }
        finally
        {
            await exchange.MoveClockAsync(TimeSpan.Zero);
        }

        static async Task ActAsync(Visitor head, string act, string button)
        {
            if (await head.Page.Locator($"#act-{act}[open]").CountAsync() == 0)
            {
                await head.Page.Locator($"#act-{act} > summary").ClickAsync();
            }

            await head.PressAsync(button, $"#act-{act}");
        }
    }

    [Fact]
    public async Task The_notice_for_the_next_year_is_loaded_as_people_copy_it_and_days_are_counted_anew()
    {
        var last = (await exchange.Who("changsha", "officer").GetAsync("/api/cities/changsha/calendar")).Succeeded("calendar")["years"].EnumerateArray().Max(year => year.GetProperty("year").GetInt32());
        var next = last + 1;
        var sunday = Enumerable.Range(4, 7).Select(day => new DateOnly(next, 1, day)).First(day => day.DayOfWeek == DayOfWeek.Sunday);
        await exchange.MoveClockAsync(new DateTimeOffset(last, 12, 22, 2, 0, 0, TimeSpan.Zero) - DateTimeOffset.UtcNow);
        try
        {
            var id = await exchange.SubmitAsync((await exchange.PublishAsync("changsha", "conditional", rowsToo: false)).GetProperty("dataset_id").GetGuid());
            await exchange.ReceivedAsync(id);
            await using var reviewer = await exchange.SignInAsync("changsha-labour-reviewer");
            await reviewer.GoAsync($"/approvals/{id}");
            Assert.Contains("暂定", await reviewer.Page.InnerTextAsync(".meta"), StringComparison.Ordinal);

            await using var authority = await exchange.SignInAsync("changsha-authority");
            await authority.GoAsync("/authority/calendar");
            await authority.Page.FillAsync("#year", "明年");
            await authority.Page.FillAsync("#off", $"{next}/1/1\n元旦，{next}-02-30");
            await authority.Page.FillAsync("#work", "周日");
            await authority.PressAsync("载入");
            Assert.Equal(["#off", "#off", "#source", "#work", "#year"], await LinksAsync(authority));
            Assert.Matches("“元旦”不是日期.*02-30”不是日期", await authority.Page.InnerTextAsync("#off-error"));
            Assert.Equal($"{next}/1/1\n元旦，{next}-02-30", await authority.Page.InputValueAsync("#off"));
            await authority.CheckAsync();

            // Days that can be read but make no notice: the city names them all.
            await authority.Page.FillAsync("#year", $"{next}");
            await authority.Page.FillAsync("#off", $"{next}/1/1, {last}/5/1");
            await authority.Page.FillAsync("#work", $"{next}/1/1、{sunday.AddDays(1):yyyy-MM-dd}");
            await authority.PressAsync("载入");
            Assert.Equal(["#off", "#source", "#work"], (await LinksAsync(authority)).Distinct());
            Assert.Contains("属于另一年", await authority.Page.InnerTextAsync("#off-error"), StringComparison.Ordinal);
            Assert.Contains("既放假又上班", await authority.Page.InnerTextAsync("#work-error"), StringComparison.Ordinal);
            Assert.Contains("不是周末", await authority.Page.InnerTextAsync("#work-error"), StringComparison.Ordinal);
            Assert.Equal(0, await authority.Page.Locator($"#year-{next}").CountAsync());

            await authority.Page.FillAsync("#off", $"{next}/1/1\n{next}-01-02，{next}年1月3日");
            await authority.Page.FillAsync("#work", $"{sunday:yyyy.M.d}");
            await authority.Page.FillAsync("#source", "示例：虚构的放假安排，仅供测试");
            await authority.PressAsync("载入");
            await authority.Page.GetByText($"{next} 年放假安排已载入").WaitForAsync();
            var loaded = await authority.Page.InnerTextAsync($"[aria-labelledby=year-{next}]");
            Assert.Matches("(?s)已载入.*1月1日–1月3日.*共 3 天.*1月", loaded);
            await authority.CheckAsync();

            // The page that somebody has open tells it by itself.
            await reviewer.Page.Locator(".meta .tag", new() { HasText = "暂定" }).WaitForAsync(new() { State = WaitForSelectorState.Detached, Timeout = 30_000 });
            var calendar = WorkingDays.Load();
            calendar.Take([new CalendarYear { Year = next, Off = [.. Enumerable.Range(1, 3).Select(day => new DateOnly(next, 1, day))], Work = [sunday], Source = "示例" }]);
            Assert.Equal(calendar.Add(new DateOnly(last, 12, 22), 10).On.ToString("O", CultureInfo.InvariantCulture), await reviewer.Page.Locator(".meta time").GetAttributeAsync("datetime"));
        }
        finally
        {
            await exchange.MoveClockAsync(TimeSpan.Zero);
        }

        static async Task<IEnumerable<string>> LinksAsync(Visitor visitor) =>
            (await visitor.Page.Locator(".error-summary a").EvaluateAllAsync<string[]>("links => links.map(link => link.getAttribute('href'))")).Order(StringComparer.Ordinal);
    }

    [Fact]
    public async Task An_operator_reads_a_foreign_catalogue_confirms_its_removals_and_takes_it_away()
    {
        await using var portal = await FakeSource.StartAsync();
        portal.Entries.AddRange(Enumerable.Range(1, 4).Select(n => new ForeignEntry($"e{n}", $"外部水文站{n}")));
        var settings = Path.Combine(exchange.Sources, "portal.json");
        try
        {
            await File.WriteAllTextAsync(settings, $$$"""
                {"source":"portal","name":"示例门户","name_en":"Sample portal","kind":"data_json","address":"{{{portal.Address}}}/data.json","allow":["127.0.0.0/8"],"pause":"00:00:00",
                 "department":{"code":"11430100EXAMPL100F","name":"示例局"},"defaults":{"open_to_society":true}}
                """);
            await RestartAsync();
            await using (var visitor = await exchange.SignInAsync("exchange-operator"))
            {
                await visitor.GoAsync("/status");
                await ShownAsync(visitor, 4);
                portal.Entries.Add(new ForeignEntry("e5", "外部水文站5"));
                await visitor.PressAsync("立即读取 portal");
                Assert.Contains("已安排读取", await visitor.Page.InnerTextAsync(".notice.good"), StringComparison.Ordinal);
                // The result comes to the page by itself.
                await ShownAsync(visitor, 5);
                await visitor.CheckAsync();

                portal.Entries.Clear();
                await visitor.PressAsync("立即读取 portal");
                await Eventually.GetAsync(() => visitor.Page.InnerTextAsync("[aria-labelledby=source-portal]"), text => text.Contains("来源不再包含 5 条目录", StringComparison.Ordinal), show: text => text);
                Assert.Equal(5, await visitor.Page.Locator("[aria-labelledby=source-portal] li").CountAsync());
                await visitor.CheckAsync();
                Assert.Equal(5, await FoundAsync());
                await visitor.PressAsync("确认移除 portal");
                Assert.Contains("已确认移除", await visitor.Page.InnerTextAsync(".notice.good"), StringComparison.Ordinal);
                await ShownAsync(visitor, 0);
                Assert.Equal(0, await visitor.Page.Locator("[aria-labelledby=source-portal] .notice.warn").CountAsync());
                await Eventually.TrueAsync(async () => await FoundAsync() == 0);

                portal.Entries.Add(new ForeignEntry("e6", "外部水文站6"));
                await visitor.PressAsync("立即读取 portal");
                await ShownAsync(visitor, 1);
            }

            // Out of the settings, its entries stay until somebody takes them away.
            File.Delete(settings);
            await RestartAsync();
            await using (var visitor = await exchange.SignInAsync("exchange-operator", script: false))
            {
                await visitor.GoAsync("/status");
                Assert.Contains("该来源已从设置中移除", await visitor.TextAsync(), StringComparison.Ordinal);
                Assert.Equal(1, await FoundAsync());
                await visitor.CheckAsync();
                await visitor.PressAsync("撤下其目录 portal");
                Assert.Contains("该来源的目录已撤下", await visitor.Page.InnerTextAsync(".notice.good"), StringComparison.Ordinal);
                Assert.Contains("没有接入外部目录", await visitor.TextAsync(), StringComparison.Ordinal);
                await Eventually.TrueAsync(async () => await FoundAsync() == 0);
            }
        }
        finally
        {
            if (File.Exists(settings))
            {
                File.Delete(settings);
                await RestartAsync();
            }
        }

        async Task RestartAsync()
        {
            await exchange.Stack.StopAsync("gateway");
            await exchange.Stack.StartAsync("gateway");
            exchange.SignOut();
        }

        static Task ShownAsync(Visitor visitor, int entries) => visitor.Page.Locator($"[aria-labelledby=source-portal] dl > div:has(dt:text-is('目录条目')):has(dd:text-is('{entries}'))").WaitForAsync();

        async Task<int> FoundAsync() => (await exchange.Who("changsha", "officer").GetAsync($"/api/catalogue/datasets?q={Uri.EscapeDataString("外部水文站")}")).Succeeded("search")["total"].GetInt32();
    }

    [Fact]
    public async Task An_operator_has_the_catalogue_read_anew_and_sees_when_it_is_there()
    {
        await exchange.PublishAsync("xiangtan", "unconditional", rowsToo: false);
        await using var gateway = await exchange.AdminAsync("gateway");
        await using var visitor = await exchange.SignInAsync("exchange-operator", english: true);
        var row = visitor.Page.Locator("#city-table tbody tr:has(th:text-is('Xiangtan'))");
        await Eventually.TrueAsync(async () =>
        {
            await visitor.GoAsync("/status");
            return (await row.InnerTextAsync()).Contains("live", StringComparison.Ordinal);
        });
        // One city stands still, so that it can be seen that its part is still to come.
        exchange.Stack.Pause("xiangtan");
        try
        {
            await visitor.Page.GetByText("Rebuild the catalogue", new() { Exact = true }).ClickAsync();
            await visitor.PressAsync("Pull anew");
            Assert.Contains("The catalogue is being pulled anew", await visitor.Page.InnerTextAsync(".notice.good"), StringComparison.Ordinal);
            Assert.True(await gateway.ExecuteScalarAsync<bool>("select rebuild_wanted or rebuilding from service.city_feeds where city = 'xiangtan'"));
            await visitor.CheckAsync();
        }
        finally
        {
            exchange.Stack.Resume("xiangtan");
        }

        await Eventually.TrueAsync(() => gateway.ExecuteScalarAsync<bool>("select not exists (select from service.city_feeds where rebuild_wanted or rebuilding)"));
        await Eventually.TrueAsync(async () =>
        {
            await visitor.GoAsync("/status");
            return (await row.InnerTextAsync()).Contains("live", StringComparison.Ordinal);
        });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_operator_puts_back_what_was_set_aside_and_it_has_its_effect(bool script)
    {
        await using var sender = await exchange.AdminAsync("zhuzhou");
        await using var addressee = await exchange.AdminAsync("changsha");
        Guid[] sent;
        await exchange.Stack.StopAsync("changsha");
        try
        {
            sent = await OutboxRows.SendAsync(sender, "zhuzhou", "changsha", 2);
            await exchange.DrainedAsync("zhuzhou");
            await using var connection = await new ConnectionFactory { Uri = new Uri(exchange.Stack.BrokerUri("changsha")), AutomaticRecoveryEnabled = false }.CreateConnectionAsync();
            await using var channel = await connection.CreateChannelAsync();
            await channel.BasicRejectAsync((await channel.BasicGetAsync("changsha.addressed", autoAck: false))!.DeliveryTag, requeue: false);
            await Eventually.TrueAsync(async () => await exchange.QueueDepthAsync("changsha.dead") == 1);
        }
        finally
        {
            await exchange.Stack.StartAsync("changsha");
        }

        await Eventually.TrueAsync(async () => await OutboxRows.ArrivedAsync(addressee, sent) == 1);
        await using (var other = await exchange.SignInAsync("zhuzhou-operator", script: false))
        {
            await other.GoAsync("/status");
            Assert.Equal(0, await other.Page.Locator("[data-service=changsha] button").CountAsync());
        }

        await using var visitor = await exchange.SignInAsync("changsha-operator", script);
        await visitor.GoAsync("/status");
        var row = visitor.Page.Locator("[data-service=changsha] tr:has(th:has-text('changsha.dead'))");
        // What is set aside between the page and its first look is told too.
        Assert.Matches("&seen=[0-9a-f]{16}$", await visitor.Page.GetAttributeAsync("main", "data-live"));
        Assert.Matches("(?s)搁置：投递次数过多.*1.*放回原队列", await row.InnerTextAsync());
        await visitor.CheckAsync();
        await visitor.PressAsync("放回原队列 changsha.dead");
        Assert.Contains("消息已放回原队列", await visitor.Page.InnerTextAsync(".notice.good"), StringComparison.Ordinal);
        await Eventually.TrueAsync(async () => await OutboxRows.ArrivedAsync(addressee, sent) == 2);
        await visitor.GoAsync("/status");
        Assert.Equal("0", (await row.Locator("td.number").InnerTextAsync()).Trim());
        Assert.Equal(0, await row.Locator("button").CountAsync());
        await exchange.NothingSetAsideAsync();
        await OutboxRows.ForgetAsync(addressee);
    }

    /// <summary>By the real clock, in Beijing.</summary>
    private static string Day(int more) => LegalDay.Of(DateTimeOffset.UtcNow).AddDays(more).ToString("O", CultureInfo.InvariantCulture);
}
