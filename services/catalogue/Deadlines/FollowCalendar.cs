using System.Globalization;
using Dapper;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Catalogue.Deadlines;

/// <summary>
/// Counts by the notices that were loaded into the city's database: from before this process answers, and within seconds of a change, whichever process took it.
/// Dates that were provisional are then counted anew by <see cref="SweepClocks"/>.
/// </summary>
internal sealed partial class FollowCalendar(Database database, WorkingDays days, ILogger<FollowCalendar> log) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    private IReadOnlyList<(int, DateTimeOffset)> known = [];

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await LoadAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    public static async Task<IReadOnlyList<LoadedYear>> ReadAsync(NpgsqlConnection connection, CancellationToken cancel) =>
        (await connection.QueryAsync<LoadedYear>(new CommandDefinition("select year, off::text[] as off, work::text[] as work, source, loaded_by, loaded_at from calendar_years order by year", cancellationToken: cancel))).AsList();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Every, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                await LoadAsync(stoppingToken);
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(log, fault);
            }
        }
    }

    private async Task LoadAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var loaded = await ReadAsync(connection, cancel);
        (int, DateTimeOffset)[] now = [.. loaded.Select(year => (year.Year, year.LoadedAt))];
        if (!known.SequenceEqual(now))
        {
            days.Take([.. loaded.Select(year => year.ToCalendar())]);
            known = now;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The calendar could not be read and the last one stays")]
    private static partial void LogLater(ILogger log, Exception fault);
}

/// <summary>A year's notice as an operator loaded it.</summary>
internal sealed record LoadedYear
{
    public required int Year { get; init; }
    public required string[] Off { get; init; }
    public required string[] Work { get; init; }
    public required string Source { get; init; }
    public required string LoadedBy { get; init; }
    public required DateTimeOffset LoadedAt { get; init; }

    public CalendarYear ToCalendar() => new() { Year = Year, Off = [.. Off.Select(Day)], Work = [.. Work.Select(Day)], Source = Source };

    private static DateOnly Day(string day) => DateOnly.ParseExact(day, "yyyy-MM-dd", CultureInfo.InvariantCulture);
}
