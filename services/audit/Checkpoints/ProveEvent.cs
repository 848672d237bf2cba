using System.Text;
using Dapper;
using Exchange.Audit.Log;
using Exchange.Audit.Search;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Audit.Checkpoints;

/// <summary>The proof that one event is in the log, as a file to keep: it holds the leaf, its path and the checkpoint, and needs nobody's help to be checked.</summary>
internal static class ProveEvent
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/log/{year:int}/proof/{eventId:guid}", HandleAsync).AllowCallers(Visibility.Readers).IsALook("proof")
            .WithSummary("记录证明 · Offline proof of one record (c2sp.org/tlog-proof@v1)");

    private static async Task<Results<ContentHttpResult, Refused>> HandleAsync(int year, Guid eventId, Caller caller, Database database, LogReader log, Witnesses witnesses, Origins origins, HttpContext http, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var logged = await connection.QuerySingleOrDefaultAsync<LoggedEvent>(new CommandDefinition(SelectEvent, new { year, eventId }, cancellationToken: cancel));
        if (logged is null || !Visibility.MaySee(caller, logged.Requesting, logged.Providing, [logged.Source, .. logged.Sources ?? []]))
        {
            return await RetireYear.MissingAsync(connection, year, cancel);
        }
        // A proof is of use when the agreed witnesses vouch for its tree; without an agreement the log's own word is all there is.
        var agreed = witnesses.AgreedOn(origins.Of(year));
        var newest = agreed is null ? await ReadCheckpoints.NewestAsync(connection, year, cancel) : await ReadCheckpoints.WitnessedAsync(connection, year, agreed, cancel);
        if (newest is null || newest.Size <= logged.Idx)
        {
            return new Refused(agreed is null ? ReadCheckpoints.NotYetSigned : ReadCheckpoints.NotYetWitnessed) { RetryAfter = 1 };
        }
        var hashes = await log.InclusionAsync(year, logged.Idx, newest.Size, cancel);
        http.Response.Headers.ContentDisposition = $"attachment; filename=\"{eventId}.tlog-proof\"";
        http.Response.Headers.CacheControl = "private, no-store";
        return TypedResults.Text(ProofFile.Write(logged.Bytes, logged.Idx, hashes, newest.Note), "text/plain", Encoding.UTF8);
    }

    private sealed record LoggedEvent
    {
        public required long Idx { get; init; }
        public required byte[] Bytes { get; init; }
        public required string Source { get; init; }
        public string? Requesting { get; init; }
        public string? Providing { get; init; }
        public string[]? Sources { get; init; }
    }

    // A record that names no department (the gateway's report) belongs to those of its exchange.
    private const string SelectEvent = """
        select e.idx, l.bytes, r.source, coalesce(r.requesting, x.requesting) as requesting, coalesce(r.providing, x.providing) as providing, x.sources
        from events e
        join leaves l on l.year = e.year and l.idx = e.idx
        join records r on r.year = e.year and r.idx = e.idx
        left join exchanges x on x.exchange_id = r.exchange_id
        where e.event_id = @eventId and e.year = @year
        """;
}
