using Exchange.Local.Accounts;
using Exchange.Local.Services;

namespace Exchange.Local;

/// <summary><c>deploy/down</c>: stops a run of this clone, also one whose launcher died; with <c>--wipe</c> forgets its data as well.</summary>
internal static class Down
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static async Task<int> RunAsync(string[] options)
    {
        if (options.FirstOrDefault(o => o is not ("--wipe" or "--yes")) is { } unknown)
            throw new LocalFault($"deploy/down does not know '{unknown}'. It knows --wipe and --yes.");
        var place = Place.Find();
        foreach (var data in DataFolders(place))
            await StopAsync(data);
        return options.Contains("--wipe") ? Wipe(place, options.Contains("--yes")) : 0;
    }

    // The last run may have been told another folder than this call.
    private static IReadOnlyList<string> DataFolders(Place place) =>
        [.. new[] { place.Data, Files.Read<ExchangeFile>(place.ExchangeFile)?.Data }.OfType<string>().Distinct(StringComparer.Ordinal)];

    private static async Task StopAsync(string data)
    {
        var file = new RunFile(data);
        if (file.Read() is not { } running)
        {
            Console.WriteLine($"Nothing runs out of {data}.");
            return;
        }
        if (running.LiveLauncher is { } launcher)
        {
            Console.WriteLine($"Stopping the exchange (pid {launcher.Pid}).");
            launcher.Id.Send(Signal.Terminate);
            if (!await launcher.Id.GoneAsync(Patience))
                throw new LocalFault($"The launcher (pid {launcher.Pid}) did not stop within {Patience.TotalMinutes} minutes. Its log is in {data}/logs.");
        }
        await Leftovers.StopAsync(data, Console.WriteLine);
        Console.WriteLine("Stopped. The data is kept.");
    }

    private static int Wipe(Place place, bool sure)
    {
        var folders = DataFolders(place).Where(Directory.Exists).ToList();
        string[] files = [.. new[] { place.ExchangeFile, place.TrustFile }.Where(File.Exists)];
        if (folders.Count + files.Length == 0)
        {
            Console.WriteLine("There is no data to delete.");
            return 0;
        }
        if (!sure)
        {
            Console.WriteLine($"This deletes for good, the audit log included:\n  {string.Join("\n  ", [.. folders, .. files])}");
            Console.Write("Type yes to go on: ");
            if (Console.ReadLine()?.Trim() != "yes")
            {
                Console.WriteLine("Nothing was deleted.");
                return 1;
            }
        }
        foreach (var folder in folders)
        {
            // A mistyped EXCHANGE_DATA must not cost somebody's home.
            if (!File.Exists(Path.Combine(folder, "secrets.json")))
                throw new LocalFault($"{folder} does not look like a data folder of the exchange (no secrets.json): not deleted.");
            Directory.Delete(folder, recursive: true);
        }
        foreach (var file in files)
            File.Delete(file);
        Console.WriteLine("Deleted.");
        return 0;
    }
}
