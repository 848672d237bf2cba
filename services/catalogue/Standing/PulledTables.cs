using System.Globalization;
using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Datasets;
using Exchange.Contracts;
using Exchange.Hosting;
using Npgsql;
using NpgsqlTypes;

namespace Exchange.Catalogue.Standing;

/// <summary>A column of the copy: the provider's name for it, its type letter, and what it is called here.</summary>
internal sealed record PulledColumn(string Name, string Type, string Column);

/// <summary>Where the copy stands. It lies beside the copy and changes in the same transaction: whatever is killed when, the one is never without the other.</summary>
internal sealed record PulledPosition
{
    /// <summary>What the next changes are asked with; null while the first state is not whole yet.</summary>
    public string? Cursor { get; init; }

    /// <summary>Where a state that comes in parts goes on; null when none is on its way.</summary>
    public string? PartCursor { get; init; }

    public required IReadOnlyList<PulledColumn> Columns { get; init; }

    public required IReadOnlyList<string> Key { get; init; }

    /// <summary>The delivery that brought it here.</summary>
    public required Guid DeliveryId { get; init; }

    public required string Sha256 { get; init; }

    public required long Bytes { get; init; }

    public required long Rows { get; init; }
}

/// <summary>Somebody else brought the copy on meanwhile; nothing was changed here.</summary>
internal sealed class PositionMovedException() : Exception("The copy was brought on by another process.");

/// <summary>What arrived is not what changes look like.</summary>
internal sealed class NotUnderstoodException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// The copies in schema <c>data</c>, one table for each exchange, named by its id alone, with columns c1, c2, … as everywhere there: neither name comes from outside. Written as the loader, read as the reader.
/// </summary>
internal sealed class PulledTables(RowTables tables)
{
    /// <summary>The cursor of a copy that was disposed of.</summary>
    private const string Nowhere = "";

    private const string Positions = """
        create table if not exists data.standing_positions (
            exchange_id  uuid primary key,
            cursor       text,
            part_cursor  text,
            columns      jsonb not null,
            key          text[] not null,
            delivery_id  uuid not null,
            sha256       text not null,
            bytes        bigint not null,
            rows         bigint not null,
            acknowledged boolean not null default false)
        """;

    /// <summary>The copy's table, without its schema.</summary>
    public static string NameOf(Guid exchange) => $"shared_{exchange:N}";

    /// <summary>What has come of a state that is not whole yet.</summary>
    public static string PartsOf(Guid exchange) => $"parts_{exchange:N}";

    /// <summary>Null before the first pull is committed.</summary>
    public async Task<PulledPosition?> FindAsync(Guid exchange, CancellationToken cancel)
    {
        await using var connection = await tables.Loader.OpenConnectionAsync(cancel);
        return await FindAsync(connection, exchange, locked: false, cancel) is { Cursor: not Nowhere } position ? position : null;
    }

    /// <summary>Called once before the first pull of a process.</summary>
    public async Task PrepareAsync(CancellationToken cancel)
    {
        await using var connection = await tables.Loader.OpenConnectionAsync(cancel);
        // The lock: of two processes that begin together one finds the table made.
        await connection.ExecuteAsync(new CommandDefinition($"begin; select pg_advisory_xact_lock(hashtextextended('standing_positions', 0)); {Positions}; commit", cancellationToken: cancel));
    }

    /// <summary>A table for what arrives, in a transaction that carries it into the copy or leaves nothing behind.</summary>
    public async Task<IncomingRows> BeginAsync(bool whole, IReadOnlyList<(string Name, string Type)> fields, IReadOnlyList<string> key, DateTimeOffset now, CancellationToken cancel)
    {
        DatasetField[] columns = [.. fields.Select(f => new DatasetField { Name = f.Name, Title = f.Name, Type = f.Type, SharingType = SharingClass.Conditional })];
        var name = $"incoming_{Guid.CreateVersion7(now):N}";
        var connection = await tables.Loader.OpenConnectionAsync(cancel);
        try
        {
            var transaction = await connection.BeginTransactionAsync(cancel);
            await connection.ExecuteAsync(new CommandDefinition($"{Transaction.MayNotFreeze}; set local lock_timeout = '20s'", cancellationToken: cancel));
            await tables.CreateAsync(connection, name, columns, cancel);
            if (!whole)
            {
                await connection.ExecuteAsync(new CommandDefinition($"alter table data.{name} add column gone boolean", cancellationToken: cancel));
            }

            var copy = await connection.BeginBinaryImportAsync($"copy data.{name} from stdin (format binary)", cancel);
            return new IncomingRows(connection, transaction, copy, name, whole, [.. fields.Select((f, i) => new PulledColumn(f.Name, f.Type, RowTables.Column(i)))], key);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public async Task<bool> IsAcknowledgedAsync(Guid exchange, CancellationToken cancel)
    {
        await using var connection = await tables.Loader.OpenConnectionAsync(cancel);
        return await connection.ExecuteScalarAsync<bool>(new CommandDefinition("select acknowledged from data.standing_positions where exchange_id = @exchange", new { exchange }, cancellationToken: cancel));
    }

    public async Task AcknowledgedAsync(Guid exchange, Guid delivery, CancellationToken cancel)
    {
        await using var connection = await tables.Loader.OpenConnectionAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition(
            "update data.standing_positions set acknowledged = true where exchange_id = @exchange and delivery_id = @delivery", new { exchange, delivery }, cancellationToken: cancel));
    }

    /// <summary>The copy goes the way the provider requires: sealed, it stays and nobody reads it any more; else it is deleted. Safe to repeat.</summary>
    public async Task DisposeAsync(Guid exchange, bool seal, CancellationToken cancel)
    {
        var name = NameOf(exchange);
        await using var connection = await tables.Loader.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition($"{Transaction.MayNotFreeze}; set local lock_timeout = '200ms'; drop table if exists data.{PartsOf(exchange)}", cancellationToken: cancel));
        if (!seal)
        {
            await connection.ExecuteAsync(new CommandDefinition($"drop table if exists data.{name}", cancellationToken: cancel));
        }
        else if (await connection.ExecuteScalarAsync<bool>(new CommandDefinition("select to_regclass(@table) is not null", new { table = $"data.{name}" }, cancellationToken: cancel)))
        {
            await connection.ExecuteAsync(new CommandDefinition($"revoke all on data.{name} from \"{tables.ReaderRole}\"", cancellationToken: cancel));
        }

        // The row stays and stands nowhere: a pull that was frozen on its way finds it and brings nothing back.
        await connection.ExecuteAsync(new CommandDefinition(Positions, cancellationToken: cancel));
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into data.standing_positions (exchange_id, cursor, columns, key, delivery_id, sha256, bytes, rows, acknowledged) values (@exchange, @Nowhere, '[]', '{}', @exchange, '', 0, 0, true)
            on conflict (exchange_id) do update set cursor = excluded.cursor, part_cursor = null, columns = excluded.columns, key = excluded.key, acknowledged = true
            """, new { exchange, Nowhere }, cancellationToken: cancel));
        await transaction.CommitAsync(cancel);
    }

    internal static async Task<PulledPosition?> FindAsync(NpgsqlConnection connection, Guid exchange, bool locked, CancellationToken cancel)
    {
        try
        {
            var row = await connection.QuerySingleOrDefaultAsync<PositionRow>(new CommandDefinition($"""
                select cursor, part_cursor, columns::text as columns, key, delivery_id, sha256, bytes, rows from data.standing_positions where exchange_id = @exchange {(locked ? "for update" : "")}
                """, new { exchange }, cancellationToken: cancel));
            return row is null ? null : new PulledPosition
            {
                Cursor = row.Cursor,
                PartCursor = row.PartCursor,
                Columns = JsonSerializer.Deserialize<IReadOnlyList<PulledColumn>>(row.Columns, Json.Options)!,
                Key = row.Key,
                DeliveryId = row.DeliveryId,
                Sha256 = row.Sha256,
                Bytes = row.Bytes,
                Rows = row.Rows,
            };
        }
        catch (PostgresException fault) when (fault.SqlState == PostgresErrorCodes.UndefinedTable && !locked)
        {
            return null;
        }
    }

    private sealed record PositionRow
    {
        public string? Cursor { get; init; }
        public string? PartCursor { get; init; }
        public required string Columns { get; init; }
        public required string[] Key { get; init; }
        public required Guid DeliveryId { get; init; }
        public required string Sha256 { get; init; }
        public required long Bytes { get; init; }
        public required long Rows { get; init; }
    }
}

/// <summary>What is arriving. Until <see cref="ApplyAsync"/> has committed, the copy is as it was.</summary>
internal sealed class IncomingRows(
    NpgsqlConnection connection, NpgsqlTransaction transaction, NpgsqlBinaryImporter copy, string name, bool whole, IReadOnlyList<PulledColumn> columns, IReadOnlyList<string> key) : IAsyncDisposable
{
    private readonly HashSet<string> keys = [.. key];
    private bool copied;

    public long Upserted { get; private set; }

    public long Deleted { get; private set; }

    public long Rows => Upserted + Deleted;

    public async Task UpsertAsync(JsonElement row, CancellationToken cancel)
    {
        await copy.StartRowAsync(cancel);
        foreach (var column in columns)
        {
            await WriteAsync(row, column, cancel);
        }

        if (!whole)
        {
            await copy.WriteAsync(false, NpgsqlDbType.Boolean, cancel);
        }

        Upserted++;
    }

    public async Task DeleteAsync(JsonElement named, CancellationToken cancel)
    {
        if (whole)
        {
            throw new NotUnderstoodException("A whole state deletes nothing.");
        }

        await copy.StartRowAsync(cancel);
        foreach (var column in columns)
        {
            if (keys.Contains(column.Name))
            {
                await WriteAsync(named, column, cancel);
            }
            else
            {
                await copy.WriteNullAsync(cancel);
            }
        }

        await copy.WriteAsync(true, NpgsqlDbType.Boolean, cancel);
        Deleted++;
    }

    /// <summary>
    /// Carries everything into the copy and moves its position, in one transaction. A whole state takes the old table's place at once; readers of that one finish before. Parts of one wait aside until the last.
    /// </summary>
    /// <param name="exchange">Whose copy.</param>
    /// <param name="from">The position that was asked from.</param>
    /// <param name="to">The position it is brought to; with a part's cursor when more parts follow.</param>
    /// <param name="continued">Parts of this state came before.</param>
    /// <param name="cancel">Ends it.</param>
    /// <exception cref="PositionMovedException">The copy is no longer where the changes begin.</exception>
    public async Task ApplyAsync(Guid exchange, PulledPosition? from, PulledPosition to, bool continued, CancellationToken cancel)
    {
        await copy.CompleteAsync(cancel);
        await copy.DisposeAsync();
        copied = true;
        // Whoever is first has the row; a process that was frozen or lost its lease finds another cursor there.
        await connection.ExecuteAsync(new CommandDefinition("select pg_advisory_xact_lock(hashtextextended(@name, 0))", new { name = PulledTables.NameOf(exchange) }, cancellationToken: cancel));
        var now = await PulledTables.FindAsync(connection, exchange, locked: true, cancel);
        if ((now?.Cursor, now?.PartCursor) != (from?.Cursor, from?.PartCursor))
        {
            throw new PositionMovedException();
        }

        var copyOf = PulledTables.NameOf(exchange);
        var together = string.Join(", ", columns.Where(c => keys.Contains(c.Name)).Select(c => c.Column));
        if (whole)
        {
            var parts = PulledTables.PartsOf(exchange);
            await connection.ExecuteAsync(new CommandDefinition(continued
                ? $"insert into data.{parts} select * from data.{name}; drop table data.{name}"
                : $"drop table if exists data.{parts}; alter table data.{name} rename to {parts}", cancellationToken: cancel));
            if (to.PartCursor is null)
            {
                await connection.ExecuteAsync(new CommandDefinition($"""
                    alter table data.{parts} add primary key ({together});
                    drop table if exists data.{copyOf};
                    alter table data.{parts} rename to {copyOf}
                    """, cancellationToken: cancel));
            }
        }
        else
        {
            var all = string.Join(", ", columns.Select(c => c.Column));
            var others = columns.Where(c => !keys.Contains(c.Name)).Select(c => $"{c.Column} = excluded.{c.Column}").ToList();
            await connection.ExecuteAsync(new CommandDefinition($"""
                delete from data.{copyOf} t using data.{name} i where i.gone and {string.Join(" and ", columns.Where(c => keys.Contains(c.Name)).Select(c => $"t.{c.Column} = i.{c.Column}"))};
                insert into data.{copyOf} ({all}) select {all} from data.{name} where not gone
                on conflict ({together}) do {(others.Count == 0 ? "nothing" : $"update set {string.Join(", ", others)}")};
                drop table data.{name}
                """, cancellationToken: cancel));
        }

        await connection.ExecuteAsync(new CommandDefinition("""
            insert into data.standing_positions (exchange_id, cursor, part_cursor, columns, key, delivery_id, sha256, bytes, rows)
            values (@exchange, @Cursor, @PartCursor, @columns::jsonb, @key, @DeliveryId, @Sha256, @Bytes, @Rows)
            on conflict (exchange_id) do update set cursor = excluded.cursor, part_cursor = excluded.part_cursor, columns = excluded.columns, key = excluded.key,
                delivery_id = excluded.delivery_id, sha256 = excluded.sha256, bytes = excluded.bytes, rows = excluded.rows, acknowledged = false
            """, new { exchange, to.Cursor, to.PartCursor, columns = JsonSerializer.Serialize(to.Columns, Json.Options), key = to.Key.ToArray(), to.DeliveryId, to.Sha256, to.Bytes, to.Rows }, cancellationToken: cancel));
        // What was begun is carried out or not, whoever goes away meanwhile.
        await transaction.CommitAsync(CancellationToken.None);
    }

    public IReadOnlyList<PulledColumn> Columns => columns;

    public IReadOnlyList<string> Key => key;

    public async ValueTask DisposeAsync()
    {
        if (!copied)
        {
            await copy.DisposeAsync();
        }

        await transaction.DisposeAsync();
        await connection.DisposeAsync();
    }

    private async Task WriteAsync(JsonElement row, PulledColumn column, CancellationToken cancel)
    {
        if (!row.TryGetProperty(column.Name, out var value))
        {
            throw new NotUnderstoodException($"A line has no '{column.Name}'.");
        }

        if (value.ValueKind == JsonValueKind.Null)
        {
            await copy.WriteNullAsync(cancel);
            return;
        }

        await copy.WriteAsync(Read(value, column.Type), FieldTypes.DbType(column.Type), cancel);
    }

    private static object Read(JsonElement value, string type)
    {
        try
        {
            return FieldTypes.DbType(type) switch
            {
                NpgsqlDbType.Numeric => value.GetDecimal(),
                NpgsqlDbType.Bigint => value.GetInt64(),
                NpgsqlDbType.Double => value.ValueKind == JsonValueKind.String ? double.Parse(value.GetString()!, CultureInfo.InvariantCulture) : value.GetDouble(),
                NpgsqlDbType.Boolean => value.GetBoolean(),
                NpgsqlDbType.Date => DateOnly.ParseExact(value.GetString()!, "yyyy-MM-dd", CultureInfo.InvariantCulture),
                NpgsqlDbType.TimestampTz => DateTimeOffset.Parse(value.GetString()!, CultureInfo.InvariantCulture).ToUniversalTime(),
                _ => value.GetString()! is var text && !text.Contains('\0', StringComparison.Ordinal) ? text : throw new FormatException("A text holds U+0000."),
            };
        }
        catch (Exception fault) when (fault is FormatException or InvalidOperationException or OverflowException)
        {
            throw new NotUnderstoodException($"A value is not of type {type}.", fault);
        }
    }
}
