using Exchange.Gateway.Portal;
using Exchange.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.DependencyInjection;
using Pages = Exchange.Gateway.Portal.Pages;

namespace Exchange.Tests.Browser;

/// <summary>Which pages and forms the portal has.</summary>
internal static class PortalRoutes
{
    /// <summary>The portal's routes as it maps them. What its handlers take is never made, so it is enough that each is known to be a service.</summary>
    public static List<RouteEndpoint> All()
    {
        var builder = WebApplication.CreateSlimBuilder();
        foreach (var type in new[] { typeof(Pages).Assembly, typeof(Pipeline).Assembly }.SelectMany(assembly => assembly.GetTypes())
            .Where(type => type is { ContainsGenericParameters: false, IsAbstract: false, IsClass: true } && type.Namespace?.StartsWith("Exchange.", StringComparison.Ordinal) == true && !typeof(Attribute).IsAssignableFrom(type)))
        {
            builder.Services.Add(new ServiceDescriptor(type, _ => throw new InvalidOperationException($"{type} is never made"), ServiceLifetime.Transient));
        }

        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddAuthorization();
        builder.Services.AddHttpClient();
        // There is none here, though its settings are a class like any other.
        foreach (var provider in builder.Services.Where(service => service.ServiceType.Name == "ProviderSettings").ToList())
        {
            builder.Services.Remove(provider);
        }

        var app = builder.Build();
        app.MapPortal();
        return [.. ((IEndpointRouteBuilder)app).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()];
    }

    /// <summary>An address of this pattern, of something that does not exist.</summary>
    public static string Filled(RoutePattern pattern) => "/" + string.Join('/', pattern.PathSegments.Select(segment => string.Concat(segment.Parts.Select(part => part switch
    {
        RoutePatternLiteralPart literal => literal.Content,
        RoutePatternSeparatorPart separator => separator.Content,
        RoutePatternParameterPart parameter when parameter.ParameterPolicies.Any(policy => policy.Content == "guid") => "01900000-0000-7000-8000-000000000000",
        RoutePatternParameterPart parameter when parameter.ParameterPolicies.Any(policy => policy.Content?.StartsWith("int", StringComparison.Ordinal) == true) => "1",
        RoutePatternParameterPart { Name: "city" } => "changsha",
        _ => "x",
    }))));
}
