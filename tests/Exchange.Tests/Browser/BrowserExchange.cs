using Exchange.Local;
using Exchange.Tests.Flow;
using Exchange.Tests.Interop;
using Microsoft.Playwright;

namespace Exchange.Tests.Browser;

/// <summary>The whole exchange, and a browser in which people use its pages; shared by the tests of the portal, which run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class BrowserExchange : ICollectionFixture<BrowserFixture>
{
    public const string Name = "browser";
}

public class BrowserFixture : ExchangeFixture
{
    /// <summary>As Debian's package wants to be started where nothing but this machine is reached.</summary>
    private static readonly string[] Arguments =
        ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

    private IPlaywright playwright = null!;
    private IBrowser browser = null!;

    /// <summary>The judge of accessibility; null where Node's packages are not to be had.</summary>
    internal string? Axe { get; private set; }

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Axe = await NodeTools.ReadAsync("axe-core/axe.min.js");
        (playwright, browser) = await LaunchAsync();
    }

    internal static async Task<(IPlaywright Playwright, IBrowser Browser)> LaunchAsync()
    {
        var driver = await Microsoft.Playwright.Playwright.CreateAsync();
        return (driver, await driver.Chromium.LaunchAsync(new()
        {
            ExecutablePath = Environment.GetEnvironmentVariable("EXCHANGE_CHROMIUM") ?? "/usr/bin/chromium",
            Headless = true,
            Args = Arguments,
        }));
    }

    private protected override StackOptions Options()
    {
        // Nothing that no page waits for: telemetry, webhooks and standing exchanges would only take the browser's processor.
        var options = base.Options();
        return options with
        {
            Settings = new Dictionary<string, string>(options.Settings.Where(setting => !setting.Key.StartsWith("OTEL_", StringComparison.Ordinal) && !setting.Key.EndsWith("__Every", StringComparison.Ordinal)), StringComparer.Ordinal)
            {
                ["Portal__LookEvery"] = "00:00:00.3",
            },
        };
    }

    public override async ValueTask DisposeAsync()
    {
        if (browser is not null)
        {
            await browser.DisposeAsync();
        }

        playwright?.Dispose();
        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>An entry of Changsha once the catalogue and Zhuzhou know it.</summary>
    internal async Task<Guid> KnownAsync(Guid dataset)
    {
        var officer = Who("zhuzhou", "officer");
        await Eventually.GetAsync(() => officer.GetAsync($"/api/catalogue/datasets/{dataset}"), answer => answer.Status == 200, show: answer => answer.Text);
        await Eventually.GetAsync(() => officer.PostAsync("/api/cities/zhuzhou/requests", new { DatasetId = dataset }), answer => !answer.Text.Contains("unknown-dataset", StringComparison.Ordinal), show: answer => answer.Text);
        return dataset;
    }

    /// <summary>Somebody with a browser of their own who has not signed in.</summary>
    /// <param name="script">Whether the browser runs script.</param>
    /// <param name="english">Whether the addresses begin with <c>/en</c>.</param>
    /// <param name="width">Of the window, in CSS pixels.</param>
    internal async Task<Visitor> VisitAsync(bool script = true, bool english = false, int width = 1280)
    {
        var context = await browser.NewContextAsync(new()
        {
            BaseURL = Stack.PublicAddress.ToString(),
            JavaScriptEnabled = script,
            Locale = english ? "en-GB" : "zh-CN",
            ViewportSize = new() { Width = width, Height = 900 },
            ReducedMotion = ReducedMotion.Reduce,
        });
        context.SetDefaultTimeout(15_000);
        return new Visitor(this, context, await context.NewPageAsync(), script, english);
    }

    /// <summary>The same, signed in through the page with the account's own secret.</summary>
    /// <param name="clientId">A sample account, such as <c>zhuzhou-labour-officer</c>.</param>
    /// <param name="script">Whether the browser runs script.</param>
    /// <param name="english">Whether the addresses begin with <c>/en</c>.</param>
    /// <param name="width">Of the window, in CSS pixels.</param>
    internal async Task<Visitor> SignInAsync(string clientId, bool script = true, bool english = false, int width = 1280)
    {
        var visitor = await VisitAsync(script, english, width);
        await visitor.SignInAsync(clientId);
        return visitor;
    }
}
