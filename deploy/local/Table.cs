using System.Text;

namespace Exchange.Local;

/// <summary>Columns that stay straight when Chinese characters, twice as wide in a terminal, stand among Latin ones.</summary>
internal static class Table
{
    public static string Of(IReadOnlyList<string> head, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        var widths = head.Select((h, i) => rows.Select(r => Width(r[i])).Append(Width(h)).Max()).ToList();
        var text = new StringBuilder();
        Line(head);
        text.Append(new string('-', widths.Sum() + 2 * (widths.Count - 1))).Append('\n');
        foreach (var row in rows)
            Line(row);
        return text.ToString();

        void Line(IReadOnlyList<string> cells) =>
            text.Append(string.Join("  ", cells.Select((c, i) => c + new string(' ', widths[i] - Width(c)))).TrimEnd()).Append('\n');
    }

    public static int Width(string text) => text.EnumerateRunes().Sum(Width);

    // East Asian Wide and Fullwidth, by block; combining marks do not occur in what is printed here.
    private static int Width(Rune rune) => rune.Value is
        (>= 0x1100 and <= 0x115F) or (>= 0x2E80 and <= 0x303E) or (>= 0x3041 and <= 0xA4CF) or (>= 0xAC00 and <= 0xD7A3) or
        (>= 0xF900 and <= 0xFAFF) or (>= 0xFE30 and <= 0xFE4F) or (>= 0xFF00 and <= 0xFF60) or (>= 0xFFE0 and <= 0xFFE6) or
        (>= 0x1F300 and <= 0x1FAFF) or (>= 0x20000 and <= 0x3FFFD) ? 2 : 1;
}
