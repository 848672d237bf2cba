using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using Dapper;
using Exchange.Catalogue.Grants;
using Exchange.Local;
using Npgsql;

namespace Exchange.Benchmarks;

/// <summary>A large export under a grant, plain and treated, beside what PostgreSQL gives at most (COPY as CSV, read with Npgsql) and beside bare Kestrel and Npgsql with the same rows, in the same run.</summary>
internal static class Rows
{
    private const int Count = 1_000_000;
    private const int Rounds = 3;

    private static readonly string[] Fields = ["person", "id_no", "phone", "address", "born", "code"];

    public static async Task RunAsync(Work work)
    {
        var (plain, table) = await GrantAsync(work, null);
        var (masked, _) = await GrantAsync(work, new Dictionary<string, string>
        {
            ["person"] = "masked:name",
            ["id_no"] = "masked:id_number",
            ["phone"] = "masked:phone",
            ["address"] = "masked:address",
            ["born"] = "generalised:month",
        });
        var connection = work.Stack.Databases.ConnectionString("changsha", "reader");
        var select = $"select c1, c2, c3, c4, c5::text, c6 from data.{table}";
        await using var bare = await Baseline.StartRowsAsync(connection, select);
        var token = await work.Who("integrator", "zhuzhou").TokenAsync();
        using var http = new HttpClient { Timeout = TimeSpan.FromMinutes(5) };
        var gateway = work.Stack.PublicAddress;

        // Each in turn, several times over, so that what else the machine does meets all of them; the best of each counts.
        Dictionary<string, Transfer> best = new(StringComparer.Ordinal);
        Dictionary<string, Func<Task<Transfer>>> ways = new(StringComparer.Ordinal)
        {
            ["COPY"] = () => CopyAsync(connection, select),
            ["Kestrel"] = () => DownloadAsync(http, new Uri(bare.Address, "/"), token),
            ["plain"] = () => DownloadAsync(http, new Uri(gateway, $"/api/cities/changsha/grants/{plain}/data?format=csv"), token),
            ["plain, at the city"] = () => DownloadAsync(http, new Uri(work.Stack.Address("changsha"), $"/grants/{plain}/data?format=csv"), token),
            ["plain, NDJSON"] = () => DownloadAsync(http, new Uri(gateway, $"/api/cities/changsha/grants/{plain}/data?format=ndjson"), token),
            ["masked"] = () => DownloadAsync(http, new Uri(gateway, $"/api/cities/changsha/grants/{masked}/data?format=csv"), token),
        };
        var peaks = await Memory.PeakAsync(work.Stack, [Stack.Gateway, "changsha"], async () =>
        {
            for (var round = 0; round < Rounds; round++)
            {
                foreach (var (way, measure) in ways)
                {
                    var took = await measure();
                    best[way] = best.TryGetValue(way, out var before) && before.Seconds < took.Seconds ? before : took;
                }
            }
        });
        foreach (var (way, took) in best)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"rows, {way}: {Count / took.Seconds / 1000:0} thousand rows/s, {took.Size / took.Seconds / (1 << 20):0} {(way == "COPY" ? "million characters" : "MiB")}/s; of COPY {best["COPY"].Seconds / took.Seconds:0.00}, of bare Kestrel {best["Kestrel"].Seconds / took.Seconds:0.00}"));
        Console.WriteLine($"  {Count} rows, best of {Rounds}; targets through the gateway: plain 0.60, masked 0.40 of COPY; memory at most {peaks[0]} MiB (gateway), {peaks[1]} MiB (city)");
    }

    private static async Task<(string Grant, string Table)> GrantAsync(Work work, Dictionary<string, string>? treatments)
    {
        var (id, etag) = await work.PrepareAsync($"导出测量{Guid.NewGuid():N}（示例）", personal: true, fields:
        [
            new { Name = "person", Title = "姓名", Type = "C", Length = 60, Personal = true },
            new { Name = "id_no", Title = "证件号码", Type = "C", Length = 18, Personal = true },
            new { Name = "phone", Title = "联系电话", Type = "C", Length = 20, Personal = true },
            new { Name = "address", Title = "住址", Type = "C", Length = 200, Personal = true },
            new { Name = "born", Title = "出生日期", Type = "D", Personal = true },
            new { Name = "code", Title = "代码", Type = "I" },
        ]);
        var published = await work.PublishAsync(id, etag);
        using var csv = new StringContent(string.Join(',', Fields) + "\r\n示例甲,430102199001011234,13800000000,湖南省长沙市示例路1号,1990-01-01,1\r\n", Encoding.UTF8, "text/csv");
        (await work.Who("officer").PutAsync($"/api/cities/changsha/datasets/{id}/rows", csv, published.ETag)).Succeeded("load rows");
        var grant = await work.GrantAsync(id, Fields, new { Decision = "approve", Treatments = treatments });
        // Behind the service: what is measured is how rows leave, not how they come.
        await using var owner = new NpgsqlConnection(work.Stack.Databases.AdminConnectionString("changsha"));
        var table = await owner.QuerySingleAsync<string>("select table_name from service.dataset_rows where dataset_id = @id::uuid", new { id });
        await owner.ExecuteAsync($"""
            truncate data.{table};
            insert into data.{table} (c1, c2, c3, c4, c5, c6)
            select substr('张李王刘陈杨赵黄周吴', 1 + n % 10, 1) || substr('小示大文明丽', 1 + n / 10 % 6, 1) || substr('例三华强', 1 + n / 60 % 4, 1), '43010219900101' || lpad((n % 10000)::text, 4, '0'), '138' || lpad((n % 100000000)::text, 8, '0'), '湖南省长沙市岳麓区示例路' || n % 500 || '号', date '1950-01-01' + (n % 20000)::int, n
            from generate_series(1, @Count) n;
            analyze data.{table}
            """, new { Count }, commandTimeout: 600);
        return (grant, table);
    }

    private static async Task<Transfer> CopyAsync(string connectionString, string select)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        var clock = Stopwatch.StartNew();
        using var copy = await connection.BeginTextExportAsync($"copy ({select}) to stdout (format csv)");
        var buffer = new char[1 << 16];
        var characters = 0L;
        while (await copy.ReadAsync(buffer) is > 0 and var read)
            characters += read;
        return new Transfer(characters, clock.Elapsed.TotalSeconds);
    }

    internal static async Task<Transfer> DownloadAsync(HttpClient http, Uri address, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        request.Headers.Add(PurposeCode.Header, Work.Purpose);
        var clock = Stopwatch.StartNew();
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        response.EnsureSuccessStatusCode();
        await using var body = await response.Content.ReadAsStreamAsync();
        return new Transfer(await DrainAsync(body), clock.Elapsed.TotalSeconds);
    }

    private static async Task<long> DrainAsync(Stream stream)
    {
        var buffer = new byte[1 << 16];
        var bytes = 0L;
        while (await stream.ReadAsync(buffer) is > 0 and var read)
            bytes += read;
        return bytes;
    }

    internal sealed record Transfer(long Size, double Seconds);
}
