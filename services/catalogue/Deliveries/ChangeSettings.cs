using System.ComponentModel.DataAnnotations;

namespace Exchange.Catalogue.Deliveries;

/// <summary>How long changes can be asked for (section <c>City</c>).</summary>
internal sealed record ChangeSettings
{
    /// <summary>How long replaced rows are kept for a receiver that has not acknowledged anything newer; past it, its cursor is answered 410.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "365.00:00:00")]
    public TimeSpan KeepReplaced { get; init; } = TimeSpan.FromDays(14);
}
