using System.Globalization;
using System.Text.Json;
using Dapper;
using Exchange.Audit.Checkpoints;
using Exchange.Audit.Log;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Audit.Search;

/// <summary>
/// The records of the log by who, what, why, how it ended and when. It is a search over an index that is derived from the leaves: each record found can be proven,
/// that none was left out cannot (the whole log can be downloaded for that).
/// </summary>
internal static class SearchRecords
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/records", HandleAsync).AllowCallers(Visibility.Readers).IsALook("records").WithSummary("审计记录检索 · Records of the log, by city, department, dataset, purpose, type, result, source and time");

    internal static async Task<Results<Ok<RecordPage>, Refused>> HandleAsync(
        [AsParameters] RecordFilters filters, string? cursor, int? limit, Caller caller, Database database, Witnesses witnesses, Origins origins, HttpContext http, CancellationToken cancel)
    {
        var faults = new Faults();
        RecordFilter.CheckNames(http.Request.Query, faults);
        return await PageAsync(RecordFilter.Parse(filters, faults), cursor, limit, faults, Visibility.ScopeOf(caller), database, witnesses, origins, http, cancel);
    }

    /// <summary>A page of what was asked for, or all faults.</summary>
    public static async Task<Results<Ok<RecordPage>, Refused>> PageAsync(
        RecordFilter filter, string? cursor, int? limit, Faults faults, Scope scope, Database database, Witnesses witnesses, Origins origins, HttpContext http, CancellationToken cancel)
    {
        var size = Pages.Limit(limit, faults);
        var last = Pages.After(cursor, faults);
        await using var connection = await database.OpenAsync(cancel);
        var after = await RecordQuery.PlaceAsync(connection, last, faults, cancel);
        if (faults.Any)
        {
            return new Refused(faults);
        }
        var (sql, values) = RecordQuery.Select(filter, scope, after, size + 1);
        var rows = (await connection.QueryAsync<RecordRow>(new CommandDefinition(sql, values, cancellationToken: cancel))).AsList();
        var coverage = await Coverage.OfAsync(connection, rows.Select(row => row.Year), witnesses, origins, cancel);
        var items = rows.Take(size).Select(row => RecordEntry.Of(row, coverage, http.Language() == "zh")).ToList();
        http.Response.Headers.Vary = "Accept-Language";
        return TypedResults.Ok(new RecordPage(items, rows.Count > size ? Pages.Cursor(items[^1].EventId) : null));
    }
}

/// <param name="Items">In the order asked for.</param>
/// <param name="Next">Cursor of the next page; absent on the last. Records that are added meanwhile move nothing.</param>
internal sealed record RecordPage(IReadOnlyList<RecordEntry> Items, string? Next) : IShows
{
    long IShows.Shown => Items.Count;
}

internal sealed record RecordEntry
{
    /// <summary>The log.</summary>
    public required int Year { get; init; }

    /// <summary>Place in that log.</summary>
    public required long Index { get; init; }

    public required Guid EventId { get; init; }

    public Guid? ExchangeId { get; init; }

    public required string Type { get; init; }

    public required string Source { get; init; }

    /// <summary>Number at its source; absent for the log's own leaves.</summary>
    public long? Seq { get; init; }

    /// <summary>When it happened, by its source's clock.</summary>
    public required DateTimeOffset At { get; init; }

    public required DateTimeOffset ReceivedAt { get; init; }

    /// <summary>Credit code of the asking department, from the record or its exchange.</summary>
    public string? Requesting { get; init; }

    /// <summary>Credit code of the providing department, from the record or its exchange.</summary>
    public string? Providing { get; init; }

    /// <summary>Id of the dataset, from the record or its exchange.</summary>
    public string? Service { get; init; }

    public long? ServiceVersion { get; init; }

    /// <summary>What the exchange rests on: the legal basis as the request states it.</summary>
    public string? Purpose { get; init; }

    /// <summary>The owning city's reference.</summary>
    public string? Approval { get; init; }

    public string? Result { get; init; }

    /// <summary>How many data records it carried.</summary>
    public long? Records { get; init; }

    public long? Bytes { get; init; }

    public Guid? DeliveryId { get; init; }

    public string? Sha256 { get; init; }

    /// <summary>Further facts in clear.</summary>
    public IReadOnlyDictionary<string, string>? Details { get; init; }

    /// <summary>True when a signed checkpoint covers it.</summary>
    public required bool Signed { get; init; }

    /// <summary>True when a checkpoint covers it that the agreed number of witnesses has cosigned; absent where no witnesses are agreed on.</summary>
    public bool? Witnessed { get; init; }

    /// <summary>What happened, in words of the reader's language; absent for a type this service has none for.</summary>
    public string? Says { get; init; }

    /// <summary>Where its proof file is.</summary>
    public required string Proof { get; init; }

    public static RecordEntry Of(RecordRow row, Coverage coverage, bool zh) => new()
    {
        Year = row.Year,
        Index = row.Idx,
        EventId = row.EventId,
        ExchangeId = row.ExchangeId,
        Type = row.Type,
        Source = row.Source,
        Seq = row.Seq,
        At = row.At,
        ReceivedAt = row.ReceivedAt,
        Requesting = row.Requesting,
        Providing = row.Providing,
        Service = row.Service,
        ServiceVersion = row.ServiceVersion,
        Purpose = row.Purpose,
        Approval = row.Approval,
        Result = row.Result,
        Records = row.Records,
        Bytes = row.Bytes,
        DeliveryId = row.DeliveryId,
        Sha256 = row.Sha256,
        Details = row.Details is null ? null : JsonSerializer.Deserialize<Dictionary<string, string>>(row.Details),
        Says = EventWords.Of(row.Type, zh),
        Signed = coverage.IsSigned(row.Year, row.Idx),
        Witnessed = coverage.IsWitnessed(row.Year, row.Idx),
        Proof = ProofOf(row.Year, row.EventId),
    };

    public static string ProofOf(int year, Guid eventId) => string.Create(CultureInfo.InvariantCulture, $"/api/audit/log/{year}/proof/{eventId}");
}

internal sealed record RecordRow
{
    public required int Year { get; init; }
    public required long Idx { get; init; }
    public required Guid EventId { get; init; }
    public Guid? ExchangeId { get; init; }
    public required string Type { get; init; }
    public required string Source { get; init; }
    public long? Seq { get; init; }
    public required DateTimeOffset At { get; init; }
    public required DateTimeOffset ReceivedAt { get; init; }
    public string? Requesting { get; init; }
    public string? Providing { get; init; }
    public string? Service { get; init; }
    public long? ServiceVersion { get; init; }
    public string? Purpose { get; init; }
    public string? Approval { get; init; }
    public string? Result { get; init; }
    public long? Records { get; init; }
    public long? Bytes { get; init; }
    public Guid? DeliveryId { get; init; }
    public string? Sha256 { get; init; }
    public string? Details { get; init; }
}
