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

    /// <summary>共享方式: rows, file or service; null in grants of before.</summary>
    public string? Method { get; init; }

    /// <summary>使用场景: the purpose that was agreed; null in grants of before.</summary>
    public string? Purpose { get; init; }

    /// <summary>To whom the data may be passed on (art. 25); empty: to nobody.</summary>
    public IReadOnlyList<string> ThirdParties { get; init; } = [];

    /// <summary>How the provider requires the data to be disposed of (art. 27): delete, return, seal or anonymise.</summary>
    public string? Disposal { get; init; }
}
