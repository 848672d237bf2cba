using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dapper;
using Exchange.Audit.Log;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Exchange.Local;
using Exchange.Tests.Faults;
using Exchange.Verifier;
using Npgsql;
using RabbitMQ.Client;

namespace Exchange.Tests.Audit;

/// <summary>The audit service as its own process, fed through the broker and asked over HTTP.</summary>
public sealed class AuditService : IAsyncLifetime
{
    private TestIssuer issuer = null!;

    internal Stack Stack { get; private set; } = null!;

    internal HttpClient Http { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        issuer = await TestIssuer.StartAsync();
        Stack = await Stack.StartAsync(StackOptions.ForTests() with { Services = [Stack.Audit], Settings = issuer.Settings, PublicAddress = "https://exchange.example" });
        Http = new HttpClient { BaseAddress = Stack.Address(Stack.Audit) };
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Stack.DisposeAsync();
        await issuer.DisposeAsync();
    }

    internal Task PublishAsync(string user, string source, params RecordedEvent[] records) => PublishAsync(user, source, records, key: $"{user}.audit");

    /// <param name="key">The routing key, which names the sender; empty through the queue's own exchange, as an operator puts messages back.</param>
    internal async Task PublishAsync(string user, string source, RecordedEvent[] records, string key)
    {
        await using var connection = await new ConnectionFactory { Uri = new Uri(Stack.BrokerUri(key.Length == 0 ? Stack.Audit : user)) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        var message = JsonSerializer.SerializeToUtf8Bytes(new AuditRecords { Source = source, Records = records }, MessageJson.Options);
        var body = MessageJson.Envelope(Guid.CreateVersion7(), null, user, Topology.Audit, typeof(AuditRecords).FullName!, message, DateTimeOffset.UtcNow);
        await channel.BasicPublishAsync(key.Length == 0 ? Topology.AuditQueue : Topology.Audit, key, mandatory: true, new BasicProperties { ContentType = MessageJson.ContentType, Persistent = true }, body);
    }

    internal Task<HttpResponseMessage> GetAsync(string path, string? token)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token) } };
        request.Headers.AcceptLanguage.ParseAdd("en");
        return Http.SendAsync(request);
    }

    internal async Task<JsonElement> JsonAsync(string path, string token)
    {
        using var answer = await GetAsync(path, token);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{path}: {(int)answer.StatusCode} {text}");
        return JsonDocument.Parse(text).RootElement;
    }

    /// <summary>Asks until the answer is what the test waits for; tells the last one when it never is.</summary>
    internal async Task<string> EventuallyAsync(string path, string? token, Func<HttpStatusCode, string, bool> good)
    {
        var found = await Eventually.GetAsync(
            async () =>
            {
                using var answer = await GetAsync(path, token);
                return (answer.StatusCode, Text: await answer.Content.ReadAsStringAsync());
            },
            said => good(said.StatusCode, said.Text),
            TimeSpan.FromSeconds(30),
            said => $"{path}: {(int)said.StatusCode} {said.Text}");
        return found.Text;
    }

    internal string Token(string? city, string? department, params string[] roles) => issuer.Token("audit", city, department, roles);

    internal string Auditor => Token(null, null, Roles.Auditor);
}

[Trait("needs", "server")]
public sealed class AuditServiceTests(AuditService service) : IClassFixture<AuditService>
{
    private const string Asking = "11430200EXAMPL0011";
    private const string Providing = "11430100EXAMPL0121";

    [Fact]
    public async Task A_record_from_the_broker_is_listed_proven_and_checked_offline_by_its_parties_only()
    {
        var (source, exchange) = (new TestSource("zhuzhou"), Guid.CreateVersion7());
        var recorded = source.Next("request.submitted", exchange, content => (content["requesting"], content["providing"]) = (Asking, Providing));
        await service.PublishAsync("zhuzhou", "zhuzhou", recorded);
        await service.PublishAsync("zhuzhou", "zhuzhou", recorded);
        var officer = service.Token("zhuzhou", Asking, Roles.Officer);

        var timeline = JsonDocument.Parse(await service.EventuallyAsync($"/exchanges/{exchange}", officer, (status, text) => status == HttpStatusCode.OK && text.Contains("\"signed\":true", StringComparison.Ordinal))).RootElement;
        var leaf = Assert.Single(timeline.GetProperty("events").EnumerateArray());
        Assert.Equal(recorded.EventId, leaf.GetProperty("event_id").GetGuid());
        var proof = leaf.GetProperty("proof").GetString()!["/api/audit".Length..];

        var list = await service.JsonAsync("/exchanges", officer);
        Assert.Contains(list.GetProperty("items").EnumerateArray(), item => item.GetProperty("exchange_id").GetGuid() == exchange);
        foreach (var allowed in new[] { officer, service.Token("changsha", Providing, Roles.Integrator), service.Token("zhuzhou", "11430200EXAMPL0099", Roles.Authority), service.Auditor })
        {
            using var answer = await service.GetAsync(proof, allowed);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.Equal("text/plain; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
            Assert.Equal(0, await VerifyAsync(await answer.Content.ReadAsStringAsync()));
        }
        foreach (var stranger in new[] { service.Token("xiangtan", "11430300EXAMPL0011", Roles.Officer), service.Token("xiangtan", "11430300EXAMPL0099", Roles.Authority) })
        {
            Assert.Equal(HttpStatusCode.NotFound, (await service.GetAsync(proof, stranger)).StatusCode);
            Assert.Equal(HttpStatusCode.NotFound, (await service.GetAsync($"/exchanges/{exchange}", stranger)).StatusCode);
            Assert.DoesNotContain(exchange.ToString(), await (await service.GetAsync("/exchanges", stranger)).Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
        Assert.Equal(HttpStatusCode.Forbidden, (await service.GetAsync(proof, service.Token("zhuzhou", Asking, Roles.Operator))).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await service.GetAsync(proof, null)).StatusCode);
    }

    [Fact]
    public async Task Exchanges_are_filtered_and_paged()
    {
        var (source, department) = (new TestSource("xiangtan"), "11430300EXAMPL0777");
        var exchanges = Enumerable.Range(0, 5).Select(_ => Guid.CreateVersion7()).ToList();
        await service.PublishAsync("xiangtan", "xiangtan", [.. exchanges.Select(exchange => source.Next("request.submitted", exchange, content => content["requesting"] = department))]);
        await service.EventuallyAsync($"/exchanges?department={department}", service.Auditor, (_, text) => exchanges.TrueForAll(exchange => text.Contains(exchange.ToString(), StringComparison.Ordinal)));

        List<Guid> seen = [];
        string? cursor = null;
        do
        {
            var page = await service.JsonAsync($"/exchanges?limit=2&cursor={cursor}", service.Token("xiangtan", department, Roles.Officer));
            seen.AddRange(page.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("exchange_id").GetGuid()));
            cursor = page.TryGetProperty("next", out var next) ? next.GetString() : null;
        }
        while (cursor is not null);
        Assert.Equal(exchanges.OrderDescending(), seen);

        Assert.Equal(5, (await service.JsonAsync($"/exchanges?department={department}&city=xiangtan&from=2026-11-21T00:00:00Z&to=2026-11-22T00:00:00Z", service.Auditor)).GetProperty("items").GetArrayLength());
        Assert.Equal(0, (await service.JsonAsync($"/exchanges?department={department}&city=changsha", service.Auditor)).GetProperty("items").GetArrayLength());
        Assert.Equal(0, (await service.JsonAsync($"/exchanges?department={department}&from=2026-11-22T00:00:00Z", service.Auditor)).GetProperty("items").GetArrayLength());
        foreach (var wrong in new[] { "limit=0", "limit=501", "cursor=nonsense" })
        {
            Assert.Equal(HttpStatusCode.UnprocessableEntity, (await service.GetAsync($"/exchanges?{wrong}", service.Auditor)).StatusCode);
        }
        Assert.Equal(HttpStatusCode.BadRequest, (await service.GetAsync("/exchanges?from=yesterday", service.Auditor)).StatusCode);
    }

    [Fact]
    public async Task A_record_that_can_never_be_logged_goes_to_the_error_queue_alone()
    {
        var (changsha, exchange) = (new TestSource("changsha"), Guid.CreateVersion7());
        var good = Enumerable.Range(0, 3).Select(_ => changsha.Next("grant.activated", exchange)).ToList();
        var bad = new RecordedEvent { EventId = Guid.CreateVersion7(), Bytes = "{}"u8.ToArray() };
        var forged = new TestSource("gateway").Next("grant.ended", exchange);

        await service.PublishAsync("changsha", "changsha", good[0], bad, good[1]);
        await service.PublishAsync("changsha", "gateway", forged);
        await service.PublishAsync("changsha", "changsha", good[2]);

        var timeline = JsonDocument.Parse(await service.EventuallyAsync($"/exchanges/{exchange}", service.Auditor, (status, text) => status == HttpStatusCode.OK && text.Contains(good[2].EventId.ToString(), StringComparison.Ordinal))).RootElement;
        Assert.Equal(good.Select(record => record.EventId), timeline.GetProperty("events").EnumerateArray().Select(leaf => leaf.GetProperty("event_id").GetGuid()));
        Assert.Equal(new HashSet<Guid> { bad.EventId, forged.EventId }, [.. await ErrorsAsync(2)]);
    }

    [Fact]
    public async Task What_is_missing_is_named()
    {
        var (gateway, city) = (new TestSource("gateway"), new TestSource("xiangtan"));
        var deliveries = Enumerable.Range(0, 4).Select(_ => Guid.CreateVersion7()).ToList();
        var exchange = Guid.CreateVersion7();
        RecordedEvent Report(TestSource source, string type, Guid delivery, int bytes) => source.Next(type, exchange, content =>
        {
            content["result"] = "complete";
            content["bytes"] = bytes;
            content["requesting"] = Asking;
            content["details"] = new JsonObject { ["delivery_id"] = delivery.ToString(), ["sha256"] = Convert.ToHexStringLower(SHA256.HashData([(byte)bytes])) };
        });
        List<RecordedEvent> fromCity = [.. deliveries.SelectMany(delivery => new[] { Report(city, "delivery.opened", delivery, 1), Report(city, "delivery.ended", delivery, 1) })];
        List<RecordedEvent> fromGateway = [Report(gateway, "gateway.delivered", deliveries[0], 1), Report(gateway, "gateway.delivered", deliveries[1], 2), Report(gateway, "gateway.delivered", deliveries[2], 1)];
        var lost = gateway.Next("heartbeat");
        var last = gateway.Next("heartbeat");
        // The third delivery's opening was never sent, and neither was one of the gateway's records.
        fromCity.RemoveAt(4);
        await service.PublishAsync("xiangtan", "xiangtan", [.. fromCity]);
        await service.PublishAsync("gateway", "gateway", [.. fromGateway, last]);

        var report = JsonDocument.Parse(await service.EventuallyAsync("/gaps?settle=0&limit=500", service.Auditor, (_, text) => text.Contains($"\"delivery_id\":\"{deliveries[2]}\"", StringComparison.Ordinal) && text.Contains("\"source\":\"gateway\"", StringComparison.Ordinal))).RootElement;

        var number = JsonNode.Parse(lost.Bytes)!["seq"]!.GetValue<long>();
        var missing = report.GetProperty("sources").EnumerateArray().Single(source => source.GetProperty("source").GetString() == "gateway").GetProperty("missing");
        Assert.Equal((number, number), (missing[0].GetProperty("from").GetInt64(), missing[0].GetProperty("to").GetInt64()));
        var faults = report.GetProperty("deliveries").EnumerateArray().ToDictionary(delivery => delivery.GetProperty("delivery_id").GetGuid());
        Assert.DoesNotContain(deliveries[0], faults.Keys);
        Assert.True(faults[deliveries[1]].GetProperty("unequal").GetBoolean());
        Assert.Equal("city_opening", Assert.Single(faults[deliveries[2]].GetProperty("missing").EnumerateArray()).GetString());
        Assert.Equal("gateway", Assert.Single(faults[deliveries[3]].GetProperty("missing").EnumerateArray()).GetString());

        var own = await service.JsonAsync("/gaps?settle=0", service.Token("zhuzhou", Asking, Roles.Officer));
        Assert.Equal((0, 3), (own.GetProperty("sources").GetArrayLength(), own.GetProperty("deliveries").GetArrayLength()));
        Assert.Equal(0, (await service.JsonAsync("/gaps", service.Auditor)).GetProperty("deliveries").GetArrayLength());
    }

    /// <summary>The tables an append writes, in its order, and its COMMIT: a kill while it waits before one of them is a kill between that step and the one before.</summary>
    private static readonly string[] Steps = ["leaves", "events", "records", "tiles", "exchanges", "logs", "taken_up", "commit"];

    [Fact]
    public Task A_service_killed_between_two_steps_of_an_append_loses_nothing_and_repeats_nothing() =>
        Schedule.RunAsync(schedule => KilledAsync(schedule, [.. schedule.Shuffle(Steps).Take(2)]));

    [Fact, Trait("length", "long")]
    public Task A_service_killed_between_any_two_steps_of_an_append_loses_nothing_and_repeats_nothing() => Schedule.RunAsync(schedule => KilledAsync(schedule, Steps));

    /// <summary>At each death something is on its way; every message comes twice and in another order than it was sent.</summary>
    private async Task KilledAsync(Schedule schedule, IReadOnlyList<string> steps)
    {
        var (source, exchange) = (new TestSource($"city{Guid.NewGuid():n}"[..20]), Guid.CreateVersion7());
        // The server's administrator: another role does not see what the service's session waits for.
        await using var owner = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(service.Stack.Databases.AdminConnectionString("audit")) { SearchPath = "service" }.ConnectionString);
        await owner.OpenAsync();
        await owner.ExecuteAsync("create function hold_append() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(4713); return null; end $$");
        long sent = 0;
        try
        {
            foreach (var step in steps)
            {
                schedule.Note($"kill before {step}");
                await owner.ExecuteAsync(step == "commit"
                    ? "create constraint trigger hold_append after insert on leaves deferrable initially deferred for each row execute function hold_append()"
                    : $"create trigger hold_append before insert or update on {step} for each statement execute function hold_append()");
                await using (var holding = await owner.BeginTransactionAsync())
                {
                    await owner.ExecuteAsync("select pg_advisory_xact_lock(4713)");
                    List<RecordedEvent[]> messages = [.. Enumerable.Range(0, 6).Select(_ => Enumerable.Range(0, 10).Select(_ => source.Next("grant.activated", exchange)).ToArray())];
                    sent += 60;
                    foreach (var message in schedule.Shuffle(messages.Concat(messages)))
                    {
                        await service.PublishAsync("changsha", source.Name, message, key: "");
                    }
                    await Eventually.TrueAsync(() => owner.ExecuteScalarAsync<bool>("select exists (select from pg_stat_activity where application_name = 'audit' and wait_event_type = 'Lock' and wait_event = 'advisory')"));
                    await service.Stack.KillAsync(Stack.Audit);
                }
                await owner.ExecuteAsync($"drop trigger hold_append on {(step == "commit" ? "leaves" : step)}");
                await service.Stack.StartAsync(Stack.Audit);
                await service.EventuallyAsync($"/exchanges/{exchange}?limit=1", service.Auditor, (_, text) => text.Contains($"\"leaves\":{sent},", StringComparison.Ordinal));
            }
        }
        finally
        {
            await owner.ExecuteAsync("drop function if exists hold_append() cascade");
            if (!service.Stack.IsRunning(Stack.Audit))
            {
                await service.Stack.StartAsync(Stack.Audit);
            }
        }

        Assert.Equal((sent, sent, sent), await owner.QuerySingleAsync<(long, long, long)>("select count(*), count(distinct seq), max(seq) from records where exchange_id = @exchange", new { exchange }));
        Assert.Equal(sent, await owner.ExecuteScalarAsync<long>("select seq from taken_up where source = @Name", source));
        await using var connection = new NpgsqlConnection(service.Stack.Databases.ConnectionString("audit", "app"));
        await connection.OpenAsync();
        await LogCheck.RunAsync(connection);
    }

    [Fact]
    public async Task Tiles_and_growth_can_be_read_by_anyone_and_entries_by_auditors()
    {
        var source = new TestSource("changsha");
        var before = await NewestAsync();
        for (var i = 0; i < 6; i++)
        {
            await service.PublishAsync("changsha", "changsha", [.. Enumerable.Range(0, 50).Select(_ => source.Next("heartbeat"))]);
        }
        await service.EventuallyAsync("/logs", null, (_, text) => JsonDocument.Parse(text).RootElement.GetProperty("items")[0].GetProperty("size").GetInt64() >= (long)before.Size + 300);
        var after = await NewestAsync();

        var hashes = (await TextAsync($"/log/{Year}/consistency?old={before.Size}&new={after.Size}")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Convert.FromBase64String).ToList();
        Assert.True(before.Size == 0 || Hashing.Extends(before.Size, before.Root, after.Size, after.Root, hashes));
        var tile = await service.Http.GetByteArrayAsync($"/log/{Year}/tile/0/000");
        var bundle = await (await service.GetAsync($"/log/{Year}/tile/entries/000", service.Auditor)).Content.ReadAsByteArrayAsync();
        var leaves = Leaves(bundle).ToList();
        Assert.Equal(256, leaves.Count);
        Assert.Equal(tile, leaves.SelectMany(Hashing.Leaf));

        // A full one is a file, and what is served is the file.
        var file = Path.Combine(service.Stack.Data, "tiles", $"{Year}", "0", "000");
        await Eventually.TrueAsync(() => Task.FromResult(File.Exists(file)));
        Assert.Equal(tile, await File.ReadAllBytesAsync(file));
        File.Move(file, file + ".kept");
        try
        {
            await File.WriteAllBytesAsync(file, bundle);
            Assert.Equal(bundle, await service.Http.GetByteArrayAsync($"/log/{Year}/tile/0/000"));
        }
        finally
        {
            File.Move(file + ".kept", file, overwrite: true);
        }

        Assert.Equal(HttpStatusCode.Unauthorized, (await service.GetAsync($"/log/{Year}/tile/entries/000", null)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await service.GetAsync($"/log/{Year}/tile/entries/000", service.Token("zhuzhou", Asking, Roles.Officer))).StatusCode);
        foreach (var absent in new[] { "tile/0/999", "tile/0/0", "tile/00/000", "tile/9/000", "tile/0/000.p/256", "tile/0/x000/000", "tile/2/000" })
        {
            Assert.Equal(HttpStatusCode.NotFound, (await service.GetAsync($"/log/{Year}/{absent}", null)).StatusCode);
        }
        Assert.Equal(HttpStatusCode.NotFound, (await service.GetAsync("/log/1999/checkpoint", null)).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await service.GetAsync($"/log/{Year}/consistency?old=5&new=4", null)).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await service.GetAsync($"/log/{Year}/consistency?old=0&new=99999999", null)).StatusCode);
    }

    [Fact]
    public async Task The_description_lists_every_route_of_the_log()
    {
        var paths = JsonDocument.Parse(await TextAsync("/openapi/v1.json")).RootElement.GetProperty("paths").EnumerateObject().Select(path => path.Name).ToHashSet();

        Assert.Superset(
            new HashSet<string> { "/logs", "/gaps", "/exchanges", "/exchanges/{id}", "/log/{year}/checkpoint", "/log/{year}/consistency", "/log/{year}/vkeys", "/log/{year}/proof/{eventId}", "/log/{year}/tile/entries/{rest}", "/log/{year}/tile/{level}/{rest}" },
            paths);
    }

    private static int Year => DateTimeOffset.UtcNow.Year;

    private async Task<string> TextAsync(string path)
    {
        using var answer = await service.GetAsync(path, null);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadAsStringAsync();
    }

    private async Task<Exchange.Verifier.Checkpoint> NewestAsync()
    {
        var note = await service.EventuallyAsync($"/log/{Year}/checkpoint", null, (status, _) => status == HttpStatusCode.OK);
        return (await TrustAsync()).Accept(note).Checkpoint;
    }

    private async Task<Exchange.Verifier.Trust> TrustAsync() => Exchange.Verifier.Trust.Parse(Encoding.UTF8.GetBytes(await TrustFileAsync()));

    private async Task<string> TrustFileAsync() => JsonSerializer.Serialize(new
    {
        version = 1,
        logs = new[]
        {
            new
            {
                origin = $"exchange.example/api/audit/log/{Year}",
                year = Year,
                keys = (await TextAsync($"/log/{Year}/vkeys")).Split('\n', StringSplitOptions.RemoveEmptyEntries),
                valid_from = $"{Year}-01-01",
                valid_to = $"{Year}-12-31",
            },
        },
        witnesses = Array.Empty<string>(),
        quorum = 0,
    });

    private async Task<int> VerifyAsync(string proof)
    {
        var folder = Directory.CreateTempSubdirectory("exchange-proof-").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "proof"), proof);
            await File.WriteAllTextAsync(Path.Combine(folder, "trust.json"), await TrustFileAsync());
            return new Commands(TextWriter.Null, TextWriter.Null).Run(["proof", Path.Combine(folder, "proof"), "--trust", Path.Combine(folder, "trust.json")]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private async Task<List<Guid>> ErrorsAsync(int count)
    {
        await using var connection = await new ConnectionFactory { Uri = new Uri(service.Stack.BrokerUri("audit")) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        List<Guid> ids = [];
        while (ids.Count < count)
        {
            var message = (await Eventually.GetAsync(() => channel.BasicGetAsync("audit.records_error", autoAck: true), got => got is not null, TimeSpan.FromSeconds(30), _ => $"{ids.Count} of {count} in the error queue"))!;
            Assert.True(message.BasicProperties.Headers!.ContainsKey("MT-Fault-Message"));
            var body = JsonDocument.Parse(message.Body).RootElement;
            ids.AddRange(body.GetProperty("message").GetProperty("records").EnumerateArray().Select(record => record.GetProperty("eventId").GetGuid()));
        }
        return ids;
    }

    private static IEnumerable<byte[]> Leaves(byte[] bundle)
    {
        for (var at = 0; at < bundle.Length;)
        {
            var length = (bundle[at] << 8) | bundle[at + 1];
            yield return bundle[(at + 2)..(at + 2 + length)];
            at += 2 + length;
        }
    }
}
