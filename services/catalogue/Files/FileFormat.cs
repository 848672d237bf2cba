namespace Exchange.Catalogue.Files;

/// <summary>How the content of a format is told.</summary>
internal enum FileContent
{
    /// <summary>Begins with fixed bytes.</summary>
    Binary,

    /// <summary>A package of parts in a ZIP file, one of which says what it is.</summary>
    Package,

    /// <summary>The compound file of older office programs.</summary>
    Compound,

    /// <summary>Text in UTF-8 or GB 18030.</summary>
    Text,

    /// <summary>JSON, or one JSON value per line.</summary>
    Json,

    Xml,
}

/// <summary>A format of an entry (格式组/扩展名) that files can have.</summary>
/// <param name="Word">As the entry says it: <c>document/pdf</c>.</param>
/// <param name="Extensions">How names end.</param>
/// <param name="MediaType">Sent with the content.</param>
/// <param name="Content">How the content is told.</param>
internal sealed record FileFormat(string Word, IReadOnlyList<string> Extensions, string MediaType, FileContent Content)
{
    /// <summary>Bytes with which it begins, one of these at this offset.</summary>
    public IReadOnlyList<byte[]> Magic { get; init; } = [];

    public int MagicAt { get; init; }

    /// <summary>In a package the part that must be there; in a compound file the stream.</summary>
    public string? Part { get; init; }

    /// <summary>True for entries that are handed over as files: whatever is neither <c>table</c> nor <c>service</c>.</summary>
    public static bool IsFile(string? format) => format?.Contains('/', StringComparison.Ordinal) == true;

    /// <summary>The format an entry names; null when its content cannot be told, so that files of it are not taken. Case of the extension does not count.</summary>
    public static FileFormat? Of(string format)
    {
        var extension = format[(format.IndexOf('/', StringComparison.Ordinal) + 1)..];
        var group = format[..format.IndexOf('/', StringComparison.Ordinal)];
        return All.FirstOrDefault(f => f.Word.StartsWith(group + "/", StringComparison.Ordinal) && f.Extensions.Contains(extension, StringComparer.OrdinalIgnoreCase)) is { } known
            ? known with { Word = format }
            : null;
    }

    /// <summary>
    /// What the 2017 guide names and what departments exchange besides. Not taken: what browsers run (html, svg), programs (swf), and archives, whose inside nobody here has looked at.
    /// </summary>
    public static readonly IReadOnlyList<FileFormat> All =
    [
        Binary("document", "application/pdf", ["pdf"], "%PDF-"u8),
        Package("document", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx", "word/document.xml"),
        Package("document", "application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx", "ppt/presentation.xml"),
        Package("document", "application/vnd.oasis.opendocument.text", "odt", "content.xml"),
        Package("document", "application/ofd", "ofd", "OFD.xml"),
        Compound("document", "application/msword", "doc", "WordDocument"),
        Compound("document", "application/vnd.ms-works", "wps", "WordDocument"),
        Compound("document", "application/vnd.ms-powerpoint", "ppt", "PowerPoint Document"),
        Text("document", "text/plain", "txt"),
        Xml("document", "xml"),
        Package("spreadsheet", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx", "xl/workbook.xml"),
        Package("spreadsheet", "application/vnd.oasis.opendocument.spreadsheet", "ods", "content.xml"),
        Compound("spreadsheet", "application/vnd.ms-excel", "xls", "Workbook"),
        Compound("spreadsheet", "application/vnd.ms-works", "et", "Workbook"),
        Text("spreadsheet", "text/csv", "csv"),
        Text("spreadsheet", "text/tab-separated-values", "tsv"),
        Binary("database", "application/vnd.sqlite3", ["sqlite", "db"], "SQLite format 3\0"u8),
        Binary("database", "application/vnd.ms-access", ["accdb", "mdb", "access"], "\0\u0001\0\0Standard ACE DB\0"u8, "\0\u0001\0\0Standard Jet DB\0"u8),
        Binary("image", "image/jpeg", ["jpg", "jpeg"], [0xFF, 0xD8, 0xFF]),
        Binary("image", "image/gif", ["gif"], "GIF89a"u8, "GIF87a"u8),
        Binary("image", "image/png", ["png"], [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]),
        Binary("image", "image/tiff", ["tif", "tiff"], [(byte)'I', (byte)'I', 42, 0], [(byte)'M', (byte)'M', 0, 42]),
        Binary("image", "image/bmp", ["bmp"], "BM"u8),
        Binary("stream", "video/mp4", ["mp4"], "ftyp"u8) with { MagicAt = 4 },
        Binary("stream", "video/mpeg", ["mpg", "mpeg"], [0, 0, 1, 0xBA], [0, 0, 1, 0xB3]),
        Binary("stream", "application/vnd.rn-realmedia", ["rm", "rmvb"], ".RMF"u8),
        Json("application/json", "json"),
        Json("application/geo+json", "geojson"),
        Json("application/x-ndjson", "ndjson"),
        Json("application/x-ndjson", "jsonl"),
        Xml("self_describing", "xml"),
        Xml("self_describing", "gml"),
        Xml("self_describing", "kml"),
        Text("self_describing", "text/csv", "csv"),
        Binary("self_describing", "application/vnd.apache.parquet", ["parquet"], "PAR1"u8),
    ];

    private static FileFormat Binary(string group, string media, string[] extensions, ReadOnlySpan<byte> magic, ReadOnlySpan<byte> or = default) =>
        new($"{group}/{extensions[0]}", extensions, media, FileContent.Binary) { Magic = or.IsEmpty ? [magic.ToArray()] : [magic.ToArray(), or.ToArray()] };

    private static FileFormat Package(string group, string media, string extension, string part) =>
        new($"{group}/{extension}", [extension], media, FileContent.Package) { Magic = ["PK\u0003\u0004"u8.ToArray()], Part = part };

    private static FileFormat Compound(string group, string media, string extension, string part) =>
        new($"{group}/{extension}", [extension], media, FileContent.Compound) { Magic = [[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]], Part = part };

    private static FileFormat Text(string group, string media, string extension) => new($"{group}/{extension}", [extension], media, FileContent.Text);

    private static FileFormat Json(string media, string extension) => new($"self_describing/{extension}", [extension], media, FileContent.Json);

    private static FileFormat Xml(string group, string extension) => new($"{group}/{extension}", [extension], "application/xml", FileContent.Xml);
}
