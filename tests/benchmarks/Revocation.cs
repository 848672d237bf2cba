using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using Dapper;
using Exchange.Catalogue.Grants;
using Npgsql;

namespace Exchange.Benchmarks;

/// <summary>
/// From the commit of a suspension to the last byte that the receiver gets of a transfer that is running: a thousand races, each begun at another moment of the transfer, read as fast as the receiver can.
/// </summary>
internal static class Revocation
{
    private const int Grants = 10;
    private const int Races = 1000;

    public static async Task RunAsync(Work work)
    {
        List<string> grants = [];
        for (var i = 0; i < Grants; i++)
        {
            var (grant, dataset) = await work.GrantAsync();
            grants.Add(grant);
            // Behind the service: what is measured is how rows leave, not how they come.
        await using var owner = new NpgsqlConnection(work.Stack.Databases.AdminConnectionString("changsha"));
            var table = await owner.QuerySingleAsync<string>("select table_name from service.dataset_rows where dataset_id = @dataset", new { dataset });
            await owner.ExecuteAsync($"truncate data.{table}; insert into data.{table} (c1, c2) select repeat('示', 60), n from generate_series(1, 600000) n", commandTimeout: 600);
        }

        List<double> all = [];
        var (late, whole) = (0, 0);
        await Parallel.ForAsync(0, Grants, new ParallelOptions { MaxDegreeOfParallelism = Grants }, async (place, cancel) =>
        {
            var random = new Random(place);
            await using var city = new NpgsqlConnection(work.Stack.Databases.ConnectionString("changsha", "app"));
            await city.OpenAsync(cancel);
            using var http = new HttpClient { Timeout = TimeSpan.FromMinutes(2) };
            for (var race = 0; race < Races / Grants; race++)
            {
                var took = await RaceAsync(work, http, city, grants[place], TimeSpan.FromMilliseconds(random.Next(400)));
                lock (all)
                {
                    if (took is { } milliseconds)
                        all.Add(milliseconds);
                    else
                        whole++;
                    late += took > 1000 ? 1 : 0;
                }
            }
        });
        all.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"revocation, commit of the suspension → last byte, {all.Count} races, {Grants} at a time: p50 {Work.Milliseconds(all, 0.5)} ms, p99 {Work.Milliseconds(all, 0.99)} ms, max {Work.Milliseconds(all, 1)} ms (target p99 1,000 ms); {late} later than a second, {whole} had arrived whole before"));
        await using var owning = new NpgsqlConnection(work.Stack.Databases.ConnectionString("changsha", "owner"));
        Console.WriteLine($"  records of ends that say why: {await owning.ExecuteScalarAsync<long>("select count(*) from service.outbox where type = 'delivery.ended' and content::text like '%\"cut\":\"grant-suspended\"%'")}");
    }

    /// <summary>Milliseconds from the commit to the last byte; null when the whole had arrived before.</summary>
    private static async Task<double?> RaceAsync(Work work, HttpClient http, NpgsqlConnection city, string grant, TimeSpan after)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(work.Stack.PublicAddress, $"/api/cities/changsha/grants/{grant}/data?format=csv"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await work.Who("integrator", "zhuzhou").TokenAsync());
        request.Headers.Add(PurposeCode.Header, Work.Purpose);
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        response.EnsureSuccessStatusCode();
        await using var body = await response.Content.ReadAsStreamAsync();
        var last = 0L;
        var reading = Task.Run(async () =>
        {
            var buffer = new byte[1 << 16];
            try
            {
                while (await body.ReadAsync(buffer) > 0)
                    Volatile.Write(ref last, Stopwatch.GetTimestamp());
                return true;
            }
            catch (Exception fault) when (fault is IOException or HttpRequestException)
            {
                return false;
            }
        });
        await Task.Delay(after);
        await city.ExecuteAsync("update grants set state = 'suspended' where exchange_id = @grant::uuid", new { grant });
        var committed = Stopwatch.GetTimestamp();
        var whole = await reading;
        await city.ExecuteAsync("update grants set state = 'active' where exchange_id = @grant::uuid", new { grant });
        return whole && last <= committed ? null : Math.Max(0, Stopwatch.GetElapsedTime(committed, last).TotalMilliseconds);
    }
}
