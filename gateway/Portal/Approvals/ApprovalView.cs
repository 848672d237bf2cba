using Exchange.Contracts;

namespace Exchange.Gateway.Portal.Approvals;

/// <summary>A request as the owning city's API shows it; what the pages need of it.</summary>
public sealed record ApprovalView
{
    public required Guid Id { get; init; }
    public string? Reference { get; init; }
    public required string State { get; init; }

    /// <summary>What the form that acts on it names as the version its writer saw.</summary>
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
    public DateTimeOffset? ReceivedAt { get; init; }

    /// <summary>The dates that run, the nearest first: ours to keep are reply, delivery and change.</summary>
    public IReadOnlyList<RunningDate> Due { get; init; } = [];

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
    public Consultation? Consultation { get; init; }
    public Dispute? Dispute { get; init; }
    public LegalDate? DisposalDue { get; init; }
    public Disposal? Disposal { get; init; }
    public string? EndReason { get; init; }
    public required DateTimeOffset ChangedAt { get; init; }
    public IReadOnlyList<ApiLink> Links { get; init; } = [];

    /// <summary>The date that we have to keep; null where none runs.</summary>
    public RunningDate? Ours => Due.FirstOrDefault(date => date.What is "reply" or "delivery" or "change");

    /// <summary>What is asked for now: the change of a running grant, else the request.</summary>
    public bool ChangeIsOpen => Change is { Outcome: null, SignedBy: not null } && Grant is not null;

    /// <summary>The data items to decide on.</summary>
    public IReadOnlyList<string> AskedFields => ChangeIsOpen ? Change!.Fields ?? Grant!.Fields : Fields;

    public ApiLink? Link(string rel) => Links.FirstOrDefault(link => link.Rel == rel);
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

/// <summary>A page of requests.</summary>
public sealed record ApprovalList
{
    public IReadOnlyList<ApprovalView> Items { get; init; } = [];
    public string? Next { get; init; }
}

/// <summary>One step of a request in this city.</summary>
public sealed record ApprovalStep
{
    public required string Event { get; init; }
    public required string State { get; init; }
    public required DateTimeOffset At { get; init; }

    /// <summary>Absent when a message, a clock or a standing sign-off did it.</summary>
    public string? By { get; init; }

    public string? Note { get; init; }
    public Guid? AuditEvent { get; init; }
}

/// <summary>An entry of the own catalogue as its department sees it.</summary>
public sealed record OwnEntry
{
    public required Guid DatasetId { get; init; }
    public required int Revision { get; init; }
    public required string State { get; init; }
    public EntryText? Published { get; init; }
    public WorkingText? Working { get; init; }
    public LoadedRows? Rows { get; init; }
    public StandingReply? StandingSignOff { get; init; }
    public int OpenCorrections { get; init; }

    /// <summary>The newest text.</summary>
    public EntryText? Text => Working?.Entry ?? Published;
}

/// <summary>A version on its way to publication, with its papers (art. 13).</summary>
public sealed record WorkingText(int Version, string State, EntryText Entry, string DraftedBy, DateTimeOffset DraftedAt, Assessed? Secrecy, Assessed? PersonalInformation, string? ApprovedBy, DateTimeOffset? ApprovedAt, string? WithdrawnReason);

/// <summary>What an assessment found.</summary>
public sealed record Assessed(string Result, string? Note, DateTimeOffset At);

/// <summary>Rows that are loaded.</summary>
public sealed record LoadedRows
{
    public required int Version { get; init; }
    public required long Count { get; init; }
    public required long Bytes { get; init; }
    public required string Sha256 { get; init; }
    public required DateTimeOffset LoadedAt { get; init; }
    public IReadOnlyList<string>? Key { get; init; }

    /// <summary>Where the first rows are; absent for who may not look.</summary>
    public string? Preview { get; init; }
}

/// <summary>The reply that requests get at once.</summary>
public sealed record StandingReply
{
    public required int Version { get; init; }

    /// <summary>approve or refuse.</summary>
    public required string Reply { get; init; }

    public string? CitedLaw { get; init; }
    public string? GivenBy { get; init; }
    public required DateTimeOffset GivenAt { get; init; }
    public IReadOnlyDictionary<string, string>? Treatments { get; init; }
}
