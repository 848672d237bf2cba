using System.Text.RegularExpressions;
using Exchange.Gateway.Portal;
using Exchange.Hosting;
using Exchange.Tests.Federation;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.DependencyInjection;
using Pages = Exchange.Gateway.Portal.Pages;

namespace Exchange.Tests.Browser;

/// <summary>Whose browser it is stays certain: sessions begin anew, end when they should, and no other site acts through them.</summary>
[Collection(GatewayStack.CollectionName), Trait("needs", "server")]
public sealed partial class SessionTests(GatewayStack stack) : IDisposable
{
    private const string Officer = "changsha-labour-officer";
    private const string Reviewer = "changsha-labour-reviewer";

    private readonly PlainBrowser browser = new(stack.Stack.PublicAddress);

    public static TheoryData<string> Elsewhere =>
    [
        "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example/", "https:evil.example", "javascript:alert(1)", "data:text/html,x", "%0d%0aLocation:%20//evil.example",
        "/\r\nSet-Cookie: a=b", "/\t/evil.example", "\t//evil.example", " //evil.example", "/ok\\..\\evil", "evil.example", "~/x", "/%0a/evil\n",
    ];

    public void Dispose() => browser.Dispose();

    [Fact]
    public async Task A_session_that_somebody_planted_is_not_the_one_that_sign_in_begins()
    {
        // A thief signs in, plants the cookie of that session in somebody's browser and waits until they sign in on it.
        using var thief = new PlainBrowser(stack.Stack.PublicAddress);
        await thief.SignInAsync(Reviewer);
        var planted = thief.Cookies["__Host-session"];
        browser.Cookies["__Host-session"] = planted;

        await browser.SignInAsync(Officer);

        var officer = stack.Stack.Account(Officer).Name;
        Assert.Equal(officer, await browser.WhoAsync());
        Assert.NotEqual(planted, browser.Cookies["__Host-session"]);
        Assert.NotEqual(officer, await thief.WhoAsync());
    }

    [Fact]
    public async Task The_cookie_is_of_this_host_alone_and_out_of_reach_of_script()
    {
        await browser.SignInAsync(Officer);
        var attributes = Assert.Single(browser.LastSet, cookie => cookie.StartsWith("__Host-session=", StringComparison.Ordinal)).Split("; ")[1..];
        Assert.Equal(["httponly", "path=/", "samesite=lax", "secure"], attributes.Select(attribute => attribute.ToLowerInvariant()).Order(StringComparer.Ordinal));
        browser.Cookies.Remove("__Host-form");
        await browser.GoAsync("/");
        attributes = Assert.Single(browser.LastSet, cookie => cookie.StartsWith("__Host-form=", StringComparison.Ordinal)).Split("; ")[1..];
        Assert.Equal(["httponly", "path=/", "samesite=strict", "secure"], attributes.Select(attribute => attribute.ToLowerInvariant()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Signing_out_ends_what_the_cookie_was_though_somebody_kept_it()
    {
        await browser.SignInAsync(Officer);
        using var kept = browser.Copy();
        var answer = await browser.PostAsync("/sign-out", ("_token", await browser.FormTokenAsync()));
        Assert.Equal(("/", "\"cache\""), (answer.Location, answer.Headers["Clear-Site-Data"]));
        Assert.Null(await browser.WhoAsync());
        Assert.Null(await kept.WhoAsync());
    }

    [Fact]
    public async Task Signing_out_everywhere_ends_the_sessions_in_other_browsers_and_nobody_elses()
    {
        using var other = new PlainBrowser(stack.Stack.PublicAddress);
        using var colleague = new PlainBrowser(stack.Stack.PublicAddress);
        await browser.SignInAsync(Officer);
        await other.SignInAsync(Officer);
        await colleague.SignInAsync(Reviewer);
        await browser.PostAsync("/sign-out", ("_token", await browser.FormTokenAsync()), ("everywhere", "1"));
        Assert.Null(await browser.WhoAsync());
        Assert.Null(await other.WhoAsync());
        Assert.NotNull(await colleague.WhoAsync());
    }

    [Fact]
    public async Task A_session_ends_when_nobody_used_it_and_when_it_has_lasted_a_day()
    {
        using var idle = new PlainBrowser(stack.Stack.PublicAddress);
        await browser.SignInAsync(Officer);
        await idle.SignInAsync(Reviewer);
        try
        {
            // Used in time it lives on, and the one that nobody used is over after thirty.
            for (var minutes = 29; minutes <= 700; minutes += 29)
            {
                stack.Stack.MoveClock(TimeSpan.FromMinutes(minutes), "gateway");
                await NoticedAsync(minutes);
                Assert.True(await browser.WhoAsync() is not null, $"over after {minutes} minutes");
            }

            Assert.Null(await idle.WhoAsync());
            stack.Stack.MoveClock(TimeSpan.FromMinutes(721), "gateway");
            await NoticedAsync(721);
            Assert.Null(await browser.WhoAsync());
        }
        finally
        {
            stack.Stack.MoveClock(TimeSpan.Zero, "gateway");
            await NoticedAsync(0);
        }

        // The process looks at its clock some twenty times a second.
        Task NoticedAsync(int minutes) => Eventually.TrueAsync(async () => Math.Abs((await TokenTimeAsync() - DateTimeOffset.UtcNow.AddMinutes(minutes)).TotalMinutes) < 1);
    }

    [Fact]
    public async Task No_form_is_carried_out_without_the_token_of_this_session()
    {
        var forms = Forms();
        Assert.Contains("/sign-out", forms.Select(form => form.Path));
        Assert.Contains("/sign-in", forms.Select(form => form.Path));
        using var colleague = new PlainBrowser(stack.Stack.PublicAddress);
        await colleague.SignInAsync(Reviewer);
        var foreign = await colleague.FormTokenAsync();
        Dictionary<string, PlainBrowser> signedIn = new(StringComparer.Ordinal);
        foreach (var (path, roles) in forms)
        {
            var role = roles.Count > 0 ? roles[0] : "officer";
            if (!signedIn.TryGetValue(role, out var person))
            {
                signedIn[role] = person = new PlainBrowser(stack.Stack.PublicAddress);
                await person.SignInAsync(stack.Stack.Accounts.First(account => account.Type == "person" && account.Roles.Contains(role)).ClientId);
            }

            foreach (var token in (string[])["", "abc", foreign])
            {
                var answer = await person.PostAsync(path, ("_token", token), ("sample", Reviewer), ("everywhere", "1"));
                Assert.True(answer.Status == 400 && answer.Text.Contains("form-not-genuine", StringComparison.Ordinal), $"{path} as {role}: {answer.Status} {answer.Location}");
            }

            // Nor in another form than a form's.
            using var json = new StringContent("{}", System.Text.Encoding.UTF8, "application/json");
            Assert.Equal(400, (await person.SendAsync(HttpMethod.Post, path, json)).Status);
        }

        // Nothing of it was done: everyone is still who they were.
        foreach (var (role, person) in signedIn)
        {
            Assert.Equal(stack.Stack.Accounts.First(account => account.Type == "person" && account.Roles.Contains(role)).Name, await person.WhoAsync());
            person.Dispose();
        }
    }

    [Theory]
    [InlineData("/api/cities/changsha/requests")]
    [InlineData("/api/saved-searches")]
    [InlineData("/api/audit/exchanges")]
    public async Task The_api_never_takes_the_cookie(string path)
    {
        await browser.SignInAsync(Officer);
        Assert.Equal(401, (await browser.GoAsync(path)).Status);
        using var body = new StringContent("{}", System.Text.Encoding.UTF8, "application/json");
        Assert.Contains((await browser.SendAsync(HttpMethod.Post, path, body)).Status, (int[])[401, 405]);
    }

    [Theory]
    [MemberData(nameof(Elsewhere))]
    public async Task Sign_in_leads_to_a_page_of_ours_and_nowhere_else(string wanted)
    {
        var answer = await browser.SignInAsync(Officer, wanted);
        Assert.Equal((302, "/"), (answer.Status, answer.Location));
        Assert.DoesNotContain("a=b", browser.LastSet);
        // The page itself, for whoever is signed in already.
        Assert.True((await browser.GoAsync($"/sign-in?return={Uri.EscapeDataString(wanted)}")) is { Location: "/" } or { Status: 400 });
    }

    [Fact]
    public async Task Sign_in_leads_back_to_where_one_was() => Assert.Equal("/en/search?q=%E7%A4%BE", (await browser.SignInAsync(Officer, "/en/search?q=%E7%A4%BE")).Location);

    [Fact]
    public async Task Every_page_forbids_frames_inline_script_and_other_hosts()
    {
        var pages = PortalRoutes.All().Where(route => route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods.Contains("GET") == true && route.Metadata.GetMetadata<AuthorizationPolicy>()?.AuthenticationSchemes.Contains(Pages.Scheme) == true)
            .Select(route => PortalRoutes.Filled(route.RoutePattern)).Append("/there-is-no-such-page").Except(["/live"]).ToList();
        Assert.Contains("/sign-in", pages);
        await browser.SignInAsync(Officer);
        foreach (var page in pages.Concat(["/sign-in?again=1"]))
        {
            var answer = await browser.GoAsync(page);
            if (answer.Status is >= 300 and < 400)
            {
                continue;
            }

            Assert.True(answer.Status < 500 || answer.Status is 502 or 503, $"{page}: {answer.Status}");
            var policy = answer.Headers["Content-Security-Policy"];
            Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
            Assert.All((string[])["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"], rule => Assert.Contains(rule, policy, StringComparison.Ordinal));
            if (answer.Headers.TryGetValue("Content-Type", out var type) && type.StartsWith("text/html", StringComparison.Ordinal))
            {
                Assert.Equal("DENY", answer.Headers["X-Frame-Options"]);
                Assert.Contains("script-src 'self'", policy, StringComparison.Ordinal);
                Assert.DoesNotMatch(InlineCode(), answer.Text);
            }
        }
    }

    /// <summary>Every address that takes a form, with who may use it.</summary>
    private static List<(string Path, IReadOnlyList<string> Roles)> Forms() => [.. PortalRoutes.All().Where(route => route.Metadata.GetMetadata<Pages.TakesForms>() is not null)
        .Select(route => (PortalRoutes.Filled(route.RoutePattern), route.Metadata.GetMetadata<AuthorizationPolicy>()!.Requirements.OfType<RoutePolicy>().FirstOrDefault()?.AnyOfRoles ?? []))];

    private async Task<DateTimeOffset> TokenTimeAsync()
    {
        var token = await stack.TokenAsync("changsha-labour-client");
        return new DateTimeOffset(new Microsoft.IdentityModel.JsonWebTokens.JsonWebToken(token).IssuedAt, TimeSpan.Zero);
    }

    [GeneratedRegex("""<script(?![^>]*(src=|application/ld\+json))|\sstyle="|\son[a-z]+="|javascript:""", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture)]
    private static partial Regex InlineCode();
}
