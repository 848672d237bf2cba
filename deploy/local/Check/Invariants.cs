using System.Globalization;
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
    private const int Attempts = 3;

    public static Invariants Of(Stack stack) => new(Surroundings.Of(stack));

    /// <param name="settle">How long to wait for rest.</param>
    /// <param name="say">Told what is still moving, now and then.</param>
    /// <param name="ct">Ends it.</param>
    public async Task<Report> CheckAsync(TimeSpan? settle = null, Action<string>? say = null, CancellationToken ct = default)
    {
        var within = settle ?? DefaultSettle;
        var settling = new Settling(exchange, within, say ?? (_ => { }));
        for (var attempt = 1; ; attempt++)
        {
            var rest = new Tally(Invariant.Rest);
            await settling.RunAsync(rest, ct);
            var before = await settling.StampAsync(ct);
            var report = await CompareAsync(rest, settling.Queues, within, ct);
            // Somebody acted while it was compared: what differs may only have been on its way.
            if (report.Clean || attempt == Attempts || before == await settling.StampAsync(ct))
                return report;
            say?.Invoke(string.Create(CultureInfo.InvariantCulture, $"the exchange was in use meanwhile; comparing again ({attempt + 1} of {Attempts})"));
        }
    }

    private async Task<Report> CompareAsync(Tally rest, IReadOnlyList<QueueState>? queues, TimeSpan settle, CancellationToken ct)
    {
        await using var view = await View.OpenAsync(exchange, queues, settle, ct);
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
