namespace Exchange.Catalogue.Departments;

/// <summary>A government department that publishes and asks.</summary>
internal sealed record Department
{
    /// <summary>Unified social credit code.</summary>
    public required string Code { get; init; }

    public required string Name { get; init; }

    public required SharingOffice SharingOffice { get; init; }
}

/// <summary>The one office that answers for sharing in a department (共享工作机构, art. 11).</summary>
internal sealed record SharingOffice(string Name, string Contact);
