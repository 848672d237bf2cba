using System.ComponentModel.DataAnnotations;

namespace Exchange.Catalogue.Standing;

/// <summary>Section <c>Standing</c> of the settings.</summary>
internal sealed record StandingSettings
{
    /// <summary>The gateway as this city reaches it; null: its public address.</summary>
    [RegularExpression("^https?://[^/]+$")]
    public string? Gateway { get; init; }

    /// <summary>By department (unified social credit code) the machine client that fetches for it. Secrets stand in the settings alone, never in the database.</summary>
    public IDictionary<string, MachineClient> Clients { get; init; } = new Dictionary<string, MachineClient>();

    /// <summary>How often it is looked what is due.</summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "00:01:00")]
    public TimeSpan Every { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Time to the first retry after a fault; each further one takes twice as long.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "01:00:00")]
    public TimeSpan FirstRetry { get; init; } = TimeSpan.FromSeconds(10);

    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan LongestRetry { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>After how many faults in a row people are told.</summary>
    [Range(1, 1000)]
    public int LastingAfter { get; init; } = 5;
}

/// <summary>Client credentials at the gateway.</summary>
internal sealed record MachineClient
{
    public string Id { get; init; } = "";

    public string Secret { get; init; } = "";
}
