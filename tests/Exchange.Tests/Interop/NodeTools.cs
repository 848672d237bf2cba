using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;

namespace Exchange.Tests.Interop;

/// <summary>
/// Programs that others published for Node, pinned in <c>node/package.json</c> and its lock. They are installed once into the user's cache, under a name that changes with the lock;
/// without Node, or when they cannot be had, a test that needs them is skipped and says why.
/// </summary>
internal static class NodeTools
{
    private static readonly TimeSpan InstallWithin = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan RunWithin = TimeSpan.FromMinutes(1);
    private static readonly Lazy<Task<string?>> Installed = new(InstallAsync);
    private static string missing = "";

    /// <summary>Runs one of the scripts beside the pinned packages; the test fails with its words when it does not end well.</summary>
    public static async Task<string> RunAsync(string script, params string[] arguments)
    {
        var folder = await FolderAsync();
        // Node looks for packages above the script, so it runs as a copy below them.
        var copy = Path.Combine(folder, $"{Guid.NewGuid():N}-{script}");
        File.Copy(Source(script), copy);
        try
        {
            return await SucceedAsync("node", folder, [copy, .. arguments]);
        }
        finally
        {
            File.Delete(copy);
        }
    }

    /// <summary>Starts one of the scripts, which goes on until it is disposed of, and answers the first line that it says.</summary>
    public static async Task<(string Said, IAsyncDisposable Running)> LaunchAsync(string script, params string[] arguments)
    {
        var folder = await FolderAsync();
        var copy = Path.Combine(folder, $"{Guid.NewGuid():N}-{script}");
        File.Copy(Source(script), copy);
        var process = Process.Start(new ProcessStartInfo("node", [copy, .. arguments]) { WorkingDirectory = folder, UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(RunWithin);
        var said = await process.StandardOutput.ReadLineAsync(limit.Token);
        File.Delete(copy);
        Assert.True(said is not null, said is null ? await errors : "");
        return (said!, new Running(process));
    }

    private sealed class Running(Process process) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            process.StandardInput.Close();
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    /// <summary>Runs a program that one of the packages brings.</summary>
    public static async Task<string> RunPackageAsync(string program, params string[] arguments)
    {
        var folder = await FolderAsync();
        return await SucceedAsync("node", folder, [Path.Combine(folder, "node_modules", program), .. arguments]);
    }

    /// <summary>A file that one of the packages brings; null where they are not to be had.</summary>
    public static async Task<string?> ReadAsync(string file) => await Installed.Value is { } folder ? await File.ReadAllTextAsync(Path.Combine(folder, "node_modules", file)) : null;

    private static async Task<string> FolderAsync()
    {
        if (await Installed.Value is { } folder)
        {
            return folder;
        }

        Assert.Skip($"skipped: {missing}");
        return "";
    }

    private static async Task<string?> InstallAsync()
    {
        var wanted = Convert.ToHexStringLower(SHA256.HashData([.. await File.ReadAllBytesAsync(Source("package.json")), .. await File.ReadAllBytesAsync(Source("package-lock.json"))]))[..16];
        var cache = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify), "exchange-tests");
        var folder = Path.Combine(cache, "node-" + wanted);
        if (Directory.Exists(folder))
        {
            return await IsThereAsync("node") ? folder : null;
        }

        if (!await IsThereAsync("node") || !await IsThereAsync("npm"))
        {
            return null;
        }

        // Aside first: another test run may be doing the same, and half an installation must never be found.
        var aside = Directory.CreateDirectory(Path.Combine(cache, $"{Guid.NewGuid():N}")).FullName;
        foreach (var file in (string[])["package.json", "package-lock.json"])
        {
            File.Copy(Source(file), Path.Combine(aside, file));
        }

        var (code, said) = await StartAsync("npm", aside, InstallWithin, ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1", "--fetch-timeout=20000"]);
        if (code == 0)
        {
            try
            {
                Directory.Move(aside, folder);
                return folder;
            }
            catch (IOException) when (Directory.Exists(folder))
            {
                // The other one was first.
            }
        }

        Directory.Delete(aside, recursive: true);
        missing = $"the packages for Node cannot be installed: {said}";
        return code == 0 ? folder : null;
    }

    private static async Task<bool> IsThereAsync(string program)
    {
        try
        {
            var (code, _) = await StartAsync(program, Path.GetTempPath(), RunWithin, ["--version"]);
            missing = $"{program} does not run here";
            return code == 0;
        }
        catch (Win32Exception)
        {
            missing = $"there is no {program} here";
            return false;
        }
    }

    private static async Task<string> SucceedAsync(string program, string folder, string[] arguments)
    {
        var (code, said) = await StartAsync(program, folder, RunWithin, arguments);
        Assert.True(code == 0, said);
        return said;
    }

    private static async Task<(int Code, string Said)> StartAsync(string program, string folder, TimeSpan within, string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            Environment = { ["NO_COLOR"] = "1", ["REDOCLY_TELEMETRY"] = "off", ["REDOCLY_SUPPRESS_UPDATE_NOTICE"] = "true", ["NODE_NO_WARNINGS"] = "1" },
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(within);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            return (-1, $"{program} did not end within {within.TotalSeconds:0} s");
        }

        return (process.ExitCode, await output + await errors);
    }

    private static string Source(string file, [CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, "node", file);
}
