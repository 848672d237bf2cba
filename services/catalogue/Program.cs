using Exchange.Catalogue;
using Exchange.Catalogue.Approvals;
using Exchange.Catalogue.Authority;
using Exchange.Catalogue.Corrections;
using Exchange.Catalogue.DataServices;
using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Deliveries;
using Exchange.Catalogue.Disputes;
using Exchange.Catalogue.Files;
using Exchange.Catalogue.Grants;
using Exchange.Catalogue.Previews;
using Exchange.Catalogue.Requests;
using Exchange.Catalogue.Sharing;
using Exchange.Catalogue.Standing;
using Exchange.Catalogue.Statistics;
using Exchange.Catalogue.UseRecords;
using Exchange.Catalogue.Webhooks;
using Exchange.Catalogue.Witness;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Exchange.Hosting.Webhooks;

return await ExchangeHost.RunAsync(args,
    add: builder =>
    {
        var city = City.Read(builder.Configuration["City:File"] ?? "");
        var reader = new SettingsReader(builder.Configuration);
        var settings = reader.Section<CatchUpSettings>("City");
        var webhooks = reader.Section<WebhookSettings>("Webhooks");
        var sweep = reader.Section<SweepSettings>("City");
        var upstreams = reader.Section<UpstreamSettings>("Services");
        var files = reader.Section<FileSettings>("City");
        var quotas = reader.Section<QuotaSettings>("Quotas");
        var changes = reader.Section<ChangeSettings>("City");
        var standing = reader.Section<StandingSettings>("Standing");
        reader.ThrowOnFaults();
        builder.Services.AddSingleton(WorkingDays.Load(builder.Configuration["City:Calendar"]));
        // First of all: nothing is counted before the loaded calendar is known.
        builder.Services.AddHostedService<FollowCalendar>();
        builder.AddMessages(bus => bus
            .Consume(Topology.AddressedQueue(city.Id), typeof(ReceiveRequest), typeof(ReceiveActs), typeof(ReceiveWithdrawal), typeof(FollowRequest), typeof(TakeCopy), typeof(TakeRecordsLogged),
                typeof(ReceiveCorrection), typeof(FollowCorrection), typeof(HearOfCorrection), typeof(HearOfStanding))
            .Consume(Topology.DatasetsQueue(city.Id), typeof(KnownDatasets), typeof(CopyCatalogue)));
        builder.Services.AddSingleton(city);
        builder.Services.AddSingleton(settings);
        builder.Services.AddSingleton(webhooks);
        builder.Services.AddSingleton(sweep);
        builder.Services.AddSingleton(changes);
        builder.Services.AddSingleton(standing);
        builder.Services.AddSingleton(upstreams);
        builder.Services.AddSingleton(new FileStore(files));
        builder.Services.AddSingleton(files);
        builder.Services.AddDatasets();
        builder.Services.AddScoped<Clocks>();
        builder.Services.AddScoped<Notices>();
        builder.Services.AddScoped<IClockSubject, SharingClocks>();
        builder.Services.AddScoped<UseRecordClock>();
        builder.Services.AddScoped<IClockSubject>(provider => provider.GetRequiredService<UseRecordClock>());
        builder.Services.AddScoped<IClockSubject, CorrectionClocks>();
        builder.Services.AddScoped<IClockSubject, CatalogueClocks>();
        builder.Services.AddScoped<SharingStore>();
        builder.Services.AddSingleton<RequestViews>();
        builder.Services.AddScoped<ActOnRequest>();
        builder.Services.AddScoped<ProbeSource>();
        builder.Services.AddScoped<AnswerAutomatically>();
        builder.Services.AddSingleton<Seat>();
        builder.Services.AddSingleton(quotas);
        builder.Services.AddSingleton<Quotas>();
        builder.Services.AddSingleton<Transfer>();
        builder.Services.AddSingleton<GrantWatch>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<GrantWatch>());
        builder.Services.AddSingleton<ReadRows>();
        builder.Services.AddSingleton<ReadRowChanges>();
        builder.Services.AddSingleton<GatewayClient>();
        builder.Services.AddSingleton<PulledTables>();
        builder.Services.AddSingleton<PullChanges>();
        builder.Services.AddScoped<StandingStore>();
        builder.Services.AddHostedService<RunStanding>();
        builder.Services.AddSingleton<Upstreams>();
        builder.Services.AddSingleton<CallService>();
        builder.Services.AddSingleton<ReadFiles>();
        builder.Services.AddSingleton(PreviewLimits.Default);
        builder.Services.AddSingleton<FilePreview>();
        builder.Services.AddSingleton<ReadPreview>();
        builder.Services.AddSingleton<DeliveryLog>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<DeliveryLog>());
        builder.Services.AddSingleton<GrantKeys>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<GrantKeys>());
        builder.Services.AddSingleton<WitnessKey>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<WitnessKey>());
        builder.Services.AddHostedService<SweepGrants>();
        builder.Services.AddHostedService<SweepClocks>();
        builder.Services.AddHostedService<SweepDeliveries>();
        builder.Services.AddHostedService<SweepFiles>();
        builder.Services.AddHostedService<SendWebhooks>();
        builder.Services.AddHostedService<TellKnownCatalogue>();
    },
    map: app =>
    {
        app.MapDatasets();

        var files = app.MapGroup("").WithTags("datasets");
        StoreFile.Map(files);
        ListFiles.Map(files);
        RemoveFile.Map(files);
        ReadPreview.MapOwn(files);

        var requests = app.MapGroup("/requests").WithTags("requests");
        DraftRequest.Map(requests);
        SubmitRequest.Map(requests);
        SupplementRequest.Map(requests);
        WithdrawRequest.Map(requests);
        ChangeScope.Map(requests);
        AnswerProvider.Map(requests);
        DisposeData.Map(requests);
        DisputeSteps.Map(requests, app);
        FileCorrection.Map(requests);
        KeepStanding.Map(requests);
        ReadRequests.Map(requests, Side.Asking);

        var approvals = app.MapGroup("/approvals").WithTags("approvals");
        DecideRequest.Map(approvals);
        AskSupplement.Map(approvals);
        ExtendReply.Map(approvals);
        SuspendGrant.Map(approvals);
        EndService.Map(approvals);
        DecideChange.Map(approvals);
        ReadReceiver.Map(approvals);
        ReadRequests.Map(approvals, Side.Owning);

        var corrections = app.MapGroup("/corrections").WithTags("corrections");
        AnswerCorrection.Map(corrections);
        ReadCorrections.Map(corrections);

        var grants = app.MapGroup("/grants").WithTags("grants");
        ReadGrants.Map(grants);
        KeepQuota.Map(grants);
        ReadRows.Map(grants);
        ReadRowChanges.Map(grants);
        CallService.Map(grants);
        ReadFiles.Map(grants);
        ReadPreview.Map(grants);
        ReadReceipt.Map(grants);
        AcknowledgeDelivery.Map(grants);
        RecordUse.Map(grants);

        ReadNotices.Map(app);
        ReadStatistics.Map(app);
        ReadFigureRows.Map(app);
        LoadCalendar.Map(app);

        var authority = app.MapGroup("/authority").WithTags("authority");
        ReadClocks.Map(authority);
        ReadConsents.Map(authority);
        ReadDisputes.Map(authority);

        var webhooks = app.MapGroup("/webhooks").WithTags("webhooks");
        KeepWebhooks.Map(webhooks);
        ReadDeliveries.Map(webhooks);

        AddCheckpoint.Map(app);
        ReadWitness.Map(app);
    });
