using System.Text.Json;
using Dapper;
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
    /// <summary>SQL that writes the value as text the way rows are delivered: times with Beijing's offset, logical values as true and false, numbers and dates as they are.</summary>
    public string AsText => Field.Type switch
    {
        "T" => $"to_char({Column} at time zone 'Asia/Shanghai', 'YYYY-MM-DD\"T\"HH24:MI:SS') || '+08:00'",
        _ => $"{Column}::text",
    };
}

/// <summary>Makes the tables as <c>&lt;city&gt;_loader</c> and finds them for whoever delivers as <c>&lt;city&gt;_reader</c>.</summary>
internal sealed class RowTables : IAsyncDisposable
{
    private readonly string readerRole;

    public RowTables(IConfiguration configuration, ServiceSettings service, ILoggerFactory logs)
    {
        var settings = new SettingsReader(configuration);
        var (loader, reader) = (settings.Text("ConnectionStrings:Loader"), settings.Text("ConnectionStrings:Reader"));
        settings.ThrowOnFaults();
        Loader = Database.Source(loader, service, logs);
        Reader = Database.Source(reader, service, logs);
        readerRole = new NpgsqlConnectionStringBuilder(reader).Username!;
    }

    /// <summary>Creates, fills and drops tables in schema <c>data</c>; nothing else.</summary>
    public NpgsqlDataSource Loader { get; }

    /// <summary>Reads schema <c>data</c>; nothing else.</summary>
    public NpgsqlDataSource Reader { get; }

    /// <summary>Null while no rows are loaded. Read it in the transaction that opens the delivery: a table that is replaced stays for a while, but not for ever.</summary>
    public static async Task<RowTable?> FindAsync(NpgsqlConnection connection, Guid datasetId, CancellationToken cancel)
    {
        var row = await connection.QuerySingleOrDefaultAsync<TableRow>(new CommandDefinition("""
            select table_name, version, fields::text as fields, row_count, sha256, loaded_at from dataset_rows where dataset_id = @datasetId
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
