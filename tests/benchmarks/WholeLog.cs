using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Exchange.Benchmarks;

/// <summary>How long the verifier takes for a whole downloaded log: the one that the appends before left, beside hashing the same bytes once and doing nothing else.</summary>
internal static class WholeLog
{
    public static async Task RunAsync(Work work)
    {
        var folder = Directory.CreateDirectory(Path.Combine(work.Stack.Data, "whole-log")).FullName;
        var size = await DownloadAsync(work, folder);
        var trust = Path.Combine(folder, "trust.json");
        await File.WriteAllTextAsync(trust, JsonSerializer.Serialize(await Local.Trust.OfLogAsync(work.Stack.Address(Local.Stack.Audit), work.Stack.PublicAddress, [DateTime.UtcNow.Year], CancellationToken.None)));
        // An auditor's machine runs no exchange beside.
        await Task.WhenAll(work.Stack.ServiceNames.Select(work.Stack.StopAsync));
        await Task.WhenAll(work.Stack.StopBrokerAsync(), work.Stack.StopPostgresAsync());
        var bundles = Directory.GetFiles(Path.Combine(folder, "tile", "entries"), "*", SearchOption.AllDirectories);
        var clock = Stopwatch.StartNew();
        foreach (var bundle in bundles)
        {
            System.Security.Cryptography.SHA256.HashData(await File.ReadAllBytesAsync(bundle));
        }
        var hashed = size / clock.Elapsed.TotalSeconds;
        clock.Restart();
        using var verifier = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(Local.Place.FindRoot(), "services", "verifier", "bin", "Release", "net10.0", "Exchange.Verifier.dll"), "log", folder, "--trust", trust]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
        var said = verifier.StandardOutput.ReadToEndAsync();
        var faults = await verifier.StandardError.ReadToEndAsync();
        await verifier.WaitForExitAsync();
        var rate = size / clock.Elapsed.TotalSeconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"whole log of {size} leaves: the verifier, its start included, {rate:0} leaves/s (exit code {verifier.ExitCode}); reading and hashing the same bytes once {hashed:0}/s, ratio {rate / hashed:0.00}"));
        if (verifier.ExitCode != 0)
        {
            Console.WriteLine(await said + faults);
        }
        await Task.WhenAll(work.Stack.StartPostgresAsync(), work.Stack.StartBrokerAsync());
        await Task.WhenAll(work.Stack.ServiceNames.Select(service => work.Stack.StartAsync(service)));
    }

    /// <summary>As the README's script does, with a token that lives long enough.</summary>
    private static async Task<long> DownloadAsync(Work work, string folder)
    {
        using var auditor = new Local.Accounts.Participant(work.Gateway, work.Stack.Account("auditor"));
        var log = $"/api/audit/log/{DateTime.UtcNow.Year}";
        var note = (await auditor.GetAsync($"{log}/checkpoint")).Succeeded("checkpoint").Text;
        await File.WriteAllTextAsync(Path.Combine(folder, "checkpoint"), note);
        var size = long.Parse(note.Split('\n')[1], CultureInfo.InvariantCulture);
        await FetchAsync("entries", size);
        for (var level = 0; size >> (8 * level) > 0; level++)
        {
            await FetchAsync(level.ToString(CultureInfo.InvariantCulture), size >> (8 * level));
        }
        return size;

        async Task FetchAsync(string level, long hashes)
        {
            var paths = Enumerable.Range(0, (int)(hashes / 256)).Select(n => $"{level}/{Number(n)}").Concat(hashes % 256 == 0 ? [] : [$"{level}/{Number((int)(hashes / 256))}.p/{hashes % 256}"]);
            foreach (var some in paths.Chunk(8))
            {
                await Task.WhenAll(some.Select(async path =>
                {
                    var answer = (await auditor.GetAsync($"{log}/tile/{path}")).Succeeded(path);
                    var file = Path.Combine(folder, "tile", path);
                    Directory.CreateDirectory(Path.GetDirectoryName(file)!);
                    await File.WriteAllBytesAsync(file, answer.Bytes);
                }));
            }
        }

        static string Number(int n)
        {
            var text = (n % 1000).ToString("000", CultureInfo.InvariantCulture);
            while ((n /= 1000) > 0)
            {
                text = $"x{(n % 1000).ToString("000", CultureInfo.InvariantCulture)}/{text}";
            }
            return text;
        }
    }
}
