using System.Diagnostics;

namespace Exchange.Local;

/// <summary>
/// Waits for what another process owns by looking at it: a port, a process id, a log file and a health answer tell nobody when they change. What is looked at decides, never the time that has passed.
/// </summary>
internal static class Poll
{
    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(50);

    /// <returns>The first good look, or the last one when none was good in time.</returns>
    public static async Task<T> UntilAsync<T>(Func<Task<T>> look, Func<T, bool> good, TimeSpan within, CancellationToken ct)
    {
        var since = Stopwatch.StartNew();
        while (true)
        {
            var seen = await look();
            if (good(seen) || since.Elapsed > within)
                return seen;
            await Task.Delay(Every, ct);
        }
    }

    /// <returns>True once it is so, false when it was not in time.</returns>
    public static Task<bool> UntilAsync(Func<Task<bool>> look, TimeSpan within, CancellationToken ct) => UntilAsync(look, so => so, within, ct);
}
