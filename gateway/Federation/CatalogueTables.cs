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
    internal static readonly JsonSerializerOptions Tolerant = new(Json.Options) { UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Skip };

    /// <summary>Applies a change unless a newer version is there; true when the read model changed. The city's position moves only without a gap: repair fills those.</summary>
    public static async Task<bool> ApplyAsync(NpgsqlConnection connection, CityChange change, CancellationToken cancel) =>
        await connection.QuerySingleAsync<bool>(new CommandDefinition(Apply, new
        {
            change.City,
            change.Epoch,
            change.Change,
            change.DatasetId,
            change.Version,
            Tombstone = change.Entry is null,
            change.Entry,
            RowHash = FeedHash.Of(change.DatasetId, change.Version, change.Entry is null),
            Channel,
        }, cancellationToken: cancel));

    /// <summary>
    /// Makes the city's rows what a full pull found, whatever version or change was there before; a row that a message brought after the pull began,
    /// with a change above <paramref name="upTo"/>, stays.
    /// Rows that already are so are not touched, so the readers of our feed see only what differs.
    /// </summary>
    public static async Task ReplaceAsync(NpgsqlConnection connection, string city, Guid epoch, long upTo, IReadOnlyList<CityChange> found, CancellationToken cancel)
    {
        var change = await connection.ExecuteScalarAsync<long>(new CommandDefinition("select change from catalogue where one for update", cancellationToken: cancel));
        var written = await connection.ExecuteAsync(new CommandDefinition(Replace, new
        {
            city,
            epoch,
            upTo,
            change,
            DatasetId = found.Select(f => f.DatasetId).ToArray(),
            CityChange = found.Select(f => f.Change).ToArray(),
            Version = found.Select(f => f.Version).ToArray(),
            Entry = found.Select(f => f.Entry).ToArray(),
            RowHash = found.Select(f => FeedHash.Of(f.DatasetId, f.Version, f.Entry is null)).ToArray(),
        }, cancellationToken: cancel));
        await connection.ExecuteAsync(new CommandDefinition("update catalogue set change = change + @written where one", new { written }, cancellationToken: cancel));
        await connection.ExecuteAsync(new CommandDefinition("select pg_notify(@Channel, '')", new { Channel }, cancellationToken: cancel));
    }

    public static IndexedEntry Indexed(string json)
    {
        var entry = JsonSerializer.Deserialize<DatasetEntry>(json, Tolerant)!;
        return new IndexedEntry
        {
            Id = entry.DatasetId,
            Version = entry.Version,
            City = entry.City,
            Name = entry.Name,
            Abstract = entry.Abstract,
            DepartmentCode = entry.DepartmentCode,
            DepartmentName = entry.DepartmentName,
            Code = entry.Code,
            FieldTitles = [.. entry.Fields.Select(field => field.Title)],
            Theme = entry.Theme,
            Sharing = entry.SharingType,
            Format = entry.Format,
            UpdateFrequency = entry.UpdateFrequency,
            Grade = entry.Grade,
            Open = entry.OpenToSociety,
            RelatedCodes = entry.RelatedCodes,
            ReleasedOn = entry.ReleasedOn,
            Json = Encoding.UTF8.GetBytes(json),
        };
    }

    // One round trip per message. Everything hangs on the locked row of catalogue, so two appliers never number at the same time.
    // "where one" tells the planner that it is a single row; without it the estimate is high enough for PostgreSQL to compile the statement each time.
    private const string Apply = """
        with locked as materialized (
            select change from catalogue where one for update),
        applied as (
            insert into datasets as d (dataset_id, city, version, tombstone, entry, row_hash, city_epoch, city_change, change)
            select @DatasetId, @City, @Version, @Tombstone, @Entry, @RowHash, @Epoch, @Change, locked.change + 1 from locked
            on conflict (dataset_id) do update
            set version = excluded.version, tombstone = excluded.tombstone, entry = excluded.entry, row_hash = excluded.row_hash,
                city_epoch = excluded.city_epoch, city_change = excluded.city_change, change = excluded.change
            where d.version < excluded.version and d.city = excluded.city
            returning change),
        numbered as (
            update catalogue set change = applied.change from applied where one
            returning pg_notify(@Channel, '')),
        followed as (
            update city_feeds f set change = @Change
            where f.city = @City and f.epoch = @Epoch and f.change + 1 = @Change)
        select exists (select from applied)
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
                and not exists (select from found f where f.dataset_id = d.dataset_id))
        insert into datasets as d (dataset_id, city, version, tombstone, entry, row_hash, city_epoch, city_change, change)
        select dataset_id, @city, version, tombstone, entry, row_hash, @epoch, city_change, @change + row_number() over (order by city_change, dataset_id)
        from differing
        on conflict (dataset_id) do update
        set version = excluded.version, tombstone = excluded.tombstone, entry = excluded.entry, row_hash = excluded.row_hash,
            city_epoch = excluded.city_epoch, city_change = excluded.city_change, change = excluded.change
        """;
}
