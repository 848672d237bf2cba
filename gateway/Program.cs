using Exchange.Gateway;
using Exchange.Gateway.Federation;
using Exchange.Gateway.Harvest;
using Exchange.Gateway.Identity;
using Exchange.Gateway.Interop;
using Exchange.Gateway.Interop.Ckan;
using Exchange.Gateway.Interop.Dcat;
using Exchange.Gateway.Portal;
using Exchange.Gateway.Quality;
using Exchange.Gateway.Routing;
using Exchange.Gateway.Searches;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Exchange.Hosting.Webhooks;

if (args is ["quality", .. var options])
{
    await using var output = Console.OpenStandardOutput();
    return QualityCommand.Run(options, output, Console.Error, TimeProvider.System);
}

return await ExchangeHost.RunAsync(
    args,
    builder =>
    {
        var settings = GatewaySettings.Read(builder);
        builder.Services.AddSingleton(settings);
        var reader = new SettingsReader(builder.Configuration);
        builder.Services.AddSingleton(reader.Section<FeedSettings>("Feed"));
        builder.Services.AddSingleton(reader.Section<WebhookSettings>("Webhooks"));
        reader.ThrowOnFaults();
        builder.Services.AddSingleton<IStartupFilter, Edge>();
        builder.Services.AddSingleton<IStartupFilter, CkanTokens>();
        builder.Services.AddIssuer();
        builder.AddPortal();
        builder.Services.AddFederation();
        builder.Services.AddHostedService<FollowQuality>();
        builder.Services.AddHarvest();
        builder.Services.AddHostedService<FollowSearches>();
        builder.Services.AddHostedService<SendMatches>();
        builder.Services.AddSingleton<DeliveryReport>().AddHostedService(provider => provider.GetRequiredService<DeliveryReport>());
        builder.Services.AddSingleton<ApiDescription>().AddHostedService(provider => provider.GetRequiredService<ApiDescription>());
        Proxy.Add(builder, settings);
        builder.AddMessages(bus => bus
            .ConsumeTogether<ApplyDatasets>(Topology.DatasetsQueue(Topology.GatewayService), ApplyDatasets.AtOnce)
            .Consume(Topology.AddressedQueue(Topology.GatewayService), typeof(TakeRecordsLogged)));
    },
    app =>
    {
        IssueToken.Map(app);
        Discovery.Map(app);
        SearchCatalogue.Map(app);
        ReadDataset.Map(app);
        ReadDatasetHistory.Map(app);
        ReadQuality.Map(app);
        ReadAverages.Map(app);
        ReadQualityRules.Map(app);
        FollowChanges.Map(app);
        StreamChanges.Map(app);
        KeepSearches.Map(app);
        ReadMatches.Map(app);
        RebuildCatalogue.Map(app);
        ReadStatistics.Map(app);
        app.MapHarvest();
        ExportCatalogue.Map(app);
        ReadCatalogueGraph.Map(app);
        ReadDatasetGraph.Map(app);
        CkanApi.Map(app);
        ApiDescription.Map(app);
        Docs.Map(app);
        app.MapPortal();
        Proxy.Map(app);
    });
