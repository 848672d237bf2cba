using Exchange.Hosting;

namespace Exchange.Gateway.Federation;

internal static class FederationServices
{
    public static void AddFederation(this IServiceCollection services)
    {
        services.AddHttpClient(Repair.HttpClientName, client =>
        {
            client.Timeout = TimeSpan.FromSeconds(10);
            client.MaxResponseContentBufferSize = 64 * 1024 * 1024;
        }).ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(3) });
        services.AddSingleton<CityClient>();
        services.AddSingleton<ReadStatistics>();
        services.AddSingleton<ReadDatasetHistory>();
        services.AddSingleton(provider => new GroupCommit<ApplyDatasets.Arrived>(arrived => ApplyDatasets.CommitAsync(provider.GetRequiredService<Database>(), arrived, CancellationToken.None), most: ApplyDatasets.AtOnce));
        services.AddHostedService(provider => provider.GetRequiredService<GroupCommit<ApplyDatasets.Arrived>>());
        services.AddSingleton<Signal>();
        services.AddSingleton<CatalogueIndex>();
        services.AddHostedService(provider => provider.GetRequiredService<CatalogueIndex>());
        services.AddSingleton<SearchAnswers>();
        services.AddSingleton<ChangeStream>();
        services.AddHostedService(provider => provider.GetRequiredService<ChangeStream>());
        services.AddHostedService<Repair>();
        services.AddHealthChecks().AddCheck<CatalogueIndex>("catalogue");
    }
}
