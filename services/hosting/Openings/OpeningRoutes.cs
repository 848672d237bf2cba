using Exchange.Hosting.Messaging;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Exchange.Hosting.Openings;

public static class OpeningRoutes
{
    /// <summary>The store that every transaction with records needs.</summary>
    public static IServiceCollection AddOpeningStore(this IServiceCollection services) => services
        .AddSingleton<MonthKeys>()
        .AddSingleton(provider => new OpeningStore(provider.GetRequiredService<MonthKeys>(), provider.GetRequiredService<ServiceSettings>()));

    internal static IServiceCollection AddOpenings(this IServiceCollection services) => services
        .AddOpeningStore()
        .AddSingleton<KeepMonths>()
        .AddHostedService(provider => provider.GetRequiredService<KeepMonths>());

    internal static void MapOpenings(this WebApplication app)
    {
        var service = app.Services.GetRequiredService<ServiceSettings>();
        // The gateway is the public address itself; the others stand behind a prefix of it.
        var openings = app.MapGroup(service.Name == Topology.GatewayService ? PublicPath(service) : "/openings").WithTags("openings");
        AskOpening.Map(openings);
        DecideOpening.Map(openings);
        ReadOpenings.Map(openings);
        ReadValues.Map(openings);
        AskErasure.Map(openings);
        ConfirmErasure.Map(openings);
        ReadErasures.Map(openings);
    }

    internal static string PublicPath(ServiceSettings service) => service.Name switch
    {
        Topology.GatewayService => "/api/gateway/openings",
        Topology.AuditService => "/api/audit/openings",
        _ => $"/api/cities/{service.Name}/openings",
    };
}
