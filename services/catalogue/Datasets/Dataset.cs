using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Departments;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Catalogue.Datasets;

/// <summary>A dataset over all its versions; <see cref="Revision"/> is its ETag and counts every change of anything about it.</summary>
internal sealed record Dataset
{
    public required Guid DatasetId { get; init; }
    public required string DepartmentCode { get; init; }
    public required string DepartmentName { get; init; }
    public required int Revision { get; init; }
    public required int LastVersion { get; init; }
    public int? WorkingVersion { get; init; }
    public int? PublishedVersion { get; init; }
    public DateOnly? ReleasedOn { get; init; }

    private const string Columns = "d.dataset_id, d.department_code, p.name as department_name, d.revision, d.last_version, d.working_version, d.published_version, d.released_on";

    public static async Task<Dataset?> FindAsync(NpgsqlConnection connection, Guid id, CancellationToken cancel) =>
        await connection.QuerySingleOrDefaultAsync<Dataset>(new CommandDefinition(
            $"select {Columns} from datasets d join departments p on p.code = d.department_code where d.dataset_id = @id", new { id }, cancellationToken: cancel));

    /// <summary>For a change: the row stays locked until the transaction ends, so that of two acts on one dataset the second sees the first.</summary>
    public static async Task<Dataset?> LockAsync(NpgsqlConnection connection, Guid id, CancellationToken cancel) =>
        await connection.QuerySingleOrDefaultAsync<Dataset>(new CommandDefinition(
            $"select {Columns} from datasets d join departments p on p.code = d.department_code where d.dataset_id = @id for update of d", new { id }, cancellationToken: cancel));

    /// <summary>The newest version that was given a text: the one in work, else the published one, else the withdrawn one.</summary>
    public async Task<DatasetVersion> NewestAsync(NpgsqlConnection connection, CancellationToken cancel) =>
        (await connection.QueryAsync<DatasetVersion>(new CommandDefinition(
            $"select {DatasetVersion.Columns} from dataset_versions where dataset_id = @DatasetId order by version desc limit 1", new { DatasetId }, cancellationToken: cancel))).Single();

    public async Task<DatasetVersion?> VersionAsync(NpgsqlConnection connection, int? version, CancellationToken cancel) =>
        version is null ? null : await connection.QuerySingleOrDefaultAsync<DatasetVersion>(new CommandDefinition(
            $"select {DatasetVersion.Columns} from dataset_versions where dataset_id = @DatasetId and version = @version", new { DatasetId, version }, cancellationToken: cancel));

    /// <summary>Entries that were never published concern their own department and the city's authority alone.</summary>
    public bool IsInsider(Caller? caller, City city) =>
        caller is not null && caller.City == city.Id && (caller.Department == DepartmentCode || caller.Has(Roles.Authority));

    /// <summary>Null when the caller may change this dataset as its department; absent and forbidden look the same where there is nothing to see.</summary>
    public Refused? NotOwn(Caller caller, City city) =>
        caller.City == city.Id && caller.Department == DepartmentCode ? null
        : PublishedVersion is null && !IsInsider(caller, city) ? Pipeline.NotFound()
        : new Refused(DatasetRefusals.ForeignDepartment);
}

/// <summary>One version of an entry and who did what with it.</summary>
internal sealed record DatasetVersion
{
    public required int Version { get; init; }
    public required string State { get; init; }
    public required string EntryJson { get; init; }
    public required string DraftedBy { get; init; }
    public required string DraftedByName { get; init; }
    public required DateTimeOffset DraftedAt { get; init; }
    public string? SecrecyResult { get; init; }
    public string? SecrecyNote { get; init; }
    public DateTimeOffset? SecrecyAt { get; init; }
    public string? PersonalResult { get; init; }
    public string? PersonalNote { get; init; }
    public DateTimeOffset? PersonalAt { get; init; }
    public string? ApprovedBy { get; init; }
    public string? ApprovedByName { get; init; }
    public DateTimeOffset? ApprovedAt { get; init; }
    public DateTimeOffset? PublishedAt { get; init; }
    public string? WithdrawnReason { get; init; }
    public DateTimeOffset? WithdrawnAt { get; init; }

    public const string Columns = """
        version, state, entry::text as entry_json, drafted_by, drafted_by_name, drafted_at, secrecy_result, secrecy_note, secrecy_at,
        personal_result, personal_note, personal_at, approved_by, approved_by_name, approved_at, published_at, withdrawn_reason, withdrawn_at
        """;

    public EntryDraft Entry => JsonSerializer.Deserialize<EntryDraft>(EntryJson, Json.Options)!;
}

/// <summary>What is written about each act on a dataset.</summary>
internal static class DatasetHistory
{
    public static async Task AddAsync(
        NpgsqlConnection connection, Guid datasetId, int version, string @event, Caller by, string role, DateTimeOffset at, CancellationToken cancel,
        IReadOnlyList<EntryChange>? changes = null, string? note = null) =>
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into dataset_history (dataset_id, version, event, changes, note, by_subject, by_name, by_role, at)
            values (@datasetId, @version, @event, @changes::jsonb, @note, @Subject, @Name, @role, @at)
            """, new { datasetId, version, @event, changes = changes is null ? null : JsonSerializer.Serialize(changes, Json.Options), note, by.Subject, by.Name, role, at }, cancellationToken: cancel));
}
