using System.Collections.Concurrent;
using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;

namespace Exchange.Catalogue.Deliveries;

/// <summary>
/// Looks four times a second at the grants of all running transfers, in one query, and cuts those whose grant no longer covers them: beside the transfers and not between two writes,
/// so that a reader who has stopped reading holds nothing up. While the database does not answer no suspension can be committed either; past a few seconds of that, all are cut.
/// </summary>
internal sealed partial class GrantWatch(Database database, TimeProvider clock, ILogger<GrantWatch> log) : BackgroundService
{
    /// <summary>Why a transfer was cut, as the log says it.</summary>
    public const string Ended = "grant-ended", Suspended = "grant-suspended", Expired = "grant-expired", Narrowed = "grant-narrowed", Unwatched = "grant-unknown", Beyond = "quota-used-up";

    private const string Whole = "";

    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan BlindAtMost = TimeSpan.FromSeconds(5);

    /// <summary>Far below the time after which a delivery without a sign of life is ended.</summary>
    private static readonly TimeSpan SignOfLife = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<Guid, Running> all = new();

    public static bool Usable(string state, DateOnly validUntil, TimeProvider clock) => state == "active" && clock.GetUtcNow() < LegalDay.EndOf(validUntil);

    /// <summary>Until it is disposed the transfer's grant is watched. Its token ends with <paramref name="aborted"/> or when it is cut.</summary>
    /// <param name="fields">The data items that go out.</param>
    /// <param name="cut">Closes the connection, for what waits there without a token.</param>
    public Running Follow(Guid delivery, IReadOnlyList<string> fields, Action cut, CancellationToken aborted)
    {
        var running = new Running(this, delivery, fields, cut, aborted);
        all[delivery] = running;
        return running;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var seen = TimeProvider.System.GetTimestamp();
        var told = seen;
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Every, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var now = TimeProvider.System.GetTimestamp();
            var running = all.Values.ToList();
            if (running.Count == 0)
            {
                seen = now;
                continue;
            }

            try
            {
                // A server that hangs does not keep the next look from being late.
                await LookAsync(running, stoppingToken).WaitAsync(AnswerWithin, stoppingToken);
                seen = now;
                if (TimeProvider.System.GetElapsedTime(told) > SignOfLife)
                {
                    told = now;
                    await TellAsync(running, stoppingToken).WaitAsync(AnswerWithin, stoppingToken);
                }
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                LogBlind(log, fault.Message, running.Count);
                if (TimeProvider.System.GetElapsedTime(seen) > BlindAtMost)
                {
                    running.ForEach(r => r.End(Unwatched));
                }
            }
        }
    }

    private async Task LookAsync(List<Running> running, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var grants = (await connection.QueryAsync<Now>(new CommandDefinition("""
            select d.delivery_id, g.state, g.valid_until, g.fields, (g.treatments, g.row_filter) is distinct from (d.treatments, d.row_filter) as treated_otherwise
            from deliveries d join grants g using (exchange_id)
            where d.delivery_id = any(@ids)
            """, new { ids = running.Select(r => r.Delivery).ToArray() }, cancellationToken: cancel))).ToDictionary(g => g.DeliveryId);
        foreach (var transfer in running)
        {
            if (Fault(grants.GetValueOrDefault(transfer.Delivery), transfer.Fields) is { } why)
            {
                transfer.End(why);
            }
        }
    }

    private string? Fault(Now? grant, IReadOnlyList<string> fields) =>
        grant is null || grant.State is not ("active" or "suspended") ? Ended
        : grant.State == "suspended" ? Suspended
        : !Usable(grant.State, grant.ValidUntil, clock) ? Expired
        : grant.TreatedOtherwise || fields.Except(grant.Fields, StringComparer.Ordinal).Any() ? Narrowed
        : null;

    /// <summary>The process that sends is alive. A row that somebody holds is told of the next time.</summary>
    private async Task TellAsync(List<Running> running, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition("""
            update deliveries set seen_at = clock_timestamp()
            where delivery_id in (select delivery_id from deliveries where delivery_id = any(@ids) and ended_at is null for update skip locked)
            """, new { ids = running.Select(r => r.Delivery).ToArray() }, cancellationToken: cancel));
    }

    private sealed record Now
    {
        public required Guid DeliveryId { get; init; }
        public required string State { get; init; }
        public required DateOnly ValidUntil { get; init; }
        public required string[] Fields { get; init; }

        /// <summary>Other treatments or rows than the delivery was opened with.</summary>
        public required bool TreatedOtherwise { get; init; }
    }

    /// <summary>One transfer that is under way.</summary>
    internal sealed class Running : IDisposable
    {
        private readonly GrantWatch watch;
        private readonly Action close;
        private readonly CancellationTokenSource source;
        private string? why;

        public Running(GrantWatch watch, Guid delivery, IReadOnlyList<string> fields, Action close, CancellationToken aborted)
        {
            (this.watch, Delivery, Fields, this.close) = (watch, delivery, fields, close);
            source = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        }

        public Guid Delivery { get; }

        public IReadOnlyList<string> Fields { get; }

        public CancellationToken Token => source.Token;

        /// <summary>Why it was cut; null when nobody did.</summary>
        public string? Cut => Volatile.Read(ref why) is var said && said == Whole ? null : said;

        /// <summary>False when it was cut before. From here on nobody cuts it any more: what is recorded as whole stays whole.</summary>
        public bool TryComplete() => Interlocked.CompareExchange(ref why, Whole, null) is null;

        public void End(string reason)
        {
            if (Interlocked.CompareExchange(ref why, reason, null) is not null)
            {
                return;
            }

            try
            {
                source.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // It came to its end in this very moment, not as a whole.
                return;
            }

            close();
        }

        public void Dispose()
        {
            watch.all.TryRemove(Delivery, out _);
            source.Dispose();
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The grants of {Count} running transfers could not be looked at ({Reason})")]
    private static partial void LogBlind(ILogger log, string reason, int count);
}
