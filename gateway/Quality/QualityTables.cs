using System.Globalization;
using System.Text;
using System.Text.Json;
using Dapper;
using Exchange.Contracts;
using Npgsql;

namespace Exchange.Gateway.Quality;

/// <summary>
/// The only writer of scores and averages. It follows the catalogue's change numbers, which have no gaps: what was seen up to a number is seen for good, and a step that was cut off is done again
/// from the same number. Averages are sums that move by the difference between an entry's old and new score, in the same transaction, so they are always those of the stored scores.
/// On a new day the sums begin as the day before ended, and all entries are scored once more for what time alone changes.
/// </summary>
internal static partial class QualityTables
{
    private const string WholeCity = "";

    /// <summary>One batch in the caller's transaction; false when nothing was left to do.</summary>
    public static async Task<bool> StepAsync(NpgsqlConnection connection, DateOnly today, int batchSize, ILogger log, CancellationToken cancel)
    {
        var before = await connection.QuerySingleAsync<Progress>(new CommandDefinition("select epoch, change, figures, rule_set, day, swept from quality_progress where one for update", cancellationToken: cancel));
        var catalogue = await connection.QuerySingleAsync<Position>(new CommandDefinition("select epoch, change from catalogue", cancellationToken: cancel));
        // A replica whose clock is behind must not write into a day that is over.
        var day = before.Day > today ? before.Day.Value : today;
        var progress = before with { Epoch = catalogue.Epoch, RuleSet = QualityRules.Version, Day = day };
        List<Row> rows = [];
        if (before.Day != day)
        {
            await connection.ExecuteAsync(new CommandDefinition(BeginDay, new { day, last = before.Day }, cancellationToken: cancel));
            progress = progress with { Swept = Guid.Empty };
        }

        if (before.Epoch != catalogue.Epoch || before.RuleSet != QualityRules.Version || before.Change > catalogue.Change)
        {
            progress = progress with { Change = 0 };
        }

        if (before.Day != day || progress.Change < before.Change)
        {
            // Rows that were taken out of the read model by hand have left no change behind.
            rows.AddRange(await connection.QueryAsync<Row>(new CommandDefinition(ReadGone, cancellationToken: cancel)));
        }

        var changed = (await connection.QueryAsync<Row>(new CommandDefinition(ReadChanged, new { progress.Change, batchSize }, cancellationToken: cancel))).AsList();
        rows.AddRange(changed);
        // Everything up to the number that was read before them is among them, or was taken out by hand.
        progress = progress with { Change = changed.Count == batchSize ? changed[^1].Change : Math.Max(catalogue.Change, changed.Count == 0 ? 0 : changed[^1].Change) };
        var told = (await connection.QueryAsync<Row>(new CommandDefinition(ReadTold, new { progress.Figures, batchSize }, cancellationToken: cancel))).AsList();
        rows.AddRange(told);
        progress = progress with { Figures = told.Count > 0 ? told[^1].Change : progress.Figures };
        if (changed.Count == 0 && progress.Swept is { } swept)
        {
            var unchanged = (await connection.QueryAsync<Row>(new CommandDefinition(ReadAgain, new { swept, batchSize }, cancellationToken: cancel))).AsList();
            progress = progress with { Swept = unchanged.Count < batchSize ? null : unchanged[^1].DatasetId };
            rows.AddRange(unchanged);
        }

        if (progress == before)
        {
            return false;
        }

        await StoreAsync(connection, Scored(rows, day, log), day, cancel);
        await connection.ExecuteAsync(new CommandDefinition("update quality_progress set epoch = @Epoch, change = @Change, figures = @Figures, rule_set = @RuleSet, day = @Day, swept = @Swept where one", progress, cancellationToken: cancel));
        return true;
    }

    /// <summary>The newest score per entry; null where the entry is gone, or cannot be read.</summary>
    private static Dictionary<Guid, Score?> Scored(List<Row> rows, DateOnly day, ILogger log)
    {
        Dictionary<Guid, Score?> scores = [];
        foreach (var row in rows)
        {
            try
            {
                scores[row.DatasetId] = row.Entry is null ? null : Score.Of(EntryQuality.Read(Encoding.UTF8.GetBytes(row.Entry)), row.DataUpdatedAt, day);
            }
            catch (JsonException fault)
            {
                // One entry that cannot be read must not hold up all others.
                LogUnreadable(log, row.DatasetId, fault.Message);
                scores[row.DatasetId] = null;
            }
        }

        return scores;
    }

    private static async Task StoreAsync(NpgsqlConnection connection, Dictionary<Guid, Score?> scores, DateOnly day, CancellationToken cancel)
    {
        var stored = (await connection.QueryAsync<StoredScore>(new CommandDefinition(ReadScores, new { datasets = scores.Keys.ToArray() }, cancellationToken: cancel))).ToDictionary(row => row.DatasetId);
        Dictionary<Group, Sums> moved = [];
        List<(Guid DatasetId, Score Score)> written = [];
        List<Guid> gone = [];
        foreach (var (id, score) in scores)
        {
            var old = stored.GetValueOrDefault(id);
            if (old is not null && score is not null && old.Is(score))
            {
                continue;
            }

            if (old is not null)
            {
                Move(new Group(old.City, old.Department, old.Open), null, -1, old.Points, old.Maxima);
            }

            if (score is not null)
            {
                Move(score.Group, score.DepartmentName, 1, score.Points, score.Maxima);
                written.Add((id, score));
            }
            else if (old is not null)
            {
                gone.Add(id);
            }
        }

        if (moved.Count == 0)
        {
            return;
        }

        await connection.ExecuteAsync(new CommandDefinition(WriteScores, new
        {
            gone = gone.ToArray(),
            DatasetId = written.Select(w => w.DatasetId).ToArray(),
            City = written.Select(w => w.Score.Group.City).ToArray(),
            Department = written.Select(w => w.Score.Group.Department).ToArray(),
            Open = written.Select(w => w.Score.Group.Open).ToArray(),
            Points = written.Select(w => Array(w.Score.Points)).ToArray(),
            Maxima = written.Select(w => Array(w.Score.Maxima)).ToArray(),
        }, cancellationToken: cancel));

        foreach (var row in await connection.QueryAsync<AverageRow>(new CommandDefinition(ReadDay, new
        {
            day,
            City = moved.Keys.Select(g => g.City).ToArray(),
            Department = moved.Keys.Select(g => g.Department).ToArray(),
            Open = moved.Keys.Select(g => g.Open).ToArray(),
        }, cancellationToken: cancel)))
        {
            var sums = moved[new Group(row.City, row.Department, row.Open)];
            sums.Add(row.Entries, row.Points, row.Maxima);
            sums.DepartmentName ??= row.DepartmentName;
        }

        await connection.ExecuteAsync(new CommandDefinition(WriteDay, new
        {
            day,
            QualityRules.Version,
            City = moved.Keys.Select(g => g.City).ToArray(),
            Department = moved.Keys.Select(g => g.Department).ToArray(),
            Open = moved.Keys.Select(g => g.Open).ToArray(),
            DepartmentName = moved.Values.Select(s => s.DepartmentName ?? "").ToArray(),
            Entries = moved.Values.Select(s => s.Entries).ToArray(),
            Points = moved.Values.Select(s => Array(s.Points)).ToArray(),
            Maxima = moved.Values.Select(s => Array(s.Maxima)).ToArray(),
        }, cancellationToken: cancel));

        void Move(Group group, string? name, int sign, IEnumerable<int> points, IEnumerable<int> maxima)
        {
            foreach (var (target, called) in new[] { (group, name), (group with { Department = WholeCity }, "") })
            {
                if (!moved.TryGetValue(target, out var sums))
                {
                    moved[target] = sums = new Sums();
                }

                sums.Add(sign, points.Select(p => (long)p * sign), maxima.Select(m => (long)m * sign));
                sums.DepartmentName = called ?? sums.DepartmentName;
            }
        }
    }

    /// <summary>An array as PostgreSQL writes it: unnest would flatten an array of arrays.</summary>
    private static string Array<T>(IEnumerable<T> numbers) => string.Create(CultureInfo.InvariantCulture, $"{{{string.Join(',', numbers)}}}");

    private sealed record Group(string City, string Department, bool Open);

    private sealed class Sums
    {
        public int Entries { get; private set; }

        public long[] Points { get; private set; } = [];

        public long[] Maxima { get; private set; } = [];

        public string? DepartmentName { get; set; }

        public void Add(int entries, IEnumerable<long> points, IEnumerable<long> maxima)
        {
            Entries += entries;
            Points = Plus(Points, [.. points]);
            Maxima = Plus(Maxima, [.. maxima]);
        }

        /// <summary>An older rule set may have had fewer dimensions.</summary>
        private static long[] Plus(long[] one, long[] other) => [.. Enumerable.Range(0, Math.Max(one.Length, other.Length)).Select(i => one.ElementAtOrDefault(i) + other.ElementAtOrDefault(i))];
    }

    private sealed record Score(Group Group, string DepartmentName, int[] Points, int[] Maxima)
    {
        public static Score Of(DatasetEntry entry, DateTimeOffset? updatedAt, DateOnly day)
        {
            var dimensions = EntryQuality.Of(entry, updatedAt, day).Dimensions;
            return new(new Group(entry.City, entry.DepartmentCode, entry.OpenToSociety), entry.DepartmentName, [.. dimensions.Select(d => d.Points)], [.. dimensions.Select(d => d.Max)]);
        }
    }

    private sealed record StoredScore
    {
        public required Guid DatasetId { get; init; }
        public required string City { get; init; }
        public required string Department { get; init; }
        public required bool Open { get; init; }
        public required int[] Points { get; init; }
        public required int[] Maxima { get; init; }

        public bool Is(Score score) => new Group(City, Department, Open) == score.Group && Points.SequenceEqual(score.Points) && Maxima.SequenceEqual(score.Maxima);
    }

    private sealed record Progress
    {
        public Guid? Epoch { get; init; }
        public required long Change { get; init; }
        public required long Figures { get; init; }
        public required int RuleSet { get; init; }
        public DateOnly? Day { get; init; }
        public Guid? Swept { get; init; }
    }

    private sealed record Position
    {
        public required Guid Epoch { get; init; }
        public required long Change { get; init; }
    }

    private sealed record Row
    {
        public required long Change { get; init; }
        public required Guid DatasetId { get; init; }
        public string? Entry { get; init; }
        public DateTimeOffset? DataUpdatedAt { get; init; }
    }

    private const string BeginDay = """
        insert into quality_averages (day, city, department, open, department_name, rule_set, entries, points, maxima)
        select @day, city, department, open, department_name, rule_set, entries, points, maxima from quality_averages where day = @last and entries > 0
        """;

    private const string ReadGone = """
        select 0::bigint as change, q.dataset_id from quality_scores q
        where not exists (select from datasets d where d.dataset_id = q.dataset_id and not d.tombstone)
        """;

    private const string Read = "select d.change, d.dataset_id, d.entry, f.data_updated_at from datasets d left join dataset_figures f using (dataset_id)";

    private const string ReadChanged = Read + " where d.change > @Change order by d.change limit @batchSize";

    /// <summary>What a city said of its data counts with the entry, whose change it is not.</summary>
    private const string ReadTold = "select f.change, f.dataset_id, d.entry, f.data_updated_at from dataset_figures f left join datasets d using (dataset_id) where f.change > @Figures order by f.change limit @batchSize";

    private const string ReadAgain = Read + " where d.dataset_id > @swept and not d.tombstone order by d.dataset_id limit @batchSize";

    private const string ReadScores = "select dataset_id, city, department, open, points, maxima from quality_scores where dataset_id = any(@datasets)";

    private const string WriteScores = """
        with gone as (delete from quality_scores where dataset_id = any(@gone))
        insert into quality_scores as q (dataset_id, city, department, open, points, maxima)
        select dataset_id, city, department, open, points::int[], maxima::int[]
        from unnest(@DatasetId, @City, @Department, @Open, @Points, @Maxima) as w (dataset_id, city, department, open, points, maxima)
        on conflict (dataset_id) do update
        set city = excluded.city, department = excluded.department, open = excluded.open, points = excluded.points, maxima = excluded.maxima
        """;

    private const string ReadDay = """
        select a.day, a.city, a.department, a.open, a.department_name, a.rule_set, a.entries, a.points, a.maxima
        from unnest(@City, @Department, @Open) as g (city, department, open) join quality_averages a on a.day = @day and (a.city, a.department, a.open) = (g.city, g.department, g.open)
        """;

    private const string WriteDay = """
        insert into quality_averages (day, city, department, open, department_name, rule_set, entries, points, maxima)
        select @day, city, department, open, department_name, @Version, entries, points::bigint[], maxima::bigint[]
        from unnest(@City, @Department, @Open, @DepartmentName, @Entries, @Points, @Maxima) as w (city, department, open, department_name, entries, points, maxima)
        on conflict (day, city, department, open) do update
        set department_name = excluded.department_name, rule_set = excluded.rule_set, entries = excluded.entries, points = excluded.points, maxima = excluded.maxima
        """;

    [LoggerMessage(Level = LogLevel.Warning, Message = "Entry {DatasetId} cannot be scored: {Reason}")]
    private static partial void LogUnreadable(ILogger log, Guid datasetId, string reason);
}

/// <summary>Sums over the entries of a department, or of a whole city where <see cref="Department"/> is empty, on one day.</summary>
internal sealed record AverageRow
{
    public required DateOnly Day { get; init; }
    public required string City { get; init; }
    public required string Department { get; init; }
    public required bool Open { get; init; }
    public required string DepartmentName { get; init; }
    public required int RuleSet { get; init; }
    public required int Entries { get; init; }
    public required long[] Points { get; init; }
    public required long[] Maxima { get; init; }
}
