using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Playwright;

namespace Exchange.Tests.Browser;

/// <summary>A person at a browser. Whatever the page complains of on its console, and each request that would leave the host, is remembered and fails the next <see cref="CheckAsync"/>.</summary>
internal sealed class Visitor : IAsyncDisposable
{
    private const int Narrow = 320;

    private readonly BrowserFixture exchange;
    private readonly IBrowserContext context;
    private readonly bool script;
    private readonly bool english;
    private readonly ConcurrentQueue<string> complaints = [];

    public Visitor(BrowserFixture exchange, IBrowserContext context, IPage page, bool script, bool english)
    {
        (this.exchange, this.context, this.script, this.english) = (exchange, context, script, english);
        Page = Watch(page);
    }

    public IPage Page { get; private set; }

    /// <summary>Another tab of the same browser; the one before stays open and is answered.</summary>
    public async Task<IPage> OpenTabAsync()
    {
        var before = Page;
        Page = Watch(await context.NewPageAsync());
        return before;
    }

    public IBrowserContext Context => context;

    /// <summary>The page's address without the host and the language.</summary>
    public string Path => new Uri(Page.Url).PathAndQuery is var path && english ? WithoutLanguage(path) : path;

    /// <summary>The address of the same page whatever its language.</summary>
    public static string WithoutLanguage(string path) => path == "/en" ? "/" : path.StartsWith("/en/", StringComparison.Ordinal) ? path[3..] : path;

    /// <summary>Opens a page of the portal and expects this status.</summary>
    public async Task<IResponse> GoAsync(string path, int status = 200)
    {
        var response = (await Page.GotoAsync(Url(path)))!;
        Assert.True(response.Status == status, $"{path}: {response.Status}\n{await Page.InnerTextAsync("body")}");
        return response;
    }

    public async Task SignInAsync(string clientId)
    {
        var account = exchange.Stack.Account(clientId);
        await GoAsync("/sign-in");
        await Page.FillAsync("#account", account.ClientId);
        await Page.FillAsync("#secret", account.Secret);
        await PressAsync(english ? "Sign in" : "登录", "main");
        Assert.True(await Page.Locator("header .name").CountAsync() == 1, $"{clientId} is not signed in: {Page.Url}\n{await Page.InnerTextAsync("body")}");
    }

    /// <summary>Presses the button of this name and waits for the page that follows.</summary>
    public Task PressAsync(string button, string inside = "main") =>
        MoveAsync(() => Page.Locator(inside).GetByRole(AriaRole.Button, new() { Name = button, Exact = true }).First.ClickAsync());

    /// <summary>Does what leads to another page, and waits until that is there.</summary>
    public async Task MoveAsync(Func<Task> act)
    {
        var page = Page;
        var moved = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Note(object? sender, IFrame frame)
        {
            if (frame == page.MainFrame)
            {
                moved.TrySetResult();
            }
        }

        page.FrameNavigated += Note;
        try
        {
            await act();
            await moved.Task.WaitAsync(TimeSpan.FromSeconds(20));
            // The driver's own wait for the document is now and then told nothing when the page was there at once.
            await Eventually.GetAsync(() => page.EvaluateAsync<string>("document.readyState"), state => state != "loading");
        }
        finally
        {
            page.FrameNavigated -= Note;
        }
    }

    /// <summary>Follows the link of this name.</summary>
    public Task FollowAsync(string link, string inside = "main") => MoveAsync(() => Page.Locator(inside).GetByRole(AriaRole.Link, new() { Name = link }).First.ClickAsync());

    /// <summary>Goes on with the Tab key until what this selector finds has the focus. Wherever the focus stops on the way it is seen: in the window, and marked.</summary>
    public async Task TabToAsync(string selector)
    {
        for (var stops = 0; stops < 150; stops++)
        {
            await Page.Keyboard.PressAsync("Tab");
            var stop = await Page.EvaluateAsync<string>("""
                selector => {
                    const e = document.activeElement;
                    if (!e || e === document.body) return 'passed';
                    const box = e.getBoundingClientRect();
                    // Inside a field of a date it is the browser's own button that is marked.
                    if (box.bottom <= 0 || box.top >= innerHeight || e.matches(':focus-visible') && getComputedStyle(e).outlineStyle === 'none') return 'not seen: ' + e.outerHTML.slice(0, 300);
                    return e.matches(selector) ? 'there' : 'passed';
                }
                """, selector);
            if (stop == "there")
            {
                return;
            }

            Assert.True(stop == "passed", $"{Page.Url}: {stop}");
        }

        Assert.Fail($"{selector} was not reached by the keyboard at {Page.Url}");
    }

    /// <summary>The same, and presses Enter there, which leads to another page.</summary>
    public async Task EnterAsync(string selector)
    {
        await TabToAsync(selector);
        await MoveAsync(() => Page.Keyboard.PressAsync("Enter"));
    }

    /// <summary>Does what saves a file, and reads that from the disk; a download that breaks off throws.</summary>
    public async Task<(string Name, byte[] Content)> SavedAsync(Func<Task> act)
    {
        var download = await Page.RunAndWaitForDownloadAsync(act);
        return (download.SuggestedFilename, await File.ReadAllBytesAsync(await download.PathAsync()));
    }

    /// <summary>What the page says.</summary>
    public Task<string> TextAsync() => Page.InnerTextAsync("main");

    /// <summary>No finding of axe that is serious or critical, nothing on the console, no request to elsewhere, the page's language said, and nothing wider than the narrowest screen.</summary>
    public async Task CheckAsync()
    {
        var size = Page.ViewportSize!;
        Assert.Equal(english ? "en" : "zh-CN", await Page.GetAttributeAsync("html", "lang"));
        if (script && exchange.Axe is { } axe)
        {
            await Page.EvaluateAsync(axe);
            var findings = await Page.EvaluateAsync<JsonElement>("async () => (await axe.run(document, { resultTypes: ['violations'], iframes: false, preload: false })).violations.filter(v => ['serious', 'critical'].includes(v.impact)).map(v => v.id + ': ' + v.nodes.map(n => n.html + ' (' + n.failureSummary + ')').join(' | '))");
            Assert.True(findings.GetArrayLength() == 0, $"{Page.Url}\n{findings}");
        }

        await Page.SetViewportSizeAsync(Narrow, 800);
        var wide = await Page.EvaluateAsync<JsonElement>("""
            () => document.documentElement.scrollWidth <= document.documentElement.clientWidth ? []
                : [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !e.closest('.scroll')).slice(0, 5).map(e => e.outerHTML.slice(0, 200))
            """);
        await Page.SetViewportSizeAsync(size.Width, size.Height);
        Assert.True(wide.GetArrayLength() == 0, $"{Page.Url} is wider than {Narrow} px: {wide}");
        Assert.True(complaints.IsEmpty, $"{Page.Url}\n{string.Join('\n', complaints)}");
    }

    public ValueTask DisposeAsync() => context.DisposeAsync();

    /// <summary>The page's address in the visitor's language.</summary>
    public string Url(string path) => english ? "/en" + (path == "/" ? "" : path) : path;

    private IPage Watch(IPage page)
    {
        var host = exchange.Stack.PublicAddress.Authority;
        page.Console += (_, said) =>
        {
            // The browser itself notes each answer that is no success; tests that expect one look at its status.
            if (said.Type is "error" or "warning" && !said.Text.StartsWith("Failed to load resource: the server responded with a status of 4", StringComparison.Ordinal))
            {
                complaints.Enqueue($"console: {said.Text}");
            }
        };
        page.PageError += (_, fault) => complaints.Enqueue($"script: {fault}");
        page.Request += (_, request) =>
        {
            if (Uri.TryCreate(request.Url, UriKind.Absolute, out var address) && address.Scheme is "http" or "https" or "ws" or "wss" && address.Authority != host)
            {
                complaints.Enqueue($"a request to {request.Url}");
            }
        };
        return page;
    }
}
