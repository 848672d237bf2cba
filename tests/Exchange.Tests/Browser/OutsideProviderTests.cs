using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Exchange.Tests.Federation;
using Exchange.Tests.Interop;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.Playwright;

namespace Exchange.Tests.Browser;

/// <summary>A second gateway whose people may sign in at another party, told so by settings alone.</summary>
internal static class OutsideGateway
{
    private const string Process = "gateway-2";

    public static Uri Address(GatewayStack stack) => stack.Stack.Address(Process);

    public static async Task StartAsync(GatewayStack stack, string authority, string clientId, string secret, params (string Name, string Value)[] more)
    {
        var own = Address(stack).ToString().TrimEnd('/');
        var file = Path.Combine(stack.Stack.Data, "provider-secret");
        await File.WriteAllTextAsync(file, secret + "\n");
        await stack.Stack.StartAsync(Process, new Dictionary<string, string>(more.Select(m => KeyValuePair.Create(m.Name, m.Value)), StringComparer.Ordinal)
        {
            ["Service__PublicAddress"] = own,
            ["Issuers__0__Authority"] = own,
            ["Portal__Provider__Authority"] = authority,
            ["Portal__Provider__ClientId"] = clientId,
            ["Portal__Provider__ClientSecretFile"] = file,
            ["Portal__Provider__Name"] = "示例统一身份认证平台",
            ["Portal__Provider__NameEn"] = "Sample identity platform",
        });
    }

    public static Task StopAsync(GatewayStack stack) => stack.Stack.StopAsync(Process);

    /// <summary>Until the process has noticed, which its tokens tell.</summary>
    public static async Task MoveClockAsync(GatewayStack stack, TimeSpan offset)
    {
        stack.Stack.MoveClock(offset, Process);
        var account = stack.Stack.Account("changsha-labour-client");
        await Eventually.TrueAsync(async () =>
        {
            using var form = new FormUrlEncodedContent(new Dictionary<string, string> { ["grant_type"] = "client_credentials", ["client_id"] = account.ClientId, ["client_secret"] = account.Secret });
            using var answer = await stack.Client.PostAsync(new Uri(Address(stack), "/connect/token"), form);
            var token = new JsonWebToken(JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["access_token"]!.GetValue<string>());
            return Math.Abs((token.IssuedAt - DateTime.UtcNow - offset).TotalSeconds) < 5;
        });
    }

    /// <summary>Read to the end, though the process still writes.</summary>
    public static async Task<string> LogAsync(GatewayStack stack)
    {
        await using var file = new FileStream(stack.Stack.LogOf(Process), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(file);
        return await reader.ReadToEndAsync();
    }
}

public sealed class HostileGateway(GatewayStack stack) : IAsyncLifetime
{
    internal HostileProvider Provider { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Provider = await HostileProvider.StartAsync();
        await OutsideGateway.StartAsync(stack, Provider.Address, HostileProvider.ClientId, HostileProvider.Secret, ("Portal__Provider__Cities__0", "changsha"), ("Portal__Provider__Cities__1", "zhuzhou"));
    }

    public async ValueTask DisposeAsync()
    {
        await OutsideGateway.StopAsync(stack);
        stack.Stack.MoveClock(TimeSpan.Zero, "gateway-2");
        await Provider.DisposeAsync();
    }
}

/// <summary>What another party says of a person is believed only as far as it can be proved, and never further than the settings go.</summary>
[Collection(GatewayStack.CollectionName), Trait("needs", "server")]
public sealed class OutsideProviderTests : IClassFixture<HostileGateway>, IDisposable
{
    private readonly GatewayStack stack;
    private readonly HostileProvider provider;
    private readonly PlainBrowser browser;

    public OutsideProviderTests(GatewayStack stack, HostileGateway gateway)
    {
        (this.stack, provider) = (stack, gateway.Provider);
        provider.Behave();
        browser = new PlainBrowser(OutsideGateway.Address(stack));
    }

    /// <summary>Each a token that this provider, or somebody in its place, could send, and the word under which it is refused.</summary>
    public static TheoryData<string, string> Attacks => new()
    {
        { "alg none", "alg" }, { "alg nOnE", "alg" }, { "HS256 with the public key", "alg" }, { "a foreign key", "signature" }, { "a foreign key sent along", "signature" }, { "an unknown key id", "signature" },
        { "no signature", "signature" }, { "crit", "crit" }, { "another nonce", "nonce" }, { "no nonce", "nonce" }, { "another client's", "aud" }, { "no audience", "aud" }, { "two audiences, nobody named", "azp" },
        { "another party", "azp" }, { "another issuer", "iss" }, { "no issuer", "iss" }, { "at_hash of another", "at_hash" }, { "at_hash is no text", "at_hash" }, { "c_hash of another", "c_hash" }, { "expired", "exp" },
        { "no end", "exp" }, { "not yet", "exp" }, { "issued tomorrow", "iat" }, { "issued yesterday", "iat" }, { "not issued", "iat" }, { "no token", "form" }, { "encrypted", "form" }, { "issuer twice", "no readable answer" },
    };

    public void Dispose() => browser.Dispose();

    [Theory]
    [MemberData(nameof(Attacks))]
    public async Task A_token_that_does_not_prove_what_it_says_signs_nobody_in(string attack, string reason)
    {
        provider.Write = (header, payload) => Forge(attack, header, payload);
        var before = (await OutsideGateway.LogAsync(stack)).Length;

        var answer = await ThroughAsync("/cities");

        Assert.Equal((302, "/sign-in?outside=refused&return=%2Fcities"), (answer.Status, reason == "no readable answer" ? answer.Location!.Replace("=away", "=refused", StringComparison.Ordinal) : answer.Location));
        Assert.DoesNotContain("__Host-session", browser.Cookies.Keys);
        Assert.Null(await browser.WhoAsync());
        // The log is written behind the answer.
        var log = await Eventually.GetAsync(async () => (await OutsideGateway.LogAsync(stack))[before..], said => said.Contains(reason == "no readable answer" ? reason : $"id_token: {reason}", StringComparison.Ordinal));
        Assert.All(provider.LastIdToken.Split('.').Append(provider.LastAccessToken).Where(part => part.Length > 20), part => Assert.DoesNotContain(part, log, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Whoever_it_proves_to_know_is_signed_in_with_a_session_of_their_own()
    {
        browser.Cookies["__Host-session"] = "planted";

        var answer = await ThroughAsync("/cities?x=1");

        Assert.Equal((302, "/cities?x=1"), (answer.Status, answer.Location));
        Assert.Equal("示例·某人", await browser.WhoAsync());
        Assert.NotEqual("planted", browser.Cookies["__Host-session"]);
        Assert.DoesNotContain(browser.Cookies, cookie => cookie.Key.StartsWith("__Host-outside", StringComparison.Ordinal));
        // Nobody there can be taken for a person who has an account here.
        Assert.True(await stack.ScalarAsync<bool>($"select exists (select from portal_sessions where subject = '{new Uri(provider.Address).Authority}/p-1')"));
        Assert.False(await stack.ScalarAsync<bool>("select exists (select from portal_sessions where subject = 'p-1')"));
    }

    [Theory]
    [InlineData("another city")]
    [InlineData("no city")]
    [InlineData("no role of ours")]
    [InlineData("only a program's role")]
    [InlineData("a role over all cities")]
    [InlineData("no department")]
    [InlineData("a subject with a line break")]
    public async Task A_person_without_a_place_here_reads_whom_to_ask(string what)
    {
        provider.Claims = what switch
        {
            "another city" => HostileProvider.Person(city: "xiangtan"),
            "no city" => HostileProvider.Person(city: null),
            "no role of ours" => HostileProvider.Person(roles: "emperor"),
            "only a program's role" => HostileProvider.Person(roles: ["integrator", "repair"]),
            "a role over all cities" => HostileProvider.Person(roles: ["auditor", "case_auditor"]),
            "no department" => With("department", null),
            _ => With("sub", "p\r\n1"),
        };

        var answer = await ThroughAsync("/cities");

        Assert.Equal("/sign-in?outside=no-place&return=%2Fcities", answer.Location);
        var page = await browser.GoAsync(answer.Location!);
        Assert.Equal(200, page.Status);
        Assert.Contains("请联系本市数据主管部门", page.Text, StringComparison.Ordinal);
        Assert.Null(await browser.WhoAsync());

        static JsonObject With(string claim, string? value)
        {
            var person = HostileProvider.Person();
            person[claim] = value;
            return person;
        }
    }

    [Fact]
    public async Task Roles_may_come_from_its_userinfo_but_only_of_the_same_person()
    {
        provider.Claims = new JsonObject { ["sub"] = "p-2" };
        provider.UserInfo = HostileProvider.Person("p-3", roles: ["officer"]);
        Assert.Equal("/sign-in?outside=refused&return=%2Fcities", (await ThroughAsync("/cities")).Location);
        provider.UserInfo = HostileProvider.Person("p-2", roles: ["officer"]);
        Assert.Equal("/cities", (await ThroughAsync("/cities")).Location);
    }

    [Fact]
    public async Task What_began_in_one_browser_does_not_end_in_another_nor_twice()
    {
        var callback = await UntilCallbackAsync("/cities");
        using var victim = new PlainBrowser(OutsideGateway.Address(stack));
        using var copy = browser.Copy();

        var elsewhere = await victim.GoAsync(callback);
        Assert.Equal("/sign-in?outside=late&return=%2Fcities", elsewhere.Location);
        Assert.Null(await victim.WhoAsync());

        Assert.Equal("/cities", (await browser.GoAsync(callback)).Location);
        Assert.Equal("/sign-in?outside=late&return=%2Fcities", (await browser.GoAsync(callback)).Location);
        // Though the cookie was copied before: the provider takes a code once.
        Assert.Equal("/sign-in?outside=late&return=%2Fcities", (await copy.GoAsync(callback)).Location);
        Assert.Null(await copy.WhoAsync());
        Assert.Contains("已用过", (await copy.GoAsync("/sign-in?outside=late")).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("?error=access_denied&error_description=no%20way", "denied")]
    [InlineData("?error=server_error", "away")]
    [InlineData("?error=invalid_scope&error_description=%0d%0aSet-Cookie:%20a=b", "refused")]
    [InlineData("?code=made-up", "late")]
    [InlineData("?code=c&iss=https%3A%2F%2Felsewhere.example", "refused")]
    [InlineData("?", "late")]
    public async Task What_the_provider_refuses_becomes_a_page(string answer, string told)
    {
        var state = QueryHelpers.ParseQuery(new Uri(await UntilCallbackAsync("/cities")).Query)["state"].ToString();
        var ended = await browser.GoAsync($"/sign-in/outside/callback{answer}&state={Uri.EscapeDataString(state)}");
        Assert.Equal($"/sign-in?outside={told}&return=%2Fcities", ended.Location);
        var page = await browser.GoAsync(ended.Location!);
        Assert.Equal(200, page.Status);
        Assert.Contains("role=\"alert\"", page.Text, StringComparison.Ordinal);
        Assert.Null(await browser.WhoAsync());
    }

    [Theory]
    [InlineData("")]
    [InlineData("?state=CfDJ8&code=1")]
    [InlineData("?error=access_denied")]
    [InlineData("?state=%00&code=1")]
    public async Task Whoever_comes_back_without_having_gone_reads_so(string query)
    {
        var answer = await browser.GoAsync($"/sign-in/outside/callback{query}");
        Assert.True(answer is { Status: 302, Location: "/sign-in?outside=late&return=" } or { Status: 400 }, $"{answer.Status} {answer.Location}");
    }

    [Theory]
    [InlineData("//evil.example")]
    [InlineData("https://evil.example/")]
    [InlineData("/\\evil.example")]
    [InlineData("javascript:alert(1)")]
    public async Task It_leads_nowhere_but_here_afterwards(string wanted) => Assert.Equal("/", (await ThroughAsync(wanted)).Location);

    [Fact]
    public async Task Where_it_is_away_people_read_so_and_sign_in_another_way_and_what_took_too_long_begins_anew()
    {
        try
        {
            var callback = await UntilCallbackAsync("/cities");
            await OutsideGateway.MoveClockAsync(stack, TimeSpan.FromMinutes(16));
            Assert.Equal("/sign-in?outside=late&return=%2Fcities", (await browser.GoAsync(callback)).Location);

            provider.IsAway = true;
            await OutsideGateway.MoveClockAsync(stack, TimeSpan.FromMinutes(60));
            Assert.Equal("/sign-in?outside=away&return=%2Fcities", (await browser.GoAsync("/sign-in/outside?return=%2Fcities")).Location);
            Assert.Contains("暂时无法连接", (await browser.GoAsync("/sign-in?outside=away")).Text, StringComparison.Ordinal);
            Assert.Contains("cannot be reached", (await browser.GoAsync("/en/sign-in?outside=away")).Text, StringComparison.Ordinal);
            await browser.SignInAsync("changsha-labour-officer");
            Assert.NotNull(await browser.WhoAsync());
        }
        finally
        {
            await OutsideGateway.MoveClockAsync(stack, TimeSpan.Zero);
        }
    }

    [Fact]
    public async Task A_key_that_the_provider_publishes_meanwhile_is_asked_for()
    {
        Assert.Equal("/cities", (await ThroughAsync("/cities")).Location);
        provider.ChangeKey();
        try
        {
            await OutsideGateway.MoveClockAsync(stack, TimeSpan.FromSeconds(30));
            Assert.Equal("/cities", (await ThroughAsync("/cities")).Location);
        }
        finally
        {
            await OutsideGateway.MoveClockAsync(stack, TimeSpan.Zero);
        }
    }

    [Fact]
    public async Task Whoever_leaves_may_leave_there_too_once()
    {
        Assert.Equal("/cities", (await ThroughAsync("/cities")).Location);
        var token = await browser.FormTokenAsync();
        Assert.Equal("/signed-out", (await browser.PostAsync("/sign-out", ("_token", token))).Location);
        Assert.Null(await browser.WhoAsync());
        var page = await browser.GoAsync("/signed-out");
        Assert.Contains("href=\"/sign-out/outside\"", page.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(provider.LastIdToken, page.Text + string.Concat(browser.Cookies.Values), StringComparison.Ordinal);

        var end = new Uri((await browser.GoAsync("/sign-out/outside")).Location!);
        var said = QueryHelpers.ParseQuery(end.Query);
        Assert.Equal(provider.Address + "/end", end.GetLeftPart(UriPartial.Path));
        Assert.Equal((provider.LastIdToken, OutsideGateway.Address(stack).ToString()), (said["id_token_hint"].ToString(), said["post_logout_redirect_uri"].ToString()));
        Assert.Equal("/", (await browser.GoAsync("/sign-out/outside")).Location);
    }

    /// <summary>From the button on the sign-in page to the answer that follows the provider's.</summary>
    private async Task<PlainAnswer> ThroughAsync(string back) => await browser.GoAsync(await UntilCallbackAsync(back));

    private async Task<string> UntilCallbackAsync(string back)
    {
        var go = await browser.GoAsync($"/sign-in/outside?return={Uri.EscapeDataString(back)}");
        Assert.True(go.Location?.StartsWith(provider.Address, StringComparison.Ordinal) == true, $"{go.Status} {go.Location}");
        var bound = Assert.Single(browser.LastSet, cookie => cookie.StartsWith("__Host-outside.", StringComparison.Ordinal));
        Assert.All((string[])["secure", "httponly", "path=/", "samesite=lax"], attribute => Assert.Contains(attribute, bound, StringComparison.OrdinalIgnoreCase));
        return (await browser.GoAsync(go.Location!)).Location!;
    }

    private string Forge(string attack, JsonObject header, JsonObject payload)
    {
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        switch (attack)
        {
            case "alg none" or "alg nOnE":
                header["alg"] = attack[4..];
                return HostileProvider.Join(header, payload.ToJsonString(), _ => []);
            case "HS256 with the public key":
                header["alg"] = "HS256";
                return HostileProvider.Join(header, payload.ToJsonString(), text => HMACSHA256.HashData(provider.PublicKeyBytes, text));
            case "a foreign key" or "a foreign key sent along" or "an unknown key id":
                using (var foreign = ECDsa.Create(ECCurve.NamedCurves.nistP256))
                {
                    if (attack == "an unknown key id")
                    {
                        header["kid"] = "two";
                    }

                    if (attack == "a foreign key sent along")
                    {
                        header["jwk"] = provider.PublicKey(foreign);
                        header["jku"] = provider.Address + "/jwks";
                    }

                    return HostileProvider.Sign(header, payload, foreign);
                }
            case "no signature":
                return HostileProvider.Join(header, payload.ToJsonString(), _ => []);
            case "no token":
                return "abc";
            case "encrypted":
                return "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aaaa.bbbb.cccc";
            case "issuer twice":
                return provider.Sign(header, payload, "{\"iss\":\"https://elsewhere.example\",");
        }

        _ = attack switch
        {
            "crit" => Set(header, "crit", new JsonArray("exp")),
            "another nonce" => Set(payload, "nonce", "abc"),
            "no nonce" => Set(payload, "nonce", null),
            "another client's" => Set(payload, "aud", "another"),
            "no audience" => Set(payload, "aud", null),
            "two audiences, nobody named" => Set(Set(payload, "aud", new JsonArray(HostileProvider.ClientId, "another")), "azp", null),
            "another party" => Set(payload, "azp", "another"),
            "another issuer" => Set(payload, "iss", provider.Address + "/"),
            "no issuer" => Set(payload, "iss", null),
            "at_hash of another" => Set(payload, "at_hash", HostileProvider.HalfHash("another")),
            "at_hash is no text" => Set(payload, "at_hash", 7),
            "c_hash of another" => Set(payload, "c_hash", HostileProvider.HalfHash("another")),
            "expired" => Set(payload, "exp", now - 200),
            "no end" => Set(payload, "exp", null),
            "not yet" => Set(payload, "nbf", now + 200),
            "issued tomorrow" => Set(payload, "iat", now + 200),
            "issued yesterday" => Set(payload, "iat", now - 86_400),
            "not issued" => Set(payload, "iat", null),
            _ => throw new ArgumentOutOfRangeException(nameof(attack), attack, "unknown"),
        };
        return provider.Sign(header, payload);

        static JsonObject Set(JsonObject of, string name, JsonNode? value)
        {
            of.Remove(name);
            if (value is not null)
            {
                of[name] = value;
            }

            return of;
        }
    }
}

/// <summary>The same with a provider that others wrote and many use (npm oidc-provider), in a real browser.</summary>
[Collection(GatewayStack.CollectionName), Trait("needs", "server")]
public sealed class PublishedProviderTests(GatewayStack stack)
{
    [Fact]
    public async Task A_person_signs_in_and_out_through_a_provider_that_others_wrote()
    {
        var own = OutsideGateway.Address(stack).ToString().TrimEnd('/');
        var secret = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(20));
        var (address, running) = await NodeTools.LaunchAsync("provider.mjs", "exchange", secret, own);
        await using var _ = running;
        await OutsideGateway.StartAsync(stack, address, "exchange", secret, ("Portal__Provider__Cities__0", "*"), ("Portal__Provider__Scopes__0", "profile"), ("Portal__Provider__Scopes__1", "exchange"));
        try
        {
            var (playwright, chromium) = await BrowserFixture.LaunchAsync();
            using var __ = playwright;
            await using var ___ = chromium;
            await using var context = await chromium.NewContextAsync(new() { BaseURL = own, Locale = "zh-CN" });
            context.SetDefaultTimeout(15_000);
            var page = await context.NewPageAsync();
            await page.GotoAsync("/sign-in?return=%2Fsign-in%3Fagain%3D1");
            if (await NodeTools.ReadAsync("axe-core/axe.min.js") is { } axe)
            {
                await page.EvaluateAsync(axe);
                Assert.Equal("[]", (await page.EvaluateAsync("async () => (await axe.run(document, { resultTypes: ['violations'] })).violations.filter(v => ['serious', 'critical'].includes(v.impact)).map(v => v.id)")).ToString());
            }

            await page.GetByRole(AriaRole.Link, new() { Name = "通过示例统一身份认证平台登录" }).ClickAsync();
            await page.FillAsync("input[name=login]", "li@changsha");
            await page.FillAsync("input[name=password]", "x");
            await page.ClickAsync("button.login-submit");
            // Consent, on the provider's page.
            await page.ClickAsync("button.login-submit");
            await page.WaitForURLAsync("**/sign-in?again=1");
            Assert.Equal("示例·li", await page.InnerTextAsync("header .name"));
            Assert.Contains("我的申请", await page.InnerTextAsync("header"), StringComparison.Ordinal);
            Assert.True(await stack.ScalarAsync<bool>($"select exists (select from portal_sessions where subject = '{new Uri(address).Authority}/li@changsha')"));

            await page.GetByRole(AriaRole.Button, new() { Name = "退出", Exact = true }).ClickAsync();
            await page.GetByRole(AriaRole.Link, new() { Name = "同时退出示例统一身份认证平台" }).ClickAsync();
            // The provider asks before it ends what is its own, and then sends back.
            await page.ClickAsync("button[value=yes]");
            await page.WaitForURLAsync(own + "/");
            Assert.Equal(0, await page.Locator("header .name").CountAsync());

            // A person whom nobody gave a place here.
            await page.GotoAsync("/en/sign-in/outside");
            await page.FillAsync("input[name=login]", "nobody");
            await page.FillAsync("input[name=password]", "x");
            await page.ClickAsync("button.login-submit");
            await page.ClickAsync("button.login-submit");
            await page.WaitForURLAsync("**/en/sign-in?outside=no-place**");
            Assert.Contains("Ask your city's data authority", await page.InnerTextAsync("main"), StringComparison.Ordinal);

            // Who does not want to.
            await context.ClearCookiesAsync();
            await page.GotoAsync("/sign-in/outside");
            await page.GetByRole(AriaRole.Link, new() { NameRegex = new("Cancel") }).ClickAsync();
            await page.WaitForURLAsync("**/sign-in?outside=denied**");
        }
        finally
        {
            await OutsideGateway.StopAsync(stack);
        }
    }
}
