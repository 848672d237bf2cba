using System.Net.Http.Headers;
using System.Text;
using Dapper;
using Exchange.Local.Accounts;
using Npgsql;
using Xunit;

namespace Exchange.Tests.Flow;

/// <summary>What the exchange does not do, and that it says why, and that nothing is stored by trying.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class RefusalTests(ExchangeFixture exchange)
{
    [Fact]
    public async Task Who_drafted_does_not_sign_and_who_proposed_does_not_sign()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var draft = (await exchange.DraftRequestAsync(dataset)).Succeeded("draft");
        var id = draft["id"].GetString();

        // An officer lacks the role; a client is no person; a head of another department and of another city are strangers.
        Refused(await exchange.Who("zhuzhou", "officer").PostAsync($"/api/cities/zhuzhou/requests/{id}/sign-off", etag: draft.ETag), 403, "role-missing");
        Refused(await exchange.Who("zhuzhou", "integrator").PostAsync($"/api/cities/zhuzhou/requests/{id}/sign-off", etag: draft.ETag), 403, "person-required");
        Refused(await exchange.Who("zhuzhou", "sharing_head", "police").PostAsync($"/api/cities/zhuzhou/requests/{id}/sign-off", etag: draft.ETag), 404, "not-found");
        Refused(await exchange.Who("changsha", "sharing_head").PostAsync($"/api/cities/zhuzhou/requests/{id}/sign-off", etag: draft.ETag), 404, "not-found");
        Refused(await exchange.Who("zhuzhou", "officer").PostAsync($"/api/cities/zhuzhou/requests/{id}/submit", etag: draft.ETag), 409, "not-signed-off");

        // Who holds both roles still counts as one person, on either side; another person then goes on with what was refused.
        var both = exchange.Who("zhuzhou-labour-deputy");
        var own = (await both.PostAsync("/api/cities/zhuzhou/requests", ExchangeFixture.RequestBody(dataset))).Succeeded("draft");
        id = own["id"].GetString()!;
        Refused(await both.PostAsync($"/api/cities/zhuzhou/requests/{id}/sign-off", etag: own.ETag), 403, "same-person-signs");
        var signed = (await exchange.Who("zhuzhou", "sharing_head").PostAsync($"/api/cities/zhuzhou/requests/{id}/sign-off", etag: own.ETag)).Succeeded("sign off");
        (await both.PostAsync($"/api/cities/zhuzhou/requests/{id}/submit", etag: signed.ETag)).Succeeded("submit");

        var received = await exchange.ReceivedAsync(id);
        var decider = exchange.Who("changsha-labour-deputy");
        var decided = (await decider.PostAsync($"/api/cities/changsha/approvals/{id}/decide", new { Decision = "approve" }, received.ETag)).Succeeded("decide");
        Refused(await decider.PostAsync($"/api/cities/changsha/approvals/{id}/sign-off", etag: decided.ETag), 403, "same-person-replies");
        Refused(await exchange.Who("xiangtan", "sharing_head").PostAsync($"/api/cities/changsha/approvals/{id}/sign-off", etag: decided.ETag), 404, "not-found");
        Refused(await exchange.Who("changsha", "integrator").PostAsync($"/api/cities/changsha/approvals/{id}/sign-off", etag: decided.ETag), 403, "person-required");
        Assert.Equal("decided", (await exchange.ReceivedAsync(id))["state"].GetString());
        Assert.Equal(404, (await exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/data")).Status);
    }

    [Fact]
    public async Task Versions_and_keys_are_required_and_a_key_stands_for_one_act()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var draft = (await exchange.DraftRequestAsync(dataset)).Succeeded("draft");
        var officer = exchange.Who("zhuzhou", "officer");
        var head = exchange.Who("zhuzhou", "sharing_head");
        var signOff = $"/api/cities/zhuzhou/requests/{draft["id"].GetString()}/sign-off";
        Refused(await head.SendAsync(HttpMethod.Post, signOff, null, null, default), 400, "idempotency-key-missing");
        Refused(await head.PostAsync(signOff), 428, "if-match-required");
        Refused(await head.PostAsync(signOff, etag: "\"99\""), 412, "version-changed");

        var key = Guid.NewGuid().ToString();
        var first = (await officer.PostAsync("/api/cities/zhuzhou/requests", ExchangeFixture.RequestBody(dataset), key: key)).Succeeded("draft");
        var again = await officer.PostAsync("/api/cities/zhuzhou/requests", ExchangeFixture.RequestBody(dataset), key: key);
        Assert.Equal((first.Status, first.Text, first.ETag), (again.Status, again.Text, again.ETag));
        Refused(await officer.PostAsync("/api/cities/zhuzhou/requests", ExchangeFixture.RequestBody(dataset, fields: ["person"]), key: key), 422, "idempotency-key-reused");

        var shared = Guid.NewGuid().ToString();
        var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => officer.PostAsync("/api/cities/zhuzhou/requests", ExchangeFixture.RequestBody(dataset), key: shared)));
        Assert.Single(answers.Where(a => a.Status == 201).Select(a => a["id"].GetString()).Distinct());
        Assert.All(answers.Where(a => a.Status != 201), a => Refused(a, 409, "idempotency-key-in-flight"));
    }

    [Fact]
    public async Task Every_fault_of_a_request_is_told_at_once_in_the_readers_language()
    {
        var officer = exchange.Who("zhuzhou", "officer");
        var zh = await officer.PostAsync("/api/cities/zhuzhou/requests", new { UseUntil = "2001-01-01" });
        Refused(zh, 422, "invalid-input");
        Assert.Equal(["dataset_id", "legal_basis", "scenario", "scope", "fields", "use_until"], zh["errors"].EnumerateArray().Select(e => e.GetProperty("field").GetString()!));
        Assert.Contains("必填", zh.Text, StringComparison.Ordinal);

        using var english = new Participant(exchange.Gateway, officer.Account, "en");
        var en = await english.PostAsync("/api/cities/zhuzhou/requests", new { UseUntil = "2001-01-01" });
        Assert.Contains("required", en.Text, StringComparison.Ordinal);
        Assert.Equal("第20条", en["errors"][1].GetProperty("article").GetString());
    }

    [Theory]
    [InlineData("not json", "{\"dataset_id\":")]
    [InlineData("a wrong type", "{\"fields\":\"person\"}")]
    [InlineData("an unknown member", "{\"state\":\"approved\"}")]
    [InlineData("a member twice", "{\"scope\":\"a\",\"scope\":\"b\"}")]
    [InlineData("U+0000", "{\"scope\":\"a\\u0000b\"}")]
    [InlineData("a lone surrogate", "{\"scope\":\"\\ud800\"}")]
    [InlineData("a number that is none", "{\"dataset_id\":NaN}")]
    public async Task A_body_that_cannot_be_read_is_a_400_and_stores_nothing(string what, string body)
    {
        var before = await CountAsync();
        using var content = new StringContent(body, Encoding.UTF8, "application/json");

        var answer = await exchange.Who("zhuzhou", "officer").PostAsync("/api/cities/zhuzhou/requests", content);

        Refused(answer, 400, "malformed-request");
        Assert.Equal(before, await CountAsync());
        Assert.NotEmpty(what);
    }

    [Fact]
    public async Task Invalid_UTF_8_deep_nesting_and_large_bodies_are_refused()
    {
        var officer = exchange.Who("zhuzhou", "officer");
        using var broken = new ByteArrayContent([.. "{\"scope\":\""u8, 0xC3, 0x28, .. "\"}"u8]);
        broken.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        Refused(await officer.PostAsync("/api/cities/zhuzhou/requests", broken), 400, "malformed-request");

        using var deep = new StringContent("{\"fields\":" + new string('[', 5000) + new string(']', 5000) + "}", Encoding.UTF8, "application/json");
        Refused(await officer.PostAsync("/api/cities/zhuzhou/requests", deep), 400, "malformed-request");

        using var large = new StringContent("{\"fields\":" + string.Concat(Enumerable.Repeat("[\"", 5_000_000)), Encoding.UTF8, "application/json");
        Refused(await officer.PostAsync("/api/cities/zhuzhou/requests", large), 413, "body-too-large");

        Refused(await officer.GetAsync("/api/cities/zhuzhou/requests?state=%00"), 400, "malformed-request");
        Refused(await officer.GetAsync("/api/cities/zhuzhou/requests?cursor=%27%3Bdrop"), 422, "invalid-input");
    }

    [Theory]
    [InlineData("")]
    [InlineData("Bearer")]
    [InlineData("Bearer x.y.z")]
    [InlineData("Bearer eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJzdWIiOiJ4In0.")]
    public async Task A_wrong_token_is_a_401_at_the_gateway_and_at_the_city_itself(string authorization)
    {
        foreach (var address in (Uri[])[new(exchange.Stack.PublicAddress, "/api/cities/zhuzhou/requests"), new(exchange.Stack.Address("zhuzhou"), "/requests")])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            if (authorization.Length > 0)
            {
                request.Headers.TryAddWithoutValidation("Authorization", authorization);
            }

            using var response = await exchange.Gateway.SendAsync(request);
            Refused(await Answer.ReadAsync(response, default), 401, "token-required");
        }
    }

    [Fact]
    public async Task Identity_comes_from_the_token_alone()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var id = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(id);

        var stranger = await exchange.Who("xiangtan", "integrator").SendAsync(HttpMethod.Get, $"/api/cities/changsha/grants/{id}/data", null, request =>
        {
            request.Headers.TryAddWithoutValidation("X-User", "zhuzhou-labour-client");
            request.Headers.TryAddWithoutValidation("X-City", "zhuzhou");
            request.Headers.TryAddWithoutValidation("X-HTTP-Method-Override", "GET");
        }, default);

        Refused(stranger, 404, "not-found");
        Refused(await exchange.Who("zhuzhou", "integrator", "police").GetAsync($"/api/cities/changsha/grants/{id}/data"), 404, "not-found");
    }

    [Fact]
    public async Task Refusals_of_one_caller_and_minute_become_one_leaf_with_a_count()
    {
        var officer = exchange.Who("xiangtan", "officer");
        var path = $"/api/cities/xiangtan/requests/{Guid.NewGuid()}/sign-off";
        for (var i = 0; i < 3; i++)
        {
            Refused(await officer.PostAsync(path, etag: "\"1\""), 403, "role-missing");
        }

        exchange.Stack.MoveClock(TimeSpan.FromSeconds(90));
        try
        {
            await using var log = new NpgsqlConnection(exchange.Stack.Databases.ConnectionString("audit", "owner"));
            var counts = await Eventually.GetAsync(
                async () => (await log.QueryAsync<string>("""
                    select convert_from(bytes, 'UTF8')::json -> 'event' -> 'details' ->> 'count' from service.leaves
                    where convert_from(bytes, 'UTF8')::json -> 'event' ->> 'type' = 'refusal'
                      and convert_from(bytes, 'UTF8')::json -> 'event' ->> 'source' = 'xiangtan'
                      and convert_from(bytes, 'UTF8')::json -> 'event' -> 'details' ->> 'rule' = 'role-missing'
                      and convert_from(bytes, 'UTF8')::json -> 'event' -> 'details' ->> 'route' like '%/sign-off'
                    """)).ToList(),
                found => found.Sum(int.Parse) == 3, TimeSpan.FromSeconds(30), found => string.Join(',', found));
            Assert.InRange(counts.Count, 1, 2);
        }
        finally
        {
            exchange.Stack.MoveClock(TimeSpan.Zero);
        }
    }

    [Fact]
    public async Task Every_path_of_the_description_is_a_live_route_with_a_policy()
    {
        string[] open =
        [
            "/connect/token", "/.well-known/openid-configuration", "/.well-known/jwks.json", "/api/catalogue/datasets", "/api/catalogue/datasets/{id}", "/api/catalogue/datasets/{id}/history", "/api/catalogue/datasets/{id}/quality",
            "/api/catalogue/quality", "/api/catalogue/quality/rules", "/api/catalogue/export", "/catalog", "/catalog.ttl", "/catalog.jsonld", "/datasets/{id}", "/datasets/{id}.ttl", "/datasets/{id}.jsonld",
            "/api/audit/logs", "/api/audit/log/{year}/checkpoint", "/api/audit/log/{year}/consistency", "/api/audit/log/{year}/vkeys", "/api/audit/log/{year}/tile/{level}/{rest}",
            "/api/cities/{city}/departments", "/api/cities/{city}/departments/{code}", "/api/cities/{city}/datasets", "/api/cities/{city}/datasets/{id}", "/api/cities/{city}/datasets/{id}/history",
        ];
        var description = await Eventually.GetAsync(() => exchange.Who("zhuzhou", "officer").GetAsync("/openapi/v1.json"), IsWhole, TimeSpan.FromSeconds(60), a => a.Text);
        Assert.StartsWith("3.1", description["openapi"].GetString());
        var asked = description["components"].GetProperty("schemas").EnumerateObject().Single(s => s.Name.EndsWith("DraftRequestBody", StringComparison.Ordinal)).Value.GetProperty("properties").GetProperty("legal_basis");
        Assert.Contains("string", asked.GetProperty("type").ToString(), StringComparison.Ordinal);
        Assert.Contains("使用依据", asked.GetProperty("description").GetString(), StringComparison.Ordinal);
        var faults = new List<string>();
        foreach (var path in description["paths"].EnumerateObject())
        {
            var address = System.Text.RegularExpressions.Regex.Replace(path.Name.Replace("{city}", "zhuzhou", StringComparison.Ordinal).Replace("{year}", "2026", StringComparison.Ordinal).Replace("{level}", "0", StringComparison.Ordinal), "{[^}]+}", Guid.Empty.ToString());
            foreach (var operation in path.Value.EnumerateObject().Where(o => o.Name is "get" or "post" or "put" or "delete" or "patch"))
            {
                using var request = new HttpRequestMessage(new HttpMethod(operation.Name), new Uri(address, UriKind.Relative)) { Content = operation.Name == "get" ? null : new StringContent("{}", Encoding.UTF8, "application/json") };
                using var response = await exchange.Gateway.SendAsync(request);
                var status = (int)response.StatusCode;
                var isOpen = path.Name == "/connect/token" || path.Name.Contains("/action/", StringComparison.Ordinal) || (operation.Name == "get" && open.Contains(path.Name, StringComparer.Ordinal));
                if (isOpen ? status is 403 or 405 or >= 500 : status != 401)
                {
                    faults.Add($"{operation.Name} {path.Name}: {status}");
                }
            }
        }

        Assert.Empty(faults);
        Assert.DoesNotContain(description["paths"].EnumerateObject(), p => p.Name.EndsWith("/digest", StringComparison.Ordinal) || p.Name.Contains("/health", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Rows_of_several_megabytes_pass_the_gateway_and_a_wrong_file_of_any_size_is_told_its_faults()
    {
        var dataset = await exchange.PublishAsync("changsha", "unconditional");
        var officer = exchange.Who("changsha", "officer");
        var path = $"/api/cities/changsha/datasets/{dataset.GetProperty("dataset_id").GetString()}";
        var rows = string.Concat(Enumerable.Range(0, 120_000).Select(i => $"示例{i:000000},{i},\r\n"));
        using var large = new StringContent("person,months,remark\r\n" + rows, Encoding.UTF8, "text/csv");
        var loaded = (await officer.PutAsync($"{path}/rows", large, (await officer.GetAsync(path)).ETag)).Succeeded("3 MB of rows");
        Assert.Equal(120_000, loaded["rows"].GetProperty("count").GetInt32());

        using var wrong = new StringContent("wrong,header\r\n" + rows, Encoding.UTF8, "text/csv");
        Refused(await officer.PutAsync($"{path}/rows", wrong, loaded.ETag), 422, "invalid-input");
        using var broken = new ByteArrayContent([.. Encoding.UTF8.GetBytes("person,months,remark\r\n" + rows[..900_000]), 0xFF, 0xFE, .. "\r\n"u8]);
        broken.Headers.ContentType = new MediaTypeHeaderValue("text/csv");
        Refused(await officer.PutAsync($"{path}/rows", broken, loaded.ETag), 422, "invalid-input");
        Assert.Equal(loaded.ETag, (await officer.GetAsync(path)).ETag);
    }

    [Fact]
    public async Task Another_encoding_than_UTF_8_is_a_415_and_a_token_request_that_is_no_form_a_400()
    {
        using var gbk = new StringContent("{}", Encoding.ASCII);
        gbk.Headers.ContentType = MediaTypeHeaderValue.Parse("application/json; charset=gbk");
        Refused(await exchange.Who("zhuzhou", "officer").PostAsync("/api/cities/zhuzhou/requests", gbk), 415, "media-type");
        using var form = new StringContent("--x", Encoding.ASCII);
        form.Headers.ContentType = MediaTypeHeaderValue.Parse("multipart/form-data; boundary=x");
        using var response = await exchange.Gateway.PostAsync(new Uri("/connect/token", UriKind.Relative), form);
        Assert.Equal(400, (int)response.StatusCode);
    }

    [Fact]
    public async Task A_delivery_is_reported_by_the_gateway_however_its_path_is_written()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var id = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(id);
        var program = exchange.Who("zhuzhou", "integrator");
        foreach (var path in (string[])["/API/cities/changsha/grants/{0}/data", "/api/cities/changsha/Grants/{0}/DATA", "/api/cities/changsha/grants/{0}/data/"])
        {
            (await program.GetAsync(path.Replace("{0}", id, StringComparison.Ordinal))).Succeeded(path);
        }

        await Eventually.GetAsync(
            () => exchange.Who("zhuzhou", "officer").GetAsync($"/api/audit/exchanges/{id}"),
            a => a.Status == 200 && a["events"].EnumerateArray().Count(e => e.GetProperty("type").GetString() == "gateway.delivered") == 3, show: a => a.Text);
    }

    /// <summary>Right after a start the description holds only the parts of the services that have answered.</summary>
    private static bool IsWhole(Answer description) => description.Status == 200
        && description["paths"].TryGetProperty("/api/cities/{city}/requests", out _) && description["paths"].TryGetProperty("/api/audit/exchanges", out _);

    private async Task<long> CountAsync()
    {
        await using var connection = new NpgsqlConnection(exchange.Stack.Databases.ConnectionString("zhuzhou", "app"));
        return await connection.ExecuteScalarAsync<long>("select (select count(*) from service.sharing_requests) + (select count(*) from service.outbox) + (select count(*) from service.idempotency_keys)");
    }

    private static void Refused(Answer answer, int status, string rule)
    {
        Assert.True(answer.Status == status, $"{answer.Status} instead of {status}: {answer.Text}");
        Assert.Equal("application/problem+json", answer.MediaType);
        Assert.Equal(rule, answer["rule"].GetString());
        Assert.NotEqual("", answer["way_out"].GetString());
    }
}
