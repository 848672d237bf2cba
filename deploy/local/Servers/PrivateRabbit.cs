using System.Diagnostics;
using System.Globalization;

namespace Exchange.Local.Servers;

/// <summary>A RabbitMQ of our own in a folder: node, distribution and epmd on 127.0.0.1, nothing read from /etc/rabbitmq.</summary>
internal sealed class PrivateRabbit(string folder, Ports ports, string password, string cookie, string diskLimit)
{
    public const string VirtualHost = "exchange";
    public const string Admin = "exchange-admin";

    // Not /usr/sbin: the wrappers there insist on the package's own user and folder.
    private const string Programs = "/usr/lib/rabbitmq/bin";
    private static readonly TimeSpan StopWithin = TimeSpan.FromSeconds(60);

    public int Port => ports.Amqp;

    public string Uri(string user, string secret, int? port = null) => $"amqp://{user}:{secret}@127.0.0.1:{port ?? Port}/{VirtualHost}";

    public ProcessId? Process =>
        File.Exists(PidFile) && int.TryParse(File.ReadAllText(PidFile), CultureInfo.InvariantCulture, out var pid)
        && ProcessId.CommandOf(pid).Contains("beam", StringComparison.Ordinal) ? ProcessId.Of(pid) : null;

    public ProcessId? Epmd =>
        Ports.ListenerOn(ports.Epmd) is { } pid && ProcessId.CommandOf(pid).Contains("epmd", StringComparison.Ordinal) ? ProcessId.Of(pid) : null;

    private string PidFile => Path.Combine(folder, "pid");
    private string DefinitionsFile => Path.Combine(folder, "definitions.json");
    private string Log => Path.Combine(folder, "out");

    /// <param name="definitions">Users, permissions, exchanges, queues and bindings, declared before anyone can connect. What is there already stays.</param>
    /// <param name="booting">Told the process that boots the node as soon as there is one.</param>
    public async Task StartAsync(string definitions, Action<ProcessId?>? booting, CancellationToken ct)
    {
        if (!File.Exists(Path.Combine(Programs, "rabbitmq-server")))
            throw new LocalFault($"RabbitMQ is missing (looked in {Programs}). Install it with deploy/local/ensure-servers.sh.");
        if (Process is { } running)
            throw new LocalFault($"RabbitMQ in {folder} is running already (pid {running.Pid}). deploy/down stops it.");
        Files.Folder(folder);
        foreach (var name in (string[])["home", "log", "mnesia"])
            Files.Folder(Path.Combine(folder, name));
        File.Delete(PidFile);
        var secret = Path.Combine(folder, "home", ".erlang.cookie");
        // Erlang's own cookie is weak, and whoever has it may run anything on the node.
        Files.WriteText(secret, cookie);
        File.SetUnixFileMode(secret, UnixFileMode.UserRead);
        Files.WriteText(DefinitionsFile, definitions);
        // The default user is made on the first start only, in place of guest.
        Files.WriteText(Path.Combine(folder, "rabbitmq.conf"), $"""
            listeners.tcp.local = 127.0.0.1:{Port}
            default_vhost = {VirtualHost}
            default_user = {Admin}
            default_pass = {password}
            log.console = false
            vm_memory_high_watermark.absolute = 2GB
            disk_free_limit.absolute = {diskLimit}
            consumer_timeout = 86400000
            definitions.import_backend = local_filesystem
            definitions.local.path = {DefinitionsFile}
            """ + "\n");
        await SystemUser.GiveAsync(folder, ct);
        await SystemUser.RequireReachableAsync(folder, ct);
        ct.ThrowIfCancellationRequested();
        using var server = Command.Background(Path.Combine(Programs, "rabbitmq-server"), [], Settings(), Log, asServer: true, folder);
        booting?.Invoke(ProcessId.Of(server.Id));
        await AwaitAsync(server);
        ct.ThrowIfCancellationRequested();
    }

    private static readonly TimeSpan ReadyWithin = TimeSpan.FromMinutes(5);

    // Not to be cancelled: a node that boots cannot be stopped in good order, one that is up can.
    private async Task AwaitAsync(System.Diagnostics.Process server)
    {
        var ended = server.WaitForExitAsync();
        await Poll.UntilAsync(async () => ended.IsCompleted || await Ports.AnswersAsync(Port), TimeSpan.MaxValue, default);
        // The port opens shortly before the node is ready to be told anything. On a busy machine the program that asks it gives up sooner than it says, so it is asked again.
        var said = "";
        for (var since = Stopwatch.StartNew(); !ended.IsCompleted && since.Elapsed < ReadyWithin;)
        {
            var ready = ControlAsync(["-q", "await_startup", "--timeout", "60"], default);
            await Task.WhenAny(ended, ready);
            if (ready.IsCompleted)
            {
                var outcome = await ready;
                if (outcome.Code == 0)
                    return;
                said = outcome.Text;
            }
        }
        throw new LocalFault($"RabbitMQ did not start:\n{LogTail.Of(Log, 15)}\n{said}\nIts log is in {Path.Combine(folder, "log")}.");
    }

    public Task<Command.Outcome> ControlAsync(IEnumerable<string> arguments, CancellationToken ct) =>
        Command.RunAsync(Path.Combine(Programs, "rabbitmqctl"), arguments, Settings(), asServer: true, folder, ct);

    /// <summary>Declares again what has gone missing meanwhile.</summary>
    public async Task ImportAsync(CancellationToken ct)
    {
        var outcome = await ControlAsync(["-q", "import_definitions", DefinitionsFile], ct);
        if (outcome.Code != 0)
            throw new LocalFault($"The broker refused the definitions in {DefinitionsFile}:\n{outcome.Text}");
    }

    public async Task StopAsync()
    {
        if (Process is { } process)
        {
            process.Send(Signal.Terminate);
            if (!await process.GoneAsync(StopWithin))
                throw new LocalFault($"RabbitMQ (pid {process.Pid}) did not stop within {StopWithin.TotalSeconds} s.");
        }
        await StopEpmdAsync();
    }

    public async Task KillAsync()
    {
        if (Process is { } process)
        {
            process.Send(Signal.Kill);
            await process.GoneAsync(StopWithin);
        }
    }

    // Erlang's name server is started by the node and outlives it.
    private async Task StopEpmdAsync()
    {
        if (Epmd is { } epmd)
        {
            epmd.Send(Signal.Terminate);
            await epmd.GoneAsync(TimeSpan.FromSeconds(5));
        }
    }

    private Dictionary<string, string> Settings() => new(StringComparer.Ordinal)
    {
        ["HOME"] = Path.Combine(folder, "home"),
        ["RABBITMQ_NODENAME"] = "exchange@localhost",
        ["RABBITMQ_NODE_IP_ADDRESS"] = "127.0.0.1",
        ["RABBITMQ_NODE_PORT"] = Text(Port),
        ["RABBITMQ_DIST_PORT"] = Text(ports.Distribution),
        ["ERL_EPMD_PORT"] = Text(ports.Epmd),
        ["ERL_EPMD_ADDRESS"] = "127.0.0.1",
        ["RABBITMQ_MNESIA_BASE"] = Path.Combine(folder, "mnesia"),
        ["RABBITMQ_LOG_BASE"] = Path.Combine(folder, "log"),
        ["RABBITMQ_CONFIG_FILE"] = Path.Combine(folder, "rabbitmq.conf"),
        ["RABBITMQ_CONF_ENV_FILE"] = Path.Combine(folder, "none"),
        ["RABBITMQ_ENABLED_PLUGINS_FILE"] = Path.Combine(folder, "enabled_plugins"),
        ["RABBITMQ_PID_FILE"] = PidFile,
        ["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] = "-kernel inet_dist_use_interface {127,0,0,1}",
    };

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
