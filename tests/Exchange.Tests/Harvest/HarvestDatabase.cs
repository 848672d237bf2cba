using System.Data;
using Dapper;
using Exchange.Gateway;
using Exchange.Gateway.Harvest;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Exchange.Tests.Federation;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Exchange.Tests.Harvest;

/// <summary>A gateway's database of its own, and harvesting replicas on it that run in the test's process. Each test has its own source there.</summary>
public sealed class HarvestDatabase(GatewayStack gateway) : IAsyncLifetime
{
    internal static readonly ServiceSettings Service = new() { Name = "gateway", PublicAddress = "https://exchange.example.org" };

    internal Database Database { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        var cancel = TestContext.Current.CancellationToken;
        var name = $"harvest_{Guid.NewGuid():N}";
        await gateway.Stack.Databases.CreateAsync("gateway", isCity: false, name, null, cancel);
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:Owner"] = gateway.Stack.Databases.ConnectionString("gateway", "owner", name),
            ["ConnectionStrings:App"] = gateway.Stack.Databases.ConnectionString("gateway", "app", name),
        }).Build();
        await Migrations.RunAsync(configuration.GetConnectionString("Owner")!, configuration, typeof(GatewaySettings).Assembly, cancel);
        Database = new Database(configuration, Service, NullLoggerFactory.Instance);
    }

    public ValueTask DisposeAsync() => Database.DisposeAsync();

    internal HarvestRun Replica() => new(Database, new Leases(Database), Service, TimeProvider.System, NullLogger<HarvestRun>.Instance);

    internal async Task<RunReport> RunAsync(Source source) => (await Replica().RunAsync(source, _ => Task.FromResult(true), TestContext.Current.CancellationToken))!;

    /// <summary>The source's entries as the catalogue shows them: name → version.</summary>
    internal async Task<Dictionary<string, int>> ShownAsync(Source source) =>
        (await QueryAsync<(string Name, int Version)>("select entry::json ->> 'name', version from datasets where city = @Id and not tombstone", new { source.Id })).ToDictionary(row => row.Name, row => row.Version);

    internal async Task<IReadOnlyList<T>> QueryAsync<T>(string sql, object? values = null)
    {
        await using var connection = await Database.OpenAsync(TestContext.Current.CancellationToken);
        return (await connection.QueryAsync<T>(sql, values)).AsList();
    }

    internal async Task<IReadOnlyList<(string? Identifier, bool Taken, string Field, string Rule)>> FaultsAsync(Source source) =>
        await QueryAsync<(string?, bool, string, string)>("select identifier, taken, field, rule from harvest_faults where source = @Id order by number", new { source.Id });
}
