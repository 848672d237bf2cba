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
        builder.Services.AddSingleton<Origins>().AddSingleton<SigningSignal>().AddSingleton<LogWriter>().AddSingleton<LogReader>().AddSingleton<LogKeyring>().AddSingleton<ExportRecords>();
        builder.Services.AddHostedService(services => services.GetRequiredService<LogKeyring>());
        builder.Services.AddHostedService<StartPairing>();
        var reader = new SettingsReader(builder.Configuration);
        builder.Services.AddSingleton(reader.Section<LogSettings>("Log"));
        builder.Services.AddSingleton(reader.Section<FlagSettings>("Flags"));
        reader.ThrowOnFaults();
        builder.Services.AddSingleton<Witnesses>().AddSingleton<StartGate>();
        builder.Services.AddHostedService(services => services.GetRequiredService<Witnesses>());
        builder.Services.AddHostedService(services => services.GetRequiredService<StartGate>());
        builder.Services.AddSingleton<TileFiles>();
        builder.Services.AddHostedService(services => services.GetRequiredService<TileFiles>());
        builder.Services.AddHealthChecks().AddCheck<WitnessCheck>("witnesses").AddCheck<TileCheck>("tiles");
        builder.Services.AddSingleton(services => new GroupCommit<SourceRecord>(records => services.GetRequiredService<LogWriter>().AppendAsync(records, CancellationToken.None), most: 4096));
        builder.Services.AddHostedService(services => services.GetRequiredService<GroupCommit<SourceRecord>>());
        builder.Services.AddHostedService<SignCheckpoints>();
        builder.Services.AddHostedService<TellSources>();
        builder.Services.AddHostedService<TellKeys>();
        builder.AddMessages(bus => bus.ConsumeTogether<RecordEvents>(Topology.AuditQueue, RecordEvents.AtOnce));
    },
    app =>
    {
        ReadCheckpoints.Map(app);
        ReadTiles.Map(app);
        RotateKeys.Map(app);
        RetireYear.Map(app);
        ProveEvent.Map(app);
        ListExchanges.Map(app);
        ShowExchange.Map(app);
        SearchRecords.Map(app);
        ExportRecords.Map(app);
        KeepQueries.Map(app);
        ListUses.Map(app);
        ReportGaps.Map(app);
        Flags.Map(app);
    });
