using System.Text;
using CsvHelper;
using Exchange.Hosting;

namespace Exchange.Catalogue.Datasets;

/// <summary>One row of a table: its number in the spreadsheet and its cells.</summary>
internal readonly record struct CsvRow(int Number, string[] Cells);

/// <summary>
/// Reads CSV (RFC 4180) row by row in bounded memory. A quote that is never closed ends the reading with one fault; a stray quote is a fault of its row and
/// reading goes on. Rows without any content are counted and passed over, as are empty cells at the end of the header: spreadsheets leave both behind.
/// </summary>
internal sealed class CsvTable : IDisposable
{
    /// <summary>Bytes of one record, quoted line breaks included. Without a bound an unclosed quote or a line of commas would fill the memory.</summary>
    private const int LongestRecord = 4 << 20;

    /// <summary>Rules of the faults that end the reading.</summary>
    public const string LineTooLong = "line-too-long", QuoteOpen = "quote-open", TooManyCells = "too-many-columns";

    private const string Rfc4180 = "RFC 4180";

    private readonly CsvFaults faults;
    private readonly CsvReader reader;
    private readonly int mostCells;
    private int row;
    private int? width;

    /// <param name="encoding">Null for UTF-8; what is read was checked to be in it.</param>
    /// <param name="longest">Bytes of one record.</param>
    /// <param name="mostCells">Cells of one record.</param>
    public CsvTable(Stream stream, char separator, Encoding? encoding, CsvFaults faults, int longest = LongestRecord, int mostCells = int.MaxValue)
    {
        this.faults = faults;
        this.mostCells = mostCells;
        reader = CsvReader.Create(stream, new CsvReaderOptions
        {
            Separator = separator,
            Encoding = encoding,
            HasHeader = false,
            SkipEmptyLines = false,
            MaxRecordSize = longest,
            MalformedData = CsvMalformedDataHandling.Skip,
            OnMalformedRecord = Malformed,
            IncludeValuesInExceptions = false,
        }, leaveOpen: true);
    }

    /// <summary>Why the rest cannot be read; null while it can, or at the file's own end.</summary>
    public string? EndedBy { get; private set; }

    /// <summary>The next row that has content, the header first; null at the end, or when the rest cannot be read (a fault says why). Rows with more or fewer cells than the header are faults and passed over.</summary>
    public async Task<CsvRow?> ReadAsync(CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                if (!await reader.ReadAsync(cancellation))
                {
                    return null;
                }
            }
            catch (CsvFormatException)
            {
                EndedBy = LineTooLong;
                faults.Add(row + 1, LineTooLong, Rfc4180, new("一行的内容过长，或引号没有闭合。", "The row is too long, or a quote is not closed."), CloseQuotes);
                return null;
            }

            row++;
            if (reader.FieldCount > mostCells)
            {
                EndedBy = TooManyCells;
                faults.Add(row, TooManyCells, Rfc4180, new($"一行超过 {mostCells} 个单元格。", $"The row has more than {mostCells} cells."));
                return null;
            }

            // Of empty lines there may be as many as there are bytes.
            if (reader.FieldCount == 1 && reader.GetString(0).Length == 0)
            {
                continue;
            }

            var cells = new string[reader.FieldCount];
            var filled = 0;
            for (var i = 0; i < cells.Length; i++)
            {
                cells[i] = reader.GetString(i);
                if (!string.IsNullOrWhiteSpace(cells[i]))
                {
                    filled = i + 1;
                }
            }

            if (filled == 0)
            {
                continue;
            }

            if (width is null)
            {
                width = filled;
            }
            else if (filled > width || cells.Length < width)
            {
                faults.Add(row, "cell-count", Rfc4180,
                    new($"应有 {width} 个单元格，实有 {Math.Max(filled, Math.Min(cells.Length, width.Value))} 个。", $"{width} cells are expected, there are {Math.Max(filled, Math.Min(cells.Length, width.Value))}."),
                    new("请检查本行是否多了或少了分隔符；内容中含逗号的单元格须整体加引号。", "Look for a separator too many or too few; a cell whose text holds a comma must be quoted as a whole."));
                continue;
            }

            return new CsvRow(row, cells.Length == width ? cells : cells[..width.Value]);
        }
    }

    public void Dispose() => reader.Dispose();

    private static readonly Text CloseQuotes = new("请补上或删去多余的引号；由电子表格软件另存的 CSV 文件不会有此问题。", "Add the missing quote or take the odd one away; a file saved by a spreadsheet program has its quotes right.");

    private static readonly Text NotClosed = new("引号没有闭合，其后的内容无法读取。", "A quote is not closed; what follows cannot be read.");

    private static readonly Text OutOfPlace = new("引号位置不当：含引号的内容须整体加引号，内部引号写两个。", "A quote is out of place: quote the whole cell and double the quotes inside.");

    private void Malformed(CsvMalformedRecord record)
    {
        row++;
        var open = record.Reason == CsvMalformedReason.UnterminatedQuote;
        EndedBy = open ? QuoteOpen : EndedBy;
        faults.Add(row, open ? QuoteOpen : "stray-quote", Rfc4180, open ? NotClosed : OutOfPlace, CloseQuotes);
    }
}
