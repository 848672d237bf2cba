using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;
using System.Net;
using Exchange.Hosting;
using Exchange.Hosting.Webhooks;
using Polly;
using Polly.CircuitBreaker;

namespace Exchange.Catalogue.DataServices;

/// <summary>Section <c>Services</c> of the settings.</summary>
internal sealed record UpstreamSettings : IValidatableObject
{
    /// <summary>Private networks in which departments' services stand, such as <c>10.20.0.0/16</c>; without a line there only public addresses are called.</summary>
    public IReadOnlyList<string> Networks { get; init; } = [];

    /// <summary>How long a service that keeps failing is left alone.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan RestFor { get; init; } = TimeSpan.FromSeconds(10);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) =>
        Networks.Where(network => !IPNetwork.TryParse(network, out _)).Select(network => new ValidationResult($"{network} is no network", [nameof(Networks)]));
}

/// <summary>Calls departments' services: only at addresses that may be called, following nothing, and leaving alone for a while whichever keeps failing.</summary>
internal sealed class Upstreams(UpstreamSettings settings) : IDisposable
{
    private const int FewestCalls = 5;
    private static readonly TimeSpan Judged = TimeSpan.FromSeconds(10);

    private readonly HttpClient client = new(WebhookAddress.Handler(address => OutsideAddress.IsAllowed(address, settings.Networks))) { Timeout = Timeout.InfiniteTimeSpan };
    private readonly ConcurrentDictionary<Guid, (DateTimeOffset As, ResiliencePipeline<HttpResponseMessage> Breaker)> breakers = [];

    /// <summary>Until the answer's headers are there.</summary>
    /// <exception cref="BrokenCircuitException">It is left alone for now.</exception>
    /// <exception cref="HttpRequestException">It cannot be reached, or not at an address that may be called.</exception>
    public async Task<HttpResponseMessage> SendAsync(StoredService service, HttpRequestMessage request, CancellationToken cancel)
    {
        if (service.Credential is var (name, value))
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await BreakerOf(service).ExecuteAsync(async stop => await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop), cancel);
    }

    /// <summary>True when the service answers its probe: it can be called under a grant.</summary>
    public async Task<bool> AnswersAsync(StoredService service, CancellationToken cancel)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        timeout.CancelAfter(TimeSpan.FromSeconds(Math.Min(service.Service.TimeoutSeconds, 5)));
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, service.Service.At(service.Service.Probe));
            using var answer = await SendAsync(service, request, timeout.Token);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception fault) when (fault is HttpRequestException or BrokenCircuitException || (fault is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            return false;
        }
    }

    public void Dispose() => client.Dispose();

    // A service that was described anew begins anew. Whoever hangs up first is the caller and says nothing about the service.
    private ResiliencePipeline<HttpResponseMessage> BreakerOf(StoredService service) =>
        breakers.AddOrUpdate(service.DatasetId, _ => (service.DescribedAt, Make()), (_, known) => known.As == service.DescribedAt ? known : (service.DescribedAt, Make())).Breaker;

    private ResiliencePipeline<HttpResponseMessage> Make() => new ResiliencePipelineBuilder<HttpResponseMessage>()
        .AddCircuitBreaker(new CircuitBreakerStrategyOptions<HttpResponseMessage>
        {
            FailureRatio = 0.8,
            MinimumThroughput = FewestCalls,
            SamplingDuration = Judged,
            BreakDuration = settings.RestFor,
            ShouldHandle = new PredicateBuilder<HttpResponseMessage>().Handle<HttpRequestException>().Handle<TimeoutException>().HandleResult(answer => answer.StatusCode >= HttpStatusCode.InternalServerError),
        })
        .Build();
}
