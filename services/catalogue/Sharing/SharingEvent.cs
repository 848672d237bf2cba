using Exchange.Catalogue.Deadlines;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Catalogue.Sharing;

/// <summary>Everything that can happen to a request, in the order of the table's columns.</summary>
internal enum SharingEventName
{
    // Persons of the asking side.
    Draft,
    Revise,
    SignOff,
    Submit,
    Supplement,
    Withdraw,
    AskChange,
    SignOffAskedChange,
    TakeBack,
    ReportRepair,
    AnswerConsultation,
    ConfirmDisposal,
    Dispute,
    Dispose,

    // Persons of the owning side.
    AskSupplement,
    Extend,
    AnswerExtension,
    Propose,
    ReturnReply,
    SignOffReply,
    Suspend,
    Resume,
    Terminate,
    Consult,
    FileChange,
    EndService,
    ProposeChange,
    SignOffChange,
    DisputeStep,

    // Messages and machines, in the owning city.
    Receive,
    StandingReply,
    SourceAnswered,
    SupplementReceived,
    ChangeReceived,
    RepairReceived,
    ConsultationReceived,
    WithdrawReceived,
    DisputeReceived,
    DisposeReceived,
    TermEnd,
    Archive,
    Recount,

    // Clocks, in the owning city.
    ReplyReminder,
    ReplyBreached,
    ReplyEscalated,
    DeliveryReminder,
    DeliveryBreached,
    DeliveryEscalated,
    RepairBreached,
    DisposalReminder,
    DisposalBreached,
    DisposalEscalated,
}

/// <summary>Something that happened, with the facts the process needs.</summary>
internal abstract record SharingEvent(SharingEventName Name)
{
    // Asking side.

    /// <summary>An officer writes down what is asked for (art. 20).</summary>
    public sealed record Draft(Caller By, Ask Ask) : AskingAct(SharingEventName.Draft, By, [Roles.Officer]);

    /// <summary>An officer writes the draft anew; a signature given before was for another text.</summary>
    public sealed record Revise(Caller By, Ask Ask, RequestTexts Texts) : AskingAct(SharingEventName.Revise, By, [Roles.Officer]);

    /// <summary>The head of the sharing office signs before it leaves the city (art. 20).</summary>
    public sealed record SignOff(Caller By) : AskingAct(SharingEventName.SignOff, By, [Roles.SharingHead]);

    public sealed record Submit(Caller By) : AskingAct(SharingEventName.Submit, By, [Roles.Officer, Roles.SharingHead]);

    public sealed record Withdraw(Caller By, string Reason) : AskingAct(SharingEventName.Withdraw, By, [Roles.Officer, Roles.SharingHead]);

    /// <summary>What the provider named as missing is supplied (art. 21): a note, and the texts as they stand now.</summary>
    public sealed record Supplement(Caller By, string Note, RequestTexts Texts) : AskingAct(SharingEventName.Supplement, By, [Roles.Officer]);

    // Owning side.

    /// <summary>Everything missing is told in one notice (art. 21). <paramref name="DaysLeft"/>: working days left of the reply clock when the city's setting pauses it.</summary>
    public sealed record AskSupplement(Caller By, IReadOnlyList<MissingItem> Missing, int? DaysLeft) : OwningAct(SharingEventName.AskSupplement, By, [Roles.Reviewer]);

    /// <summary>The provider needs longer (art. 21); nothing is extended before its data authority consents. <paramref name="AtMost"/>: working days in total, by the city's setting for the class.</summary>
    public sealed record Extend(Caller By, int WorkingDays, string Reason, int AtMost) : OwningAct(SharingEventName.Extend, By, [Roles.Reviewer]);

    /// <summary>The provider's data authority consents to the extension or does not (art. 21). <paramref name="ReplyDue"/>: the new last day; null while the clock is paused.</summary>
    public sealed record AnswerExtension(Caller By, bool Consent, string? Reason, LegalDate? ReplyDue) : AuthorityAct(SharingEventName.AnswerExtension, By);

    /// <summary>The head does not sign and gives the proposal back.</summary>
    public sealed record ReturnReply(Caller By, string Reason) : OwningAct(SharingEventName.ReturnReply, By, [Roles.SharingHead]);

    /// <summary>A reviewer proposes the reply; it counts once the head has signed it. <paramref name="ReplyDue"/>: the clock runs on from here when it was paused for a supplement.</summary>
    public sealed record Propose(Caller By, Proposal Proposal, LegalDate? ReplyDue = null) : OwningAct(SharingEventName.Propose, By, [Roles.Reviewer]);

    /// <summary>The head of the provider's sharing office signs the proposed reply (art. 20). <paramref name="DeliveryDue"/> counts from the day of signing (art. 22).</summary>
    public sealed record SignOffReply(Caller By, LegalDate DeliveryDue) : OwningAct(SharingEventName.SignOffReply, By, [Roles.SharingHead]);

    /// <summary>The signed request arrived. <paramref name="ReplyDue"/> counts from the day it was submitted (art. 21).</summary>
    public sealed record Receive(Submission Submission, LegalDate ReplyDue) : SharingEvent(SharingEventName.Receive);

    /// <summary>The reply that the head of the provider's sharing office gave beforehand for this version of the dataset.</summary>
    public sealed record StandingReply(StandingSignOff Standing, LegalDate DeliveryDue) : SharingEvent(SharingEventName.StandingReply);

    /// <summary>The dataset's source answered a probe under the grant.</summary>
    public sealed record SourceAnswered() : SharingEvent(SharingEventName.SourceAnswered);

    /// <summary>The supplement arrived. <paramref name="ReplyDue"/>: the clock runs on from here when it was paused.</summary>
    public sealed record SupplementReceived(string Note, RequestTexts Texts, LegalDate? ReplyDue) : SharingEvent(SharingEventName.SupplementReceived);

    public sealed record WithdrawReceived(string Reason, LegalDate DisposalDue) : SharingEvent(SharingEventName.WithdrawReceived);

    /// <summary>The sweep found the last day of use behind it.</summary>
    public sealed record TermEnd(LegalDate DisposalDue) : SharingEvent(SharingEventName.TermEnd);

    // During use (arts. 25-28).

    /// <summary>An officer prepares a wider scope, another purpose or a third party (art. 25); it leaves the city once the head has signed.</summary>
    public sealed record AskChange(Caller By, ScopeChange Change) : AskingAct(SharingEventName.AskChange, By, [Roles.Officer]);

    /// <summary>The head of the asking side's sharing office signs the change that somebody else prepared (arts. 20, 25).</summary>
    public sealed record SignOffAskedChange(Caller By) : AskingAct(SharingEventName.SignOffAskedChange, By, [Roles.SharingHead]);

    /// <summary>What was prepared and waits for a second person is taken back.</summary>
    public sealed record TakeBack(Caller By) : AskingAct(SharingEventName.TakeBack, By, [Roles.Officer, Roles.SharingHead]);

    /// <summary>The asking side says what it has put right (art. 27).</summary>
    public sealed record ReportRepair(Caller By, string Note) : AskingAct(SharingEventName.ReportRepair, By, [Roles.Officer, Roles.SharingHead]);

    public sealed record AnswerConsultation(Caller By, bool Agreed, string Answer) : AskingAct(SharingEventName.AnswerConsultation, By, [Roles.SharingHead]);

    /// <summary>The asking side opens a dispute or adds its position (art. 28).</summary>
    public sealed record Dispute(Caller By, string Position) : AskingAct(SharingEventName.Dispute, By, [Roles.SharingHead]);

    /// <summary>The data is disposed of (art. 27). <paramref name="TwoPersons"/>: it is personal or important, so that a second person confirms before it counts.</summary>
    public sealed record Dispose(Caller By, string Method, string Note, bool TwoPersons) : AskingAct(SharingEventName.Dispose, By, [Roles.Officer]);

    /// <summary>A second person saw that the data is gone (GB/T 45396-2025, 7.2 h).</summary>
    public sealed record ConfirmDisposal(Caller By) : AskingAct(SharingEventName.ConfirmDisposal, By, [Roles.Officer, Roles.SharingHead]);

    /// <summary>The provider or its data authority stops access until misuse is put right (art. 27).</summary>
    public sealed record Suspend(Caller By, string Reason, DateOnly RepairBy) : ProviderOrAuthorityAct(SharingEventName.Suspend, By);

    public sealed record Resume(Caller By) : ProviderOrAuthorityAct(SharingEventName.Resume, By);

    /// <summary>Repair was refused or is not good enough (art. 27).</summary>
    public sealed record Terminate(Caller By, string Reason, LegalDate DisposalDue) : ProviderOrAuthorityAct(SharingEventName.Terminate, By);

    /// <summary>The provider asks the asking side before it ends or changes a running service (art. 27).</summary>
    public sealed record Consult(Caller By, string Kind, string Reason, DateOnly EffectiveOn, LegalDate AnswerBy) : OwningAct(SharingEventName.Consult, By, [Roles.SharingHead]);

    /// <summary>What the asking side was consulted on is filed with the provider's data authority (art. 27).</summary>
    public sealed record FileChange(Caller By) : OwningAct(SharingEventName.FileChange, By, [Roles.SharingHead]);

    /// <summary>The provider ends a running service for a good reason, after consultation and filing (art. 27).</summary>
    public sealed record EndService(Caller By, LegalDate DisposalDue) : OwningAct(SharingEventName.EndService, By, [Roles.SharingHead]);

    public sealed record ProposeChange(Caller By, Proposal Proposal) : OwningAct(SharingEventName.ProposeChange, By, [Roles.Reviewer]);

    public sealed record SignOffChange(Caller By) : OwningAct(SharingEventName.SignOffChange, By, [Roles.SharingHead]);

    /// <summary>What happened in the dispute (art. 28), written down where the request is owned. What superior and government said is written down by the data authority.</summary>
    /// <param name="By">Who writes it down.</param>
    /// <param name="Kind">Which step.</param>
    /// <param name="Text">The position, or what was decided and by which document.</param>
    /// <param name="To">To whom it is put, as the city has set.</param>
    public sealed record DisputeStep(Caller By, string Kind, string Text, string? To = null) : ProviderOrAuthorityAct(SharingEventName.DisputeStep, By);

    /// <summary>The signed change arrived. <paramref name="ReplyDue"/> counts from the day it was signed.</summary>
    public sealed record ChangeReceived(ScopeChange Change, LegalDate ReplyDue) : SharingEvent(SharingEventName.ChangeReceived);

    public sealed record RepairReceived(string Note, DateTimeOffset ReportedAt) : SharingEvent(SharingEventName.RepairReceived);

    public sealed record ConsultationReceived(bool Agreed, string Answer, DateTimeOffset AnsweredAt) : SharingEvent(SharingEventName.ConsultationReceived);

    public sealed record DisputeReceived(string Position, DateTimeOffset RaisedAt) : SharingEvent(SharingEventName.DisputeReceived);

    public sealed record DisposeReceived(Disposal Disposal) : SharingEvent(SharingEventName.DisposeReceived);

    /// <summary>Closed long enough to go to the archive. <paramref name="RetainUntil"/>: at least three years on (art. 29).</summary>
    public sealed record Archive(DateOnly RetainUntil) : SharingEvent(SharingEventName.Archive);

    /// <summary>The calendar arrived on which a provisional date rests; null for a clock that it does not change.</summary>
    public sealed record Recount(LegalDate? ReplyDue, LegalDate? DeliveryDue, LegalDate? DisposalDue) : SharingEvent(SharingEventName.Recount);

    /// <summary>A step of a clock that ran on: before its last day, after it, or long after it.</summary>
    /// <param name="Step">Which one.</param>
    /// <param name="Name">The clock and what it means.</param>
    public sealed record ClockStepped(SharingEventName Name, ClockStep Step) : SharingEvent(Name);
}

/// <summary>An act of a person: who, and which roles allow it.</summary>
internal abstract record PersonAct(SharingEventName Name, Caller By, IReadOnlyList<string> AnyOfRoles) : SharingEvent(Name);

/// <summary>An act of the asking department's own people, in their own city.</summary>
internal abstract record AskingAct(SharingEventName Name, Caller By, IReadOnlyList<string> AnyOfRoles) : PersonAct(Name, By, AnyOfRoles);

/// <summary>An act of the owning department's own people, in their own city.</summary>
internal abstract record OwningAct(SharingEventName Name, Caller By, IReadOnlyList<string> AnyOfRoles) : PersonAct(Name, By, AnyOfRoles);

/// <summary>An act that the provider's head and its data authority may do, each on their own.</summary>
internal abstract record ProviderOrAuthorityAct(SharingEventName Name, Caller By) : PersonAct(Name, By, [Roles.SharingHead, Roles.Authority]);

/// <summary>An act of the owning city's data authority.</summary>
internal abstract record AuthorityAct(SharingEventName Name, Caller By) : PersonAct(Name, By, [Roles.Authority]);

/// <summary>What the owning city learns when a request arrives: what is asked, and who signed it when.</summary>
/// <param name="Ask">With the owning department and the sharing class filled in from the owning city's own catalogue.</param>
/// <param name="Version">The asking city's version of the submitted row; the owning city counts on from it, so that versions rise over the handover.</param>
internal sealed record Submission(Ask Ask, string SignedOffBy, DateTimeOffset SubmittedAt, int Version);

/// <summary>What a reviewer proposes.</summary>
internal sealed record Proposal
{
    public required SharingDecision Decision { get; init; }

    /// <summary>Required to refuse (art. 21).</summary>
    public string? Reason { get; init; }

    /// <summary>Of <see cref="RefusalGrounds"/>; at least one is required to refuse, and incompleteness alone is none (art. 21).</summary>
    public IReadOnlyList<string> Grounds { get; init; } = [];

    /// <summary>The law a refusal rests on; required where the entry is not shared (art. 15).</summary>
    public string? CitedLaw { get; init; }

    /// <summary>The fields to grant, of those asked for; null grants them all.</summary>
    public IReadOnlyList<string>? Fields { get; init; }

    /// <summary>How fields are treated, by name (<see cref="Grants.Treatments"/>). Of a change: what is not named stays as it was.</summary>
    public IReadOnlyDictionary<string, string>? Treatments { get; init; }

    /// <summary>Which rows to grant; one without parts: all. Null: all, of a change: as before.</summary>
    public RowFilter? Rows { get; init; }

    /// <summary>Last day of use to grant, not after the one asked for; null grants that one.</summary>
    public DateOnly? ValidUntil { get; init; }

    /// <summary>How the data is to be disposed of in the end (art. 27); null: deleted.</summary>
    public string? Disposal { get; init; }
}

/// <summary>What a refusal may rest on.</summary>
internal static class RefusalGrounds
{
    /// <summary>Not what the asking department needs for its duties (art. 20).</summary>
    public const string OutsideDuty = "outside_duty";

    /// <summary>More than the purpose needs (art. 20).</summary>
    public const string NotNecessary = "not_necessary";

    /// <summary>The conditions that the entry lists are not met (art. 15).</summary>
    public const string ConditionsNotMet = "conditions_not_met";

    /// <summary>A law, an administrative regulation or a State Council decision forbids it (arts. 14, 15).</summary>
    public const string NotSharedByLaw = "not_shared_by_law";

    /// <summary>Material is missing; with another ground only (art. 21).</summary>
    public const string Incomplete = "incomplete";

    public const string Other = "other";

    public static readonly IReadOnlyList<string> All = [OutsideDuty, NotNecessary, ConditionsNotMet, NotSharedByLaw, Incomplete, Other];
}

internal enum SharingDecision
{
    Approve,
    Refuse,
}

/// <summary>Given in person by the head of the provider's sharing office when a version of the entry is published; it grants an open class, or refuses with the law the entry cites.</summary>
internal sealed record StandingSignOff
{
    public required int DatasetVersion { get; init; }

    public required SharingDecision Decision { get; init; }

    public string? CitedLaw { get; init; }

    /// <summary>How fields are treated: what the head signed, and for personal items that the head said nothing about the default of automatic replies.</summary>
    public IReadOnlyDictionary<string, string>? Treatments { get; init; }

    public required string SignedBy { get; init; }

    /// <summary>Credit code of the department whose head signed.</summary>
    public required string Department { get; init; }

    public required DateOnly Since { get; init; }
}

/// <summary>How received data is disposed of (art. 27).</summary>
internal static class Disposals
{
    public const string Delete = "delete";

    /// <summary>Kept and locked away.</summary>
    public const string Seal = "seal";

    public static readonly IReadOnlyList<string> All = [Delete, "return", Seal, "anonymise"];
}
