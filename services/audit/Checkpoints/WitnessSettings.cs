namespace Exchange.Audit.Checkpoints;

/// <summary>Where the witnesses are. Whose cosignature counts is not said here but in the agreement (<c>trust.json</c> in the key folder).</summary>
internal sealed record WitnessSettings
{
    /// <summary>Addresses of the cities' catalogue services, by city; several of one city separated by commas.</summary>
    public IDictionary<string, string> Witnesses { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>How long a witness may be silent before readiness says so.</summary>
    public TimeSpan WitnessAlarm { get; init; } = TimeSpan.FromMinutes(5);

    public IEnumerable<IReadOnlyList<Uri>> Addresses => Witnesses.Values.Select(addresses => (IReadOnlyList<Uri>)[.. addresses.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(a => new Uri(a))]);
}
