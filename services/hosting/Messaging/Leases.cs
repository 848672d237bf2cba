using Dapper;
using Npgsql;

namespace Exchange.Hosting.Messaging;

/// <summary>
/// One of several processes leads, by a row and the database's clock. The token counts up with every new holder, and the holder proves it
/// inside each transaction that must be its own: a leader that was frozen past its lease finds another token and stops.
/// </summary>
public sealed class Leases(Database database)
{
    private readonly Guid holder = Guid.NewGuid();

    /// <summary>The fencing token, or null while another process leads.</summary>
    public async Task<long?> AcquireAsync(string name, TimeSpan duration, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        return await connection.QuerySingleOrDefaultAsync<long?>(new CommandDefinition("""
            insert into leases (name, holder, token, expires_at)
            values (@name, @holder, 1, clock_timestamp() + @duration)
            on conflict (name) do update
            set holder = excluded.holder,
                token = case when leases.holder = excluded.holder then leases.token else leases.token + 1 end,
                expires_at = excluded.expires_at
            where leases.holder = excluded.holder or leases.expires_at < clock_timestamp()
            returning token
            """, new { name, holder, duration }, cancellationToken: cancel));
    }

    /// <summary>Holds the lease's row until this transaction ends; false when it is no longer ours.</summary>
    public async Task<bool> FenceAsync(NpgsqlConnection connection, string name, long token, CancellationToken cancel) =>
        await connection.QuerySingleOrDefaultAsync<int?>(new CommandDefinition("""
            select 1 from leases where name = @name and holder = @holder and token = @token and expires_at > clock_timestamp() for update
            """, new { name, holder, token }, cancellationToken: cancel)) is not null;

    /// <summary>Gives the lease back at once, so that another process need not wait for it to run out.</summary>
    public async Task ReleaseAsync(string name, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition(
            "update leases set expires_at = clock_timestamp() where name = @name and holder = @holder", new { name, holder }, cancellationToken: cancel));
    }
}
