namespace Exchange.Contracts;

/// <summary>What was agreed: it names the fields, the purpose and the term, and the owning city enforces it.</summary>
public sealed record GrantTerms
{
    /// <summary>The same id as the request: people and machines follow one id.</summary>
    public required Guid ExchangeId { get; init; }

    public required Guid DatasetId { get; init; }

    /// <summary>The entry version whose fields were agreed.</summary>
    public required int DatasetVersion { get; init; }

    public required IReadOnlyList<string> Fields { get; init; }

    public required DateOnly ValidFrom { get; init; }

    /// <summary>Last day of use, in Beijing.</summary>
    public required DateOnly ValidUntil { get; init; }
}
