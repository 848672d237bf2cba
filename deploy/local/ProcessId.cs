using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Exchange.Local;

/// <summary>A process, told apart from a later one with the same number by the time it was started (in clock ticks since boot).</summary>
internal readonly partial record struct ProcessId(int Pid, long Started)
{
    public static ProcessId? Of(int pid) => Read(pid) is { State: not 'Z' } process ? new ProcessId(pid, process.Started) : null;

    public bool IsAlive => Read(Pid) is { State: not 'Z' } process && process.Started == Started;

    public void Send(Signal signal)
    {
        if (IsAlive)
            _ = Kill(Pid, (int)signal);
    }

    public Task<bool> GoneAsync(TimeSpan within, CancellationToken ct = default)
    {
        var process = this;
        return Poll.UntilAsync(() => Task.FromResult(!process.IsAlive), within, ct);
    }

    public static string CommandOf(int pid)
    {
        try
        {
            var words = Encoding.UTF8.GetString(File.ReadAllBytes($"/proc/{pid}/cmdline")).Split('\0', StringSplitOptions.RemoveEmptyEntries);
            var text = string.Join(' ', words);
            return text.Length > 80 ? text[..80] + "…" : text;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return "?";
        }
    }

    /// <summary>Processes that this one started and that still run.</summary>
    public IReadOnlyList<ProcessId> Children()
    {
        var parent = Pid;
        return [.. Directory.EnumerateDirectories("/proc")
            .Select(folder => int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var pid) ? pid : 0)
            .Where(pid => pid > 0 && Read(pid) is { } read && read.Parent == parent)
            .Select(Of).OfType<ProcessId>()];
    }

    private static (char State, int Parent, long Started)? Read(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            // The command stands in parentheses and may hold anything, spaces and parentheses too: fields count from the last one.
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return (fields[0][0], int.Parse(fields[1], CultureInfo.InvariantCulture), long.Parse(fields[19], CultureInfo.InvariantCulture));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);
}

internal enum Signal
{
    Interrupt = 2,
    Quit = 3,
    Kill = 9,
    Terminate = 15,
    Continue = 18,
    Stop = 19,
}
