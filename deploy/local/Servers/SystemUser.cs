using System.Runtime.InteropServices;

namespace Exchange.Local.Servers;

/// <summary>PostgreSQL refuses to run as root, so root runs the servers as the system user <c>exchange</c>; anyone else runs them as himself.</summary>
internal static partial class SystemUser
{
    public const string Name = "exchange";
    public const string Home = "/var/lib/exchange";

    public static bool IsRoot { get; } = GetEffectiveUserId() == 0;

    public static async Task EnsureAsync(CancellationToken ct)
    {
        if (!IsRoot)
            return;
        if (!await ExistsAsync(ct))
        {
            var made = await Command.RunAsync("/usr/sbin/useradd",
                ["--system", "--user-group", "--no-create-home", "--home-dir", Home, "--shell", "/usr/sbin/nologin", Name], ct: ct);
            // Two first starts at once: the other one may have made it.
            if (made.Code != 0 && !await ExistsAsync(ct))
                throw new LocalFault($"The system user '{Name}' could not be made: {made.Text}");
        }
        Files.Folder(Home, Files.Passage);
    }

    private static async Task<bool> ExistsAsync(CancellationToken ct) => (await Command.RunAsync("getent", ["passwd", Name], ct: ct)).Code == 0;

    /// <summary>A folder the servers' user owns.</summary>
    public static async Task GiveAsync(string path, CancellationToken ct)
    {
        if (IsRoot)
            await Command.RequireAsync("chown", ["-R", $"{Name}:{Name}", path], ct: ct);
    }

    public static async Task RequireReachableAsync(string folder, CancellationToken ct)
    {
        if ((await Command.RunAsync("test", ["-x", folder], asServer: true, ct: ct)).Code != 0)
        {
            throw new LocalFault($"The user '{Name}', as whom the servers run, cannot reach {folder}.\n" +
                "Set EXCHANGE_DATA to a folder whose parents everyone may pass through (x), or unset it.");
        }
    }

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUserId();
}
