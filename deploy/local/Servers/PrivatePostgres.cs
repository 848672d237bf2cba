using System.Globalization;
using Npgsql;

namespace Exchange.Local.Servers;

/// <summary>A PostgreSQL of our own in a folder, listening on 127.0.0.1 only.</summary>
internal sealed class PrivatePostgres(string folder, int port, string password, bool fsync = true)
{
    public const string Admin = "exchange_admin";

    private static readonly TimeSpan StopWithin = TimeSpan.FromSeconds(60);
    private readonly string data = Path.Combine(folder, "data");

    public int Port => port;

    public ProcessId? Process =>
        File.Exists(PidFile) && int.TryParse(File.ReadLines(PidFile).FirstOrDefault(), CultureInfo.InvariantCulture, out var pid)
        && ProcessId.CommandOf(pid).Contains("postgres", StringComparison.Ordinal) ? ProcessId.Of(pid) : null;

    private string PidFile => Path.Combine(data, "postmaster.pid");

    public string ConnectionString(string database, string user, string secret) =>
        new NpgsqlConnectionStringBuilder { Host = "127.0.0.1", Port = port, Database = database, Username = user, Password = secret }.ConnectionString;

    public string AdminConnectionString => ConnectionString("postgres", Admin, password);

    public async Task StartAsync(CancellationToken ct)
    {
        if (Process is { } running)
            throw new LocalFault($"PostgreSQL in {folder} is running already (pid {running.Pid}). deploy/down stops it.");
        var programs = Programs();
        Files.Folder(folder);
        if (!File.Exists(Path.Combine(data, "PG_VERSION")))
            await InitialiseAsync(programs, ct);
        // Written at every start: the port may have moved.
        await File.WriteAllTextAsync(Path.Combine(data, "exchange.conf"), $"""
            listen_addresses = '127.0.0.1'
            port = {port}
            unix_socket_directories = ''
            max_connections = 300
            fsync = {(fsync ? "on" : "off")}
            log_timezone = 'UTC'
            timezone = 'UTC'
            """ + "\n", ct);
        await SystemUser.GiveAsync(folder, ct);
        await SystemUser.RequireReachableAsync(folder, ct);
        var started = await Command.RunAsync(Path.Combine(programs, "pg_ctl"),
            ["-D", data, "-l", Path.Combine(folder, "log"), "-w", "-t", "60", "start"], asServer: true, folder: folder, ct: ct);
        if (started.Code != 0)
            throw new LocalFault($"PostgreSQL did not start:\n{LogTail.Of(Path.Combine(folder, "log"), 15)}");
    }

    public async Task StopAsync()
    {
        // SIGINT is PostgreSQL's fast shutdown: sessions are ended, the data is written.
        if (Process is { } process)
        {
            process.Send(Signal.Interrupt);
            if (!await process.GoneAsync(StopWithin))
                throw new LocalFault($"PostgreSQL (pid {process.Pid}) did not stop within {StopWithin.TotalSeconds} s.");
        }
    }

    /// <summary>SIGKILL for the server and everything it started: no checkpoint, no goodbye.</summary>
    public async Task KillAsync()
    {
        if (Process is not { } process)
            return;
        // Stopped first: a session begun between looking and killing would survive, and the next start would find its memory in use.
        process.Send(Signal.Stop);
        var all = process.Children().Prepend(process).ToList();
        all.ForEach(p => p.Send(Signal.Kill));
        foreach (var one in all)
            await one.GoneAsync(StopWithin);
        // While nobody has reaped the dead server, the next start would take its pid file for that of a living one. Nothing of it is alive, so the file may go.
        File.Delete(PidFile);
    }

    /// <summary>One database into a file, while it is in use.</summary>
    public Task DumpAsync(string database, string file, CancellationToken ct) => ToolAsync("pg_dump", ["--format=custom", $"--file={file}", database], ct);

    /// <summary>Puts a dumped database in the place of the one there is. Nobody may be connected to it.</summary>
    public Task RestoreAsync(string file, CancellationToken ct) => ToolAsync("pg_restore", ["--clean", "--if-exists", "--create", "--exit-on-error", "--dbname=postgres", file], ct);

    private async Task ToolAsync(string tool, string[] arguments, CancellationToken ct) => await Command.RequireAsync(
        Path.Combine(Programs(), tool),
        ["--host=127.0.0.1", $"--port={port}", $"--username={Admin}", "--no-password", .. arguments],
        new Dictionary<string, string>(StringComparer.Ordinal) { ["PGPASSWORD"] = password },
        ct: ct);

    private async Task InitialiseAsync(string programs, CancellationToken ct)
    {
        // In a folder beside and then renamed, so that an interrupted initdb is not taken for a cluster.
        var next = Path.Combine(folder, "data.new");
        var secret = Path.Combine(folder, "password");
        if (Directory.Exists(next))
            Directory.Delete(next, recursive: true);
        Files.WriteText(secret, password);
        await SystemUser.GiveAsync(folder, ct);
        await SystemUser.RequireReachableAsync(folder, ct);
        string[] options = ["-D", next, "-U", Admin, $"--pwfile={secret}", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions"];
        await Command.RequireAsync(Path.Combine(programs, "initdb"), fsync ? options : [.. options, "--no-sync"], asServer: true, folder: folder, ct: ct);
        File.Delete(secret);
        await File.AppendAllTextAsync(Path.Combine(next, "postgresql.conf"), "\ninclude 'exchange.conf'\n", ct);
        Directory.Move(next, data);
    }

    private static string Programs() =>
        (Directory.Exists("/usr/lib/postgresql") ? Directory.EnumerateDirectories("/usr/lib/postgresql") : [])
            .Where(f => File.Exists(Path.Combine(f, "bin", "initdb")))
            .Select(f => (Folder: Path.Combine(f, "bin"), Version: int.TryParse(Path.GetFileName(f), CultureInfo.InvariantCulture, out var v) ? v : 0))
            .Where(p => p.Version >= 15)
            .OrderByDescending(p => p.Version)
            .Select(p => p.Folder)
            .FirstOrDefault()
        ?? throw new LocalFault("PostgreSQL 15 or newer is missing (looked in /usr/lib/postgresql/*/bin). Install it with deploy/local/ensure-servers.sh.");
}
