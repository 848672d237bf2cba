using System.Text;
using Dapper;
using Exchange.Local.Accounts;
using Exchange.Tests.Flow;

namespace Exchange.Tests.Faults;

/// <summary>Whoever dies in the middle of a pull: the copy is as it was or as it should be, nothing is applied twice, and it ends equal to its source.</summary>
[Collection(FaultyExchange.Name)]
[Trait("needs", "server")]
[Trait("length", "long")]
public sealed class StandingFaultTests(FaultFixture exchange)
{
    private const int ManyRows = 300_000;

    /// <summary>Rows of one call, as the exchange is set up.</summary>
    internal const int Part = 140_000;

    [Fact]
    public Task Two_receivers_pull_once_and_one_that_is_killed_while_it_applies_leaves_it_to_the_other() => exchange.RunAsync(async schedule =>
    {
        var (id, dataset) = await StandingAsync();
        await exchange.Stack.StartAsync("zhuzhou-2");
        try
        {
            var copy = (await PulledAsync(id, 3, 0))["table"].GetProperty("name").GetString()!;
            await LoadAsync(dataset, "示例甲,13,\n示例丁,1,\n");
            await RunAsync(id);
            await PulledAsync(id, 2, 2);
            await using var owner = await exchange.AdminAsync("changsha");
            Assert.Equal(2, await DeliveriesAsync());

            // The one who leads is killed while its changes wait for somebody who reads the copy.
            await LoadAsync(dataset, "示例甲,14,\n示例戊,1,\n");
            await using var zhuzhou = new Npgsql.NpgsqlConnection(exchange.Stack.Databases.AdminConnectionString("zhuzhou"));
            await zhuzhou.OpenAsync();
            await using var loader = new Npgsql.NpgsqlConnection(exchange.Stack.Databases.ConnectionString("zhuzhou", "loader"));
            await loader.OpenAsync();
            await using (var held = await loader.BeginTransactionAsync())
            {
                await loader.ExecuteAsync($"lock table {copy} in share mode");
                await RunAsync(id);
                var port = await Eventually.GetAsync(
                    () => zhuzhou.QuerySingleOrDefaultAsync<int?>("select client_port from pg_stat_activity where datname = 'zhuzhou' and usename = 'zhuzhou_loader' and wait_event_type = 'Lock'"), p => p is not null);
                var leader = Leader(port!.Value);
                schedule.Note($"{leader} killed while it applies");
                await exchange.Stack.KillAsync(leader);
                await zhuzhou.ExecuteAsync("update service.leases set expires_at = clock_timestamp() where name = 'standing'");
                Assert.Equal(["示例丁 1", "示例甲 13"], await CopyAsync(copy));
            }

            await PulledAsync(id, 2, 1);
            Assert.Equal(["示例戊 1", "示例甲 14"], await CopyAsync(copy));
            // One delivery that was applied by nobody, and one that was.
            Assert.Equal(4, await DeliveriesAsync());
            Assert.Empty(await loader.QueryAsync<string>("select tablename from pg_tables where schemaname = 'data' and tablename like 'incoming%'"));

            Task<long> DeliveriesAsync() => owner.ExecuteScalarAsync<long>("select count(*) from service.deliveries where exchange_id = @id::uuid", new { id });
        }
        finally
        {
            if (!exchange.Stack.IsRunning("zhuzhou"))
            {
                await exchange.ReviveAsync("zhuzhou");
            }

            await exchange.Stack.StopAsync("zhuzhou-2");
        }

        await exchange.AtRestAsync();
    });

    [Fact]
    public Task A_provider_killed_while_it_sends_is_asked_again_until_the_copy_is_whole() => exchange.RunAsync(async schedule =>
    {
        // Each part is more than all buffers between the two can hold.
        var table = "";
        await using var admin = new Npgsql.NpgsqlConnection(exchange.Stack.Databases.AdminConnectionString("changsha"));
        await admin.OpenAsync();
        var (id, _) = await StandingAsync(async dataset =>
        {
            table = await admin.ExecuteScalarAsync<string>("select table_name from service.dataset_rows where dataset_id = @dataset", new { dataset });
            await admin.ExecuteAsync($"insert into data.{table} (c1, c2) select lpad(i::text, 8, '0') || repeat('示', 40), i % 7 from generate_series(1, {ManyRows}) i");
        });
        // In the middle of the second part.
        await Eventually.TrueAsync(() => admin.ExecuteScalarAsync<bool>("select count(*) = 2 and count(ended_at) = 1 from service.deliveries where exchange_id = @id::uuid", new { id }));
        exchange.Stack.Pause("zhuzhou");
        Assert.True(await admin.ExecuteScalarAsync<bool>("select exists (select from service.deliveries where exchange_id = @id::uuid and ended_at is null)", new { id }));
        schedule.Note("the provider killed in the stream");
        await exchange.KillNoticedAsync("changsha");
        exchange.Stack.Resume("zhuzhou");
        var faulty = await Eventually.GetAsync(() => Officer.GetAsync(Path(id)), a => a.Status == 200 && a["faults"].GetInt32() > 0, show: a => a.Text);
        Assert.True(faulty["reason"].GetProperty("code").GetString() is "cut" or "provider-away", faulty.Text);
        Assert.False(faulty.Json.TryGetProperty("table", out _));
        await exchange.ReviveAsync("changsha");

        var view = await PulledAsync(id, ManyRows + 3 - Part, 0);
        Assert.Equal(0, view["faults"].GetInt32());
        const string digest = "select md5(string_agg(c1 || ' ' || c2, ',' order by c1)) from ";
        await using var zhuzhou = new Npgsql.NpgsqlConnection(exchange.Stack.Databases.AdminConnectionString("zhuzhou"));
        await zhuzhou.OpenAsync();
        Assert.Equal(await admin.ExecuteScalarAsync<string>(digest + "data." + table), await zhuzhou.ExecuteScalarAsync<string>(digest + view["table"].GetProperty("name").GetString()));
        // What lasted was told to people and the log, and that it is over too.
        await exchange.TimelineAsync(id, "standing.failing", "standing.recovered");
        Assert.Equal(1, (await Officer.GetAsync($"/api/cities/zhuzhou/notices?type=standing.failing&exchange={id}"))["items"].GetArrayLength());
        // It went on from the second part and did not begin anew.
        Assert.Equal(1, await admin.ExecuteScalarAsync<long>("select count(*) from service.deliveries where exchange_id = @id::uuid and facts ->> 'since' = 'nothing'", new { id }));
        await exchange.AtRestAsync();
    });

    private Participant Officer => exchange.Who("zhuzhou", "officer");

    private static string Path(string id) => $"/api/cities/zhuzhou/requests/{id}/standing";

    /// <summary>A granted table of three rows that Zhuzhou pulls every hour.</summary>
    private async Task<(string Id, Guid Dataset)> StandingAsync(Func<Guid, Task>? beforehand = null)
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional", rowsToo: false)).GetProperty("dataset_id").GetGuid();
        await LoadAsync(dataset, "示例甲,12,\n示例乙,240,\n示例丙,3,末\n");
        var id = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        await (beforehand?.Invoke(dataset) ?? Task.CompletedTask);
        (await Officer.PostAsync(Path(id), new { EveryMinutes = 60 })).Succeeded("set up");
        return (id, dataset);
    }

    private async Task LoadAsync(Guid dataset, string rows)
    {
        var officer = exchange.Who("changsha", "officer");
        using var csv = new StringContent("person,months,remark\n" + rows, Encoding.UTF8, "text/csv");
        (await officer.PutAsync($"/api/cities/changsha/datasets/{dataset}/rows?key=person", csv, (await officer.GetAsync($"/api/cities/changsha/datasets/{dataset}")).ETag)).Succeeded("load");
    }

    private async Task RunAsync(string id) => await Deaths.InsistAsync(async () => await Officer.PostAsync($"{Path(id)}/run", etag: (await Officer.GetAsync(Path(id))).ETag));

    private Task<Answer> PulledAsync(string id, int upserted, int deleted) => Eventually.GetAsync(
        () => Deaths.InsistAsync(() => Officer.GetAsync(Path(id))),
        a => a.Status == 200 && a.Json.TryGetProperty("last_pull", out var pull) && !a.Json.TryGetProperty("running", out _)
            && (pull.GetProperty("upserted").GetInt64(), pull.GetProperty("deleted").GetInt64()) == (upserted, deleted),
        TimeSpan.FromSeconds(40), show: a => a.Text);

    private async Task<List<string>> CopyAsync(string copy)
    {
        await using var connection = new Npgsql.NpgsqlConnection(exchange.Stack.Databases.ConnectionString("zhuzhou", "reader"));
        await connection.OpenAsync();
        return [.. (await connection.QueryAsync<string>($"select c1 || ' ' || c2 from {copy}")).Order(StringComparer.Ordinal)];
    }

    /// <summary>The process that has this connection to the database; the first one's go over a wire.</summary>
    private string Leader(int port) => Connections(exchange.Stack.PidOf("zhuzhou-2")!.Value).Contains(port) ? "zhuzhou-2" : "zhuzhou";

    private static HashSet<int> Connections(int pid)
    {
        var sockets = Directory.GetFiles($"/proc/{pid}/fd").Select(f => new FileInfo(f).LinkTarget).OfType<string>().Where(t => t.StartsWith("socket:[", StringComparison.Ordinal)).Select(t => t[8..^1]).ToHashSet();
        return [.. new[] { "/proc/net/tcp", "/proc/net/tcp6" }.SelectMany(File.ReadLines).Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(c => c.Length > 9 && sockets.Contains(c[9])).Select(c => Convert.ToInt32(c[1].Split(':')[1], 16))];
    }
}
