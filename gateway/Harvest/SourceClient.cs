using System.Net;
using System.Net.Http.Headers;
using System.Text.Unicode;
using Exchange.Hosting;
using Exchange.Hosting.Webhooks;

namespace Exchange.Gateway.Harvest;

/// <summary>By which the source recognises what we have: sent back word for word.</summary>
internal sealed record PageMark(string Address, string? ETag, string? LastModified);

/// <param name="Address">Where it came from in the end, redirects followed.</param>
internal sealed record SourcePage(Uri Address, string? MediaType, byte[] Body, PageMark? Mark);

/// <summary>
/// Calls a source, one call at a time. Everything a hostile source could make endless has an end here: connections only to allowed addresses, few redirects and each hop checked,
/// bytes counted after decompression, time per call. A source that is overloaded is called again twice, when it says so.
/// </summary>
internal sealed class SourceClient : IDisposable
{
    private const int MostAttempts = 3;

    /// <summary>A source that wants to be left alone for longer is: the run ends.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    private readonly Source source;
    private readonly HttpClient client;
    private readonly Func<CancellationToken, Task> beforeCall;

    /// <param name="source">Whose limits hold.</param>
    /// <param name="publicAddress">Who we are, for the source's log.</param>
    /// <param name="beforeCall">Runs before each call: the run makes sure there that it still leads.</param>
    public SourceClient(Source source, string publicAddress, Func<CancellationToken, Task> beforeCall)
    {
        this.source = source;
        this.beforeCall = beforeCall;
        var handler = WebhookAddress.Handler(source.Allows);
        handler.AutomaticDecompression = DecompressionMethods.All;
        handler.MaxConnectionsPerServer = 1;
        client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.UserAgent.ParseAdd($"exchange-harvest/1.0 (+{publicAddress})");
    }

    public int Calls { get; private set; }

    public long Bytes { get; private set; }

    /// <summary>One mark per page that has one, in the order of reading; a page without a mark leaves a null.</summary>
    public List<PageMark?> Marks { get; } = [];

    public void Dispose() => client.Dispose();

    /// <summary>The page; its text is UTF-8.</summary>
    public async Task<SourcePage> GetAsync(Uri address, string accept, CancellationToken cancel)
    {
        var page = (await CallAsync(address, accept, null, cancel))!;
        Marks.Add(page.Mark);
        return page;
    }

    /// <summary>True when the source says that it still has what the mark names.</summary>
    public async Task<bool> IsUnchangedAsync(PageMark mark, string accept, CancellationToken cancel) => await CallAsync(new Uri(mark.Address), accept, mark, cancel) is null;

    private async Task<SourcePage?> CallAsync(Uri address, string accept, PageMark? mark, CancellationToken cancel)
    {
        for (var attempt = 1; ; attempt++)
        {
            if (Calls > 0)
            {
                await Task.Delay(source.Pause, cancel);
            }

            await beforeCall(cancel);
            Calls++;
            using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            limited.CancelAfter(source.Limits.Request);
            TimeSpan? wait;
            try
            {
                using var response = await FollowAsync(address, accept, mark, limited.Token);
                if (response.StatusCode == HttpStatusCode.NotModified && mark is not null)
                {
                    return null;
                }

                if (response.IsSuccessStatusCode)
                {
                    return await ReadAsync(address, response, limited.Token);
                }

                var status = (int)response.StatusCode;
                wait = RetryAfter(response);
                if (status is not (429 or 502 or 503 or 504) || attempt == MostAttempts || wait > LongestWait)
                {
                    throw new RunRefusedException($"status-{status}", new($"来源答复 HTTP {status}。", $"The source answers HTTP {status}."), wait);
                }
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                throw new RunRefusedException("too-slow", new($"来源未在 {source.Limits.Request} 内答完。", $"The source did not finish its answer within {source.Limits.Request}."));
            }
            catch (Exception fault) when (fault is HttpRequestException or IOException or InvalidDataException or InvalidOperationException)
            {
                if (attempt == MostAttempts || fault.ToString().Contains("no address that may be sent to", StringComparison.Ordinal))
                {
                    throw new RunRefusedException("not-reached", new($"无法读取来源：{fault.Message}", $"The source cannot be read: {fault.Message}"));
                }

                wait = null;
            }

            await Task.Delay(wait ?? (source.Pause * (1 << attempt)), cancel);
        }
    }

    private async Task<HttpResponseMessage> FollowAsync(Uri address, string accept, PageMark? mark, CancellationToken cancel)
    {
        for (var hop = 0; ; hop++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            request.Headers.TryAddWithoutValidation("Accept", accept);
            if (mark?.ETag is { } tag)
            {
                request.Headers.TryAddWithoutValidation("If-None-Match", tag);
            }

            if (mark?.LastModified is { } date)
            {
                request.Headers.TryAddWithoutValidation("If-Modified-Since", date);
            }

            var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
            if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308))
            {
                return response;
            }

            using (response)
            {
                var next = response.Headers.Location is { } location && Uri.TryCreate(address, location, out var target) ? target : null;
                if (next is null || !SourceAddress.IsWebAddress(next) || (address.Scheme == Uri.UriSchemeHttps && next.Scheme != Uri.UriSchemeHttps) || hop == source.Limits.Redirects)
                {
                    throw new RunRefusedException("redirect", new("来源的重定向过多，或指向不可访问的地址。", "The source redirects too often, or to where may not be gone."));
                }

                address = next;
            }
        }
    }

    private async Task<SourcePage> ReadAsync(Uri asked, HttpResponseMessage response, CancellationToken cancel)
    {
        var limit = Math.Min(source.Limits.PageBytes, source.Limits.TotalBytes - Bytes);
        using var body = new MemoryStream();
        await using (var content = await response.Content.ReadAsStreamAsync(cancel))
        {
            var buffer = new byte[64 << 10];
            for (int read; (read = await content.ReadAsync(buffer, cancel)) > 0;)
            {
                if (body.Length + read > limit)
                {
                    throw new RunRefusedException("too-large", new("来源的答复超过大小上限。", "The source's answer is larger than the limit."));
                }

                body.Write(buffer, 0, read);
            }
        }

        Bytes += body.Length;
        var bytes = body.ToArray();
        if (bytes.AsSpan().StartsWith("\uFEFF"u8))
        {
            bytes = bytes[3..];
        }

        if (!Utf8.IsValid(bytes))
        {
            throw new RunRefusedException("not-utf8", new("来源的答复不是 UTF-8。", "The source's answer is not UTF-8."));
        }

        var tag = response.Headers.TryGetValues("ETag", out var tags) ? tags.First() : null;
        var date = response.Content.Headers.TryGetValues("Last-Modified", out var dates) ? dates.First() : null;
        var mark = tag is { Length: <= 500 } or null && date is { Length: <= 100 } or null && (tag ?? date) is not null ? new PageMark(asked.AbsoluteUri, tag, date) : null;
        return new SourcePage(response.RequestMessage!.RequestUri!, response.Content.Headers.ContentType?.MediaType, bytes, mark);
    }

    private static TimeSpan? RetryAfter(HttpResponseMessage response) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - DateTimeOffset.UtcNow is { Ticks: > 0 } left ? left : TimeSpan.Zero,
        _ => null,
    };
}
