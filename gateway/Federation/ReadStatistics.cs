using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Gateway.Federation;

/// <summary>
/// The figures of all cities in one answer. Each city is asked in the caller's name and judges the token itself; one that does not answer in time is named,
/// with what it said last and as of when. What a city said is kept in memory: numbers only, the same for every caller.
/// </summary>
internal sealed partial class ReadStatistics(GatewaySettings settings, IHttpClientFactory clients, ILogger<ReadStatistics> log)
{
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(3);
    private const int MostKept = 1000;

    private readonly ConcurrentDictionary<(string City, DateOnly? From, DateOnly? To), JsonObject> kept = new();

    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/api/statistics", (HttpContext http, ReadStatistics statistics, DateOnly? from, DateOnly? to, CancellationToken cancel) =>
            statistics.HandleAsync(http, from, to, cancel))
        .AllowCallers()
        .WithTags("statistics")
        .WithSummary("The figures of all cities")
        .WithDescription("Each city's /statistics in the current year, or from a day to a day, and their sum. A city that does not answer is shown as silent with its last figures and their as_of; the sum holds what is shown.");

    private async Task<Results<Ok<FederatedStatistics>, Refused>> HandleAsync(HttpContext http, DateOnly? from, DateOnly? to, CancellationToken cancel)
    {
        if (from > to)
        {
            var faults = new Faults();
            faults.Add("to", "before-from", null, new("截止日早于起始日。", "The last day is before the first."));
            return new Refused(faults);
        }

        var authorization = http.Request.Headers.Authorization.ToString();
        var cities = await Task.WhenAll(settings.Cities.Keys.Order(StringComparer.Ordinal).Select(city => CityAsync(city, authorization, from, to, cancel)));
        var total = new JsonObject();
        foreach (var city in cities)
        {
            Add(total, city.Statistics?["total"] as JsonObject);
        }

        http.Response.Headers.CacheControl = "private, no-cache";
        return TypedResults.Ok(new FederatedStatistics(cities, total));
    }

    private async Task<CityStatistics> CityAsync(string city, string authorization, DateOnly? from, DateOnly? to, CancellationToken cancel)
    {
        var live = await AskAsync(city, authorization, from, to, cancel);
        if (live is not null && (kept.Count < MostKept || kept.ContainsKey((city, from, to))))
        {
            kept[(city, from, to)] = live;
        }

        var known = live ?? kept.GetValueOrDefault((city, from, to));
        return new CityStatistics(city, known?["as_of"]?.GetValue<string>(), live is null ? "silent" : "live", known);
    }

    private async Task<JsonObject?> AskAsync(string city, string authorization, DateOnly? from, DateOnly? to, CancellationToken cancel)
    {
        using var client = clients.CreateClient(Repair.HttpClientName);
        using var soon = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        soon.CancelAfter(AnswerWithin);
        var days = string.Join('&', new[] { ("from", from), ("to", to) }.Where(d => d.Item2 is not null).Select(d => string.Create(CultureInfo.InvariantCulture, $"{d.Item1}={d.Item2:yyyy-MM-dd}")));
        foreach (var address in settings.AddressesOf(city))
        {
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, $"{address}/statistics?{days}");
                request.Headers.Authorization = AuthenticationHeaderValue.Parse(authorization);
                using var answer = await client.SendAsync(request, soon.Token);
                answer.EnsureSuccessStatusCode();
                return await answer.Content.ReadFromJsonAsync<JsonObject>(Json.Options, soon.Token);
            }
            catch (Exception fault) when (fault is HttpRequestException or System.Text.Json.JsonException or OperationCanceledException && !cancel.IsCancellationRequested)
            {
                // The city's next process may answer.
                LogSilent(log, city, fault.Message);
            }
        }

        return null;
    }

    /// <summary>Numbers are added up, the longest and the most stay what they are, links belong to one city.</summary>
    private static void Add(JsonObject total, JsonObject? more)
    {
        foreach (var (name, value) in more ?? [])
        {
            if (value is JsonObject inner)
            {
                Add((JsonObject)(total[name] ??= new JsonObject()), inner);
            }
            else if (value is JsonValue number && number.TryGetValue<long>(out var n))
            {
                var before = total[name]?.GetValue<long>() ?? 0;
                total[name] = name is "longest_wait_days" or "most_per_request" ? Math.Max(before, n) : before + n;
            }
        }
    }

    /// <summary>What the cities say, and the sum of it.</summary>
    /// <param name="Cities">Every city, whether it answers or not.</param>
    /// <param name="Total">Of the figures that stand in <paramref name="Cities"/>, those of silent cities included.</param>
    internal sealed record FederatedStatistics(IReadOnlyList<CityStatistics> Cities, JsonObject Total);

    /// <summary>One city's figures.</summary>
    /// <param name="City">Which.</param>
    /// <param name="AsOf">When it said so; absent when it has not answered since the gateway started.</param>
    /// <param name="State"><c>live</c>: it answered now; <c>silent</c>: it did not.</param>
    /// <param name="Statistics">As the city's own /statistics answers.</param>
    internal sealed record CityStatistics(string City, string? AsOf, string State, JsonObject? Statistics);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{City} does not tell its figures: {Reason}")]
    private static partial void LogSilent(ILogger log, string city, string reason);
}
