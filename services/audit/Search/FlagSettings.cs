using System.ComponentModel.DataAnnotations;

namespace Exchange.Audit.Search;

/// <summary>From when on something is pointed out.</summary>
internal sealed record FlagSettings
{
    /// <summary>A grant names no volume. Its deliveries of a day are pointed out when they carry more than so many times the bytes of its median day before.</summary>
    [Range(2, 1000)]
    public int VolumeTimes { get; init; } = 10;

    /// <summary>How many days with deliveries a grant must have behind it before a day is compared with them.</summary>
    [Range(1, 60)]
    public int VolumeDays { get; init; } = 5;

    /// <summary>A day with fewer bytes is never too much.</summary>
    [Range(1, long.MaxValue)]
    public long VolumeBytes { get; init; } = 1_000_000;

    /// <summary>From so many data records on a delivery is a large one.</summary>
    [Range(1, long.MaxValue)]
    public long BulkRecords { get; init; } = 10_000;

    /// <summary>From so many bytes on a delivery is a large one.</summary>
    [Range(1, long.MaxValue)]
    public long BulkBytes { get; init; } = 10_000_000;

    /// <summary>Hour in Beijing at which office hours begin.</summary>
    [Range(0, 23)]
    public int OpensAt { get; init; } = 8;

    /// <summary>Hour in Beijing at which office hours end.</summary>
    [Range(1, 24)]
    public int ClosesAt { get; init; } = 20;

    /// <summary>So many refusals of one department by one rule within an hour are a burst.</summary>
    [Range(2, 100_000)]
    public int BurstRefusals { get; init; } = 20;

    /// <summary>A grant that has been active for so many days without a delivery is unused.</summary>
    [Range(1, 3650)]
    public int UnusedDays { get; init; } = 90;
}
