using System.Diagnostics;

namespace Exchange.Tests;

/// <summary>Waits for what must come true, looking again and again; at the deadline it says what it last saw.</summary>
internal static class Eventually
{
    public static async Task<T> GetAsync<T>(Func<Task<T>> look, Func<T, bool> enough, TimeSpan? within = null, Func<T, string>? show = null)
    {
        var deadline = within ?? TimeSpan.FromSeconds(20);
        var clock = Stopwatch.StartNew();
        while (true)
        {
            var seen = await look();
            if (enough(seen))
            {
                return seen;
            }

            if (clock.Elapsed > deadline)
            {
                throw new TimeoutException($"Not within {deadline.TotalSeconds:0.#} s. Last seen: {(show is null ? seen?.ToString() : show(seen))}");
            }

            await Task.Delay(25, TestContext.Current.CancellationToken);
        }
    }

    public static Task TrueAsync(Func<Task<bool>> look, TimeSpan? within = null) => GetAsync(look, static seen => seen, within);
}
