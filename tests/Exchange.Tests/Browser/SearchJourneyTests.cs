using System.Text.Json;
using System.Web;
using Microsoft.Playwright;

namespace Exchange.Tests.Browser;

/// <summary>What anyone does without signing in, and what a department's people see more: searching, an entry, the cities.</summary>
[Collection(BrowserExchange.Name), Trait("needs", "server")]
public sealed class SearchJourneyTests(BrowserFixture exchange)
{
    private static string Unique() => $"浏览核验{Guid.NewGuid():N}"[..14];

    /// <summary>Shown by the catalogue of all cities.</summary>
    private async Task<Guid> PublishAsync(string name, string sharing = "conditional", bool open = false)
    {
        var officer = exchange.Who("changsha", "officer");
        var draft = (await officer.PostAsync("/api/cities/changsha/datasets", new
        {
            Name = name,
            DepartmentCode = officer.Account.Department!,
            Abstract = $"{name}的摘要：<script>alert(1)</script> \"'><img src=x onerror=alert(1)> [链接](javascript:alert(1))",
            Theme = "C0300",
            Format = "table",
            UpdateFrequency = "monthly",
            SharingType = sharing,
            SharingConditions = sharing == "conditional" ? "共享范围：人社部门；使用用途：转移接续" : null,
            SharingMethod = "rows",
            OpenToSociety = open,
            Classification = "general",
            Grade = 1,
            Fields = new object[] { new { Name = "person", Title = "</script><b>姓名</b>", Type = "C", Length = 50, Personal = true }, new { Name = "months", Title = "缴费月数", Type = "I" } },
        })).Succeeded("draft");
        var id = draft["dataset_id"].GetGuid();
        (await exchange.ReviewAsync("changsha", id, draft.ETag)).Succeeded("publish");
        await Eventually.GetAsync(() => officer.GetAsync($"/api/catalogue/datasets/{id}"), a => a.Status == 200, show: a => a.Text);
        return id;
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true, Traits = ["length", "long"])]
    public async Task Anyone_searches_narrows_and_opens_an_entry(bool script, bool english)
    {
        var name = Unique();
        await PublishAsync(name + "甲", "unconditional", open: true);
        var hidden = await PublishAsync(name + "乙");
        await using var visitor = await exchange.VisitAsync(script, english);
        await visitor.GoAsync("/");
        await visitor.Page.FillAsync("#q", name);
        await visitor.MoveAsync(() => visitor.Page.Keyboard.PressAsync("Enter"));
        Assert.Equal(name, HttpUtility.ParseQueryString(new Uri(visitor.Page.Url).Query)["q"]);
        await visitor.CheckAsync();
        // Only what is open to society is there without signing in, and only that is counted.
        Assert.Equal(1, await visitor.Page.Locator(".results > li").CountAsync());

        await visitor.Page.Locator("#city-changsha").CheckAsync();
        if (!script)
        {
            await visitor.PressAsync(english ? "Apply filters" : "应用筛选");
        }

        await visitor.Page.WaitForURLAsync("**city=changsha**");
        await visitor.Page.Locator(".chips.picked a").First.WaitForAsync();
        Assert.Equal(1, await visitor.Page.Locator(".results > li").CountAsync());
        await visitor.FollowAsync(name + "甲");
        await visitor.CheckAsync();
        Assert.Equal(name + "甲", await visitor.Page.InnerTextAsync("h1"));
        Assert.Equal("zh-CN", await visitor.Page.GetAttributeAsync("h1", "lang"));

        // Back to the search as it was left, and forward again.
        await visitor.MoveAsync(() => visitor.Page.GoBackAsync());
        await visitor.Page.Locator("#city-changsha:checked").WaitForAsync();
        await visitor.MoveAsync(() => visitor.Page.GoForwardAsync());
        await visitor.Page.Locator("h1[lang]").WaitForAsync();
        await visitor.GoAsync($"/datasets/{hidden}", 404);
        await visitor.GoAsync($"/datasets/{hidden}/history", 404);
    }

    [Fact]
    public async Task A_search_without_a_result_says_what_to_try()
    {
        await using var visitor = await exchange.VisitAsync();
        await visitor.GoAsync("/search?q=%E6%B2%A1%E6%9C%89%E7%9A%84%E8%AF%8D%E9%BE%98&city=changsha");
        await visitor.CheckAsync();
        await visitor.Page.GetByText("没有找到相符的目录条目").WaitForAsync();
        await visitor.FollowAsync("去掉筛选条件后再查");
        Assert.DoesNotContain("city=", visitor.Page.Url, StringComparison.Ordinal);
        await visitor.GoAsync("/search?q=" + new string('a', 201), 422);
        await visitor.CheckAsync();
        Assert.StartsWith("错误：", await visitor.Page.TitleAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true, Traits = ["length", "long"])]
    public async Task Each_page_of_an_entry_shows_its_text_as_text(bool english)
    {
        var name = Unique();
        var id = await PublishAsync(name);
        await using var officer = await exchange.SignInAsync("zhuzhou-labour-officer", english: english);
        foreach (var part in (string[])["", "/preview", "/quality", "/history", "/use"])
        {
            await officer.GoAsync($"/datasets/{id}{part}");
            await officer.CheckAsync();
            Assert.Equal(name, await officer.Page.InnerTextAsync("h1"));
        }

        await officer.GoAsync($"/datasets/{id}");
        Assert.Contains("<script>alert(1)</script>", await officer.TextAsync(), StringComparison.Ordinal);
        Assert.Equal(0, await officer.Page.Locator("main img, main b, main a[href^='javascript']").CountAsync());
        // What search engines read is whole, and says the same.
        var data = JsonSerializer.Deserialize<JsonElement>((await officer.Page.Locator("script[type='application/ld+json']").TextContentAsync())!);
        Assert.Equal(name, data.GetProperty("name").GetString());
        Assert.Contains("</script><b>姓名</b>", data.GetProperty("keywords").EnumerateArray().Select(k => k.GetString()));
        await officer.Page.GetByRole(AriaRole.Link, new() { Name = english ? "Ask for this data" : "申请使用" }).WaitForAsync();

        // Its own people are not asked to ask.
        await using var own = await exchange.SignInAsync("changsha-labour-officer", english: english);
        await own.GoAsync($"/datasets/{id}");
        await own.Page.GetByRole(AriaRole.Link, new() { Name = english ? "Edit this entry" : "维护本条目" }).WaitForAsync();
    }

    [Fact]
    public async Task The_history_tells_what_changed_from_version_to_version()
    {
        var id = (await exchange.PublishAsync("changsha", "conditional", rowsToo: false)).GetProperty("dataset_id").GetGuid();
        await exchange.RepublishAsync("changsha", id, "unconditional");
        var second = await Eventually.GetAsync(() => exchange.Who("zhuzhou", "officer").GetAsync($"/api/catalogue/datasets/{id}"), a => a.Status == 200 && a["version"].GetInt32() == 2, show: a => a.Text);
        await using var officer = await exchange.SignInAsync("zhuzhou-labour-officer");
        await officer.GoAsync($"/datasets/{id}/history");
        await officer.CheckAsync();
        Assert.Equal("有条件共享", await officer.Page.Locator("div:has(> dt:text-is('共享类型')) del").InnerTextAsync());
        Assert.Equal("无条件共享", await officer.Page.Locator("div:has(> dt:text-is('共享类型')) ins").InnerTextAsync());
        Assert.Equal(2, await officer.Page.Locator(".timeline > li").CountAsync());
        Assert.Equal(200, second.Status);
    }

    [Fact]
    public async Task The_code_to_copy_works_as_it_stands()
    {
        var name = Unique();
        var id = await PublishAsync(name, "unconditional", open: true);
        await using var visitor = await exchange.VisitAsync();
        await visitor.GoAsync($"/datasets/{id}/use");
        var command = await visitor.Page.Locator("pre[data-language=bash]").First.InnerTextAsync();
        using var shell = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("bash", ["-c", command]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        var said = await shell.StandardOutput.ReadToEndAsync();
        await shell.WaitForExitAsync();
        Assert.Equal(name, JsonSerializer.Deserialize<JsonElement>(said).GetProperty("name").GetString());
        await visitor.Page.Context.GrantPermissionsAsync(["clipboard-read", "clipboard-write"]);
        await visitor.Page.Locator(".copy button").First.ClickAsync();
        await visitor.Page.GetByText("已复制").WaitForAsync();
        Assert.Equal(command, await visitor.Page.EvaluateAsync<string>("navigator.clipboard.readText()"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true, Traits = ["length", "long"])]
    public async Task Cities_and_departments_show_their_standing(bool english)
    {
        await PublishAsync(Unique(), "unconditional", open: true);
        await using var visitor = await exchange.VisitAsync(english: english);
        foreach (var page in (string[])["/cities", "/cities/changsha", "/cities/changsha/departments/11430100EXAMPL020U", "/help"])
        {
            await visitor.GoAsync(page);
            await visitor.CheckAsync();
        }

        await visitor.GoAsync("/cities/changsha/departments/11430100EXAMPL020U");
        await visitor.MoveAsync(() => visitor.Page.Locator(".tiles a").First.ClickAsync());
        Assert.Contains("department=11430100EXAMPL020U", visitor.Page.Url, StringComparison.Ordinal);
        await visitor.GoAsync("/cities/nowhere", 404);
        await visitor.GoAsync("/cities/changsha/departments/000000000000000000", 404);
        await visitor.CheckAsync();
    }

    [Fact]
    public async Task The_keyboard_alone_is_enough()
    {
        var name = Unique();
        await PublishAsync(name, "unconditional", open: true);
        await using var visitor = await exchange.VisitAsync();
        await visitor.GoAsync("/");
        await visitor.Page.Keyboard.PressAsync("Tab");
        Assert.Equal("#content", await visitor.Page.EvaluateAsync<string>("document.activeElement.getAttribute('href')"));
        await visitor.Page.Keyboard.PressAsync("Enter");
        await visitor.Page.Keyboard.PressAsync("Tab");
        Assert.Equal("q", await visitor.Page.EvaluateAsync<string>("document.activeElement.id"));
        await visitor.Page.Keyboard.TypeAsync(name);
        await visitor.MoveAsync(() => visitor.Page.Keyboard.PressAsync("Enter"));
        await visitor.EnterAsync(".results a");
        Assert.Equal(name, await visitor.Page.InnerTextAsync("h1"));
    }
}
