using Dapper;
using Exchange.Audit.Checkpoints;
using Exchange.Audit.Log;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Audit.Search;

/// <summary>One exchange as the log remembers it: every leaf in the order of the log, each with the address of its proof.</summary>
internal static class ShowExchange
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/exchanges/{id:guid}", HandleAsync).AllowCallers(Visibility.Readers).IsALook("exchange").WithSummary("一次共享的全程记录 · Timeline of one exchange");

    internal static async Task<Results<Ok<ExchangeTimeline>, Refused>> HandleAsync(
        Guid id, Caller caller, Database database, Witnesses witnesses, Origins origins, HttpContext http, string? cursor, int? limit, CancellationToken cancel)
    {
        var faults = new Faults();
        var size = Pages.Limit(limit, faults);
        var after = Pages.After(cursor, faults);
        if (faults.Any)
        {
            return new Refused(faults);
        }
        await using var connection = await database.OpenAsync(cancel);
        var exchange = await connection.QuerySingleOrDefaultAsync<ExchangeRow>(new CommandDefinition("""
            select exchange_id, requesting, providing, service, service_version, sources, first_at, last_at, last_type, last_result, leaves
            from exchanges where exchange_id = @id
            """, new { id }, cancellationToken: cancel));
        if (exchange is null || !Visibility.MaySee(caller, exchange.Requesting, exchange.Providing, exchange.Sources))
        {
            return Pipeline.NotFound();
        }
        var rows = (await connection.QueryAsync<LeafRow>(new CommandDefinition(SelectLeaves, new { id, after, Limit = size + 1 }, cancellationToken: cancel))).AsList();
        var coverage = await Coverage.OfAsync(connection, rows.Select(row => row.Year), witnesses, origins, cancel);
        var zh = http.Language() == "zh";
        http.Response.Headers.Vary = "Accept-Language";
        var events = rows.Take(size).Select(row => new TimelineEntry
        {
            Year = row.Year,
            Index = row.Idx,
            EventId = row.EventId,
            Type = row.Type,
            At = row.At,
            ReceivedAt = row.ReceivedAt,
            Source = row.Source,
            Seq = row.Seq,
            Result = row.Result,
            Bytes = row.Bytes,
            DeliveryId = row.DeliveryId,
            Says = EventWords.Of(row.Type, zh),
            Signed = coverage.IsSigned(row.Year, row.Idx),
            Witnessed = coverage.IsWitnessed(row.Year, row.Idx),
            Proof = RecordEntry.ProofOf(row.Year, row.EventId),
        }).ToList();
        var next = rows.Count > size ? Pages.Cursor(events[^1].EventId) : null;
        return TypedResults.Ok(new ExchangeTimeline(ExchangeEntry.Of(exchange), events, next));
    }

    private const string SelectLeaves = """
        select r.year, r.idx, r.event_id, r.type, r.at, r.received_at, r.source, r.seq, r.result, r.bytes, r.delivery_id
        from records r
        where r.exchange_id = @id and (@after::uuid is null or (r.year, r.idx) > (select e.year, e.idx from events e where e.event_id = @after))
        order by r.year, r.idx
        limit @Limit
        """;

    private sealed record LeafRow
    {
        public required int Year { get; init; }
        public required long Idx { get; init; }
        public required Guid EventId { get; init; }
        public required string Type { get; init; }
        public required DateTimeOffset At { get; init; }
        public required DateTimeOffset ReceivedAt { get; init; }
        public required string Source { get; init; }
        public long? Seq { get; init; }
        public string? Result { get; init; }
        public long? Bytes { get; init; }
        public Guid? DeliveryId { get; init; }
    }
}

/// <param name="Exchange">What it is about.</param>
/// <param name="Events">Its leaves in the order of the log.</param>
/// <param name="Next">Cursor of the next page; absent on the last.</param>
internal sealed record ExchangeTimeline(ExchangeEntry Exchange, IReadOnlyList<TimelineEntry> Events, string? Next) : IShows
{
    long IShows.Shown => Events.Count;
}

internal sealed record TimelineEntry
{
    /// <summary>The log.</summary>
    public required int Year { get; init; }

    /// <summary>Place in that log.</summary>
    public required long Index { get; init; }

    public required Guid EventId { get; init; }

    public required string Type { get; init; }

    /// <summary>When it happened, by its source's clock.</summary>
    public required DateTimeOffset At { get; init; }

    public required DateTimeOffset ReceivedAt { get; init; }

    public required string Source { get; init; }

    /// <summary>Number at its source; absent for the log's own leaves.</summary>
    public long? Seq { get; init; }

    public string? Result { get; init; }

    public long? Bytes { get; init; }

    public Guid? DeliveryId { get; init; }

    /// <summary>What happened, in words of the reader's language; absent for a type this service has none for.</summary>
    public string? Says { get; init; }

    /// <summary>True when a signed checkpoint covers it.</summary>
    public required bool Signed { get; init; }

    /// <summary>True when a checkpoint covers it that the agreed number of witnesses has cosigned, so that its proof can be had; absent where no witnesses are agreed on.</summary>
    public bool? Witnessed { get; init; }

    /// <summary>Where its proof file is.</summary>
    public required string Proof { get; init; }
}
