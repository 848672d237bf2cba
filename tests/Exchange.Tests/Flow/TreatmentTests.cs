using System.Text.Json;
using Exchange.Local.Accounts;

namespace Exchange.Tests.Flow;

/// <summary>Treatments and rows from the reviewer's proposal to what the asking city receives and both sides read, over the public address and two cities.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class TreatmentTests(ExchangeFixture exchange)
{
    [Fact]
    public async Task What_the_head_signs_is_how_the_data_leaves_and_a_change_keeps_it_unless_it_says_otherwise()
    {
        var id = await exchange.SubmitAsync((await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid());
        await exchange.ReceivedAsync(id);
        var faulty = await OwnAsync(id, "reviewer", "decide", new
        {
            Decision = "approve",
            Treatments = new Dictionary<string, string> { ["colour"] = "masked", ["remark"] = "masked", ["months"] = "masked:name", ["person"] = "masked:nickname" },
            Rows = new { Area = new { Field = "months", Prefix = "4301", Values = Array.Empty<string>() }, Time = new { Field = "birthday", From = "2026-03-01", Until = "2026-02-01" } },
        });
        Assert.Equal(
            [
                "rows.area values-or-prefix", "rows.area.field filter-type", "rows.area.values count", "rows.time.field unknown-field", "rows.time.until upside-down",
                "treatments.colour unknown-field", "treatments.months treatment-type", "treatments.person one-of", "treatments.remark not-granted",
            ],
            Faults(faulty));
        Assert.Equal(["rows only-to-approve", "treatments only-to-approve"], Faults(await OwnAsync(id, "reviewer", "decide", new { Decision = "refuse", Reason = "示例", Grounds = new[] { "other" }, Treatments = new Dictionary<string, string>(), Rows = new { } })));
        Assert.Equal("nothing-left", (await OwnAsync(id, "reviewer", "decide", new { Decision = "approve", Treatments = new Dictionary<string, string> { ["person"] = "dropped", ["months"] = "dropped" } }))["rule"].GetString());

        var proposed = (await OwnAsync(id, "reviewer", "decide", new
        {
            Decision = "approve",
            Treatments = new Dictionary<string, string> { ["person"] = "masked:name", ["months"] = "plain" },
            Rows = new { Area = new { Field = "person", Values = new[] { "示例甲", "示例丙" } } },
        })).Succeeded("decide");
        Assert.Equal("masked:name", proposed["proposal"].GetProperty("treatments").GetProperty("person").GetString());
        var granted = (await OwnAsync(id, "sharing_head", "sign-off")).Succeeded("sign");
        Assert.Equal("""{"person":"masked:name"}""", granted["grant"].GetProperty("treatments").GetRawText());

        // Both sides read the same terms, in the request and in the grant.
        var mirror = await exchange.MirrorAsync(id, "active");
        Assert.Equal(granted["grant"].GetProperty("treatments").GetRawText(), mirror["grant"].GetProperty("treatments").GetRawText());
        Assert.Equal(granted["grant"].GetProperty("rows").GetRawText(), mirror["grant"].GetProperty("rows").GetRawText());
        foreach (var reader in new[] { exchange.Who("zhuzhou", "officer"), exchange.Who("changsha", "reviewer") })
        {
            var grant = (await reader.GetAsync($"/api/cities/changsha/grants/{id}")).Succeeded("grant");
            Assert.Equal(("masked:name", "person"), (grant["treatments"].GetProperty("person").GetString(), grant["rows"].GetProperty("area").GetProperty("field").GetString()));
        }

        Assert.Equal("person,months\r\n示*甲,12\r\n示*丙,3\r\n", await DataAsync(id));
        Assert.Equal("""{"person":"示*甲","months":12}""" + "\n" + """{"person":"示*丙","months":3}""" + "\n", await DataAsync(id, "format=ndjson"));
        var page = (await exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/data?sort=months&limit=1")).Succeeded("a page");
        Assert.Equal("person,months\r\n示*丙,3\r\n", page.Text);
        var next = page.Headers["Link"];
        Assert.StartsWith($"<{exchange.Stack.PublicAddress.ToString().TrimEnd('/')}/api/cities/changsha/grants/{id}/data?", next, StringComparison.Ordinal);
        Assert.Equal("person,months\r\n示*甲,12\r\n", (await exchange.Who("zhuzhou", "integrator").GetAsync(new Uri(next[1..next.IndexOf('>', StringComparison.Ordinal)]).PathAndQuery)).Succeeded("the next page").Text);
        var timeline = await exchange.TimelineAsync(id, "delivery.ended", "gateway.delivered");
        Assert.DoesNotContain("示例甲", timeline.Text, StringComparison.Ordinal);

        // Wider by a field: the treatment and the rows stay, and the decision adds one.
        await ChangeAsync(id, new { Fields = new[] { "person", "months", "remark" }, Reason = "职责（示例）" }, new { Decision = "approve", Treatments = new Dictionary<string, string> { ["months"] = "generalised:band:10" } });
        Assert.Equal("person,months,remark\r\n示*甲,10..20,\r\n示*丙,0..10,末\r\n", await DataAsync(id));
        // Another one names them anew.
        await ChangeAsync(id, new { ThirdParty = "示例受托单位", Reason = "职责（示例）" }, new { Decision = "approve", Fields = new[] { "person", "remark" }, Treatments = new Dictionary<string, string> { ["person"] = "masked" }, Rows = new { } });
        Assert.Equal("person,remark\r\n***,\r\n***,\"=1+1,\"\"x\"\"\"\r\n***,末\r\n", await DataAsync(id));
        Assert.Equal("person,remark\r\n***,\r\n***,\"'=1+1,\"\"x\"\"\"\r\n***,末\r\n", await DataAsync(id, "formula_safe=true"));
        await exchange.PairedAsync(id);
    }

    [Fact]
    public async Task Without_a_persons_look_personal_items_leave_hashed_unless_the_head_signed_otherwise()
    {
        var published = await exchange.PublishAsync("changsha", "unconditional", standing: true);
        var dataset = published.GetProperty("dataset_id").GetGuid();
        var first = await exchange.SubmitAsync(dataset);
        Assert.Equal("""{"person":"hashed"}""", (await exchange.MirrorAsync(first, "active"))["grant"].GetProperty("treatments").GetRawText());
        Assert.Matches("^person,months\r\n[0-9a-f]{64},12\r\n[0-9a-f]{64},240\r\n[0-9a-f]{64},3\r\n$", await DataAsync(first));

        var head = exchange.Who("changsha", "sharing_head");
        var path = $"/api/cities/changsha/datasets/{dataset}";
        var now = await head.GetAsync(path);
        Assert.Equal(["treatments.months treatment-type", "treatments.nobody unknown-field"], Faults(await SignAsync(new { reply = "approve", treatments = new Dictionary<string, string> { ["nobody"] = "masked", ["months"] = "generalised:month" } })));
        var signed = (await SignAsync(new { reply = "approve", treatments = new Dictionary<string, string> { ["person"] = "masked:name" } })).Succeeded("sign anew");
        Assert.Equal("masked:name", signed["standing_sign_off"].GetProperty("treatments").GetProperty("person").GetString());
        var second = await exchange.SubmitAsync(dataset);
        await exchange.MirrorAsync(second, "active");
        Assert.Equal("person,months\r\n示*甲,12\r\n示*乙,240\r\n示*丙,3\r\n", await DataAsync(second));
        // What was granted before stays as it was signed then.
        Assert.Equal("""{"person":"hashed"}""", (await exchange.MirrorAsync(first, "active"))["grant"].GetProperty("treatments").GetRawText());

        async Task<Answer> SignAsync(object body)
        {
            using var content = new StringContent(JsonSerializer.Serialize(body), System.Text.Encoding.UTF8, "application/json");
            return await head.PutAsync($"{path}/standing-sign-off", content, now.ETag);
        }
    }

    private static List<string> Faults(Answer answer)
    {
        Assert.True(answer.Status == 422, answer.Text);
        return [.. answer["errors"].EnumerateArray().Select(e => $"{e.GetProperty("field").GetString()} {e.GetProperty("rule").GetString()}").Order(StringComparer.Ordinal)];
    }

    private async Task ChangeAsync(string id, object asked, object decision)
    {
        var path = $"/api/cities/zhuzhou/requests/{id}";
        var (officer, head) = (exchange.Who("zhuzhou", "officer"), exchange.Who("zhuzhou", "sharing_head"));
        (await officer.PostAsync($"{path}/change", asked, (await officer.GetAsync(path)).ETag)).Succeeded("prepare");
        (await head.PostAsync($"{path}/change/sign-off", etag: (await head.GetAsync(path)).ETag)).Succeeded("sign");
        await Eventually.GetAsync(
            () => exchange.Who("changsha", "reviewer").GetAsync($"/api/cities/changsha/approvals/{id}"),
            a => a.Json.TryGetProperty("change", out var change) && change.ValueKind == JsonValueKind.Object && !change.TryGetProperty("outcome", out _),
            show: a => a.Text);
        (await OwnAsync(id, "reviewer", "change/decide", decision)).Succeeded("decide");
        var decided = (await OwnAsync(id, "sharing_head", "change/sign-off")).Succeeded("sign the change");
        await Eventually.GetAsync(
            () => officer.GetAsync(path), a => a["version"].GetInt32() == decided["version"].GetInt32(), show: a => a.Text);
    }

    private async Task<Answer> OwnAsync(string id, string role, string act, object? body = null)
    {
        var (who, path) = (exchange.Who("changsha", role), $"/api/cities/changsha/approvals/{id}");
        return await who.PostAsync($"{path}/{act}", body, (await who.GetAsync(path)).ETag);
    }

    private async Task<string> DataAsync(string id, string query = "") => (await exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/data?{query}")).Succeeded("data").Text;
}
