using System.ComponentModel.DataAnnotations;

namespace Exchange.Audit.Log;

/// <summary>The log's own settings, section <c>Log</c>.</summary>
internal sealed record LogSettings
{
    /// <summary>Folder of the full tiles, written once and served from there. Several processes may share it. What it loses is written again from the database.</summary>
    [Required]
    public string TileFolder { get; init; } = "";

    /// <summary>
    /// Addresses of the cities' catalogue services, by city; several of one city separated by commas. Whose cosignature counts is not said here but in the agreement
    /// (<c>trust.json</c> in the key folder).
    /// </summary>
    public IDictionary<string, string> Witnesses { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>How long a witness may be silent before readiness says so.</summary>
    public TimeSpan WitnessAlarm { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long a key that was replaced goes on signing beside its successor.</summary>
    [Range(typeof(TimeSpan), "1.00:00:00", "366.00:00:00")]
    public TimeSpan KeyOverlap { get; init; } = TimeSpan.FromDays(30);

    /// <summary>Years that a closed log is kept at least (第29条: three).</summary>
    [Range(3, 100)]
    public int RetainYears { get; init; } = 3;

    /// <summary>How long the log waits for the other party's record, a heartbeat or a day's close before its absence is reported.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00")]
    public TimeSpan PairWithin { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long after it was made a record may be received before it is reported as late; delays under a minute are not kept.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "7.00:00:00")]
    public TimeSpan LateAfter { get; init; } = TimeSpan.FromMinutes(5);

    public IEnumerable<IReadOnlyList<Uri>> WitnessAddresses => Witnesses.Values.Select(addresses => (IReadOnlyList<Uri>)[.. addresses.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(a => new Uri(a))]);
}
