using System.Text.Json;
using Dapper;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Datasets;

/// <summary>How an entry came to be what it is, member by member. Outsiders see the history of published versions, with offices in place of names.</summary>
internal static class ReadHistory
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/datasets/{id:guid}/history", GetAsync).AllowAnyone()
            .WithSummary("How an entry came to be what it is, member by member.");

    private static async Task<Results<Ok<HistoryPage>, Refused>> GetAsync(Guid id, Caller? caller, City city, Database database, HttpContext http, CancellationToken cancel, int limit = 200, long after = 0)
    {
        if (limit is < 1 or > 500)
        {
            var faults = new Faults();
            faults.Add("limit", "out-of-range", null, new("应为 1 至 500。", "This must be 1 to 500."));
            return new Refused(faults);
        }

        await using var connection = await database.OpenAsync(cancel);
        if (await Dataset.FindAsync(connection, id, cancel) is not { } dataset || await DatasetViews.ReadAsync(connection, dataset, city, caller, cancel) is null)
        {
            return Pipeline.NotFound();
        }

        var insider = dataset.IsInsider(caller, city);
        var rows = (await connection.QueryAsync<HistoryRow>(new CommandDefinition("""
            select h.position, h.version, h.event, h.changes::text as changes, h.note, h.by_name, h.by_role, h.at
            from dataset_history h
            join dataset_versions v on v.dataset_id = h.dataset_id and v.version = h.version
            where h.dataset_id = @id and h.position > @after and (@insider or v.published_at is not null)
            order by h.position
            limit @more
            """, new { id, after, insider, more = limit + 1 }, cancellationToken: cancel))).ToList();
        http.SetETag(dataset.Revision);
        return TypedResults.Ok(new HistoryPage(
            [.. rows.Take(limit).Select(r => new HistoryEvent(r.Version, r.Event, r.Changes is null ? null : JsonSerializer.Deserialize<IReadOnlyList<EntryChange>>(r.Changes, Json.Options), insider || r.Event == "withdrawn" ? r.Note : null, insider ? r.ByName : null, r.ByRole, r.At))],
            rows.Count > limit ? rows[limit - 1].Position : null));
    }

    private sealed record HistoryRow
    {
        public required long Position { get; init; }
        public required int Version { get; init; }
        public required string Event { get; init; }
        public string? Changes { get; init; }
        public string? Note { get; init; }
        public required string ByName { get; init; }
        public required string ByRole { get; init; }
        public required DateTimeOffset At { get; init; }
    }
}

internal sealed record HistoryPage(IReadOnlyList<HistoryEvent> Items, long? Next);

internal sealed record HistoryEvent(int Version, string Event, IReadOnlyList<EntryChange>? Changes, string? Note, string? ByName, string ByRole, DateTimeOffset At);
