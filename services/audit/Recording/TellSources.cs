using Dapper;
using Exchange.Audit.Checkpoints;
using Exchange.Audit.Log;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Npgsql;

namespace Exchange.Audit.Recording;

/// <summary>
/// Tells each source how far the log has taken up its records, when that has moved and once a minute: a source that hears nothing for too long stops exchanging.
/// One process leads; a new leader tells everyone anew.
/// </summary>
internal sealed partial class TellSources(IServiceScopeFactory scopes, Leases leases, Witnesses witnesses, Origins origins, TimeProvider clock, ILogger<TellSources> logger) : BackgroundService
{
    private const string Lease = "tell-sources";
    private static readonly TimeSpan LeaseDuration = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Heartbeat = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, (TipRow Tip, long At)> told = new(StringComparer.Ordinal);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (await leases.AcquireAsync(Lease, LeaseDuration, stoppingToken) is not null)
                {
                    await TellAsync(stoppingToken);
                }
                else
                {
                    told.Clear();
                }
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(logger, fault);
            }
            await Task.Delay(Turn, TimeProvider.System, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await leases.ReleaseAsync(Lease, cancellationToken);
        }
        catch (Exception fault) when (TransientFault.Is(fault))
        {
            // The lease runs out by itself.
        }
    }

    private async Task TellAsync(CancellationToken cancel)
    {
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(cancel);
        var tips = await transaction.Connection.QueryAsync<TipRow>(new CommandDefinition(
            "select source, seq, encode(digest, 'hex') as digest from taken_up where source <> @AuditService order by source", new { Topology.AuditService }, cancellationToken: cancel));
        var witnessedAt = await WitnessedAtAsync(transaction.Connection, cancel);
        List<TipRow> sent = [];
        foreach (var tip in tips.Where(IsNews))
        {
            var news = new RecordsLogged { Source = tip.Source, UpToSeq = tip.Seq, Digest = Convert.FromHexString(tip.Digest), WitnessedAt = witnessedAt, At = clock.Now() };
            if (await transaction.PublishStateAsync(news, Topology.Addressed, tip.Source, cancel))
            {
                sent.Add(tip);
            }
        }
        await transaction.CommitAsync(cancel);
        foreach (var tip in sent)
        {
            told[tip.Source] = (tip, TimeProvider.System.GetTimestamp());
        }
    }

    /// <summary>Of the open log. Null where nothing was agreed on; the agreement's own year counts from then on, also while nobody has cosigned yet.</summary>
    private async Task<DateTimeOffset?> WitnessedAtAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        var year = await connection.ExecuteScalarAsync<int>(new CommandDefinition("select max(year) from logs", cancellationToken: cancel));
        return witnesses.AgreedOn(origins.Of(year)) is { } agreed
            ? (await ReadCheckpoints.WitnessedAsync(connection, year, agreed, cancel))?.At
            : null;
    }

    private bool IsNews(TipRow tip) => !told.TryGetValue(tip.Source, out var last) || last.Tip != tip || TimeProvider.System.GetElapsedTime(last.At) > Heartbeat;

    private sealed record TipRow
    {
        public required string Source { get; init; }
        public required long Seq { get; init; }
        public required string Digest { get; init; }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The sources are told later how far the log has taken them up")]
    private static partial void LogLater(ILogger logger, Exception fault);
}
