using System.Globalization;
using System.Security.Cryptography;
using Dapper;
using Exchange.Contracts;
using Exchange.Hosting.Messaging;
using MassTransit;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Exchange.Hosting;

/// <summary>
/// Nothing passes unrecorded: looks once a second how old the oldest record is that the audit log has not taken up, be it unnumbered, unsent, queued or lost on the way.
/// Past the limit the service begins no exchange and passes no data until the log has caught up; withdrawals, refusals and reads go on. Ages are the database's.
/// </summary>
public sealed partial class AuditWatch(Database database, ServiceSettings service, ILogger<AuditWatch> log) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    private static readonly Rule Behind = new("audit-behind", StatusCodes.Status503ServiceUnavailable, "第29条",
        new("审计日志已落后超过时限，暂停一切新的数据交换。", "The audit log is behind by more than its limit; no exchange begins or passes data."),
        new("请稍后重试，申请和授权均不受影响；审计服务恢复并追上后自动解除，由其运维人员负责。", "Retry later; requests and grants stay as they are. It ends by itself once the audit service, its operators' business, is back and has caught up."));

    private static readonly Rule Unwitnessed = new("log-not-witnessed", StatusCodes.Status503ServiceUnavailable, "第29条",
        new("审计日志已超过时限未获各市见证，暂停一切新的数据交换。", "For longer than the limit the cities have not witnessed the audit log; no exchange begins or passes data."),
        new("请稍后重试，申请和授权均不受影响；约定数目的见证方恢复后自动解除，由其运维人员负责。", "Retry later; requests and grants stay as they are. It ends by itself once the agreed number of witnesses, their operators' business, are back."));

    private volatile Backlog? oldest;
    private volatile Unseen? unseen;

    /// <summary>What to answer to who would begin an exchange or fetch data; null while the log keeps up and is witnessed.</summary>
    public Refused? Refusal => unseen is { } since && since.Age > service.WitnessLimit
        ? new Refused(Unwitnessed, new($"最近一次见证在 {since.Age:d\\.hh\\:mm\\:ss} 之前，时限为 {service.WitnessLimit:d\\.hh\\:mm\\:ss}。", $"It was last witnessed {since.Age:d\\.hh\\:mm\\:ss} ago; the limit is {service.WitnessLimit:d\\.hh\\:mm\\:ss}.")) { RetryAfter = 30 }
        : oldest is { } backlog && backlog.Age > service.AuditLimit
        ? new Refused(Behind, new($"最早的未入账记录已有 {backlog.Age:d\\.hh\\:mm\\:ss}，时限为 {service.AuditLimit:d\\.hh\\:mm\\:ss}。", $"The oldest record not yet logged is {backlog.Age:d\\.hh\\:mm\\:ss} old; the limit is {service.AuditLimit:d\\.hh\\:mm\\:ss}.")) { RetryAfter = 30 }
        : null;

    /// <summary>Late enough that an operator should look: a tenth of the limit, a minute at most.</summary>
    internal bool Late => oldest is { } backlog && backlog.Age > (service.AuditLimit / 10 < TimeSpan.FromMinutes(1) ? service.AuditLimit / 10 : TimeSpan.FromMinutes(1));

    internal string? Note => oldest is { } backlog
        ? string.Create(CultureInfo.InvariantCulture, $"the log has taken up {backlog.TakenUp}; record {backlog.Seq?.ToString(CultureInfo.InvariantCulture) ?? "without number"} waits since {backlog.Age.TotalSeconds:0} s, limit {service.AuditLimit.TotalSeconds:0} s{(Refusal is null ? "" : "; exchange is stopped")}")
        : null;

    // The first look comes before the first request: a service that was restarted past the limit stays stopped.
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await LookAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Every, TimeProvider.System, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await LookAsync(stoppingToken);
        }
    }

    private async Task LookAsync(CancellationToken cancel)
    {
        // Nobody tells the audit service of its own records: its log is where they are.
        if (service.Name == Topology.AuditService)
        {
            return;
        }

        try
        {
            var stopped = Refusal is not null;
            await using var connection = await database.OpenAsync(cancel);
            oldest = await connection.QuerySingleOrDefaultAsync<Backlog>(new CommandDefinition(Oldest, cancellationToken: cancel));
            unseen = await connection.QuerySingleOrDefaultAsync<Unseen>(new CommandDefinition("select clock_timestamp() - witnessed_at as age from audit_mark where witnessed_at is not null", cancellationToken: cancel));
            if (stopped != Refusal is not null)
            {
                LogTurn(log, stopped ? "goes on" : "stops", Note ?? "the log has taken up everything");
            }
        }
        catch (Exception fault) when (TransientFault.Is(fault))
        {
            // The database is away and with it everything that would have to be refused.
        }
    }

    private sealed record Backlog
    {
        public required long TakenUp { get; init; }
        public long? Seq { get; init; }
        public required TimeSpan Age { get; init; }
    }

    private sealed record Unseen
    {
        public required TimeSpan Age { get; init; }
    }

    // One look per index: numbered records, those not numbered yet, those that cannot be.
    private const string Oldest = """
        select m.taken_up, w.seq, clock_timestamp() - w.created_at as age
        from audit_mark m, lateral (
            (select source_seq as seq, created_at from outbox where source_seq > m.taken_up order by source_seq limit 1)
            union all
            (select null, created_at from outbox where kind = 'record' and sealed is null and quarantined_at is null order by position limit 1)
            union all
            (select null, min(created_at) from outbox where kind = 'record' and quarantined_at is not null having count(*) > 0)) w
        order by w.created_at
        limit 1
        """;

    [LoggerMessage(Level = LogLevel.Critical, Message = "Exchange {Turn}: {Note}")]
    private static partial void LogTurn(ILogger log, string turn, string note);
}

/// <summary>The audit service tells how far its log has taken up this source's records.</summary>
public sealed partial class TakeRecordsLogged(Transaction transaction, ServiceSettings service, ILogger<TakeRecordsLogged> log) : IConsumer<RecordsLogged>
{
    public async Task Consume(ConsumeContext<RecordsLogged> context)
    {
        var (message, cancel) = (context.Message, context.CancellationToken);
        context.Require(Topology.AuditService);
        if (message.Source != service.Name)
        {
            throw new InvalidOperationException($"News for {message.Source} came to {service.Name}.");
        }

        var mine = await transaction.Connection.QuerySingleAsync<Numbered>(new CommandDefinition("""
            select c.source_seq as last, (select body from outbox where source_seq = @UpToSeq limit 1) as body from outbox_counters c
            """, message, cancellationToken: cancel));
        // A row that had its time and was deleted was taken up long ago; any other must be the one the log has.
        if (message.UpToSeq > mine.Last || (mine.Body is { } body && !SHA256.HashData(body).AsSpan().SequenceEqual(message.Digest)))
        {
            LogFork(log, message.UpToSeq, mine.Last);
            return;
        }

        // Not the highest ever told: a log that was restored knows less than before.
        await transaction.Connection.ExecuteAsync(new CommandDefinition("update audit_mark set taken_up = @UpToSeq, witnessed_at = @WitnessedAt::timestamptz, told_at = clock_timestamp()", message, cancellationToken: cancel));
        // Sent long ago and still not in a log that is at work: lost on the way or with a restored log. The log knows each by its id.
        var again = await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            update outbox set sent_at = null
            where id in (select id from outbox where source_seq > @UpToSeq and sent_at < clock_timestamp() - interval '10 minutes' order by source_seq limit 500)
            """, message, cancellationToken: cancel));
        if (again > 0)
        {
            LogAgain(log, again, message.UpToSeq);
        }
    }

    private sealed record Numbered
    {
        public required long Last { get; init; }
        public byte[]? Body { get; init; }
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "The log holds record {Logged} of this source, which has numbered {Last} and not that one: this database was restored from an older copy. The audit service's gap report names the fork")]
    private static partial void LogFork(ILogger log, long logged, long last);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} records after {Logged} were sent and never logged; they are sent again")]
    private static partial void LogAgain(ILogger log, int count, long logged);
}
