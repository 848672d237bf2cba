using System.Text;
using System.Text.Json;
using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Npgsql;

namespace Exchange.Gateway.Federation;

/// <summary>One change of a city's feed, whether it came as a message or was pulled.</summary>
internal sealed record CityChange
{
    public required string City { get; init; }
    public required Guid Epoch { get; init; }
    public required long Change { get; init; }
    public required Guid DatasetId { get; init; }
    public required int Version { get; init; }

    /// <summary>JSON of the entry; null withdraws it.</summary>
    public string? Entry { get; init; }

    public static CityChange Of(DatasetPublished message) => new()
    {
        City = message.City,
        Epoch = message.Epoch,
        Change = message.Change,
        DatasetId = message.Entry.DatasetId,
        Version = message.Entry.Version,
        Entry = JsonSerializer.Serialize(message.Entry, Json.Options),
    };

    public static CityChange Of(DatasetWithdrawn message) => new()
    {
        City = message.City,
        Epoch = message.Epoch,
        Change = message.Change,
        DatasetId = message.DatasetId,
        Version = message.Version,
    };
}

/// <summary>
/// The only writer of the read model. A change is numbered in the transaction that applies it, under the lock of the catalogue's one row: numbers have no gaps and
/// follow the order of commits, so a reader that has seen a number has seen all below it. Each change wakes the indexes of all replicas when it commits.
/// </summary>
internal static class CatalogueTables
{
    public const string Channel = "catalogue";

    /// <summary>For what we stored ourselves, perhaps by a newer version of this program.</summary>
    public static readonly JsonSerializerOptions Tolerant = new(Json.Options) { UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Skip };

    /// <summary>
    /// Applies each change unless a newer version of its entry is there, in the caller's transaction; returns how many changed the read model.
    /// A city's position moves only without a gap: repair fills those.
    /// </summary>
    public static async Task<int> ApplyAsync(NpgsqlConnection connection, IReadOnlyList<CityChange> changes, CancellationToken cancel)
    {
        await using var results = await connection.QueryMultipleAsync(new CommandDefinition(Apply, new
        {
            City = changes.Select(c => c.City).ToArray(),
            Epoch = changes.Select(c => c.Epoch).ToArray(),
            Change = changes.Select(c => c.Change).ToArray(),
            DatasetId = changes.Select(c => c.DatasetId).ToArray(),
            Version = changes.Select(c => c.Version).ToArray(),
            Entry = changes.Select(c => c.Entry).ToArray(),
            RowHash = changes.Select(c => FeedHash.Of(c.DatasetId, c.Version, c.Entry is null)).ToArray(),
            Channel,
        }, cancellationToken: cancel));
        await results.ReadSingleAsync<long>();
        return await results.ReadSingleAsync<int>();
    }

    /// <summary>
    /// Makes the city's rows what a full pull found, whatever version or change was there before; a row that a message brought after the pull began,
    /// with a change above <paramref name="upTo"/>, stays.
    /// Rows that already are so are not touched, so the readers of our feed see only what differs.
    /// </summary>
    /// <param name="connection">In a transaction.</param>
    /// <param name="city">Whose rows.</param>
    /// <param name="epoch">The feed's that was read.</param>
    /// <param name="upTo">Newest change that the pull knew.</param>
    /// <param name="found">What was found.</param>
    /// <param name="parts">The parts of the feed that were read; null for the whole of it.</param>
    /// <param name="cancel">Ends the statement.</param>
    public static async Task ReplaceAsync(NpgsqlConnection connection, string city, Guid epoch, long upTo, IReadOnlyList<CityChange> found, IReadOnlyList<int>? parts, CancellationToken cancel)
    {
        var change = await connection.ExecuteScalarAsync<long>(new CommandDefinition("select change from catalogue where one for update", cancellationToken: cancel));
        var written = await connection.ExecuteAsync(new CommandDefinition(Replace, new
        {
            city,
            epoch,
            upTo,
            change,
            parts = parts?.ToArray(),
            DatasetId = found.Select(f => f.DatasetId).ToArray(),
            CityChange = found.Select(f => f.Change).ToArray(),
            Version = found.Select(f => f.Version).ToArray(),
            Entry = found.Select(f => f.Entry).ToArray(),
            RowHash = found.Select(f => FeedHash.Of(f.DatasetId, f.Version, f.Entry is null)).ToArray(),
        }, cancellationToken: cancel));
        await connection.ExecuteAsync(new CommandDefinition("update catalogue set change = change + @written where one", new { written }, cancellationToken: cancel));
        await connection.ExecuteAsync(new CommandDefinition("select pg_notify(@Channel, '')", new { Channel }, cancellationToken: cancel));
    }

    /// <summary>The whole entry as its city published it.</summary>
    public static DatasetEntry Entry(IndexedEntry indexed) => JsonSerializer.Deserialize<DatasetEntry>(indexed.Json, Tolerant)!;

    public static IndexedEntry Indexed(string json)
    {
        var entry = JsonSerializer.Deserialize<DatasetEntry>(json, Tolerant)!;
        return new IndexedEntry
        {
            Id = entry.DatasetId,
            Version = entry.Version,
            City = RepeatedText.Shared(entry.City),
            Name = entry.Name,
            Abstract = entry.Abstract,
            DepartmentCode = RepeatedText.Shared(entry.DepartmentCode),
            DepartmentName = RepeatedText.Shared(entry.DepartmentName),
            Code = entry.Code,
            FieldTitles = [.. entry.Fields.Select(field => RepeatedText.Shared(field.Title))],
            Theme = RepeatedText.Shared(entry.Theme),
            Sharing = RepeatedText.Shared(entry.SharingType),
            Format = RepeatedText.Shared(entry.Format),
            UpdateFrequency = RepeatedText.Shared(entry.UpdateFrequency),
            Grade = entry.Grade,
            Open = entry.OpenToSociety,
            RelatedCodes = entry.RelatedCodes,
            ReleasedOn = entry.ReleasedOn,
            Json = Encoding.UTF8.GetBytes(json),
        };
    }

    // Everything hangs on the locked row of catalogue, so two appliers never number at the same time. The lock is a statement of its own: what the next one reads is as of after it.
    // "where one" tells the planner that it is a single row; without it the estimate is high enough for PostgreSQL to compile the statement each time.
    private const string Apply = $"""
        {Transaction.MayNotFreeze};
        select change from catalogue where one for update;
        with changes as (
            select * from unnest(@City, @Epoch, @Change, @DatasetId, @Version, @Entry, @RowHash) as c (city, epoch, change, dataset_id, version, entry, row_hash)),
        newest as (
            select distinct on (dataset_id) * from changes order by dataset_id, version desc, change desc),
        accepted as (
            select n.*, row_number() over (order by n.city, n.change, n.dataset_id) as number
            from newest n left join datasets d using (dataset_id)
            where d.dataset_id is null or (d.version < n.version and d.city = n.city)),
        applied as (
            insert into datasets as d (dataset_id, city, version, tombstone, entry, row_hash, city_epoch, city_change, change)
            select a.dataset_id, a.city, a.version, a.entry is null, a.entry, a.row_hash, a.epoch, a.change, c.change + a.number from accepted a, catalogue c
            on conflict (dataset_id) do update
            set version = excluded.version, tombstone = excluded.tombstone, entry = excluded.entry, row_hash = excluded.row_hash,
                city_epoch = excluded.city_epoch, city_change = excluded.city_change, change = excluded.change, changed_at = excluded.changed_at
            returning change),
        numbered as (
            update catalogue set change = (select max(change) from applied) where one and exists (select from applied)
            returning pg_notify(@Channel, '')),
        runs as (
            select city, epoch, min(change) as since, max(change) as until
            from (select city, epoch, change, change - row_number() over (partition by city, epoch order by change) as run from (select distinct city, epoch, change from changes) as c) as c
            group by city, epoch, run),
        followed as (
            update city_feeds f set change = r.until from runs r
            where f.city = r.city and f.epoch = r.epoch and r.since <= f.change + 1 and r.until > f.change)
        select count(*)::int from applied
        """;

    private const string Replace = """
        with found as (
            select * from unnest(@DatasetId, @CityChange, @Version, @Entry, @RowHash) as f (dataset_id, city_change, version, entry, row_hash)),
        differing as (
            select f.dataset_id, f.city_change, f.version, f.entry is null as tombstone, f.entry, f.row_hash
            from found f left join datasets d using (dataset_id)
            where d.dataset_id is null
                or (d.city = @city and (d.city_epoch <> @epoch or d.city_change <= greatest(f.city_change, @upTo))
                    and (d.version, d.tombstone, d.entry, d.row_hash, d.city_epoch, d.city_change) is distinct from (f.version, f.entry is null, f.entry, f.row_hash, @epoch, f.city_change))
            union all
            select d.dataset_id, d.city_change, d.version, true, null, null
            from datasets d
            where d.city = @city and d.row_hash is not null and (d.city_epoch <> @epoch or d.city_change <= @upTo)
                and (@parts::int[] is null or get_byte(uuid_send(d.dataset_id), 15) = any(@parts))
                and not exists (select from found f where f.dataset_id = d.dataset_id))
        insert into datasets as d (dataset_id, city, version, tombstone, entry, row_hash, city_epoch, city_change, change)
        select dataset_id, @city, version, tombstone, entry, row_hash, @epoch, city_change, @change + row_number() over (order by city_change, dataset_id)
        from differing
        on conflict (dataset_id) do update
        set version = excluded.version, tombstone = excluded.tombstone, entry = excluded.entry, row_hash = excluded.row_hash,
            city_epoch = excluded.city_epoch, city_change = excluded.city_change, change = excluded.change, changed_at = excluded.changed_at
        """;
}
