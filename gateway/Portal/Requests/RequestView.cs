using Exchange.Contracts;

namespace Exchange.Gateway.Portal.Requests;

/// <summary>A request of the reader's department as its own city shows it, with what the pages need of it.</summary>
public sealed record RequestView
{
    public required Guid Id { get; init; }

    /// <summary>Given when the owning city received it.</summary>
    public string? Reference { get; init; }

    public required string State { get; init; }

    /// <summary>An act of the reader's side that the owning city has not answered, or that waits for its second person.</summary>
    public string? Pending { get; init; }

    public required int Version { get; init; }
    public required PartyName Asking { get; init; }
    public required PartyName Owning { get; init; }
    public required AskedDataset Dataset { get; init; }
    public required string LegalBasis { get; init; }
    public required string Scenario { get; init; }
    public required string Scope { get; init; }
    public required string Method { get; init; }
    public required IReadOnlyList<string> Fields { get; init; }
    public required DateOnly UseUntil { get; init; }
    public DateTimeOffset? SubmittedAt { get; init; }
    public DateTimeOffset? ReceivedAt { get; init; }
    public LegalDate? ReplyDue { get; init; }
    public SupplementNotice? Supplement { get; init; }
    public string? SupplementNote { get; init; }
    public Extension? Extension { get; init; }
    public Reply? Reply { get; init; }
    public GrantTerms? Grant { get; init; }
    public string? PurposeCode { get; init; }
    public Suspension? Suspension { get; init; }
    public ScopeChange? Change { get; init; }
    public Consultation? Consultation { get; init; }
    public Dispute? Dispute { get; init; }
    public LegalDate? DisposalDue { get; init; }
    public Disposal? Disposal { get; init; }
    public ScopeChange? PreparedChange { get; init; }
    public Disposal? PreparedDisposal { get; init; }
    public DateOnly? RetainUntil { get; init; }
    public string? EndReason { get; init; }
    public required DateTimeOffset ChangedAt { get; init; }

    /// <summary>The nearest first.</summary>
    public IReadOnlyList<RunningDate> Due { get; init; } = [];

    public IReadOnlyList<ApiLink> Links { get; init; } = [];

    /// <summary>What is agreed, or else what was asked for.</summary>
    public string SharedAs => Grant?.Method ?? Method;

    public string Address => $"/api/cities/{Asking.City}/requests/{Id}";

    public string GrantAddress => $"/api/cities/{Owning.City}/grants/{Id}";

    public ApiLink? Link(string rel) => Links.FirstOrDefault(link => link.Rel == rel);
}

/// <summary>A page of requests, newest first.</summary>
public sealed record RequestList
{
    public IReadOnlyList<RequestView> Items { get; init; } = [];
    public string? Next { get; init; }
}

/// <summary>One step of a request in its own city.</summary>
public sealed record RequestStep
{
    public required int Version { get; init; }
    public required string Event { get; init; }
    public required string State { get; init; }
    public required DateTimeOffset At { get; init; }

    /// <summary>Name of the person; null when a message or a clock did it.</summary>
    public string? By { get; init; }

    public string? Note { get; init; }
}

/// <summary>An error that the department reported under the request (art. 26).</summary>
public sealed record CorrectionView
{
    public required Guid Id { get; init; }
    public required string State { get; init; }
    public required string Field { get; init; }
    public required string Record { get; init; }
    public string? Wrong { get; init; }
    public required string Right { get; init; }
    public required string Evidence { get; init; }
    public required DateTimeOffset FiledAt { get; init; }
    public LegalDate? Due { get; init; }
    public string? Result { get; init; }
    public string? Explanation { get; init; }
    public DateTimeOffset? AnsweredAt { get; init; }
}

/// <summary>A page of corrections, newest first.</summary>
public sealed record CorrectionList
{
    public IReadOnlyList<CorrectionView> Items { get; init; } = [];
    public string? Next { get; init; }
}

/// <summary>How the data was used (art. 29).</summary>
public sealed record UseRecord
{
    public required Guid Id { get; init; }
    public required string Scenario { get; init; }
    public required string Process { get; init; }
    public required string Result { get; init; }
    public required string Storage { get; init; }
    public string? Destruction { get; init; }
    public required string By { get; init; }
    public required DateTimeOffset At { get; init; }
}

/// <summary>A page of records of use, oldest first.</summary>
public sealed record UseRecordList
{
    public IReadOnlyList<UseRecord> Items { get; init; } = [];
    public string? Next { get; init; }
}
