using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Dapper;
using Exchange.Local;
using Exchange.Local.Accounts;
using Exchange.Tests.Files;
using Exchange.Tests.Flow;

namespace Exchange.Tests.Faults;

/// <summary>
/// Transfers that are cut, again and again, by each part on their way: what the log says was sent is the answer's own beginning and no less than the receiver has; and the receiver, going on from
/// where it stands, comes to the whole.
/// </summary>
[Collection(FaultyExchange.Name)]
[Trait("needs", "server")]
public sealed class TransferCutTests(FaultFixture exchange)
{
    private const int Kept = 1 << 20;
    private const string Name = "参保月报.pdf";

    /// <summary>Of one page: behind each cut more than all buffers on the way can hold (the kernel's grow to 36 MiB per connection).</summary>
    private const int RowsOfAPage = 6_000;

    private static readonly int[] Places = [1, 65_536, 1_000_003, 4_000_000];

    [Fact, Trait("length", "long")]
    public Task A_file_is_resumed_after_each_part_on_its_way_was_gone_and_the_log_says_what_was_sent() =>
        exchange.RunAsync(schedule => FileAsync(schedule, 96 << 20, [(Victim.Client, 1), (Victim.City, 1_000_000), (Victim.Gateway, 1)]));

    [Fact]
    [Trait("length", "long")]
    public Task A_file_is_resumed_after_twenty_cuts() => exchange.RunAsync(schedule => FileAsync(schedule, 160 << 20, Everything));

    [Fact]
    [Trait("length", "long")]
    public Task Pages_of_rows_join_to_the_whole_after_twenty_cuts() => exchange.RunAsync(async schedule =>
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var id = await exchange.SubmitAsync(dataset, fields: ["person", "months", "remark"]);
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        await FillAsync(dataset, Places.Length * RowsOfAPage);
        var path = $"/api/cities/changsha/grants/{id}/data?format=csv";
        var whole = (await Program.GetAsync(path)).Succeeded("the whole").Text;

        var page = $"{path}&limit={RowsOfAPage}";
        using var joined = new StringWriter(CultureInfo.InvariantCulture);
        foreach (var after in Places)
        {
            // What the page is when nothing cuts it; nothing of it is kept until it comes whole.
            var expected = (await Program.GetAsync(page)).Succeeded("a page");
            foreach (var victim in Enum.GetValues<Victim>())
            {
                schedule.Note($"{victim} gone {after} bytes into a page");
                var (delivery, arrived, _) = await CutAsync(page, _ => { }, victim, after);
                await SaysTrulyAsync(id, delivery, victim, expected.Bytes, arrived.Length);
            }

            var again = (await Deaths.InsistAsync(() => Program.GetAsync(page))).Succeeded("the page again");
            Assert.Equal(Sha(expected.Bytes), Sha(again.Bytes));
            var rows = again.Text.IndexOf("\r\n", StringComparison.Ordinal) + 2;
            await joined.WriteAsync(joined.GetStringBuilder().Length == 0 ? again.Text : again.Text[rows..]);
            page = again.Headers.TryGetValue("Link", out var link) ? new Uri(link[1..link.IndexOf('>', StringComparison.Ordinal)]).PathAndQuery : "";
        }

        Assert.Equal("", page);
        Assert.True(whole == joined.ToString(), "The pages are not the whole.");
        await exchange.AtRestAsync();
    });

    private static (Victim, int)[] Everything => [.. from at in Places from victim in Enum.GetValues<Victim>() select (victim, at)];

    private async Task FileAsync(Schedule schedule, int length, (Victim Who, int After)[] cuts)
    {
        var content = SampleFiles.LargePdf(length);
        var (dataset, etag) = await exchange.PublishFileEntryAsync("changsha");
        var id = await exchange.SubmitAsync(dataset, fields: ["person", "months", "remark"]);
        await exchange.GrantAsync(id);
        var handed = (await exchange.HandInAsync("changsha", dataset, Name, new ByteArrayContent(content), etag)).Succeeded("hand in");
        await exchange.MirrorAsync(id, "active");

        var path = $"/api/cities/changsha/grants/{id}/files/{Uri.EscapeDataString(Name)}";
        var tag = $"\"sha256-{handed["sha256"].GetString()}\"";
        using var got = new MemoryStream(length);
        foreach (var (victim, after) in cuts)
        {
            schedule.Note($"{victim} gone {after} bytes behind {got.Length}");
            var from = (int)got.Length;
            var (delivery, arrived, partial) = await CutAsync(path, request => Resume(request, tag, from), victim, after);
            Assert.Equal(from > 0, partial);
            got.Write(arrived.AsSpan(0, Math.Min(arrived.Length, after + Kept)));
            var receipt = await SaysTrulyAsync(id, delivery, victim, content.AsMemory(from), arrived.Length);
            Assert.Equal(from == 0 ? null : $"bytes {from}-{length - 1}/{length}", receipt["file"].TryGetProperty("range", out var range) ? range.GetString() : null);
        }

        var rest = (await Deaths.InsistAsync(() => Program.SendAsync(HttpMethod.Get, path, null, request => Resume(request, tag, (int)got.Length), TestContext.Current.CancellationToken))).Succeeded("the rest");
        Assert.Equal(206, rest.Status);
        got.Write(rest.Bytes);
        Assert.Equal(Sha(content), Sha(got.ToArray()));
        await exchange.AtRestAsync();
    }

    /// <summary>The receipt names the beginning of the answer that was sent: as much as arrived, and not the whole.</summary>
    private async Task<Answer> SaysTrulyAsync(string id, string delivery, Victim victim, ReadOnlyMemory<byte> answer, int arrived)
    {
        var receipt = await Eventually.GetAsync(
            () => Deaths.InsistAsync(() => Program.GetAsync($"/api/cities/changsha/grants/{id}/deliveries/{delivery}")), a => a.Status == 200 && a.Json.TryGetProperty("outcome", out _), TimeSpan.FromSeconds(60), a => a.Text);
        if (victim == Victim.City)
        {
            // Nobody knows how much a process that is gone had sent, and nobody says so.
            Assert.Equal("failed", receipt["outcome"].GetString());
            Assert.False(receipt.Json.TryGetProperty("bytes", out _));
            return receipt;
        }

        // Without its database the city cannot know whether the grant still stands: it cuts, and that is its own failure.
        Assert.Equal(victim == Victim.Database ? "failed" : "aborted", receipt["outcome"].GetString());
        var sent = receipt["bytes"].GetInt32();
        Assert.InRange(sent, arrived, answer.Length - 1);
        Assert.Equal(Sha(answer.Span[..sent]), receipt["sha256"].GetString());
        return receipt;
    }

    /// <summary>Reads so many bytes of what comes, takes one part away and reads what still arrives.</summary>
    private async Task<(string Delivery, byte[] Arrived, bool Partial)> CutAsync(string path, Action<HttpRequestMessage> adjust, Victim victim, int after)
    {
        using var response = await BeginAsync(path, adjust);
        var delivery = response.Headers.GetValues("Exchange-Delivery-Id").Single();
        var body = await response.Content.ReadAsStreamAsync();
        using var arrived = new MemoryStream();
        var piece = new byte[after];
        await body.ReadExactlyAsync(piece);
        arrived.Write(piece);
        var partial = response.StatusCode == System.Net.HttpStatusCode.PartialContent;
        switch (victim)
        {
            case Victim.Client:
                response.Dispose();
                return (delivery, arrived.ToArray(), partial);
            case Victim.Broker:
                // It is not on the way: the transfer goes on, and what is recorded meanwhile waits.
                await exchange.Stack.KillBrokerAsync();
                try
                {
                    piece = new byte[1 << 16];
                    await body.ReadExactlyAsync(piece);
                    arrived.Write(piece);
                    response.Dispose();
                }
                finally
                {
                    await exchange.Stack.StartBrokerAsync();
                }

                return (delivery, arrived.ToArray(), partial);
            case Victim.Database:
                await exchange.Stack.KillPostgresAsync();
                try
                {
                    // A reader that takes its time: a fast one would have it all before the city notices that it is blind.
                    await ReadOnAsync(body, arrived, TimeSpan.FromMilliseconds(100));
                    response.Dispose();
                }
                finally
                {
                    await exchange.Stack.StartPostgresAsync();
                }

                return (delivery, arrived.ToArray(), partial);
            default:
                var process = victim == Victim.City ? "changsha" : Stack.Gateway;
                await exchange.KillNoticedAsync(process);
                await ReadOnAsync(body, arrived, TimeSpan.Zero);
                response.Dispose();
                await exchange.ReviveAsync(process);
                return (delivery, arrived.ToArray(), partial);
        }
    }

    /// <summary>What was away a moment ago may not take a call yet.</summary>
    private async Task<HttpResponseMessage> BeginAsync(string path, Action<HttpRequestMessage> adjust)
    {
        HttpResponseMessage? begun = null;
        await Deaths.InsistAsync(async () =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.Authorization = new("Bearer", await Program.TokenAsync());
            request.Headers.Add("Purpose", Program.Purpose);
            adjust(request);
            var response = await exchange.Gateway.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            if (response.IsSuccessStatusCode)
            {
                begun = response;
                return new Answer((int)response.StatusCode, null, "", [], new Dictionary<string, string>());
            }

            using (response)
            {
                return await Answer.ReadAsync(response, TestContext.Current.CancellationToken);
            }
        });
        return begun ?? throw new InvalidOperationException("The transfer was refused.");
    }

    private static async Task ReadOnAsync(Stream body, MemoryStream arrived, TimeSpan pause)
    {
        var piece = new byte[64 << 10];
        try
        {
            for (int read; (read = await body.ReadAsync(piece)) > 0;)
            {
                arrived.Write(piece, 0, read);
                await Task.Delay(pause);
            }

            Assert.Fail("It came to its end.");
        }
        catch (Exception fault) when (fault is IOException or HttpRequestException)
        {
            // What had arrived by then counts.
        }
    }

    private async Task FillAsync(Guid dataset, int rows)
    {
        await using var admin = new Npgsql.NpgsqlConnection(exchange.Stack.Databases.AdminConnectionString("changsha"));
        var table = await admin.ExecuteScalarAsync<string>("select table_name from service.dataset_rows where dataset_id = @dataset", new { dataset });
        await admin.ExecuteAsync($"truncate data.{table}; insert into data.{table} (c1, c2, c3) select '示例', n, repeat('示', 3000) from generate_series(1, @rows) n", new { rows }, commandTimeout: 120);
    }

    private Participant Program => exchange.Who("zhuzhou", "integrator");

    private static void Resume(HttpRequestMessage request, string tag, int from)
    {
        if (from > 0)
        {
            request.Headers.TryAddWithoutValidation("Range", string.Create(CultureInfo.InvariantCulture, $"bytes={from}-"));
            request.Headers.IfRange = new RangeConditionHeaderValue(tag);
        }
    }

    private static string Sha(ReadOnlySpan<byte> content) => Convert.ToHexStringLower(SHA256.HashData(content));

    private enum Victim
    {
        Client,
        City,
        Gateway,
        Database,
        Broker,
    }
}
