using System.Globalization;
using Exchange.Local;

namespace Exchange.Benchmarks;

/// <summary>Resident memory of the processes of a stack.</summary>
internal static class Memory
{
    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(100);

    /// <summary>MiB that a process holds now.</summary>
    public static long Of(Stack stack, string process) => File.ReadLines($"/proc/{stack.PidOf(process)}/status").Where(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
        .Select(line => long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024).Single();

    /// <summary>The most MiB that each of the processes held while the work was done.</summary>
    public static async Task<long[]> PeakAsync(Stack stack, string[] processes, Func<Task> work)
    {
        var peaks = new long[processes.Length];
        var done = work();
        do
        {
            for (var i = 0; i < processes.Length; i++)
                peaks[i] = Math.Max(peaks[i], Of(stack, processes[i]));
        }
        while (await Task.WhenAny(done, Task.Delay(Every)) != done);
        await done;
        return peaks;
    }
}
