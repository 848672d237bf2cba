using System.Text.Json;
using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Gateway.Federation;

/// <summary>The change feed for integrators: the newest version of each entry, in the order of changes. Whoever asks again with <c>next</c> misses nothing.</summary>
internal static class FollowChanges
{
    private const int MostPerPage = 500;

    private static readonly Rule Rebuilt = new("feed-rebuilt", StatusCodes.Status410Gone, null,
        new("变更流已重建，旧游标不再有效。", "The change feed was rebuilt; cursors from before are no longer valid."),
        new("请不带 after 从头读取，并以读到的内容替换本地副本。", "Read from the start without after, and replace your copy with what you read."));

    private static readonly Rule WrongCursor = new("unknown-cursor", StatusCodes.Status400BadRequest, null,
        new("游标无法识别。", "The cursor is not one of ours."),
        new("请使用上一次回答中的 next，或不带 after 从头读取。", "Send next of an earlier answer, or leave after out to start from the beginning."));

    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/api/catalogue/changes", HandleAsync)
        .AllowCallers()
        .WithTags("catalogue")
        .WithSummary("Changes of the catalogue")
        .WithDescription("Start without after; then send next of each answer as after. An entry that changed several times appears once, at its newest place. 410 means that the feed was rebuilt: start again.")
        .Produces<ChangePage>()
        .Produces<Problem>(StatusCodes.Status410Gone, "application/problem+json");

    private static async Task<IResult> HandleAsync(string? after, int? limit, Database database, CancellationToken cancel)
    {
        var from = after is { Length: > 0 } ? Cursor.ReadChange(after) : (Guid.Empty, 0);
        if (from is not { } place)
        {
            return new Refused(WrongCursor);
        }

        var most = Math.Clamp(limit ?? 100, 1, MostPerPage);
        await using var connection = await database.OpenAsync(cancel);
        await using var results = await connection.QueryMultipleAsync(new CommandDefinition(Read, new { place.Change, most = most + 1 }, cancellationToken: cancel));
        var position = await results.ReadSingleAsync<Position>();
        var rows = (await results.ReadAsync<Row>()).AsList();
        if (place.Epoch != Guid.Empty && (place.Epoch != position.Epoch || place.Change > position.Change))
        {
            return new Refused(Rebuilt);
        }

        var shown = rows.Take(most).ToList();
        return TypedResults.Ok(new ChangePage
        {
            Changes = [.. shown.Select(row => new DatasetChange
            {
                DatasetId = row.DatasetId,
                City = row.City,
                Version = row.Version,
                Withdrawn = row.Entry is null,
                Entry = row.Entry is null ? null : JsonSerializer.Deserialize<JsonElement>(row.Entry),
            })],
            Next = Cursor.Of(position.Epoch, shown.Count > 0 ? shown[^1].Change : place.Change),
            More = rows.Count > most,
        });
    }

    internal sealed record ChangePage
    {
        public required IReadOnlyList<DatasetChange> Changes { get; init; }

        /// <summary>Where to go on, also when nothing is new yet.</summary>
        public required string Next { get; init; }

        /// <summary>True when asking again at once brings more.</summary>
        public required bool More { get; init; }
    }

    internal sealed record DatasetChange
    {
        public required Guid DatasetId { get; init; }
        public required string City { get; init; }
        public required int Version { get; init; }
        public required bool Withdrawn { get; init; }

        /// <summary>The entry as <c>/api/catalogue/datasets/{id}</c> shows it; absent when it was withdrawn.</summary>
        public JsonElement? Entry { get; init; }
    }

    private sealed record Position
    {
        public required Guid Epoch { get; init; }
        public required long Change { get; init; }
    }

    private sealed record Row
    {
        public required long Change { get; init; }
        public required Guid DatasetId { get; init; }
        public required string City { get; init; }
        public required int Version { get; init; }
        public string? Entry { get; init; }
    }

    private const string Read = """
        select epoch, change from catalogue;
        select change, dataset_id, city, version, entry from datasets where change > @Change order by change limit @most
        """;
}
