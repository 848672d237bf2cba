using System.Text;
using Exchange.Hosting;

namespace Exchange.Catalogue.Files;

/// <summary>
/// A name under which people see a file: one that every system the receivers use can store, and that shows as what it is. Nothing on this side is ever named by it.
/// Refused rather than mended: a name that was changed in silence is not found again.
/// </summary>
internal static class FileName
{
    /// <summary>What file systems take, in bytes of UTF-8.</summary>
    private const int Longest = 255;

    private static readonly HashSet<string> Reserved = new(
        ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", .. Enumerable.Range(0, 10).SelectMany(i => (string[])[$"COM{i}", $"LPT{i}"]), "COM¹", "COM²", "COM³", "LPT¹", "LPT²", "LPT³"], StringComparer.OrdinalIgnoreCase);

    /// <summary>The name in Unicode's composed form, so that what looks the same is the same; faults under <c>name</c> when it cannot be used.</summary>
    /// <param name="written">As it came, decoded from the address.</param>
    /// <param name="format">What the entry holds: the name ends with one of its extensions.</param>
    /// <param name="faults">Where every fault goes.</param>
    public static string Check(string written, FileFormat format, Faults faults)
    {
        // Lone surrogates have no composed form.
        if (written.EnumerateRunes().Any(r => r == Rune.ReplacementChar))
        {
            Add("control-character", new("文件名含有无效字符。", "The name holds characters that are not valid."));
            return written;
        }

        var name = written.Normalize(NormalizationForm.FormC);
        if (Encoding.UTF8.GetByteCount(name) > Longest)
        {
            Add("too-long", new($"文件名最多 {Longest} 字节（UTF-8）。", $"A name has at most {Longest} bytes in UTF-8."));
        }

        if (name.IndexOfAny(['/', '\\', ':', '*', '?', '"', '<', '>', '|', '%']) >= 0)
        {
            Add("path", new("文件名不得含有路径或通配字符（/ \\ : * ? \" < > | %）。", "A name holds no parts of a path and no wildcards (/ \\ : * ? \" < > | %)."));
        }

        if (name.EnumerateRunes().Any(r => Rune.GetUnicodeCategory(r) is System.Globalization.UnicodeCategory.Control or System.Globalization.UnicodeCategory.Format
            or System.Globalization.UnicodeCategory.LineSeparator or System.Globalization.UnicodeCategory.ParagraphSeparator or System.Globalization.UnicodeCategory.PrivateUse
            or System.Globalization.UnicodeCategory.OtherNotAssigned))
        {
            Add("control-character", new("文件名含有控制字符或不可见字符。", "The name holds control or invisible characters."));
        }

        if (name.Length == 0 || name[0] is '.' or ' ' or '-' or '~' || name[^1] is '.' or ' ' || name.Contains("..", StringComparison.Ordinal) || Reserved.Contains(name.Split('.')[0].TrimEnd()))
        {
            Add("reserved", new("文件名不得以点、空格、- 或 ~ 开头，不得以点或空格结尾，不得含连续的点，也不得为系统保留名。", "A name does not begin with a dot, space, - or ~, end with a dot or space, hold two dots in a row, or be one that systems reserve."));
        }

        if (!format.Extensions.Any(e => name.Length > e.Length + 1 && name.EndsWith("." + e, StringComparison.OrdinalIgnoreCase)))
        {
            Add("extension", new($"目录格式为 {format.Word}，文件名应以 {Endings("、")} 结尾。", $"The entry's format is {format.Word}; the name ends with {Endings(" or ")}."));
        }

        return name;

        void Add(string rule, Text message) => faults.Add("name", rule, null, message);

        string Endings(string between) => string.Join(between, format.Extensions.Select(e => "." + e));
    }
}
