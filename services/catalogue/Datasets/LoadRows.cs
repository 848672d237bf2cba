using System.Text.Json;
using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Npgsql;

namespace Exchange.Catalogue.Datasets;

/// <summary>
/// A department fills in the data of a published <c>table</c> entry (art. 16). The file is checked row by row while it is copied into a new table;
/// only when every row is right does the dataset point to that table, in one transaction. Readers of the old one finish undisturbed.
/// </summary>
internal static class LoadRows
{
    private const long LargestBody = 512L << 20;

    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPut("/datasets/{id:guid}/rows", PutAsync).AllowCallers(Roles.Officer).Writes()
            .Accepts<string>("text/csv").WithMetadata(new RequestSizeLimitAttribute(LargestBody), TakesCharsets.Chinese)
            .WithSummary("Replaces the rows of a published table entry from CSV, as a whole.")
            .WithDescription("""
                `key=field,field` names the data items that tell the rows apart: in each row there, in no two rows the same. It is what receivers ask for changes by (`GET /grants/{id}/changes`).
                Without it the key of the rows before stays; an empty one takes it away.
                """);

    private static async Task<Results<Ok<DatasetView>, Refused>> PutAsync(
        Guid id, string? key, HttpRequest request, Caller caller, City city, Transaction transaction, RowTables tables, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        // No lock while the file comes in: that may take minutes. The revision is compared again before the switch.
        var connection = transaction.Connection;
        if (await Dataset.FindAsync(connection, id, cancel) is not { } dataset)
        {
            return Pipeline.NotFound();
        }

        if ((dataset.NotOwn(caller, city) ?? http.IfMatch(dataset.Revision)) is { } refused)
        {
            return refused;
        }

        if (await dataset.VersionAsync(connection, dataset.PublishedVersion, cancel) is not { } version)
        {
            return new Refused(DatasetRefusals.NotPublished);
        }

        if (version.Entry.Format != "table")
        {
            return new Refused(DatasetRefusals.NoTable);
        }

        DatasetField[] fields = [.. version.Entry.Fields!.Select(f => f.ToField(version.Entry.SharingType!))];
        var now = clock.Now();
        var name = RowTables.NewName(now);
        var faults = new CsvFaults();
        var keys = RowKeys.Read(key ?? await RowKeys.BeforeAsync(connection, id, cancel), fields, faults);
        await using var file = await CsvFile.KeepAsync(request.Body, request.Charset(), faults, cancel);
        if (file is null)
        {
            return faults.Refusal;
        }

        await using var loader = await tables.Loader.OpenConnectionAsync(cancel);
        await using var loading = await loader.BeginTransactionAsync(cancel);
        await tables.CreateAsync(loader, name, fields, cancel);
        var rows = await CopyAsync(loader, name, fields, file, faults, cancel);
        if (!faults.Any)
        {
            await RowKeys.CheckAsync(loader, name, fields, keys, file, faults, cancel);
        }

        if (faults.Any)
        {
            return faults.Refusal;
        }

        dataset = (await Dataset.LockAsync(connection, id, cancel))!;
        if (http.IfMatch(dataset.Revision) is { } changed)
        {
            return changed;
        }

        // First the table, then what points to it: a crash in between leaves a table that nobody knows, which the sweep drops.
        await loading.CommitAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into retired_row_tables (table_name, dataset_id, version, fields, key, row_count, sha256, loaded_at)
            select table_name, dataset_id, version, fields, key, row_count, sha256, loaded_at from dataset_rows where dataset_id = @id;
            insert into dataset_rows (dataset_id, version, fields, key, table_name, row_count, bytes, sha256, loaded_at, loaded_by)
            values (@id, @Version, @fields::jsonb, @keys, @name, @rows, @Bytes, @Sha256, @now, @Subject)
            on conflict (dataset_id) do update set version = excluded.version, fields = excluded.fields, key = excluded.key, table_name = excluded.table_name,
                row_count = excluded.row_count, bytes = excluded.bytes, sha256 = excluded.sha256, loaded_at = excluded.loaded_at, loaded_by = excluded.loaded_by
            """, new { id, version.Version, fields = JsonSerializer.Serialize(fields, Json.Options), keys = keys.Count == 0 ? null : keys.ToArray(), name, rows, file.Bytes, file.Sha256, now, caller.Subject }, cancellationToken: cancel));
        await DatasetRoutes.TouchAsync(connection, id, cancel);
        await DatasetHistory.AddAsync(connection, id, version.Version, "rows_loaded", caller, Roles.Officer, now, cancel, note: $"{rows} rows, sha256 {file.Sha256}");
        return await DatasetRoutes.ShowAsync(connection, id, city, caller, http, cancel);
    }

    private static async Task<long> CopyAsync(NpgsqlConnection loader, string name, DatasetField[] fields, CsvFile file, CsvFaults faults, CancellationToken cancel)
    {
        var types = fields.Select(f => FieldTypes.DbType(f.Type)).ToArray();
        await using var copy = await loader.BeginBinaryImportAsync($"copy data.{name} from stdin (format binary)", cancel);
        using var table = file.Open(faults);
        long rows = 0;
        await foreach (var values in RowsCsv.ReadAsync(table, fields, faults, cancel))
        {
            // After the first fault the rest is only read for further faults.
            if (faults.Any)
            {
                continue;
            }

            await copy.StartRowAsync(cancel);
            for (var i = 0; i < values.Length; i++)
            {
                if (values[i] is { } value)
                {
                    await copy.WriteAsync(value, types[i], cancel);
                }
                else
                {
                    await copy.WriteNullAsync(cancel);
                }
            }

            rows++;
        }

        if (!faults.Any)
        {
            await copy.CompleteAsync(cancel);
        }

        return rows;
    }
}
