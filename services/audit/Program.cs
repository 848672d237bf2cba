using Exchange.Audit.Checkpoints;
using Exchange.Audit.Log;
using Exchange.Audit.Reconciliation;
using Exchange.Audit.Recording;
using Exchange.Audit.Search;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;

return await ExchangeHost.RunAsync(
    args,
    builder =>
    {
        builder.Services.AddSingleton<Origins>().AddSingleton<SigningSignal>().AddSingleton<LogWriter>().AddSingleton<LogReader>().AddSingleton<LogKeyring>();
        builder.Services.AddHostedService(services => services.GetRequiredService<LogKeyring>());
        var reader = new SettingsReader(builder.Configuration);
        builder.Services.AddSingleton(reader.Section<WitnessSettings>("Log"));
        builder.Services.AddSingleton(reader.Section<FlagSettings>("Flags"));
        reader.ThrowOnFaults();
        builder.Services.AddSingleton<Witnesses>().AddSingleton<StartGate>();
        builder.Services.AddHostedService(services => services.GetRequiredService<Witnesses>());
        builder.Services.AddHostedService(services => services.GetRequiredService<StartGate>());
        builder.Services.AddHealthChecks().AddCheck<WitnessCheck>("witnesses");
        builder.Services.AddHostedService<SignCheckpoints>();
        builder.Services.AddHostedService<TellSources>();
        builder.AddMessages(bus => bus.ConsumeBatch<RecordEvents>(Topology.AuditQueue, RecordEvents.BatchLimit, RecordEvents.BatchWindow));
    },
    app =>
    {
        ReadCheckpoints.Map(app);
        ReadTiles.Map(app);
        ProveEvent.Map(app);
        ListExchanges.Map(app);
        ShowExchange.Map(app);
        ReportGaps.Map(app);
        Flags.Map(app);
    });
