using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Exchange.Tests.Federation;

namespace Exchange.Tests.Routing;

[Collection(GatewayStack.CollectionName)]
[Trait("needs", "server")]
public sealed class ProxyTests(GatewayStack gateway)
{
    private const string Officer = "zhuzhou-police-officer";

    [Fact]
    public async Task A_call_reaches_its_city_with_the_token_and_nothing_else_that_could_speak_for_someone()
    {
        var token = await gateway.TokenAsync(Officer);
        using var answer = await gateway.GetAsync("/api/cities/changsha/departments?a=1&b=长沙", token,
            ("Cookie", "session=1"), ("X-Forwarded-For", "10.0.0.1"), ("X-Forwarded-Host", "evil"), ("X-User", "root"), ("X-City", "changsha"),
            ("X-HTTP-Method-Override", "DELETE"), ("X-Original-URL", "/audit"), ("Idempotency-Key", "k"), ("Accept-Language", "en"));
        var seen = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
        Assert.Equal("changsha", seen["service"]!.GetValue<string>());
        Assert.Equal("/departments", seen["path"]!.GetValue<string>());
        Assert.Equal("GET", seen["method"]!.GetValue<string>());
        Assert.Equal("?a=1&b=%E9%95%BF%E6%B2%99", seen["query"]!.GetValue<string>());
        var headers = seen["headers"]!.AsObject().ToDictionary(header => header.Key, header => header.Value!.GetValue<string>(), StringComparer.OrdinalIgnoreCase);
        Assert.Equal($"Bearer {token}", headers["Authorization"]);
        Assert.Equal("k", headers["Idempotency-Key"]);
        Assert.Equal("en", headers["Accept-Language"]);
        Assert.Equal("127.0.0.1", headers["X-Forwarded-For"]);
        Assert.Equal(gateway.Stack.PublicAddress.Authority, headers["X-Forwarded-Host"]);
        Assert.Contains("traceparent", headers.Keys);
        Assert.DoesNotContain(headers.Keys, name => name.ToLowerInvariant() is "cookie" or "x-user" or "x-city" or "x-http-method-override" or "x-original-url");
        Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Contains("frame-ancestors 'none'", answer.Headers.GetValues("Content-Security-Policy").Single());
    }

    [Theory]
    [InlineData("/api/cities/changsha/requests")]
    [InlineData("/api/cities/changsha/datasets/import")]
    [InlineData("/api/audit/exchanges")]
    [InlineData("/api/audit/log/2026/tile/entries/0")]
    [InlineData("/api/operations/changsha/quarantine")]
    public async Task Without_a_token_nothing_passes(string path)
    {
        using var answer = await gateway.GetAsync(path);
        Assert.Equal(401, (int)answer.StatusCode);
    }

    [Theory]
    [InlineData("/api/audit/log/2026/checkpoint", "/log/2026/checkpoint")]
    [InlineData("/api/audit/log/2026/vkeys", "/log/2026/vkeys")]
    [InlineData("/api/audit/log/2026/tile/0/x001/067.p/8", "/log/2026/tile/0/x001/067.p/8")]
    [InlineData("/api/audit/logs", "/logs")]
    [InlineData("/api/cities/changsha/departments", "/departments")]
    public async Task What_anyone_may_read_is_open(string path, string upstream) =>
        Assert.Equal(upstream, (await gateway.ReadAsync(path))["path"]!.GetValue<string>());

    [Theory]
    [InlineData("datasets/import", "POST", "text/csv; charset=gb18030", 200)]
    [InlineData("datasets/0198f000-0000-7000-8000-000000000000/rows", "PUT", "text/csv; charset=GBK", 200)]
    [InlineData("datasets/import", "POST", "text/csv; charset=big5", 415)]
    [InlineData("datasets", "POST", "application/json; charset=gbk", 415)]
    public async Task Departments_tables_may_come_in_their_own_encoding(string path, string method, string type, int status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), $"/api/cities/changsha/{path}") { Content = new ByteArrayContent([0xB3, 0xA4]) };
        request.Content.Headers.ContentType = System.Net.Http.Headers.MediaTypeHeaderValue.Parse(type);
        request.Headers.Authorization = new("Bearer", await gateway.TokenAsync(Officer));
        using var answer = await gateway.Client.SendAsync(request);
        Assert.Equal(status, (int)answer.StatusCode);
    }

    [Fact]
    public async Task An_unknown_city_is_told_with_those_there_are()
    {
        using var answer = await gateway.GetAsync("/api/cities/hengyang/datasets", headers: ("Accept-Language", "en"));
        Assert.Equal(404, (int)answer.StatusCode);
        var problem = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
        Assert.Equal("unknown-city", problem["rule"]!.GetValue<string>());
        Assert.Contains("xiangtan", problem["detail"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("zh", "目标服务暂时无法连接")]
    [InlineData("en", "cannot be reached")]
    public async Task A_city_that_is_away_is_named(string language, string words)
    {
        using var answer = await gateway.GetAsync("/api/cities/xiangtan/datasets", await gateway.TokenAsync(Officer), ("Accept-Language", language));
        Assert.Equal(502, (int)answer.StatusCode);
        Assert.NotNull(answer.Headers.RetryAfter);
        var problem = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
        Assert.Contains(words, problem["title"]!.GetValue<string>());
        Assert.Contains("xiangtan", problem["detail"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("GET /api/cities/changsha/x%2Fy HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")]
    [InlineData("GET /api/cities/changsha/%252e%252e/y HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")]
    [InlineData("GET /api/cities/changsha/..;/y HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")]
    [InlineData("GET /api/cities/changsha/../../audit HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")]
    [InlineData("POST /connect/token HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    public async Task What_two_parsers_could_read_differently_is_refused(string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", gateway.Stack.PublicAddress.Port);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request));
        using var reader = new StreamReader(stream);
        Assert.StartsWith("HTTP/1.1 400", await reader.ReadLineAsync());
    }

    [Fact]
    public async Task Too_large_a_body_is_refused_as_such()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/cities/changsha/requests");
        request.Headers.Authorization = new("Bearer", await gateway.TokenAsync(Officer));
        request.Content = new ByteArrayContent(new byte[10 * 1024 * 1024]);
        using var answer = await gateway.Client.SendAsync(request);
        Assert.Equal(413, (int)answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
    }

    [Fact]
    public async Task A_delivery_is_reported_as_it_was_forwarded()
    {
        var exchange = Guid.CreateVersion7();
        using var answer = await gateway.GetAsync($"/api/cities/changsha/grants/{exchange}/data", await gateway.TokenAsync(Officer));
        var body = await answer.Content.ReadAsByteArrayAsync();
        Assert.Equal(FakeCity.Rows, body);
        Assert.Equal(exchange.ToString(), answer.Headers.GetValues("Exchange-Delivery-Id").Single());
        Assert.False(answer.Headers.Contains("Exchange-Requesting") || answer.Headers.Contains("Exchange-Providing") || answer.Headers.Contains("Set-Cookie"));
        // Committed before the last byte was let go, so no waiting here.
        var record = JsonNode.Parse((await ReportAsync(exchange))!)!;
        Assert.Equal("gateway.delivered", record["type"]!.GetValue<string>());
        Assert.Equal("complete", record["result"]!.GetValue<string>());
        Assert.Equal(body.Length, record["bytes"]!.GetValue<int>());
        Assert.Equal("11430200EXAMPL0126", record["requesting"]!.GetValue<string>());
        Assert.Equal("11430100EXAMPL0121", record["providing"]!.GetValue<string>());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(body)), record["details"]!["sha256"]!.GetValue<string>());
        Assert.Equal(exchange.ToString(), record["details"]!["delivery_id"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_delivery_that_breaks_off_is_reported_as_aborted()
    {
        var exchange = Guid.CreateVersion7();
        gateway.Changsha.BreaksOff = true;
        try
        {
            await Assert.ThrowsAnyAsync<HttpRequestException>(async () => await gateway.GetAsync($"/api/cities/changsha/grants/{exchange}/data", await gateway.TokenAsync(Officer)));
        }
        finally
        {
            gateway.Changsha.BreaksOff = false;
        }

        var record = JsonNode.Parse((await Eventually.GetAsync(() => ReportAsync(exchange), seen => seen is not null))!)!;
        Assert.Equal("aborted", record["result"]!.GetValue<string>());
        Assert.InRange(record["bytes"]!.GetValue<int>(), 1, FakeCity.Rows.Length - 1);
    }

    private Task<string?> ReportAsync(Guid exchange) => gateway.ScalarAsync<string>($"select content from outbox where type = 'gateway.delivered' and correlation_id = '{exchange}'");
}
