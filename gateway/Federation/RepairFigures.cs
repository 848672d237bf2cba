using System.Globalization;
using Dapper;

namespace Exchange.Gateway.Federation;

/// <summary>The figures come by pull alone: no message of theirs can be lost, and a row that was lost or altered here makes the sum differ.</summary>
internal sealed partial class Repair
{
    private async Task CompareFiguresAsync(string city, FiguresDigest digest, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var ours = await connection.QuerySingleAsync<OurFigures>(new CommandDefinition(ReadOurFigures, new { city }, cancellationToken: cancel));
        var anew = ours.Epoch != digest.Epoch || ours.Change > digest.Change;
        if (!anew && ours.Change < digest.Change)
        {
            ours = await PullFiguresAsync(city, ours, digest.Epoch, cancel);
        }

        // What the city counted since the digest was told makes the sum larger; only one at the same number can be compared.
        if (anew || (ours.Change == digest.Change && ours.Sum != digest.Sum))
        {
            LogFiguresRebuild(log, city, ours.Change, digest.Change);
            await PullFiguresAsync(city, null, digest.Epoch, cancel);
        }

        await connection.ExecuteAsync(new CommandDefinition(
            "update city_feeds set figures_as_of = @At where city = @city and figures_epoch = @Epoch and figures_as_of is distinct from @At",
            new { city, digest.At, digest.Epoch }, cancellationToken: cancel));
    }

    /// <summary>What is new behind our position; everything, in place of what is here, when there is none.</summary>
    private async Task<OurFigures> PullFiguresAsync(string city, OurFigures? from, Guid epoch, CancellationToken cancel)
    {
        List<FiguresChange> found = [];
        var position = from?.Change ?? 0;
        while (true)
        {
            var page = await cities.GetAsync<FiguresPage>(city, string.Create(CultureInfo.InvariantCulture, $"/datasets/figures?after={position}&limit={PageSize}"), cancel);
            if (page.Epoch != epoch)
            {
                throw new InvalidDataException($"The figures of {city} began anew while they were read.");
            }

            if (page.Items.Count == 0)
            {
                break;
            }

            found.AddRange(page.Items);
            position = page.Items[^1].Change;
        }

        // One row may stand on two pages: it was counted again in between.
        var newest = found.GroupBy(f => f.DatasetId).Select(rows => rows.MaxBy(row => row.Change)!).ToList();
        await using var connection = await database.OpenAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (from is null)
        {
            await FigureTables.ReplaceAsync(connection, city, newest, cancel);
        }
        else
        {
            await FigureTables.ApplyAsync(connection, city, newest, cancel);
        }

        await connection.ExecuteAsync(new CommandDefinition(
            "update city_feeds set figures_epoch = @epoch, figures_change = @position where city = @city", new { city, epoch, position }, cancellationToken: cancel));
        await transaction.CommitAsync(cancel);
        return await connection.QuerySingleAsync<OurFigures>(new CommandDefinition(ReadOurFigures, new { city }, cancellationToken: cancel));
    }

    /// <summary>As the city answers the digest: that of the feed of entries, and, on request, that of the figures.</summary>
    private sealed record CityDigest(Guid Epoch, long Change, long Count, string Hash, DateTimeOffset At, FiguresDigest? Figures);

    private sealed record FiguresPage(Guid Epoch, IReadOnlyList<FiguresChange> Items);

    private sealed record OurFigures
    {
        public Guid? Epoch { get; init; }
        public required long Change { get; init; }
        public required long Sum { get; init; }
    }

    private const string ReadOurFigures = """
        select figures_epoch as epoch, figures_change as change, (select coalesce(sum(city_change), 0)::bigint from dataset_figures where city = @city) as sum
        from city_feeds where city = @city
        """;

    [LoggerMessage(Level = LogLevel.Information, Message = "The figures of {City} are pulled anew (here at change {Ours}, there at {Theirs})")]
    private static partial void LogFiguresRebuild(ILogger log, string city, long ours, long theirs);
}
