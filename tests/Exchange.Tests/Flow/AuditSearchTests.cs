using Dapper;
using Exchange.Local;
using Exchange.Local.Accounts;
using Exchange.Tests.Faults;
using Exchange.Tests.Verifier;
using Xunit;

namespace Exchange.Tests.Flow;

/// <summary>What auditors and departments ask the log, through the gateway's public address.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class AuditSearchTests(ExchangeFixture exchange)
{
    [Fact]
    public async Task A_delivery_is_found_by_its_purpose_taken_away_proven_and_seen_by_its_parties_only()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var id = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        (await exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/data?format=csv")).Succeeded("csv");
        var (asking, providing, stranger) = (exchange.Who("zhuzhou", "officer"), exchange.Who("changsha", "officer"), exchange.Who("xiangtan", "officer"));

        var purpose = Uri.EscapeDataString("社会保险关系转移接续（示例）");
        var search = $"/api/audit/records?dataset={dataset}&purpose={purpose}";
        var found = await Eventually.GetAsync(() => asking.GetAsync(search), a => a.Status == 200 && Types(a).Contains("delivery.ended"), show: a => a.Text);
        Assert.Superset(new HashSet<string?> { "zhuzhou request.submitted", "changsha request.received", "changsha grant.activated", "changsha delivery.opened", "changsha delivery.ended" },
            found["items"].EnumerateArray().Select(e => $"{e.GetProperty("source").GetString()} {e.GetProperty("type").GetString()}").ToHashSet<string?>());

        // The owning city, the gateway and the witnesses have had their say once a use shows all three proofs witnessed.
        var uses = await Eventually.GetAsync(
            () => providing.GetAsync($"/api/audit/uses?dataset={dataset}"),
            a => a.Status == 200 && a["items"].EnumerateArray().Any(use => use.GetProperty("proofs").EnumerateObject().Count(p => p.Value.TryGetProperty("witnessed", out var w) && w.GetBoolean()) == 3),
            show: a => a.Text);
        var use = Assert.Single(uses["items"].EnumerateArray());
        Assert.Equal(("complete", 3L, "社会保险关系转移接续（示例）"), (use.GetProperty("outcome").GetString(), use.GetProperty("records").GetInt64(), use.GetProperty("purpose").GetString()));
        Assert.Equal(use.GetProperty("sha256").GetString(), use.GetProperty("gateway").GetProperty("sha256").GetString());
        Assert.Matches("^长沙-", use.GetProperty("reference").GetString());
        Assert.Equal(1, (await asking.GetAsync($"/api/audit/receipts?dataset={dataset}"))["items"].GetArrayLength());

        var folder = Directory.CreateTempSubdirectory("exchange-report-");
        try
        {
            var (report, trust) = (Path.Combine(folder.FullName, "report.json"), Path.Combine(folder.FullName, "trust.json"));
            await Trust.WriteAsync(trust, exchange.Stack, default);
            await File.WriteAllBytesAsync(report, (await asking.GetAsync($"/api/audit/receipts?dataset={dataset}&format=json")).Succeeded("report").Bytes);
            var (code, output, errors) = SignedLog.Run("report", report, "--trust", trust);
            Assert.True(code == 0, errors);
            Assert.Contains("each of its 3 records is in the log", output, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
        var csv = (await asking.GetAsync($"/api/audit/export?format=csv&dataset={dataset}&type=gateway.delivered")).Succeeded("csv");
        Assert.Equal(("text/csv", 2), (csv.MediaType, csv.Text.Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Length));
        // The look's own leaf says how many records it showed: one in the table, three in the report.
        await using var audit = await exchange.AdminAsync("audit");
        await Eventually.GetAsync(
            async () => string.Join(", ", await audit.QueryAsync<string>("""
                select what || ' ' || records from (
                    select a.act::jsonb -> 'Details' ->> 'what' as what, a.act::jsonb -> 'Details' as details, records from service.counted_acts a
                    union all
                    select r.details ->> 'what', r.details, r.records from service.records r where r.type = 'audit.looked') looks
                where details ->> 'filter_dataset' = @dataset and details ->> 'filter_format' is not null
                order by 1
                """, new { dataset = dataset.ToString() })),
            looks => looks == "export 1, receipts 3");

        var saved = (await asking.PostAsync("/api/audit/queries", new { Name = $"示例 {dataset}", Filters = new { Dataset = dataset, Type = "delivery." } })).Succeeded("save");
        Assert.Equal(["dataset", "type"], saved["filters"].EnumerateObject().Select(filter => filter.Name));
        Assert.Equal(2, (await asking.GetAsync(saved["links"].GetProperty("records").GetString()!))["items"].GetArrayLength());
        var renamed = (await asking.PutAsync($"/api/audit/queries/{saved["id"].GetString()}", new { Name = $"示例二 {dataset}", Filters = new { Dataset = dataset } }, saved.ETag)).Succeeded("rename");
        Assert.Equal(404, (await stranger.GetAsync($"/api/audit/queries/{renamed["id"].GetString()}")).Status);
        Assert.Equal(204, (await asking.SendAsync(HttpMethod.Delete, $"/api/audit/queries/{saved["id"].GetString()}", null, null, default)).Status);

        foreach (var nothing in new[] { search, $"/api/audit/records?exchange={id}", $"/api/audit/uses?dataset={dataset}", $"/api/audit/receipts?dataset={dataset}" })
        {
            Assert.Equal(0, (await stranger.GetAsync(nothing)).Succeeded(nothing)["items"].GetArrayLength());
        }
        Assert.Single((await stranger.GetAsync($"/api/audit/export?format=csv&dataset={dataset}")).Succeeded("csv").Text.Split("\r\n", StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(403, (await exchange.Who("zhuzhou", "operator").GetAsync(search)).Status);
        Assert.Equal(422, (await asking.GetAsync("/api/audit/records?departmant=x")).Status);
    }

    private static IEnumerable<string?> Types(Answer page) => page["items"].EnumerateArray().Select(e => e.GetProperty("type").GetString());
}
