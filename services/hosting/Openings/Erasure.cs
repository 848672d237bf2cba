using System.Globalization;

namespace Exchange.Hosting.Openings;

/// <summary>Somebody's asking to erase, as it stands in the table.</summary>
internal sealed record Erasure
{
    public const string Columns = "erasure_id, event_ids, month, names, ground, asked_by, asked_at, state, confirmed_by, confirmed_at, erased";

    public required Guid ErasureId { get; init; }
    public required Guid[] EventIds { get; init; }
    public string? Month { get; init; }
    public required string[] Names { get; init; }
    public required string Ground { get; init; }
    public required string AskedBy { get; init; }
    public required DateTimeOffset AskedAt { get; init; }
    public required string State { get; init; }
    public string? ConfirmedBy { get; init; }
    public DateTimeOffset? ConfirmedAt { get; init; }

    /// <summary>How many values.</summary>
    public long? Erased { get; init; }

    public AuditRecord Record(string type, Dictionary<string, string> openings)
    {
        var details = new Dictionary<string, string>(StringComparer.Ordinal) { ["erasure"] = ErasureId.ToString(), ["ground"] = Ground };
        if (Month is not null)
        {
            details["month"] = Month;
        }
        else
        {
            details["events"] = EventIds.Length.ToString(CultureInfo.InvariantCulture);
            details["first_event"] = EventIds.Min().ToString();
            details["last_event"] = EventIds.Max().ToString();
        }
        if (Names.Length > 0)
        {
            details["names"] = string.Join(' ', Names);
        }
        return new AuditRecord { Type = type, Result = State, Records = Erased, Details = details, Openings = openings };
    }
}

internal sealed record ErasureView
{
    public required Guid Id { get; init; }

    public required IReadOnlyList<Guid> EventIds { get; init; }

    public string? Month { get; init; }

    /// <summary>Empty for all fields.</summary>
    public required IReadOnlyList<string> Names { get; init; }

    public required string Ground { get; init; }

    public required string AskedBy { get; init; }

    public required DateTimeOffset AskedAt { get; init; }

    /// <summary>asked or confirmed.</summary>
    public required string State { get; init; }

    public DateTimeOffset? ConfirmedAt { get; init; }

    /// <summary>How many values were erased.</summary>
    public long? Erased { get; init; }

    public static ErasureView Of(Erasure erasure) => new()
    {
        Id = erasure.ErasureId,
        EventIds = erasure.EventIds,
        Month = erasure.Month,
        Names = erasure.Names,
        Ground = erasure.Ground,
        AskedBy = erasure.AskedBy,
        AskedAt = erasure.AskedAt,
        State = erasure.State,
        ConfirmedAt = erasure.ConfirmedAt,
        Erased = erasure.Erased,
    };
}
