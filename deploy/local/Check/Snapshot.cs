using System.Data;
using Dapper;
using Exchange.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Exchange.Local.Check;

/// <summary>One service's database at one moment: a transaction that can only read and sees nothing that is written after its first look.</summary>
internal sealed class Snapshot : IAsyncDisposable
{
    private readonly NpgsqlDataSource source;
    private readonly NpgsqlConnection connection;
    private readonly NpgsqlTransaction transaction;

    private Snapshot(string service, NpgsqlDataSource source, NpgsqlConnection connection, NpgsqlTransaction transaction) =>
        (Service, this.source, this.connection, this.transaction) = (service, source, connection, transaction);

    public string Service { get; }

    public static async Task<Snapshot> TakeAsync(string service, string connectionString, CancellationToken ct)
    {
        var pool = Source(connectionString);
        try
        {
            var open = await pool.OpenConnectionAsync(ct);
            var reading = await open.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct);
            await open.ExecuteAsync(new CommandDefinition("select 1 from outbox limit 1", cancellationToken: ct));
            return new Snapshot(service, pool, open, reading);
        }
        catch
        {
            await pool.DisposeAsync();
            throw;
        }
    }

    /// <summary>Connections that cannot write, whatever is asked of them.</summary>
    public static NpgsqlDataSource Source(string connectionString) => Database.Source(
        new NpgsqlConnectionStringBuilder(connectionString) { Options = "-c default_transaction_read_only=on", Pooling = false, Timeout = 5 }.ConnectionString,
        new ServiceSettings { Name = "check" }, NullLoggerFactory.Instance);

    public async Task<IReadOnlyList<T>> ListAsync<T>(string sql, object? parameters = null, CancellationToken ct = default) =>
        (await connection.QueryAsync<T>(new CommandDefinition(sql, parameters, commandTimeout: 300, cancellationToken: ct))).AsList();

    public async Task<T> OneAsync<T>(string sql, object? parameters = null, CancellationToken ct = default) =>
        await connection.QuerySingleAsync<T>(new CommandDefinition(sql, parameters, commandTimeout: 300, cancellationToken: ct));

    /// <summary>Row by row, for tables that may not fit into memory.</summary>
    public IAsyncEnumerable<T> StreamAsync<T>(string sql, object? parameters = null) => connection.QueryUnbufferedAsync<T>(sql, parameters, commandTimeout: 3600);

    public async ValueTask DisposeAsync()
    {
        try
        {
            await transaction.DisposeAsync();
            await connection.DisposeAsync();
        }
        catch (NpgsqlException)
        {
            // The server went away; there is nothing to undo.
        }
        await source.DisposeAsync();
    }
}
