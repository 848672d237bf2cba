using System.Text.Json.Nodes;
using Exchange.Contracts;
using Exchange.Gateway.Quality;
using Exchange.Tests.Federation;

namespace Exchange.Tests.Quality;

[Collection(GatewayStack.CollectionName)]
[Trait("needs", "server")]
public sealed class ReadQualityTests(GatewayStack gateway)
{
    /// <summary>No other test publishes for it.</summary>
    private const string Department = "11430200EXAMPL9999";

    [Fact]
    public async Task The_gateway_says_what_the_command_says()
    {
        var entry = await PublishAsync(ScoredEntries.Open with { DatasetId = Guid.CreateVersion7(), Abstract = "<b>示例</b>\u2028" });
        var folder = Directory.CreateTempSubdirectory("exchange-quality-");
        try
        {
            using var exported = await gateway.GetAsync($"/api/catalogue/datasets/{entry.DatasetId}");
            var file = Path.Combine(folder.FullName, "entry.json");
            await File.WriteAllBytesAsync(file, await exported.Content.ReadAsByteArrayAsync());
            using var said = await gateway.GetAsync($"/api/catalogue/datasets/{entry.DatasetId}/quality");
            var report = await said.Content.ReadAsByteArrayAsync();
            var day = JsonNode.Parse(report)!["day"]!.GetValue<string>();
            using var output = new MemoryStream();
            Assert.Equal(0, QualityCommand.Run([file, "--on", day], output, TextWriter.Null, TimeProvider.System));
            Assert.Equal(report, output.ToArray());
            Assert.Equal("application/json; charset=utf-8", said.Content.Headers.ContentType!.ToString());

            using var again = await gateway.GetAsync($"/api/catalogue/datasets/{entry.DatasetId}/quality", null, ("If-None-Match", said.Headers.ETag!.ToString()));
            Assert.Equal(304, (int)again.StatusCode);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Without_a_token_there_is_no_report_and_no_average_of_what_is_not_open()
    {
        var open = await PublishAsync(ScoredEntries.Open with { DatasetId = Guid.CreateVersion7(), DepartmentCode = Department, DepartmentName = "示例开放局" });
        var closed = await PublishAsync(ScoredEntries.Open with { DatasetId = Guid.CreateVersion7(), DepartmentCode = Department, DepartmentName = "示例开放局", OpenToSociety = false, Theme = "Z9999", Abstract = "无" });
        var token = await gateway.TokenAsync("zhuzhou-police-officer");
        using var stranger = await gateway.GetAsync($"/api/catalogue/datasets/{closed.DatasetId}/quality");
        Assert.Equal(404, (int)stranger.StatusCode);
        using var nobody = await gateway.GetAsync($"/api/catalogue/datasets/{Guid.NewGuid()}/quality", token);
        Assert.Equal(404, (int)nobody.StatusCode);
        using var wrong = await gateway.GetAsync($"/api/catalogue/datasets/{open.DatasetId}/quality", "nonsense");
        Assert.Equal(401, (int)wrong.StatusCode);
        Assert.Equal(closed.DatasetId, (await gateway.ReadAsync($"/api/catalogue/datasets/{closed.DatasetId}/quality", token))["dataset_id"]!.GetValue<Guid>());

        var all = await Eventually.GetAsync(() => DepartmentAsync(token), line => line?["entries"]!.GetValue<int>() == 2);
        var theirs = await DepartmentAsync(null);
        Assert.Equal(1, theirs!["entries"]!.GetValue<int>());
        Assert.Equal(100m, theirs["percent"]!.GetValue<decimal>());
        Assert.Equal("示例开放局", theirs["department_name"]!.GetValue<string>());
        Assert.Equal(6, theirs["dimensions"]!.AsArray().Count);
        Assert.True(all!["percent"]!.GetValue<decimal>() < 100m);

        var history = (await gateway.ReadAsync($"/api/catalogue/quality?department={Department}", token))["history"]!.AsArray();
        Assert.Equal((Department, 2), (history[^1]!["department"]!.GetValue<string>(), history[^1]!["entries"]!.GetValue<int>()));

        await gateway.SendAsync("zhuzhou", gateway.Zhuzhou.Withdraw(open));
        Assert.Null(await Eventually.GetAsync(() => DepartmentAsync(null), line => line is null));
    }

    [Fact]
    public async Task A_wrong_span_of_days_is_named()
    {
        foreach (var (query, field) in new[] { ("from=2026-02-02&to=2026-02-01", "to"), ("from=2025-01-01&to=2026-02-01", "from") })
        {
            using var answer = await gateway.GetAsync($"/api/catalogue/quality?{query}");
            Assert.Equal(422, (int)answer.StatusCode);
            Assert.Equal(field, JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["errors"]![0]!["field"]!.GetValue<string>());
        }
    }

    [Fact]
    public async Task The_rules_are_published_as_they_are_computed()
    {
        var rules = await gateway.ReadAsync("/api/catalogue/quality/rules");
        Assert.Equal(QualityRules.Max, rules["max"]!.GetValue<int>());
        Assert.Equal(
            QualityRules.All.Select(rule => (rule.Id, rule.Points, rule.Field, rule.Asks.Zh)),
            rules["dimensions"]!.AsArray().SelectMany(dimension => dimension!["rules"]!.AsArray())
                .Select(rule => (rule!["id"]!.GetValue<string>(), rule["points"]!.GetValue<int>(), rule["field"]!.GetValue<string>(), rule["asks"]!["zh"]!.GetValue<string>())));
    }

    private async Task<JsonNode?> DepartmentAsync(string? token) =>
        (await gateway.ReadAsync($"/api/catalogue/quality?city=zhuzhou&department={Department}", token))["cities"]!.AsArray().SingleOrDefault()?["departments"]!.AsArray().SingleOrDefault();

    private async Task<DatasetEntry> PublishAsync(DatasetEntry entry)
    {
        entry = entry with { City = "zhuzhou", Version = 1 };
        await gateway.SendAsync("zhuzhou", gateway.Zhuzhou.Publish(entry));
        var token = await gateway.TokenAsync("zhuzhou-police-officer");
        await Eventually.TrueAsync(async () =>
        {
            using var answer = await gateway.GetAsync($"/api/catalogue/datasets/{entry.DatasetId}", token);
            return answer.IsSuccessStatusCode;
        });
        return entry;
    }
}
