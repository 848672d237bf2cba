namespace Exchange.Contracts;

/// <summary>Access is stopped until misuse is put right (暂停共享, art. 27).</summary>
public sealed record Suspension
{
    /// <summary>What was found, told to the asking side.</summary>
    public required string Reason { get; init; }

    /// <summary>Last day to put it right, in Beijing; set case by case.</summary>
    public required DateOnly RepairBy { get; init; }

    /// <summary><c>provider</c> or <c>authority</c>: either of them must suspend.</summary>
    public required string By { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>What the asking side says it has put right; null until it reported.</summary>
    public string? Repair { get; init; }

    public DateTimeOffset? ReportedAt { get; init; }

    /// <summary>When access was resumed or terminated; null while it is stopped.</summary>
    public DateTimeOffset? EndedAt { get; init; }
}

/// <summary>A wider scope, another purpose or a third party, asked for while a grant runs (art. 25): a new decision on the same request.</summary>
public sealed record ScopeChange
{
    /// <summary>All data items that would be granted; null when they stay as they are.</summary>
    public IReadOnlyList<string>? Fields { get; init; }

    /// <summary>Last day of use that is asked for, in Beijing; null when it stays.</summary>
    public DateOnly? UseUntil { get; init; }

    /// <summary>The other or further purpose; null when it stays.</summary>
    public string? Scenario { get; init; }

    /// <summary>To whom the data would be passed on; null when to nobody.</summary>
    public string? ThirdParty { get; init; }

    /// <summary>Why it is needed, and the law or duty it rests on.</summary>
    public required string Reason { get; init; }

    /// <summary>Subject of the head of the asking department's sharing office who signed it; null while it is only prepared.</summary>
    public string? SignedBy { get; init; }

    public required DateTimeOffset AskedAt { get; init; }

    /// <summary><c>approved</c> or <c>refused</c>; null until the head of the provider's sharing office has signed.</summary>
    public string? Outcome { get; init; }

    /// <summary>Why; required for a refusal.</summary>
    public string? OutcomeReason { get; init; }

    public DateTimeOffset? DecidedAt { get; init; }
}

/// <summary>The provider has to end or change a running service: it consults the asking side and files with its data authority (art. 27).</summary>
public sealed record Consultation
{
    /// <summary><c>end</c> or <c>change</c>.</summary>
    public required string Kind { get; init; }

    public required string Reason { get; init; }

    /// <summary>From which day, in Beijing.</summary>
    public required DateOnly EffectiveOn { get; init; }

    /// <summary>Until when the asking side answers; after it the provider goes on without.</summary>
    public required LegalDate AnswerBy { get; init; }

    public required DateTimeOffset AskedAt { get; init; }

    /// <summary>Null until the asking side answered.</summary>
    public bool? Agreed { get; init; }

    public string? Answer { get; init; }

    public DateTimeOffset? AnsweredAt { get; init; }

    /// <summary>When it was filed with the provider's data authority.</summary>
    public DateTimeOffset? FiledAt { get; init; }
}

/// <summary>A dispute about the exchange (art. 28): negotiated, then coordinated by the common superior authority, then decided by its government.</summary>
public sealed record Dispute
{
    /// <summary><c>negotiation</c>, <c>superior</c>, <c>government</c> or <c>settled</c>.</summary>
    public required string Stage { get; init; }

    public required IReadOnlyList<DisputeStep> Steps { get; init; }
}

/// <summary>One step of a dispute.</summary>
/// <param name="Kind">position, to_superior, superior_decision, to_government, government_decision or settled.</param>
/// <param name="By">asking, owning or authority: who wrote it down.</param>
/// <param name="Text">The position, or what was decided and by which document.</param>
/// <param name="At">When.</param>
/// <param name="To">The superior authority or the government it is put to; null for other steps.</param>
public sealed record DisputeStep(string Kind, string By, string Text, DateTimeOffset At, string? To = null);

/// <summary>What the asking side did with the data once it was no longer needed (处置, art. 27).</summary>
public sealed record Disposal
{
    /// <summary>delete, return, seal or anonymise.</summary>
    public required string Method { get; init; }

    /// <summary>What was disposed of, where, and how it was checked.</summary>
    public required string Note { get; init; }

    /// <summary>Subject of the person who recorded it.</summary>
    public required string By { get; init; }

    /// <summary>Subject of the second person; null where the data is neither personal nor important (GB/T 45396-2025, 7.2 h).</summary>
    public string? SecondPerson { get; init; }

    public required DateTimeOffset At { get; init; }
}

/// <summary>The asking side says what it has put right (art. 27).</summary>
public sealed record RepairReported
{
    public required Guid ExchangeId { get; init; }

    public required string AskingCity { get; init; }

    public required string OwningCity { get; init; }

    public required string Note { get; init; }

    public required DateTimeOffset ReportedAt { get; init; }
}

/// <summary>The asking side asks for a wider scope, another purpose or a third party, signed by the head of its sharing office (art. 25).</summary>
public sealed record ScopeChangeAsked
{
    public required Guid ExchangeId { get; init; }

    public required string AskingCity { get; init; }

    public required string OwningCity { get; init; }

    public required ScopeChange Change { get; init; }
}

/// <summary>The asking side answers the provider's consultation (art. 27).</summary>
public sealed record ConsultationAnswered
{
    public required Guid ExchangeId { get; init; }

    public required string AskingCity { get; init; }

    public required string OwningCity { get; init; }

    public required bool Agreed { get; init; }

    public required string Answer { get; init; }

    public required DateTimeOffset AnsweredAt { get; init; }
}

/// <summary>The asking side opens a dispute or adds its position (art. 28).</summary>
public sealed record DisputeRaised
{
    public required Guid ExchangeId { get; init; }

    public required string AskingCity { get; init; }

    public required string OwningCity { get; init; }

    public required string Position { get; init; }

    public required DateTimeOffset RaisedAt { get; init; }
}

/// <summary>The asking side disposed of what it had received (art. 27).</summary>
public sealed record DisposalRecorded
{
    public required Guid ExchangeId { get; init; }

    public required string AskingCity { get; init; }

    public required string OwningCity { get; init; }

    public required Disposal Disposal { get; init; }
}
