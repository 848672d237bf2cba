using System.Globalization;
using Exchange.Hosting;
using NpgsqlTypes;

namespace Exchange.Catalogue.Datasets;

/// <summary>The guide's type letters as columns: how a cell is read, how PostgreSQL keeps it, how it is written out again.</summary>
internal static class FieldTypes
{
    private static readonly TimeSpan Beijing = TimeSpan.FromHours(8);

    /// <summary>Column type in schema <c>data</c>.</summary>
    public static string ColumnType(string type) => type switch
    {
        "N" or "Y" => "numeric",
        "D" => "date",
        "T" => "timestamptz",
        "L" => "boolean",
        "B" or "F" => "double precision",
        "I" => "bigint",
        _ => "text",
    };

    public static NpgsqlDbType DbType(string type) => type switch
    {
        "N" or "Y" => NpgsqlDbType.Numeric,
        "D" => NpgsqlDbType.Date,
        "T" => NpgsqlDbType.TimestampTz,
        "L" => NpgsqlDbType.Boolean,
        "B" or "F" => NpgsqlDbType.Double,
        "I" => NpgsqlDbType.Bigint,
        _ => NpgsqlDbType.Text,
    };

    /// <summary>The value of a cell, null for an empty one; or what is wrong with it.</summary>
    public static (object? Value, Text? Fault) Read(string type, int? length, string cell)
    {
        if (cell.Length == 0)
        {
            return (null, null);
        }

        return type switch
        {
            "N" => Number(cell, length ?? EntryRules.MostDigits, EntryRules.MostDigits),
            "Y" => Number(cell, 20, 4),
            "I" => long.TryParse(cell, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole)
                ? (whole, null) : (null, new("不是整数。", "This is no whole number.")),
            "B" or "F" => double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out var real) && double.IsFinite(real)
                ? (real, null) : (null, new("不是数字。", "This is no number.")),
            "D" => DateOnly.TryParseExact(cell, ["yyyy-MM-dd", "yyyyMMdd"], CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
                ? (day, null) : (null, new("不是日期，应写作 2026-03-05。", "This is no date; write 2026-03-05.")),
            "T" => Instant(cell),
            "L" => cell switch
            {
                "是" or "1" or "true" or "TRUE" or "True" => (true, null),
                "否" or "0" or "false" or "FALSE" or "False" => (false, null),
                _ => (null, new("不是逻辑值，应为：是、否、1、0、true、false。", "This is no logical value; write 是, 否, 1, 0, true or false.")),
            },
            _ => Words(cell, type == "C" ? length ?? EntryRules.MostCharacters : LongestText),
        };
    }

    /// <summary>What to write in a cell of this type.</summary>
    public static Text Advice(string type) => type switch
    {
        "N" => new("只写数字和小数点，不写千位分隔符和单位。", "Digits and a decimal point only, without separators of thousands or units."),
        "Y" => new("写金额数字，最多四位小数，不写货币符号和千位分隔符。", "The amount in digits, at most four decimals, without currency sign or separators of thousands."),
        "I" => new("写整数，不写小数点和千位分隔符。", "A whole number without point or separators."),
        "B" or "F" => new("写数字，例如 0.25 或 1e-3。", "A number such as 0.25 or 1e-3."),
        "D" => new("写作 2026-03-05（在 Excel 中把该列设为“文本”或此日期格式）。", "Write 2026-03-05 (in Excel format the column as text or as this date)."),
        "T" => new("写作 2026-03-05 08:30:00（北京时间）。", "Write 2026-03-05 08:30:00 (Beijing time)."),
        "L" => new("写“是”或“否”。", "Write 是 (yes) or 否 (no)."),
        _ => new("请缩短到规定长度，并去掉不可见字符。", "Keep to the length and take out characters that do not show."),
    };

    /// <summary>Characters of an M or G cell.</summary>
    private const int LongestText = 1 << 20;

    private static (object?, Text?) Words(string cell, int longest)
    {
        if (cell.Length > longest)
        {
            // Length is in characters as people count them: a supplementary character is one.
            var characters = cell.Count(c => !char.IsLowSurrogate(c));
            if (characters > longest)
            {
                return (null, new($"最多 {longest} 个字符，现有 {characters} 个。", $"At most {longest} characters, there are {characters}."));
            }
        }

        return EntryRules.IsPlain(cell, lineBreaks: true)
            ? (cell, null)
            : (null, new("含有控制字符、双向控制符或不完整的字符。", "It holds control characters, direction controls or broken characters."));
    }

    private static (object?, Text?) Number(string cell, int digits, int decimals)
    {
        if (!decimal.TryParse(cell, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
        {
            return (null, new("不是数值。", "This is no number."));
        }

        var point = cell.IndexOf('.', StringComparison.Ordinal);
        var after = point < 0 ? 0 : cell.Length - point - 1;
        var before = cell.AsSpan(0, point < 0 ? cell.Length : point).TrimStart("+-0").Length;
        if (before + after > digits)
        {
            return (null, new($"最多 {digits} 位数字。", $"At most {digits} digits."));
        }

        return after > decimals ? (null, new($"最多 {decimals} 位小数。", $"At most {decimals} decimals.")) : (number, null);
    }

    private static (object?, Text?) Instant(string cell)
    {
        // Without an offset a time is Beijing's: that is what departments write.
        if (DateTime.TryParseExact(cell, ["yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd'T'HH:mm:ss", "yyyy-MM-dd HH:mm"], CultureInfo.InvariantCulture, DateTimeStyles.None, out var local))
        {
            return (new DateTimeOffset(local.Ticks > Beijing.Ticks ? local - Beijing : local, TimeSpan.Zero), null);
        }

        return DateTimeOffset.TryParseExact(cell, ["yyyy-MM-dd'T'HH:mm:sszzz", "yyyy-MM-dd'T'HH:mm:ss'Z'", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFzzz", "yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'"], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var instant)
            ? (instant.ToUniversalTime(), null)
            : (null, new("不是日期时间，应写作 2026-03-05 08:30:00。", "This is no date and time; write 2026-03-05 08:30:00."));
    }
}
