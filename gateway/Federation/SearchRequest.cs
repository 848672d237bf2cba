using System.Globalization;

namespace Exchange.Gateway.Federation;

/// <summary>What the index knows of one live catalogue entry. <see cref="Json"/> is what a page shows, byte for byte as stored.</summary>
internal sealed record IndexedEntry
{
    public required Guid Id { get; init; }
    public required int Version { get; init; }
    public required string City { get; init; }
    public required string Name { get; init; }
    public required string Abstract { get; init; }
    public required string DepartmentCode { get; init; }
    public required string DepartmentName { get; init; }
    public string? Code { get; init; }
    public IReadOnlyList<string> FieldTitles { get; init; } = [];
    public required string Theme { get; init; }
    public required string Sharing { get; init; }
    public required string Format { get; init; }
    public required string UpdateFrequency { get; init; }

    /// <summary>Level of protection, 1 to 6 (art. 13).</summary>
    public required int Grade { get; init; }

    public bool Open { get; init; }

    /// <summary>An error was reported in its data and is not answered yet (art. 26).</summary>
    public bool OpenCorrection { get; init; }

    /// <summary>信息资源代码 of the entries that it names as related.</summary>
    public IReadOnlyList<string> RelatedCodes { get; init; } = [];

    public required DateOnly ReleasedOn { get; init; }

    /// <summary>First day on which the data misses its declared update cycle; null where no cycle is declared or nobody said when the data was updated.</summary>
    public DateOnly? StaleFrom { get; init; }

    public byte[] Json { get; init; } = [];

    public string FacetValue(Facet facet) => facet switch
    {
        Facet.City => City,
        Facet.Department => DepartmentCode,
        Facet.Theme => Theme,
        Facet.Sharing => Sharing,
        Facet.Format => Format,
        Facet.UpdateFrequency => UpdateFrequency,
        Facet.Grade => Grade.ToString(CultureInfo.InvariantCulture),
        Facet.OpenCorrection => OpenCorrection ? "true" : "false",
        _ => throw new ArgumentOutOfRangeException(nameof(facet)),
    };
}

internal enum Facet
{
    City,
    Department,
    Theme,
    Sharing,
    Format,
    UpdateFrequency,
    Grade,
    OpenCorrection,
}

internal enum SearchSort
{
    Relevance,
    Released,
    Name,
}

/// <summary>The place of the last entry of a page. The next page starts behind it, whatever was published or withdrawn meanwhile.</summary>
internal sealed record PagePlace(int Score, DateOnly ReleasedOn, string Name, Guid Id)
{
    /// <summary>The page was of similar entries, and so are those that follow.</summary>
    public bool Similar { get; init; }
}

internal sealed record SearchRequest
{
    public IReadOnlyList<string> Terms { get; init; } = [];

    /// <summary>Values of one facet are alternatives; facets narrow each other.</summary>
    public IReadOnlyDictionary<Facet, IReadOnlyCollection<string>> Filters { get; init; } = new Dictionary<Facet, IReadOnlyCollection<string>>();

    /// <summary>Only entries that are open to society: all that a caller without a token sees.</summary>
    public bool OpenOnly { get; init; }

    public SearchSort Sort { get; init; }

    /// <summary>Decides what is stale.</summary>
    public DateOnly Today { get; init; }

    public int Limit { get; init; } = 20;

    public PagePlace? After { get; init; }

    /// <summary>Hits to pass over, for callers who count offsets instead of holding a cursor. By relevance it costs as much as showing them.</summary>
    public int Skip { get; init; }

    /// <summary>The most values that each facet is shown with.</summary>
    public int FacetValues { get; init; } = 100;
}

/// <summary>How many entries a facet's value would leave, given the query and the filters on the other facets.</summary>
internal sealed record FacetCount(string Value, string? Label, int Count);

internal sealed record SearchPage(int Total, IReadOnlyList<IndexedEntry> Items, IReadOnlyDictionary<Facet, IReadOnlyList<FacetCount>> Facets, PagePlace? Next)
{
    public static readonly SearchPage Nothing = new(0, [], new Dictionary<Facet, IReadOnlyList<FacetCount>>(), null);

    /// <summary>No entry holds every term; these hold much of them.</summary>
    public bool Similar { get; init; }
}
