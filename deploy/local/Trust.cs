namespace Exchange.Local;

/// <summary>
/// <c>.local/trust.json</c>: the log's keys as this machine's operator vouches for them. The verifier takes this file and never fetches keys itself.
/// </summary>
internal static class Trust
{
    public static async Task WriteAsync(string path, Uri audit, Uri publicAddress, TimeProvider clock, CancellationToken ct) =>
        Files.Write(path, await OfAsync(audit, publicAddress, [clock.GetUtcNow().Year], ct));

    /// <summary>What the file says about the logs of these years, as the audit service on this machine names its keys.</summary>
    public static async Task<object> OfAsync(Uri audit, Uri publicAddress, IEnumerable<int> years, CancellationToken ct)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };
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
        return new { version = 1, logs, witnesses = Array.Empty<string>(), quorum = 0 };
    }
}
