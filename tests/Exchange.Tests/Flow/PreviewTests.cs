using System.Globalization;
using System.Text;

namespace Exchange.Tests.Flow;

/// <summary>A preview over the public address and two cities: what the grant gives, recorded by city and gateway, and stopped with the grant.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class PreviewTests(ExchangeFixture exchange)
{
    [Fact]
    public async Task A_masked_person_is_masked_in_rows_and_figures_and_the_preview_is_in_the_log()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var id = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(id, new { Decision = "approve", Treatments = new Dictionary<string, string> { ["person"] = "masked:name" } });
        var mirror = await exchange.MirrorAsync(id, "active");
        var link = mirror["links"].EnumerateArray().Single(l => l.GetProperty("rel").GetString() == "preview").GetProperty("href").GetString()!;
        Assert.Equal($"/api/cities/changsha/grants/{id}/preview", new Uri(link).AbsolutePath);

        var preview = (await exchange.Who("zhuzhou", "officer").GetAsync(new Uri(link).PathAndQuery)).Succeeded("preview");
        Assert.Equal("""[["示*甲","12"],["示*乙","240"],["示*丙","3"]]""", preview["rows"].GetRawText());
        Assert.Equal(("3", "240"), (preview["columns"][1].GetProperty("figures").GetProperty("least").GetString(), preview["columns"][1].GetProperty("figures").GetProperty("greatest").GetString()));
        // Neither the plain person nor the field that was not granted, nor what stands in it.
        foreach (var hidden in new[] { "示例", "remark", "备注", "=1+1", "末" })
        {
            Assert.DoesNotContain(hidden, preview.Text, StringComparison.Ordinal);
        }

        var delivery = preview.Headers["Exchange-Delivery-Id"];
        var timeline = await exchange.TimelineAsync(id, "delivery.opened", "delivery.ended", "gateway.delivered");
        Assert.Equal(3, timeline["events"].EnumerateArray().Count(e => e.GetRawText().Contains(delivery, StringComparison.Ordinal)));
        await exchange.PairedAsync(id);

        Assert.Equal(404, (await exchange.Who("xiangtan", "officer").GetAsync($"/api/cities/changsha/grants/{id}/preview")).Status);
        Assert.Equal(403, (await exchange.Who("zhuzhou", "reviewer").GetAsync($"/api/cities/changsha/grants/{id}/preview")).Status);
        Assert.Equal(403, (await exchange.Who("zhuzhou", "officer").GetAsync($"/api/cities/changsha/datasets/{dataset}/preview")).Status);
        Assert.Equal("示例甲", (await exchange.Who("changsha", "reviewer").GetAsync($"/api/cities/changsha/datasets/{dataset}/preview")).Succeeded("own")["rows"][0][0].GetString());

        var approval = await exchange.ReceivedAsync(id);
        (await exchange.Who("changsha", "authority").PostAsync($"/api/cities/changsha/approvals/{id}/suspend",
            new { Reason = "超出用途（示例）", RepairBy = DateOnly.FromDateTime(DateTime.UtcNow).AddDays(7).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) }, approval.ETag)).Succeeded("suspend");
        Assert.Equal("grant-not-active", (await exchange.Who("zhuzhou", "officer").GetAsync($"/api/cities/changsha/grants/{id}/preview"))["rule"].GetString());
    }

    [Fact]
    public async Task A_file_is_previewed_whole_and_recorded_by_city_and_gateway_under_its_name_to_the_parties_only()
    {
        var (dataset, etag) = await exchange.PublishFileEntryAsync("changsha", "spreadsheet/csv");
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes("姓名,缴费月数\n示例甲,12\n"));
        etag = (await exchange.HandInAsync("changsha", dataset, "参保 2026.csv", content, etag)).Succeeded("hand in").ETag!;
        using var hostile = new ByteArrayContent([.. "姓名\n"u8, .. new string('x', 2 << 20).Select(c => (byte)c)]);
        (await exchange.HandInAsync("changsha", dataset, "长.csv", hostile, etag)).Succeeded("hand in");
        var id = await exchange.SubmitAsync(dataset, fields: ["person", "months", "remark"]);
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        var program = exchange.Who("zhuzhou", "integrator");
        var listed = (await program.GetAsync($"/api/cities/changsha/grants/{id}/files")).Succeeded("list");
        var preview = (await program.GetAsync(new Uri(listed["items"][0].GetProperty("preview").GetString()!).PathAndQuery)).Succeeded("preview");
        var refused = await program.GetAsync(new Uri(listed["items"][1].GetProperty("preview").GetString()!).PathAndQuery);
        Assert.Equal((422, "line-too-long"), (refused.Status, refused["errors"][0].GetProperty("rule").GetString()));
        Assert.Equal("""[["示例甲","12"]]""", preview["rows"].GetRawText());
        var timeline = await exchange.TimelineAsync(id, "delivery.opened", "delivery.ended", "gateway.delivered");
        Assert.DoesNotContain("参保 2026", timeline.Text, StringComparison.Ordinal);
        await exchange.PairedAsync(id);
    }
}
