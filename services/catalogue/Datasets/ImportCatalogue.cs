using Dapper;
using Exchange.Catalogue.Departments;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Npgsql;

namespace Exchange.Catalogue.Datasets;

/// <summary>
/// A department's catalogue from a table with the guide's headers. All lines are checked before anything is written, and everything is written or nothing;
/// importing twice changes nothing, because an entry that says the same is left alone.
/// </summary>
internal static class ImportCatalogue
{
    private const int LargestBody = 20 << 20;

    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost("/datasets/import", PostAsync).AllowCallers(Roles.Officer).Writes()
            .Accepts<string>("text/csv").WithMetadata(new RequestSizeLimitAttribute(LargestBody))
            .WithSummary("Imports a department's catalogue from CSV with the 2017 guide's headers: all of it or nothing; twice changes nothing.");

    private static async Task<Results<Ok<ImportResult>, Refused>> PostAsync(
        HttpRequest request, Caller caller, City city, Transaction transaction, TimeProvider clock, CancellationToken cancel)
    {
        var connection = transaction.Connection;
        if (caller.City != city.Id || caller.Department is null || await ListDepartments.FindAsync(connection, caller.Department, cancel) is not { } department)
        {
            return new Refused(DatasetRefusals.ForeignDepartment);
        }

        var faults = new CsvFaults();
        var entries = await CatalogueCsv.ReadAsync(request.Body, faults, cancel);
        foreach (var entry in entries.Where(e => e.Draft.DepartmentCode != department.Code))
        {
            faults.Add(entry.Line, "信息资源提供方代码", "foreign-department", "第12条", new("只能导入本部门的目录。", "Only your own department's entries can be imported."));
        }

        foreach (var entry in entries.Where(e => e.Draft.DepartmentCode == department.Code && e.ProviderName is not null && e.ProviderName != department.Name))
        {
            faults.Add(entry.Line, "信息资源提供方", "department-name", "第13条", new($"与代码对应的部门名称（{department.Name}）不一致。", $"The department with this code is named {department.Name}."));
        }

        if (faults.Any)
        {
            return new Refused(faults.Listed);
        }

        // One import per department at a time; what other departments do meanwhile the unique index on codes decides.
        await connection.ExecuteAsync(new CommandDefinition("select 1 from departments where code = @Code for update", new { department.Code }, cancellationToken: cancel));
        List<ImportedLine> lines = [];
        var now = clock.Now();
        try
        {
            foreach (var entry in entries)
            {
                lines.Add(await WriteAsync(connection, entry, caller, faults, now, cancel));
            }
        }
        catch (PostgresException fault) when (Drafts.Taken(fault) is { } rule)
        {
            return new Refused(rule);
        }

        return faults.Any
            ? new Refused(faults.Listed)
            : TypedResults.Ok(new ImportResult(lines.Count(l => l.Outcome == "created"), lines.Count(l => l.Outcome == "revised"), lines.Count(l => l.Outcome == "unchanged"), lines));
    }

    private static async Task<ImportedLine> WriteAsync(NpgsqlConnection connection, ImportedEntry entry, Caller caller, CsvFaults faults, DateTimeOffset now, CancellationToken cancel)
    {
        var draft = entry.Draft;
        var found = await connection.QuerySingleOrDefaultAsync<Found>(new CommandDefinition("""
            select dataset_id, department_code from datasets
            where case when @Code is null then code is null and department_code = @DepartmentCode and name = @Name else code = @Code end
            """, new { draft.Code, draft.DepartmentCode, draft.Name }, cancellationToken: cancel));
        if (found is null)
        {
            return Line(await Drafts.CreateAsync(connection, draft, caller, "imported", now, cancel), "created");
        }

        if (found.DepartmentCode != draft.DepartmentCode)
        {
            faults.Add(entry.Line, "信息资源代码", DatasetRefusals.CodeTaken.Type, DatasetRefusals.CodeTaken.Article, DatasetRefusals.CodeTaken.Title);
            return Line(found.DatasetId, "unchanged");
        }

        var dataset = (await Dataset.LockAsync(connection, found.DatasetId, cancel))!;
        var newest = await dataset.NewestAsync(connection, cancel);
        if (newest.Entry.Says(draft))
        {
            return Line(found.DatasetId, "unchanged");
        }

        if (await dataset.VersionAsync(connection, dataset.PublishedVersion, cancel) is { } published)
        {
            foreach (var change in await RunningGrants.ChangesAsync(connection, found.DatasetId, published.Entry, draft, cancel))
            {
                faults.Add(entry.Line, change.Field, change.Rule, change.Article, change.Message);
            }
        }

        await Drafts.ReviseAsync(connection, dataset, newest, draft, caller, "imported", now, cancel);
        return Line(found.DatasetId, "revised");

        ImportedLine Line(Guid id, string outcome) => new(entry.Line, id, draft.Code, draft.Name!, outcome);
    }

    private sealed record Found
    {
        public required Guid DatasetId { get; init; }
        public required string DepartmentCode { get; init; }
    }
}

/// <summary>What an import did: every entry of the table with its line and outcome (created, revised, unchanged).</summary>
internal sealed record ImportResult(int Created, int Revised, int Unchanged, IReadOnlyList<ImportedLine> Entries);

internal sealed record ImportedLine(int Line, Guid DatasetId, string? Code, string Name, string Outcome);
