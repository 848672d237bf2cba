using System.Text.Json.Serialization;
using Exchange.Catalogue.Deadlines;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Catalogue.Sharing;

/// <summary>A request, approval or grant as people and machines read it. The three share one id and one view; <see cref="Links"/> says what can be done next, and by whom.</summary>
internal sealed record RequestView
{
    /// <summary>The id of the exchange: the same in both cities, the grant and the audit log.</summary>
    public required Guid Id { get; init; }

    /// <summary>Reference for people, such as 长沙-2026-000123; given when the owning city received the request.</summary>
    public string? Reference { get; init; }

    /// <summary>State of the sharing process; on the asking side the newest one heard of.</summary>
    public required string State { get; init; }

    /// <summary>An act of the asking city that the owning city has not answered yet.</summary>
    public string? Pending { get; init; }

    /// <summary>Also the ETag.</summary>
    public required int Version { get; init; }

    public required PartyView Asking { get; init; }

    public required PartyView Owning { get; init; }

    public required DatasetView Dataset { get; init; }

    /// <summary>使用依据.</summary>
    public required string LegalBasis { get; init; }

    /// <summary>使用场景.</summary>
    public required string Scenario { get; init; }

    /// <summary>使用范围.</summary>
    public required string Scope { get; init; }

    /// <summary>共享方式.</summary>
    public required string Method { get; init; }

    public required IReadOnlyList<string> Fields { get; init; }

    /// <summary>使用时限: last day of use, in Beijing.</summary>
    public required DateOnly UseUntil { get; init; }

    public DateTimeOffset? SubmittedAt { get; init; }

    public DateTimeOffset? ReceivedAt { get; init; }

    /// <summary>Last day of the reply clock (art. 21).</summary>
    public LegalDate? ReplyDue { get; init; }

    /// <summary>What the provider named as missing (art. 21), and how many working days the clock has left while it waits.</summary>
    public SupplementNotice? Supplement { get; init; }

    /// <summary>What was supplied, in the asking side's words.</summary>
    public string? SupplementNote { get; init; }

    /// <summary>The extension of the reply clock that the provider's data authority consented to (art. 21).</summary>
    public Extension? Extension { get; init; }

    /// <summary>An extension that waits for the data authority; seen on the owning side only.</summary>
    public ExtensionAskedView? ExtensionAsked { get; init; }

    /// <summary>Last day of the delivery clock (art. 22).</summary>
    public LegalDate? DeliveryDue { get; init; }

    /// <summary>The reviewer's proposal, seen on the owning side only.</summary>
    public ProposalView? Proposal { get; init; }

    public Reply? Reply { get; init; }

    public GrantTerms? Grant { get; init; }

    /// <summary>使用目的代码: what each call for data under the grant states (header <c>Purpose</c>).</summary>
    public string? PurposeCode { get; init; }

    /// <summary>Access was stopped until misuse is put right (art. 27); the newest one.</summary>
    public Suspension? Suspension { get; init; }

    /// <summary>A change of scope, purpose or receivers (art. 25); the newest one.</summary>
    public ScopeChange? Change { get; init; }

    /// <summary>The provider's consultation about ending or changing the service (art. 27); the newest one.</summary>
    public Consultation? Consultation { get; init; }

    /// <summary>A dispute with all its steps (art. 28).</summary>
    public Dispute? Dispute { get; init; }

    /// <summary>Last day to dispose of what was received (art. 27).</summary>
    public LegalDate? DisposalDue { get; init; }

    public Disposal? Disposal { get; init; }

    /// <summary>A change that was prepared and waits for the head's signature; seen on the asking side only.</summary>
    public ScopeChange? PreparedChange { get; init; }

    /// <summary>A disposal that waits for its second person; seen on the asking side only.</summary>
    public Disposal? PreparedDisposal { get; init; }

    /// <summary>The records are kept at least until then (art. 29).</summary>
    public DateOnly? RetainUntil { get; init; }

    /// <summary>Why it ended: term, not_needed, withdrawn, service_ended, misuse.</summary>
    public string? EndReason { get; init; }

    public required DateTimeOffset ChangedAt { get; init; }

    /// <summary>The dates that run now, the nearest first; empty when nothing is waited for.</summary>
    public required IReadOnlyList<DueView> Due { get; init; }

    public required IReadOnlyList<Link> Links { get; init; }

    public static RequestView Of(SharingRow row, WorkingDays days, DateOnly today, string publicAddress)
    {
        var stored = row.ToRequest();
        var request = stored.Process;
        return new RequestView
        {
            Id = row.ExchangeId,
            Reference = row.Reference,
            State = row.State,
            Pending = row.Pending,
            Version = row.Version,
            Asking = new PartyView(row.AskingCity, row.AskingDepartment, row.AskingDepartmentName),
            Owning = new PartyView(row.OwningCity, row.OwningDepartment, null),
            Dataset = new DatasetView(row.DatasetId, row.DatasetVersion, row.DatasetName, row.SharingClass),
            LegalBasis = row.LegalBasis,
            Scenario = row.Scenario,
            Scope = row.Scope,
            Method = row.Method,
            Fields = row.Fields,
            UseUntil = row.UseUntil,
            SubmittedAt = row.SubmittedAt,
            ReceivedAt = row.ReceivedAt,
            ReplyDue = request.ReplyDue,
            Supplement = request.Supplement,
            SupplementNote = row.SupplementNote,
            Extension = request.Extension,
            ExtensionAsked = stored.Side == Side.Owning && request.ExtensionAsked is { } asked ? new ExtensionAskedView(asked.WorkingDays, asked.Reason, asked.At) : null,
            DeliveryDue = request.DeliveryDue,
            Proposal = stored.Side == Side.Owning && request.Proposal is { } proposal ? new ProposalView(proposal.Decision.Word(), proposal.Reason, proposal.Grounds, proposal.CitedLaw, proposal.Fields, proposal.ValidUntil) { Treatments = proposal.Treatments, Rows = proposal.Rows } : null,
            Reply = request.Reply,
            Grant = request.Grant,
            PurposeCode = request.Grant?.Purpose is { } purpose ? Grants.PurposeCode.Of(purpose) : null,
            Suspension = request.Suspension,
            Change = request.Change,
            Consultation = request.Consultation,
            Dispute = request.Dispute,
            DisposalDue = request.DisposalDue,
            Disposal = request.Disposal,
            PreparedChange = request.Prepared?.Change,
            PreparedDisposal = request.Prepared?.Disposal,
            RetainUntil = request.RetainUntil,
            EndReason = row.EndReason,
            ChangedAt = row.ChangedAt,
            Due = [.. DatesOf(request).OrderBy(due => due.Date.On).Select(due => new DueView(due.What, due.Date.On, due.Date.Provisional, days.Until(today, due.Date.On)))],
            Links = [.. LinksOf(stored, publicAddress)],
        };
    }

    private static IEnumerable<(string What, LegalDate Date)> DatesOf(SharingRequest request)
    {
        if (request.ReplyDue is { } reply && request.State is SharingState.UnderReview or SharingState.SupplementAsked or SharingState.Decided)
        {
            yield return ("reply", reply);
        }

        if (request is { State: SharingState.Approved, DeliveryDue: { } delivery })
        {
            yield return ("delivery", delivery);
        }

        if (request is { State: SharingState.Approved or SharingState.Active, Change: { Outcome: null }, ReplyDue: { } change })
        {
            yield return ("change", change);
        }

        if (request is { State: SharingState.Suspended, Suspension: { EndedAt: null, ReportedAt: null } suspension })
        {
            yield return ("repair", new LegalDate(suspension.RepairBy, false));
        }

        if (request is { IsClosed: false, Consultation: { AnsweredAt: null, FiledAt: null } consultation })
        {
            yield return ("consultation", consultation.AnswerBy);
        }

        if (request is { State: SharingState.Ended or SharingState.Terminated, DisposalDue: { } disposal })
        {
            yield return ("disposal", disposal);
        }
    }

    private static IEnumerable<Link> LinksOf(StoredRequest stored, string publicAddress)
    {
        var request = stored.Process;
        var id = request.Ask.ExchangeId;
        var asking = $"{publicAddress}/api/cities/{request.Ask.AskingCity}/requests/{id}";
        var owning = $"{publicAddress}/api/cities/{request.Ask.OwningCity}/approvals/{id}";
        yield return new Link("self", "GET", stored.Side == Side.Asking ? asking : owning, null);
        yield return new Link("timeline", "GET", $"{publicAddress}/api/audit/exchanges/{id}", null);
        yield return new Link("dataset", "GET", $"{publicAddress}/api/catalogue/datasets/{request.Ask.DatasetId}", null);
        if (stored.Side == Side.Asking)
        {
            if (request.State is SharingState.Draft or SharingState.SignedOff)
            {
                yield return new Link("revise", "PUT", asking, Roles.Officer);
            }

            if (request.State == SharingState.Draft)
            {
                yield return new Link("sign-off", "POST", $"{asking}/sign-off", Roles.SharingHead);
            }

            if (request.State == SharingState.SignedOff)
            {
                yield return new Link("submit", "POST", $"{asking}/submit", Roles.Officer);
            }

            if (request.State == SharingState.SupplementAsked && request.Pending is null)
            {
                yield return new Link("supplement", "POST", $"{asking}/supplement", Roles.Officer);
            }

            if (!request.IsClosed && request.Pending is null)
            {
                yield return new Link("withdraw", "POST", $"{asking}/withdraw", Roles.Officer);
            }

            foreach (var link in AskingDuringUse(request, asking))
            {
                yield return link;
            }
        }
        else
        {
            if (request.State == SharingState.UnderReview && request.Supplement is null)
            {
                yield return new Link("ask-supplement", "POST", $"{owning}/ask-supplement", Roles.Reviewer);
            }

            if (request.State is SharingState.UnderReview or SharingState.SupplementAsked or SharingState.Decided)
            {
                yield return request.ExtensionAsked is null
                    ? new Link("extend", "POST", $"{owning}/extend", Roles.Reviewer)
                    : new Link("answer-extension", "POST", $"{owning}/answer-extension", Roles.Authority);
            }

            if (request.State is SharingState.UnderReview or SharingState.SupplementAsked)
            {
                yield return new Link("decide", "POST", $"{owning}/decide", Roles.Reviewer);
            }

            if (request.State == SharingState.Decided)
            {
                yield return new Link("sign-off", "POST", $"{owning}/sign-off", Roles.SharingHead);
                yield return new Link("return", "POST", $"{owning}/return", Roles.SharingHead);
            }

            foreach (var link in OwningDuringUse(request, owning))
            {
                yield return link;
            }

            if (request.State is not (SharingState.Submitted or SharingState.Disposed or SharingState.Archived or SharingState.Withdrawn))
            {
                yield return new Link("dispute", "POST", $"{publicAddress}/api/cities/{request.Ask.OwningCity}/disputes/{id}/step", Roles.SharingHead);
            }
        }

        if (stored.Process.Grant is not null && (request.Grant?.Method ?? stored.Texts.Method) == "rows")
        {
            yield return new Link("standing", "GET", $"{(stored.Side == Side.Asking ? asking : owning)}/standing", null);
            if (request.State == SharingState.Active)
            {
                yield return new Link("changes", "GET", $"{publicAddress}/api/cities/{request.Ask.OwningCity}/grants/{id}/changes", Roles.Integrator);
                if (stored.Side == Side.Asking)
                {
                    yield return new Link("set-standing", "POST", $"{asking}/standing", Roles.Officer);
                }
            }
        }

        if (request.State == SharingState.Active)
        {
            yield return new Link("data", "GET", $"{publicAddress}/api/cities/{request.Ask.OwningCity}/grants/{id}/data", Roles.Integrator);
            yield return new Link("preview", "GET", $"{publicAddress}/api/cities/{request.Ask.OwningCity}/grants/{id}/preview", Roles.Officer);
        }
    }

    private static IEnumerable<Link> AskingDuringUse(SharingRequest request, string asking)
    {
        if (request is { Pending: SharingEventName.AskChange })
        {
            yield return new Link("sign-off-change", "POST", $"{asking}/change/sign-off", Roles.SharingHead);
        }

        if (request is { Pending: SharingEventName.Dispose, Prepared.Disposal: not null })
        {
            yield return new Link("confirm-disposal", "POST", $"{asking}/confirm-disposal", Roles.Officer);
        }

        if (request is { Pending: SharingEventName.AskChange } or { Pending: SharingEventName.Dispose, Prepared.Disposal: not null })
        {
            yield return new Link("take-back", "POST", $"{asking}/take-back", Roles.Officer);
        }

        if (request.Pending is not null)
        {
            yield break;
        }

        if (request is { State: SharingState.Approved or SharingState.Active, Change: null or { Outcome: not null } })
        {
            yield return new Link("change", "POST", $"{asking}/change", Roles.Officer);
        }

        if (request.State == SharingState.Suspended)
        {
            yield return new Link("report-repair", "POST", $"{asking}/report-repair", Roles.Officer);
        }

        if (request is { IsClosed: false, Consultation: { AnsweredAt: null, FiledAt: null } })
        {
            yield return new Link("answer-consultation", "POST", $"{asking}/answer-consultation", Roles.SharingHead);
        }

        if (request.State is SharingState.Active or SharingState.Suspended or SharingState.Ended or SharingState.Terminated)
        {
            yield return new Link("correct", "POST", $"{asking}/correct", Roles.Officer);
        }

        if (request.State is SharingState.Active)
        {
            yield return new Link("use-records", "POST", asking.Replace("/requests/", "/grants/", StringComparison.Ordinal) + "/use-records", Roles.Officer);
        }

        if (request.State is SharingState.Ended or SharingState.Terminated)
        {
            yield return new Link("dispose", "POST", $"{asking}/dispose", Roles.Officer);
        }

        if (request.State is not (SharingState.Draft or SharingState.SignedOff or SharingState.Disposed or SharingState.Archived or SharingState.Withdrawn))
        {
            yield return new Link("dispute", "POST", $"{asking}/dispute", Roles.SharingHead);
        }
    }

    private static IEnumerable<Link> OwningDuringUse(SharingRequest request, string owning)
    {
        if (request is { State: SharingState.Approved or SharingState.Active, Change: { Outcome: null } })
        {
            yield return new Link("decide-change", "POST", $"{owning}/change/decide", Roles.Reviewer);
            if (request.Proposal is not null)
            {
                yield return new Link("sign-off-change", "POST", $"{owning}/change/sign-off", Roles.SharingHead);
            }
        }

        if (request.State == SharingState.Active)
        {
            yield return new Link("suspend", "POST", $"{owning}/suspend", Roles.SharingHead);
        }

        if (request.State == SharingState.Suspended)
        {
            yield return new Link("resume", "POST", $"{owning}/resume", Roles.SharingHead);
            yield return new Link("terminate", "POST", $"{owning}/terminate", Roles.SharingHead);
        }

        if (request.State is SharingState.Approved or SharingState.Active or SharingState.Suspended)
        {
            yield return request.Consultation switch
            {
                { FiledAt: null } => new Link("file", "POST", $"{owning}/file", Roles.SharingHead),
                { Kind: "end" } => new Link("end-service", "POST", $"{owning}/end-service", Roles.SharingHead),
                _ => new Link("consult", "POST", $"{owning}/consult", Roles.SharingHead),
            };
        }
    }
}

internal sealed record PartyView(string City, string? Department, string? Name);

internal sealed record DatasetView(Guid Id, int Version, string Name, string? SharingType);

/// <summary>A date that runs.</summary>
/// <param name="What">reply (art. 21), delivery (art. 22), change (art. 25, the reply to it), repair or consultation (art. 27), disposal (art. 27).</param>
/// <param name="On">Its last day, in Beijing.</param>
/// <param name="Provisional">It lies past the loaded calendar and is counted anew when that arrives.</param>
/// <param name="WorkingDaysLeft">Working days after today, up to and with the last day: 0 on it, and less than 0 once it is past.</param>
internal sealed record DueView(string What, DateOnly On, bool Provisional, int WorkingDaysLeft);

internal sealed record ExtensionAskedView(int WorkingDays, string Reason, DateTimeOffset At);

internal sealed record ProposalView(string Decision, string? Reason, IReadOnlyList<string> Grounds, string? CitedLaw, IReadOnlyList<string>? Fields, DateOnly? ValidUntil)
{
    /// <summary>How fields are to be treated, by name; of a change, what is not named stays as it was.</summary>
    public IReadOnlyDictionary<string, string>? Treatments { get; init; }

    /// <summary>Which rows are to be granted.</summary>
    public RowFilter? Rows { get; init; }
}

/// <summary>One thing that can be done or read next.</summary>
/// <param name="Rel">What it is.</param>
/// <param name="Method">HTTP method.</param>
/// <param name="Href">Public address.</param>
/// <param name="By">The role that may; null where reading is enough.</param>
internal sealed record Link(string Rel, string Method, string Href, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? By);
