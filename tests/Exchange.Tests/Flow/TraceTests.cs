using System.Diagnostics;
using Xunit;

namespace Exchange.Tests.Flow;

/// <summary>One act, one trace: gateway, asking city, its SQL, broker, owning city and the append to the log.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class TraceTests(ExchangeFixture exchange)
{
    [Fact]
    public async Task A_submission_is_one_trace_from_the_gateway_to_the_audit_append()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("id").GetGuid();
        var draft = (await exchange.DraftRequestAsync(dataset)).Succeeded("draft");
        var id = draft["id"].GetString();
        var signed = (await exchange.Who("zhuzhou", "sharing_head").PostAsync($"/api/cities/zhuzhou/requests/{id}/sign-off", etag: draft.ETag)).Succeeded("sign off");
        var trace = ActivityTraceId.CreateRandom().ToHexString();

        (await exchange.Who("zhuzhou", "officer").SendAsync(HttpMethod.Post, $"/api/cities/zhuzhou/requests/{id}/submit", null, request =>
        {
            request.Headers.TryAddWithoutValidation("Idempotency-Key", Guid.NewGuid().ToString());
            request.Headers.TryAddWithoutValidation("If-Match", signed.ETag);
            request.Headers.TryAddWithoutValidation("traceparent", $"00-{trace}-{ActivitySpanId.CreateRandom().ToHexString()}-01");
        }, default)).Succeeded("submit");

        await Eventually.GetAsync(
            () => Task.FromResult(exchange.Collector.Spans.Where(s => s.Trace == trace).ToList()),
            spans => new[] { "gateway", "zhuzhou", "changsha" }.All(service => spans.Any(s => s.Service == service)) && spans.Any(s => s is { Service: "audit", Name: "audit append" }),
            show: spans => string.Join("; ", spans.Select(s => $"{s.Service} {s.Name}").Order()));
        await Eventually.TrueAsync(() => Task.FromResult(new[] { "/v1/traces", "/v1/metrics", "/v1/logs" }.All(exchange.Collector.Posts.ContainsKey)));
    }
}
