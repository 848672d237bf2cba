namespace Exchange.Contracts;

/// <summary>The owning city tells the asking city where the request stands, whole: the mirror keeps the newest version and needs no earlier one.</summary>
public sealed record RequestProgressed
{
    public required Guid ExchangeId { get; init; }

    public required string AskingCity { get; init; }

    public required string OwningCity { get; init; }

    /// <summary>Unified social credit code of the providing department.</summary>
    public required string OwningDepartment { get; init; }

    /// <summary>Version of the owning city's row; counts up with every change.</summary>
    public required int Version { get; init; }

    /// <summary>State of the request in the owning city, a word of the sharing process.</summary>
    public required string State { get; init; }

    /// <summary>What happened last, a word of the sharing process.</summary>
    public required string Event { get; init; }

    /// <summary>Reference for people: 长沙-2026-000123.</summary>
    public required string Reference { get; init; }

    public required DateTimeOffset ReceivedAt { get; init; }

    /// <summary>Last day of the reply clock (art. 21), in Beijing; null once answered.</summary>
    public LegalDate? ReplyDue { get; init; }

    /// <summary>Last day of the delivery clock (art. 22), in Beijing; null unless it runs.</summary>
    public LegalDate? DeliveryDue { get; init; }

    /// <summary>Null until the reply was signed.</summary>
    public Reply? Reply { get; init; }

    /// <summary>Null until access was granted.</summary>
    public GrantTerms? Grant { get; init; }

    /// <summary>Why it ended: term, not_needed, withdrawn; null while it has not.</summary>
    public string? EndReason { get; init; }

    public required DateTimeOffset At { get; init; }
}

/// <summary>A legal day in Asia/Shanghai; it ends at 24:00 there.</summary>
/// <param name="On">The day.</param>
/// <param name="Provisional">True when it lies past the loaded calendar and is computed anew when that arrives.</param>
public sealed record LegalDate(DateOnly On, bool Provisional);

/// <summary>The signed reply (art. 21).</summary>
public sealed record Reply
{
    /// <summary><c>approved</c> or <c>refused</c>.</summary>
    public required string Outcome { get; init; }

    /// <summary>Why; required for a refusal.</summary>
    public string? Reason { get; init; }

    /// <summary>The law a refusal rests on.</summary>
    public string? CitedLaw { get; init; }

    /// <summary>Subject of the head of the provider's sharing office who signed, in person or by the standing sign-off.</summary>
    public required string SignedBy { get; init; }

    /// <summary>The day the standing sign-off was given; null when signed in person.</summary>
    public DateOnly? StandingSince { get; init; }

    public required DateTimeOffset SignedAt { get; init; }
}
