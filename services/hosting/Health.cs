using Dapper;
using Exchange.Hosting.Messaging;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Exchange.Hosting;

/// <summary>Liveness asks nothing of others, or one broken part would restart all. Readiness names each part: the database must answer; a broker that is away only degrades.</summary>
internal static class Health
{
    public static void AddHealth(this IServiceCollection services) => services.AddHealthChecks()
        .AddCheck<DrainCheck>("drain")
        .AddCheck<DatabaseCheck>("database")
        .AddCheck<OutboxCheck>("outbox")
        .AddCheck<SetAsideCheck>("set_aside")
        .AddCheck<AuditCheck>("audit");

    public static void MapHealth(this WebApplication app)
    {
        app.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = _ => false }).AllowAnyone();
        app.MapHealthChecks("/health/ready", new HealthCheckOptions
        {
            ResponseWriter = (context, report) => context.Response.WriteAsJsonAsync(
                new Readiness(report.Status.ToString().ToLowerInvariant(), report.Entries.ToDictionary(e => e.Key, e => new Part(e.Value.Status.ToString().ToLowerInvariant(), e.Value.Description))),
                Json.Options, context.RequestAborted),
        }).AllowAnyone();
    }

    private sealed record Readiness(string Status, Dictionary<string, Part> Parts);

    private sealed record Part(string Status, string? Note);

    private sealed class DrainCheck(Drain drain) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            Task.FromResult(drain.Draining ? HealthCheckResult.Unhealthy("this process is stopping; send to another one") : HealthCheckResult.Healthy());
    }

    private sealed class DatabaseCheck(Database database) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            try
            {
                await using var connection = await database.OpenAsync(cancellationToken);
                await connection.ExecuteScalarAsync<int>("select 1");
                return HealthCheckResult.Healthy();
            }
            catch (Exception fault) when (TransientFault.Is(fault))
            {
                return HealthCheckResult.Unhealthy("the database does not answer");
            }
        }
    }

    private sealed class SetAsideCheck(SetAside aside) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            var held = string.Join(", ", aside.Held.Select(q => $"{q.Key}: {q.Value}"));
            return Task.FromResult(held.Length == 0 ? HealthCheckResult.Healthy() : HealthCheckResult.Degraded(held));
        }
    }

    private sealed class AuditCheck(AuditWatch watch) : IHealthCheck
    {
        // Past the limit it is no less ready: reads, refusals and withdrawals go on.
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            Task.FromResult(watch.Late ? HealthCheckResult.Degraded(watch.Note) : HealthCheckResult.Healthy(watch.Note));
    }

    private sealed class OutboxCheck(Database database, RelayState relay) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            try
            {
                await using var connection = await database.OpenAsync(cancellationToken);
                var (waiting, oldest, quarantined, nowhere) = await connection.QuerySingleAsync<(long Waiting, double Oldest, long Quarantined, string? Nowhere)>("""
                    select count(*) filter (where quarantined_at is null),
                           coalesce(extract(epoch from max(clock_timestamp() - created_at) filter (where quarantined_at is null)), 0)::float8,
                           count(*) filter (where quarantined_at is not null),
                           string_agg(distinct routing_key, ', ') filter (where hold_until is not null)
                    from outbox
                    where sent_at is null
                    """);
                var note = $"{waiting} waiting, oldest {oldest:0.0} s, {quarantined} in quarantine, {(relay.Leading ? "leading" : "not leading")}"
                    + (nowhere is null ? "" : $"; no queue is bound for {nowhere}: import the broker's definitions")
                    + (relay.Blocked is { } reason ? $"; the broker takes no messages: {reason}" : "");
                return quarantined > 0 || oldest > 10 || nowhere is not null || relay.Blocked is not null || (relay.Leading && !relay.BrokerConnected && waiting > 0)
                    ? HealthCheckResult.Degraded(note)
                    : HealthCheckResult.Healthy(note);
            }
            catch (Exception fault) when (TransientFault.Is(fault))
            {
                return HealthCheckResult.Unhealthy("the database does not answer");
            }
        }
    }
}
