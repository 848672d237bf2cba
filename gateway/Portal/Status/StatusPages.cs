using System.Text.Json;
using Exchange.Gateway.Federation;
using Exchange.Gateway.Identity;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;

namespace Exchange.Gateway.Portal.Status;

/// <summary>
/// How the exchange runs: the cities, each service's health, outbox and queues, what was set aside, the witnessed log, and the foreign catalogues. An operator acts on the
/// own service only; of the others it says whose business it is.
/// </summary>
internal static class StatusPages
{
    private static readonly string[] Acts = ["requeue", "requeue-queue", "run", "confirm", "withdraw", "rebuild"];

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/status", (Visit visit, StatusReader reader, CancellationToken cancel) => ShowAsync(visit, reader, null, cancel)).ForSignedIn(Roles.Operator);
        pages.MapForm("/status", ActAsync).ForSignedIn(Roles.Operator);
    }

    private static async Task<IResult> ActAsync(Visit visit, ApiClient api, StatusReader reader, CancellationToken cancel)
    {
        var (act, service, thing) = (visit.Form["act"].ToString(), visit.Form["service"].ToString(), visit.Form["thing"].ToString());
        if (!Acts.Contains(act, StringComparer.Ordinal) || !reader.Services.Contains(service, StringComparer.Ordinal))
        {
            return Pipeline.NotFound();
        }

        var at = StatusReader.Operations(service);
        var source = Uri.EscapeDataString(thing);
        var answer = act switch
        {
            "requeue" when Guid.TryParse(thing, out var row) => await api.PostAsync<JsonElement?>($"{at}/quarantine/{row}/requeue", null, null, null, cancel),
            "requeue-queue" => await api.PostAsync<JsonElement?>($"{at}/set-aside/{source}/requeue", null, null, null, cancel),
            "run" => await api.PostAsync<JsonElement?>($"{at}/sources/{source}/run", null, null, null, cancel),
            "withdraw" => await api.PostAsync<JsonElement?>($"{at}/sources/{source}/withdraw", null, null, null, cancel),
            "confirm" when Guid.TryParse(visit.Form["run"].ToString(), out var run) => await api.PostAsync<JsonElement?>($"{at}/sources/{source}/confirm", new { run_id = run }, null, null, cancel),
            "rebuild" => await api.PostAsync<JsonElement?>($"{at}/catalogue/rebuild", null, null, null, cancel),
            _ => null,
        };
        return answer is null ? Pipeline.NotFound()
            : answer.Problem is { } problem ? await ShowAsync(visit, reader, problem, cancel)
            : visit.SeeOther($"/status?done={act}#{(act is "run" or "confirm" or "withdraw" ? "sources" : service)}");
    }

    private static async Task<IResult> ShowAsync(Visit visit, StatusReader reader, Problem? problem, CancellationToken cancel)
    {
        var model = await reader.ReadAsync(cancel);
        return visit.Page<StatusPage, StatusModel>(model with { Problem = problem, Done = visit.Http.Request.Query["done"].ToString() }, problem?.Status ?? StatusCodes.Status200OK);
    }
}

/// <summary>Asks every service how it is, all at once; one that does not answer is shown as such.</summary>
internal sealed class StatusReader(Visit visit, ApiClient api, Places places, CatalogueIndex catalogue, SigningKeys keys, GatewaySettings settings)
{
    private static readonly JsonSerializerOptions Reading = new(Json.Options) { UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Skip };
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(5);

    /// <summary>The cities in their order, then what belongs to none.</summary>
    public IReadOnlyList<string> Services => [.. places.Cities, Topology.AuditService, Topology.GatewayService];

    public static string Operations(string service) => service == Topology.GatewayService ? "/operations" : $"/api/operations/{service}";

    /// <summary>A city's operators keep its service; those of the gateway and the log belong to no city.</summary>
    public bool IsOwn(string service) => visit.Person!.City == (service is Topology.AuditService or Topology.GatewayService ? null : service);

    public async Task<StatusModel> ReadAsync(CancellationToken cancel)
    {
        var services = Services.Select(service => ServiceAsync(service, cancel)).ToList();
        var logs = api.GetAsync<LogAnswer>("/api/audit/logs", cancel);
        var sources = IsOwn(Topology.GatewayService) ? await api.GetAsync<List<SourceLine>>("/operations/sources", cancel) : null;
        var held = new Dictionary<string, HeldBack>(StringComparer.Ordinal);
        foreach (var source in (sources?.Value ?? []).Where(source => source.LastRun?.HeldBack > 0))
        {
            if ((await api.GetAsync<HeldBack>($"/operations/sources/{Uri.EscapeDataString(source.Source)}", cancel)).Value is { } waiting)
            {
                held[source.Source] = waiting;
            }
        }

        // What the page is made of changes too often to be followed: these tell when something is there to act on. All are read here, so that nothing is missed between the page and the first look.
        var followed = Operations(Services.First(service => IsOwn(service) && service != Topology.GatewayService));
        await api.GetAsync<JsonElement?>(followed + "/set-aside", cancel);
        return new StatusModel
        {
            Followed = [followed + "/quarantine", followed + "/set-aside", .. sources is null ? (string[])[] : ["/operations/sources"]],
            Cities = [.. places.InOrder(catalogue.Cities, city => city.City).Select(city =>
            {
                var feed = catalogue.FeedOf(city.City);
                return new CityState(city.City, places.City(city.City, visit), city.Harvested == true, city.State.ToString().ToLowerInvariant(), city.AsOf, city.LagSeconds,
                    feed?.Change, feed is null ? null : Math.Max(0, feed.DigestChange - feed.Change));
            })],
            Services = [.. await Task.WhenAll(services)],
            Logs = (await logs).Value?.Items ?? [],
            Sources = sources?.Value,
            Held = held,
            Keys = IsOwn(Topology.GatewayService) ? [.. keys.Published.Select(key => new KeyAge(key.Kid, key.SignsFrom, key.SignsFrom + settings.SigningKeyLifetime))] : null,
        };
    }

    private async Task<ServiceLine> ServiceAsync(string service, CancellationToken cancel)
    {
        var health = HealthAsync(service, cancel);
        var own = IsOwn(service);
        var state = own ? await api.GetAsync<StateAnswer>($"{Operations(service)}/state", cancel) : null;
        var quarantine = own ? await api.GetAsync<List<QuarantineLine>>($"{Operations(service)}/quarantine", cancel) : null;
        return new ServiceLine
        {
            Id = service,
            Name = service switch { Topology.AuditService => visit.T("审计服务", "Audit service"), Topology.GatewayService => visit.T("网关与门户", "Gateway and portal"), _ => places.City(service, visit) },
            Own = own,
            Health = await health,
            State = state?.Value,
            Quarantine = quarantine?.Value ?? [],
            Problem = state?.Problem ?? quarantine?.Problem,
        };
    }

    /// <summary>Null when nobody answers. A service that is not ready says so with 503, and which part.</summary>
    private async Task<HealthAnswer?> HealthAsync(string service, CancellationToken cancel)
    {
        using var soon = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        soon.CancelAfter(AnswerWithin);
        try
        {
            var path = service switch { Topology.GatewayService => "/health/ready", Topology.AuditService => "/api/audit/health/ready", _ => $"/api/cities/{service}/health/ready" };
            using var answer = await api.OpenAsync(path, null, soon.Token);
            return (int)answer.StatusCode is StatusCodes.Status200OK or StatusCodes.Status503ServiceUnavailable
                ? await answer.Content.ReadFromJsonAsync<HealthAnswer>(Reading, soon.Token)
                : null;
        }
        catch (Exception fault) when (fault is HttpRequestException or JsonException or IOException or OperationCanceledException && !cancel.IsCancellationRequested)
        {
            return null;
        }
    }
}
