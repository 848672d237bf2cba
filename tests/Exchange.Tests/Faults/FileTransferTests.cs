using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Exchange.Local;
using Exchange.Local.Accounts;
using Exchange.Tests.Files;
using Exchange.Tests.Flow;

namespace Exchange.Tests.Faults;

/// <summary>
/// A file whose transfer is cut, again and again: what the log says was sent is the file's own beginning and no less than the receiver has, and the receiver, going on from where it stands,
/// comes to the same digest.
/// </summary>
[Collection(FaultyExchange.Name)]
[Trait("needs", "server")]
public sealed class FileTransferTests(FaultFixture exchange)
{
    private const int Kept = 1 << 20;
    private const string Name = "参保月报.pdf";

    [Fact]
    public Task A_file_is_resumed_after_each_part_on_its_way_was_gone_and_the_log_says_what_was_sent() =>
        exchange.RunAsync(schedule => WalkAsync(schedule, 96 << 20, [(Victim.Client, 1), (Victim.City, 1_000_000), (Victim.Gateway, 1)]));

    [Fact]
    [Trait("length", "long")]
    public Task A_file_is_resumed_after_twenty_one_cuts() => exchange.RunAsync(schedule => WalkAsync(schedule, 160 << 20,
        [.. from at in (int[])[1, 4_096, 65_536, 262_144, 1_000_003, 2_500_000, 4_000_000] from victim in Enum.GetValues<Victim>() select (victim, at)]));

    /// <param name="length">Of the file: behind each cut more than all buffers on the way can hold (the kernel's grow to 36 MiB per connection).</param>
    private async Task WalkAsync(Schedule schedule, int length, (Victim Who, int After)[] cuts)
    {
        var content = SampleFiles.LargePdf(length);
        var (dataset, etag) = await exchange.PublishFileEntryAsync("changsha");
        var id = await exchange.SubmitAsync(dataset, fields: ["person", "months", "remark"]);
        await exchange.GrantAsync(id);
        var handed = (await exchange.HandInAsync("changsha", dataset, Name, new ByteArrayContent(content), etag)).Succeeded("hand in");
        await exchange.MirrorAsync(id, "active");

        var tag = $"\"sha256-{handed["sha256"].GetString()}\"";
        using var got = new MemoryStream(length);
        foreach (var (victim, after) in cuts)
        {
            schedule.Note($"{victim} gone {after} bytes behind {got.Length}");
            var (delivery, from, arrived) = await CutAsync(id, tag, got, victim, after);
            var receipt = await Eventually.GetAsync(
                () => Program.GetAsync($"/api/cities/changsha/grants/{id}/deliveries/{delivery}"), a => a.Status == 200 && a.Json.TryGetProperty("outcome", out _), TimeSpan.FromSeconds(60), a => a.Text);
            Assert.Equal(from == 0 ? null : $"bytes {from}-{length - 1}/{length}", receipt["file"].TryGetProperty("range", out var range) ? range.GetString() : null);
            if (victim == Victim.City)
            {
                // Nobody knows how much a process that is gone had sent, and nobody says so.
                Assert.Equal("failed", receipt["outcome"].GetString());
                Assert.False(receipt.Json.TryGetProperty("bytes", out _));
                continue;
            }

            Assert.Equal("aborted", receipt["outcome"].GetString());
            var sent = receipt["bytes"].GetInt32();
            Assert.InRange(sent, arrived, length - from - 1);
            Assert.Equal(Sha(content.AsSpan(from, sent)), receipt["sha256"].GetString());
        }

        var rest = (await FetchAsync(id, tag, (int)got.Length)).Succeeded("the rest");
        Assert.Equal(206, rest.Status);
        got.Write(rest.Bytes);
        Assert.Equal(Sha(content), Sha(got.ToArray()));
        await exchange.AtRestAsync();
    }

    /// <summary>Reads so many bytes of what comes, takes one part away and reads what still arrives; keeps some of that.</summary>
    private async Task<(string Delivery, int From, int Arrived)> CutAsync(string id, string tag, MemoryStream got, Victim victim, int after)
    {
        var from = (int)got.Length;
        using var request = new HttpRequestMessage(HttpMethod.Get, PathOf(id));
        request.Headers.Authorization = new("Bearer", await Program.TokenAsync());
        request.Headers.Add("Purpose", Program.Purpose);
        Resume(request, tag, from);
        var response = await exchange.Gateway.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(from == 0 ? 200 : 206, (int)response.StatusCode);
        var delivery = response.Headers.GetValues("Exchange-Delivery-Id").Single();
        var body = await response.Content.ReadAsStreamAsync();
        var piece = new byte[after];
        await body.ReadExactlyAsync(piece);
        got.Write(piece);
        if (victim == Victim.Client)
        {
            response.Dispose();
            return (delivery, from, after);
        }

        var arrived = after;
        piece = new byte[64 << 10];

        var process = victim == Victim.City ? "changsha" : Stack.Gateway;
        await exchange.KillNoticedAsync(process);
        try
        {
            for (int read; (read = await body.ReadAsync(piece)) > 0;)
            {
                arrived += read;
                if (arrived < after + Kept)
                {
                    got.Write(piece, 0, read);
                }
            }

            Assert.Fail("The file came to its end.");
        }
        catch (Exception fault) when (fault is IOException or HttpRequestException)
        {
            // What had arrived by then counts.
        }

        response.Dispose();
        await exchange.ReviveAsync(process);
        return (delivery, from, arrived);
    }

    private Participant Program => exchange.Who("zhuzhou", "integrator");

    private Task<Answer> FetchAsync(string id, string tag, int from) => Program.SendAsync(HttpMethod.Get, PathOf(id), null, request => Resume(request, tag, from), TestContext.Current.CancellationToken);

    private static string PathOf(string id) => $"/api/cities/changsha/grants/{id}/files/{Uri.EscapeDataString(Name)}";

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
    }
}
