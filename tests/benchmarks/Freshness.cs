using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace Exchange.Benchmarks;

/// <summary>How long after its publication an entry is found in the gateway's search: 1,000 publications while 50 other searches a second run.</summary>
internal static class Freshness
{
    private const int Publications = 1000;
    private const int Publishers = 4;
    private const int SearchesPerSecond = 50;

    public static async Task RunAsync(Work work)
    {
        Console.WriteLine($"Preparing {Publications} entries up to their publication …");
        var waiting = new ConcurrentBag<(string Id, string Etag, string Name)>();
        await Parallel.ForEachAsync(Enumerable.Range(0, Publications), new ParallelOptions { MaxDegreeOfParallelism = Publishers }, async (i, _) =>
        {
            var name = $"时效测量{i:0000}{(char)(0x4E00 + i)}{(char)(0x5E00 + i)}（示例）";
            var (id, etag) = await work.PrepareAsync(name);
            waiting.Add((id, etag, name));
        });

        using var done = new CancellationTokenSource();
        var searches = SearchAsync(work, done.Token);
        var seen = new ConcurrentBag<double>();
        var authority = work.Who("authority");
        var clock = Stopwatch.StartNew();
        await Parallel.ForEachAsync(waiting, new ParallelOptions { MaxDegreeOfParallelism = Publishers }, async (entry, cancel) =>
        {
            (await authority.PostAsync($"/api/cities/changsha/datasets/{entry.Id}/publish", etag: entry.Etag, ct: cancel)).Succeeded("publish");
            var published = Stopwatch.GetTimestamp();
            while ((await authority.GetAsync($"/api/catalogue/datasets?q={Uri.EscapeDataString(entry.Name)}&limit=1", cancel))["total"].GetInt32() == 0)
                await Task.Delay(5, cancel);
            seen.Add(Stopwatch.GetElapsedTime(published).TotalMilliseconds);
        });
        var seconds = clock.Elapsed.TotalSeconds;
        await done.CancelAsync();
        var (count, latencies) = await searches;
        var fresh = seen.Order().ToList();
        latencies.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"freshness: n={fresh.Count} publications at {Publications / seconds:0}/s beside {count / seconds:0} searches/s: published → found p50 {Work.Milliseconds(fresh, 0.50)} ms, p99 {Work.Milliseconds(fresh, 0.99)} ms, max {Work.Milliseconds(fresh, 1)} ms (target p99 2000 ms); those searches p99 {Work.Milliseconds(latencies, 0.99)} ms"));
    }

    private static async Task<(int Count, List<double> Latencies)> SearchAsync(Work work, CancellationToken cancel)
    {
        string[] queries = ["时效", "示例", "代码", "测量 示例", "人力资源", "社会保障局", "不存在的词", ""];
        var officer = work.Who("officer");
        var latencies = new ConcurrentBag<double>();
        var running = new List<Task>();
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / SearchesPerSecond));
        for (var i = 0; !cancel.IsCancellationRequested; i++)
        {
            running.Add(OneAsync(queries[i % queries.Length]));
            try
            {
                await timer.WaitForNextTickAsync(cancel);
            }
            catch (OperationCanceledException)
            {
                break;
            }
        }

        await Task.WhenAll(running);
        return (latencies.Count, [.. latencies]);

        async Task OneAsync(string query)
        {
            var start = Stopwatch.GetTimestamp();
            (await officer.GetAsync($"/api/catalogue/datasets?q={Uri.EscapeDataString(query)}", CancellationToken.None)).Succeeded("search");
            latencies.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
    }
}
