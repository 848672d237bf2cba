using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dapper;
using Exchange.Gateway.Federation;
using Exchange.Hosting;
using Exchange.Tests.Faults;
using Exchange.Tests.Federation;
using Exchange.Tests.Flow;
using Npgsql;

namespace Exchange.Tests.Searches;

/// <summary>A department's own system hears what changes for the searches that it keeps, over real listeners. The changes are those of the city that is away.</summary>
[Collection(GatewayStack.CollectionName)]
[Trait("needs", "server")]
public sealed class SavedSearchTests(GatewayStack gateway) : IAsyncLifetime
{
    private const string Searches = "/api/catalogue/searches";
    private const string Second = "gateway-2";
    private readonly NpgsqlDataSource database = NpgsqlDataSource.Create(gateway.Database);
    private readonly WebhookReceiver receiver = new();
    private readonly Guid feed = Guid.NewGuid();
    private readonly Dictionary<Guid, int> versions = [];
    private readonly List<string> saved = [];
    private string keeper = "";

    public async ValueTask InitializeAsync()
    {
        System.Runtime.CompilerServices.RuntimeHelpers.RunClassConstructor(typeof(Database).TypeHandle);
        await receiver.StartAsync();
        keeper = await gateway.TokenAsync("changsha-police-client");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var id in saved)
        {
            await SendAsync(HttpMethod.Delete, $"{Searches}/{id}", keeper);
        }

        await ApplyAsync([.. versions.Keys.Select(id => (id, (string?)null))]);
        await Eventually.GetAsync(() => gateway.ReadAsync("/api/catalogue/datasets?q=留意检索", keeper), page => page["total"]!.GetValue<int>() == 0 || page["match"]!.GetValue<string>() == "similar");
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync("delete from datasets where dataset_id = any(@Keys)", new { Keys = versions.Keys.ToArray() });
        await database.DisposeAsync();
        await receiver.DisposeAsync();
    }

    [Fact]
    public async Task Its_department_is_told_what_begins_to_match_changes_and_no_longer_matches()
    {
        var (stood, comes, other) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await ApplyAsync(stood, "留意检索水库台账");
        receiver.Answers = [500, 302, 200];
        var made = await SaveAsync("水务", """{"q":"水库 留意检索","city":["xiangtan"]}""", "/in");
        var (id, secret) = (made["id"]!.GetValue<string>(), made["secret"]!.GetValue<string>());
        Assert.Equal(1, made["matches"]!.GetValue<int>());
        await SaveAsync("其后", """{"q":"留意检索其后"}""", "/after");

        await ApplyAsync(other, "留意检索桥梁台账");
        await ApplyAsync(comes, "留意检索水库（新）");
        await ToldAsync("/in", 1);
        await ApplyAsync(stood, "留意检索水库台账（改）");
        await ToldAsync("/in", 2);
        await ApplyAsync(comes, "留意检索公园");
        await ToldAsync("/in", 3);
        await ApplyAsync(stood, null);
        var told = await ToldAsync("/in", 4);
        Assert.Equal(
            [("exchange.search.matched.v1", comes, 1), ("exchange.search.changed.v1", stood, 2), ("exchange.search.unmatched.v1", comes, 2), ("exchange.search.unmatched.v1", stood, 3)],
            told.Select(call => JsonNode.Parse(call.Body)!).Select(e => (e["type"]!.GetValue<string>(), e["subject"]!.GetValue<Guid>(), e["data"]!["version"]!.GetValue<int>())));
        var first = JsonNode.Parse(told[0].Body)!;
        Assert.Equal($"{gateway.Stack.PublicAddress}api/catalogue/searches/{id}", first["source"]!.GetValue<string>());
        Assert.Equal(("水务", "留意检索水库（新）", $"{gateway.Stack.PublicAddress}api/catalogue/datasets/{comes}"),
            (first["data"]!["search"]!.GetValue<string>(), first["data"]!["name"]!.GetValue<string>(), first["data"]!["entry"]!.GetValue<string>()));
        Assert.Null(first["data"]!["abstract"]);
        Assert.All(receiver.Received.Where(call => call.Path == "/in"), call => Assert.Equal(
            "v1," + Convert.ToBase64String(HMACSHA256.HashData(Convert.FromBase64String(secret[6..]), Encoding.UTF8.GetBytes($"{call.Id}.{call.Timestamp}.{call.Body}"))), call.Signature));

        // Each attempt is in the log, and what went astray behind the receiver's door is sent again.
        var log = await Eventually.GetAsync(() => gateway.ReadAsync($"{Searches}/{id}/deliveries", keeper), seen => seen["items"]!.AsArray().All(d => d!["state"]!.GetValue<string>() == "done"));
        Assert.Equal(4, log["items"]!.AsArray().Count);
        var retried = log["items"]!.AsArray().Single(d => d!["id"]!.GetValue<string>() == told[0].Id)!;
        Assert.Equal([500, 302, 200], retried["log"]!.AsArray().Select(a => a!["status"]!.GetValue<int>()));
        Assert.Equal(204, (await SendAsync(HttpMethod.Post, $"{Searches}/{id}/deliveries/{told[0].Id}/again", keeper)).Status);
        await Eventually.GetAsync(() => Task.FromResult(receiver.Received.Count(call => call.Id == told[0].Id)), n => n == 4);

        // It is its department's own.
        Assert.DoesNotContain("whsec_", (await SendAsync(HttpMethod.Get, Searches, keeper)).Text, StringComparison.Ordinal);
        Assert.Contains(id, (await SendAsync(HttpMethod.Get, Searches, keeper)).Text, StringComparison.Ordinal);
        var stranger = await gateway.TokenAsync("zhuzhou-labour-client");
        Assert.DoesNotContain(id, (await SendAsync(HttpMethod.Get, Searches, stranger)).Text, StringComparison.Ordinal);
        Assert.Equal(404, (await SendAsync(HttpMethod.Get, $"{Searches}/{id}/deliveries", stranger)).Status);
        Assert.Equal(404, (await SendAsync(HttpMethod.Post, $"{Searches}/{id}/deliveries/{told[0].Id}/again", stranger)).Status);
        Assert.Equal(404, (await SendAsync(HttpMethod.Delete, $"{Searches}/{id}", stranger)).Status);
        Assert.Equal(403, (await SendAsync(HttpMethod.Get, Searches, await gateway.TokenAsync("zhuzhou-police-officer"))).Status);
        Assert.Equal(401, (await SendAsync(HttpMethod.Get, Searches, null)).Status);

        // Once it is gone nothing is told: the other search hears of a later change.
        Assert.Equal(204, (await SendAsync(HttpMethod.Delete, $"{Searches}/{id}", keeper)).Status);
        var before = receiver.Received.Count(call => call.Path == "/in");
        await ApplyAsync(other, "水库台账留意检索其后");
        await ToldAsync("/after", 1);
        Assert.Equal(before, receiver.Received.Count(call => call.Path == "/in"));
    }

    [Fact]
    public async Task Every_fault_of_a_search_is_named()
    {
        var answer = await SendAsync(HttpMethod.Post, Searches, keeper, JsonNode.Parse($$"""{"query":{"q":"{{new string('长', 201)}}","sort":"name","limit":3},"url":"http://169.254.169.254/latest"}"""));
        Assert.Equal(422, answer.Status);
        Assert.Equal(["name", "q", "query.limit", "query.sort", "url"], JsonNode.Parse(answer.Text)!["errors"]!.AsArray().Select(e => e!["field"]!.GetValue<string>()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public Task Nothing_is_missed_when_one_of_two_followers_is_killed_and_the_receiver_stumbles() => Schedule.RunAsync(async schedule =>
    {
        string[] words = ["甲", "乙", "丙", "丁"];
        receiver.Answers = [.. Enumerable.Range(0, 60).Select(_ => schedule.Chance(0.3) ? 503 : 200), 200];
        // The second one follows and does not send: what it had on its way would wait for the end of its lease.
        await gateway.Stack.StartAsync(Second, new Dictionary<string, string> { ["Webhooks__Every"] = "00:10:00" });
        try
        {
            var searches = new List<(string Id, string Path, string Word, HashSet<Guid>? Stood)>();
            var ids = Enumerable.Range(0, 30).Select(_ => Guid.CreateVersion7()).ToArray();
            for (var batch = 0; batch < 30; batch++)
            {
                var applying = Task.CompletedTask;
                if (batch is 0 or 5 or 10)
                {
                    // What stands there when it is saved is not told, what comes after is; the last one is saved while things change.
                    var word = words[searches.Count];
                    HashSet<Guid>? standing = null;
                    if (batch < 10)
                    {
                        await Eventually.TrueAsync(() => gateway.ScalarAsync<bool>("select f.change = c.change from search_follower f cross join catalogue c"));
                        standing = [.. Matching(await TruthAsync(), word)];
                    }
                    else
                    {
                        applying = ApplyAsync([.. Enumerable.Range(0, 100).Select(_ => (schedule.Pick(ids), (string?)$"留意检索{schedule.Pick(words)}"))]);
                    }

                    var made = await SaveAsync(word, $$"""{"q":"留意检索{{word}}"}""", $"/{searches.Count}");
                    searches.Add((made["id"]!.GetValue<string>(), $"/{searches.Count}", word, standing));
                }

                await applying;
                if (batch == 15)
                {
                    await gateway.Stack.KillAsync(Second);
                }

                await ApplyAsync([.. Enumerable.Range(0, 6).Select(_ => (schedule.Pick(ids), schedule.Chance(0.2) ? null : $"留意检索{schedule.Pick(words)}"))]);
            }

            var truth = await TruthAsync();
            await Eventually.TrueAsync(() => gateway.ScalarAsync<bool>("select f.change = c.change from search_follower f cross join catalogue c"));
            foreach (var (search, path, word, standing) in searches)
            {
                var expected = Matching(truth, word).Order().ToList();
                await Eventually.GetAsync(
                    async () => (await gateway.ReadAsync(Searches, keeper))["items"]!.AsArray().Single(s => s!["id"]!.GetValue<string>() == search)!["waiting"]!.GetValue<int>(),
                    waiting => waiting == 0, TimeSpan.FromSeconds(40), waiting => $"{waiting} waiting for {path}");
                Assert.Equal(expected, await MatchesAsync(search));
                var told = receiver.Received.Where(call => call.Path == path).DistinctBy(call => call.Id).Select(call => JsonNode.Parse(call.Body)!).ToList();
                Assert.NotEmpty(told);
                var changes = told.ConvertAll(e => Cursor.ReadChange(e["id"]!.GetValue<string>())!.Value.Change);
                Assert.Equal(changes.Order(), changes);
                if (standing is null)
                {
                    continue;
                }

                foreach (var e in told)
                {
                    var (type, id) = (e["type"]!.GetValue<string>(), e["subject"]!.GetValue<Guid>());
                    Assert.True(type switch
                    {
                        "exchange.search.matched.v1" => standing.Add(id),
                        "exchange.search.changed.v1" => standing.Contains(id),
                        _ => standing.Remove(id),
                    }, e.ToJsonString());
                }

                Assert.Equal(expected, standing.Order());
            }
        }
        finally
        {
            await gateway.Stack.KillAsync(Second);
        }
    });

    private static IEnumerable<Guid> Matching(Dictionary<Guid, string> truth, string word) => truth.Where(row => row.Value.Contains(word, StringComparison.Ordinal)).Select(row => row.Key);

    private async Task<List<Guid>> MatchesAsync(string search)
    {
        await using var connection = await database.OpenConnectionAsync();
        return [.. (await connection.QueryAsync<Guid>("select dataset_id from search_matches where search_id = @id", new { id = Guid.Parse(search) })).Order()];
    }

    private async Task<JsonNode> SaveAsync(string name, string query, string path)
    {
        var answer = await SendAsync(HttpMethod.Post, Searches, keeper, new JsonObject { ["name"] = name, ["query"] = JsonNode.Parse(query), ["url"] = receiver.Address + path });
        Assert.True(answer.Status == 201, answer.Text);
        var made = JsonNode.Parse(answer.Text)!;
        saved.Add(made["id"]!.GetValue<string>());
        return made;
    }

    /// <summary>What came to a path once so many different deliveries did, each as it came first.</summary>
    private async Task<List<WebhookCall>> ToldAsync(string path, int count) => await Eventually.GetAsync(
        () => Task.FromResult(receiver.Received.Where(call => call.Path == path).DistinctBy(call => call.Id).ToList()), told => told.Count == count, show: told => $"{told.Count} told");

    private async Task<(int Status, string Text)> SendAsync(HttpMethod method, string path, string? token, JsonNode? body = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        request.Headers.Add("Idempotency-Key", Guid.NewGuid().ToString());
        using var answer = await gateway.Client.SendAsync(request);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    private async Task<Dictionary<Guid, string>> TruthAsync()
    {
        await using var connection = await database.OpenConnectionAsync();
        return (await connection.QueryAsync<(Guid Id, string Name)>("select dataset_id, entry::json ->> 'name' from datasets where city = 'xiangtan' and not tombstone")).ToDictionary(row => row.Id, row => row.Name);
    }

    private Task ApplyAsync(Guid id, string? name) => ApplyAsync([(id, name)]);

    private async Task ApplyAsync(IReadOnlyList<(Guid Id, string? Name)> changes)
    {
        await using var connection = await database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        foreach (var (id, name) in changes)
        {
            var version = versions[id] = versions.GetValueOrDefault(id) + 1;
            var entry = name is null ? null : JsonSerializer.Serialize(GatewayStack.Entry("xiangtan", name, version) with { DatasetId = id }, Json.Options);
            await CatalogueTables.ApplyAsync(connection, [new CityChange { City = "xiangtan", Epoch = feed, Change = 1, DatasetId = id, Version = version, Entry = entry }], CancellationToken.None);
        }

        await transaction.CommitAsync();
    }
}
