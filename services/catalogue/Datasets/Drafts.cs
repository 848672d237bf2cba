using System.Text.Json;
using Dapper;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Catalogue.Datasets;

/// <summary>Writes texts of entries: the one place behind drafting, revising and importing. Texts come normalised and without faults.</summary>
internal static class Drafts
{
    public static async Task<Guid> CreateAsync(NpgsqlConnection connection, EntryDraft draft, Caller caller, string @event, DateTimeOffset now, CancellationToken cancel)
    {
        var id = Guid.CreateVersion7(now);
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into datasets (dataset_id, department_code, code, name, last_version, working_version, created_at)
            values (@id, @DepartmentCode, @Code, @Name, 1, 1, @now)
            """, new { id, draft.DepartmentCode, draft.Code, draft.Name, now }, cancellationToken: cancel));
        await InsertVersionAsync(connection, id, 1, draft, caller, now, cancel);
        await DatasetHistory.AddAsync(connection, id, 1, @event, caller, Roles.Officer, now, cancel, EntryChanges.Between(null, draft));
        return id;
    }

    /// <summary>
    /// The new text becomes a draft: in place of the version in work, which loses its assessments and approval, or as a new version beside the published one.
    /// </summary>
    public static async Task ReviseAsync(NpgsqlConnection connection, Dataset dataset, DatasetVersion newest, EntryDraft draft, Caller caller, string @event, DateTimeOffset now, CancellationToken cancel)
    {
        var version = dataset.WorkingVersion ?? dataset.LastVersion + 1;
        if (dataset.WorkingVersion is null)
        {
            await InsertVersionAsync(connection, dataset.DatasetId, version, draft, caller, now, cancel);
        }
        else
        {
            await connection.ExecuteAsync(new CommandDefinition("""
                update dataset_versions set state = 'draft', entry = @entry::jsonb, drafted_by = @Subject, drafted_by_name = @Name, drafted_at = @now,
                    secrecy_result = null, secrecy_note = null, secrecy_by = null, secrecy_at = null,
                    personal_result = null, personal_note = null, personal_by = null, personal_at = null,
                    approved_by = null, approved_by_name = null, approved_at = null
                where dataset_id = @DatasetId and version = @version and state in ('draft', 'assessed', 'approved', 'in_review')
                """, new { dataset.DatasetId, version, entry = Written(draft), caller.Subject, caller.Name, now }, cancellationToken: cancel));
        }

        await connection.ExecuteAsync(new CommandDefinition("""
            update datasets set code = @Code, name = @Name, revision = revision + 1, working_version = @version, last_version = greatest(last_version, @version) where dataset_id = @DatasetId
            """, new { dataset.DatasetId, draft.Code, draft.Name, version }, cancellationToken: cancel));
        await DatasetHistory.AddAsync(connection, dataset.DatasetId, version, @event, caller, Roles.Officer, now, cancel, EntryChanges.Between(newest.Entry, draft));
    }

    /// <summary>Two entries of a city never share a code, two without one never a name in their department; the index decides races.</summary>
    public static Rule? Taken(PostgresException fault) => (fault.SqlState, fault.ConstraintName) switch
    {
        (PostgresErrorCodes.UniqueViolation, "datasets_code_key") => DatasetRefusals.CodeTaken,
        (PostgresErrorCodes.UniqueViolation, "datasets_by_name") => DatasetRefusals.NameTaken,
        _ => null,
    };

    private static async Task InsertVersionAsync(NpgsqlConnection connection, Guid id, int version, EntryDraft draft, Caller caller, DateTimeOffset now, CancellationToken cancel) =>
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into dataset_versions (dataset_id, version, state, entry, drafted_by, drafted_by_name, drafted_at)
            values (@id, @version, 'draft', @entry::jsonb, @Subject, @Name, @now)
            """, new { id, version, entry = Written(draft), caller.Subject, caller.Name, now }, cancellationToken: cancel));

    private static string Written(EntryDraft draft) => JsonSerializer.Serialize(draft, Json.Options);
}
