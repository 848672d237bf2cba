using System.Diagnostics;
using System.Net;
using Exchange.Local.Servers;

namespace Exchange.Local.Services;

/// <summary>One service as a child process. It can be stopped, killed, paused and started again on the same port.</summary>
internal sealed class ServiceProcess(string name, string assembly, Uri address, string log, RunFile runs)
{
    private static readonly TimeSpan StopWithin = TimeSpan.FromSeconds(30);

    private Process? process;
    private bool expectedToEnd;

    public string Name => name;
    public Uri Address => address;
    public string Log => log;
    public int? Pid => process is { HasExited: false } running ? running.Id : null;

    /// <summary>Raised when the process ends although nobody here asked it to.</summary>
    public event Action<ServiceProcess>? Died;

    public void Start(IReadOnlyDictionary<string, string> environment)
    {
        if (Pid is not null)
            throw new InvalidOperationException($"{name} runs already.");
        if (!File.Exists(assembly))
            throw new LocalFault($"{assembly} is missing: build first (deploy/up does).");
        expectedToEnd = false;
        var started = Command.Background("dotnet", [assembly], environment, log, folder: Path.GetDirectoryName(assembly));
        process = started;
        runs.Record(name, ProcessId.Of(started.Id));
        started.EnableRaisingEvents = true;
        started.Exited += (_, _) =>
        {
            if (!expectedToEnd && ReferenceEquals(process, started))
                Died?.Invoke(this);
        };
    }

    public async Task ReadyAsync(TimeSpan within, CancellationToken ct)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        if (await Poll.UntilAsync(LookAsync, fault => fault is null, within, ct) is { } last)
            throw new LocalFault($"{name} was not ready after {within.TotalSeconds:0} s; /health/ready last said: {last}\nThe end of its log ({log}):\n{LogTail.Of(log, 30)}");

        async Task<string?> LookAsync()
        {
            if (process is not { HasExited: false })
                throw new LocalFault($"{name} ended{ExitText} before it was ready. The end of its log ({log}):\n{LogTail.Of(log, 30)}");
            try
            {
                using var answer = await http.GetAsync(new Uri(address, "/health/ready"), ct);
                return answer.StatusCode == HttpStatusCode.OK ? null : $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(ct)}";
            }
            catch (Exception fault) when (fault is HttpRequestException || (fault is TaskCanceledException && !ct.IsCancellationRequested))
            {
                return fault.Message;
            }
        }
    }

    public async Task StopAsync()
    {
        if (!Send(Signal.Terminate, thenEnds: true))
            return;
        Send(Signal.Continue, thenEnds: true);
        using var patience = new CancellationTokenSource(StopWithin);
        try
        {
            await process!.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            await KillAsync();
        }
        runs.Forget(name);
    }

    public async Task KillAsync()
    {
        if (Send(Signal.Kill, thenEnds: true))
            await process!.WaitForExitAsync();
        runs.Forget(name);
    }

    public void Pause() => Send(Signal.Stop);

    public void Resume() => Send(Signal.Continue);

    private string ExitText => process is { HasExited: true } ended ? $" with exit code {ended.ExitCode}" : "";

    private bool Send(Signal signal, bool thenEnds = false)
    {
        expectedToEnd |= thenEnds;
        if (Pid is not { } pid || ProcessId.Of(pid) is not { } id)
            return false;
        id.Send(signal);
        return true;
    }
}
