using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dapper;
using Exchange.Contracts;
using Exchange.Gateway.Federation;
using Exchange.Hosting;
using Exchange.Tests.Faults;
using Npgsql;

namespace Exchange.Tests.Federation;

/// <summary>Server-sent events and CloudEvents over real connections to two gateways. The changes are those of the city that is away, so no repair meddles with them.</summary>
[Collection(GatewayStack.CollectionName)]
[Trait("needs", "server")]
public sealed class ChangeStreamTests(GatewayStack gateway) : IAsyncLifetime
{
    private const string Second = "gateway-2";
    private readonly NpgsqlDataSource database = NpgsqlDataSource.Create(gateway.Database);
    private readonly Guid feed = Guid.NewGuid();
    private readonly Dictionary<Guid, int> versions = [];

    public ValueTask InitializeAsync()
    {
        System.Runtime.CompilerServices.RuntimeHelpers.RunClassConstructor(typeof(Database).TypeHandle);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        // The indexes of the gateways hear of it before the rows go.
        await ApplyAsync([.. versions.Keys.Select(id => (id, (string?)null))]);

        var token = await gateway.TokenAsync("zhuzhou-police-officer");
        await Eventually.GetAsync(() => gateway.ReadAsync("/api/catalogue/datasets?q=变更流水", token), page => page["total"]!.GetValue<int>() == 0 || page["match"]!.GetValue<string>() == "similar");
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync("delete from datasets where dataset_id = any(@Keys)", new { Keys = versions.Keys.ToArray() });
        await database.DisposeAsync();
    }

    [Fact, Trait("length", "long")]
    public Task A_reader_that_is_cut_again_and_again_misses_no_change() => CutAsync(2000, 60_000);

    [Fact]
    [Trait("length", "long")]
    public Task A_reader_that_is_cut_again_and_again_misses_none_of_ten_thousand_changes() => CutAsync(10_000, 300_000);

    /// <summary>Each connection ends after at most so many bytes; the second process is killed when half of the changes are made.</summary>
    private Task CutAsync(int changes, int mostBytes) => Schedule.RunAsync(async schedule =>
    {
        var token = await gateway.TokenAsync("changsha-police-client");
        await gateway.Stack.StartAsync(Second);
        var writing = Task.CompletedTask;
        try
        {
            var start = await PositionAsync();
            var last = Guid.CreateVersion7();
            writing = Task.Run(async () =>
            {
                var writer = new Random(schedule.Seed);
                var ids = Enumerable.Range(0, 500).Select(_ => Guid.CreateVersion7()).ToArray();
                for (var done = 0; done < changes; done += 250)
                {
                    if (done == changes / 2)
                    {
                        await gateway.Stack.KillAsync(Second);
                    }

                    await ApplyAsync([.. Enumerable.Range(0, 250).Select(_ => (ids[writer.Next(ids.Length)], writer.Next(5) == 0 ? null : $"变更流水 {writer.Next()}"))]);
                }

                await ApplyAsync(last, "变更流水之末");
            });

            Dictionary<Guid, int> copy = [];
            var (at, cuts, events, seen) = (start, 0, 0, false);
            using (var reader = new EventReader())
            {
                while (!seen)
                {
                    if (writing.IsFaulted)
                    {
                        await writing;
                    }

                    var left = 1 + schedule.Next(mostBytes);
                    var process = schedule.Chance(0.5) ? Second : "gateway";
                    try
                    {
                        var status = await reader.ConnectAsync(new Uri(gateway.Stack.Address(process), $"/api/catalogue/events?after={start}"), token, at);
                        if (status == 429)
                        {
                            // It has not yet noticed that the streams before this one were cut.
                            continue;
                        }

                        Assert.Equal(200, status);
                        cuts++;
                        while (left > 0 && !seen && await reader.ReadAsync(left) is { } found)
                        {
                            left -= reader.LastRead;
                            foreach (var told in found.Where(told => told.Data is not null))
                            {
                                events++;
                                at = told.Id!;
                                seen |= Take(copy, JsonNode.Parse(told.Data!)!["data"]!) == last;
                            }
                        }
                    }
                    catch (Exception fault) when (process == Second && fault is HttpRequestException or IOException)
                    {
                        // It was killed, or is dead already.
                    }

                    reader.Close();
                }
            }

            await writing;
            Assert.True(cuts > 10, $"{cuts} cuts");
            Assert.True(events > 500, $"{events} events");
            var truth = await TruthAsync();
            Assert.Equal(truth, copy.OrderBy(row => row.Key));

            Dictionary<Guid, int> polled = [];
            var after = start;
            for (var more = true; more;)
            {
                var page = await gateway.ReadAsync($"/api/catalogue/changes?after={after}&limit=500&city=xiangtan", token);
                foreach (var change in page["changes"]!.AsArray())
                {
                    Take(polled, change!);
                }

                (after, more) = (page["next"]!.GetValue<string>(), page["more"]!.GetValue<bool>());
            }

            Assert.Equal(truth, polled.OrderBy(row => row.Key));

            // Who comes only now is told everything that stands, page after page.
            Dictionary<Guid, int> whole = [];
            using var late = new EventReader();
            // Not before it has noticed that the streams before this one were cut.
            await Eventually.GetAsync(() => late.ConnectAsync(new Uri(gateway.Stack.Address("gateway"), "/api/catalogue/events"), token, null), status => status == 200);
            for (seen = false; !seen && await late.ReadAsync() is { } found;)
            {
                foreach (var told in found.Where(told => told.Data is not null))
                {
                    seen |= Take(whole, JsonNode.Parse(told.Data!)!["data"]!) == last;
                }
            }

            Assert.Equal(truth, whole.Where(row => versions.ContainsKey(row.Key)).OrderBy(row => row.Key));
        }
        finally
        {
            await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await gateway.Stack.KillAsync(Second);
        }
    });

    [Fact]
    public async Task A_stream_lives_as_long_as_its_token_its_process_and_its_feed_and_says_why_it_ends()
    {
        await gateway.Stack.StartAsync(Second, new Dictionary<string, string> { ["Feed__HeartbeatEvery"] = "00:00:00.2", ["Feed__MostPerCaller"] = "2", ["Feed__SlowAfter"] = "00:00:00.5" });
        try
        {
            var address = gateway.Stack.Address(Second);
            var token = await gateway.TokenAsync("changsha-police-client");
            var start = await PositionAsync();
            using EventReader reader = new(), other = new(), third = new();
            Assert.Equal(200, await reader.ConnectAsync(new Uri(address, $"/api/catalogue/events?after={start}&city=xiangtan"), token, null));

            // What happens is told at once, as CloudEvents; what only the other cities change moves the id.
            var id = Guid.CreateVersion7();
            await ApplyAsync(id, "变更流水一");
            var told = (await reader.FindAsync(e => e.Data is not null))!;
            var cloud = JsonNode.Parse(told.Data!)!;
            Assert.Equal(
                ("1.0", told.Id, $"{gateway.Stack.PublicAddress.ToString().TrimEnd('/')}/api/catalogue", "exchange.dataset.published.v1", id.ToString(), "变更流水一"),
                (Text(cloud, "specversion"), Text(cloud, "id"), Text(cloud, "source"), Text(cloud, "type"), Text(cloud, "subject"), cloud["data"]!["entry"]!["name"]!.GetValue<string>()));
            Assert.Equal(told.Type, Text(cloud, "type"));
            Assert.InRange(DateTimeOffset.Parse(Text(cloud, "time"), System.Globalization.CultureInfo.InvariantCulture), DateTimeOffset.UtcNow.AddMinutes(-2), DateTimeOffset.UtcNow.AddMinutes(2));
            var name = Text(cloud, "dataschema").Split('/')[^1];
            var description = await Eventually.GetAsync(() => gateway.ReadAsync("/openapi/v1.json"), seen => seen["components"]!["schemas"]![name] is not null, show: _ => name);
            Assert.NotNull(description["components"]!["schemas"]![name]!["properties"]!["dataset_id"]);
            Assert.NotNull(await reader.FindAsync(e => e.Text == ": alive\n\n"));
            var elsewhere = GatewayStack.Entry("changsha", "别城的条目");
            await gateway.SendAsync("changsha", gateway.Changsha.Publish(elsewhere));
            var moved = (await reader.FindAsync(e => e.Id is not null || e.Data is not null))!;
            Assert.Null(moved.Data);
            Assert.NotEqual(told.Id, moved.Id);

            // The same as a batch, and where to go on.
            using (var batch = await gateway.GetAsync($"/api/catalogue/changes?after={start}&city=xiangtan&limit=1", token, ("Accept", "application/cloudevents-batch+json")))
            {
                Assert.Equal("application/cloudevents-batch+json", batch.Content.Headers.ContentType!.MediaType);
                Assert.True(JsonNode.DeepEquals(cloud, JsonNode.Parse(await batch.Content.ReadAsStringAsync())!.AsArray().Single()));
                var link = batch.Headers.GetValues("Link").Single();
                Assert.StartsWith($"<{gateway.Stack.PublicAddress}api/catalogue/changes?after=", link);
                Assert.EndsWith("rel=\"next\"", link);
            }

            // No more streams of one account than are allowed, and a reader that does not read loses its own.
            using (var lazy = await LazyAsync(address, token, start))
            {
                Assert.Equal(429, await other.ConnectAsync(new Uri(address, "/api/catalogue/events"), token, start));
                Assert.Equal("too-many-streams-of-caller", JsonNode.Parse(await other.BodyAsync())!["rule"]!.GetValue<string>());
                await ApplyAsync([.. Enumerable.Range(0, 150).Select(i => (Guid.CreateVersion7(), (string?)$"变更流水 {i}"))], filler: 100_000);
                await Eventually.GetAsync(() => other.ConnectAsync(new Uri(address, "/api/catalogue/events"), token, start), status => status == 200);
                other.Close();
            }

            // Strangers have no stream, and a cursor must be one.
            using (var stranger = await gateway.GetAsync("/api/catalogue/events"))
            {
                Assert.Equal(401, (int)stranger.StatusCode);
            }

            Assert.Equal(400, await third.ConnectAsync(new Uri(gateway.Stack.PublicAddress, "/api/catalogue/events?after=nonsense"), token, null));
            Assert.Equal(422, await third.ConnectAsync(new Uri(gateway.Stack.PublicAddress, "/api/catalogue/events?city=nowhere"), token, null));

            // Another feed: readers are told, and old cursors are refused.
            start = await PositionAsync();
            await Eventually.GetAsync(() => other.ConnectAsync(new Uri(address, "/api/catalogue/events"), token, start), status => status == 200);
            await gateway.ScalarAsync<object>("update catalogue set epoch = gen_random_uuid()");
            await ApplyAsync(id, "变更流水二");
            var rebuilt = (await other.FindAsync(e => e.Type == "rebuilt"))!;
            Assert.Equal("feed-rebuilt", JsonNode.Parse(rebuilt.Data!)!["rule"]!.GetValue<string>());
            Assert.Null(await other.FindAsync(_ => true));
            Assert.Equal(410, await other.ConnectAsync(new Uri(address, "/api/catalogue/events"), token, told.Id));

            // The token ends: so does the stream, and with a new token it goes on.
            start = await PositionAsync();
            Assert.Equal(200, await other.ConnectAsync(new Uri(address, $"/api/catalogue/events?after={start}"), token, null));
            gateway.Stack.MoveClock(TimeSpan.FromMinutes(5), Second);
            Assert.NotNull(await other.FindAsync(e => e.Text.Contains("the token has expired", StringComparison.Ordinal)));
            Assert.Null(await other.FindAsync(_ => true));
            gateway.Stack.MoveClock(TimeSpan.Zero, Second);

            // The process goes: the stream ends as a whole answer does.
            Assert.Equal(200, await third.ConnectAsync(new Uri(address, $"/api/catalogue/events?after={start}"), token, null));
            Assert.NotNull(await third.FindAsync(e => e.Text.StartsWith("retry:", StringComparison.Ordinal)));
            var ending = third.FindAsync(e => e.Data is not null);
            await gateway.Stack.StopAsync(Second);
            Assert.Null(await ending);
        }
        finally
        {
            await gateway.Stack.KillAsync(Second);
        }
    }

    /// <summary>Asks for the stream and reads nothing of it.</summary>
    private static async Task<Socket> LazyAsync(Uri address, string token, string after)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await socket.ConnectAsync(address.Host, address.Port);
        await socket.SendAsync(Encoding.ASCII.GetBytes($"GET /api/catalogue/events?after={after} HTTP/1.1\r\nHost: {address.Authority}\r\nAuthorization: Bearer {token}\r\n\r\n"));
        // Its first bytes say that it has its place.
        await socket.ReceiveAsync(new byte[1]);
        return socket;
    }

    private static string Text(JsonNode node, string member) => node[member]!.GetValue<string>();

    private static Guid Take(Dictionary<Guid, int> copy, JsonNode change)
    {
        var id = change["dataset_id"]!.GetValue<Guid>();
        if (change["withdrawn"]!.GetValue<bool>())
        {
            copy.Remove(id);
        }
        else
        {
            copy[id] = change["version"]!.GetValue<int>();
        }

        return id;
    }

    private async Task<string> PositionAsync()
    {
        await using var connection = await database.OpenConnectionAsync();
        var (epoch, change) = await connection.QuerySingleAsync<(Guid, long)>("select epoch, change from catalogue");
        return Cursor.Of(epoch, change);
    }

    private async Task<IEnumerable<KeyValuePair<Guid, int>>> TruthAsync()
    {
        await using var connection = await database.OpenConnectionAsync();
        return (await connection.QueryAsync<(Guid Id, int Version)>("select dataset_id, version from datasets where dataset_id = any(@Keys) and not tombstone", new { Keys = versions.Keys.ToArray() })).ToDictionary(row => row.Id, row => row.Version).OrderBy(row => row.Key);
    }

    private Task ApplyAsync(Guid id, string? name) => ApplyAsync([(id, name)]);

    private async Task ApplyAsync(IReadOnlyList<(Guid Id, string? Name)> changes, int filler = 0)
    {
        await using var connection = await database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        foreach (var (id, name) in changes)
        {
            var version = versions[id] = versions.GetValueOrDefault(id) + 1;
            var entry = name is null ? null : JsonSerializer.Serialize(GatewayStack.Entry("xiangtan", name, version) with { DatasetId = id, SharingConditions = filler > 0 ? new string('x', filler) : null }, Json.Options);
            await CatalogueTables.ApplyAsync(connection, [new CityChange { City = "xiangtan", Epoch = feed, Change = 1, DatasetId = id, Version = version, Entry = entry }], CancellationToken.None);
        }

        await transaction.CommitAsync();
    }
}
