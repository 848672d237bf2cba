using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace Exchange.Benchmarks;

/// <summary>
/// The portal's search and entry pages over the whole catalogue, as somebody sees them who has signed in: time to the first byte, one page at a time, and what goes over the wire;
/// beside a bare Kestrel that gives the same bytes.
/// </summary>
internal static partial class PageTimes
{
    private const int Warm = 60;
    private const int Measured = 300;

    public static async Task RunAsync(Uri gateway, int entries)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });
        var session = await SignInAsync(http, gateway);
        var random = new Random(11);
        await MeasureAsync("search page", () => $"/search?{GeneratedQueries.Of(GeneratedQueries.Kinds[random.Next(GeneratedQueries.Kinds.Count)], random)}");
        await MeasureAsync("entry page", () => $"/datasets/{GeneratedEntries.Of(random.Next(entries)).DatasetId}");

        async Task MeasureAsync(string name, Func<string> path)
        {
            List<double> first = [];
            List<long> sizes = [];
            byte[] page = [];
            for (var i = 0; i < Warm + Measured; i++)
            {
                using var request = Page(new Uri(gateway, path()), session);
                var since = Stopwatch.GetTimestamp();
                using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
                await using var body = await answer.EnsureSuccessStatusCode().Content.ReadAsStreamAsync();
                var start = new byte[1];
                await body.ReadExactlyAsync(start);
                var elapsed = Stopwatch.GetElapsedTime(since).TotalMilliseconds;
                using var rest = new MemoryStream();
                await body.CopyToAsync(rest);
                page = [.. start, .. rest.ToArray()];
                if (i >= Warm)
                {
                    first.Add(elapsed);
                    sizes.Add(page.Length);
                }
            }

            var assets = await AssetsAsync(http, gateway, System.Text.Encoding.UTF8.GetString(page));
            await using var bare = await Baseline.StartAsync(page);
            List<double> least = [];
            for (var i = 0; i < Warm + Measured; i++)
            {
                using var request = Page(bare.Address, session);
                var since = Stopwatch.GetTimestamp();
                using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
                await using var body = await answer.Content.ReadAsStreamAsync();
                await body.ReadExactlyAsync(new byte[1]);
                if (i >= Warm)
                    least.Add(Stopwatch.GetElapsedTime(since).TotalMilliseconds);
            }

            first.Sort();
            least.Sort();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"  {name}: first byte p50 {Work.Milliseconds(first, 0.50)} ms, p95 {Work.Milliseconds(first, 0.95)} ms (target 50), p99 {Work.Milliseconds(first, 0.99)} ms; bare Kestrel with the same bytes p95 {Work.Milliseconds(least, 0.95)} ms; page of {sizes.Average() / 1024:0} KiB, at most {sizes.Max() / 1024.0:0} KiB, and {assets / 1024.0:0} KiB of style, script and picture once (target 100 KiB together)"));
        }
    }

    private static HttpRequestMessage Page(Uri address, string session)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, address);
        request.Headers.Accept.ParseAdd("text/html");
        request.Headers.Add("Cookie", session);
        return request;
    }

    private static async Task<long> AssetsAsync(HttpClient http, Uri gateway, string html)
    {
        var size = 0L;
        foreach (var asset in Asset().Matches(html).Select(match => match.Value).Distinct())
            size += (await http.GetByteArrayAsync(new Uri(gateway, asset))).Length;
        return size;
    }

    /// <summary>Through the sign-in page, with a sample account.</summary>
    private static async Task<string> SignInAsync(HttpClient http, Uri gateway)
    {
        using var page = Page(new Uri(gateway, "/sign-in"), "none=1");
        using var shown = await http.SendAsync(page);
        var token = Token().Match(await shown.Content.ReadAsStringAsync()).Groups["token"].Value;
        using var form = new HttpRequestMessage(HttpMethod.Post, new Uri(gateway, "/sign-in"))
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string>(StringComparer.Ordinal) { ["_token"] = WebUtility.HtmlDecode(token), ["sample"] = "zhuzhou-labour-officer" }),
        };
        form.Headers.Add("Cookie", shown.Headers.GetValues("Set-Cookie").Single().Split(';')[0]);
        using var signedIn = await http.SendAsync(form);
        return signedIn.Headers.GetValues("Set-Cookie").Single(cookie => cookie.StartsWith("__Host-session=", StringComparison.Ordinal)).Split(';')[0];
    }

    [GeneratedRegex("name=\"_token\" value=\"(?<token>[^\"]+)\"")]
    private static partial Regex Token();

    [GeneratedRegex("/assets/[0-9a-f]+/[a-z.]+")]
    private static partial Regex Asset();
}
