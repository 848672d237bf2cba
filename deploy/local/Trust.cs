using System.Text.Json;
using Exchange.Hosting.Transparency;

namespace Exchange.Local;

/// <summary>
/// <c>trust.json</c>: the log's keys and the witnesses as this machine's operator vouches for them. The verifier takes this file and never fetches keys itself; audit, cities
/// and the gateway, which verifies what its pages show, find it in their key folders as what they have agreed on.
/// </summary>
internal static class Trust
{
    /// <summary>Two of three, or all where there are fewer.</summary>
    private const int Quorum = 2;

    public static async Task WriteAsync(string path, Stack stack, CancellationToken ct) => Files.Write(path, await OfAsync(stack, ct));

    /// <summary>Makes what the stack's services say of themselves their agreement.</summary>
    public static async Task AgreeAsync(Stack stack, IEnumerable<string> folders, CancellationToken ct)
    {
        var agreement = await OfAsync(stack, ct);
        foreach (var folder in folders)
            Files.Write(Path.Combine(folder, AgreementFile.Name), agreement);
    }

    private static async Task<object> OfAsync(Stack stack, CancellationToken ct)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };
        var audit = stack.Address(Stack.Audit);
        using var known = JsonDocument.Parse(await http.GetStringAsync(new Uri(audit, "/logs"), ct));
        var years = known.RootElement.GetProperty("items").EnumerateArray().Select(log => log.GetProperty("year").GetInt32()).ToList();
        // Next year's log is agreed on before it begins.
        var logs = await LogsAsync(http, audit, stack.PublicAddress, [.. years.Order(), years.Max() + 1], ct);
        var witnesses = await Task.WhenAll(stack.Cities.Where(c => stack.IsRunning(c.Name)).Select(async city => (await http.GetStringAsync(new Uri(stack.Address(city.Name), "/witness/vkey"), ct)).Trim()));
        return new { version = 1, logs, witnesses, quorum = Math.Min(Quorum, witnesses.Length) };
    }

    /// <summary>The logs of these years as the audit service names their keys, and no witnesses.</summary>
    public static async Task<object> OfLogAsync(Uri audit, Uri publicAddress, IEnumerable<int> years, CancellationToken ct)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };
        return new { version = 1, logs = await LogsAsync(http, audit, publicAddress, years, ct), witnesses = Array.Empty<string>(), quorum = 0 };
    }

    private static async Task<List<object>> LogsAsync(HttpClient http, Uri audit, Uri publicAddress, IEnumerable<int> years, CancellationToken ct)
    {
        var logs = new List<object>();
        foreach (var year in years)
        {
            var keys = await http.GetStringAsync(new Uri(audit, $"/log/{year}/vkeys"), ct);
            logs.Add(new
            {
                origin = $"{publicAddress.Authority}/api/audit/log/{year}",
                year,
                keys = keys.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
                valid_from = $"{year}-01-01",
                valid_to = $"{year + 1}-12-31",
            });
        }
        return logs;
    }
}
