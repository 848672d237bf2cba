using Dapper;
using Exchange.Audit.Log;
using Exchange.Hosting;
using Exchange.Hosting.Transparency;
using Npgsql;

namespace Exchange.Audit.Checkpoints;

/// <summary>
/// The log's keys: opened at start, after the migrations and before anything is consumed or signed, and again when the database says that one was added or has had its time.
/// A key that was replaced goes on beside its successor for the overlap, and longer while the agreement does not name the successor: the witnesses would cosign nothing.
/// </summary>
internal sealed class LogKeyring(Database database, ServiceSettings service, LogWriter log, AgreementFile agreement, Origins origins, TimeProvider clock) : IHostedService, IDisposable
{
    private volatile LogKeys? keys;

    public IReadOnlyList<INoteSigner> Signers => (keys ?? throw new InvalidOperationException("The log's keys are not open yet.")).Signers;

    /// <summary>What must be done before a replaced key can end; null when nothing.</summary>
    public string? Overdue { get; private set; }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        // Two processes that start for the first time at once must come to one pair of keys.
        await connection.ExecuteAsync(new CommandDefinition("select pg_advisory_xact_lock(@LockKey)", new { LogWriter.LockKey }, cancellationToken: cancellationToken));
        if (await FollowAsync(connection, cancellationToken) is { Count: 0 })
        {
            keys = LogKeys.Open(service.KeyFolder, new Dictionary<string, byte[]>());
            await AddAsync(connection, keys.PublicKeys, cancellationToken);
        }
        await transaction.CommitAsync(cancellationToken);
        await log.EnsureLogAsync(cancellationToken);
    }

    /// <summary>Those who sign now, as the database knows them.</summary>
    public async Task<IReadOnlyList<INoteSigner>> FollowAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        var known = (await connection.QueryAsync<KeyRow>(new CommandDefinition("select name, public_key, ends_at from log_keys order by created_at, name", cancellationToken: cancel))).AsList();
        if (known.Count == 0)
        {
            return [];
        }
        var active = known.Where(key => key.EndsAt is null || key.EndsAt > clock.Now() || !SuccessorIsAgreed(known, key)).ToDictionary(key => key.Name, key => key.PublicKey, StringComparer.Ordinal);
        Overdue = known.Find(key => active.ContainsKey(key.Name) && key.EndsAt <= clock.Now()) is { } late ? $"the key {late.Name} should have ended on {late.EndsAt:yyyy-MM-dd}: {AgreementFile.Name} does not name its successor yet" : null;
        if (keys is not { } open || !open.PublicKeys.Keys.ToHashSet(StringComparer.Ordinal).SetEquals(active.Keys))
        {
            // What is still being signed with the old set is finished by whoever holds it; the runtime frees it then.
            keys = LogKeys.Open(service.KeyFolder, active);
        }
        return keys.Signers;
    }

    public static Task AddAsync(NpgsqlConnection connection, IReadOnlyDictionary<string, byte[]> made, CancellationToken cancel) =>
        connection.ExecuteAsync(new CommandDefinition("insert into log_keys (name, public_key) select * from unnest(@Name, @PublicKey)", new { Name = made.Keys.ToArray(), PublicKey = made.Values.ToArray() }, cancellationToken: cancel));

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => keys?.Dispose();

    private bool SuccessorIsAgreed(List<KeyRow> known, KeyRow old)
    {
        Agreement? agreed;
        try
        {
            agreed = agreement.Current;
        }
        catch (InvalidDataException)
        {
            // Nobody knows what is agreed: the old key goes on.
            return false;
        }
        if (agreed is not { Quorum: > 0 })
        {
            return true;
        }
        var successors = known.Where(key => key.EndsAt is null && LogKeys.KindOf(key.Name) == LogKeys.KindOf(old.Name)).Select(key => key.PublicKey).ToList();
        return agreed.Logs.GetValueOrDefault(origins.Of(clock.Now().Year)) is { } keysOfLog && keysOfLog.Any(key => successors.Any(successor => key.Key.AsSpan().SequenceEqual(successor)));
    }

    private sealed record KeyRow
    {
        public required string Name { get; init; }
        public required byte[] PublicKey { get; init; }
        public DateTimeOffset? EndsAt { get; init; }
    }
}
