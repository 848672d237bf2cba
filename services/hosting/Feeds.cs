using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dapper;
using Exchange.Hosting.Messaging;

namespace Exchange.Hosting;

/// <summary>Reads a change feed that the relay numbers: its digest and the changes after a number, newest per key.</summary>
public sealed class Feeds(Database database, TimeProvider clock)
{
    public async Task<FeedDigest> DigestAsync(string feed, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var row = await connection.QuerySingleOrDefaultAsync<DigestRow>(new CommandDefinition("""
            select f.epoch, f.change, count(e.key) as count, coalesce(bit_xor(e.row_hash), 0) as hash
            from feeds f left join feed_entries e using (feed)
            where f.feed = @feed
            group by f.epoch, f.change
            """, new { feed }, cancellationToken: cancel));
        return new FeedDigest(row?.Epoch ?? Guid.Empty, row?.Change ?? 0, row?.Count ?? 0, (row?.Hash ?? 0).ToString("x16", CultureInfo.InvariantCulture), clock.Now());
    }

    /// <summary>Digests of the parts that have entries, so that who differs somewhere need not read everything again.</summary>
    public async Task<IReadOnlyList<FeedPart>> PartsAsync(string feed, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        return (await connection.QueryAsync<FeedPart>(new CommandDefinition("""
            select get_byte(uuid_send(key), 15) as part, count(*) as count, bit_xor(row_hash) as hash from feed_entries where feed = @feed group by 1 order by 1
            """, new { feed }, cancellationToken: cancel))).AsList();
    }

    /// <summary>At most <paramref name="limit"/> changes with a number above <paramref name="after"/>, in order; of one part, or of all.</summary>
    public async Task<IReadOnlyList<FeedChange>> ChangesAsync(string feed, long after, int limit, int? part, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var rows = await connection.QueryAsync<ChangeRow>(new CommandDefinition("""
            select change, key, version, tombstone, type, message from feed_entries
            where feed = @feed and change > @after and (@part::int is null or get_byte(uuid_send(key), 15) = @part)
            order by change limit @limit
            """, new { feed, after, limit, part }, cancellationToken: cancel));
        return [.. rows.Select(r => new FeedChange(r.Change, r.Key, r.Version, r.Tombstone, r.Type, JsonNode.Parse(r.Message)!))];
    }

    private sealed record DigestRow
    {
        public required Guid Epoch { get; init; }
        public required long Change { get; init; }
        public required long Count { get; init; }
        public required long Hash { get; init; }
    }

    private sealed record ChangeRow
    {
        public required long Change { get; init; }
        public required Guid Key { get; init; }
        public required int Version { get; init; }
        public required bool Tombstone { get; init; }
        public required string Type { get; init; }
        public required string Message { get; init; }
    }
}

/// <summary>Where a feed stands.</summary>
/// <param name="Epoch">Another one means the feed was rebuilt: start over.</param>
/// <param name="Change">Number of the newest change.</param>
/// <param name="Count">Entries, tombstones included.</param>
/// <param name="Hash">16 hex digits: XOR of the 64-bit row hashes (first 8 bytes of SHA-256 of <c>id|version|tombstone</c>).</param>
/// <param name="At">When this was true, UTC.</param>
public sealed record FeedDigest(Guid Epoch, long Change, long Count, string Hash, DateTimeOffset At);

/// <summary>Digest of one part of a feed: the entries whose key ends in this byte.</summary>
/// <param name="Part">0 to 255.</param>
/// <param name="Count">Entries, tombstones included.</param>
/// <param name="Hash">XOR of their row hashes.</param>
public sealed record FeedPart(int Part, long Count, long Hash);

/// <summary>One change as it was published; <see cref="Message"/> is the message itself in its wire form.</summary>
public sealed record FeedChange(long Change, Guid Key, int Version, bool Tombstone, string Type, JsonNode Message);
