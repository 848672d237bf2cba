using System.Globalization;
using System.Net.Http.Headers;
using Exchange.Local;

namespace Exchange.Benchmarks;

/// <summary>A file of 2 GiB under a grant through the gateway, beside nginx in the gateway's place and the city itself in the same run, and what memory that takes.</summary>
internal static class LargeFile
{
    private const long Length = 2L << 30;
    private const int Rounds = 3;
    private const string Name = "large.pdf";

    public static async Task RunAsync(Work work)
    {
        var (id, etag) = await work.PrepareAsync($"文件测量{Guid.NewGuid():N}（示例）", personal: true, format: "document/pdf");
        var published = await work.PublishAsync(id, etag);
        var grant = work.GrantAsync(id, ["person", "code"], new { Decision = "approve" });
        using (var http = new HttpClient { Timeout = TimeSpan.FromMinutes(10) })
        {
            using var request = new HttpRequestMessage(HttpMethod.Put, new Uri(work.Stack.PublicAddress, $"/api/cities/changsha/datasets/{id}/files/{Name}")) { Content = new StreamContent(new Filler(Length)) };
            request.Content.Headers.ContentLength = Length;
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await work.Who("officer").TokenAsync());
            request.Headers.Add("Idempotency-Key", Guid.NewGuid().ToString());
            request.Headers.TryAddWithoutValidation("If-Match", published.ETag);
            using var handed = await http.SendAsync(request);
            if (!handed.IsSuccessStatusCode)
                throw new LocalFault(await handed.Content.ReadAsStringAsync());
        }

        var path = $"/grants/{await grant}/files/{Name}";
        var token = await work.Who("integrator", "zhuzhou").TokenAsync();
        using var client = new HttpClient { Timeout = TimeSpan.FromMinutes(10) };
        await using var nginx = await Nginx.StartAsync(work.Stack.Address("changsha"));
        List<(string Name, Uri Address)> ways =
        [
            ("the gateway", new Uri(work.Stack.PublicAddress, $"/api/cities/changsha{path}")),
            ("the city itself", new Uri(work.Stack.Address("changsha"), path)),
        ];
        if (nginx is not null)
            ways.Add(("nginx", new Uri(nginx.Address, path)));
        var best = ways.ToDictionary(w => w.Name, _ => double.MaxValue, StringComparer.Ordinal);
        var peaks = await Memory.PeakAsync(work.Stack, [Stack.Gateway, "changsha"], async () =>
        {
            for (var round = 0; round < Rounds; round++)
            {
                foreach (var (name, address) in ways)
                    best[name] = Math.Min(best[name], (await Rows.DownloadAsync(client, address, token)).Seconds);
            }
        });
        foreach (var (name, seconds) in best)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"file of 2 GiB through {name}: {Length / seconds / (1 << 20):0} MiB/s; the gateway beside it {seconds / best["the gateway"]:0.00}"));
        Console.WriteLine($"  best of {Rounds}; memory at most {peaks[0]} MiB (gateway), {peaks[1]} MiB (city); target 200 MiB each");
    }

    /// <summary>Bytes that look like a PDF at their beginning, made as they are read.</summary>
    private sealed class Filler(long length) : Stream
    {
        private static readonly byte[] Piece = [.. Enumerable.Range(0, 1 << 16).Select(i => (byte)(i * 31))];
        private long position;

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => length;
        public override long Position { get => position; set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            var count = (int)Math.Min(Math.Min(buffer.Length, Piece.Length), length - position);
            Piece.AsSpan(0, count).CopyTo(buffer);
            if (position == 0 && count > 0)
                "%PDF-1.7\n"u8.CopyTo(buffer);
            position += count;
            return count;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
