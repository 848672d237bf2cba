using System.Globalization;
using Dapper;
using Exchange.Audit.Checkpoints;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Exchange.Hosting.Transparency;
using Npgsql;

namespace Exchange.Audit.Log;

/// <summary>
/// Nothing is appended before the witnesses were asked: a log that was restored from an older copy, cut or rewritten would fork. It opens once the agreed quorum has
/// answered and none of them has cosigned a tree that ours does not contain; one that has keeps it shut for good.
/// </summary>
internal sealed partial class StartGate(Database database, Witnesses witnesses, Origins origins, ILogger<StartGate> log) : BackgroundService
{
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(1);

    private volatile string? shut = "the witnesses have not been asked yet";

    /// <summary>Why nothing is appended; null when the gate is open.</summary>
    public string? Shut => shut;

    // The first look comes before the first message: what is refused once is brought again only after a pause.
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await LookAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (shut is not null)
        {
            await Task.Delay(Turn, TimeProvider.System, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (stoppingToken.IsCancellationRequested)
            {
                // A look that is not made any more says nothing of the database.
                return;
            }

            await LookAsync(stoppingToken);
        }
    }

    private async Task LookAsync(CancellationToken cancel)
    {
        var before = shut;
        try
        {
            shut = await WhyShutAsync(cancel);
        }
        catch (Exception fault) when (TransientFault.Is(fault))
        {
            shut = "the database does not answer";
        }
        if (shut is { } reason && reason != before)
        {
            LogShut(log, reason);
        }
    }

    private async Task<string?> WhyShutAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        if (witnesses.Agreed() is not { Quorum: > 0 } agreed)
        {
            return await connection.ExecuteScalarAsync<bool>(new CommandDefinition("select exists (select from cosignatures)", cancellationToken: cancel))
                ? $"this log was cosigned, and {AgreementFile.Name} in the key folder names no witnesses, is missing or cannot be read: put back what was agreed on"
                : null;
        }
        var newest = await connection.ExecuteScalarAsync<int>(new CommandDefinition("select max(year) from logs", cancellationToken: cancel));
        var answered = 0;
        string? away = null;
        foreach (var witness in witnesses.Clients)
        {
            try
            {
                // The turns of the year too: a cut may have taken one with it.
                foreach (var year in (int[])[newest - 1, newest, newest + 1])
                {
                    if (await witness.LastAsync(origins.Of(year), cancel) is { } note && Believed(agreed, note) is { } tree && await ContradictionAsync(connection, year, tree, cancel) is { } contradiction)
                    {
                        return contradiction;
                    }
                }
                answered++;
            }
            catch (Exception fault) when (WitnessClient.IsAway(fault, cancel))
            {
                away = fault.Message;
            }
        }
        return answered >= agreed.Quorum ? null : string.Create(CultureInfo.InvariantCulture, $"{answered} of {agreed.Quorum} witnesses have answered ({away})");
    }

    /// <summary>What a witness has seen, if the log's keys signed it: its word alone proves nothing.</summary>
    private static Checkpoint? Believed(Agreement agreed, Note note) =>
        Checkpoint.Parse(note.Text) is { } tree && agreed.Logs.TryGetValue(tree.Origin, out var keys) && Checkpoint.IsSigned(note, keys) ? tree : null;

    private static async Task<string?> ContradictionAsync(NpgsqlConnection connection, int year, Checkpoint tree, CancellationToken cancel)
    {
        var size = await connection.ExecuteScalarAsync<long?>(new CommandDefinition("select size from logs where year = @year", new { year }, cancellationToken: cancel)) ?? 0;
        if (size < tree.Size)
        {
            return string.Create(CultureInfo.InvariantCulture, $"a witness has cosigned {tree.Size} leaves of the log of {year} and this database has {size}: it was restored from an older copy, or cut. Bring back the newest copy; never delete what the witnesses remember");
        }
        var root = (await LogReader.HashesAsync(connection, year, [Proofs.Root(tree.Size)], cancel))[0];
        return root.AsSpan().SequenceEqual(tree.Root) ? null
            : string.Create(CultureInfo.InvariantCulture, $"a witness has cosigned the first {tree.Size} leaves of the log of {year}, and this database has others: they were altered. Bring back a copy of before; both trees are evidence");
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "Nothing is appended to the log: {Reason}")]
    private static partial void LogShut(ILogger logger, string reason);
}
