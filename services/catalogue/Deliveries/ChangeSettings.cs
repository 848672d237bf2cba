using System.ComponentModel.DataAnnotations;

namespace Exchange.Catalogue.Deliveries;

/// <summary>How long changes can be asked for (section <c>City</c>).</summary>
internal sealed record ChangeSettings
{
    /// <summary>How long replaced rows are kept for a receiver that has not acknowledged anything newer; past it, its cursor is answered 410.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "365.00:00:00")]
    public TimeSpan KeepReplaced { get; init; } = TimeSpan.FromDays(14);

    /// <summary>Rows of one call when everything is sent: a larger table comes in parts, so that a cut one goes on where the last part ended.</summary>
    [Range(1, 100_000_000)]
    public int ChangesPart { get; init; } = 1_000_000;
}
