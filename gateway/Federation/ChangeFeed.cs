using System.Text.Json;
using Dapper;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Gateway.Federation;

/// <summary>The newest change of each entry in the order of the catalogue's numbers, as all who follow it read it.</summary>
internal static class ChangeFeed
{
    public static readonly Rule Rebuilt = new("feed-rebuilt", StatusCodes.Status410Gone, null,
        new("变更流已重建，旧游标不再有效。", "The change feed was rebuilt; cursors from before are no longer valid."),
        new("请不带 after 从头读取 /api/catalogue/changes（或 /api/catalogue/events），并以读到的内容替换本地副本。", "Read /api/catalogue/changes (or /api/catalogue/events) from the start without after, and replace your copy with what you read."));

    public static readonly Rule WrongCursor = new("unknown-cursor", StatusCodes.Status400BadRequest, null,
        new("游标无法识别。", "The cursor is not one of ours."),
        new("请使用上一次回答中的 next 或事件的 id，或不带 after 从头读取。", "Send next of an earlier answer or the id of an event, or leave after out to start from the beginning."));

    /// <summary>
    /// Everything with a number above <paramref name="after"/>, at most <paramref name="most"/>. The position is read first: numbers follow the order of commits,
    /// so all that is numbered up to it is among what is read then.
    /// </summary>
    public static async Task<(FeedPosition Position, List<ChangeRow> Rows)> ReadAsync(NpgsqlConnection connection, long after, IReadOnlyCollection<string>? cities, int most, CancellationToken cancel)
    {
        await using var results = await connection.QueryMultipleAsync(new CommandDefinition(Read, new { after, cities = cities?.ToArray(), most }, cancellationToken: cancel));
        return (await results.ReadSingleAsync<FeedPosition>(), (await results.ReadAsync<ChangeRow>()).AsList());
    }

    private const string Read = """
        select epoch, change from catalogue;
        select change, dataset_id, city, version, entry, changed_at from datasets
        where change > @after and (@cities::text[] is null or city = any(@cities))
        order by change
        limit @most
        """;
}

internal sealed record FeedPosition
{
    public required Guid Epoch { get; init; }
    public required long Change { get; init; }
}

internal sealed record ChangeRow
{
    public required long Change { get; init; }
    public required Guid DatasetId { get; init; }
    public required string City { get; init; }
    public required int Version { get; init; }

    /// <summary>JSON of the entry; null when it was withdrawn.</summary>
    public string? Entry { get; init; }

    public required DateTimeOffset ChangedAt { get; init; }

    public DatasetChange Shown() => new()
    {
        DatasetId = DatasetId,
        City = City,
        Version = Version,
        Withdrawn = Entry is null,
        Entry = Entry is null ? null : JsonSerializer.Deserialize<JsonElement>(Entry),
    };
}

/// <summary>One change of the catalogue.</summary>
internal sealed record DatasetChange
{
    public required Guid DatasetId { get; init; }
    public required string City { get; init; }
    public required int Version { get; init; }
    public required bool Withdrawn { get; init; }

    /// <summary>The entry as its city published it; absent when it was withdrawn.</summary>
    public JsonElement? Entry { get; init; }
}
