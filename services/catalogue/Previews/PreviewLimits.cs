namespace Exchange.Catalogue.Previews;

/// <summary>
/// What one preview reads at most. Where the rows or the window end, a preview ends with them and says so; everything else is a refusal: no honest file has such a line, and no limit may cost memory or time
/// that grows with what somebody else wrote.
/// </summary>
internal sealed record PreviewLimits
{
    /// <summary>Rows in the answer when the caller does not say, and at most.</summary>
    public const int Shown = 20, MostShown = 100;

    /// <summary>Characters of a shown value; what is longer is cut there. Figures are of the whole value.</summary>
    public const int LongestShown = 500;

    /// <summary>Characters of all shown values together; rows beyond are not shown.</summary>
    public const int MostCharacters = 1 << 20;

    public static readonly PreviewLimits Default = new();

    /// <summary>Rows that are read for the figures.</summary>
    public int Rows { get; init; } = 10_000;

    /// <summary>Bytes from the beginning of a text file, characters of rows in the database, and half of the characters of an unpacked sheet.</summary>
    public int Window { get; init; } = 4 << 20;

    /// <summary>Columns of a file.</summary>
    public int Columns { get; init; } = 500;

    /// <summary>Bytes of one row of a file.</summary>
    public int Line { get; init; } = 1 << 20;

    /// <summary>Characters of one value of a file.</summary>
    public int Cell { get; init; } = 64 << 10;

    /// <summary>Levels of objects and arrays, or of elements.</summary>
    public int Depth { get; init; } = 32;

    /// <summary>Characters of a workbook's table of texts that are unpacked to find those of the rows that are read.</summary>
    public long Texts { get; init; } = 64 << 20;

    /// <summary>Characters of texts that are kept from it.</summary>
    public int KeptTexts { get; init; } = 8 << 20;

    /// <summary>Characters of any other part of a workbook.</summary>
    public int Part { get; init; } = 4 << 20;

    public TimeSpan Time { get; init; } = TimeSpan.FromSeconds(5);
}
