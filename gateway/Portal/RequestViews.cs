using Exchange.Contracts;

namespace Exchange.Gateway.Portal;

/// <summary>A request and the exchange that comes of it, as either side's city or its authority reads it; what the pages need of it.</summary>
public sealed record RequestView
{
    public required Guid Id { get; init; }

    /// <summary>Given when the owning city received it.</summary>
    public string? Reference { get; init; }

    public required string State { get; init; }

    /// <summary>An act of the asking side that the owning city has not answered, or that waits for its second person.</summary>
    public string? Pending { get; init; }

    /// <summary>What a form that acts on it names as the version its writer saw.</summary>
    public required int Version { get; init; }

    public required PartyName Asking { get; init; }
    public required PartyName Owning { get; init; }
    public required AskedDataset Dataset { get; init; }
    public required string LegalBasis { get; init; }
    public required string Scenario { get; init; }
    public required string Scope { get; init; }
    public required string Method { get; init; }
    public IReadOnlyList<string> Fields { get; init; } = [];
    public required DateOnly UseUntil { get; init; }
    public DateTimeOffset? SubmittedAt { get; init; }
    public DateTimeOffset? ReceivedAt { get; init; }
    public LegalDate? ReplyDue { get; init; }
    public LegalDate? DeliveryDue { get; init; }
    public SupplementNotice? Supplement { get; init; }
    public string? SupplementNote { get; init; }
    public Extension? Extension { get; init; }
    public AskedExtension? ExtensionAsked { get; init; }
    public ProposedReply? Proposal { get; init; }
    public Reply? Reply { get; init; }
    public GrantTerms? Grant { get; init; }
    public string? PurposeCode { get; init; }
    public Suspension? Suspension { get; init; }
    public ScopeChange? Change { get; init; }
    public ScopeChange? PreparedChange { get; init; }
    public Consultation? Consultation { get; init; }
    public Dispute? Dispute { get; init; }
    public LegalDate? DisposalDue { get; init; }
    public Disposal? Disposal { get; init; }
    public Disposal? PreparedDisposal { get; init; }
    public DateOnly? RetainUntil { get; init; }
    public string? EndReason { get; init; }
    public required DateTimeOffset ChangedAt { get; init; }

    /// <summary>The dates that run, the nearest first.</summary>
    public IReadOnlyList<RunningDate> Due { get; init; } = [];

    /// <summary>What the API says can be done next.</summary>
    public IReadOnlyList<ApiLink> Links { get; init; } = [];

    /// <summary>The date that the owning side has to keep; null where none runs.</summary>
    public RunningDate? OwningDue => Due.FirstOrDefault(date => date.What is "reply" or "delivery" or "change");

    /// <summary>What is asked for now is a change of a running grant.</summary>
    public bool ChangeIsOpen => Change is { Outcome: null, SignedBy: not null } && Grant is not null;

    /// <summary>The data items to decide on.</summary>
    public IReadOnlyList<string> AskedFields => ChangeIsOpen ? Change!.Fields ?? Grant!.Fields : Fields;

    /// <summary>What is agreed, or else what was asked for.</summary>
    public string SharedAs => Grant?.Method ?? Method;

    public string Address => $"/api/cities/{Asking.City}/requests/{Id}";

    public string GrantAddress => $"/api/cities/{Owning.City}/grants/{Id}";

    public ApiLink? Link(string rel) => Links.FirstOrDefault(link => link.Rel == rel);

    public bool Can(string rel) => Link(rel) is not null;
}

/// <summary>A page of requests.</summary>
public sealed record RequestList
{
    public IReadOnlyList<RequestView> Items { get; init; } = [];
    public string? Next { get; init; }
}

/// <summary>One step of a request in one of its cities.</summary>
public sealed record RequestStep
{
    public required string Event { get; init; }
    public required string State { get; init; }
    public required DateTimeOffset At { get; init; }

    /// <summary>Name of the person; absent when a message, a clock or a standing sign-off did it.</summary>
    public string? By { get; init; }

    public string? Note { get; init; }
    public Guid? AuditEvent { get; init; }
}

/// <summary>The reply that a reviewer proposed.</summary>
public sealed record ProposedReply
{
    /// <summary>approve or refuse.</summary>
    public required string Decision { get; init; }

    public string? Reason { get; init; }
    public IReadOnlyList<string> Grounds { get; init; } = [];
    public string? CitedLaw { get; init; }
    public IReadOnlyList<string>? Fields { get; init; }
    public DateOnly? ValidUntil { get; init; }
    public IReadOnlyDictionary<string, string>? Treatments { get; init; }
    public RowFilter? Rows { get; init; }
}

/// <summary>An error that the asking department reported under a request (art. 26).</summary>
public sealed record CorrectionView
{
    public required Guid Id { get; init; }
    public required Guid ExchangeId { get; init; }
    public string? Reference { get; init; }

    /// <summary>filed, received or answered.</summary>
    public required string State { get; init; }

    public required int Version { get; init; }
    public required PartyName Asking { get; init; }
    public required PartyName Owning { get; init; }
    public required Guid DatasetId { get; init; }
    public required string Field { get; init; }
    public required string Record { get; init; }
    public string? Wrong { get; init; }
    public required string Right { get; init; }
    public required string Evidence { get; init; }
    public DateOnly? Since { get; init; }
    public required DateTimeOffset FiledAt { get; init; }
    public LegalDate? Due { get; init; }
    public string? Result { get; init; }
    public string? Explanation { get; init; }
    public DateOnly? ErrorFrom { get; init; }
    public DateOnly? ErrorTo { get; init; }
    public int? Told { get; init; }
    public DateTimeOffset? AnsweredAt { get; init; }
    public IReadOnlyList<ApiLink> Links { get; init; } = [];

    public ApiLink? Link(string rel) => Links.FirstOrDefault(link => link.Rel == rel);
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
