namespace Exchange.Local.Services;

/// <summary>Clears away what a dead launcher left running: services first, then the broker, then the database, as a clean stop would.</summary>
internal static class Leftovers
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static async Task StopAsync(string data, Action<string> say)
    {
        var file = new RunFile(data);
        var alive = file.Read()?.Alive ?? [];
        await StopAsync(alive.Where(p => p.Name is not (RunFile.Launcher or RunFile.Broker or RunFile.Postgres or RunFile.Names)), Signal.Terminate, say);
        await Task.WhenAll(
            StopAsync(alive.Where(p => p.Name is RunFile.Broker), Signal.Terminate, say),
            StopAsync(alive.Where(p => p.Name is RunFile.Postgres), Signal.Interrupt, say));
        await StopAsync(alive.Where(p => p.Name is RunFile.Names), Signal.Terminate, say);
        file.Delete();
    }

    private static Task StopAsync(IEnumerable<RunningProcess> processes, Signal signal, Action<string> say) =>
        Task.WhenAll(processes.Select(async process =>
        {
            say($"stopping {process.Name} (pid {process.Pid})");
            // A paused process hears nothing but this and SIGKILL.
            process.Id.Send(Signal.Continue);
            process.Id.Send(signal);
            if (await process.Id.GoneAsync(Patience))
                return;
            say($"{process.Name} (pid {process.Pid}) does not stop: killing it");
            process.Id.Send(process.Name == RunFile.Postgres ? Signal.Quit : Signal.Kill);
            await process.Id.GoneAsync(Patience);
        }));
}
