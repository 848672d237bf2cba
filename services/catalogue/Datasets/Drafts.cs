using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Catalogue.Datasets;

/// <summary>Writes texts of entries: the one place behind drafting, revising and importing. Texts come normalised and without faults.</summary>
internal static class Drafts
{
    public static async Task<Guid> CreateAsync(NpgsqlConnection connection, EntryDraft draft, Caller caller, string @event, DateTimeOffset now, CancellationToken cancel)
    {
        var text = DraftText.Of(draft, now);
        await WriteAsync(connection, [text], draft.DepartmentCode!, caller, @event, now, cancel);
        return text.DatasetId;
    }

    public static Task ReviseAsync(NpgsqlConnection connection, Dataset dataset, DatasetVersion newest, EntryDraft draft, Caller caller, string @event, DateTimeOffset now, CancellationToken cancel) =>
        WriteAsync(connection, [DraftText.Of(draft, dataset.DatasetId, dataset.WorkingVersion, dataset.LastVersion, newest.Entry)], dataset.DepartmentCode, caller, @event, now, cancel);

    /// <summary>
    /// All texts in a handful of statements, however many there are. A text for a dataset becomes a draft: in place of the version in work, which loses its
    /// assessments and approval, or as a new version beside the published one. The caller holds the datasets' locks.
    /// </summary>
    public static async Task WriteAsync(NpgsqlConnection connection, IReadOnlyList<DraftText> texts, string department, Caller caller, string @event, DateTimeOffset now, CancellationToken cancel)
    {
        await InsertDatasetsAsync(connection, [.. texts.Where(t => t.Kind == DraftKind.NewDataset)], department, now, cancel);
        await ReplaceVersionsAsync(connection, [.. texts.Where(t => t.Kind == DraftKind.InPlace)], caller, now, cancel);
        await InsertVersionsAsync(connection, [.. texts.Where(t => t.Kind != DraftKind.InPlace)], caller, now, cancel);
        await UpdateDatasetsAsync(connection, [.. texts.Where(t => t.Kind != DraftKind.NewDataset)], cancel);
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into dataset_history (dataset_id, version, event, changes, by_subject, by_name, by_role, at)
            select id, version, @event, changes::jsonb, @Subject, @Name, @role, @now
            from unnest(@ids, @versions, @changes) with ordinality as t (id, version, changes, place)
            order by place
            """, new
        {
            ids = Ids(texts),
            versions = Versions(texts),
            changes = texts.Select(t => JsonSerializer.Serialize(EntryChanges.Between(t.Before, t.Draft), Json.Options)).ToArray(),
            @event,
            caller.Subject,
            caller.Name,
            role = Roles.Officer,
            now,
        }, cancellationToken: cancel));
    }

    /// <summary>Two entries of a city never share a code, two without one never a name in their department; the index decides races.</summary>
    public static Rule? Taken(PostgresException fault) => (fault.SqlState, fault.ConstraintName) switch
    {
        (PostgresErrorCodes.UniqueViolation, "datasets_code_key") => DatasetRefusals.CodeTaken,
        (PostgresErrorCodes.UniqueViolation, "datasets_by_name") => DatasetRefusals.NameTaken,
        _ => null,
    };

    private static async Task InsertDatasetsAsync(NpgsqlConnection connection, IReadOnlyList<DraftText> texts, string department, DateTimeOffset now, CancellationToken cancel)
    {
        if (texts.Count > 0)
        {
            await connection.ExecuteAsync(new CommandDefinition("""
                insert into datasets (dataset_id, department_code, code, name, last_version, working_version, created_at)
                select id, @department, code, name, 1, 1, @now from unnest(@ids, @codes, @names) as t (id, code, name)
                """, new { department, ids = Ids(texts), codes = texts.Select(t => t.Draft.Code).ToArray(), names = texts.Select(t => t.Draft.Name).ToArray(), now }, cancellationToken: cancel));
        }
    }

    private static async Task ReplaceVersionsAsync(NpgsqlConnection connection, IReadOnlyList<DraftText> texts, Caller caller, DateTimeOffset now, CancellationToken cancel)
    {
        if (texts.Count > 0)
        {
            await connection.ExecuteAsync(new CommandDefinition("""
                update dataset_versions v set state = 'draft', entry = t.entry::jsonb, drafted_by = @Subject, drafted_by_name = @Name, drafted_at = @now,
                    secrecy_result = null, secrecy_note = null, secrecy_by = null, secrecy_at = null,
                    personal_result = null, personal_note = null, personal_by = null, personal_at = null,
                    approved_by = null, approved_by_name = null, approved_at = null
                from unnest(@ids, @versions, @entries) as t (id, version, entry)
                where v.dataset_id = t.id and v.version = t.version and v.state in ('draft', 'assessed', 'approved', 'in_review')
                """, new { ids = Ids(texts), versions = Versions(texts), entries = Entries(texts), caller.Subject, caller.Name, now }, cancellationToken: cancel));
            // What was in review no longer is: the authority reviews the new text when it comes.
            await Clocks.StopAsync(connection, Ids(texts), CatalogueClocks.Review, now, cancel);
        }
    }

    private static async Task InsertVersionsAsync(NpgsqlConnection connection, IReadOnlyList<DraftText> texts, Caller caller, DateTimeOffset now, CancellationToken cancel)
    {
        if (texts.Count > 0)
        {
            await connection.ExecuteAsync(new CommandDefinition("""
                insert into dataset_versions (dataset_id, version, state, entry, drafted_by, drafted_by_name, drafted_at)
                select id, version, 'draft', entry::jsonb, @Subject, @Name, @now from unnest(@ids, @versions, @entries) as t (id, version, entry)
                """, new { ids = Ids(texts), versions = Versions(texts), entries = Entries(texts), caller.Subject, caller.Name, now }, cancellationToken: cancel));
        }
    }

    private static async Task UpdateDatasetsAsync(NpgsqlConnection connection, IReadOnlyList<DraftText> texts, CancellationToken cancel)
    {
        if (texts.Count > 0)
        {
            await connection.ExecuteAsync(new CommandDefinition("""
                update datasets d set code = t.code, name = t.name, revision = d.revision + 1, working_version = t.version, last_version = greatest(d.last_version, t.version)
                from unnest(@ids, @versions, @codes, @names) as t (id, version, code, name)
                where d.dataset_id = t.id
                """, new { ids = Ids(texts), versions = Versions(texts), codes = texts.Select(t => t.Draft.Code).ToArray(), names = texts.Select(t => t.Draft.Name).ToArray() }, cancellationToken: cancel));
        }
    }

    private static Guid[] Ids(IReadOnlyList<DraftText> texts) => [.. texts.Select(t => t.DatasetId)];

    private static int[] Versions(IReadOnlyList<DraftText> texts) => [.. texts.Select(t => t.Version)];

    private static string[] Entries(IReadOnlyList<DraftText> texts) => [.. texts.Select(t => JsonSerializer.Serialize(t.Draft, Json.Options))];
}

internal enum DraftKind
{
    NewDataset,
    NewVersion,
    InPlace,
}

/// <summary>A text on its way to the tables: as which version of which dataset, and in place of what.</summary>
internal sealed record DraftText(Guid DatasetId, int Version, DraftKind Kind, EntryDraft Draft, EntryDraft? Before)
{
    /// <summary>The first of a new dataset.</summary>
    public static DraftText Of(EntryDraft draft, DateTimeOffset now) => new(Guid.CreateVersion7(now), 1, DraftKind.NewDataset, draft, null);

    /// <summary>A further one, against the newest.</summary>
    public static DraftText Of(EntryDraft draft, Guid dataset, int? working, int last, EntryDraft newest) =>
        new(dataset, working ?? last + 1, working is null ? DraftKind.NewVersion : DraftKind.InPlace, draft, newest);
}
