using System.ComponentModel.DataAnnotations;

namespace Exchange.Catalogue.Files;

/// <summary>Where a city keeps the files of its datasets, and how large one may be.</summary>
internal sealed record FileSettings
{
    /// <summary>Folder of this city alone (mode 0700), shared by its processes.</summary>
    [Required]
    public string Files { get; init; } = "";

    /// <summary>Bytes of the largest file that is taken. The gateway has the same setting.</summary>
    [Range(1, 1L << 50)]
    public long LargestFile { get; init; } = 8L << 30;
}
