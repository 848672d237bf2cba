using Exchange.Tests.Federation;

namespace Exchange.Tests.Interop;

[Collection(GatewayStack.CollectionName)]
[Trait("needs", "server")]
public sealed class PublishedDescriptionTests(GatewayStack gateway)
{
    [Fact]
    public async Task One_document_describes_the_whole_exchange()
    {
        await Eventually.TrueAsync(async () =>
        {
            using var answer = await gateway.GetAsync("/openapi/v1.json");
            return answer.IsSuccessStatusCode;
        });
        var document = await Eventually.GetAsync(() => gateway.ReadAsync("/openapi/v1.json"), seen => seen["paths"]!["/api/audit/departments"] is not null);
        Assert.StartsWith("3.1", document["openapi"]!.GetValue<string>());
        var paths = document["paths"]!.AsObject().Select(path => path.Key).ToList();
        Assert.Contains("/api/catalogue/datasets", paths);
        Assert.Contains("/api/statistics", paths);
        Assert.Contains("/connect/token", paths);
        Assert.Contains("/api/cities/{city}/departments", paths);
        Assert.DoesNotContain(paths, path => path.Contains("digest") || path.Contains("health"));
    }

    [Theory]
    [InlineData("/docs", "text/html")]
    [InlineData("/docs/start.js", "text/javascript")]
    [InlineData("/docs/assets/swagger-ui-bundle.js", "text/javascript")]
    [InlineData("/docs/assets/swagger-ui.css", "text/css")]
    [InlineData("/", "text/html")]
    public async Task Pages_carry_no_inline_script_and_a_policy_that_forbids_it(string path, string type)
    {
        using var answer = await gateway.GetAsync(path);
        Assert.Equal(200, (int)answer.StatusCode);
        Assert.Equal(type, answer.Content.Headers.ContentType!.MediaType);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.NotEmpty(text);
        if (type == "text/html")
        {
            Assert.DoesNotContain("<script>", text);
            var policy = answer.Headers.GetValues("Content-Security-Policy").Single();
            Assert.DoesNotContain("script-src 'self' 'unsafe-inline'", policy);
            Assert.Contains("default-src 'none'", policy);
        }
    }
}
