using Dapper;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Catalogue.Files;

/// <summary>One version of a file of a dataset. The newest of a name that is not removed is the file; older ones stay until they are removed.</summary>
internal sealed record DatasetFile
{
    public required Guid DatasetId { get; init; }
    public required string Name { get; init; }
    public required int FileVersion { get; init; }
    public required int EntryVersion { get; init; }
    public required string Format { get; init; }
    public required string[] Fields { get; init; }
    public required Guid StoredAs { get; init; }
    public required long Bytes { get; init; }
    public required string Sha256 { get; init; }
    public required DateTimeOffset StoredAt { get; init; }
    public required string StoredByName { get; init; }

    /// <summary>Strong: two files with one tag are the same bytes.</summary>
    public string ETag => $"\"sha256-{Sha256}\"";

    /// <summary>Last-Modified has whole seconds.</summary>
    public DateTimeOffset Modified => DateTimeOffset.FromUnixTimeSeconds(StoredAt.ToUnixTimeSeconds());

    /// <summary>RFC 9530, of the whole file whatever range is sent.</summary>
    public string ReprDigest => $"sha-256=:{Convert.ToBase64String(Convert.FromHexString(Sha256))}:";

    public string MediaType => FileFormat.Of(Format)?.MediaType ?? "application/octet-stream";

    private const string Select = """
        select f.dataset_id, f.name, f.file_version, f.entry_version, f.format, f.fields, f.stored_as, f.bytes, f.sha256, f.stored_at, f.stored_by_name
        from service.dataset_files f
        """;

    /// <summary>Everything of the dataset that is not removed, newest version first within each name.</summary>
    public static async Task<IReadOnlyList<DatasetFile>> AllAsync(NpgsqlConnection connection, Guid datasetId, CancellationToken cancel) =>
        (await connection.QueryAsync<DatasetFile>(new CommandDefinition(
            Select + " where f.dataset_id = @datasetId and f.removed_at is null order by f.name collate \"C\", f.file_version desc", new { datasetId }, cancellationToken: cancel))).AsList();

    /// <summary>
    /// What can be delivered under a grant: of the published entry, in its format, and without an item that was not granted, since a file goes out whole: a grant that treats
    /// an item or chooses rows opens none.
    /// </summary>
    public static async Task<IReadOnlyList<DatasetFile>> DeliverableAsync(NpgsqlConnection connection, Guid datasetId, GrantedScope scope, CancellationToken cancel) =>
        !scope.IsWhole ? [] : (await connection.QueryAsync<DatasetFile>(new CommandDefinition(Select + """

            join service.datasets d on d.dataset_id = f.dataset_id
            join service.dataset_versions v on v.dataset_id = d.dataset_id and v.version = d.published_version
            where f.dataset_id = @datasetId and f.removed_at is null and v.entry ->> 'format' = f.format and f.fields <@ @granted
            order by f.name collate "C", f.file_version desc
            """, new { datasetId, granted = scope.Fields.ToArray() }, cancellationToken: cancel))).AsList();
}
