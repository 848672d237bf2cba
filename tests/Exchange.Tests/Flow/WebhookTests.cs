using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Exchange.Hosting.Webhooks;
using Exchange.Local.Accounts;

namespace Exchange.Tests.Flow;

/// <summary>A department's own system is told, signed, once it answers, over a real listener.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class WebhookTests(ExchangeFixture exchange) : IAsyncLifetime
{
    private readonly WebhookReceiver receiver = new();

    public async ValueTask InitializeAsync() => await receiver.StartAsync();

    public ValueTask DisposeAsync() => receiver.DisposeAsync();

    [Fact]
    public async Task A_notice_is_sent_until_it_is_taken_always_under_one_id_and_signed()
    {
        receiver.Answers = [500, 302, 200];
        var head = exchange.Who("changsha", "sharing_head");
        var made = (await head.PostAsync(Webhooks, new { Url = receiver.Address + "/in", Types = new[] { "request.receive" } })).Succeeded("make");
        var webhook = made["id"].GetString();
        var secret = made["secret"].GetString()!;
        Assert.StartsWith("whsec_", secret);
        Assert.Equal(32, Convert.FromBase64String(secret[6..]).Length);
        try
        {
            var id = await exchange.SubmitAsync((await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid());
            var received = await exchange.ReceivedAsync(id);
            var log = await LogAsync(head, webhook!, d => d.GetProperty("state").GetString() == "done");

            Assert.Equal([500, 302, 200], log.GetProperty("log").EnumerateArray().Select(a => a.GetProperty("status").GetInt32()));
            Assert.Equal([1, 2, 3], log.GetProperty("log").EnumerateArray().Select(a => a.GetProperty("attempt").GetInt32()));
            var attempts = receiver.Received.ToArray();
            Assert.Equal(3, attempts.Length);
            Assert.All(attempts, a =>
            {
                Assert.Equal("/in", a.Path);
                Assert.Equal(log.GetProperty("id").GetString(), a.Id);
                Assert.InRange(long.Parse(a.Timestamp, System.Globalization.CultureInfo.InvariantCulture), DateTimeOffset.UtcNow.AddMinutes(-2).ToUnixTimeSeconds(), DateTimeOffset.UtcNow.AddMinutes(1).ToUnixTimeSeconds());
                var expected = HMACSHA256.HashData(Convert.FromBase64String(secret[6..]), Encoding.UTF8.GetBytes($"{a.Id}.{a.Timestamp}.{a.Body}"));
                Assert.Equal("v1," + Convert.ToBase64String(expected), a.Signature);
            });
            using var body = JsonDocument.Parse(attempts[0].Body);
            Assert.Equal(("request.receive", id, received["reference"].GetString()), (Member("type"), Member("exchange_id"), Member("reference")));

            (await head.PostAsync($"{Webhooks}/{webhook}/deliveries/{log.GetProperty("id").GetString()}/again")).Succeeded("again");
            await LogAsync(head, webhook!, d => d.GetProperty("log").GetArrayLength() == 4 && d.GetProperty("state").GetString() == "done");
            Assert.Equal(4, receiver.Received.Count(a => a.Id == log.GetProperty("id").GetString()));

            string? Member(string name) => body.RootElement.GetProperty(name).GetString();
        }
        finally
        {
            Assert.Equal(204, (await head.SendAsync(HttpMethod.Delete, $"{Webhooks}/{webhook}", null, null, default)).Status);
        }

        Assert.Equal(404, (await head.SendAsync(HttpMethod.Delete, $"{Webhooks}/{webhook}", null, null, default)).Status);
        var sent = receiver.Received.Count;
        var after = await exchange.SubmitAsync((await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid());
        await exchange.ReceivedAsync(after);
        Assert.Equal(sent, receiver.Received.Count);
    }

    [Fact]
    public async Task A_webhook_is_its_departments_own()
    {
        var head = exchange.Who("changsha", "sharing_head");
        var faulty = await head.PostAsync(Webhooks, new { Url = "http://169.254.169.254/latest", Types = new[] { "request.receive", "request.nothing" } });
        Assert.Equal(["types[1]", "url"], faulty["errors"].EnumerateArray().Select(e => e.GetProperty("field").GetString()!).Order(StringComparer.Ordinal));
        Assert.Equal("foreign-city", (await exchange.Who("zhuzhou", "sharing_head").PostAsync(Webhooks, new { Url = receiver.Address }))["rule"].GetString());
        Assert.Equal("role-missing", (await exchange.Who("changsha", "officer").PostAsync(Webhooks, new { Url = receiver.Address }))["rule"].GetString());

        var made = (await exchange.Who("changsha", "integrator").PostAsync(Webhooks, new { Url = receiver.Address })).Succeeded("make");
        var path = $"{Webhooks}/{made["id"].GetString()}";
        var listed = (await head.GetAsync(Webhooks)).Succeeded("list");
        Assert.Contains(listed["items"].EnumerateArray(), w => w.GetProperty("id").GetString() == made["id"].GetString());
        Assert.DoesNotContain("whsec_", listed.Text, StringComparison.Ordinal);
        var police = exchange.Who("changsha", "sharing_head", "police");
        Assert.DoesNotContain((await police.GetAsync(Webhooks))["items"].EnumerateArray(), w => w.GetProperty("id").GetString() == made["id"].GetString());
        Assert.Equal(404, (await police.GetAsync($"{path}/deliveries")).Status);
        Assert.Equal(404, (await police.PostAsync($"{path}/deliveries/{Guid.NewGuid()}/again")).Status);
        Assert.Equal(404, (await police.SendAsync(HttpMethod.Delete, path, null, null, default)).Status);
        Assert.Equal(204, (await head.SendAsync(HttpMethod.Delete, path, null, null, default)).Status);
    }

    private const string Webhooks = "/api/cities/changsha/webhooks";

    private static async Task<JsonElement> LogAsync(Participant reader, string webhook, Func<JsonElement, bool> enough)
    {
        var log = await Eventually.GetAsync(
            () => reader.GetAsync($"{Webhooks}/{webhook}/deliveries"), a => a.Status == 200 && a["items"].GetArrayLength() == 1 && enough(a["items"][0]), show: a => a.Text);
        return log["items"][0];
    }
}

/// <summary>What needs no exchange: addresses, waits, and the signature of the specification's own example.</summary>
public sealed class WebhookRuleTests
{
    [Theory]
    [InlineData("https://example.org/in", true, true)]
    [InlineData("https://10.1.2.3/in", true, true)]
    [InlineData("http://example.org/in", false, true)]
    [InlineData("https://127.0.0.1/in", false, true)]
    [InlineData("https://169.254.169.254/", false, false)]
    [InlineData("https://[fe80::1]/", false, false)]
    [InlineData("https://[::ffff:169.254.1.1]/", false, false)]
    [InlineData("https://100.100.100.200/", false, false)]
    [InlineData("https://0.0.0.0/", false, false)]
    [InlineData("https://user:secret@example.org/", false, false)]
    [InlineData("ftp://example.org/", false, false)]
    [InlineData("/in", false, false)]
    [InlineData(null, false, false)]
    public void Where_a_webhook_may_go(string? url, bool inProduction, bool elsewhere)
    {
        Assert.Equal(inProduction, WebhookAddress.IsAllowed(url, production: true));
        Assert.Equal(elsewhere, WebhookAddress.IsAllowed(url, production: false));
    }

    [Fact]
    public async Task A_name_that_points_to_this_machine_is_not_connected_to_in_production()
    {
        using var client = new HttpClient(WebhookAddress.Handler(production: true));
        var refused = await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(new Uri("http://localhost:9/")));
        Assert.Contains("no address that may be sent to", refused.ToString(), StringComparison.Ordinal);
        Assert.True(WebhookAddress.IsAllowed(IPAddress.Loopback, production: false));
    }

    [Fact]
    public void Waits_double_up_to_the_longest_and_spread()
    {
        var settings = new WebhookSettings();
        Assert.Equal([5, 10, 20, 40], Enumerable.Range(1, 4).Select(n => settings.RetryAfter(n, 1).TotalSeconds));
        Assert.Equal(2.5, settings.RetryAfter(1, 0).TotalSeconds);
        Assert.Equal(TimeSpan.FromHours(1), settings.RetryAfter(200, 1));
    }

    [Fact]
    public void The_signature_is_the_specifications()
    {
        var secret = Convert.FromBase64String("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        Assert.Equal("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", WebhookSecret.Sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", Encoding.UTF8.GetBytes("""{"test": 2432232314}""")));
    }
}
