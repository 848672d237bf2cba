using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Dapper;
using Exchange.Local.Accounts;
using Exchange.Tests.Files;
using Npgsql;

namespace Exchange.Tests.Flow;

/// <summary>Files under a grant, over the public address and two cities: from the entry to the acknowledged last byte, and what stops them.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class FileTests(ExchangeFixture exchange)
{
    private const string Name = "参保月报 \"2026\" (终稿).pdf";
    private const string Safe = "参保月报 2026 (终稿).pdf";

    [Fact]
    public async Task A_grant_becomes_active_with_the_first_file_and_the_file_comes_as_it_was_handed_in()
    {
        var (dataset, etag) = await exchange.PublishFileEntryAsync("changsha");
        var partial = await exchange.DraftRequestAsync(dataset);
        Assert.Equal("file-whole", Assert.Single(partial["errors"].EnumerateArray()).GetProperty("rule").GetString());
        var id = await SubmitAsync(dataset);
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "approved");
        Assert.Equal("grant-not-active", (await Program.GetAsync($"/api/cities/changsha/grants/{id}/files"))["rule"].GetString());

        Assert.Equal(422, (await HandInAsync(dataset, Name, SampleFiles.Pdf, etag)).Status);
        var content = SampleFiles.LargePdf(700_001);
        var handed = (await HandInAsync(dataset, Safe, content, etag)).Succeeded("hand in");
        Assert.Equal(exchange.Who("changsha", "officer").Account.Name, handed["stored_by"].GetString());
        await exchange.MirrorAsync(id, "active");

        var listed = (await Program.GetAsync($"/api/cities/changsha/grants/{id}/files")).Succeeded("list");
        var item = Assert.Single(listed["items"].EnumerateArray());
        Assert.Equal((Safe, Sha(content), false), (item.GetProperty("name").GetString(), item.GetProperty("sha256").GetString(), item.TryGetProperty("stored_by", out _)));

        var whole = await FetchAsync(id, Safe);
        Assert.Equal((200, "application/pdf"), (whole.Status, whole.MediaType));
        Assert.Equal(content, whole.Bytes);
        Assert.Equal($"sha-256=:{Convert.ToBase64String(SHA256.HashData(content))}:", whole.Headers["Repr-Digest"]);
        Assert.Equal($"\"sha256-{Sha(content)}\"", whole.ETag);
        Assert.Equal(("bytes", "nosniff"), (whole.Headers["Accept-Ranges"], whole.Headers["X-Content-Type-Options"]));
        var disposition = ContentDispositionHeaderValue.Parse(whole.Headers["Content-Disposition"]);
        Assert.Equal(("attachment", Safe), (disposition.DispositionType, disposition.FileNameStar));

        var delivery = whole.Headers["Exchange-Delivery-Id"];
        var acknowledged = (await Program.PostAsync($"/api/cities/changsha/grants/{id}/deliveries/{delivery}/acknowledge", new { Sha256 = Sha(content), Bytes = content.Length })).Succeeded("acknowledge");
        Assert.Equal("equal", acknowledged["result"].GetString());
        var receipt = await Program.GetAsync($"/api/cities/changsha/grants/{id}/deliveries/{delivery}");
        Assert.Equal(("complete", content.Length, Sha(content), Safe, 1), (
            receipt["outcome"].GetString(), receipt["bytes"].GetInt32(), receipt["sha256"].GetString(), receipt["file"].GetProperty("name").GetString(), receipt["file"].GetProperty("version").GetInt32()));
        Assert.False(receipt.Json.TryGetProperty("rows", out _));

        var timeline = await exchange.TimelineAsync(id, "delivery.opened", "delivery.ended", "gateway.delivered", "delivery.acknowledged");
        // Whose name a file bears is nobody's business but the parties'.
        Assert.DoesNotContain("参保月报 2026", timeline.Text, StringComparison.Ordinal);
        await exchange.PairedAsync(id);
        Assert.Equal(403, (await exchange.Who("zhuzhou", "reviewer").GetAsync($"/api/cities/changsha/grants/{id}/files/{Uri.EscapeDataString(Safe)}")).Status);
        Assert.Equal(404, (await exchange.Who("xiangtan", "officer").GetAsync($"/api/cities/changsha/grants/{id}/files/{Uri.EscapeDataString(Safe)}")).Status);
        Assert.NotEqual(etag, handed.ETag);
    }

    [Fact]
    public async Task Each_range_is_a_delivery_and_what_sends_nothing_is_none()
    {
        var content = SampleFiles.LargePdf(400_000);
        var (id, dataset, etag) = await ActiveAsync(content);
        var tag = $"\"sha256-{Sha(content)}\"";
        var head = await FetchAsync(id, Safe, HttpMethod.Head);
        Assert.Equal((200, "400000", tag), (head.Status, head.Headers["Content-Length"], head.ETag));

        var unchanged = await FetchAsync(id, Safe, headers: ("If-None-Match", $"\"x\", W/{tag}"));
        Assert.Equal((304, tag, 0), (unchanged.Status, unchanged.ETag, unchanged.Bytes.Length));
        Assert.Equal(304, (await FetchAsync(id, Safe, headers: ("If-Modified-Since", head.Headers["Last-Modified"]))).Status);
        Assert.Equal("version-changed", (await FetchAsync(id, Safe, headers: ("If-Match", "\"x\"")))["rule"].GetString());
        var beyond = await FetchAsync(id, Safe, headers: ("Range", "bytes=400000-"));
        Assert.Equal((416, "bytes */400000", "range-not-satisfiable"), (beyond.Status, beyond.Headers["Content-Range"], beyond["rule"].GetString()));
        Assert.Empty((await Program.GetAsync($"/api/cities/changsha/grants/{id}/deliveries")).Json.EnumerateArray());

        (string Range, string? If, int Status, Range Sent, string? Said)[] cases =
        [
            ("bytes=0-0", null, 206, ..1, "bytes 0-0/400000"),
            ("bytes=150000-399999", tag, 206, 150_000.., "bytes 150000-399999/400000"),
            ("bytes=399990-500000", head.Headers["Last-Modified"], 206, 399_990.., "bytes 399990-399999/400000"),
            ("bytes=-100000", null, 206, 300_000.., "bytes 300000-399999/400000"),
            ("bytes=-900000", null, 206, .., "bytes 0-399999/400000"),
            ("bytes=5-", "\"sha256-older\"", 200, .., null),
            ("bytes=5-", "W/" + tag, 200, .., null),
            ("bytes=0-1,5-6", null, 200, .., null),
            ("bytes=9-3", null, 200, .., null),
            ("pages=1-2", null, 200, .., null),
        ];
        foreach (var (range, ifRange, status, sent, said) in cases)
        {
            var answer = await FetchAsync(id, Safe, headers: ifRange is null ? [("Range", range)] : [("Range", range), ("If-Range", ifRange)]);
            Assert.Equal((range, status, said), (range, answer.Status, answer.Headers.GetValueOrDefault("Content-Range")));
            Assert.Equal(content[sent], answer.Bytes);
            var receipt = await EndedAsync(id, answer.Headers["Exchange-Delivery-Id"]);
            Assert.Equal(("complete", (long)content[sent].Length, Sha(content[sent]), said),
                (receipt["outcome"].GetString(), receipt["bytes"].GetInt64(), receipt["sha256"].GetString(), receipt["file"].TryGetProperty("range", out var recorded) ? recorded.GetString() : null));
        }

        // A newer version, while the older one can still be had; the newest cannot go while the grant runs (art. 27).
        var next = SampleFiles.LargePdf(1000, seed: 3);
        etag = (await HandInAsync(dataset, Safe, next, etag)).Succeeded("hand in").ETag!;
        Assert.Equal(next, (await FetchAsync(id, Safe, headers: [("Range", "bytes=5-"), ("If-Range", tag)])).Bytes);
        Assert.Equal(content[5..], (await FetchAsync(id, Safe, query: "?version=1", headers: [("Range", "bytes=5-"), ("If-Range", tag)])).Bytes);
        Assert.Equal("grant-runs", (await RemoveAsync(dataset, "", etag))["rule"].GetString());
        Assert.Equal("grant-runs", (await RemoveAsync(dataset, "?version=2", etag))["rule"].GetString());
        (await RemoveAsync(dataset, "?version=1", etag)).Succeeded("remove");
        Assert.Equal(404, (await FetchAsync(id, Safe, query: "?version=1")).Status);
        await exchange.TimelineAsync(id, "delivery.ended");
        await exchange.PairedAsync(id);
    }

    [Fact]
    public async Task A_suspension_cuts_a_file_whose_reader_has_stopped_and_the_record_says_what_it_can_have_got()
    {
        var content = SampleFiles.LargePdf(96 << 20);
        var (id, _, _) = await ActiveAsync(content);
        var (delivery, response) = await BeginAsync(id);
        using var _ = response;
        await using var body = await response.Content.ReadAsStreamAsync();
        var got = new MemoryStream();
        var piece = new byte[4096];
        got.Write(piece, 0, await body.ReadAsync(piece));

        var approval = await exchange.ReceivedAsync(id);
        (await exchange.Who("changsha", "authority").PostAsync($"/api/cities/changsha/approvals/{id}/suspend",
            new { Reason = "超出用途（示例）", RepairBy = DateOnly.FromDateTime(DateTime.UtcNow).AddDays(7).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) }, approval.ETag)).Succeeded("suspend");
        // It still does not read: nothing but the watch beside the transfer can end it.
        var receipt = await EndedAsync(id, delivery);
        Assert.Equal("aborted", receipt["outcome"].GetString());
        var sent = receipt["bytes"].GetInt32();
        Assert.InRange(sent, 1, content.Length - 1);
        Assert.Equal(Sha(content[..sent]), receipt["sha256"].GetString());
        Assert.Equal("grant-not-active", (await FetchAsync(id, Safe))["rule"].GetString());

        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            for (int read; (read = await body.ReadAsync(piece)) > 0;)
            {
                got.Write(piece, 0, read);
            }
        });
        Assert.InRange(got.Length, 1, sent);
        Assert.Equal(content[..(int)got.Length], got.ToArray());
        await exchange.TimelineAsync(id, "delivery.ended", "gateway.delivered", "grant.suspended");
        await using var city = new NpgsqlConnection(exchange.Stack.Databases.ConnectionString("changsha", "owner"));
        Assert.Contains("grant-suspended", await EndOfAsync(city, delivery), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_narrowed_grant_an_expired_one_and_a_withdrawn_entry_give_no_file()
    {
        var content = SampleFiles.LargePdf(96 << 20);
        var (id, dataset, _) = await ActiveAsync(content);
        await using var city = new NpgsqlConnection(exchange.Stack.Databases.ConnectionString("changsha", "owner"));
        foreach (var (change, back, cut) in new[]
        {
            ("fields = '{person,months}'", "fields = '{person,months,remark}'", "grant-narrowed"),
            ("valid_until = current_date - 2", "valid_until = current_date + 300", "grant-expired"),
        })
        {
            var (delivery, response) = await BeginAsync(id);
            using var _ = response;
            await using var body = await response.Content.ReadAsStreamAsync();
            await city.ExecuteAsync($"update service.grants set {change} where exchange_id = @id::uuid", new { id });
            Assert.Equal("aborted", (await EndedAsync(id, delivery))["outcome"].GetString());
            Assert.Contains(cut, await EndOfAsync(city, delivery), StringComparison.Ordinal);
            Assert.NotEqual(200, (await FetchAsync(id, Safe)).Status);
            await city.ExecuteAsync($"update service.grants set {back} where exchange_id = @id::uuid", new { id });
        }

        Assert.Equal(200, (await FetchAsync(id, Safe, HttpMethod.Head)).Status);
        await city.ExecuteAsync("update service.datasets set published_version = null where dataset_id = @dataset", new { dataset });
        Assert.Equal(404, (await FetchAsync(id, Safe)).Status);
        Assert.Equal(0, (await Program.GetAsync($"/api/cities/changsha/grants/{id}/files"))["items"].GetArrayLength());
        await city.ExecuteAsync("update service.datasets set published_version = 1 where dataset_id = @dataset", new { dataset });
    }

    private Participant Program => exchange.Who("zhuzhou", "integrator");

    private async Task<(string Id, Guid Dataset, string ETag)> ActiveAsync(byte[] content)
    {
        var (dataset, etag) = await exchange.PublishFileEntryAsync("changsha");
        etag = (await HandInAsync(dataset, Safe, content, etag)).Succeeded("hand in").ETag!;
        var id = await SubmitAsync(dataset);
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        return (id, dataset, etag);
    }

    private Task<string> SubmitAsync(Guid dataset) => exchange.SubmitAsync(dataset, fields: ["person", "months", "remark"]);

    private Task<Answer> HandInAsync(Guid dataset, string name, byte[] content, string etag) => exchange.HandInAsync("changsha", dataset, name, new ByteArrayContent(content), etag);

    private Task<Answer> RemoveAsync(Guid dataset, string query, string etag) => exchange.Who("changsha", "officer").SendAsync(
        HttpMethod.Delete, $"/api/cities/changsha/datasets/{dataset}/files/{Uri.EscapeDataString(Safe)}{query}", null, r => r.Headers.TryAddWithoutValidation("If-Match", etag), TestContext.Current.CancellationToken);

    private Task<Answer> FetchAsync(string id, string name, HttpMethod? method = null, string query = "", params (string Name, string Value)[] headers) => Program.SendAsync(
        method ?? HttpMethod.Get, $"/api/cities/changsha/grants/{id}/files/{Uri.EscapeDataString(name)}{query}", null, request =>
        {
            foreach (var (header, value) in headers)
            {
                request.Headers.TryAddWithoutValidation(header, value);
            }
        }, TestContext.Current.CancellationToken);

    /// <summary>A receiver that has the headers and reads no further by itself.</summary>
    private async Task<(string Delivery, HttpResponseMessage Response)> BeginAsync(string id)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/cities/changsha/grants/{id}/files/{Uri.EscapeDataString(Safe)}");
        request.Headers.Authorization = new("Bearer", await Program.TokenAsync());
        request.Headers.Add("Purpose", Program.Purpose);
        var response = await exchange.Gateway.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(200, (int)response.StatusCode);
        return (response.Headers.GetValues("Exchange-Delivery-Id").Single(), response);
    }

    private Task<Answer> EndedAsync(string id, string delivery) => Eventually.GetAsync(
        () => Program.GetAsync($"/api/cities/changsha/grants/{id}/deliveries/{delivery}"), a => a.Status == 200 && a.Json.TryGetProperty("outcome", out _), show: a => a.Text);

    /// <summary>The record of a delivery's end, as it goes to the log.</summary>
    private static Task<string> EndOfAsync(NpgsqlConnection city, string delivery) =>
        city.QuerySingleAsync<string>("select content::text from service.outbox where type = 'delivery.ended' and position(@delivery in content::text) > 0", new { delivery });

    private static string Sha(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));
}
