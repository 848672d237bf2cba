using Dapper;
using Exchange.Hosting;

namespace Exchange.Gateway.Harvest;

/// <summary>One source for operators: its runs, what waits for their word, and the faults of its entries.</summary>
internal static class ReadSource
{
    private const int MostHeldBack = 500;

    public static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/operations/sources/{source}").AllowOperators().WithTags("operations");
        group.MapGet("", ReadAsync)
            .WithSummary("A harvested catalogue: its newest runs, and the entries whose removal is held back")
            .Produces<SourceRuns>();
        group.MapGet("/faults", ListFaultsAsync)
            .WithSummary("Faults of the source's entries in its newest run that read any")
            .Produces<FaultPage>();
    }

    private static async Task<IResult> ReadAsync(string source, HttpContext http, Database database, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        await using var results = await connection.QueryMultipleAsync(new CommandDefinition(Read, new { source, MostHeldBack }, cancellationToken: cancel));
        var known = await results.ReadSingleAsync<bool>();
        var runs = (await results.ReadAsync<RunRow>()).Select(run => RunView.Of(run, http.Language())).ToList();
        var heldBack = (await results.ReadAsync<HeldBackEntry>()).AsList();
        return known ? TypedResults.Ok(new SourceRuns(source, runs, heldBack)) : Pipeline.NotFound();
    }

    private static async Task<IResult> ListFaultsAsync(string source, int? limit, string? cursor, HttpContext http, Database database, CancellationToken cancel)
    {
        var wrong = new Faults();
        var most = Pages.Limit(limit, wrong);
        var after = Pages.After(cursor, wrong);
        if (wrong.Any)
        {
            return new Refused(wrong);
        }

        await using var connection = await database.OpenAsync(cancel);
        var rows = (await connection.QueryAsync<FaultRow>(new CommandDefinition(ReadFaults, new { source, after = after is { } place ? NumberOf(place) : 0, most = most + 1 }, cancellationToken: cancel))).AsList();
        var shown = rows.Take(most).ToList();
        return TypedResults.Ok(new FaultPage(
            [.. shown.Select(row => new FaultView(row.RunId, row.Identifier, row.Taken, row.Field, row.Rule, http.Language() == "en" ? row.En : row.Zh))],
            rows.Count > most ? Pages.Cursor(new Guid(shown[^1].Number, 0, 0, new byte[8])) : null));
    }

    /// <summary>Cursors carry a UUID; a fault has only its number.</summary>
    private static int NumberOf(Guid place) => BitConverter.ToInt32(place.ToByteArray());

    /// <param name="Source">Its id.</param>
    /// <param name="Runs">The newest first, at most 50.</param>
    /// <param name="HeldBack">Entries of the newest run that the source no longer has and that are still shown; at most 500.</param>
    internal sealed record SourceRuns(string Source, IReadOnlyList<RunView> Runs, IReadOnlyList<HeldBackEntry> HeldBack);

    internal sealed record HeldBackEntry
    {
        public required Guid DatasetId { get; init; }

        public string? Identifier { get; init; }

        public string? Name { get; init; }
    }

    internal sealed record FaultPage(IReadOnlyList<FaultView> Items, string? Next);

    /// <param name="RunId">The run that found it.</param>
    /// <param name="Identifier">As the source writes it; null where it gives none.</param>
    /// <param name="Taken">True when the entry stands in the catalogue all the same, without what is wrong.</param>
    /// <param name="Field">Where it stands.</param>
    /// <param name="Rule">Machine word.</param>
    /// <param name="Message">The same in words.</param>
    internal sealed record FaultView(Guid RunId, string? Identifier, bool Taken, string Field, string Rule, string Message);

    private sealed record FaultRow
    {
        public required int Number { get; init; }
        public required Guid RunId { get; init; }
        public string? Identifier { get; init; }
        public required bool Taken { get; init; }
        public required string Field { get; init; }
        public required string Rule { get; init; }
        public required string Zh { get; init; }
        public required string En { get; init; }
    }

    private const string Read = $"""
        select exists (select from harvest_sources where source = @source);
        select {RunRow.Columns} from harvest_runs where source = @source order by run_id desc limit 50;
        select d.dataset_id, d.entry::json -> 'origin' ->> 'identifier' as identifier, d.entry::json ->> 'name' as name
        from datasets d
        where not d.tombstone and d.dataset_id in (
            select unnest(r.removal) from (select removal from harvest_runs where source = @source and outcome <> 'failed' order by run_id desc limit 1) r)
        order by d.dataset_id limit @MostHeldBack
        """;

    private const string ReadFaults = """
        select number, run_id, identifier, taken, field, rule, zh, en from harvest_faults where source = @source and number > @after order by number limit @most
        """;
}
