using Dapper;
using Exchange.Audit.Log;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Exchange.Hosting.Transparency;
using Npgsql;

namespace Exchange.Audit.Checkpoints;

/// <summary>Wakes the signer in this process right after an append; the second's turn is the net.</summary>
internal sealed class SigningSignal : IDisposable
{
    private readonly SemaphoreSlim grown = new(0, 1);

    public void Wake()
    {
        try
        {
            grown.Release();
        }
        catch (SemaphoreFullException)
        {
            // It is awake already.
        }
    }

    public Task WaitAsync(TimeSpan atMost, CancellationToken cancel) => grown.WaitAsync(atMost, cancel);

    public void Dispose() => grown.Dispose();
}

/// <summary>
/// Signs each log that grew, at most once a second. A tree that does not extend the last signed one is never signed, and a note is stored before anybody can read it:
/// after a crash the same size has the same note.
/// </summary>
internal sealed partial class SignCheckpoints(Database database, LogKeyring keys, Origins origins, SigningSignal signal, TimeProvider clock, ILogger<SignCheckpoints> logger) : BackgroundService
{
    public const long LockKey = LogWriter.LockKey + 1;
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            // Leases and turns run on the machine's clock; business time may be moved by a test.
            var turn = Task.Delay(Turn, TimeProvider.System, stoppingToken);
            try
            {
                await SignGrownAsync(stoppingToken);
            }
            catch (Exception fault) when (TransientFault.Is(fault))
            {
                LogAway(logger, fault.Message);
            }
            catch (Exception fault)
            {
                LogNotSigned(logger, fault);
            }
            await turn.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await signal.WaitAsync(Turn, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>One turn. Returns how many checkpoints it made.</summary>
    public async Task<int> SignGrownAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var grown = (await connection.QueryAsync<int>(new CommandDefinition("""
            select year from logs l
            where not exists (select 1 from checkpoints c where c.year = l.year and c.size = l.size)
            order by year
            """, cancellationToken: cancel))).AsList();
        foreach (var year in grown)
        {
            await SignAsync(connection, year, cancel);
        }
        return grown.Count;
    }

    private async Task SignAsync(NpgsqlConnection connection, int year, CancellationToken cancel)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        // One signer at a time, so that the last signed tree is the last one until this is stored.
        await connection.ExecuteAsync(new CommandDefinition("select pg_advisory_xact_lock(@LockKey)", new { LockKey }, cancellationToken: cancel));
        var tree = await connection.QuerySingleAsync<Tree>(new CommandDefinition("select size, edge from logs where year = @year", new { year }, cancellationToken: cancel));
        var root = Edge.Read(tree.Size, tree.Edge).Root();
        var last = await connection.QuerySingleOrDefaultAsync<Signed>(new CommandDefinition("""
            select size, root from checkpoints where year = @year order by size desc limit 1
            """, new { year }, cancellationToken: cancel));
        if (last is not null)
        {
            if (last.Size == tree.Size)
            {
                return;
            }
            var path = last.Size < tree.Size ? await LogReader.HashesAsync(connection, year, Proofs.Consistency(last.Size, tree.Size), cancel) : [];
            if (last.Size > tree.Size || !Merkle.Extends(last.Size, last.Root, tree.Size, root, path))
            {
                throw new InvalidOperationException($"The log of {year} with {tree.Size} leaves does not extend the tree of {last.Size} leaves that was signed before. Nothing is signed until that is explained.");
            }
        }
        var origin = origins.Of(year);
        var note = Note.Write(new Checkpoint(origin, tree.Size, root).Body, origin, await keys.FollowAsync(connection, cancel));
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into checkpoints (year, size, root, note, signed_at) values (@year, @Size, @root, @note, @now)
            """, new { year, tree.Size, root, note, now = clock.Now() }, cancellationToken: cancel));
        await transaction.CommitAsync(CancellationToken.None);
    }

    private sealed record Tree
    {
        public required long Size { get; init; }
        public required byte[] Edge { get; init; }
    }

    private sealed record Signed
    {
        public required long Size { get; init; }
        public required byte[] Root { get; init; }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "No checkpoint is signed while the database is away ({Reason})")]
    private static partial void LogAway(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Critical, Message = "A checkpoint was not signed")]
    private static partial void LogNotSigned(ILogger logger, Exception fault);
}
