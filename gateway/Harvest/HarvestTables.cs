using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Dapper;
using Exchange.Contracts;
using Exchange.Gateway.Federation;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Gateway.Harvest;

/// <summary>How an entry of a source stands in the catalogue. A withdrawn one has no hash.</summary>
internal sealed record Standing(int Version, byte[]? Hash, DateOnly ReleasedOn);

/// <summary>What the runs of a source leave behind, and its entries as they stand in the read model: that is what a run compares with, so whatever was damaged there is healed.</summary>
internal static class HarvestTables
{
    /// <summary>Faults that are listed; the others of a run are only counted.</summary>
    public const int MostFaults = 10_000;

    /// <summary>Over what the source decides: our version, and days that we gave ourselves, do not count.</summary>
    public static byte[] HashOf(DatasetEntry entry) => SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(entry with
    {
        Version = 0,
        PublishedAt = default,
        ReleasedOn = IsReleaseAssumed(entry) ? default : entry.ReleasedOn,
    }, Json.Options));

    public static bool IsReleaseAssumed(DatasetEntry entry) => entry.Origin?.Assumed.Contains("released_on", StringComparer.Ordinal) == true;

    public static async Task<Dictionary<Guid, Standing>> ReadStandingAsync(NpgsqlConnection connection, string source, CancellationToken cancel)
    {
        Dictionary<Guid, Standing> standing = [];
        await foreach (var row in connection.QueryUnbufferedAsync<Row>("select dataset_id, version, entry from datasets where city = @source", new { source }).WithCancellation(cancel))
        {
            var entry = row.Entry is null ? null : JsonSerializer.Deserialize<DatasetEntry>(row.Entry, CatalogueTables.Tolerant);
            standing[row.DatasetId] = new Standing(row.Version, entry is null ? null : HashOf(entry), entry?.ReleasedOn ?? default);
        }

        return standing;
    }

    public static async Task<SourceRow> ReadSourceAsync(NpgsqlConnection connection, string source, CancellationToken cancel)
    {
        await connection.ExecuteAsync(new CommandDefinition(Begin, new { source }, cancellationToken: cancel));
        return await connection.QuerySingleAsync<SourceRow>(new CommandDefinition(ReadSource, new { source }, cancellationToken: cancel));
    }

    /// <summary>One step: the changes get the next numbers of the source's own feed. Only the holder of the lease comes here.</summary>
    public static async Task ApplyAsync(NpgsqlConnection connection, string source, IEnumerable<(Guid Id, int Version, string? Entry)> changes, CancellationToken cancel)
    {
        // First the catalogue's row, as everybody who numbers changes: whoever took these two in the other order could wait for him and he for them.
        await connection.ExecuteAsync(new CommandDefinition("select change from catalogue where one for update", cancellationToken: cancel));
        var at = await connection.QuerySingleAsync<Position>(new CommandDefinition("select epoch, change from city_feeds where city = @source for update", new { source }, cancellationToken: cancel));
        await CatalogueTables.ApplyAsync(
            connection,
            [.. changes.Select((change, index) => new CityChange { City = source, Epoch = at.Epoch, Change = at.Change + index + 1, DatasetId = change.Id, Version = change.Version, Entry = change.Entry })],
            cancel);
    }

    public static async Task FinishAsync(NpgsqlConnection connection, Source source, RunReport run, RunEnd end, CancellationToken cancel)
    {
        await connection.ExecuteAsync(new CommandDefinition(InsertRun, new
        {
            run.RunId,
            Source = source.Id,
            run.StartedAt,
            run.EndedAt,
            Outcome = Word(run.Outcome),
            run.Rule,
            ReasonZh = Storable(run.Reason?.Zh, 1000),
            ReasonEn = Storable(run.Reason?.En, 1000),
            run.Calls,
            run.Bytes,
            run.Stated,
            run.Read,
            run.Taken,
            run.Faulty,
            run.Kept,
            run.Added,
            run.Changed,
            run.Removed,
            Removal = run.Removal.ToArray(),
            run.FaultCount,
        }, cancellationToken: cancel));
        await connection.ExecuteAsync(new CommandDefinition(Schedule, new
        {
            source = source.Id,
            end.NextIn,
            failed = run.Outcome == RunOutcome.Failed,
            source.Fingerprint,
            Marks = end.Marks is null ? null : JsonSerializer.Serialize(end.Marks, Json.Options),
            keepMarks = run.Outcome is RunOutcome.Failed or RunOutcome.Unchanged,
            whole = run.Outcome is RunOutcome.Complete,
        }, cancellationToken: cancel));
        if (run.Outcome != RunOutcome.Failed)
        {
            await connection.ExecuteAsync(new CommandDefinition(Freshen, new { source.Id, run.StartedAt, whole = run.Outcome is RunOutcome.Complete or RunOutcome.Unchanged }, cancellationToken: cancel));
        }

        if (end.Faults is { } faults)
        {
            await connection.ExecuteAsync(new CommandDefinition("delete from harvest_faults where source = @Id", new { source.Id }, cancellationToken: cancel));
            await connection.ExecuteAsync(new CommandDefinition(InsertFaults, new
            {
                source = source.Id,
                run.RunId,
                Identifier = faults.Select(f => Storable(f.Identifier, 500)).ToArray(),
                Taken = faults.Select(f => f.Taken).ToArray(),
                Field = faults.Select(f => f.Fault.Field).ToArray(),
                Rule = faults.Select(f => f.Fault.Rule).ToArray(),
                Zh = faults.Select(f => Storable(f.Fault.Message.Zh, 500)).ToArray(),
                En = faults.Select(f => Storable(f.Fault.Message.En, 500)).ToArray(),
            }, cancellationToken: cancel));
        }
    }

    public static async Task<bool> IsSourceAsync(NpgsqlConnection connection, string source, CancellationToken cancel) =>
        await connection.QuerySingleAsync<bool>(new CommandDefinition("select exists (select from harvest_sources where source = @source)", new { source }, cancellationToken: cancel));

    /// <summary>Its name stays, so that its tombstones are not taken for a city's; so does its position, should it come back.</summary>
    public static Task ForgetAsync(NpgsqlConnection connection, string source, CancellationToken cancel) => connection.ExecuteAsync(new CommandDefinition(
        "delete from harvest_faults where source = @source; delete from harvest_runs where source = @source; update harvest_sources set marks = null where source = @source", new { source }, cancellationToken: cancel));

    public static string Word(RunOutcome outcome) => JsonNamingPolicy.SnakeCaseLower.ConvertName(outcome.ToString());

    /// <summary>What a source wrote may hold anything; a report shows what can be stored and shown.</summary>
    private static string? Storable(string? text, int longest)
    {
        if (text is null)
        {
            return null;
        }

        var faults = new Faults();
        var cut = new StringBuilder(text.Length <= longest ? text : text[..longest]);
        for (var i = 0; i < cut.Length; i++)
        {
            faults.CheckText("", cut[i].ToString());
            var broken = char.IsSurrogate(cut[i]) && !(char.IsHighSurrogate(cut[i]) && i + 1 < cut.Length && char.IsLowSurrogate(cut[i + 1])) && !(char.IsLowSurrogate(cut[i]) && i > 0 && char.IsHighSurrogate(cut[i - 1]));
            if (faults.Any || broken)
            {
                cut[i] = '\uFFFD';
                faults = new Faults();
            }
        }

        return cut.ToString();
    }

    internal sealed record SourceRow
    {
        public string? Fingerprint { get; init; }
        public string? Marks { get; init; }
        public required int Failures { get; init; }
        public required Guid[] Confirmed { get; init; }
        public required bool RebuildWanted { get; init; }

        /// <summary>Entries in the catalogue now.</summary>
        public required int Shown { get; init; }

        /// <summary>Entries that the newest run which read the source left there; null before the first.</summary>
        public int? Left { get; init; }
    }

    private sealed record Position
    {
        public required Guid Epoch { get; init; }
        public required long Change { get; init; }
    }

    private sealed record Row
    {
        public required Guid DatasetId { get; init; }
        public required int Version { get; init; }
        public string? Entry { get; init; }
    }

    private const string Begin = """
        insert into harvest_sources (source) values (@source) on conflict do nothing;
        insert into city_feeds (city, epoch, change) values (@source, gen_random_uuid(), 0) on conflict do nothing
        """;

    // A source that has more than is shown lags, as a city does whose digest is ahead.
    private const string Freshen = """
        update city_feeds
        set as_of = case when @whole then greatest(as_of, @StartedAt) else as_of end, digest_at = @StartedAt,
            digest_change = change + case when @whole then 0 else 1 end, rebuild_wanted = rebuild_wanted and not @whole
        where city = @Id
        """;

    private const string ReadSource = """
        select s.fingerprint, s.marks, s.failures, s.confirmed, f.rebuild_wanted,
            (select count(*)::int from datasets d where d.city = s.source and not d.tombstone) as shown,
            (select r.shown from harvest_runs r where r.source = s.source and r.outcome = 'complete' order by r.run_id desc limit 1) as "left"
        from harvest_sources s join city_feeds f on f.city = s.source
        where s.source = @source
        """;

    private const string InsertRun = """
        insert into harvest_runs (run_id, source, started_at, ended_at, outcome, rule, reason_zh, reason_en, calls, bytes, stated, read, taken, faulty, kept, added, changed, removed, removal, shown, fault_count)
        select @RunId, @Source, @StartedAt, @EndedAt, @Outcome, @Rule, @ReasonZh, @ReasonEn, @Calls, @Bytes, @Stated, @Read, @Taken, @Faulty, @Kept, @Added, @Changed, @Removed, @Removal,
            (select count(*) from datasets d where d.city = @Source and not d.tombstone), @FaultCount;
        delete from harvest_runs where source = @Source and run_id not in (select run_id from harvest_runs where source = @Source order by run_id desc limit 50)
        """;

    private const string Schedule = """
        update harvest_sources
        set next_run_at = clock_timestamp() + @NextIn, failures = case when @failed then failures + 1 else 0 end, fingerprint = @Fingerprint,
            marks = case when @keepMarks and fingerprint = @Fingerprint then marks else @Marks end, confirmed = case when @whole then '{}' else confirmed end
        where source = @source
        """;

    private const string InsertFaults = """
        insert into harvest_faults (source, number, run_id, identifier, taken, field, rule, zh, en)
        select @source, f.number, @RunId, f.identifier, f.taken, f.field, f.rule, f.zh, f.en
        from unnest(@Identifier, @Taken, @Field, @Rule, @Zh, @En) with ordinality as f (identifier, taken, field, rule, zh, en, number)
        """;
}
