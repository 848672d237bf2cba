using Exchange.Contracts;

namespace Exchange.Gateway.Portal;

/// <summary>One side of a request.</summary>
public sealed record PartyName(string City, string? Department, string? Name);

/// <summary>The entry as it was when somebody asked for it.</summary>
public sealed record AskedDataset(Guid Id, int Version, string Name, string? SharingType);

/// <summary>A last day, and the working days after today up to and with it; less than 0 once it is past.</summary>
public sealed record RunningDate(string What, DateOnly On, bool Provisional, int WorkingDaysLeft)
{
    public LegalDate Date => new(On, Provisional);
}

/// <summary>An extension that the data authority has not answered.</summary>
public sealed record AskedExtension(int WorkingDays, string Reason, DateTimeOffset At);

/// <summary>What the API says can be done or read next, and by which role.</summary>
public sealed record ApiLink(string Rel, string Method, string Href, string? By);

/// <summary>What an entry says; in a draft anything may be missing.</summary>
public sealed record EntryText
{
    public int? Version { get; init; }
    public string? Code { get; init; }
    public string? Name { get; init; }
    public string? DepartmentCode { get; init; }
    public string? Abstract { get; init; }
    public string? Theme { get; init; }
    public string? Format { get; init; }
    public string? UpdateFrequency { get; init; }
    public string? SharingType { get; init; }
    public string? SharingConditions { get; init; }
    public string? SharingMethod { get; init; }
    public string? RefusalLaw { get; init; }
    public bool? OpenToSociety { get; init; }
    public string? OpenConditions { get; init; }
    public string? Classification { get; init; }
    public int? Grade { get; init; }
    public bool? PersonalInformation { get; init; }
    public IReadOnlyList<FieldText>? Fields { get; init; }
    public IReadOnlyList<string>? RelatedCodes { get; init; }
}

/// <summary>A data item of an entry.</summary>
public sealed record FieldText
{
    public string? Name { get; init; }
    public string? Title { get; init; }
    public string? Type { get; init; }
    public int? Length { get; init; }
    public string? SharingType { get; init; }
    public bool? Personal { get; init; }
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
