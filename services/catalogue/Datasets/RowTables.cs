using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Deliveries;
using Exchange.Contracts;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Catalogue.Datasets;

/// <summary>The table that holds a dataset's rows now. Names are generated; none ever comes from a request.</summary>
/// <param name="Table">Qualified and safe to put into SQL: <c>data.rows_…</c>.</param>
/// <param name="Version">The entry version whose fields the rows follow.</param>
/// <param name="Columns">In the order of the entry.</param>
internal sealed record RowTable(Guid DatasetId, string Table, int Version, long RowCount, string Sha256, DateTimeOffset LoadedAt, IReadOnlyList<RowColumn> Columns);

/// <summary>One column: the data item it holds and its name in the table.</summary>
internal sealed record RowColumn(DatasetField Field, string Column)
{
    /// <summary>SQL for the value as it is delivered. A time goes out with Beijing's offset, so that nobody has to guess which one was meant.</summary>
    public string Delivered => Field.Type == "T" ? $"to_char({Column} at time zone 'Asia/Shanghai', 'YYYY-MM-DD\"T\"HH24:MI:SS') || '+08:00'" : Column;
}

/// <summary>Makes the tables as <c>&lt;city&gt;_loader</c> and finds them for whoever delivers as <c>&lt;city&gt;_reader</c>.</summary>
internal sealed class RowTables : IAsyncDisposable
{
    private readonly Database database;
    private readonly string readerRole;

    public RowTables(IConfiguration configuration, Database database, ServiceSettings service, ILoggerFactory logs)
    {
        this.database = database;
        var settings = new SettingsReader(configuration);
        var (loader, reader) = (settings.Text("ConnectionStrings:Loader"), settings.Text("ConnectionStrings:Reader"));
        settings.ThrowOnFaults();
        Loader = Database.Source(loader, service, logs);

        // Two scans of one table may otherwise start in the middle: rows are delivered in the order of the file, each time.
        Reader = Database.Source(new NpgsqlConnectionStringBuilder(reader) { Options = "-c synchronize_seqscans=off" }.ConnectionString, service, logs);
        database.Include(Loader);
        database.Include(Reader);
        readerRole = new NpgsqlConnectionStringBuilder(reader).Username!;
    }

    /// <summary>Creates, fills and drops tables in schema <c>data</c>; nothing else.</summary>
    public NpgsqlDataSource Loader { get; }

    /// <summary>Reads schema <c>data</c>; nothing else.</summary>
    private NpgsqlDataSource Reader { get; }

    /// <summary>True when the rows are there with all these fields and the reader may read them.</summary>
    public async Task<bool> AnswersAsync(Guid datasetId, IReadOnlyList<string> fields, CancellationToken cancel)
    {
        try
        {
            await using var rows = await OpenAsync(datasetId, fields, cancel);
            return rows is not null;
        }
        catch (NpgsqlException)
        {
            // A source that fails has not answered; it is asked again.
            return false;
        }
    }

    /// <summary>The rows with these fields only, in the order of the file; null while they are not loaded. A table that is replaced meanwhile stays until this reader is done.</summary>
    public async Task<GrantedRows?> OpenAsync(Guid datasetId, IReadOnlyList<string> fields, CancellationToken cancel)
    {
        RowTable? table;
        await using (var lookup = await database.OpenAsync(cancel))
        {
            table = await FindAsync(lookup, datasetId, cancel);
        }

        var columns = fields.Select(f => table?.Columns.FirstOrDefault(c => c.Field.Name == f)).ToList();
        if (table is null || columns.Count == 0 || columns.Contains(null))
        {
            return null;
        }

        var connection = await Reader.OpenConnectionAsync(cancel);
        NpgsqlCommand? command = null;
        try
        {
            // Every part is generated here or was read from our own table; nothing comes from the request.
#pragma warning disable CA2100
            command = new NpgsqlCommand($"select {string.Join(", ", columns.Select(c => c!.Delivered))} from {table.Table}", connection);
#pragma warning restore CA2100
            return new GrantedRows(connection, command, await command.ExecuteReaderAsync(cancel), fields);
        }
        catch
        {
            if (command is not null)
            {
                await command.DisposeAsync();
            }

            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Null while no rows are loaded or the entry is withdrawn: what left the catalogue is not delivered.</summary>
    public static async Task<RowTable?> FindAsync(NpgsqlConnection connection, Guid datasetId, CancellationToken cancel)
    {
        var row = await connection.QuerySingleOrDefaultAsync<TableRow>(new CommandDefinition("""
            select r.table_name, r.version, r.fields::text as fields, r.row_count, r.sha256, r.loaded_at
            from service.dataset_rows r join service.datasets d using (dataset_id)
            where r.dataset_id = @datasetId and d.published_version is not null
            """, new { datasetId }, cancellationToken: cancel));
        return row is null ? null : new RowTable(datasetId, $"data.{row.TableName}", row.Version, row.RowCount, row.Sha256, row.LoadedAt,
            [.. JsonSerializer.Deserialize<IReadOnlyList<DatasetField>>(row.Fields, Json.Options)!.Select((f, i) => new RowColumn(f, Column(i)))]);
    }

    /// <summary>A name that was never used and says when it was made (UUIDv7).</summary>
    public static string NewName(DateTimeOffset now) => $"rows_{Guid.CreateVersion7(now):N}";

    public static string Column(int index) => $"c{index + 1}";

    public async Task CreateAsync(NpgsqlConnection connection, string name, IReadOnlyList<DatasetField> fields, CancellationToken cancel) =>
        await connection.ExecuteAsync(new CommandDefinition(
            $"""
            create table data.{name} ({string.Join(", ", fields.Select((f, i) => $"{Column(i)} {FieldTypes.ColumnType(f.Type)}"))});
            grant select on data.{name} to "{readerRole}"
            """, cancellationToken: cancel));

    public async ValueTask DisposeAsync()
    {
        await Loader.DisposeAsync();
        await Reader.DisposeAsync();
    }

    private sealed record TableRow
    {
        public required string TableName { get; init; }
        public required int Version { get; init; }
        public required string Fields { get; init; }
        public required long RowCount { get; init; }
        public required string Sha256 { get; init; }
        public required DateTimeOffset LoadedAt { get; init; }
    }
}
