using System.Globalization;
using System.Text.Json;
using Exchange.Tests.Flow;

namespace Exchange.Tests.Browser;

/// <summary>The leader's screen: its numbers are what happened, its pictures say what its tables say, and its links lead to rows that count to the figure.</summary>
[Collection(BrowserExchange.Name), Trait("needs", "server")]
public sealed class FiguresJourneyTests(BrowserFixture exchange)
{
    [Fact]
    public async Task Numbers_follow_what_happens_and_their_links_count_to_them()
    {
        await using var visitor = await exchange.SignInAsync("changsha-authority");
        await visitor.GoAsync("/figures");
        var before = await ReadAsync(visitor);

        // Three requests of Zhuzhou to Changsha: one agreed to, one refused, one that waits.
        var dataset = (await exchange.PublishAsync("changsha", "conditional", rowsToo: false)).GetProperty("dataset_id").GetGuid();
        var agreed = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(agreed);
        var refused = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(refused, new { Decision = "refuse", Reason = "用途与目录不符（示例）", Grounds = new[] { "not_necessary" } });
        var waiting = await exchange.SubmitAsync(dataset);
        await exchange.ReceivedAsync(waiting);

        await visitor.GoAsync("/figures");
        await visitor.CheckAsync();
        var after = await ReadAsync(visitor);
        Assert.Equal(before.Between + 3, after.Between);
        Assert.Equal(before.Agreed + 1, after.Agreed);
        Assert.Equal(before.Received + 3, after.Received);
        Assert.Equal((before.OnTime + 2, before.Open + 1), (after.OnTime, after.Open));

        // The pictures say what the tables say.
        var names = await visitor.Page.Locator("#between-table tbody th").AllInnerTextsAsync();
        var table = await visitor.Page.Locator("#between-table tbody td").AllInnerTextsAsync();
        var circles = await visitor.Page.Locator("svg[aria-labelledby^=between-chart] g.cell text").AllTextContentsAsync();
        Assert.Equal(names.Count * names.Count, circles.Count);
        Assert.Equal(table.Select(cell => cell.Split('(')[0].Trim()), circles.Select(text => text.Trim()));
        var rates = await visitor.Page.Locator("#reply-table tbody tr td:nth-of-type(2)").AllInnerTextsAsync();
        var bars = await visitor.Page.Locator("svg[aria-labelledby^=reply-chart] text.value").AllTextContentsAsync();
        Assert.NotEmpty(bars);
        Assert.Equal(rates.Select(text => text.Trim()), bars.Select(text => text.Trim()));
        var widths = await visitor.Page.Locator("svg[aria-labelledby^=reply-chart] g.bar").EvaluateAllAsync<string[]>("bars => bars.map(bar => bar.querySelector('rect:not(.track)')?.getAttribute('width') ?? '—')");
        Assert.Equal(rates.Select(Width), widths.Select(Width));

        // A number of the own city leads to as many rows; one of another city does not lead anywhere.
        await visitor.MoveAsync(() => visitor.Page.Locator(Cell("zhuzhou", "changsha") + " a").ClickAsync());
        await visitor.CheckAsync();
        Assert.Equal(after.Between, await CountRowsAsync(visitor));
        await visitor.GoAsync("/figures");
        await visitor.MoveAsync(() => visitor.Page.Locator("#reply-table tbody tr", new() { HasText = "长沙" }).First.Locator("td:nth-of-type(3) a").ClickAsync());
        Assert.Equal(after.OnTime, await CountRowsAsync(visitor));
        await visitor.GoAsync("/figures");
        Assert.Equal(0, await visitor.Page.Locator(Cell("changsha", "zhuzhou") + " a").CountAsync());

        // The whole city's and its labour department's numbers, each with its rows.
        await visitor.GoAsync("/authority/figures");
        await visitor.CheckAsync();
        foreach (var column in (string[])["figure=received", "figure=reply&outcome=on_time", "figure=refusals", "figure=delivery&outcome=on_time"])
        {
            var link = visitor.Page.Locator($"#departments tbody tr:first-child a[href*='{column}&']").First;
            if (await link.CountAsync() > 0)
            {
                var value = Number(await link.InnerTextAsync());
                await visitor.MoveAsync(() => link.ClickAsync());
                Assert.Equal(value, await CountRowsAsync(visitor));
                await visitor.GoAsync("/authority/figures");
            }
        }
    }

    [Theory]
    [InlineData("zhuzhou-labour-officer", true, false)]
    [InlineData("auditor", false, true)]
    public async Task Whoever_signed_in_reads_the_figures_and_what_they_mean(string who, bool script, bool english)
    {
        await using var visitor = await exchange.SignInAsync(who, script, english);
        await visitor.GoAsync("/figures?period=quarter");
        await visitor.CheckAsync();
        await visitor.GoAsync("/figures?period=days&from=2026-01-01&to=2026-02-28");

        Assert.Equal("2026-02-28", await visitor.Page.InputValueAsync("#to"));
        await visitor.GoAsync("/figures?period=days&from=2026-02-01&to=2026-01-01");
        Assert.True(await visitor.Page.Locator("#period-error").IsVisibleAsync());

        // Every figure's word leads to a definition that is there.
        var anchors = (await visitor.Page.Locator("a[href*='/figures/definitions#']").EvaluateAllAsync<string[]>("links => links.map(link => link.getAttribute('href').split('#')[1])")).Distinct().ToList();
        Assert.True(anchors.Count >= 8);
        await visitor.GoAsync("/figures/definitions");
        await visitor.CheckAsync();
        foreach (var anchor in anchors)
        {
            Assert.Equal(1, await visitor.Page.Locator($"section#{anchor}").CountAsync());
        }

        // Of others' figures the rows are refused, and it says by whom they may be read.
        await visitor.GoAsync("/figures/rows?city=changsha&figure=received", 403);
        Assert.Contains(english ? "data authority" : "数据主管部门", await visitor.TextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entries_that_miss_their_cycle_are_counted_and_listed()
    {
        await exchange.PublishAsync("xiangtan", "unconditional");
        await using var visitor = await exchange.SignInAsync("xiangtan-labour-officer", english: true);
        var row = "#data-table tbody tr:has(th:text-is('Xiangtan'))";
        await Eventually.TrueAsync(async () =>
        {
            await visitor.GoAsync("/figures");
            return await visitor.Page.Locator(row + " a[href*='state=current']").CountAsync() > 0;
        });
        var link = visitor.Page.Locator(row + " a[href*='state=current']");
        var current = Number(await link.InnerTextAsync());
        await visitor.MoveAsync(() => link.ClickAsync());
        await visitor.CheckAsync();
        Assert.Equal(current, await visitor.Page.Locator("tbody tr").CountAsync());
    }

    private static string Cell(string asking, string owning) => $"#between-table td[data-from='{asking}'][data-to='{owning}']";

    private static async Task<Numbers> ReadAsync(Visitor visitor)
    {
        var cell = await visitor.Page.InnerTextAsync(Cell("zhuzhou", "changsha"));
        var reply = await visitor.Page.Locator("#reply-table tbody tr", new() { HasText = "长沙" }).First.Locator("td").AllInnerTextsAsync();
        return new Numbers(Number(cell.Split('(')[0]), Number(cell.Split('(')[1].TrimEnd(')', ' ')), Number(await visitor.Page.InnerTextAsync("#total-received")), Number(reply[2]), Number(reply[4]));
    }

    /// <summary>Over all pages of the list.</summary>
    private static async Task<int> CountRowsAsync(Visitor visitor)
    {
        var count = await visitor.Page.Locator("#rows tbody tr").CountAsync();
        while (await visitor.Page.Locator(".pager a").CountAsync() > 0)
        {
            await visitor.FollowAsync("下一页");
            count += await visitor.Page.Locator("#rows tbody tr").CountAsync();
        }

        return count;
    }

    private static int Number(string text) => int.Parse(text.Trim(), NumberStyles.AllowThousands, CultureInfo.InvariantCulture);

    /// <summary>A percentage as text or as a width, to one place.</summary>
    private static string Width(string text) => text.Trim() == "—" ? "—" : decimal.Round(decimal.Parse(text.Trim().TrimEnd('%'), CultureInfo.InvariantCulture), 1).ToString("0.0", CultureInfo.InvariantCulture);

    private sealed record Numbers(int Between, int Agreed, int Received, int OnTime, int Open);
}
