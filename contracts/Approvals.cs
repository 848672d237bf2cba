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

    /// <summary>Null until the provider asked for missing material; once at most.</summary>
    public SupplementNotice? Supplement { get; init; }

    /// <summary>Null until an extension was consented to.</summary>
    public Extension? Extension { get; init; }

    /// <summary>Null until the reply was signed.</summary>
    public Reply? Reply { get; init; }

    /// <summary>Null until access was granted.</summary>
    public GrantTerms? Grant { get; init; }

    /// <summary>Null until access was stopped for the first time; the newest one.</summary>
    public Suspension? Suspension { get; init; }

    /// <summary>Null until a change of scope was asked for; the newest one.</summary>
    public ScopeChange? Change { get; init; }

    /// <summary>Null until the provider consulted about ending or changing the service; the newest one.</summary>
    public Consultation? Consultation { get; init; }

    /// <summary>Null until somebody disagreed.</summary>
    public Dispute? Dispute { get; init; }

    /// <summary>Last day to dispose of the data, in Beijing; null unless that clock runs.</summary>
    public LegalDate? DisposalDue { get; init; }

    /// <summary>Null until the data was disposed of.</summary>
    public Disposal? Disposal { get; init; }

    /// <summary>Until when the records are kept at least (art. 29); null until archived.</summary>
    public DateOnly? RetainUntil { get; init; }

    /// <summary>Why it ended: term, not_needed, withdrawn, service_ended, misuse; null while it has not.</summary>
    public string? EndReason { get; init; }

    public required DateTimeOffset At { get; init; }
}

/// <summary>A legal day in Asia/Shanghai; it ends at 24:00 there.</summary>
/// <param name="On">The day.</param>
/// <param name="Provisional">True when it lies past the loaded calendar and is computed anew when that arrives.</param>
public sealed record LegalDate(DateOnly On, bool Provisional);

/// <summary>Everything that is missing, told once (art. 21).</summary>
public sealed record SupplementNotice
{
    public required IReadOnlyList<MissingItem> Missing { get; init; }

    public required DateTimeOffset AskedAt { get; init; }

    /// <summary>Working days left of the reply clock when it was paused; null when it runs on meanwhile, as the owning city has set.</summary>
    public int? DaysLeft { get; init; }

    /// <summary>When the supplement arrived in the owning city; null while it is awaited.</summary>
    public DateTimeOffset? AnsweredAt { get; init; }
}

/// <summary>One thing that is missing.</summary>
/// <param name="Item">What it belongs to: legal_basis, scenario, scope, fields, use_until or material.</param>
/// <param name="What">What to supply, in the provider's words.</param>
public sealed record MissingItem(string Item, string What);

/// <summary>The reply clock was extended (art. 21), at most ten working days in total, with the consent of the provider's data authority.</summary>
/// <param name="WorkingDays">In total.</param>
/// <param name="Reason">The provider's, of the newest extension.</param>
/// <param name="ConsentedAt">When the authority consented to it.</param>
public sealed record Extension(int WorkingDays, string Reason, DateTimeOffset ConsentedAt);

/// <summary>The signed reply (art. 21).</summary>
public sealed record Reply
{
    /// <summary><c>approved</c> or <c>refused</c>.</summary>
    public required string Outcome { get; init; }

    /// <summary>Why; required for a refusal.</summary>
    public string? Reason { get; init; }

    /// <summary>On which of the regulation's grounds it was refused: outside_duty, not_necessary, conditions_not_met, not_shared_by_law, incomplete, other; null in replies of before.</summary>
    public IReadOnlyList<string>? Grounds { get; init; }

    /// <summary>The law a refusal rests on.</summary>
    public string? CitedLaw { get; init; }

    /// <summary>Subject of the head of the provider's sharing office who signed, in person or by the standing sign-off.</summary>
    public required string SignedBy { get; init; }

    /// <summary>The day the standing sign-off was given; null when signed in person.</summary>
    public DateOnly? StandingSince { get; init; }

    public required DateTimeOffset SignedAt { get; init; }
}
