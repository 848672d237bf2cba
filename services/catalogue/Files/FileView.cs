using System.Globalization;
using Exchange.Catalogue.Previews;

namespace Exchange.Catalogue.Files;

/// <summary>A version of a file as its own department and the authority see it.</summary>
internal sealed record FileView
{
    public required string Name { get; init; }

    /// <summary>Counts up per name; a number is never given again.</summary>
    public required int Version { get; init; }

    /// <summary>False for versions that another one has replaced.</summary>
    public required bool Newest { get; init; }

    /// <summary>Version of the entry under which it was handed in.</summary>
    public required int EntryVersion { get; init; }

    public required string MediaType { get; init; }

    public required long Bytes { get; init; }

    /// <summary>Lower-case hex.</summary>
    public required string Sha256 { get; init; }

    public required DateTimeOffset StoredAt { get; init; }

    /// <summary>Who handed it in; shown to its own department and the authority.</summary>
    public string? StoredBy { get; init; }

    /// <summary>Where its first rows are shown; absent for formats without a preview, and for who gets none.</summary>
    public string? Preview { get; init; }

    /// <param name="files">Newest version first within each name.</param>
    /// <param name="insider">Shows who handed them in.</param>
    /// <param name="address">Of the reader's list of files; null for who gets no preview.</param>
    public static IReadOnlyList<FileView> Of(IReadOnlyList<DatasetFile> files, bool insider, string? address = null) =>
        [.. files.GroupBy(f => f.Name, StringComparer.Ordinal).SelectMany(versions => versions.Select((f, i) => Of(f, i == 0, insider, address)))];

    public static FileView Of(DatasetFile file, bool newest, bool insider, string? address = null) => new()
    {
        Name = file.Name,
        Version = file.FileVersion,
        Newest = newest,
        EntryVersion = file.EntryVersion,
        MediaType = file.MediaType,
        Bytes = file.Bytes,
        Sha256 = file.Sha256,
        StoredAt = file.StoredAt,
        StoredBy = insider ? file.StoredByName : null,
        Preview = address is not null && FilePreview.Has(file.Format) ? string.Create(CultureInfo.InvariantCulture, $"{address}/{Uri.EscapeDataString(file.Name)}/preview?version={file.FileVersion}") : null,
    };
}

/// <summary>Files of a dataset, by name and with the newest version of each first.</summary>
internal sealed record FileList(IReadOnlyList<FileView> Items);
