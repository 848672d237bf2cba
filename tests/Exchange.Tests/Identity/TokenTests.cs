using System.Net.Http.Headers;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Exchange.Tests.Federation;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Exchange.Tests.Identity;

[Collection(GatewayStack.CollectionName)]
[Trait("needs", "server")]
[SupportedOSPlatform("linux")]
public sealed class TokenTests(GatewayStack gateway)
{
    private const string Officer = "zhuzhou-police-officer";
    private const string Protected = "/api/catalogue/changes";

    [Fact]
    public async Task A_token_says_who_calls()
    {
        var token = new JsonWebToken(await gateway.TokenAsync(Officer));
        Assert.Equal("at+jwt", token.Typ);
        Assert.Equal("ES256", token.Alg);
        Assert.Equal(gateway.Stack.PublicAddress.GetLeftPart(UriPartial.Authority), token.Issuer);
        Assert.Equal(["audit", "changsha", "gateway", "xiangtan", "zhuzhou"], token.Audiences.Order());
        Assert.Equal(Officer, token.Subject);
        Assert.Equal("person", token.GetClaim("sub_type").Value);
        Assert.Equal("zhuzhou", token.GetClaim("city").Value);
        Assert.Equal("11430200EXAMPL0126", token.GetClaim("department").Value);
        Assert.Equal(["officer"], token.GetPayloadValue<string[]>("roles"));
        Assert.InRange((token.ValidTo - token.IssuedAt).TotalSeconds, 299, 300);
        using var answer = await gateway.GetAsync(Protected, token.EncodedToken);
        Assert.Equal(200, (int)answer.StatusCode);
    }

    [Fact]
    public async Task The_secret_may_come_as_Basic()
    {
        using var request = TokenRequest(("grant_type", "client_credentials"));
        var secret = Uri.EscapeDataString(gateway.Stack.Account(Officer).Secret);
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Officer}:{secret}")));
        using var answer = await gateway.Client.SendAsync(request);
        Assert.Equal(200, (int)answer.StatusCode);
        Assert.True(answer.Headers.CacheControl!.NoStore);
    }

    [Fact]
    public async Task A_resource_narrows_the_audience()
    {
        var address = gateway.Stack.PublicAddress.GetLeftPart(UriPartial.Authority);
        var token = new JsonWebToken(await gateway.TokenAsync(Officer, $"{address}/api/cities/changsha"));
        Assert.Equal(["changsha", "gateway"], token.Audiences.Order());
    }

    [Theory]
    [InlineData("invalid_request", 400, "client_id", "x", "client_secret", "y")]
    [InlineData("unsupported_grant_type", 400, "grant_type", "password", "client_id", "x", "client_secret", "y")]
    [InlineData("invalid_target", 400, "grant_type", "client_credentials", "client_id", "x", "client_secret", "y", "resource", "http://elsewhere/api")]
    [InlineData("invalid_client", 401, "grant_type", "client_credentials", "client_id", "nobody", "client_secret", "y")]
    [InlineData("invalid_client", 401, "grant_type", "client_credentials")]
    [InlineData("invalid_request", 400, "grant_type", "client_credentials", "grant_type", "client_credentials")]
    public async Task A_wrong_request_is_told_in_the_words_of_RFC_6749(string error, int status, params string[] form)
    {
        using var request = TokenRequest([.. form.Chunk(2).Select(pair => (pair[0], pair[1]))]);
        using var answer = await gateway.Client.SendAsync(request);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(error, JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["error"]!.GetValue<string>());
        Assert.Equal(status == 401, answer.Headers.WwwAuthenticate.Count > 0);
    }

    [Fact]
    public async Task A_body_that_is_no_form_is_refused()
    {
        using var answer = await gateway.Client.PostAsync(new Uri("/connect/token", UriKind.Relative), new StringContent("{}", Encoding.UTF8, "application/json"));
        Assert.Equal(400, (int)answer.StatusCode);
    }

    [Fact]
    public async Task Guessing_is_slowed_down_and_an_unknown_client_looks_the_same()
    {
        foreach (var client in (string[])["xiangtan-police-reviewer", $"unknown-{Guid.NewGuid():N}"])
        {
            List<int> statuses = [];
            for (var i = 0; i < 11; i++)
            {
                using var request = TokenRequest(("grant_type", "client_credentials"), ("client_id", client), ("client_secret", "guess"));
                using var answer = await gateway.Client.SendAsync(request);
                statuses.Add((int)answer.StatusCode);
                Assert.Equal(i == 10, answer.Headers.RetryAfter is not null);
            }

            Assert.Equal([.. Enumerable.Repeat(401, 10), 429], statuses);
        }
    }

    [Fact]
    public async Task Discovery_names_the_public_address_and_a_key_set_that_can_be_reached()
    {
        var document = await gateway.ReadAsync("/.well-known/openid-configuration");
        var address = gateway.Stack.PublicAddress.GetLeftPart(UriPartial.Authority);
        Assert.Equal(address, document["issuer"]!.GetValue<string>());
        Assert.Equal($"{address}/connect/token", document["token_endpoint"]!.GetValue<string>());
        using var keys = await gateway.Client.GetAsync(new Uri(document["jwks_uri"]!.GetValue<string>()));
        var key = Assert.Single(JsonNode.Parse(await keys.Content.ReadAsStringAsync())!["keys"]!.AsArray());
        Assert.Equal(["EC", "P-256", "ES256", "sig"], new[] { "kty", "crv", "alg", "use" }.Select(name => key![name]!.GetValue<string>()));
        Assert.Null(key!["d"]);
    }

    [Fact]
    public async Task The_private_key_is_a_file_that_only_the_gateway_reads()
    {
        var file = Assert.Single(Directory.GetFiles(Path.Combine(gateway.Stack.Data, "keys", "gateway"), "token-*.pem"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Equal(Path.GetFileNameWithoutExtension(file)["token-".Length..], await gateway.ScalarAsync<string>("select kid from signing_keys"));
    }

    public static TheoryData<string> Forgeries => ["none", "hs256", "other-key", "expired", "audience", "issuer", "typ", "altered", "garbage"];

    [Theory]
    [MemberData(nameof(Forgeries))]
    public async Task A_forged_token_is_no_token(string kind)
    {
        var token = await ForgedAsync(kind);
        using var answer = await gateway.GetAsync(Protected, token, ("Accept-Language", "en"));
        Assert.Equal(401, (int)answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
        Assert.Equal("token-required", JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["rule"]!.GetValue<string>());
        // Where no token is needed, a wrong one is still not taken for none.
        using var open = await gateway.GetAsync("/api/catalogue/datasets", token);
        Assert.Equal(401, (int)open.StatusCode);
    }

    private async Task<string> ForgedAsync(string kind)
    {
        var real = await gateway.TokenAsync(Officer);
        var parts = real.Split('.');
        var kid = new JsonWebToken(real).Kid;
        var keyFile = Directory.GetFiles(Path.Combine(gateway.Stack.Data, "keys", "gateway"), "token-*.pem").Single();
        using var gatewayKey = ECDsa.Create();
        gatewayKey.ImportFromPem(await File.ReadAllTextAsync(keyFile));
        using var otherKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return kind switch
        {
            "none" => $"{Encode("""{"alg":"none","typ":"at+jwt"}""")}.{parts[1]}.",
            "hs256" => Mac($"{Encode($$"""{"alg":"HS256","typ":"at+jwt","kid":"{{kid}}"}""")}.{parts[1]}", Encoding.ASCII.GetBytes(gatewayKey.ExportSubjectPublicKeyInfoPem())),
            "other-key" => Sign(parts[0], Payload(parts[1]), otherKey),
            "expired" => Sign(parts[0], Payload(parts[1], ("exp", DateTimeOffset.UtcNow.AddMinutes(-2).ToUnixTimeSeconds())), gatewayKey),
            "audience" => Sign(parts[0], Payload(parts[1], ("aud", "changsha")), gatewayKey),
            "issuer" => Sign(parts[0], Payload(parts[1], ("iss", "https://elsewhere.example")), gatewayKey),
            "typ" => Sign(Encode($$"""{"alg":"ES256","typ":"JWT","kid":"{{kid}}"}"""), Payload(parts[1]), gatewayKey),
            "altered" => $"{parts[0]}.{Payload(parts[1], ("roles", "auditor"))}.{parts[2]}",
            _ => "abc.def",
        };

        static string Encode(string json) => Base64UrlEncoder.Encode(json);
        static string Sign(string header, string payload, ECDsa key) =>
            $"{header}.{payload}.{Base64UrlEncoder.Encode(key.SignData(Encoding.ASCII.GetBytes($"{header}.{payload}"), HashAlgorithmName.SHA256))}";
        static string Mac(string content, byte[] key) => $"{content}.{Base64UrlEncoder.Encode(HMACSHA256.HashData(key, Encoding.ASCII.GetBytes(content)))}";
        static string Payload(string payload, params (string Name, JsonNode Value)[] changes)
        {
            var claims = JsonNode.Parse(Base64UrlEncoder.Decode(payload))!.AsObject();
            foreach (var (name, value) in changes)
            {
                claims[name] = value;
            }

            return Encode(claims.ToJsonString());
        }
    }

    private static HttpRequestMessage TokenRequest(params (string Name, string Value)[] form) => new(HttpMethod.Post, "/connect/token")
    {
        Content = new FormUrlEncodedContent(form.Select(field => KeyValuePair.Create(field.Name, field.Value))),
    };
}
