using System.Text.Json.Serialization;

namespace Exchange.Contracts;

/// <summary>How a dataset may be shared (共享属性, art. 14). The wire carries the words <c>unconditional</c>, <c>conditional</c>, <c>refused</c>.</summary>
public static class SharingClass
{
    /// <summary>无条件共享: every government department may have it.</summary>
    public const string Unconditional = "unconditional";

    /// <summary>有条件共享: certain departments, on stated conditions.</summary>
    public const string Conditional = "conditional";

    /// <summary>不予共享: a law, administrative regulation or State Council decision expressly forbids sharing, and the entry cites it.</summary>
    public const string Refused = "refused";

    public static readonly IReadOnlyList<string> All = [Unconditional, Conditional, Refused];
}

/// <summary>One published version of a catalogue entry (政务数据目录, art. 13), whole: the 2017 guide's core metadata and the classification and grading of art. 13.</summary>
public sealed record DatasetEntry
{
    /// <summary>UUIDv7 given by the owning city; stays the same over all versions.</summary>
    public required Guid DatasetId { get; init; }

    /// <summary>Counts published versions from 1.</summary>
    public required int Version { get; init; }

    /// <summary>Owning city, lower-case pinyin: <c>changsha</c>.</summary>
    public required string City { get; init; }

    /// <summary>信息资源代码, unique per city; null for an entry that has none yet.</summary>
    public string? Code { get; init; }

    /// <summary>信息资源名称.</summary>
    public required string Name { get; init; }

    /// <summary>信息资源提供方代码: unified social credit code, 18 characters (GB 32100).</summary>
    public required string DepartmentCode { get; init; }

    /// <summary>信息资源提供方.</summary>
    public required string DepartmentName { get; init; }

    /// <summary>信息资源摘要.</summary>
    public required string Abstract { get; init; }

    /// <summary>Topic code of the national draft, such as <c>C0200</c> (health).</summary>
    public required string Theme { get; init; }

    /// <summary>信息资源格式: <c>table</c> for rows held in the exchange, else the guide's format group and extension, such as <c>spreadsheet/xlsx</c>.</summary>
    public required string Format { get; init; }

    /// <summary>更新周期: realtime, daily, weekly, monthly, quarterly, semiannual, annual, irregular, historical.</summary>
    public required string UpdateFrequency { get; init; }

    /// <summary>共享类型, one of <see cref="Contracts.SharingClass"/>.</summary>
    public required string SharingType { get; init; }

    /// <summary>共享条件: scope, purpose and other conditions; required for conditional entries (art. 15).</summary>
    public string? SharingConditions { get; init; }

    /// <summary>共享方式: rows, file, service.</summary>
    public required string SharingMethod { get; init; }

    /// <summary>The law that forbids sharing; required for refused entries (art. 15).</summary>
    public string? RefusalLaw { get; init; }

    /// <summary>是否向社会开放. Open entries are visible without a token.</summary>
    public bool OpenToSociety { get; init; }

    /// <summary>开放条件.</summary>
    public string? OpenConditions { get; init; }

    /// <summary>数据分类 (GB/T 43697): general, important or core.</summary>
    public required string Classification { get; init; }

    /// <summary>数据分级: level 1 to 4 for general data.</summary>
    public required int Grade { get; init; }

    /// <summary>True when the fields hold personal information.</summary>
    public bool PersonalInformation { get; init; }

    /// <summary>信息项, in order.</summary>
    public required IReadOnlyList<DatasetField> Fields { get; init; }

    /// <summary>关联资源代码.</summary>
    public IReadOnlyList<string> RelatedCodes { get; init; } = [];

    /// <summary>发布日期: the day of the first publication, in Beijing.</summary>
    public required DateOnly ReleasedOn { get; init; }

    /// <summary>When this version was published, UTC.</summary>
    public required DateTimeOffset PublishedAt { get; init; }

    /// <summary>
    /// Where a harvested entry comes from; null for an entry of a city. An entry with an origin is read-only here: nobody in the exchange answers requests for it,
    /// and its <see cref="City"/> is the source's id.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public EntryOrigin? Origin { get; init; }
}

/// <summary>A foreign catalogue's own words about an entry that was harvested from it.</summary>
public sealed record EntryOrigin
{
    /// <summary>Id of the source in the settings of the gateway.</summary>
    public required string Source { get; init; }

    public required string SourceName { get; init; }

    public required string SourceNameEn { get; init; }

    /// <summary>The source's own identifier: CKAN's id, the IRI of a DCAT dataset, <c>identifier</c> of a data.json.</summary>
    public required string Identifier { get; init; }

    /// <summary>The entry's page at the source: an http or https address.</summary>
    public string? LandingPage { get; init; }

    /// <summary>Name or address of the licence, as the source writes it.</summary>
    public string? Licence { get; init; }

    /// <summary>When the source says that the entry or its data changed last.</summary>
    public DateTimeOffset? ModifiedAt { get; init; }

    /// <summary>Members of the entry that the source does not state: they are defaults from the settings of the source, or empty.</summary>
    public required IReadOnlyList<string> Assumed { get; init; }

    /// <summary>Where the source offers the data.</summary>
    public IReadOnlyList<OriginDistribution> Distributions { get; init; } = [];
}

/// <summary>One way to get the data at the source.</summary>
public sealed record OriginDistribution
{
    public string? Title { get; init; }

    /// <summary>An http or https address.</summary>
    public required string Address { get; init; }

    /// <summary>As the source writes it, in lower case.</summary>
    public string? Format { get; init; }
}

/// <summary>One data item (信息项) of an entry.</summary>
public sealed record DatasetField
{
    /// <summary>Machine name: a lower-case letter, then letters, digits and underscores; unique in the entry.</summary>
    public required string Name { get; init; }

    /// <summary>信息项名称, for people.</summary>
    public required string Title { get; init; }

    /// <summary>The guide's type letter: C N Y D T L M G B I F.</summary>
    public required string Type { get; init; }

    /// <summary>Length in characters for C, digits for N; null where the type has none.</summary>
    public int? Length { get; init; }

    /// <summary>共享类型 of this item; never wider than the entry's.</summary>
    public required string SharingType { get; init; }

    /// <summary>True when the item is personal information.</summary>
    public bool Personal { get; init; }
}

/// <summary>A version of an entry became visible to all departments (art. 16).</summary>
public sealed record DatasetPublished
{
    public required string City { get; init; }

    /// <summary>The city's feed; a rebuilt feed has another epoch.</summary>
    public Guid Epoch { get; init; }

    /// <summary>Gap-free number of this change in the city's feed, given by the relay after commit.</summary>
    public long Change { get; init; }

    public required DatasetEntry Entry { get; init; }
}

/// <summary>An entry is no longer in the catalogue: a tombstone.</summary>
public sealed record DatasetWithdrawn
{
    public required string City { get; init; }

    public Guid Epoch { get; init; }

    public long Change { get; init; }

    public required Guid DatasetId { get; init; }

    /// <summary>One above the version that was withdrawn, so that it is newer than what it ends.</summary>
    public required int Version { get; init; }

    public required string Reason { get; init; }

    public required DateTimeOffset WithdrawnAt { get; init; }
}

/// <summary>
/// What a city has heard of everyone's catalogue. Each owner compares its own line with its feed and answers with a copy when they differ;
/// an owner without a line is one the city has never heard of.
/// </summary>
public sealed record CatalogueKnown
{
    public required string City { get; init; }

    /// <summary>Number of this asking, counted by the city that asks; the copy brings it back.</summary>
    public required long Ask { get; init; }

    public required IReadOnlyList<CatalogueDigest> Digests { get; init; }
}

/// <summary>What is known of one city's catalogue.</summary>
public sealed record CatalogueDigest
{
    public required string City { get; init; }

    /// <summary>Entries, withdrawn ones included.</summary>
    public required long Count { get; init; }

    /// <summary>16 hex digits: XOR of the first 8 bytes of SHA-256 over <c>id|version|withdrawn</c> of each entry.</summary>
    public required string Hash { get; init; }
}

/// <summary>One page of a whole copy of the sender's catalogue, for the city that asked. It counts once all its pages are there and give the digest.</summary>
public sealed record CatalogueCopied
{
    /// <summary>The owner, who alone knows what its catalogue is.</summary>
    public required string City { get; init; }

    /// <summary>The asking it answers: what the asker heard before it is replaced by the copy, what it heard since may be newer.</summary>
    public required long Ask { get; init; }

    /// <summary>The same on all pages of a copy.</summary>
    public required Guid Copy { get; init; }

    /// <summary>Counts from 1 to <see cref="Pages"/>.</summary>
    public required int Page { get; init; }

    public required int Pages { get; init; }

    /// <summary>Digest of the whole copy, as in <see cref="CatalogueDigest"/>.</summary>
    public required long Count { get; init; }

    public required string Hash { get; init; }

    public required IReadOnlyList<DatasetEntry> Entries { get; init; }

    public required IReadOnlyList<WithdrawnEntry> Withdrawn { get; init; }
}

/// <summary>An entry that is no longer in the catalogue.</summary>
/// <param name="DatasetId">The entry.</param>
/// <param name="Version">The tombstone's version.</param>
public sealed record WithdrawnEntry(Guid DatasetId, int Version);
