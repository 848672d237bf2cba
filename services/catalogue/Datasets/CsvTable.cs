using System.Globalization;
using System.Text;
using CsvHelper;
using CsvHelper.Configuration;
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
/// What is no CSV or no UTF-8 ends the reading with one fault; a stray quote is a fault of its line and reading goes on.
/// </summary>
internal sealed class CsvTable : IDisposable
{
    /// <summary>One record, quoted line breaks included. Without it an unclosed quote or a line of commas would fill the memory.</summary>
    private const int LongestRecord = 4 << 20;

    private readonly CsvFaults faults;
    private readonly BoundedReader reader;
    private readonly CsvParser parser;
    private readonly HashSet<int> reported = [];
    private int lastRow;

    public CsvTable(Stream stream, CsvFaults faults)
    {
        this.faults = faults;
        reader = new(stream);
        parser = new(reader, new CsvConfiguration(CultureInfo.InvariantCulture)
        {
            Mode = CsvMode.RFC4180,
            Delimiter = ",",
            DetectDelimiter = false,
            BadDataFound = BadData,
            LineBreakInQuotedFieldIsBadData = false,
        });
    }

    /// <summary>The next line that is not blank; null at the end, or when the rest cannot be read (a fault says why).</summary>
    public async Task<CsvLine?> ReadAsync(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var line = lastRow + 1;
        try
        {
            reader.StartRecord();
            if (!await parser.ReadAsync())
            {
                return null;
            }

            // Blank lines before the record are skipped by the parser; its own lines are counted in the record itself.
            var cells = parser.Record ?? [];
            var breaks = cells.Sum(LineBreaks);
            line = Math.Max(line, parser.RawRow - breaks);
            lastRow = parser.RawRow;
            if (reader.Ended && parser.RawRecord.AsSpan().Count('"') % 2 == 1)
            {
                faults.Add(line, CsvFaults.WholeLine, "quote-open", "RFC 4180", new("引号没有闭合，其后的内容无法读取。", "A quote is not closed; what follows cannot be read."));
                return null;
            }

            return new CsvLine(line, cells);
        }
        catch (Exception fault) when (fault is DecoderFallbackException or RecordTooLongException or ParserException or BadDataException)
        {
            faults.Add(line, CsvFaults.WholeLine, fault is DecoderFallbackException ? "not-utf-8" : fault is RecordTooLongException ? "line-too-long" : "not-csv", "RFC 4180", fault switch
            {
                DecoderFallbackException => new("从此处起不是有效的 UTF-8 文本，请以 UTF-8 编码保存。", "From about here on this is no valid UTF-8 text; save the file as UTF-8."),
                RecordTooLongException => new("一行的内容过长，或引号没有闭合。", "The line is too long, or a quote is not closed."),
                _ => new("此处不是有效的 CSV。", "This is no valid CSV."),
            });
            return null;
        }
    }

    public void Dispose()
    {
        parser.Dispose();
        reader.Dispose();
    }

    private void BadData(BadDataFoundArgs args)
    {
        var line = args.Context.Parser?.RawRow ?? lastRow;
        if (reported.Add(line))
        {
            faults.Add(line, CsvFaults.WholeLine, "stray-quote", "RFC 4180", new("引号位置不当：含引号的内容须整体加引号，内部引号写两个。", "A quote is out of place: quote the whole cell and double the quotes inside."));
        }
    }

    private static int LineBreaks(string cell) => cell.AsSpan().Count('\n') + (cell.Contains('\n', StringComparison.Ordinal) ? 0 : cell.AsSpan().Count('\r'));

    private sealed class RecordTooLongException : Exception;

    /// <summary>Counts what one record takes from the stream; the parser itself knows no bound.</summary>
    private sealed class BoundedReader(Stream stream) : StreamReader(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true, throwOnInvalidBytes: true), detectEncodingFromByteOrderMarks: false, bufferSize: 16 << 10)
    {
        private int taken;

        /// <summary>True once the stream gave its last characters: only then can a quote be left open.</summary>
        public bool Ended { get; private set; }

        public void StartRecord() => taken = 0;

        public override async Task<int> ReadAsync(char[] buffer, int index, int count) => Count(await base.ReadAsync(buffer, index, count));

        public override async ValueTask<int> ReadAsync(Memory<char> buffer, CancellationToken cancellationToken = default) => Count(await base.ReadAsync(buffer, cancellationToken));

        private int Count(int read)
        {
            Ended |= read == 0;
            taken += read;
            return taken <= LongestRecord ? read : throw new RecordTooLongException();
        }
    }
}
