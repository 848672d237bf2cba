using Dapper;
using Exchange.Gateway.Federation;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Gateway.Harvest;

/// <summary>The foreign catalogues that join read-only, and how each was last read.</summary>
internal static class ListSources
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/operations/sources", HandleAsync)
        .AllowOperators()
        .WithTags("operations")
        .WithSummary("Harvested catalogues: when and how each was last read");

    private static async Task<Ok<IReadOnlyList<SourceView>>> HandleAsync(HttpContext http, GatewaySettings settings, Database database, TimeProvider clock, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        await using var results = await connection.QueryMultipleAsync(new CommandDefinition(Read, cancellationToken: cancel));
        var rows = (await results.ReadAsync<Row>()).ToDictionary(row => row.Source, StringComparer.Ordinal);
        var feeds = (await results.ReadAsync<CityFeed>()).ToDictionary(feed => feed.City, StringComparer.Ordinal);
        var runs = (await results.ReadAsync<RunRow>()).ToDictionary(run => run.Source, StringComparer.Ordinal);
        var known = settings.Sources.ToDictionary(source => source.Id, StringComparer.Ordinal);
        return TypedResults.Ok<IReadOnlyList<SourceView>>([.. known.Keys.Union(rows.Values.Where(row => row.Shown > 0).Select(row => row.Source)).Order(StringComparer.Ordinal).Select(id =>
        {
            var source = known.GetValueOrDefault(id);
            var feed = feeds.GetValueOrDefault(id);
            return new SourceView
            {
                Source = id,
                Name = source?.Name,
                NameEn = source?.NameEn,
                Kind = source?.Kind,
                Address = source?.Address,
                Configured = source is not null,
                State = source is null || feed is null ? CityState.Silent : feed.State(clock.GetUtcNow(), source.LiveWithin, source.SilentAfter),
                AsOf = feed?.AsOf,
                NextRunAt = source is null ? null : rows.GetValueOrDefault(id)?.NextRunAt,
                Failures = rows.GetValueOrDefault(id)?.Failures ?? 0,
                Shown = rows.GetValueOrDefault(id)?.Shown ?? 0,
                LastRun = runs.GetValueOrDefault(id) is { } run ? RunView.Of(run, http.Language()) : null,
            };
        })]);
    }

    /// <summary>One foreign catalogue.</summary>
    internal sealed record SourceView
    {
        public required string Source { get; init; }

        public string? Name { get; init; }

        public string? NameEn { get; init; }

        public SourceKind? Kind { get; init; }

        public string? Address { get; init; }

        /// <summary>False for one that was taken out of the settings; its entries stay until they are withdrawn.</summary>
        public required bool Configured { get; init; }

        public required CityState State { get; init; }

        /// <summary>Start of the newest run that read everything.</summary>
        public DateTimeOffset? AsOf { get; init; }

        public DateTimeOffset? NextRunAt { get; init; }

        /// <summary>Runs that failed in a row.</summary>
        public required int Failures { get; init; }

        /// <summary>Its entries in the catalogue now.</summary>
        public required int Shown { get; init; }

        public RunView? LastRun { get; init; }
    }

    private sealed record Row
    {
        public required string Source { get; init; }
        public required DateTimeOffset NextRunAt { get; init; }
        public required int Failures { get; init; }
        public required int Shown { get; init; }
    }

    private const string Read = $"""
        select s.source, s.next_run_at, s.failures, (select count(*)::int from datasets d where d.city = s.source and not d.tombstone) as shown from harvest_sources s;
        select f.city, f.epoch, f.change, f.as_of, f.digest_at, f.digest_change, f.rebuilding, f.rebuild_wanted from city_feeds f join harvest_sources s on s.source = f.city;
        select distinct on (source) {RunRow.Columns} from harvest_runs order by source, run_id desc
        """;
}
