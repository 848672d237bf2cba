using Dapper;
using Exchange.Audit.Log;
using Exchange.Hosting;
using Exchange.Hosting.Transparency;

namespace Exchange.Audit.Checkpoints;

/// <summary>Opens the log's keys at start, after the migrations and before anything is consumed or signed.</summary>
internal sealed class LogKeyring(Database database, ServiceSettings service, LogWriter log) : IHostedService, IDisposable
{
    private LogKeys? keys;

    public IReadOnlyList<INoteSigner> Signers => (keys ?? throw new InvalidOperationException("The log's keys are not open yet.")).Signers;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        // Two processes that start for the first time at once must come to one pair of keys.
        await connection.ExecuteAsync(new CommandDefinition("select pg_advisory_xact_lock(@LockKey)", new { LogWriter.LockKey }, cancellationToken: cancellationToken));
        var known = (await connection.QueryAsync<KeyRow>(new CommandDefinition("select name, public_key from log_keys", cancellationToken: cancellationToken)))
            .ToDictionary(row => row.Name, row => row.PublicKey, StringComparer.Ordinal);
        keys = LogKeys.Open(service.KeyFolder, known);
        if (known.Count == 0)
        {
            await connection.ExecuteAsync(new CommandDefinition("""
                insert into log_keys (name, public_key) select * from unnest(@Name, @PublicKey)
                """, new { Name = keys.PublicKeys.Keys.ToArray(), PublicKey = keys.PublicKeys.Values.ToArray() }, cancellationToken: cancellationToken));
        }
        await transaction.CommitAsync(cancellationToken);
        await log.EnsureLogAsync(cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => keys?.Dispose();

    private sealed record KeyRow
    {
        public required string Name { get; init; }
        public required byte[] PublicKey { get; init; }
    }
}
