using System.Globalization;

namespace Exchange.Hosting.Openings;

/// <summary>Somebody's asking to open, as it stands in the table.</summary>
internal sealed record OpeningCase
{
    public const string Columns = """
        case_id, case_number, reason, asked_by, asked_at, event_ids, names, until, state, authority_by, authority_at, auditor_by, auditor_at, refused_by, refused_at, refusal_reason
        """;

    public required Guid CaseId { get; init; }
    public required string CaseNumber { get; init; }
    public required string Reason { get; init; }
    public required string AskedBy { get; init; }
    public required DateTimeOffset AskedAt { get; init; }
    public required Guid[] EventIds { get; init; }
    public required string[] Names { get; init; }
    public required DateTimeOffset Until { get; init; }
    public required string State { get; init; }
    public string? AuthorityBy { get; init; }
    public DateTimeOffset? AuthorityAt { get; init; }
    public string? AuditorBy { get; init; }
    public DateTimeOffset? AuditorAt { get; init; }
    public string? RefusedBy { get; init; }
    public DateTimeOffset? RefusedAt { get; init; }
    public string? RefusalReason { get; init; }

    /// <summary>Whose word is still missing.</summary>
    public IReadOnlyList<string> Missing => [.. AuthorityBy is null ? [Roles.Authority] : Array.Empty<string>(), .. AuditorBy is null ? [Roles.Auditor] : Array.Empty<string>()];

    /// <summary>Number and events in clear; who and why only as commitments.</summary>
    public AuditRecord Record(string type, string result, Dictionary<string, string> openings)
    {
        var details = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["opening"] = CaseId.ToString(),
            ["case_number"] = CaseNumber,
            ["until"] = Until.UtcDateTime.ToString("O", CultureInfo.InvariantCulture),
            ["events"] = EventIds.Length.ToString(CultureInfo.InvariantCulture),
        };
        if (Names.Length > 0)
        {
            details["names"] = string.Join(' ', Names);
        }
        OpeningRules.AddEvents(details, EventIds);
        return new AuditRecord { Type = type, Result = result, Details = details, Openings = openings };
    }
}

internal sealed record OpeningView
{
    public required Guid Id { get; init; }

    public required string CaseNumber { get; init; }

    public required string Reason { get; init; }

    public required string AskedBy { get; init; }

    public required DateTimeOffset AskedAt { get; init; }

    public required IReadOnlyList<Guid> EventIds { get; init; }

    /// <summary>Empty for all fields.</summary>
    public required IReadOnlyList<string> Names { get; init; }

    public required DateTimeOffset Until { get; init; }

    /// <summary>asked, approved, refused, or ended when its time is over.</summary>
    public required string State { get; init; }

    /// <summary>Who must still approve: <c>authority</c>, <c>auditor</c>.</summary>
    public required IReadOnlyList<string> Missing { get; init; }

    public DateTimeOffset? AuthorityApprovedAt { get; init; }

    public DateTimeOffset? AuditorApprovedAt { get; init; }

    public DateTimeOffset? RefusedAt { get; init; }

    public string? RefusalReason { get; init; }

    public required IReadOnlyDictionary<string, string> Links { get; init; }

    public static OpeningView Of(OpeningCase opening, ServiceSettings service, DateTimeOffset now) => new()
    {
        Id = opening.CaseId,
        CaseNumber = opening.CaseNumber,
        Reason = opening.Reason,
        AskedBy = opening.AskedBy,
        AskedAt = opening.AskedAt,
        EventIds = opening.EventIds,
        Names = opening.Names,
        Until = opening.Until,
        State = opening.State != "refused" && opening.Until <= now ? "ended" : opening.State,
        Missing = opening.State == "asked" ? opening.Missing : [],
        AuthorityApprovedAt = opening.AuthorityAt,
        AuditorApprovedAt = opening.AuditorAt,
        RefusedAt = opening.RefusedAt,
        RefusalReason = opening.RefusalReason,
        Links = Next(opening, now).ToDictionary(name => name, name => $"{OpeningRoutes.PublicPath(service)}/{opening.CaseId}/{name}", StringComparer.Ordinal),
    };

    private static string[] Next(OpeningCase opening, DateTimeOffset now) => opening.State switch
    {
        _ when opening.Until <= now => [],
        "asked" => ["approve", "refuse"],
        "approved" => ["values", "refuse"],
        _ => [],
    };
}
