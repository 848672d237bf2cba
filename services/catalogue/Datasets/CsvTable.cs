using System.Text.Unicode;
using CsvHelper;
using Exchange.Hosting;

namespace Exchange.Catalogue.Datasets;

/// <summary>Faults of a table, each with its line and column; past the limit they are only counted.</summary>
internal sealed class CsvFaults(int limit = 1000)
{
    /// <summary>Column of a fault that concerns a whole line.</summary>
    public const string WholeLine = "*";

    public Faults Listed { get; } = new();

    public int Total { get; private set; }

    public bool Any => Total > 0;

    public void Add(int line, string column, string rule, string? article, Text message)
    {
        if (++Total <= limit)
        {
            var (zh, en) = column == WholeLine ? ($"第 {line} 行：", $"Line {line}: ") : ($"第 {line} 行“{column}”：", $"Line {line}, column {column}: ");
            Listed.Add($"{line}:{column}", rule, article, new(zh + message.Zh, en + message.En));
        }
        else if (Total == limit + 1)
        {
            Listed.Add("*", "more-faults", null, new($"错误超过 {limit} 处，其余未列出。", $"There are more than {limit} faults; the rest is not listed."));
        }
    }
}

/// <summary>One line of a table: where it starts in the file and its cells.</summary>
internal readonly record struct CsvLine(int Number, string[] Cells);

/// <summary>
/// Reads UTF-8 CSV (RFC 4180, with or without a byte order mark) line by line in bounded memory.
/// What is no UTF-8, or a quote that is never closed, ends the reading with one fault; a stray quote is a fault of its line and reading goes on.
/// </summary>
internal sealed class CsvTable : IDisposable
{
    /// <summary>Bytes of one record, quoted line breaks included. Without a bound an unclosed quote or a line of commas would fill the memory.</summary>
    private const int LongestRecord = 4 << 20;

    private readonly CsvFaults faults;
    private readonly CsvReader reader;

    public CsvTable(Stream stream, CsvFaults faults)
    {
        this.faults = faults;
        reader = CsvReader.Create(stream, new CsvReaderOptions
        {
            Separator = ',',
            HasHeader = false,
            TrackLineNumbers = true,
            MaxRecordSize = LongestRecord,
            MalformedData = CsvMalformedDataHandling.Skip,
            OnMalformedRecord = Malformed,
            IncludeValuesInExceptions = false,
        }, leaveOpen: true);
    }

    /// <summary>The next line that is not blank; null at the end, or when the rest cannot be read (a fault says why).</summary>
    public async Task<CsvLine?> ReadAsync(CancellationToken cancellation)
    {
        try
        {
            if (!await reader.ReadAsync(cancellation))
            {
                return null;
            }
        }
        catch (CsvFormatException fault)
        {
            faults.Add((int)fault.LineNumber, CsvFaults.WholeLine, "line-too-long", Rfc4180, new("一行的内容过长，或引号没有闭合。", "The line is too long, or a quote is not closed."));
            return null;
        }

        var line = (int)reader.LineNumber;
        if (!Utf8.IsValid(reader.RawRecord))
        {
            faults.Add(line, CsvFaults.WholeLine, "not-utf-8", "GB 13000", new("从此行起不是有效的 UTF-8 文本，请以 UTF-8 编码保存。", "From this line on this is no valid UTF-8 text; save the file as UTF-8."));
            return null;
        }

        var cells = new string[reader.FieldCount];
        for (var i = 0; i < cells.Length; i++)
        {
            cells[i] = reader.GetString(i);
        }

        return new CsvLine(line, cells);
    }

    public void Dispose() => reader.Dispose();

    private const string Rfc4180 = "RFC 4180";

    private void Malformed(CsvMalformedRecord record)
    {
        var open = record.Reason == CsvMalformedReason.UnterminatedQuote;
        faults.Add((int)record.LineNumber, CsvFaults.WholeLine, open ? "quote-open" : "stray-quote", Rfc4180, open
            ? new("引号没有闭合，其后的内容无法读取。", "A quote is not closed; what follows cannot be read.")
            : new("引号位置不当：含引号的内容须整体加引号，内部引号写两个。", "A quote is out of place: quote the whole cell and double the quotes inside."));
    }
}
