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
