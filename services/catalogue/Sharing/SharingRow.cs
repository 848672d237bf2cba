using System.Text.Json;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Catalogue.Sharing;

/// <summary>A row of <c>sharing_requests</c> as it stands.</summary>
internal sealed record SharingRow
{
    public required Guid ExchangeId { get; init; }
    public required string Side { get; init; }
    public required string State { get; init; }
    public required int Version { get; init; }
    public required string AskingCity { get; init; }
    public required string AskingDepartment { get; init; }
    public required string AskingDepartmentName { get; init; }
    public required string OwningCity { get; init; }
    public string? OwningDepartment { get; init; }
    public required Guid DatasetId { get; init; }
    public required int DatasetVersion { get; init; }
    public required string DatasetName { get; init; }
    public string? SharingClass { get; init; }
    public required string LegalBasis { get; init; }
    public required string Scenario { get; init; }
    public required string Scope { get; init; }
    public required string Method { get; init; }
    public required string[] Fields { get; init; }
    public required DateOnly UseUntil { get; init; }
    public string? Reference { get; init; }
    public string? DraftedBy { get; init; }
    public required string[] RevisedBy { get; init; }
    public string? SignedOffBy { get; init; }
    public DateTimeOffset? SubmittedAt { get; init; }
    public DateTimeOffset? ReceivedAt { get; init; }
    public DateOnly? ReplyDue { get; init; }
    public bool? ReplyDueProvisional { get; init; }
    public DateOnly? DeliveryDue { get; init; }
    public bool? DeliveryDueProvisional { get; init; }
    public string? ProposedBy { get; init; }
    public string? Proposal { get; init; }
    public string? Supplement { get; init; }
    public string? SupplementNote { get; init; }
    public string? ExtensionAsked { get; init; }
    public string? Extension { get; init; }
    public string? Reply { get; init; }
    public string? GrantTerms { get; init; }
    public string? Suspension { get; init; }
    public string? Change { get; init; }
    public string? Consultation { get; init; }
    public string? Dispute { get; init; }
    public DateOnly? DisposalDue { get; init; }
    public bool? DisposalDueProvisional { get; init; }
    public string? Disposal { get; init; }
    public DateOnly? RetainUntil { get; init; }
    public string? Prepared { get; init; }
    public string? EndReason { get; init; }
    public string? Pending { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset ChangedAt { get; init; }

    public const string Select = """
        select exchange_id, side, state, version, asking_city, asking_department, asking_department_name, owning_city, owning_department,
               dataset_id, dataset_version, dataset_name, sharing_class, legal_basis, scenario, scope, method, fields, use_until, reference,
               drafted_by, revised_by, signed_off_by, submitted_at, received_at, reply_due, reply_due_provisional, delivery_due, delivery_due_provisional,
               proposed_by, proposal::text as proposal, supplement::text as supplement,
               (select note from supplements s where s.exchange_id = sharing_requests.exchange_id and s.side = sharing_requests.side) as supplement_note,
               extension_asked::text as extension_asked, extension::text as extension, reply::text as reply, grant_terms::text as grant_terms,
               suspension::text as suspension, change::text as change, consultation::text as consultation, dispute::text as dispute,
               disposal_due, disposal_due_provisional, disposal::text as disposal, retain_until, prepared::text as prepared, end_reason, pending, created_at, changed_at
        from sharing_requests
        """;

    public StoredRequest ToRequest() => new(
        Side == "asking" ? Sharing.Side.Asking : Sharing.Side.Owning,
        new SharingRequest
        {
            Ask = new Ask
            {
                ExchangeId = ExchangeId,
                AskingCity = AskingCity,
                AskingDepartment = AskingDepartment,
                OwningCity = OwningCity,
                OwningDepartment = OwningDepartment,
                DatasetId = DatasetId,
                DatasetVersion = DatasetVersion,
                SharingClass = SharingClass,
                Fields = Fields,
                UseUntil = UseUntil,
            },
            State = Words.Parse<SharingState>(State),
            Version = Version,
            DraftedBy = DraftedBy,
            RevisedBy = RevisedBy,
            SignedOffBy = SignedOffBy,
            SubmittedAt = SubmittedAt,
            ReceivedAt = ReceivedAt,
            ReplyDue = ReplyDue is { } reply ? new LegalDate(reply, ReplyDueProvisional ?? false) : null,
            DeliveryDue = DeliveryDue is { } delivery ? new LegalDate(delivery, DeliveryDueProvisional ?? false) : null,
            ProposedBy = ProposedBy,
            Proposal = Read<Proposal>(Proposal),
            Supplement = Read<SupplementNotice>(Supplement),
            ExtensionAsked = Read<ExtensionAsked>(ExtensionAsked),
            Extension = Read<Extension>(Extension),
            Reply = Read<Reply>(Reply),
            Grant = Read<GrantTerms>(GrantTerms),
            Suspension = Read<Suspension>(Suspension),
            Change = Read<ScopeChange>(Change),
            Consultation = Read<Consultation>(Consultation),
            Dispute = Read<Dispute>(Dispute),
            DisposalDue = DisposalDue is { } disposal ? new LegalDate(disposal, DisposalDueProvisional ?? false) : null,
            Disposal = Read<Disposal>(Disposal),
            RetainUntil = RetainUntil,
            Prepared = Read<Prepared>(Prepared),
            EndReason = EndReason,
            Pending = Pending is null ? null : Words.Parse<SharingEventName>(Pending),
        },
        new RequestTexts
        {
            DepartmentName = AskingDepartmentName,
            DatasetName = DatasetName,
            LegalBasis = LegalBasis,
            Scenario = Scenario,
            Scope = Scope,
            Method = Method,
        },
        Reference);

    private static T? Read<T>(string? json)
        where T : class => json is null ? null : JsonSerializer.Deserialize<T>(json, Json.Options);
}
