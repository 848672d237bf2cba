using System.Collections.Concurrent;
using Dapper;
using Exchange.Audit.Log;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Exchange.Hosting.Transparency;
using Npgsql;

namespace Exchange.Audit.Checkpoints;

/// <summary>
/// Has the witnesses cosign each new checkpoint, and the same one again once a minute, so that silence is dated too. A checkpoint is published when it is signed, witnessed
/// when the agreed quorum has cosigned it, final when all have. Several processes may ask: a witness answers each.
/// </summary>
internal sealed partial class Witnesses(Database database, LogSettings settings, AgreementFile agreement, Origins origins, ILogger<Witnesses> log) : BackgroundService
{
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Again = TimeSpan.FromMinutes(1);

    private readonly HttpClient http = new() { Timeout = TimeSpan.FromSeconds(5) };
    private readonly ConcurrentDictionary<string, DateTimeOffset> seen = new(StringComparer.Ordinal);
    private readonly DateTimeOffset started = DateTimeOffset.UtcNow;

    private IReadOnlyList<WitnessClient>? clients;
    private volatile Agreement? last;

    public IReadOnlyList<WitnessClient> Clients => clients ??= [.. settings.WitnessAddresses.Select(addresses => new WitnessClient(addresses, http))];

    /// <summary>Agreed witnesses that have not cosigned for too long.</summary>
    public IReadOnlyList<string> Silent => Agreed() is { Witnesses: { Count: > 0 } witnesses }
        ? [.. witnesses.Select(w => w.Name).Where(name => DateTimeOffset.UtcNow - seen.GetValueOrDefault(name, started) > settings.WitnessAlarm)]
        : [];

    /// <summary>Null before there is one. A file that is gone or broken ends nothing that was agreed on.</summary>
    public Agreement? Agreed()
    {
        try
        {
            last = agreement.Current ?? last;
        }
        catch (InvalidDataException fault)
        {
            LogUnreadable(log, fault.Message);
        }
        return last;
    }

    /// <summary>The agreement, where it names this log and asks for witnesses.</summary>
    public Agreement? AgreedOn(string origin) => Agreed() is { Quorum: > 0 } agreed && agreed.Logs.ContainsKey(origin) ? agreed : null;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var turn = Task.Delay(Turn, TimeProvider.System, stoppingToken);
            try
            {
                if (Agreed() is { } agreed)
                {
                    await AskAllAsync(agreed, stoppingToken);
                }
            }
            catch (Exception fault) when (TransientFault.Is(fault))
            {
                LogAway(log, fault.Message);
            }
            await turn.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public override void Dispose()
    {
        http.Dispose();
        base.Dispose();
    }

    /// <summary>One turn: the newest checkpoint of the open log, and of the one before, whose last one must become final too.</summary>
    private async Task AskAllAsync(Agreement agreed, CancellationToken cancel)
    {
        List<Signed> newest;
        await using (var connection = await database.OpenAsync(cancel))
        {
            newest = (await connection.QueryAsync<Signed>(new CommandDefinition("""
                select distinct on (year) year, size, note from checkpoints where year >= (select max(year) - 1 from logs) order by year, size desc
                """, cancellationToken: cancel))).Where(c => agreed.Logs.ContainsKey(origins.Of(c.Year))).ToList();
        }
        await Task.WhenAll(newest.SelectMany(checkpoint => Clients.Select(client => AskAsync(client, checkpoint, agreed, cancel))));
    }

    private async Task AskAsync(WitnessClient client, Signed checkpoint, Agreement agreed, CancellationToken cancel)
    {
        var known = client.Cosigned.GetValueOrDefault(checkpoint.Year);
        if (known.Size == checkpoint.Size && TimeProvider.System.GetElapsedTime(known.At) < Again)
        {
            return;
        }
        try
        {
            await using var connection = await database.OpenAsync(cancel);
            var old = known.Size;
            while (true)
            {
                var proof = await LogReader.HashesAsync(connection, checkpoint.Year, Proofs.Consistency(old, checkpoint.Size), cancel);
                var (line, knows) = await client.AddAsync(old, proof, checkpoint.Note, cancel);
                if (line is not null)
                {
                    await KeepAsync(connection, checkpoint, line, agreed, cancel);
                    client.Cosigned[checkpoint.Year] = (checkpoint.Size, TimeProvider.System.GetTimestamp());
                    return;
                }
                if (knows == old || knows > checkpoint.Size)
                {
                    // A newer one was cosigned meanwhile, on another process's behalf.
                    return;
                }
                old = knows!.Value;
            }
        }
        catch (Exception fault) when (WitnessClient.IsAway(fault, cancel) || TransientFault.Is(fault))
        {
            LogWitness(log, fault.Message);
        }
    }

    private async Task KeepAsync(NpgsqlConnection connection, Signed checkpoint, SignatureLine line, Agreement agreed, CancellationToken cancel)
    {
        var text = checkpoint.Note[..(checkpoint.Note.LastIndexOf("\n\n", StringComparison.Ordinal) + 1)];
        if (agreed.Witnesses.FirstOrDefault(key => key.Made(line)) is not { } witness || !witness.Verifies(text, line))
        {
            LogWitness(log, $"{line.Name} has cosigned with a key that nobody agreed on");
            return;
        }
        seen[witness.Name] = DateTimeOffset.UtcNow;
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into cosignatures (year, size, witness, line, newest) values (@Year, @Size, @Name, @line, @line)
            on conflict (year, size, witness) do update set newest = excluded.newest, newest_at = clock_timestamp()
            """, new { checkpoint.Year, checkpoint.Size, witness.Name, line = line.ToString() }, cancellationToken: cancel));
    }

    private sealed record Signed
    {
        public required int Year { get; init; }
        public required long Size { get; init; }
        public required string Note { get; init; }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "No cosignature is asked for while the database is away ({Reason})")]
    private static partial void LogAway(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A witness did not cosign: {Reason}")]
    private static partial void LogWitness(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "The agreement in the key folder cannot be read: {Reason}")]
    private static partial void LogUnreadable(ILogger logger, string reason);
}
