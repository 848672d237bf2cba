using System.Globalization;

namespace Exchange.Gateway.Portal;

/// <summary>Reads what people write into fields.</summary>
internal static class FormRead
{
    /// <summary>A day as date fields send it, or as people write it without one: 2026-3-5, 2026/3/5, 2026年3月5日.</summary>
    public static DateOnly? Day(string? written)
    {
        var plain = (written ?? "").Trim().Replace('年', '-').Replace('月', '-').Replace("日", "", StringComparison.Ordinal).Replace('/', '-').Replace('.', '-');
        return DateOnly.TryParseExact(plain, ["yyyy-MM-dd", "yyyy-M-d"], CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) ? day : null;
    }

    /// <summary>The lines of a text that say something.</summary>
    public static IReadOnlyList<string> Lines(string? written) => (written ?? "").Split(['\n', ';', '；', ',', '，'], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Null when nothing stands there.</summary>
    public static string? Text(string? written) => string.IsNullOrWhiteSpace(written) ? null : written.Trim();
}
