using System.Runtime.InteropServices;
using Exchange.Local.Accounts;
using Exchange.Local.Servers;
using Exchange.Local.Services;

namespace Exchange.Local;

/// <summary><c>deploy/up</c>: everything on one machine until Ctrl-C, or in the background with <c>--detach</c>.</summary>
internal static class Up
{
    private const string Detach = "--detach";
    private const string Walk = "--demo";
    private const string Supervise = "--supervise";

    public static async Task<int> RunAsync(string[] options)
    {
        if (options.FirstOrDefault(o => o is not (Detach or Supervise or Walk)) is { } unknown)
            throw new LocalFault($"deploy/up does not know '{unknown}'. It knows {Detach} and {Walk}.");
        var place = Place.Find();
        if (options.Contains(Walk))
        {
            using var stop = new CancellationTokenSource();
            using var onSignal = new Signals(stop);
            return await Demo.Demo.RunAsync(place, stop.Token);
        }
        if (options.Contains(Supervise))
            return await SuperviseAsync(place, background: true);
        RequireStopped(place);
        return options.Contains(Detach) ? await DetachAsync(place) : await SuperviseAsync(place, background: false);
    }

    /// <summary>Two launchers on one data folder would fight; one that died may have left its servers behind.</summary>
    private static void RequireStopped(Place place)
    {
        var file = new RunFile(place.Data);
        if (file.Read() is not { } before)
            return;
        if (before.LiveLauncher is { } launcher)
            throw new LocalFault($"The exchange of this clone runs already (pid {launcher.Pid}, data in {place.Data}).\ndeploy/down stops it.");
        if (before.Alive is { Count: > 0 } alive)
        {
            throw new LocalFault(string.Join('\n', [
                $"An earlier start (pid {before.Processes.FirstOrDefault(p => p.Name == RunFile.Launcher)?.Pid}) died and left these running:",
                .. alive.Select(p => $"  pid {p.Pid}  {p.Name}"),
                "Run deploy/down to stop them (nothing is deleted), then deploy/up again."]));
        }
        Console.WriteLine("The last run did not end cleanly; nothing of it is running any more. Going on.");
        file.Delete();
    }

    private static async Task<int> SuperviseAsync(Place place, bool background)
    {
        using var stop = new CancellationTokenSource();
        using var onSignal = new Signals(stop);
        var known = await RememberedAsync(place);
        try
        {
            await using var stack = await Stack.StartAsync(Options(place, known), stop.Token);
            var died = new TaskCompletionSource<ServiceProcess>(TaskCreationOptions.RunContinuationsAsynchronously);
            stack.Died += s => died.TrySetResult(s);
            if (stack.ServiceNames.FirstOrDefault(s => !stack.IsRunning(s)) is { } gone)
                throw new LocalFault($"{gone} has ended right after its start. The end of its log ({stack.LogOf(gone)}):\n{LogTail.Of(stack.LogOf(gone), 30)}");
            Remember(place, stack);
            await Trust.WriteAsync(place.TrustFile, stack, stop.Token);
            using (var samples = new Samples.Samples(stack.Address(Stack.Gateway), stack.Accounts, place.Samples, place.Data, Say))
                await samples.LoadAsync(stack.Cities, stop.Token);
            Console.WriteLine();
            // In the background this goes to a log file, which holds no secrets.
            Console.WriteLine(Summary.Of(stack, place, secrets: !background));
            stack.MarkReady();
            var ended = await Task.WhenAny(died.Task, stop.Token.AsTask());
            if (ended != died.Task)
            {
                Say("stopping");
                return 0;
            }
            var service = await died.Task;
            Console.Error.WriteLine($"{service.Name} has ended by itself; stopping everything. The end of its log ({service.Log}):\n{LogTail.Of(service.Log, 30)}");
            return 1;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            Say("stopped before everything was up");
            return 130;
        }
    }

    private static StackOptions Options(Place place, IReadOnlyDictionary<string, string> secrets) => new()
    {
        Root = place.Root,
        Data = place.Data,
        PortBase = place.PortBase,
        Environment = "Development",
        PublicAddress = Variable("EXCHANGE_PUBLIC_ADDRESS"),
        Postgres = Variable("EXCHANGE_POSTGRES"),
        RabbitMq = Variable("EXCHANGE_RABBITMQ"),
        KnownSecrets = secrets,
        Say = Say,
    };

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    private static async Task<IReadOnlyDictionary<string, string>> RememberedAsync(Place place)
    {
        Files.Folder(place.Local);
        await SystemUser.EnsureAsync(default);
        if (Files.Read<ExchangeFile>(place.ExchangeFile) is { } file)
            return file.Secrets();
        // Once the gateway has keys it has run, and somebody may know the secrets from then.
        var keys = Path.Combine(place.Data, "keys", Stack.Gateway);
        if (Directory.Exists(keys) && Directory.EnumerateFiles(keys).Any())
            Say($"{place.ExchangeFile} is gone: the sample accounts get new secrets");
        return new Dictionary<string, string>();
    }

    private static void Remember(Place place, Stack stack) => Files.Write(place.ExchangeFile, new ExchangeFile
    {
        Address = stack.PublicAddress.GetLeftPart(UriPartial.Authority),
        Data = place.Data,
        Services = stack.ServiceNames.ToDictionary(s => s, s => stack.Address(s).GetLeftPart(UriPartial.Authority), StringComparer.Ordinal),
        Accounts = stack.Accounts,
    });

    /// <summary>Starts the same program again in a session of its own, shows its log until it is ready, and leaves it.</summary>
    private static async Task<int> DetachAsync(Place place)
    {
        await SystemUser.EnsureAsync(default);
        Files.Folder(place.Data, Files.Passage);
        var log = Path.Combine(Files.Folder(Path.Combine(place.Data, "logs")), "launcher.log");
        File.Delete(log);
        using var supervisor = Command.Background("dotnet", [typeof(Up).Assembly.Location, "up", Supervise], new Dictionary<string, string>(), log, folder: place.Root);
        using var follow = new Follower(log);
        var runs = new RunFile(place.Data);
        var ended = false;
        await Poll.UntilAsync(() =>
        {
            ended = supervisor.HasExited;
            var ready = !ended && runs.Read() is { Ready: true };
            follow.Show();
            return Task.FromResult(ended || ready);
        }, TimeSpan.MaxValue, default);
        if (ended)
            return supervisor.ExitCode == 0 ? 1 : supervisor.ExitCode;
        Console.WriteLine($"Running in the background (pid {supervisor.Id}, log {log}). deploy/down stops it.");
        return 0;
    }

    private static void Say(string text) => Console.WriteLine($"  {text}");

    private sealed class Signals : IDisposable
    {
        private readonly PosixSignalRegistration[] registrations;

        public Signals(CancellationTokenSource stop)
        {
            registrations = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Select(s => PosixSignalRegistration.Create(s, context =>
            {
                context.Cancel = true;
                stop.Cancel();
            }))];
        }

        public void Dispose()
        {
            foreach (var registration in registrations)
                registration.Dispose();
        }
    }

    private sealed class Follower(string path) : IDisposable
    {
        private StreamReader? reader;

        public void Show()
        {
            if (reader is null && File.Exists(path))
                reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
            Console.Write(reader?.ReadToEnd());
        }

        public void Dispose() => reader?.Dispose();
    }
}

internal static class CancellationTokens
{
    public static Task AsTask(this CancellationToken token)
    {
        var source = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        token.Register(source.SetResult);
        return source.Task;
    }
}
