using System.Globalization;
using Dapper;
using Exchange.Local.Accounts;
using Npgsql;

namespace Exchange.Benchmarks;

/// <summary>Three granted rows, delivered again and again: each call opened, ended and recorded, beside the same rows from bare Kestrel and Npgsql without a grant, a token or a record.</summary>
internal static class Deliveries
{
    private const string NotLogged = """
        select greatest(c.source_seq - m.taken_up, 0) + (select count(*) from service.outbox where kind = 'record' and source_seq is null) from service.audit_mark m, service.outbox_counters c
        """;

    public static async Task RunAsync(Work work)
    {
        var (grant, dataset) = await work.GrantAsync();
        var client = work.Who("integrator", "zhuzhou");
        string table;
        await using (var owner = new NpgsqlConnection(work.Stack.Databases.ConnectionString("changsha", "owner")))
            table = await owner.QuerySingleAsync<string>("select table_name from service.dataset_rows where dataset_id = @dataset", new { dataset });
        await using var bare = await Baseline.StartRowsAsync(work.Stack.Databases.ConnectionString("changsha", "reader"), $"select c1, c2 from data.{table}");
        foreach (var callers in (int[])[16, 32])
        {
            var token = await client.TokenAsync();
            var unrecorded = await Throughput.MeasureAsync(new Uri(bare.Address, "/"), token, callers);
            var recorded = await Throughput.MeasureAsync(new Uri(work.Stack.Address("changsha"), $"/grants/{grant}/data?format=csv"), token, callers);
            Throughput.Report($"recorded delivery of three rows at the city, {callers} callers", recorded, "the same rows unrecorded (bare Kestrel and Npgsql)", unrecorded);
            var proxied = await Throughput.MeasureAsync(new Uri(work.Stack.PublicAddress, $"/api/cities/changsha/grants/{grant}/data?format=csv"), token, callers);
            Throughput.Report($"recorded delivery of three rows through the gateway, {callers} callers", proxied, "the same rows unrecorded (bare Kestrel and Npgsql)", unrecorded);
        }

        await using var connection = new NpgsqlConnection(work.Stack.Databases.ConnectionString("changsha", "owner"));
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var behind = await connection.ExecuteScalarAsync<long>(NotLogged);
        while (await connection.ExecuteScalarAsync<long>(NotLogged) > 0)
            await Task.Delay(50);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  the log lagged by {behind} records at the end and had them all {clock.Elapsed.TotalSeconds:0.0} s later (limit Service__AuditLimit, 4 h)"));
        var (opened, ended) = await connection.QuerySingleAsync<(long, long)>("select count(*), count(*) filter (where outcome = 'complete') from service.deliveries");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {opened} deliveries opened, {ended} ended as complete"));
    }
}
