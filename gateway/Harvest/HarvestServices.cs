namespace Exchange.Gateway.Harvest;

internal static class HarvestServices
{
    public static void AddHarvest(this IServiceCollection services)
    {
        services.AddSingleton<HarvestRun>();
        services.AddHostedService<HarvestSources>();
    }

    public static void MapHarvest(this IEndpointRouteBuilder routes)
    {
        ListSources.Map(routes);
        ReadSource.Map(routes);
        RunSource.Map(routes);
        ConfirmRemoval.Map(routes);
        WithdrawSource.Map(routes);
    }
}
