using Exchange.Audit.Log;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Exchange.Audit.Checkpoints;

/// <summary>Whether the log may append, which witnesses are silent, and whether a replaced key waits for the agreement.</summary>
internal sealed class WitnessCheck(StartGate gate, Witnesses witnesses, LogKeyring keys) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(
        gate.Shut is { } reason ? HealthCheckResult.Degraded($"nothing is appended: {reason}")
        : witnesses.Silent is { Count: > 0 } silent ? HealthCheckResult.Degraded($"no cosignature from {string.Join(", ", silent)}")
        : keys.Overdue is { } overdue ? HealthCheckResult.Degraded(overdue)
        : HealthCheckResult.Healthy(witnesses.Agreed() is { Quorum: > 0 } ? null : "no trust.json in the key folder: no city cosigns this log"));
}
