using System.Diagnostics;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;

namespace Exchange.Local.Check;

/// <summary>
/// The invariant checker: waits for rest, then compares every database with the others, with the broker and with the log. It only reads.
/// An operator runs it as <c>deploy/check</c>, a fault test after each fault.
/// </summary>
internal sealed class Invariants(Surroundings exchange)
{
    public static readonly TimeSpan DefaultSettle = TimeSpan.FromSeconds(60);

    public static Invariants Of(Stack stack) => new(Surroundings.Of(stack));

    /// <param name="settle">How long to wait for rest.</param>
    /// <param name="say">Told what is still moving, now and then.</param>
    /// <param name="ct">Ends it.</param>
    public async Task<Report> CheckAsync(TimeSpan? settle = null, Action<string>? say = null, CancellationToken ct = default)
    {
        var within = settle ?? DefaultSettle;
        var settling = new Settling(exchange, within, say ?? (_ => { }));
        var clock = Stopwatch.StartNew();
        IReadOnlyDictionary<string, long> unacknowledged = new Dictionary<string, long>();
        while (true)
        {
            var rest = new Tally(Invariant.Rest);
            await settling.RunAsync(rest, ct);
            foreach (var (queue, messages) in unacknowledged.Where(q => q.Value > 0))
            {
                rest.Find(queue.Split('.')[0], "queue", queue, new("全部已确认", "everything is acknowledged"), new($"{messages} 条在消费者手中", $"{messages} message(s) in a consumer's hands"),
                    new("查看该服务的日志：它在等待什么（数据库、锁）。", "See that service's log for what it waits for (its database, a lock)."));
            }
            var before = await settling.StampAsync(ct);
            var report = await CompareAsync(rest, settling.Queues, unacknowledged, within, ct);
            if (report.Clean)
                return report;
            // Somebody acted while it was compared, or a consumer holds what was just handed to it: what differs may only have been on its way.
            var after = await settling.StampAsync(ct);
            var held = unacknowledged;
            unacknowledged = settling.Queues is null ? new Dictionary<string, long>() : await exchange.UnacknowledgedAsync(ct);
            var same = before.Position == after.Position && !after.Lately && unacknowledged.All(q => q.Value == 0 && held.GetValueOrDefault(q.Key) == 0);
            if (same || clock.Elapsed > within)
                return report;
            say?.Invoke("not everything had arrived when it was compared; comparing again");
            await Task.Delay(TimeSpan.FromSeconds(1), ct);
        }
    }

    private async Task<Report> CompareAsync(Tally rest, IReadOnlyList<QueueState>? queues, IReadOnlyDictionary<string, long> unacknowledged, TimeSpan settle, CancellationToken ct)
    {
        await using var view = await View.OpenAsync(exchange, queues, unacknowledged, settle, ct);
        return new Report(DateTimeOffset.UtcNow,
        [
            rest.Verdict(),
            await RunAsync(Invariant.Effects, tally => Effects.CheckAsync(view, tally, ct)),
            await RunAsync(Invariant.Records, tally => Records.CheckAsync(view, tally, ct)),
            await RunAsync(Invariant.Catalogue, tally => CatalogueUnion.CheckAsync(view, tally, ct)),
            await RunAsync(Invariant.Grants, tally => Approvals.CheckAsync(view, tally, ct)),
            await RunAsync(Invariant.Log, tally => LogTree.CheckAsync(view, tally, ct)),
            await RunAsync(Invariant.Aside, tally => LyingAside.CheckAsync(view, tally, ct)),
        ]);
    }

    /// <summary>A server that goes away in the middle, or a row that cannot even be read, is a finding and no crash.</summary>
    private static async Task<Verdict> RunAsync(Invariant invariant, Func<Tally, Task> check)
    {
        var tally = new Tally(invariant);
        try
        {
            await check(tally);
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            tally.Find("check", "comparison", invariant.ToString().ToLowerInvariant(), new("比对完成", "the comparison is finished"), new($"中断：{fault.Message}", $"it broke off: {fault.Message}"),
                TransientFault.Is(fault) ? Settling.DatabaseBack : new("有内容无法读取：查明该行何时被何人改动，从备份恢复。", "Something cannot be read: find out who changed that row and when, and restore it from the backup."));
        }
        return tally.Verdict();
    }
}
