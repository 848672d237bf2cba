using System.Text;
using Dapper;
using Exchange.Local.Accounts;
using Exchange.Tests.Flow;
using Microsoft.AspNetCore.Http;
using Npgsql;
using Xunit;

namespace Exchange.Tests.DataServices;

/// <summary>A department's own interface under a grant, from its description to the log, through the gateway.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class CallServiceTests(ExchangeFixture exchange) : IAsyncLifetime
{
    private const string Secret = "bureau-secret-7391";
    private const string Hidden = "430102199001011234";

    private readonly BureauService bureau = new();

    public async ValueTask InitializeAsync() => await bureau.StartAsync();

    public ValueTask DisposeAsync() => bureau.DisposeAsync();

    [Fact]
    public async Task A_service_is_called_as_agreed_and_nothing_else_of_it_passes()
    {
        var (dataset, id) = await GrantedAsync(new { Decision = "approve", Treatments = new { Person = "masked:name" } });
        bureau.Answer = async http =>
        {
            http.Response.Headers["X-Batch"] = "7";
            http.Response.Headers["X-Debug"] = Hidden;
            http.Response.ContentType = "application/json";
            await http.Response.WriteAsync($$$"""{"data":[{"person":"示例甲","months":12,"remark":"x","id_number":"{{{Hidden}}}"}],"trace":{"person":"示例乙"},"{{{Hidden}}}":{"months":1}}""");
        };

        var program = exchange.Who("zhuzhou", "integrator");
        var answer = (await program.GetAsync($"/api/cities/changsha/grants/{id}/service/v1/persons/42?page=1")).Succeeded("call");
        Assert.Equal("""{"data":[{"person":"示*甲","months":12}]}""", answer.Text);
        Assert.Equal("7", answer.Headers["X-Batch"]);
        Assert.False(answer.Headers.ContainsKey("X-Debug"));
        var call = Assert.Single(bureau.Calls);
        Assert.Equal(("GET /bureau/v1/persons/42?page=1", Secret, ""), (call.Line, call.Headers["X-Api-Key"], call.Body));
        Assert.False(call.Headers.ContainsKey("Authorization"));

        var asked = (await program.PostAsync($"/api/cities/changsha/grants/{id}/service/v1/query", new { Number = "42" })).Succeeded("ask");
        Assert.Equal(answer.Text, asked.Text);
        Assert.Equal("""{"number":"42"}""", bureau.Calls.Last().Body);

        foreach (var (method, path) in new[]
        {
            (HttpMethod.Get, "v1/persons"), (HttpMethod.Get, "v1/persons/42/all"), (HttpMethod.Get, "v1/persons/42?all=true"), (HttpMethod.Get, "v1/persons/42?page=1&page=2"), (HttpMethod.Get, "v1/query"),
            (HttpMethod.Post, "v1/persons/42"), (HttpMethod.Get, "v1/persons/a;b"), (HttpMethod.Get, ""), (HttpMethod.Get, "V1/persons/42"),
        })
        {
            using var body = method == HttpMethod.Post ? new StringContent("{}", Encoding.UTF8, "application/json") : null;
            var refused = await program.SendAsync(method, $"/api/cities/changsha/grants/{id}/service/{path}", body, null, default);
            Assert.True((refused.Status, refused["rule"].GetString()) == (403, "operation-not-allowed"), $"{method} {path}: {refused.Status}");
        }

        using var form = new StringContent("a=b", Encoding.UTF8, "application/x-www-form-urlencoded");
        Assert.Equal(415, (await program.SendAsync(HttpMethod.Post, $"/api/cities/changsha/grants/{id}/service/v1/query", form, null, default)).Status);
        using var large = new StringContent($"\"{new string('x', 70_000)}\"", Encoding.UTF8, "application/json");
        Assert.Equal(413, (await program.SendAsync(HttpMethod.Post, $"/api/cities/changsha/grants/{id}/service/v1/query", large, null, default)).Status);
        Assert.Equal(404, (await exchange.Who("xiangtan", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/service/v1/persons/42")).Status);
        Assert.Equal(2, bureau.Calls.Count);

        var described = (await exchange.Who("changsha", "officer").GetAsync($"/api/cities/changsha/datasets/{dataset}/service")).Succeeded("read");
        Assert.DoesNotContain(Secret, described.Text, StringComparison.Ordinal);
        Assert.Equal("X-Api-Key", described["credential_header"].GetString());
        await exchange.TimelineAsync(id, "delivery.opened", "delivery.ended", "gateway.delivered");
        await using (var city = new NpgsqlConnection(exchange.Stack.Databases.ConnectionString("changsha", "owner")))
        {
            // The operation as it was described; what stood in its place may name a person.
            var records = (await city.QueryAsync<string>("select content from service.outbox where correlation_id = @id::uuid and type like 'delivery.%'", new { id })).AsList();
            Assert.Equal(4, records.Count);
            Assert.Contains(records, record => record.Contains("GET /v1/persons/{number}", StringComparison.Ordinal));
            Assert.All(records, record => Assert.DoesNotContain("persons/42", record, StringComparison.Ordinal));
        }

        await exchange.PairedAsync(id);
    }

    [Fact]
    public async Task A_service_that_misbehaves_is_cut_off_and_its_words_stay_where_they_are()
    {
        var (dataset, id) = await GrantedAsync();
        var program = exchange.Who("zhuzhou", "integrator");
        var path = $"/api/cities/changsha/grants/{id}/service/v1/persons/42";
        foreach (var (what, status, answer) in new (string, int, Func<HttpContext, Task>)[]
        {
            ("redirect", 502, http => { http.Response.Redirect("http://169.254.169.254/latest"); return Task.CompletedTask; }),
            ("not there", 404, http => Say(http, 404)),
            ("declined", 422, http => Say(http, 400)),
            ("its own authentication", 502, http => Say(http, 401)),
            ("another type", 502, http => Say(http, 200, "text/html")),
            ("no type", 502, http => Say(http, 200, null)),
            ("packed", 502, http => { http.Response.Headers.ContentEncoding = "gzip"; return Say(http, 200); }),
            ("not JSON", 502, http => Say(http, 200, "application/json", $"<b>{Hidden}")),
            ("cut off", 502, async http => { await Say(http, 200, "application/json", "[{"); http.Abort(); }),
            ("too deep", 502, http => Say(http, 200, "application/json", new string('[', 1000))),
            ("silent", 504, http => Task.Delay(Timeout.Infinite, http.RequestAborted)),
            ("silent in the middle", 504, async http => { await Say(http, 200, "application/json", "[{"); await http.Response.Body.FlushAsync(); await Task.Delay(Timeout.Infinite, http.RequestAborted); }),
        })
        {
            bureau.Answer = answer;
            var refused = await program.GetAsync(path);
            Assert.True(refused.Status == status, $"{what}: {refused.Status} {refused.Text}");
            Assert.DoesNotContain(Hidden, refused.Text, StringComparison.Ordinal);
        }

        // Without an end: the receiver is cut off as well, and the log says what it got at most.
        bureau.Answer = async http =>
        {
            http.Response.ContentType = "application/json";
            await http.Response.WriteAsync("[");
            while (true)
            {
                await http.Response.WriteAsync("{\"person\":\"示例甲\"},", http.RequestAborted);
            }
        };
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => program.GetAsync(path));

        await using var city = new NpgsqlConnection(exchange.Stack.Databases.ConnectionString("changsha", "owner"));
        var ended = await Eventually.GetAsync(
            async () => (await city.QueryAsync<(string Outcome, long? Bytes)>("select outcome, bytes from service.deliveries where exchange_id = @id::uuid and ended_at is not null order by opened_at", new { id })).AsList(),
            rows => rows.Count == 13);
        Assert.Equal(Enumerable.Repeat(("failed", (long?)0), 12), ended.Take(12));
        Assert.Equal("failed", ended[12].Outcome);
        Assert.InRange(ended[12].Bytes!.Value, 1, 1_000_000);

        // Whoever keeps failing is left alone: the callers are told at once, and the service is not asked.
        await DescribeAsync(dataset, bureau.Address);
        bureau.Answer = http => Say(http, 500);
        var resting = await Eventually.GetAsync(() => program.GetAsync(path), a => a.Status == 503);
        Assert.Equal("service-resting", resting["rule"].GetString());
        Assert.NotEqual("", resting.Headers["Retry-After"]);
        var calls = bureau.Calls.Count;
        Assert.Equal(503, (await program.GetAsync(path)).Status);
        Assert.Equal(calls, bureau.Calls.Count);

        // Described anew it is asked again; where it may not be called, it is not.
        foreach (var address in (string[])["http://10.255.255.1/bureau", "http://[::ffff:10.255.255.1]/bureau", "http://184549121/bureau", "http://0x0affff01/", "http://169.254.169.254/latest", "http://[fd00:ec2::254]/", "http://192.168.255.254/"])
        {
            await DescribeAsync(dataset, address);
            Assert.Equal((502, "service-failed"), (await program.GetAsync(path)) is var away ? (away.Status, away["rule"].GetString()) : default);
        }

        bureau.Answer = http => Say(http, 200, "application/json", "[]");
        await DescribeAsync(dataset, bureau.Address);
        Assert.Equal("[]", (await program.GetAsync(path)).Succeeded("call again").Text);
        await exchange.PairedAsync(id);

        static Task Say(HttpContext http, int status, string? type = "application/json", string body = $$"""{"person":"{{Hidden}}","error":"{{Hidden}}"}""")
        {
            http.Response.StatusCode = status;
            http.Response.ContentType = type;
            return http.Response.WriteAsync(body);
        }
    }

    [Fact]
    public async Task A_wrong_description_has_all_its_faults_named_and_changes_nothing()
    {
        var (dataset, _) = await GrantedAsync();
        var officer = exchange.Who("changsha", "officer");
        var before = await officer.GetAsync($"/api/cities/changsha/datasets/{dataset}");
        var refused = await officer.PutAsync($"/api/cities/changsha/datasets/{dataset}/service", new
        {
            Service = new
            {
                Address = "file:///etc/passwd",
                Operations = new object[] { new { Method = "DELETE", Path = "/v1/../x", Query = new[] { "a b", "purpose" } }, new { Method = "GET", Path = "/a" }, new { Method = "GET", Path = "/a" } },
                Probe = "/b",
                Structure = new[] { "" },
                RequestHeaders = new[] { "Authorization" },
                ResponseHeaders = new[] { "Set-Cookie" },
                TimeoutSeconds = 0,
                MostResponseBytes = 0,
            },
            Credential = new { Header = "Host", Value = "x\r\ny" },
        }, before.ETag);
        Assert.Equal(422, refused.Status);
        Assert.Equal(
            ["address", "credential.header", "credential.value", "most_response_bytes", "operations[0].method", "operations[0].path", "operations[0].query[0]", "operations[0].query[1]", "operations[2]", "probe", "request_headers[0]", "response_headers[0]", "structure[0]", "timeout_seconds"],
            refused["errors"].EnumerateArray().Select(e => e.GetProperty("field").GetString()!).Order(StringComparer.Ordinal));
        Assert.Equal(428, (await officer.PutAsync($"/api/cities/changsha/datasets/{dataset}/service", new { })).Status);
        Assert.Equal(403, (await exchange.Who("changsha", "officer", "police").PutAsync($"/api/cities/changsha/datasets/{dataset}/service", new { }, before.ETag)).Status);
        Assert.Equal("grant-runs", (await officer.SendAsync(HttpMethod.Delete, $"/api/cities/changsha/datasets/{dataset}/service", null, request => request.Headers.TryAddWithoutValidation("If-Match", before.ETag), default))["rule"].GetString());
        var table = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var other = await officer.GetAsync($"/api/cities/changsha/datasets/{table}");
        Assert.Equal("no-service", (await officer.PutAsync($"/api/cities/changsha/datasets/{table}/service", new { }, other.ETag))["rule"].GetString());
        Assert.Equal(before.ETag, (await officer.GetAsync($"/api/cities/changsha/datasets/{dataset}")).ETag);
    }

    /// <summary>A service entry that was described, requested by Zhuzhou and granted.</summary>
    private async Task<(Guid Dataset, string Grant)> GrantedAsync(object? decision = null)
    {
        var (dataset, _) = await exchange.PublishFileEntryAsync("changsha", "service");
        var id = await exchange.SubmitAsync(dataset);
        // Nothing answers yet: the delivery clock runs on until the department has described its service.
        Assert.Equal("approved", (await exchange.GrantAsync(id, decision))["state"].GetString());
        await DescribeAsync(dataset, bureau.Address);
        await exchange.MirrorAsync(id, "active");
        return (dataset, id);
    }

    private async Task DescribeAsync(Guid dataset, string address)
    {
        var officer = exchange.Who("changsha", "officer");
        var now = await officer.GetAsync($"/api/cities/changsha/datasets/{dataset}");
        (await officer.PutAsync($"/api/cities/changsha/datasets/{dataset}/service", bureau.Description(Secret, address), now.ETag)).Succeeded("describe");
    }
}
