using System.Diagnostics;

namespace Exchange.Local.Servers;

/// <summary>Runs a program: to its end with its output, or in the background with a log file.</summary>
internal static class Command
{
    public sealed record Outcome(int Code, string Output, string Errors)
    {
        public string Text => string.Join('\n', new[] { Output.Trim(), Errors.Trim() }.Where(s => s.Length > 0));
    }

    public static async Task<Outcome> RunAsync(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null,
        bool asServer = false, string? folder = null, CancellationToken ct = default)
    {
        var start = Prepare([.. AsServer(asServer), program, .. arguments], asServer, environment, folder);
        start.UseShellExecute = false;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.RedirectStandardInput = true;
        using var process = StartOf(start);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(ct);
        var errors = process.StandardError.ReadToEndAsync(ct);
        try
        {
            await process.WaitForExitAsync(ct);
            return new Outcome(process.ExitCode, await output, await errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    public static async Task<Outcome> RequireAsync(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null,
        bool asServer = false, string? folder = null, CancellationToken ct = default)
    {
        var outcome = await RunAsync(program, arguments, environment, asServer, folder, ct);
        return outcome.Code == 0 ? outcome : throw new LocalFault($"{Path.GetFileName(program)} failed with exit code {outcome.Code}:\n{outcome.Text}");
    }

    /// <summary>
    /// In a session of its own, so that Ctrl-C in the terminal reaches the launcher only, which then stops things in order;
    /// and with a file as output, so that it outlives a launcher that was killed.
    /// </summary>
    public static Process Background(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, string log, bool asServer = false, string? folder = null)
    {
        const string redirect = """
            log=$1; shift; exec "$@" >>"$log" 2>&1 </dev/null
            """;
        var start = Prepare(["setsid", .. AsServer(asServer), "/bin/sh", "-c", redirect, "sh", log, program, .. arguments], asServer, environment, folder);
        return StartOf(start);
    }

    private static string[] AsServer(bool asServer) =>
        asServer && SystemUser.IsRoot ? ["setpriv", $"--reuid={SystemUser.Name}", $"--regid={SystemUser.Name}", "--init-groups", "--"] : [];

    private static ProcessStartInfo Prepare(string[] line, bool asServer, IReadOnlyDictionary<string, string>? environment, string? folder)
    {
        var start = new ProcessStartInfo(line[0], line[1..]) { WorkingDirectory = folder ?? "/" };
        if (asServer)
        {
            // Servers see nothing of the caller's environment: PGDATA or RABBITMQ_* there would lead them astray.
            var path = start.Environment["PATH"];
            start.Environment.Clear();
            start.Environment["PATH"] = path;
            start.Environment["LC_ALL"] = "C.UTF-8";
        }
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        return start;
    }

    private static Process StartOf(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw new LocalFault($"The program '{start.FileName}' is missing on this machine.");
        }
    }
}
