using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Exchange.Gateway.Harvest;
using Exchange.Tests.Federation;

namespace Exchange.Tests.Harvest;

/// <summary>One portal from its first entry to its last, in the real gateway: what people find there, and what operators see and do.</summary>
[Collection(GatewayStack.CollectionName)]
[Trait("needs", "server")]
public sealed class SourceOperationsTests(GatewayStack gateway)
{
    [Fact]
    public async Task A_portal_is_searched_beside_the_cities_and_run_by_operators()
    {
        var officer = await gateway.TokenAsync("zhuzhou-police-officer");
        var operators = await gateway.TokenAsync("exchange-operator");
        var feed = await FeedEndAsync(officer);
        gateway.Portal.Entries.AddRange(Enumerable.Range(1, 6).Select(n => new ForeignEntry($"p{n}", $"门户水文站{n}") { Access = n == 6 ? "non-public" : "public" }));
        gateway.Portal.Raw.Add("""{"identifier":"untitled"}""");
        var run = await RunAsync(operators);
        Assert.Equal(("complete", 7, 6, 1, 6), (Text(run, "outcome"), Number(run, "read"), Number(run, "taken"), Number(run, "faulty"), Number(run, "shown")));
        Assert.Equal(["faulty"], run["differences"]!.AsArray().Select(d => Text(d!, "rule")));

        var found = await Eventually.GetAsync(() => gateway.ReadAsync("/api/catalogue/datasets?q=门户水文站&sort=name", officer), page => Number(page, "total") == 6);
        Assert.Equal("portal", Text(found["facets"]!["city"]![0]!, "value"));
        Assert.Equal("p1", Text(found["items"]![0]!["origin"]!, "identifier"));
        var freshness = found["cities"]!.AsArray().Single(line => Text(line!, "city") == "portal")!;
        Assert.Equal(("live", true), (Text(freshness, "state"), freshness["harvested"]!.GetValue<bool>()));
        Assert.Equal(5, Number(await gateway.ReadAsync("/api/catalogue/datasets?q=门户水文站"), "total"));
        using (var hidden = await gateway.GetAsync($"/api/catalogue/datasets/{MapEntry.IdOf("portal", "p6")}"))
        {
            Assert.Equal(404, (int)hidden.StatusCode);
        }

        var changes = (await gateway.ReadAsync($"/api/catalogue/changes?city=portal&after={feed}", officer))["changes"]!.AsArray();
        Assert.Equal(Enumerable.Repeat("portal", 6), changes.Select(change => Text(change!, "city")));
        using (var export = await gateway.GetAsync("/api/catalogue/export?city=portal"))
        {
            Assert.Equal(5, (await export.Content.ReadAsStringAsync()).Split("门户水文站").Length - 1);
        }

        foreach (var path in (string[])["changes?", "events?", "export?"])
        {
            using var refused = await gateway.GetAsync($"/api/catalogue/{path}city=nowhere", officer);
            Assert.Equal(422, (int)refused.StatusCode);
            Assert.Contains("portal", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        // A rebuild pulls the cities anew; a source has no feed to pull, so it is read, whatever it says of itself.
        await PostAsync("/operations/catalogue/rebuild", operators, 202);
        await Eventually.TrueAsync(() => gateway.ScalarAsync<bool>("select not rebuild_wanted from city_feeds where city = 'portal'"));
        Assert.Equal(6, Number(await ReadSourceAsync(operators), "shown"));

        var faults = await gateway.ReadAsync("/operations/sources/portal/faults", operators);
        Assert.Equal(("untitled", "title", "required"), (Text(faults["items"]![0]!, "identifier"), Text(faults["items"]![0]!, "field"), Text(faults["items"]![0]!, "rule")));
        gateway.Portal.Raw.AddRange(Enumerable.Range(1, 3).Select(n => $$"""{"identifier":"u{{n}}"}"""));
        await RunAsync(operators);
        var first = await gateway.ReadAsync("/operations/sources/portal/faults?limit=3", operators);
        var rest = await gateway.ReadAsync($"/operations/sources/portal/faults?limit=3&cursor={Text(first, "next")}", operators);
        Assert.Equal(["untitled", "u1", "u2", "u3"], first["items"]!.AsArray().Concat(rest["items"]!.AsArray()).Select(item => Text(item!, "identifier")));
        Assert.Null(rest["next"]);

        gateway.Portal.Raw.Clear();
        gateway.Portal.Entries.Clear();
        run = await RunAsync(operators);
        Assert.Equal(("held_back", 6, 6), (Text(run, "outcome"), Number(run, "held_back"), Number(run, "shown")));
        Assert.Equal("lagging", Text((await ReadSourceAsync(operators)), "state"));
        var detail = await gateway.ReadAsync("/operations/sources/portal", operators);
        Assert.Equal(6, detail["held_back"]!.AsArray().Count);
        await PostAsync("/operations/sources/portal/confirm", operators, 409, new { run_id = Guid.NewGuid() });
        await PostAsync("/operations/sources/portal/confirm", operators, 422, new { });
        await PostAsync("/operations/sources/portal/confirm", operators, 202, new { run_id = Text(run, "run_id") });
        await Eventually.GetAsync(() => gateway.ReadAsync("/api/catalogue/datasets?q=门户水文站", officer), page => Number(page, "total") == 0);
        Assert.Equal(1, await gateway.ScalarAsync<long>("select count(*) from outbox where type = 'harvest.removal_confirmed'"));

        await PostAsync("/operations/sources/portal/withdraw", operators, 409);
        await PostAsync("/operations/sources/nowhere/run", operators, 404);
        await PostAsync("/operations/sources/portal/run", officer, 403);
        using var stranger = await gateway.GetAsync("/operations/sources");
        Assert.Equal(401, (int)stranger.StatusCode);
    }

    /// <summary>Has it read now and waits for that run.</summary>
    private async Task<JsonNode> RunAsync(string token)
    {
        var last = await Eventually.GetAsync(() => ReadSourceAsync(token), source => source["last_run"] is not null);
        await PostAsync("/operations/sources/portal/run", token, 202);
        return (await Eventually.GetAsync(() => ReadSourceAsync(token), source => Text(source["last_run"]!, "run_id") != Text(last["last_run"]!, "run_id"), show: source => source.ToJsonString()))["last_run"]!;
    }

    private async Task<JsonNode> ReadSourceAsync(string token) => (await gateway.ReadAsync("/operations/sources", token)).AsArray().Single(source => Text(source!, "source") == "portal")!;

    private async Task<string> FeedEndAsync(string token)
    {
        for (var page = await gateway.ReadAsync("/api/catalogue/changes?limit=500", token); ; page = await gateway.ReadAsync($"/api/catalogue/changes?limit=500&after={Text(page, "next")}", token))
        {
            if (!page["more"]!.GetValue<bool>())
            {
                return Text(page, "next");
            }
        }
    }

    private async Task PostAsync(string path, string token, int status, object? body = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = body is null ? null : JsonContent.Create(body) };
        request.Headers.Authorization = new("Bearer", token);
        using var answer = await gateway.Client.SendAsync(request);
        Assert.True((int)answer.StatusCode == status, $"{path}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
    }

    private static string Text(JsonNode node, string name) => node[name]!.GetValue<string>();

    private static int Number(JsonNode node, string name) => node[name]!.GetValue<int>();
}
