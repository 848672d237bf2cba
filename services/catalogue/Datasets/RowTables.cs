using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Deliveries;
using Exchange.Catalogue.Grants;
using Exchange.Contracts;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Catalogue.Datasets;

/// <summary>The table that holds a dataset's rows now. Names are generated; none ever comes from a request.</summary>
/// <param name="Table">Qualified and safe to put into SQL: <c>data.rows_…</c>.</param>
/// <param name="Version">The entry version whose fields the rows follow.</param>
/// <param name="Columns">In the order of the entry.</param>
internal sealed record RowTable(Guid DatasetId, string Table, int Version, long RowCount, string Sha256, DateTimeOffset LoadedAt, IReadOnlyList<RowColumn> Columns)
{
    /// <summary>The number in the generated name: another one holds other rows.</summary>
    public Guid Number => Guid.ParseExact(Table[^32..], "N");

    /// <summary>The data items that tell its rows apart; none: nothing does.</summary>
    public IReadOnlyList<string> Key { get; init; } = [];

    public RowColumn? Find(string field) => Columns.FirstOrDefault(c => c.Field.Name == field);
}

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

    public RowTables(IConfiguration configuration, Database database, ServiceSettings service, ILoggerFactory logs)
    {
        this.database = database;
        var settings = new SettingsReader(configuration);
        var (loader, reader) = (settings.Text("ConnectionStrings:Loader"), settings.Text("ConnectionStrings:Reader"));
        settings.ThrowOnFaults();
        Loader = Database.Source(loader, service, logs);

        // Two scans of one table may otherwise start in the middle, and one may be split: rows are delivered in the order of the file, each time.
        Reader = Database.Source(new NpgsqlConnectionStringBuilder(reader) { Options = "-c synchronize_seqscans=off -c max_parallel_workers_per_gather=0" }.ConnectionString, service, logs);
        database.Include(Loader);
        database.Include(Reader);
        ReaderRole = new NpgsqlConnectionStringBuilder(reader).Username!;
    }

    public string ReaderRole { get; }

    /// <summary>Creates, fills and drops tables in schema <c>data</c>; nothing else.</summary>
    public NpgsqlDataSource Loader { get; }

    /// <summary>Reads schema <c>data</c>; nothing else.</summary>
    private NpgsqlDataSource Reader { get; }

    /// <summary>True when the rows are there with all that is granted and the reader may read them.</summary>
    public async Task<bool> AnswersAsync(Guid datasetId, GrantedScope scope, CancellationToken cancel)
    {
        try
        {
            if (await FindAsync(datasetId, cancel) is not { } table || RowSelect.Of(table, scope, RowQuery.All) is not { } select)
            {
                return false;
            }

            await using var rows = await OpenAsync(select, scope, start: null, key: [], cancel);
            return true;
        }
        catch (NpgsqlException)
        {
            // A source that fails has not answered; it is asked again.
            return false;
        }
    }

    /// <summary>Null while no rows are loaded or the entry is withdrawn: what left the catalogue is not delivered.</summary>
    public async Task<RowTable?> FindAsync(Guid datasetId, CancellationToken cancel)
    {
        await using var lookup = await database.OpenAsync(cancel);
        return await FindAsync(lookup, datasetId, cancel);
    }

    /// <summary>The table under this number, also one that was replaced and is still kept; null when there is none.</summary>
    public async Task<RowTable?> FindStateAsync(RowTable now, Guid number, CancellationToken cancel)
    {
        if (now.Number == number)
        {
            return now;
        }

        await using var lookup = await database.OpenAsync(cancel);
        var row = await lookup.QuerySingleOrDefaultAsync<TableRow>(new CommandDefinition("""
            select table_name, version, fields::text as fields, key, row_count, sha256, loaded_at
            from service.retired_row_tables
            where dataset_id = @DatasetId and table_name = @name and fields is not null
            """, new { now.DatasetId, name = $"rows_{number:N}" }, cancellationToken: cancel));
        return row?.Table(now.DatasetId);
    }

    /// <summary>
    /// What is granted of a state of the rows beside what was granted of the one before, wherever they differ; everything from a place on when there is none before. The tables are never changed, so whatever is loaded meanwhile is not in it.
    /// Null when one that was replaced was dropped in this moment.
    /// </summary>
    public async Task<GrantedChanges?> CompareAsync(RowTable table, RowSelect select, RowSelect? before, GrantedScope scope, string? start, byte[] key, CancellationToken cancel)
    {
        int[] places = [.. table.Key.Select(k => scope.Delivered.Index().First(f => f.Item == k).Index)];
        try
        {
            return before is null
                ? new GrantedChanges(await OpenAsync(select, scope, start, key, cancel), null, places)
                : await CompareAsync(table, select, before, scope, key, places, cancel);
        }
        catch (PostgresException fault) when (fault.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return null;
        }
    }

    private async Task<GrantedChanges> CompareAsync(RowTable table, RowSelect select, RowSelect before, GrantedScope scope, byte[] key, int[] places, CancellationToken cancel)
    {
        var connection = await Reader.OpenConnectionAsync(cancel);
        var command = select.Differences(connection, before, table.Key);
        try
        {
            var reader = await command.ExecuteReaderAsync(cancel);
            var fields = select.Fields(scope);
            return new GrantedChanges(
                new GrantedRows(reader, fields, key, ended => CloseAsync(connection, command, reader, ended)),
                new GrantedRows(reader, fields, key, _ => ValueTask.CompletedTask, first: fields.Count),
                places);
        }
        catch
        {
            await command.DisposeAsync();
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>True when the row at this place is one that the grant gives.</summary>
    public async Task<bool> HoldsAsync(RowSelect select, string start, CancellationToken cancel)
    {
        await using var connection = await Reader.OpenConnectionAsync(cancel);
        await using var command = select.Holds(connection, start);
        return await command.ExecuteScalarAsync(cancel) is true;
    }

    /// <summary>What is granted and asked for, in the order of the file where no other is asked for. A table that is replaced meanwhile stays until this reader is done.</summary>
    public async Task<GrantedRows> OpenAsync(RowSelect select, GrantedScope scope, string? start, byte[] key, CancellationToken cancel)
    {
        var connection = await Reader.OpenConnectionAsync(cancel);
        NpgsqlCommand? command = null;
        try
        {
            string? next = null;
            if (select.IsPaged)
            {
                await using var after = select.Next(connection, start);
                next = await after.ExecuteScalarAsync(cancel) as string;
            }

            command = select.Rows(connection, start);
            var reader = await command.ExecuteReaderAsync(cancel);
            return new GrantedRows(reader, select.Fields(scope), key, ended => CloseAsync(connection, command, reader, ended)) { Next = next };
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

    private static async ValueTask CloseAsync(NpgsqlConnection connection, NpgsqlCommand command, NpgsqlDataReader reader, bool ended)
    {
        if (!ended)
        {
            // A reader that is closed early would read on to the end: cancel the rest first. That costs the server a connection, so only then.
            command.Cancel();
        }

        await reader.DisposeAsync();
        await command.DisposeAsync();
        await connection.DisposeAsync();
    }

    /// <summary>Null while no rows are loaded or the entry is withdrawn: what left the catalogue is not delivered.</summary>
    public static async Task<RowTable?> FindAsync(NpgsqlConnection connection, Guid datasetId, CancellationToken cancel)
    {
        var row = await connection.QuerySingleOrDefaultAsync<TableRow>(new CommandDefinition("""
            select r.table_name, r.version, r.fields::text as fields, r.key, r.row_count, r.sha256, r.loaded_at
            from service.dataset_rows r join service.datasets d using (dataset_id)
            where r.dataset_id = @datasetId and d.published_version is not null
            """, new { datasetId }, cancellationToken: cancel));
        return row?.Table(datasetId);
    }

    /// <summary>A name that was never used and says when it was made (UUIDv7).</summary>
    public static string NewName(DateTimeOffset now) => $"rows_{Guid.CreateVersion7(now):N}";

    public static string Column(int index) => $"c{index + 1}";

    public async Task CreateAsync(NpgsqlConnection connection, string name, IReadOnlyList<DatasetField> fields, CancellationToken cancel) =>
        await connection.ExecuteAsync(new CommandDefinition(
            $"""
            create table data.{name} ({string.Join(", ", fields.Select((f, i) => $"{Column(i)} {FieldTypes.ColumnType(f.Type)}"))});
            grant select on data.{name} to "{ReaderRole}"
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
        public string[]? Key { get; init; }
        public required long RowCount { get; init; }
        public required string Sha256 { get; init; }
        public required DateTimeOffset LoadedAt { get; init; }

        public RowTable Table(Guid datasetId) => new(datasetId, $"data.{TableName}", Version, RowCount, Sha256, LoadedAt,
            [.. JsonSerializer.Deserialize<IReadOnlyList<DatasetField>>(Fields, Json.Options)!.Select((f, i) => new RowColumn(f, Column(i)))])
        { Key = Key ?? [] };
    }
}
