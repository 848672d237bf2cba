namespace Exchange.Catalogue.Departments;

/// <summary>A government department that publishes and asks.</summary>
internal sealed record Department
{
    /// <summary>Unified social credit code.</summary>
    public required string Code { get; init; }

    public required string Name { get; init; }

    public required SharingOffice SharingOffice { get; init; }

    /// <summary>校核规则: how the department takes and answers reports of errors in its data (art. 26); null while it has published none.</summary>
    public string? CorrectionRules { get; init; }

    /// <summary>Where to turn to with one besides the exchange: an address or a telephone (art. 26).</summary>
    public string? CorrectionChannel { get; init; }
}

/// <summary>The one office that answers for sharing in a department (共享工作机构, art. 11).</summary>
internal sealed record SharingOffice(string Name, string Contact);
