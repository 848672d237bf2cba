using Exchange.Gateway;
using Exchange.Gateway.Federation;
using Exchange.Gateway.Identity;
using Exchange.Gateway.Interop;
using Exchange.Gateway.Routing;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;

return await ExchangeHost.RunAsync(
    args,
    builder =>
    {
        var settings = GatewaySettings.Read(builder);
        builder.Services.AddSingleton(settings);
        builder.Services.AddSingleton<IStartupFilter, Edge>();
        builder.Services.AddIssuer();
        builder.Services.AddFederation();
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
        FollowChanges.Map(app);
        RebuildCatalogue.Map(app);
        ReadStatistics.Map(app);
        ApiDescription.Map(app);
        Docs.Map(app);
        Proxy.Map(app);
    });
