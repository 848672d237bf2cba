namespace Exchange.Contracts;

/// <summary>The asking city's department asks for a dataset (art. 20), signed off by the head of its sharing office. Addressed to the owning city, which owns the request from here on.</summary>
public sealed record RequestSubmitted
{
    /// <summary>UUIDv7; the same in both cities, the grant and the audit log.</summary>
    public required Guid ExchangeId { get; init; }

    public required string AskingCity { get; init; }

    public required string OwningCity { get; init; }

    public required Guid DatasetId { get; init; }

    /// <summary>The published version the department read when it asked.</summary>
    public required int DatasetVersion { get; init; }

    /// <summary>Unified social credit code of the asking department.</summary>
    public required string DepartmentCode { get; init; }

    public required string DepartmentName { get; init; }

    public required RequestPurpose Purpose { get; init; }

    /// <summary>Subject of the person who signed off in the asking city; a person, never a client.</summary>
    public required string SignedOffBy { get; init; }

    /// <summary>Signed off and committed in the asking city: the reply clock starts here.</summary>
    public required DateTimeOffset SubmittedAt { get; init; }

    /// <summary>The asking city's version of its row; the owning city counts on from it.</summary>
    public required int Version { get; init; }
}

/// <summary>What a request must state (art. 20).</summary>
public sealed record RequestPurpose
{
    /// <summary>使用依据: the law or duty.</summary>
    public required string LegalBasis { get; init; }

    /// <summary>使用场景.</summary>
    public required string Scenario { get; init; }

    /// <summary>使用范围.</summary>
    public required string Scope { get; init; }

    /// <summary>共享方式: rows, file or service.</summary>
    public required string Method { get; init; }

    /// <summary>The data items asked for, by name.</summary>
    public required IReadOnlyList<string> Fields { get; init; }

    /// <summary>使用时限: last day of use, in Beijing.</summary>
    public required DateOnly UseUntil { get; init; }
}

/// <summary>The asking side supplies what the provider named as missing (art. 21). Fields and term stay as they were submitted.</summary>
public sealed record RequestSupplemented
{
    public required Guid ExchangeId { get; init; }

    public required string AskingCity { get; init; }

    public required string OwningCity { get; init; }

    /// <summary>What answers the notice, in the asking department's words.</summary>
    public required string Note { get; init; }

    /// <summary>使用依据 as it stands now.</summary>
    public required string LegalBasis { get; init; }

    /// <summary>使用场景 as it stands now.</summary>
    public required string Scenario { get; init; }

    /// <summary>使用范围 as it stands now.</summary>
    public required string Scope { get; init; }

    public required DateTimeOffset SuppliedAt { get; init; }
}

/// <summary>The asking city takes its request back. If approval won the race, the owning city ends the grant with reason <c>not_needed</c>.</summary>
public sealed record RequestWithdrawn
{
    public required Guid ExchangeId { get; init; }

    public required string AskingCity { get; init; }

    public required string OwningCity { get; init; }

    public required string Reason { get; init; }

    public required DateTimeOffset WithdrawnAt { get; init; }
}
