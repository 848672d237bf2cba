using System.Net;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace Exchange.Gateway.Routing;

/// <summary>
/// The way to the cities and the audit service. Only named headers go through: identity is the token, never a header, and nobody can speak for the gateway.
/// Each route has a policy; the services check the same token again.
/// </summary>
internal static class Proxy
{
    private const string AnyCaller = "default";
    private const string Anyone = "anonymous";

    /// <summary>As the cities take them; every other body keeps the host's limit.</summary>
    private const long LargestImport = 64L << 20;
    private const long LargestRows = 512L << 20;

    /// <summary>Routes whose bodies are departments' tables, in whatever encoding their spreadsheets write.</summary>
    private static readonly string[] TakesTables = ["/import", "/rows"];

    private static readonly string[] RequestHeaders =
    [
        "Accept", "Accept-Language", "Authorization", "Content-Type", "Content-Length", "Content-Language", "Content-Disposition", "Content-Digest", "Repr-Digest",
        "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range", "Idempotency-Key", "Last-Event-ID", "Prefer", "Purpose", "User-Agent",
    ];

    /// <summary>What an upstream may not set in the gateway's name, and what it says to the gateway alone.</summary>
    private static readonly string[] WithheldResponseHeaders = ["Server", "Set-Cookie", "Alt-Svc", DeliveryReport.RequestingHeader, DeliveryReport.ProvidingHeader, DeliveryReport.DatasetHeader];

    private static readonly Rule UnknownCity = new("unknown-city", StatusCodes.Status404NotFound, null,
        new("没有这个城市。", "There is no such city."),
        new("可用的城市见 /api/catalogue/datasets 的 cities。", "See cities in /api/catalogue/datasets for those there are."));

    private static readonly Rule Away = new("city-away", StatusCodes.Status502BadGateway, null,
        new("目标服务暂时无法连接。", "The service asked for cannot be reached."),
        new("请稍后重试；有 Idempotency-Key 的操作请用同一个键，不会重复办理。目录检索不受影响。", "Try again shortly; repeat an act with the same Idempotency-Key and it is done once. Searching the catalogue still works."));

    private static readonly Rule Slow = new("city-slow", StatusCodes.Status504GatewayTimeout, null,
        new("目标服务没有在时限内答复。", "The service asked did not answer in time."), Away.WayOut);

    public static void Add(WebApplicationBuilder builder, GatewaySettings settings)
    {
        builder.Services.AddReverseProxy()
            .LoadFromMemory(Routes(settings), Clusters(settings))
            .ConfigureHttpClient((_, handler) =>
            {
                handler.ConnectTimeout = TimeSpan.FromSeconds(3);
                handler.AllowAutoRedirect = false;
                handler.AutomaticDecompression = DecompressionMethods.None;
                handler.UseCookies = false;
                handler.UseProxy = false;
                handler.MaxConnectionsPerServer = 512;
                handler.PooledConnectionLifetime = TimeSpan.FromMinutes(5);
            })
            .AddTransforms(Transform);
    }

    public static void Map(WebApplication app)
    {
        app.MapReverseProxy(pipeline =>
        {
            pipeline.Use(RefuseLargeAsync);
            pipeline.Use(ExplainAsync);
            pipeline.Use(DeliveryReport.FollowAsync);
            pipeline.UseLoadBalancing();
            pipeline.Use(TryAnotherAsync);
        }).ConfigureEndpoints((endpoint, route) =>
        {
            if (TakesTables.Any(name => route.RouteId.EndsWith(name, StringComparison.Ordinal)))
            {
                endpoint.WithMetadata(TakesCharsets.Chinese);
            }
        });
        foreach (var path in (string[])["/api/cities/{city}/{**rest}", "/api/operations/{city}/{**rest}"])
        {
            app.Map(path, (string city, GatewaySettings settings) => new Refused(UnknownCity, new(
                $"已接入：{string.Join("、", settings.Cities.Keys)}。", $"Connected: {string.Join(", ", settings.Cities.Keys)}."))).AllowAnyone().ExcludeFromDescription();
        }
    }

    internal static IReadOnlyList<RouteConfig> Routes(GatewaySettings settings)
    {
        List<RouteConfig> routes = [];
        foreach (var city in settings.Cities.Keys)
        {
            Add(city, "", $"/api/cities/{city}/{{**rest}}", "/{**rest}", AnyCaller);
            Add(city, "import", $"/api/cities/{city}/datasets/import", "/datasets/import", AnyCaller, ["POST"], LargestImport);
            Add(city, "files", $"/api/cities/{city}/datasets/{{id:guid}}/files/{{name}}", "/datasets/{id}/files/{name}", AnyCaller, ["PUT"], settings.LargestFile);
            Add(city, "rows", $"/api/cities/{city}/datasets/{{id:guid}}/rows", "/datasets/{id}/rows", AnyCaller, ["PUT"], LargestRows);
            foreach (var open in (string[])["departments", "departments/{code}", "datasets", "datasets/{id:guid}", "datasets/{id:guid}/history"])
            {
                Add(city, open, $"/api/cities/{city}/{open}", $"/{open.Replace(":guid", "", StringComparison.Ordinal)}", Anyone, ["GET"]);
            }

            Add(city, "openapi", $"/api/cities/{city}/openapi/{{document}}", "/openapi/{document}", Anyone, ["GET"]);
            Add(city, "operations", $"/api/operations/{city}/{{**rest}}", "/operations/{**rest}", AnyCaller);
        }

        Add("audit", "", "/api/audit/{**rest}", "/{**rest}", AnyCaller);
        Add("audit", "logs", "/api/audit/logs", "/logs", Anyone, ["GET"]);
        foreach (var open in (string[])["checkpoint", "vkeys", "consistency", "tile/{level:int}/{**rest}"])
        {
            Add("audit", $"log.{open}", $"/api/audit/log/{{year:int}}/{open}", $"/log/{{year}}/{open.Replace(":int", "", StringComparison.Ordinal)}", Anyone, ["GET"]);
        }

        Add("audit", "openapi", "/api/audit/openapi/{document}", "/openapi/{document}", Anyone, ["GET"]);
        Add("audit", "operations", "/api/operations/audit/{**rest}", "/operations/{**rest}", AnyCaller);
        return routes;

        void Add(string service, string name, string path, string upstream, string policy, string[]? methods = null, long? bodyLimit = null) => routes.Add(new RouteConfig
        {
            RouteId = $"{service}/{name}",
            ClusterId = service,
            Match = new RouteMatch { Path = path, Methods = methods },
            AuthorizationPolicy = policy,
            MaxRequestBodySize = bodyLimit,
            Transforms = [new Dictionary<string, string> { ["PathPattern"] = upstream }],
        });
    }

    private static List<ClusterConfig> Clusters(GatewaySettings settings) =>
    [
        .. settings.Cities.Keys.Append("audit").Select(service => new ClusterConfig
        {
            ClusterId = service,
            Destinations = settings.AddressesOf(service).ToDictionary(address => address, address => new DestinationConfig { Address = address }, StringComparer.Ordinal),
            HealthCheck = settings.AddressesOf(service).Count > 1 ? AskEach : null,
            // Between two bytes, not for the whole: a long delivery that moves is never cut.
            HttpRequest = new ForwarderRequestConfig { ActivityTimeout = TimeSpan.FromSeconds(30), AllowResponseBuffering = false },
        }),
    ];

    /// <summary>A process that drains, hangs or is gone gets no more requests; when all seem so they are asked all the same, and say themselves what is wrong.</summary>
    private static readonly HealthCheckConfig AskEach = new()
    {
        Active = new ActiveHealthCheckConfig { Enabled = true, Path = "/health/ready", Interval = TimeSpan.FromSeconds(1), Timeout = TimeSpan.FromSeconds(1), Policy = HealthCheckConstants.ActivePolicy.ConsecutiveFailures },
        AvailableDestinationsPolicy = HealthCheckConstants.AvailableDestinations.HealthyOrPanic,
    };

    /// <summary>A process that cannot be connected to has seen nothing of the request, so another one of the same service may have it, whatever the method.</summary>
    private static async Task TryAnotherAsync(HttpContext http, RequestDelegate next)
    {
        var proxy = http.GetReverseProxyFeature();
        HashSet<string> tried = [];
        while (true)
        {
            await next(http);
            if (http.GetForwarderErrorFeature() is not { Exception: HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError } } || http.Response.HasStarted || http.RequestAborted.IsCancellationRequested)
            {
                return;
            }

            tried.Add(proxy.ProxiedDestination!.DestinationId);
            if (proxy.AllDestinations.FirstOrDefault(d => !tried.Contains(d.DestinationId)) is not { } other)
            {
                return;
            }

            http.Features.Set<IForwarderErrorFeature>(null);
            http.Response.Clear();
            proxy.AvailableDestinations = [other];
        }
    }

    private static void Transform(TransformBuilderContext context)
    {
        context.AddRequestHeadersAllowed(RequestHeaders);
        context.AddXForwarded(ForwardedTransformActions.Set);
        context.AddResponseTransform(response =>
        {
            if (response.ProxyResponse is { } answer)
            {
                DeliveryReport.Note(response.HttpContext, answer);
            }

            return ValueTask.CompletedTask;
        });
        foreach (var header in WithheldResponseHeaders)
        {
            context.AddResponseHeaderRemove(header, ResponseCondition.Always);
        }
    }

    /// <summary>
    /// Refuses by the announced length, before a byte is read. Kestrel would close the connection under the sender, who then often does not see the answer;
    /// without the limit it reads the rest away for a few seconds, which costs nothing but bandwidth.
    /// </summary>
    private static Task RefuseLargeAsync(HttpContext http, RequestDelegate next)
    {
        // The route's own limit: YARP sets it on the feature only when it forwards.
        var route = http.GetReverseProxyFeature().Route.Config.MaxRequestBodySize;
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } feature && (route ?? feature.MaxRequestBodySize) is { } limit
            && http.Request.ContentLength is { } length && length > limit)
        {
            feature.MaxRequestBodySize = length <= LargestRows ? null : limit;
            http.Response.StatusCode = StatusCodes.Status413PayloadTooLarge;
            return Task.CompletedTask;
        }

        return next(http);
    }

    /// <summary>An upstream that is away becomes a problem that names it.</summary>
    private static async Task ExplainAsync(HttpContext http, RequestDelegate next)
    {
        await next(http);
        if (http.GetForwarderErrorFeature() is not { } error || http.Response.HasStarted || http.RequestAborted.IsCancellationRequested)
        {
            return;
        }

        if (http.Response.StatusCode is not (StatusCodes.Status502BadGateway or StatusCodes.Status503ServiceUnavailable or StatusCodes.Status504GatewayTimeout))
        {
            return;
        }

        var name = http.GetReverseProxyFeature().Cluster.Config.ClusterId;
        var rule = error.Error is ForwarderError.RequestTimedOut || http.Response.StatusCode == StatusCodes.Status504GatewayTimeout ? Slow : Away;
        http.Response.Clear();
        await new Refused(rule, new($"服务：{name}。", $"Service: {name}.")) { RetryAfter = 5 }.ExecuteAsync(http);
    }
}
