using System.Collections.Frozen;
using Exchange.Contracts;

namespace Exchange.Gateway.Interop;

/// <summary>A form in which an entry's data is handed out: CKAN's resource, DCAT's distribution.</summary>
/// <param name="Name">Last part of its identifier.</param>
/// <param name="Format">As CKAN's clients write formats: CSV, XLSX, API.</param>
/// <param name="MediaType">Registered with IANA; null when the extension says none for certain.</param>
/// <param name="FileType">Code of the EU's list of file types; null when it has none.</param>
internal sealed record EntryForm(string Name, string Format, string? MediaType, string? FileType);

/// <summary>In which forms the data of an entry can be had. What a law forbids to share is had in none.</summary>
internal static class EntryForms
{
    private static readonly EntryForm[] Rows = [new("csv", "CSV", "text/csv", "CSV"), new("json", "JSON", "application/json", "JSON")];
    private static readonly EntryForm[] Service = [new("service", "API", null, null)];

    /// <summary>Extensions whose media type and EU file type are beyond doubt.</summary>
    private static readonly FrozenDictionary<string, (string MediaType, string FileType)> Known = new Dictionary<string, (string, string)>
    {
        ["csv"] = ("text/csv", "CSV"),
        ["json"] = ("application/json", "JSON"),
        ["xml"] = ("application/xml", "XML"),
        ["xls"] = ("application/vnd.ms-excel", "XLS"),
        ["xlsx"] = ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "XLSX"),
        ["doc"] = ("application/msword", "DOC"),
        ["docx"] = ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "DOCX"),
        ["ppt"] = ("application/vnd.ms-powerpoint", "PPT"),
        ["pdf"] = ("application/pdf", "PDF"),
        ["txt"] = ("text/plain", "TXT"),
        ["html"] = ("text/html", "HTML"),
        ["jpg"] = ("image/jpeg", "JPEG"),
        ["gif"] = ("image/gif", "GIF"),
        ["bmp"] = ("image/bmp", "BMP"),
        ["png"] = ("image/png", "PNG"),
        ["zip"] = ("application/zip", "ZIP"),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public static IReadOnlyList<EntryForm> Of(DatasetEntry entry) => entry.SharingType == SharingClass.Refused ? [] : Of(entry.Format);

    public static IReadOnlyList<EntryForm> Of(string format)
    {
        switch (format)
        {
            case "table":
                return Rows;
            case "service":
                return Service;
        }

        var extension = format[(format.LastIndexOf('/') + 1)..];
        return [Known.TryGetValue(extension, out var known) ? new("file", extension.ToUpperInvariant(), known.MediaType, known.FileType) : new("file", extension.ToUpperInvariant(), null, null)];
    }
}
