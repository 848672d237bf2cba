namespace Exchange.Local;

/// <summary>
/// <c>.local/trust.json</c>: the log's keys as this machine's operator vouches for them. The verifier takes this file and never fetches keys itself.
/// </summary>
internal static class Trust
{
    public static async Task WriteAsync(string path, Uri audit, Uri publicAddress, TimeProvider clock, CancellationToken ct)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };
        var year = clock.GetUtcNow().Year;
        var keys = await http.GetStringAsync(new Uri(audit, $"/log/{year}/vkeys"), ct);
        Files.Write(path, new
        {
            version = 1,
            logs = new[]
            {
                new
                {
                    origin = $"{publicAddress.Authority}/api/audit/log/{year}",
                    year,
                    keys = keys.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
                    valid_from = $"{year}-01-01",
                    valid_to = $"{year + 1}-12-31",
                },
            },
            witnesses = Array.Empty<string>(),
            quorum = 0,
        });
    }
}
