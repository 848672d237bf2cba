using System.ComponentModel.DataAnnotations;

namespace Exchange.Audit.Reconciliation;

/// <summary>What the report of gaps takes for late and for missing.</summary>
internal sealed record PairingSettings
{
    /// <summary>How long the log waits for the other party's record, a heartbeat or a day's close before its absence is reported.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00")]
    public TimeSpan PairWithin { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long after it was made a record may be received before it is reported as late; delays under a minute are not kept.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "7.00:00:00")]
    public TimeSpan LateAfter { get; init; } = TimeSpan.FromMinutes(5);
}
