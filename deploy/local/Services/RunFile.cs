using System.Text.Json.Serialization;

namespace Exchange.Local.Services;

/// <summary>What runs out of a data folder, written as it starts, so that a start that died half-way can be found and cleared away.</summary>
internal sealed class RunFile(string data)
{
    public const string Launcher = "launcher";
    public const string Postgres = "postgresql";
    public const string Broker = "rabbitmq";
    public const string Names = "epmd";

    private readonly Lock gate = new();

    public string Path { get; } = System.IO.Path.Combine(data, "run.json");

    public Running? Read() => Files.Read<Running>(Path);

    public void Record(string name, ProcessId? process)
    {
        if (process is not { } known)
            return;
        lock (gate)
            Files.Write(Path, With(Read(), [.. Others(name), new RunningProcess(name, known.Pid, known.Started)]));
    }

    public void Forget(string name)
    {
        lock (gate)
            Files.Write(Path, With(Read(), [.. Others(name)]));
    }

    public void Ready()
    {
        lock (gate)
            Files.Write(Path, With(Read(), [.. Others("")]) with { Ready = true });
    }

    public void Delete() => File.Delete(Path);

    private IEnumerable<RunningProcess> Others(string name) => (Read()?.Processes ?? []).Where(p => p.Name != name);

    private static Running With(Running? before, IReadOnlyList<RunningProcess> processes) => new(before?.Ready ?? false, processes);
}

internal sealed record Running(bool Ready, IReadOnlyList<RunningProcess> Processes)
{
    [JsonIgnore]
    public IReadOnlyList<RunningProcess> Alive => [.. Processes.Where(p => p.Id.IsAlive)];

    [JsonIgnore]
    public RunningProcess? LiveLauncher => Alive.FirstOrDefault(p => p.Name == RunFile.Launcher);
}

internal sealed record RunningProcess(string Name, int Pid, long Started)
{
    [JsonIgnore]
    public ProcessId Id => new(Pid, Started);
}
