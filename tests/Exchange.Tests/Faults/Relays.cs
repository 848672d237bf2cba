using Dapper;
using Exchange.Hosting.Messaging;
using Exchange.Tests.Flow;
using Npgsql;

namespace Exchange.Tests.Faults;

/// <summary>What relay tests do to leaders and ask of those who listen.</summary>
internal static class Relays
{
    private static readonly HttpClient Direct = new() { Timeout = TimeSpan.FromSeconds(20) };

    /// <summary>What a process says of itself, past any gateway.</summary>
    public static async Task<string> ReadinessAsync(this ExchangeFixture exchange, string process)
    {
        using var answer = await Direct.GetAsync(new Uri(exchange.Stack.Address(process), "/health/ready"));
        return await answer.Content.ReadAsStringAsync();
    }

    public static Task LeadsAsync(this ExchangeFixture exchange, string process) =>
        Eventually.GetAsync(() => exchange.ReadinessAsync(process), r => r.Contains(", leading", StringComparison.Ordinal), TimeSpan.FromSeconds(40));

    /// <summary>As if its time had run out by the database's clock: whoever asks next has it.</summary>
    public static async Task ExpireLeaseAsync(this ExchangeFixture exchange, string service)
    {
        await using var owner = await exchange.AdminAsync(service);
        await owner.ExecuteAsync(new CommandDefinition("update service.leases set expires_at = clock_timestamp() where name = 'relay'", commandTimeout: 60));
    }

    /// <summary>A connection that sees what the service's own sessions do.</summary>
    public static async Task<NpgsqlConnection> WatchAsync(this ExchangeFixture exchange, string service)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(exchange.Stack.Postgres!.AdminConnectionString) { Database = service, ApplicationName = "watch", Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    /// <summary>Runs with a second process of the service beside the first; afterwards the first runs alone and leads.</summary>
    public static async Task BesideAsync(this ExchangeFixture exchange, string service, Func<string, Task> act)
    {
        var second = service + "-2";
        await exchange.LeadsAsync(service);
        await exchange.Stack.StartAsync(second);
        try
        {
            await act(second);
        }
        finally
        {
            exchange.Stack.Resume(service);
            exchange.Stack.Resume(second);
            if (!exchange.Stack.IsRunning(service))
            {
                await exchange.Stack.StartAsync(service);
            }

            await exchange.Stack.StopAsync(second);
            await exchange.LeadsAsync(service);
        }
    }

    /// <summary>Waits until all that a city has written has left it, and all who listen to its catalogue have what its feed has.</summary>
    /// <param name="frozen">Holds what it had in hand until the broker misses its heartbeats; it is not waited for.</param>
    public static async Task HeardAsync(this ExchangeFixture exchange, string city, TimeSpan? within = null, string? frozen = null)
    {
        await exchange.DrainedAsync(city, within);
        await using var owner = await exchange.AdminAsync(city);
        var feed = (await owner.QueryAsync<Heard>("select key as dataset, version, tombstone from service.feed_entries")).OrderBy(h => h.Dataset).ToList();
        foreach (var (listener, heard) in ((string, string)[])
        [
            ("gateway", "select dataset_id as dataset, version, tombstone from service.datasets where city = @city"),
            .. exchange.Stack.Cities.Where(c => c.Name != frozen).Select(c => (c.Name, "select dataset_id as dataset, version, withdrawn as tombstone from service.known_datasets where city = @city")),
        ])
        {
            await using var connection = await exchange.AdminAsync(listener);
            await Eventually.GetAsync(
                async () => (await connection.QueryAsync<Heard>(heard, new { city })).OrderBy(h => h.Dataset).ToList(),
                h => h.SequenceEqual(feed), within ?? TimeSpan.FromSeconds(60), h => $"{listener}: {h.Except(feed).Count()} of {feed.Count} entries of {city} differ");
        }
    }

    /// <summary>What an operator does when a queue or binding is gone.</summary>
    public static Task ImportTopologyAsync(this ExchangeFixture exchange) => exchange.Stack.Rabbit!.ImportAsync(default);

    public static async Task DeleteQueueAsync(this ExchangeFixture exchange, string queue)
    {
        var deleted = await exchange.Stack.Rabbit!.ControlAsync(["-q", "delete_queue", queue, "-p", "exchange"], default);
        Assert.True(deleted.Code == 0, deleted.Text);
    }

    private sealed record Heard
    {
        public Guid Dataset { get; init; }
        public int Version { get; init; }
        public bool Tombstone { get; init; }
    }
}
