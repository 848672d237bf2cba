using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using Exchange.Catalogue.Grants;
using Exchange.Local;

namespace Exchange.Benchmarks;

/// <summary>Requests per second of the gateway's search and of a read that it proxies, beside bare Kestrel giving the same bytes in the same run.</summary>
internal static class Throughput
{
    private const int Clients = 32;
    private static readonly TimeSpan Warmup = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Measured = TimeSpan.FromSeconds(5);

    public static async Task RunAsync(Work work)
    {
        var officer = work.Who("officer");
        var token = await officer.TokenAsync();
        const string search = "/api/catalogue/datasets?q=%E6%97%B6%E6%95%88&limit=20";
        var found = (await officer.GetAsync(search)).Succeeded("search");
        var id = found["items"][0].GetProperty("dataset_id").GetString();
        var read = (await officer.GetAsync($"/api/cities/changsha/datasets/{id}")).Succeeded("read");
        Console.WriteLine($"Throughput with {Clients} clients, {Measured.TotalSeconds:0} s each after {Warmup.TotalSeconds:0} s; client, servers and database share this machine's {Environment.ProcessorCount} cores.");

        await using (var kestrel = await Baseline.StartAsync(found.Bytes))
        {
            var bare = await MeasureAsync(new Uri(kestrel.Address, "/"), token);
            Report("search, 20 of 1,000 with facets", await MeasureAsync(new Uri(work.Stack.PublicAddress, search), token), "bare Kestrel, same bytes", bare);
        }

        await using (var kestrel = await Baseline.StartAsync(read.Bytes))
        {
            var bare = await MeasureAsync(new Uri(kestrel.Address, "/"), token);
            var direct = await MeasureAsync(new Uri(work.Stack.Address("changsha"), $"/datasets/{id}"), token);
            var proxied = await MeasureAsync(new Uri(work.Stack.PublicAddress, $"/api/cities/changsha/datasets/{id}"), token);
            Report("read of one entry through the gateway", proxied, "bare Kestrel, same bytes", bare);
            Report("the same read", proxied, "the city's own Kestrel", direct);
        }
    }

    internal static void Report(string what, Result measured, string baseline, Result bare) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{what}: {measured.PerSecond:0} requests/s, p50 {measured.P50:0.0} ms, p99 {measured.P99:0.0} ms (n={measured.Count}); {baseline}: {bare.PerSecond:0}/s, p99 {bare.P99:0.0} ms; ratio {measured.PerSecond / bare.PerSecond:0.00}"));

    internal static async Task<Result> MeasureAsync(Uri address, string token, int clients = Clients)
    {
        using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = clients });
        await LoadAsync(http, address, token, clients, Warmup);
        return await LoadAsync(http, address, token, clients, Measured);
    }

    private static async Task<Result> LoadAsync(HttpClient http, Uri address, string token, int clients, TimeSpan duration)
    {
        var clock = Stopwatch.StartNew();
        var each = await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(async () =>
        {
            var latencies = new List<double>(10_000);
            while (clock.Elapsed < duration)
            {
                var start = Stopwatch.GetTimestamp();
                using var request = new HttpRequestMessage(HttpMethod.Get, address);
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
                request.Headers.Add(PurposeCode.Header, Work.Purpose);
                using var response = await http.SendAsync(request);
                await response.Content.CopyToAsync(Stream.Null);
                response.EnsureSuccessStatusCode();
                latencies.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }

            return latencies;
        })));
        var seconds = clock.Elapsed.TotalSeconds;
        var all = each.SelectMany(l => l).Order().ToList();
        return new Result(all.Count, all.Count / seconds, all[all.Count / 2], all[(int)(all.Count * 0.99)]);
    }

    internal sealed record Result(int Count, double PerSecond, double P50, double P99);
}
