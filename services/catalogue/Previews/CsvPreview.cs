using System.Text;
using System.Text.Unicode;
using Exchange.Catalogue.Datasets;
using Exchange.Hosting;

namespace Exchange.Catalogue.Previews;

/// <summary>The first rows of a CSV file, read as rows are loaded (<see cref="CsvTable"/>). The first row is the header.</summary>
internal static class CsvPreview
{
    private static readonly Encoding Gb18030 = CodePagesEncodingProvider.Instance.GetEncoding(54936, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback)!;

    /// <param name="window">The file's beginning, checked to be text.</param>
    /// <param name="whole">It is all of the file.</param>
    /// <param name="fields">The entry's.</param>
    /// <param name="table">Takes the rows.</param>
    /// <param name="limits">What is refused.</param>
    /// <param name="cancel">Ends it.</param>
    public static async Task<PreviewRead> ReadAsync(ReadOnlyMemory<byte> window, bool whole, IReadOnlyList<FieldDraft> fields, PreviewTable table, PreviewLimits limits, CancellationToken cancel)
    {
        var text = window;
        if (!whole)
        {
            // No byte of a longer character in either encoding is a line break.
            var end = window.Span.LastIndexOfAny((byte)'\n', (byte)'\r') + 1;
            text = window.Length - end <= limits.Line ? window[..end] : throw NotPreviewedException.LineTooLong(limits);
        }

        text = text.Span.StartsWith(Encoding.UTF8.Preamble) ? text[3..] : text;
        var encoding = Utf8.IsValid(text.Span) ? null : text.Length == window.Length || IsGb18030(text.Span) ? Gb18030 : throw NotPreviewedException.Encoding();
        var (skip, separator) = CsvFile.SeparatorOf(text.Span);

        // Only how many there are is told; what stands there may be anybody's.
        var faults = new CsvFaults(limit: 0);
        await using var stream = new MemoryStream(text[skip..].ToArray(), writable: false);
        using var csv = new CsvTable(stream, separator, encoding, faults, limits.Line, limits.Columns);
        if (await csv.ReadAsync(cancel) is not { } header || faults.Any)
        {
            throw Broken(csv.EndedBy, limits);
        }

        foreach (var cell in header.Cells)
        {
            table.AddColumn(cell.Trim(), fields);
        }

        while (!table.IsFull && await csv.ReadAsync(cancel) is { } row)
        {
            if (Array.Exists(row.Cells, cell => cell.Length > limits.Cell))
            {
                throw NotPreviewedException.CellTooLong(limits);
            }

            table.Add(row.Cells);
        }

        // A quote that is open where the window ends may be closed behind it.
        if (csv.EndedBy is { } fault && (whole || fault != CsvTable.QuoteOpen))
        {
            throw Broken(fault, limits);
        }

        var open = csv.EndedBy is null ? 0 : 1;
        return new PreviewRead
        {
            Form = "csv",
            Encoding = encoding is null ? "utf-8" : "gb18030",
            Separator = separator switch { ';' => "semicolon", '\t' => "tab", _ => "comma" },
            Rows = table.Count,
            Bytes = window.Length,
            Whole = whole && !(table.IsFull && await csv.ReadAsync(cancel) is not null),
            FaultyRows = faults.Total > open ? faults.Total - open : null,
        };
    }

    private static bool IsGb18030(ReadOnlySpan<byte> text)
    {
        try
        {
            Gb18030.GetCharCount(text);
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }

    private static NotPreviewedException Broken(string? fault, PreviewLimits limits) => fault switch
    {
        CsvTable.LineTooLong or CsvTable.QuoteOpen => NotPreviewedException.LineTooLong(limits),
        CsvTable.TooManyCells => NotPreviewedException.TooManyColumns(limits),
        _ => new NotPreviewedException("no-header", new("没有可读的表头。", "There is no header that can be read.")),
    };
}
