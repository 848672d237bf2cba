using System.Net;

namespace Exchange.Tests.Browser;

/// <summary>What others write into addresses is shown as text or not at all, and pages cannot be framed, cached by others or made to send the reader elsewhere.</summary>
[Collection(BrowserExchange.Name), Trait("needs", "server")]
public sealed class PageSafetyTests(BrowserFixture exchange)
{
    private const string Payload = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>";

    private async Task<(HttpResponseMessage Answer, string Body)> GetAsync(string path)
    {
        using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = exchange.Stack.PublicAddress };
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(path, UriKind.Relative));
        request.Headers.Accept.ParseAdd("text/html,application/xhtml+xml,*/*;q=0.8");
        var answer = await client.SendAsync(request);
        return (answer, await answer.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("/search?q=")]
    [InlineData("/en/search?q=")]
    [InlineData("/search?city=")]
    [InlineData("/search?department=")]
    [InlineData("/search?format=")]
    [InlineData("/search?grade=")]
    [InlineData("/search?sort=")]
    [InlineData("/search?cursor=")]
    [InlineData("/search?more=1&unknown=")]
    [InlineData("/sign-in?return=/")]
    [InlineData("/sign-in?return=")]
    [InlineData("/cities/")]
    [InlineData("/no-such-page/")]
    public async Task What_stands_in_an_address_is_no_part_of_the_page(string path)
    {
        var (answer, body) = await GetAsync(path + Uri.EscapeDataString(Payload).Replace("%2F", "/", StringComparison.Ordinal));
        Assert.True((int)answer.StatusCode < 500, body);
        Assert.Equal("text/html", answer.Content.Headers.ContentType!.MediaType);
        Assert.DoesNotContain("<script>alert", body, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<img src=x", body, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("\"'>", body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/en")]
    [InlineData("/search")]
    [InlineData("/sign-in")]
    [InlineData("/cities")]
    [InlineData("/no-such-page")]
    public async Task Every_page_keeps_the_browser_from_doing_more(string path)
    {
        var (answer, body) = await GetAsync(path);
        var policy = string.Join(' ', answer.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("base-uri 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Equal("DENY", string.Join(' ', answer.Headers.GetValues("X-Frame-Options")));
        Assert.Equal("nosniff", string.Join(' ', answer.Headers.GetValues("X-Content-Type-Options")));
        Assert.DoesNotContain(" style=", body, StringComparison.Ordinal);
        Assert.DoesNotContain(" onclick=", body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/en/api/catalogue/datasets")]
    [InlineData("/en/connect/token")]
    [InlineData("/en/en/search")]
    [InlineData("/EN/search")]
    public async Task The_language_opens_no_second_way_to_what_is_no_page(string path) => Assert.Equal(HttpStatusCode.NotFound, (await GetAsync(path)).Answer.StatusCode);

    [Fact]
    public async Task A_page_that_needs_a_person_sends_to_the_sign_in_and_back()
    {
        var (answer, _) = await GetAsync("/en/requests?state=draft&x=%E5%B7%B2");
        Assert.Equal(HttpStatusCode.Redirect, answer.StatusCode);
        Assert.Equal("/en/sign-in?return=%2Fen%2Frequests%3Fstate%3Ddraft%26x%3D%25E5%25B7%25B2", answer.Headers.Location!.OriginalString);
    }
}
