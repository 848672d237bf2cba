using System.Globalization;
using Exchange.Hosting;

namespace Exchange.Gateway.Harvest;

/// <summary>What foreign catalogues write for our closed lists. A word that is not here is one the source did not say in a way we know.</summary>
internal static class ReadWords
{
    public static readonly IReadOnlyList<string> Frequencies = ["realtime", "daily", "weekly", "monthly", "quarterly", "semiannual", "annual", "irregular", "historical"];

    private static readonly Dictionary<string, string> FrequencyWords = Words(
        ("realtime", "realtime real-time continuous cont update_cont r/pt1s 实时 实时更新 001"),
        ("daily", "daily r/p1d 每日 每天 每日更新 002"),
        ("weekly", "weekly r/p1w r/p7d 每周 每周更新 003"),
        ("monthly", "monthly r/p1m 每月 每月更新 004"),
        ("quarterly", "quarterly r/p3m 每季度 每季 每季度更新 005"),
        ("semiannual", "semiannual annual_2 biannual r/p6m 每半年 半年 每半年更新 006"),
        ("annual", "annual annually yearly r/p1y 每年 每年更新 007"),
        ("irregular", "irregular irreg as_needed asneeded 不定期 不定期更新 008"),
        ("historical", "historical never not_planned notplanned 不更新 不再更新 历史数据 009"));

    private static readonly Dictionary<string, string> FormatGroups = Words(
        ("spreadsheet", "csv tsv xls xlsx et ods"),
        ("document", "ofd wps xml txt doc docx html htm pdf ppt pptx"),
        ("database", "dbf access mdb sqlite sql dm oracle db2"),
        ("image", "jpg jpeg png gif bmp tif tiff geotiff svg"),
        ("stream", "swf rm mpg mp3 mp4"),
        ("service", "api wms wfs wmts rest soap odata sparql esri"));

    private static readonly Dictionary<string, string> MediaTypes = new(StringComparer.OrdinalIgnoreCase)
    {
        ["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"] = "xlsx",
        ["application/vnd.ms-excel"] = "xls",
        ["application/vnd.geo+json"] = "geojson",
        ["application/geo+json"] = "geojson",
        ["application/ld+json"] = "jsonld",
        ["application/msword"] = "doc",
        ["text/plain"] = "txt",
        ["text/tab-separated-values"] = "tsv",
        ["text/turtle"] = "ttl",
        ["application/rdf+xml"] = "rdf",
    };

    /// <summary>Null when the source's word is not known. IRIs count by their last part: <c>…/frequency/DAILY</c>.</summary>
    public static string? Frequency(string? written) => written is null ? null : FrequencyWords.GetValueOrDefault(LastPart(written).ToLowerInvariant());

    /// <summary>False when the source itself keeps it to some; null when it does not say.</summary>
    public static bool? IsPublic(string? written) => written is null ? null : LastPart(written).ToLowerInvariant() switch
    {
        "public" or "公开" => true,
        "restricted public" or "restricted" or "non-public" or "non_public" or "nonpublic" or "private" or "confidential" or "sensitive" or "不公开" => false,
        _ => null,
    };

    /// <summary>The extension that the source names in one way or another: CSV, .csv, text/csv, an IRI that ends so.</summary>
    public static string? Extension(string? written)
    {
        if (string.IsNullOrWhiteSpace(written))
        {
            return null;
        }

        var word = written.Trim();
        if (word.Contains("://", StringComparison.Ordinal))
        {
            var at = word.IndexOf("/media-types/", StringComparison.OrdinalIgnoreCase);
            word = at > 0 ? word[(at + "/media-types/".Length)..] : LastPart(word);
        }

        word = MediaTypes.GetValueOrDefault(word) ?? LastPart(word);
        word = word.TrimStart('.').ToLowerInvariant();
        return word.Length is > 0 and <= 20 && word.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '+') ? word : null;
    }

    /// <summary>The guide's format group and the extension.</summary>
    public static string Format(string extension) => FormatGroups.GetValueOrDefault(extension, "self_describing") is var group && group == "service" ? group : $"{group}/{extension}";

    /// <summary>A moment, or a day, month or year at its beginning in Beijing; null with a fault when it is none, or one that has not come yet.</summary>
    public static DateTimeOffset? Moment(string field, string? written, DateTimeOffset now, Faults faults)
    {
        if (string.IsNullOrWhiteSpace(written))
        {
            return null;
        }

        var text = written.Trim();
        var beijing = TimeSpan.FromHours(8);
        DateTimeOffset? moment =
            DateTime.TryParseExact(text, ["yyyy-MM-dd", "yyyy-MM", "yyyy", "yyyy/MM/dd"], CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) ? new DateTimeOffset(day, beijing)
            : text.Length is >= 16 and <= 40 && text[4] == '-' && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var exact) ? exact
            : null;
        if (moment is { } read && read.Year >= 1900 && read <= now.AddDays(1))
        {
            return read.ToUniversalTime();
        }

        faults.Add(field, "date", null, new("不是可信的日期，按来源未说明处理。", "This is no date to rely on; it counts as not stated."));
        return null;
    }

    private static string LastPart(string written) => written.Trim().TrimEnd('/') is var word && word.LastIndexOfAny(['/', '#']) is >= 0 and var at && !word.StartsWith("R/", StringComparison.OrdinalIgnoreCase) ? word[(at + 1)..] : word;

    private static Dictionary<string, string> Words(params (string Word, string Written)[] terms) =>
        terms.SelectMany(term => term.Written.Split(' ').Select(written => (written, term.Word))).ToDictionary(pair => pair.written, pair => pair.Word, StringComparer.Ordinal);
}
