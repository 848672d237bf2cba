using System.Text.Json.Nodes;
using Exchange.Tests.Flow;

namespace Exchange.Tests.Interop;

/// <summary>The description of the whole exchange, as it is published by a running one, under the linter's recommended rules.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class LintedDescriptionTests(ExchangeFixture exchange)
{
    [Fact]
    public async Task An_outside_linter_finds_no_error()
    {
        var text = await Eventually.GetAsync(
            async () =>
            {
                using var answer = await exchange.Gateway.GetAsync("/openapi/v1.json");
                return await answer.Content.ReadAsStringAsync();
            },
            seen => JsonNode.Parse(seen)!["paths"]?.AsObject() is { } paths && paths.ContainsKey("/api/audit/exchanges") && paths.ContainsKey("/api/cities/{city}/departments"),
            show: seen => seen[..Math.Min(seen.Length, 400)]);
        var paths = JsonNode.Parse(text)!["paths"]!.AsObject();
        foreach (var path in (string[])["/catalog.ttl", "/catalog.jsonld", "/datasets/{id}", "/api/catalogue/export", "/api/3/action/package_search", "/api/3/action/current_package_list_with_resources"])
        {
            Assert.False(string.IsNullOrEmpty(paths[path]?["get"]?["summary"]?.GetValue<string>()), path);
        }

        Assert.Contains("facet.field", paths["/api/3/action/package_search"]!["get"]!["parameters"]!.AsArray().Select(parameter => parameter!["name"]!.GetValue<string>()));

        var file = Path.Combine(Directory.CreateTempSubdirectory("openapi-").FullName, "openapi.json");
        await File.WriteAllTextAsync(file, text);
        try
        {
            Assert.Contains("Your API description is valid", await NodeTools.RunPackageAsync("@redocly/cli/bin/cli.js", "lint", file, "--extends=recommended", "--format=stylish"));
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
        }
    }
}
