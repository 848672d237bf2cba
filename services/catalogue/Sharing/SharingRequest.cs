using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Catalogue.Sharing;

/// <summary>What is asked for. It does not change once it is submitted.</summary>
internal sealed record Ask
{
    public required Guid ExchangeId { get; init; }

    public required string AskingCity { get; init; }

    public required string AskingDepartment { get; init; }

    public required string OwningCity { get; init; }

    /// <summary>Credit code of the providing department; the owning city knows it, the asking city may not.</summary>
    public string? OwningDepartment { get; init; }

    public required Guid DatasetId { get; init; }

    public required int DatasetVersion { get; init; }

    /// <summary>One of <see cref="Contracts.SharingClass"/>; the owning city knows it, the asking city may not.</summary>
    public string? SharingClass { get; init; }

    public required IReadOnlyList<string> Fields { get; init; }

    /// <summary>使用时限: last day of use, in Beijing.</summary>
    public required DateOnly UseUntil { get; init; }
}

/// <summary>A request as the process sees it: the columns that decide what may happen next.</summary>
internal sealed record SharingRequest
{
    public required Ask Ask { get; init; }

    public required SharingState State { get; init; }

    /// <summary>Counts up by one with every change of state, over both cities.</summary>
    public required int Version { get; init; }

    /// <summary>Known in the asking city only.</summary>
    public string? DraftedBy { get; init; }

    /// <summary>Whoever else wrote at the draft: none of them signs it.</summary>
    public IReadOnlyList<string> RevisedBy { get; init; } = [];

    public string? SignedOffBy { get; init; }

    public DateTimeOffset? SubmittedAt { get; init; }

    public DateTimeOffset? ReceivedAt { get; init; }

    /// <summary>Null once answered, and while the clock is paused.</summary>
    public LegalDate? ReplyDue { get; init; }

    /// <summary>Null until missing material was asked for.</summary>
    public SupplementNotice? Supplement { get; init; }

    /// <summary>Asked for and not answered by the authority yet; in the owning city only.</summary>
    public ExtensionAsked? ExtensionAsked { get; init; }

    /// <summary>Null until an extension was consented to.</summary>
    public Extension? Extension { get; init; }

    /// <summary>Null unless the delivery clock runs.</summary>
    public LegalDate? DeliveryDue { get; init; }

    public string? ProposedBy { get; init; }

    public Proposal? Proposal { get; init; }

    public Reply? Reply { get; init; }

    public GrantTerms? Grant { get; init; }

    /// <summary>The newest one; null until access was stopped for the first time.</summary>
    public Suspension? Suspension { get; init; }

    /// <summary>The newest change of scope that was asked for.</summary>
    public ScopeChange? Change { get; init; }

    /// <summary>The newest consultation about ending or changing the service.</summary>
    public Consultation? Consultation { get; init; }

    public Dispute? Dispute { get; init; }

    /// <summary>Null unless the disposal clock runs.</summary>
    public LegalDate? DisposalDue { get; init; }

    public Disposal? Disposal { get; init; }

    /// <summary>Null until archived.</summary>
    public DateOnly? RetainUntil { get; init; }

    /// <summary>A change or a disposal that waits for its second person; on the asking side only.</summary>
    public Prepared? Prepared { get; init; }

    /// <summary>One of <see cref="EndReasons"/>.</summary>
    public string? EndReason { get; init; }

    /// <summary>An act of the asking side that the owning city has not answered yet; on its mirror only.</summary>
    public SharingEventName? Pending { get; init; }

    /// <summary>Closed requests never give access again.</summary>
    public bool IsClosed => State is SharingState.Refused or SharingState.Terminated or SharingState.Ended or SharingState.Disposed or SharingState.Archived or SharingState.Withdrawn;
}

/// <summary>The provider asks its data authority for a longer reply clock (art. 21).</summary>
internal sealed record ExtensionAsked(int WorkingDays, string Reason, string By, DateTimeOffset At);

/// <summary>What one person of the asking department prepared and another one has to sign or confirm.</summary>
/// <param name="By">Who prepared it.</param>
/// <param name="At">When it was prepared or sent.</param>
/// <param name="Change">A change that waits for the head's signature.</param>
/// <param name="Disposal">A disposal that waits for the second person.</param>
internal sealed record Prepared(string By, DateTimeOffset At, ScopeChange? Change, Disposal? Disposal);

internal static class EndReasons
{
    public const string ServiceEnded = "service_ended";
    public const string Misuse = "misuse";
    public const string Term = "term";
    public const string NotNeeded = "not_needed";
    public const string Withdrawn = "withdrawn";
}

internal enum SharingClock
{
    Reply,
    Delivery,

    /// <summary>The reply to a change of scope (art. 25); its steps are the reply's.</summary>
    Change,

    /// <summary>Putting misuse right, by the date that was set (art. 27).</summary>
    Repair,
    Disposal,
}

/// <summary>What must be written together with the new state. The process only says it; the use case writes it in its transaction.</summary>
internal abstract record SharingEffect
{
    /// <summary>A clock row for the new version.</summary>
    public sealed record StartClock(SharingClock Clock, LegalDate Due) : SharingEffect;

    public sealed record StopClock(SharingClock Clock) : SharingEffect;

    /// <summary><see cref="RequestSubmitted"/> to the owning city.</summary>
    public sealed record SendRequest : SharingEffect;

    /// <summary>An act of the asking side, as the owning city reads it.</summary>
    public sealed record SendAct(object Message) : SharingEffect;

    /// <summary>What people wrote stands anew in the row.</summary>
    public sealed record Rewrite(RequestTexts Texts) : SharingEffect;

    /// <summary><see cref="RequestProgressed"/> with the new state to the asking city.</summary>
    public sealed record NotifyAskingCity : SharingEffect;

    /// <summary>The grant exists; data flows only once it is opened.</summary>
    public sealed record IssueGrant(GrantTerms Terms) : SharingEffect;

    /// <summary>Ask the dataset's source for an answer under the grant; it comes back as <see cref="SharingEvent.SourceAnswered"/>.</summary>
    public sealed record ProbeSource : SharingEffect;

    public sealed record OpenGrant : SharingEffect;

    /// <summary>No access until it is opened again, running transfers included.</summary>
    public sealed record SuspendGrant : SharingEffect;

    /// <summary>The grant's terms are these from now on.</summary>
    public sealed record ChangeGrant(GrantTerms Terms) : SharingEffect;

    /// <summary>Access ends now, running transfers included.</summary>
    public sealed record EndGrant(string Reason) : SharingEffect;

    /// <summary>An audit record of this type about the new state.</summary>
    public sealed record WriteRecord(string Type) : SharingEffect;
}

/// <summary>What an event did.</summary>
internal abstract record SharingOutcome
{
    /// <summary>
    /// Write the new state, guarded by the version before it, and every effect. A pending act leaves state and version as they are:
    /// the version is the owning city's, so guard such an UPDATE by <c>pending is null</c> too.
    /// </summary>
    public sealed record Applied(SharingRequest Request, IReadOnlyList<SharingEffect> Effects) : SharingOutcome;

    /// <summary>A duplicate or too late; nothing is written and nobody is told.</summary>
    public sealed record Ignored(string Why) : SharingOutcome;

    /// <summary>Not allowed; the caller is told which rule says so. A consumer that meets it has found a fault and must not swallow it.</summary>
    public sealed record Refused(Rule Rule, Text? Detail = null) : SharingOutcome;
}
