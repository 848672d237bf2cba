using Dapper;
using Exchange.Catalogue.Departments;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Npgsql;

namespace Exchange.Catalogue.Datasets;

/// <summary>
/// A department's catalogue from a table with the guide's headers. All rows are checked before anything is written, and everything is written or nothing;
/// importing twice changes nothing, because an entry that says the same is left alone. What the table does not name stays as it is: a row that is missing
/// withdraws nothing (art. 27 has its own way). Asked to answer at once (RFC 7240), the table is kept and imported by <see cref="RunImports"/>.
/// </summary>
internal static class ImportCatalogue
{
    private const int LargestBody = 64 << 20;

    /// <summary>Entries per round of statements.</summary>
    private const int Batch = 500;

    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost("/datasets/import", PostAsync).AllowCallers(Roles.Officer).Writes()
            .Accepts<string>("text/csv").WithMetadata(new RequestSizeLimitAttribute(LargestBody), TakesCharsets.Chinese)
            .WithSummary("Imports a department's catalogue from CSV with the 2017 guide's headers: all of it or nothing; twice changes nothing. With Prefer: respond-async in the background.");

    private static async Task<Results<Ok<ImportResult>, Accepted<ImportView>, Refused>> PostAsync(
        HttpContext http, Caller caller, City city, ServiceSettings service, Transaction transaction, ImportSignal signal, TimeProvider clock, CancellationToken cancel)
    {
        var connection = transaction.Connection;
        if (caller.City != city.Id || caller.Department is null || await ListDepartments.FindAsync(connection, caller.Department, cancel) is not { } department)
        {
            return new Refused(DatasetRefusals.ForeignDepartment);
        }

        if (http.Request.Headers["Prefer"].Any(p => p!.Split(',').Any(one => one.Split(';')[0].Trim().Equals("respond-async", StringComparison.OrdinalIgnoreCase))))
        {
            if (await Imports.KeepAsync(connection, http.Request.Body, http.Request.Charset(), department.Code, caller, clock.Now(), cancel) is not { } kept)
            {
                return new Refused(DatasetRefusals.ImportsWaiting);
            }

            // The work can begin once the row is committed, which is before the answer is sent.
            http.Response.OnCompleted(signal.WakeAsync);
            http.Response.Headers["Preference-Applied"] = "respond-async";
            var view = (await Imports.FindAsync(connection, kept, department.Code, cancel))!.ToView(city, service, http.Language());
            return TypedResults.Accepted(view.Links.Self, view);
        }

        var faults = new CsvFaults();
        await using var file = await CsvFile.KeepAsync(http.Request.Body, http.Request.Charset(), faults, cancel);
        var table = file is null ? null : await ReadAsync(file, department, faults, null, cancel);
        if (faults.Any)
        {
            return faults.Refusal;
        }

        var (result, taken) = await WriteAsync(connection, table!, department, caller, faults, null, clock.Now(), cancel);
        return taken is not null ? new Refused(taken) : result is null ? faults.Refusal : TypedResults.Ok(result);
    }

    /// <summary>The table's entries, all of the department and without faults of their own; else the faults say why not.</summary>
    public static async Task<CatalogueTable> ReadAsync(CsvFile file, ListDepartments.DepartmentRow department, CsvFaults faults, ImportProgress? progress, CancellationToken cancel)
    {
        using var csv = file.Open(faults);
        var table = await CatalogueCsv.ReadAsync(csv, faults, progress is null ? null : row => progress.RowsRead = row, cancel);
        foreach (var entry in table.Entries)
        {
            if (entry.Draft.DepartmentCode is { } code && code != department.Code)
            {
                faults.Add(entry.Row, table.Header.Cell(CatalogueColumns.DepartmentCode, code), "foreign-department", "第12条",
                    new("只能导入本部门的目录。", "Only your own department's entries can be imported."),
                    new($"请填写本部门的代码 {department.Code}，或由该部门自行导入。", $"Write your department's code {department.Code}, or leave the entry to that department."));
            }
            else if (entry.ProviderName is { } name && CatalogueColumns.Fold(name) != CatalogueColumns.Fold(department.Name))
            {
                faults.Add(entry.Row, table.Header.Cell(CatalogueColumns.Department, name), "department-name", "第13条",
                    new($"与代码对应的部门名称（{department.Name}）不一致。", $"The department with this code is named {department.Name}."),
                    new($"请填写“{department.Name}”。", $"Write {department.Name}."));
            }
        }

        return table;
    }

    /// <summary>Writes in the connection's transaction, which the caller then commits; without a result, faults or a rule say why not and he rolls back.</summary>
    public static async Task<(ImportResult? Result, Rule? Taken)> WriteAsync(
        NpgsqlConnection connection, CatalogueTable table, ListDepartments.DepartmentRow department, Caller caller, CsvFaults faults, ImportProgress? progress, DateTimeOffset now, CancellationToken cancel)
    {
        // One import per department at a time; what other departments do meanwhile the unique index on codes decides.
        await connection.ExecuteAsync(new CommandDefinition("select 1 from departments where code = @Code for no key update", new { department.Code }, cancellationToken: cancel));
        List<ImportedLine> lines = [];
        try
        {
            foreach (var entries in table.Entries.Chunk(Batch))
            {
                lines.AddRange(await WriteAsync(connection, table.Header, entries, department.Code, caller, faults, now, cancel));
                progress?.EntriesWritten += entries.Length;
            }
        }
        catch (PostgresException fault) when (Drafts.Taken(fault) is { } rule)
        {
            return (null, rule);
        }

        return faults.Any
            ? (null, null)
            : (new ImportResult(lines.Count(l => l.Outcome == "created"), lines.Count(l => l.Outcome == "revised"), lines.Count(l => l.Outcome == "unchanged"), lines), null);
    }

    private static async Task<List<ImportedLine>> WriteAsync(
        NpgsqlConnection connection, CatalogueHeader header, ImportedEntry[] entries, string department, Caller caller, CsvFaults faults, DateTimeOffset now, CancellationToken cancel)
    {
        var known = await KnownAsync(connection, entries, department, cancel);
        var published = await PublishedAsync(connection, known.Values, cancel);
        var granted = await RunningGrants.GrantedAsync(connection, [.. published.Keys], cancel);
        List<ImportedLine> lines = [];
        List<DraftText> texts = [];
        foreach (var entry in entries)
        {
            var draft = entry.Draft;
            if (!known.TryGetValue(Key(draft.Code, draft.Name!), out var found))
            {
                var text = DraftText.Of(draft, now);
                texts.Add(text);
                Line(text.DatasetId, "created");
            }
            else if (found.DepartmentCode != department)
            {
                faults.Add(entry.Row, header.Cell(CatalogueColumns.Code, draft.Code), DatasetRefusals.CodeTaken.Type, DatasetRefusals.CodeTaken.Article, DatasetRefusals.CodeTaken.Title, DatasetRefusals.CodeTaken.WayOut);
            }
            else if (found.Entry.Says(draft))
            {
                Line(found.DatasetId, "unchanged");
            }
            else
            {
                if (granted.TryGetValue(found.DatasetId, out var items))
                {
                    foreach (var change in RunningGrants.Between(items, published[found.DatasetId], draft))
                    {
                        faults.Add(entry.Row, new(null, change.Field), change.Rule, change.Article, change.Message, DatasetRefusals.GrantRuns.WayOut);
                    }
                }

                texts.Add(DraftText.Of(draft, found.DatasetId, found.WorkingVersion, found.LastVersion, found.Entry));
                Line(found.DatasetId, "revised");
            }

            void Line(Guid id, string outcome) => lines.Add(new(entry.Row, id, draft.Code, draft.Name!, outcome));
        }

        if (!faults.Any)
        {
            await Drafts.WriteAsync(connection, texts, department, caller, "imported", now, cancel);
        }

        return lines;
    }

    /// <summary>The datasets that these entries name, locked until the transaction ends, with their newest text.</summary>
    private static async Task<Dictionary<string, Known>> KnownAsync(NpgsqlConnection connection, ImportedEntry[] entries, string department, CancellationToken cancel)
    {
        var codes = entries.Where(e => e.Draft.Code is not null).Select(e => e.Draft.Code).ToArray();
        var names = entries.Where(e => e.Draft.Code is null).Select(e => e.Draft.Name).ToArray();
        var locked = (await connection.QueryAsync<Guid>(new CommandDefinition("""
            select dataset_id from datasets
            where code = any(@codes) or (code is null and department_code = @department and name = any(@names))
            order by dataset_id
            for update
            """, new { codes, names, department }, cancellationToken: cancel))).ToArray();
        return (await connection.QueryAsync<Known>(new CommandDefinition("""
            select d.dataset_id, d.department_code, d.code, d.name, d.last_version, d.working_version, d.published_version, newest.entry::text as entry_json
            from datasets d
            cross join lateral (select v.entry from dataset_versions v where v.dataset_id = d.dataset_id order by v.version desc limit 1) newest
            where d.dataset_id = any(@locked)
            """, new { locked }, cancellationToken: cancel))).ToDictionary(k => Key(k.Code, k.Name), StringComparer.Ordinal);
    }

    private static async Task<Dictionary<Guid, EntryDraft>> PublishedAsync(NpgsqlConnection connection, IEnumerable<Known> known, CancellationToken cancel)
    {
        var ids = known.Where(k => k.PublishedVersion is not null).Select(k => k.DatasetId).ToArray();
        return (await connection.QueryAsync<(Guid DatasetId, string Entry)>(new CommandDefinition("""
            select dataset_id, entry::text from dataset_versions where dataset_id = any(@ids) and state = 'published'
            """, new { ids }, cancellationToken: cancel))).ToDictionary(p => p.DatasetId, p => System.Text.Json.JsonSerializer.Deserialize<EntryDraft>(p.Entry, Json.Options)!);
    }

    private static string Key(string? code, string name) => code is null ? $"name {name}" : $"code {code}";

    private sealed record Known
    {
        public required Guid DatasetId { get; init; }
        public required string DepartmentCode { get; init; }
        public string? Code { get; init; }
        public required string Name { get; init; }
        public required int LastVersion { get; init; }
        public int? WorkingVersion { get; init; }
        public int? PublishedVersion { get; init; }
        public required string EntryJson { get; init; }

        public EntryDraft Entry => System.Text.Json.JsonSerializer.Deserialize<EntryDraft>(EntryJson, Json.Options)!;
    }
}

/// <summary>What an import did: every entry of the table with its row and outcome (created, revised, unchanged).</summary>
internal sealed record ImportResult(int Created, int Revised, int Unchanged, IReadOnlyList<ImportedLine> Entries);

/// <param name="Line">The entry's first row in the spreadsheet.</param>
internal sealed record ImportedLine(int Line, Guid DatasetId, string? Code, string Name, string Outcome);
