using System.Buffers;

namespace Exchange.Hosting;

/// <summary>Cells of tables that people open in a spreadsheet (RFC 4180).</summary>
public static class CsvCells
{
    private static readonly SearchValues<char> Quoted = SearchValues.Create(",\"\r\n;\t");

    /// <summary>Quoting does not stop a spreadsheet from running a formula that somebody else wrote (CWE-1236): what begins like one is shown as text.</summary>
    public static string Safe(string? value) => Exact(Text(value));

    /// <summary>The same before it is quoted, for a writer that does that itself.</summary>
    public static string Text(string? value) => value is ['=' or '+' or '-' or '@' or '\t' or '\r' or '\n' or '＝' or '＋' or '－' or '＠', ..] ? "'" + value : value ?? "";

    /// <summary>For programs, which take every character for what it is: only quoted.</summary>
    public static string Exact(string? value)
    {
        var cell = value ?? "";
        return cell.AsSpan().ContainsAny(Quoted) ? $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : cell;
    }
}
