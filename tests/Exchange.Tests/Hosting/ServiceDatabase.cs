using System.Reflection;
using Dapper;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Exchange.Hosting.Openings;
using Exchange.Tests.Local;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Exchange.Tests.Hosting;

/// <summary>Parts of a service in this process, on a migrated database of their own with the real roles, by a clock that the test moves.</summary>
internal sealed class ServiceDatabase : IAsyncDisposable
{
    private readonly ServiceProvider services;

    private ServiceDatabase(ServiceProvider services) => this.services = services;

    public string KeyFolder => Service.KeyFolder;

    public ServiceSettings Service => services.GetRequiredService<ServiceSettings>();

    public Database Database => services.GetRequiredService<Database>();

    public IServiceScopeFactory Scopes => services.GetRequiredService<IServiceScopeFactory>();

    public static async Task<ServiceDatabase> CreateAsync(string kind, string service, Assembly program, TimeProvider clock)
    {
        var cancel = TestContext.Current.CancellationToken;
        var stack = await SharedServers.GetAsync();
        var name = $"{kind}_{Guid.NewGuid():n}";
        await stack.Databases.CreateAsync(kind, isCity: false, name, template: null, cancel);
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:Owner"] = stack.Databases.ConnectionString(kind, "owner", name),
            ["ConnectionStrings:App"] = stack.Databases.ConnectionString(kind, "app", name),
        }).Build();
        await Migrations.RunAsync(configuration["ConnectionStrings:Owner"]!, configuration, program, cancel);
        return new ServiceDatabase(new ServiceCollection()
            .AddSingleton(new ServiceSettings { Name = service, KeyFolder = Directory.CreateTempSubdirectory("exchange-service-").FullName, PublicAddress = "https://exchange.example" })
            .AddSingleton<IConfiguration>(configuration).AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance)
            .AddSingleton(clock).AddSingleton<RelaySignal>().AddSingleton<Database>().AddScoped<Transaction>().AddOpeningStore()
            .BuildServiceProvider());
    }

    public async Task<IReadOnlyList<string>> QueryAsync(string sql)
    {
        await using var connection = await Database.OpenAsync(TestContext.Current.CancellationToken);
        return (await connection.QueryAsync<string>(sql)).AsList();
    }

    /// <summary>One of the details of each record of this type, in the order of writing.</summary>
    public Task<IReadOnlyList<string>> DetailsAsync(string type, string name) => QueryAsync($"select content::jsonb -> 'details' ->> '{name}' from outbox where kind = 'record' and type = '{type}' order by position");

    public async ValueTask DisposeAsync()
    {
        var folder = KeyFolder;
        await services.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }
}
