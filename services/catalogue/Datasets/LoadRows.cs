using System.Security.Cryptography;
using System.Text.Json;
using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Npgsql;

namespace Exchange.Catalogue.Datasets;

/// <summary>
/// A department fills in the data of a published <c>table</c> entry (art. 16). The file is checked and copied into a new table as it comes in;
/// only when every line is right does the dataset point to that table, in one transaction. Readers of the old one finish undisturbed.
/// </summary>
internal static class LoadRows
{
    private const long LargestBody = 512L << 20;

    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPut("/datasets/{id:guid}/rows", PutAsync).AllowCallers(Roles.Officer).Writes()
            .Accepts<string>("text/csv").WithMetadata(new RequestSizeLimitAttribute(LargestBody))
            .WithSummary("Replaces the rows of a published table entry from CSV, as a whole.");

    private static async Task<Results<Ok<DatasetView>, Refused>> PutAsync(
        Guid id, HttpRequest request, Caller caller, City city, Transaction transaction, RowTables tables, TimeProvider clock, HttpContext http, CancellationToken cancel)
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
        await using var loader = await tables.Loader.OpenConnectionAsync(cancel);
        await using var loading = await loader.BeginTransactionAsync(cancel);
        await tables.CreateAsync(loader, name, fields, cancel);
        using var sha = SHA256.Create();
        var counted = new CountedStream(request.Body);
        long rows;
        await using (var hashed = new CryptoStream(counted, sha, CryptoStreamMode.Read, leaveOpen: true))
        {
            rows = await CopyAsync(loader, name, fields, hashed, faults, cancel);
        }

        if (faults.Any)
        {
            return new Refused(faults.Listed);
        }

        dataset = (await Dataset.LockAsync(connection, id, cancel))!;
        if (http.IfMatch(dataset.Revision) is { } changed)
        {
            return changed;
        }

        // First the table, then what points to it: a crash in between leaves a table that nobody knows, which the sweep drops.
        await loading.CommitAsync(cancel);
        var sha256 = Convert.ToHexStringLower(sha.Hash!);
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into retired_row_tables (table_name) select table_name from dataset_rows where dataset_id = @id;
            insert into dataset_rows (dataset_id, version, fields, table_name, row_count, bytes, sha256, loaded_at, loaded_by)
            values (@id, @Version, @fields::jsonb, @name, @rows, @Count, @sha256, @now, @Subject)
            on conflict (dataset_id) do update set version = excluded.version, fields = excluded.fields, table_name = excluded.table_name,
                row_count = excluded.row_count, bytes = excluded.bytes, sha256 = excluded.sha256, loaded_at = excluded.loaded_at, loaded_by = excluded.loaded_by
            """, new { id, version.Version, fields = JsonSerializer.Serialize(fields, Json.Options), name, rows, counted.Count, sha256, now, caller.Subject }, cancellationToken: cancel));
        await DatasetRoutes.TouchAsync(connection, id, cancel);
        await DatasetHistory.AddAsync(connection, id, version.Version, "rows_loaded", caller, Roles.Officer, now, cancel, note: $"{rows} rows, sha256 {sha256}");
        return await DatasetRoutes.ShowAsync(connection, id, city, caller, http, cancel);
    }

    private static async Task<long> CopyAsync(NpgsqlConnection loader, string name, DatasetField[] fields, Stream file, CsvFaults faults, CancellationToken cancel)
    {
        var types = fields.Select(f => FieldTypes.DbType(f.Type)).ToArray();
        await using var copy = await loader.BeginBinaryImportAsync($"copy data.{name} from stdin (format binary)", cancel);
        long rows = 0;
        await foreach (var values in RowsCsv.ReadAsync(file, fields, faults, cancel))
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

    private sealed class CountedStream(Stream inner) : Stream
    {
        public long Count { get; private set; }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = await inner.ReadAsync(buffer, cancellationToken);
            Count += read;
            return read;
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        /// <summary>A reader that stops early is flushed when it is disposed; there is nothing to flush.</summary>
        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
