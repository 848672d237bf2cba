using System.Diagnostics;
using Exchange.Catalogue.Datasets;

namespace Exchange.Catalogue.Previews;

/// <summary>Takes rows one after the other, keeps the first ones and counts all, in memory that does not grow with the rows. Whoever reads gives it values as they leave.</summary>
internal sealed class PreviewTable(PreviewLimits limits, int show)
{
    private const int MostFormulas = 100;

    private readonly long started = Stopwatch.GetTimestamp();
    private readonly FieldCount.Room room = new();
    private readonly List<(PreviewColumn Column, FieldCount Count)> columns = [];
    private readonly Dictionary<string, int> places = new(StringComparer.Ordinal);
    private readonly List<string?[]> shown = [];
    private readonly List<string> formulas = [];
    private int characters;

    /// <summary>Rows so far.</summary>
    public long Count { get; private set; }

    /// <summary>As many as are read.</summary>
    public bool IsFull => Count >= limits.Rows;

    public int Columns => columns.Count;

    /// <summary>A column of rows: what is known of it, and what its values may be compared as.</summary>
    public void AddColumn(PreviewColumn column, FieldKind kind)
    {
        places.TryAdd(column.Name, columns.Count);
        columns.Add((column, new FieldCount(kind, room)));
    }

    /// <summary>The place of a file's column by its header, which the entry may know by name or title; a new one goes to the end.</summary>
    public int Place(string header, IReadOnlyList<FieldDraft> fields)
    {
        if (places.TryGetValue(header, out var place))
        {
            return place;
        }

        AddColumn(header, fields);
        places[header] = columns.Count - 1;
        return columns.Count - 1;
    }

    /// <summary>A file's column by its header, even if another one has the same.</summary>
    public void AddColumn(string header, IReadOnlyList<FieldDraft> fields)
    {
        if (columns.Count >= limits.Columns)
        {
            throw NotPreviewedException.TooManyColumns(limits);
        }

        // The type is what the entry says, not what stands there: values are compared as what they look like.
        var field = fields.FirstOrDefault(f => f.Name == header || f.Title == header);
        AddColumn(new PreviewColumn { Name = field?.Name ?? Cut(header), Title = field?.Title, Type = field?.Type, Figures = null! }, FieldKind.Unknown);
    }

    /// <param name="row">By place; shorter than the columns where the rest has no value.</param>
    /// <param name="formula">Tells of a place whether a workbook has a formula there, and the cell's address.</param>
    public void Add(ReadOnlySpan<string?> row, Func<int, string?>? formula = null)
    {
        CheckTime();
        Count++;
        var keep = shown.Count < show && shown.Count == Count - 1 && characters < PreviewLimits.MostCharacters;
        var kept = keep ? new string?[row.Length] : [];
        for (var i = 0; i < row.Length; i++)
        {
            var address = formula?.Invoke(i);
            if (row[i] is not { Length: > 0 } value)
            {
                continue;
            }

            columns[i].Count.Add(value, address is not null);
            if (!keep)
            {
                continue;
            }

            kept[i] = Cut(value);
            characters += kept[i]!.Length;
            if (address is not null && formulas.Count < MostFormulas)
            {
                formulas.Add(address);
            }
        }

        if (keep && characters <= PreviewLimits.MostCharacters)
        {
            shown.Add(kept);
        }
    }

    /// <summary>Between any two steps of a reader whose number somebody else decides.</summary>
    public void CheckTime()
    {
        if (Stopwatch.GetElapsedTime(started) >= limits.Time)
        {
            throw NotPreviewedException.TookTooLong(limits);
        }
    }

    public Preview Finish(PreviewRead read) => new()
    {
        Read = read,
        Columns = [.. columns.Select(c => c.Column with { Figures = c.Count.Figures(Count) })],
        Rows = [.. shown.Select(row => row.Length == columns.Count ? row : [.. row, .. new string?[columns.Count - row.Length]])],
        More = !read.Whole || Count > shown.Count,
        FormulaCells = formulas.Count == 0 ? null : formulas,
    };

    private static string Cut(string value)
    {
        if (value.Length <= PreviewLimits.LongestShown)
        {
            return value;
        }

        // Never between the two halves of one character.
        var end = char.IsHighSurrogate(value[PreviewLimits.LongestShown - 1]) ? PreviewLimits.LongestShown - 1 : PreviewLimits.LongestShown;
        return value[..end] + "…";
    }
}
