using System.Diagnostics;
using Exchange.Local.Servers;
using Exchange.Local.Services;

namespace Exchange.Local;

/// <summary>A data folder for one run. If the run is killed, a small shell that waits for the end of its pipe clears away what is left.</summary>
internal sealed class ThrowAway : IDisposable
{
    private readonly Process guard;

    private ThrowAway(string folder, Process guard)
    {
        Folder = folder;
        this.guard = guard;
    }

    public string Folder { get; }

    public static async Task<ThrowAway> MakeAsync(CancellationToken ct)
    {
        await SystemUser.EnsureAsync(ct);
        var parent = SystemUser.IsRoot ? SystemUser.Home : Path.GetTempPath();
        var folder = Files.Folder(Path.Combine(parent, $"tmp-{Guid.NewGuid():N}"[..12]), Files.Passage);
        const string wait = """
            cat >/dev/null; [ -d "$2" ] && exec dotnet "$1" sweep "$2" >/dev/null 2>&1
            """;
        // The pipe's other end is open in this process alone, so it closes however this process ends.
        var start = new ProcessStartInfo("setsid", ["/bin/sh", "-c", wait, "sh", typeof(ThrowAway).Assembly.Location, folder])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            WorkingDirectory = "/",
        };
        return new ThrowAway(folder, Process.Start(start)!);
    }

    /// <summary>What the guard runs.</summary>
    public static async Task SweepAsync(string folder)
    {
        await Leftovers.StopAsync(folder, _ => { });
        Directory.Delete(folder, recursive: true);
    }

    public void Dispose()
    {
        Directory.Delete(Folder, recursive: true);
        guard.StandardInput.Close();
        guard.Dispose();
    }
}
