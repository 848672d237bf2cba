using Microsoft.Playwright;

namespace Exchange.Tests.Browser;

[Collection(BrowserExchange.Name), Trait("needs", "server")]
public sealed class StartPageTests(BrowserFixture exchange)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Anyone_finds_the_search_box_and_can_change_the_language(bool english)
    {
        await using var visitor = await exchange.VisitAsync(english: english);
        await visitor.GoAsync("/");
        await visitor.CheckAsync();
        Assert.Equal(english ? "Three cities' data in one place" : "三市数据，一处可查", await visitor.Page.InnerTextAsync("h1"));
        await visitor.Page.GetByRole(AriaRole.Link, new() { Name = english ? "中文" : "English" }).ClickAsync();
        await visitor.Page.WaitForURLAsync(english ? "**/" : "**/en");
        Assert.Equal(english ? "zh-CN" : "en", await visitor.Page.GetAttributeAsync("html", "lang"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_person_signs_in_and_out(bool script)
    {
        await using var visitor = await exchange.SignInAsync("zhuzhou-labour-officer", script);
        await visitor.CheckAsync();
        await visitor.PressAsync("退出", "header");
        await visitor.Page.GetByRole(AriaRole.Link, new() { Name = "登录" }).WaitForAsync();
    }

    [Fact]
    public async Task What_waits_for_a_person_is_counted_and_follows_by_itself()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional", rowsToo: false)).GetProperty("dataset_id").GetGuid();
        await using var head = await exchange.SignInAsync("zhuzhou-labour-sharing-head");
        await head.GoAsync("/");
        await head.CheckAsync();
        var waiting = head.Page.Locator(".tiles li", new() { HasText = "件申请待签批" }).Locator("strong");
        var before = int.Parse(await waiting.InnerTextAsync(), System.Globalization.CultureInfo.InvariantCulture);
        (await exchange.DraftRequestAsync(dataset)).Succeeded("draft");
        await Eventually.GetAsync(() => waiting.InnerTextAsync(), text => text == (before + 1).ToString(System.Globalization.CultureInfo.InvariantCulture));
        await head.CheckAsync();
    }
}
