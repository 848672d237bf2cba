using System.Reflection;
using Exchange.Hosting.Messaging;
using Exchange.Hosting.Openings;
using Exchange.Hosting.Transparency;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace Exchange.Hosting;

/// <summary>What every service's Program.cs calls.</summary>
public static class ExchangeHost
{
    /// <summary>Runs a service: <paramref name="add"/> registers what is its own, <paramref name="map"/> its routes. Faults of the start are told in plain words and end with exit code 1.</summary>
    public static async Task<int> RunAsync(string[] args, Action<WebApplicationBuilder> add, Action<WebApplication> map)
    {
        try
        {
            var builder = CreateBuilder(args);
            add(builder);
            await using var app = builder.Build();
            app.UsePipeline();
            app.MapHealth();
            app.MapOperations();
            SetAside.Map(app);
            app.MapOpenings();
            app.MapOpenApi().AllowAnyone();
            map(app);
            app.MakeEndpointsOnce();
            app.RequirePolicies();
            var owner = app.Services.GetRequiredService<Database>().Owner;
            if (!await WaitingRoom.PassAsync(args, app.Services, cancel => Migrations.RunAsync(owner, app.Configuration, Assembly.GetEntryAssembly()!, cancel)))
            {
                return 0;
            }

            await app.Services.GetRequiredService<Broker>().CheckQueuesAsync(CancellationToken.None);
            await app.RunAsync();
            return 0;
        }
        catch (Exception fault) when (fault is InvalidSettingsException or InvalidOperationException or UnusableQueueException or NpgsqlException)
        {
            await Console.Error.WriteLineAsync($"The service does not start: {fault.Message}");
            return 1;
        }
    }

    /// <summary>The consumers of a service. Called once.</summary>
    public static void AddMessages(this WebApplicationBuilder builder, Action<Endpoints> configure)
    {
        var endpoints = new Endpoints();
        configure(endpoints);
        var broker = (BrokerSettings)builder.Services.Single(s => s.ServiceType == typeof(BrokerSettings)).ImplementationInstance!;
        builder.Services.AddBus(broker, endpoints);
    }

    /// <summary>What others log about each request and command is in the traces; settings may ask for it again.</summary>
    private static readonly Dictionary<string, string?> QuietLogs = new(StringComparer.Ordinal)
    {
        ["Logging:LogLevel:Default"] = "Information",
        ["Logging:LogLevel:Microsoft.AspNetCore"] = "Warning",
        ["Logging:LogLevel:System.Net.Http"] = "Warning",
        ["Logging:LogLevel:Npgsql"] = "Warning",
        ["Logging:LogLevel:Yarp"] = "Warning",
    };

    /// <summary>Settings checked at once, logs, telemetry, tokens, database, outbox relay, idempotency, health, OpenAPI.</summary>
    private static WebApplicationBuilder CreateBuilder(string[] args)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        ((IConfigurationBuilder)builder.Configuration).Sources.Insert(0, new MemoryConfigurationSource { InitialData = QuietLogs });
        var reader = new SettingsReader(builder.Configuration);
        var service = reader.Section<ServiceSettings>("Service");
        var issuers = reader.List<IssuerSettings>("Issuers");
        var broker = reader.Section<BrokerSettings>("Broker");
        reader.Text("ConnectionStrings:Owner");
        reader.Text("ConnectionStrings:App");
        reader.ThrowOnFaults();

        var clock = Clock.For(builder.Environment);
        builder.AddTelemetry(service);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 1024 * 1024;
        });

        var services = builder.Services;
        services.Configure<HostOptions>(options => options.ShutdownTimeout = service.Drain + TimeSpan.FromSeconds(20));
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        services.ConfigureHttpJsonOptions(options => Json.Configure(options.SerializerOptions));
        services.AddSingleton(service);
        services.AddSingleton(broker);
        services.AddSingleton(clock);
        services.AddSingleton<Database>();
        services.AddOpenings();
        services.AddScoped<Transaction>();
        services.AddSingleton<RelaySignal>();
        services.AddSingleton<RelayState>();
        services.AddSingleton<Leases>();
        services.AddSingleton<Broker>();
        services.AddSingleton<CountedRecords>();
        services.AddSingleton<Feeds>();
        services.AddSingleton<SetAside>();
        services.AddSingleton<AgreementFile>();
        services.AddSingleton<Drain>();
        services.AddHostedService(provider => provider.GetRequiredService<Drain>());
        services.AddHostedService(provider => provider.GetRequiredService<SetAside>());
        services.AddSingleton<AuditWatch>();
        services.AddHostedService(provider => provider.GetRequiredService<AuditWatch>());
        services.AddHostedService<Relay>();
        // Stops right before the relay, after all that works: its last word may still leave.
        services.AddHostedService<SignsOfLife>();
        services.AddHostedService<TakeAgreement>();
        services.AddHostedService(provider => provider.GetRequiredService<CountedRecords>());
        services.AddHostedService<Housekeeping>();
        services.AddTokens(service, issuers, clock);
        services.AddHealth();
        services.AddOpenApiDocument();
        return builder;
    }
}
