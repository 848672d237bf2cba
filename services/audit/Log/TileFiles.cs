using Dapper;
using Exchange.Hosting;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace Exchange.Audit.Log;

/// <summary>
/// Full tiles and bundles as files, each written once after a signed checkpoint covers it and never again: they are served without asking the writer's database.
/// A file that is there and says otherwise than the database is never overwritten; one of the two was altered, and readiness says so.
/// </summary>
internal sealed partial class TileFiles(Database database, LogSettings settings, ILogger<TileFiles> logger) : BackgroundService
{
    private const int BundlesAtOnce = 16;
    private const int MostCompared = 1024;
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(1);

    // How many full bundles and tiles of each level are known to be files; walked through once after a start.
    private readonly Dictionary<(int Year, int? Level), long> written = [];

    private volatile string? contradiction;

    /// <summary>The first tile whose file and rows differ; null while none is known.</summary>
    public string? Contradiction => contradiction;

    /// <summary>The file of a full tile, or null while there is none.</summary>
    public string? Find(int year, TilePath tile)
    {
        var path = PathOf(year, tile);
        return tile.Width == TilePath.FullWidth && File.Exists(path) ? path : null;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var turn = Task.Delay(Turn, TimeProvider.System, stoppingToken);
            try
            {
                await WriteAsync(stoppingToken);
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                // Until they are files they are served from the database: nothing is worse than slower.
                LogLater(logger, fault);
            }
            await turn.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>One turn: every full tile under the newest checkpoints that is no file yet.</summary>
    public async Task WriteAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var logs = await connection.QueryAsync<LogRow>(new CommandDefinition("""
            select l.year, coalesce((select max(size) from checkpoints c where c.year = l.year), 0) as size, case when l.retired_at is not null then (select max(level) from tiles t where t.year = l.year) end as kept_level
            from logs l
            """, cancellationToken: cancel));
        foreach (var log in logs)
        {
            if (log.KeptLevel is { } kept)
            {
                Retire(log.Year, kept);
                continue;
            }
            await WriteBundlesAsync(connection, log.Year, log.Size / TilePath.FullWidth, cancel);
            for (var level = 0; log.Size >> (TilePath.Height * (level + 1)) is var full and > 0; level++)
            {
                await WriteHashesAsync(connection, log.Year, level, full, cancel);
            }
        }
    }

    private async Task WriteBundlesAsync(NpgsqlConnection connection, int year, long full, CancellationToken cancel)
    {
        while (Next(year, null, full) is { } index)
        {
            var until = Math.Min(full, index + BundlesAtOnce);
            var leaves = await connection.QueryAsync<byte[]>(new CommandDefinition("select bytes from leaves where year = @year and idx >= @First and idx < @End order by idx",
                new { year, First = index * TilePath.FullWidth, End = until * TilePath.FullWidth }, cancellationToken: cancel));
            foreach (var bundle in leaves.Chunk(TilePath.FullWidth))
            {
                Put(year, new TilePath(null, index++, TilePath.FullWidth), EntryBundle.Write(bundle));
            }
            if (index < until)
            {
                throw new InvalidDataException($"The log of {year} has fewer leaves than its checkpoint says: bundle {index} is not whole.");
            }
            written[(year, null)] = until;
        }
    }

    private async Task WriteHashesAsync(NpgsqlConnection connection, int year, int level, long full, CancellationToken cancel)
    {
        while (Next(year, level, full) is { } index)
        {
            var tiles = await connection.QueryAsync<byte[]>(new CommandDefinition("select bytes from tiles where year = @year and level = @level and idx >= @index and idx < @full order by idx limit @MostCompared",
                new { year, level, index, full, MostCompared }, cancellationToken: cancel));
            foreach (var tile in tiles)
            {
                Put(year, new TilePath(level, index++, TilePath.FullWidth), tile);
            }
            written[(year, level)] = index;
        }
    }

    /// <summary>The first tile from here on that is no file; null when all are.</summary>
    private long? Next(int year, int? level, long full)
    {
        // After a start the hashes are compared once where that is quick; of a large log its upper levels are, which hold for the lower ones.
        if (!written.TryGetValue((year, level), out var index) && level is not null && full is > 0 and <= MostCompared)
        {
            return 0;
        }
        while (index < full && File.Exists(PathOf(year, new TilePath(level, index, TilePath.FullWidth))))
        {
            index++;
        }
        written[(year, level)] = index;
        return index < full ? index : null;
    }

    /// <summary>Of a retired year the top stays, from which its last checkpoint's root can still be computed.</summary>
    private void Retire(int year, int keptLevel)
    {
        foreach (var folder in Directory.Exists(FolderOf(year)) ? Directory.GetDirectories(FolderOf(year)) : [])
        {
            if (!int.TryParse(Path.GetFileName(folder), out var level) || level < keptLevel)
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    private void Put(int year, TilePath tile, byte[] bytes)
    {
        var path = PathOf(year, tile);
        if (File.Exists(path))
        {
            if (!File.ReadAllBytes(path).AsSpan().SequenceEqual(bytes))
            {
                contradiction ??= $"tile {tile} of {year}";
                LogContradiction(logger, path);
            }
            return;
        }
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        // Whole or not at all, and of two processes that share the folder either one's: they write the same.
        var draft = $"{path}.{Guid.NewGuid():n}";
        using (var file = new FileStream(draft, FileMode.CreateNew, FileAccess.Write))
        {
            file.Write(bytes);
            file.Flush(flushToDisk: true);
        }
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(draft, UnixFileMode.UserRead | UnixFileMode.GroupRead);
        }
        File.Move(draft, path, overwrite: true);
    }

    private string FolderOf(int year) => Path.Combine(settings.TileFolder, year.ToString(System.Globalization.CultureInfo.InvariantCulture));

    private string PathOf(int year, TilePath tile) => Path.Combine(FolderOf(year), tile.ToString());

    private sealed record LogRow
    {
        public required int Year { get; init; }
        public required long Size { get; init; }

        /// <summary>Set for a retired year.</summary>
        public int? KeptLevel { get; init; }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Full tiles become files later")]
    private static partial void LogLater(ILogger logger, Exception fault);

    [LoggerMessage(Level = LogLevel.Critical, Message = "{Path} says otherwise than the database: one of the two was altered after it was signed. Neither is overwritten")]
    private static partial void LogContradiction(ILogger logger, string path);
}

/// <summary>Whether a full tile was altered after it was signed, as a file or in the database.</summary>
internal sealed class TileCheck(TileFiles files) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(
        files.Contradiction is { } tile ? HealthCheckResult.Degraded($"file and database differ: {tile}") : HealthCheckResult.Healthy());
}
