using System.Globalization;
using System.Text;
using Exchange.Hosting;

namespace Exchange.Catalogue.Datasets;

/// <summary>A cell as its writer finds it: the column's place and header in the file, and what stands there.</summary>
/// <param name="Name">The column's own name, by which programs know it; the header when it has none.</param>
internal readonly record struct CsvCell(int? Index, string Header, string? Value = null, string? Name = null);

/// <summary>
/// Faults of a table, each with its row and column; past the limit they are only counted. Rows are the spreadsheet's: a record is one row however many
/// line breaks it quotes, so that a clerk finds it by its number.
/// </summary>
internal sealed class CsvFaults(int limit = CsvFaults.Most)
{
    public const int Most = 500;

    /// <summary>Column of a fault that concerns a whole row.</summary>
    public const string WholeRow = "*";

    private readonly Faults told = new();

    public int Total { get; private set; }

    public bool Any => Total > 0;

    /// <summary>The first ones, and when there are more, how many in all.</summary>
    public Faults Listed
    {
        get
        {
            if (Total <= limit)
            {
                return told;
            }

            var listed = new Faults();
            foreach (var fault in told.All)
            {
                listed.Add(fault);
            }

            listed.Add(WholeRow, "more-faults", null, new($"共 {Total} 处错误，只列出前 {limit} 处。", $"There are {Total} faults; the first {limit} are listed."));
            return listed;
        }
    }

    public Refused Refusal => new(Listed, Summary(Total));

    public static Text Summary(int total) => new($"共 {total} 处错误；行号为电子表格中的行号。", $"{total} fault(s); rows are numbered as in the spreadsheet.");

    public void Add(int row, string rule, string? article, Text message, Text? advice = null) => Add(row, null, rule, article, message, advice);

    public void Add(int row, CsvCell? cell, string rule, string? article, Text message, Text? advice = null)
    {
        if (++Total > limit)
        {
            return;
        }

        var header = cell is { } named ? Shown(named.Header, 60) : null;
        var letter = cell?.Index is { } index ? Letter(index) : null;
        var (zh, en) = (header, letter) switch
        {
            (null, _) => ($"第 {row} 行：", $"Row {row}: "),
            (_, null) => ($"第 {row} 行“{header}”：", $"Row {row}, column {header}: "),
            _ => ($"第 {row} 行 {letter} 列“{header}”：", $"Row {row}, column {letter} ({header}): "),
        };
        told.Add(new Fault($"{row}:{cell?.Name ?? header ?? WholeRow}", rule, article, new(zh + message.Zh, en + message.En))
        {
            At = new(row, header, letter, string.IsNullOrWhiteSpace(cell?.Value) ? null : Shown(cell.Value.Value!.Trim(), 40)),
            Advice = advice,
        });
    }

    /// <summary>A, B, …, Z, AA, AB: how spreadsheets name their columns.</summary>
    public static string Letter(int index)
    {
        var letters = "";
        for (var rest = index + 1; rest > 0; rest = (rest - 1) / 26)
        {
            letters = (char)('A' + ((rest - 1) % 26)) + letters;
        }

        return letters;
    }

    /// <summary>What comes from the file may be anything: only a short piece goes back, and only what shows as what it is.</summary>
    public static string Shown(string text, int longest)
    {
        var shown = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (shown.Length >= longest)
            {
                return shown.Append('…').ToString();
            }

            shown.Append(Rune.GetUnicodeCategory(rune) switch
            {
                _ when rune.Value is '\n' or '\r' or '\t' => " ",
                UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate => "\uFFFD",
                _ => rune.ToString(),
            });
        }

        return shown.ToString();
    }
}
