namespace Exchange.Catalogue.Previews;

/// <summary>The first rows of a table or a file, and figures about each field: of what the reader may have, and of nothing else.</summary>
internal sealed record Preview
{
    /// <summary>What was read, and how.</summary>
    public required PreviewRead Read { get; init; }

    /// <summary>In the order of <see cref="Rows"/>.</summary>
    public required IReadOnlyList<PreviewColumn> Columns { get; init; }

    /// <summary>The first rows, each with a value per column as text; null where there is none. Nothing is evaluated: what looks like a formula is text. A value of more than 500 characters is cut and ends with …</summary>
    public required IReadOnlyList<IReadOnlyList<string?>> Rows { get; init; }

    /// <summary>There are more rows than these.</summary>
    public required bool More { get; init; }

    /// <summary>Cells of the shown rows, such as B2, in which a workbook has a formula; their value is the one that the workbook keeps. Absent when there are none.</summary>
    public IReadOnlyList<string>? FormulaCells { get; init; }
}

/// <summary>What was read.</summary>
internal sealed record PreviewRead
{
    /// <summary>rows (of a table), csv, xlsx, json or ndjson: as the content shows itself.</summary>
    public required string Form { get; init; }

    /// <summary>Of text: utf-8 or gb18030.</summary>
    public string? Encoding { get; init; }

    /// <summary>Of CSV: comma, semicolon or tab.</summary>
    public string? Separator { get; init; }

    /// <summary>Names of a workbook's visible sheets; the first hundred.</summary>
    public IReadOnlyList<string>? Sheets { get; init; }

    /// <summary>The one that is shown.</summary>
    public string? Sheet { get; init; }

    /// <summary>Rows that the figures are over, the shown ones among them; without a header.</summary>
    public required long Rows { get; init; }

    /// <summary>Of a file: bytes of its content that were read, of a workbook's unpacked parts characters.</summary>
    public long? Bytes { get; init; }

    /// <summary>True when the figures are over all rows; false: over the first ones.</summary>
    public required bool Whole { get; init; }

    /// <summary>Rows of CSV that cannot be read (stray quotes, another number of cells) and were passed over; absent when there are none.</summary>
    public int? FaultyRows { get; init; }
}

/// <summary>A column, and what its values are like.</summary>
internal sealed record PreviewColumn
{
    /// <summary>The data item's name; of a file's column that is none of the entry's, its header.</summary>
    public required string Name { get; init; }

    /// <summary>As the entry has it; absent for a column that is none of the entry's.</summary>
    public string? Title { get; init; }

    /// <summary>The guide's type letter, as the entry has it.</summary>
    public string? Type { get; init; }

    /// <summary>How the grant treats it; absent for what goes plain.</summary>
    public string? Treatment { get; init; }

    public required FieldFigures Figures { get; init; }
}

/// <summary>Figures about the values of one column as they are delivered, over the rows that were read.</summary>
internal sealed record FieldFigures
{
    /// <summary>Rows with a value.</summary>
    public required long Values { get; init; }

    /// <summary>Rows without one.</summary>
    public required long Empty { get; init; }

    /// <summary>Different values; no more are counted once <see cref="DistinctExact"/> is false.</summary>
    public required int Distinct { get; init; }

    public required bool DistinctExact { get; init; }

    /// <summary>Characters of the shortest value; absent when there is none.</summary>
    public int? Shortest { get; init; }

    /// <summary>Characters of the longest value.</summary>
    public int? Longest { get; init; }

    /// <summary>number or date when every value is one; of rows only for fields of such a type that are delivered plain.</summary>
    public string? Kind { get; init; }

    /// <summary>The smallest number or the earliest date.</summary>
    public string? Least { get; init; }

    /// <summary>The largest number or the latest date.</summary>
    public string? Greatest { get; init; }

    /// <summary>Up to five values that stand most often, each at least twice; absent where there is none or too many different ones.</summary>
    public IReadOnlyList<FrequentValue>? Frequent { get; init; }

    /// <summary>Cells of a workbook that hold a formula; absent when there are none.</summary>
    public int? Formulas { get; init; }
}

/// <summary>A value as it is delivered, and in how many of the rows it stands.</summary>
internal sealed record FrequentValue(string Value, int Rows);
