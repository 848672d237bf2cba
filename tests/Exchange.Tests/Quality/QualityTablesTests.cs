using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Dapper;
using Exchange.Contracts;
using Exchange.Gateway.Federation;
using Exchange.Gateway.Quality;
using Exchange.Hosting;
using Exchange.Tests.Federation;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Exchange.Tests.Quality;

[Collection(GatewayStack.CollectionName)]
[Trait("needs", "server")]
public sealed class QualityTablesTests(GatewayStack gateway) : IAsyncLifetime
{
    private static readonly string[] Cities = ["changsha", "zhuzhou"];
    private static readonly string[] Departments = ["11430100EXAMPL0121", "11430100EXAMPL020U", "11430100EXAMPL0714"];

    private readonly Guid epoch = Guid.NewGuid();
    private readonly Dictionary<Guid, DatasetEntry> live = [];
    private readonly Dictionary<Guid, int> versions = [];
    private readonly Dictionary<Guid, DateTimeOffset> updated = [];
    private long cityChange;
    private NpgsqlDataSource database = null!;

    public async ValueTask InitializeAsync()
    {
        RuntimeHelpers.RunClassConstructor(typeof(Database).TypeHandle);
        var name = $"quality_{Guid.NewGuid():N}";
        await gateway.Stack.Databases.CreateAsync("gateway", isCity: false, name, null, TestContext.Current.CancellationToken);
        await using (var owner = new NpgsqlConnection(gateway.Stack.Databases.ConnectionString("gateway", "owner", name)))
        {
            foreach (var file in new[] { "0002_federation.sql", "0004_figures.sql", "0005_quality.sql", "0006_saved_searches.sql" })
            {
                var assembly = typeof(CatalogueTables).Assembly;
                using var sql = new StreamReader(assembly.GetManifestResourceStream(assembly.GetManifestResourceNames().Single(resource => resource.EndsWith(file, StringComparison.Ordinal)))!);
                await owner.ExecuteAsync(await sql.ReadToEndAsync());
            }
        }

        database = NpgsqlDataSource.Create(gateway.Stack.Databases.ConnectionString("gateway", "app", name));
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Averages_are_those_of_the_entries_whatever_happened(int seed)
    {
        var random = new Random(seed);
        var day = new DateOnly(2026, 11, 20);
        for (var round = 0; round < 6; round++)
        {
            await using (var connection = await database.OpenConnectionAsync())
            {
                for (var i = 0; i < 25; i++)
                {
                    await HappenAsync(connection, random, day);
                }

                if (round == 3)
                {
                    await RebuildAsync(connection, random);
                }
            }

            await CatchUpAsync(day, random);
            await AssertAveragesAsync(day);
            if (round % 2 == 1)
            {
                day = day.AddDays(1);
            }
        }
    }

    [Fact]
    public async Task A_day_that_is_over_never_changes_and_a_new_one_begins_as_it_ended()
    {
        var (yesterday, today) = (new DateOnly(2026, 11, 21), new DateOnly(2026, 11, 22));
        await using var connection = await database.OpenConnectionAsync();
        var (kept, gone, late) = (Entry(new Random(1)), Entry(new Random(2)), Entry(new Random(3)) with { UpdateFrequency = "daily" });
        foreach (var entry in new[] { kept, gone, late })
        {
            await PublishAsync(connection, entry);
        }

        await UpdatedAsync(connection, late, new DateTimeOffset(2026, 11, 19, 4, 0, 0, TimeSpan.Zero));
        await CatchUpAsync(yesterday);
        await AssertAveragesAsync(yesterday);
        var before = await RowsAsync(yesterday);

        // Nothing happened but a night: what is late by now has lost points, today only.
        await CatchUpAsync(today);
        await AssertAveragesAsync(today);
        Assert.Equal(before, await RowsAsync(yesterday));
        Assert.NotEqual(before, await RowsAsync(today));

        await WithdrawAsync(connection, gone.DatasetId);
        await CatchUpAsync(today);
        await AssertAveragesAsync(today);
        Assert.Equal(before, await RowsAsync(yesterday));

        // A replica whose clock is still in yesterday writes into today.
        await PublishAsync(connection, kept with { Version = 2, Theme = "Z0000" });
        await CatchUpAsync(yesterday);
        await AssertAveragesAsync(today);
        Assert.Equal(before, await RowsAsync(yesterday));
    }

    [Fact]
    public async Task Another_epoch_starts_over_and_forgets_what_is_gone()
    {
        var day = new DateOnly(2026, 11, 22);
        await using var connection = await database.OpenConnectionAsync();
        var entries = Enumerable.Range(10, 12).Select(seed => Entry(new Random(seed))).ToList();
        foreach (var entry in entries)
        {
            await PublishAsync(connection, entry);
        }

        await CatchUpAsync(day);
        await connection.ExecuteAsync("""
            update catalogue set epoch = gen_random_uuid(), change = 3; delete from datasets where change > 9;
            update datasets set change = -change; update datasets set change = row from (select dataset_id, row_number() over (order by change desc) as row from datasets) d where d.dataset_id = datasets.dataset_id; update catalogue set change = 9
            """);
        var left = (await connection.QueryAsync<Guid>("select dataset_id from datasets")).ToHashSet();
        Assert.Equal(9, left.Count);
        foreach (var id in live.Keys.Except(left).ToList())
        {
            live.Remove(id);
        }

        await CatchUpAsync(day);
        await AssertAveragesAsync(day);
        Assert.Equal(9, await connection.ExecuteScalarAsync<int>("select count(*) from quality_scores"));
    }

    [Fact]
    public async Task Rows_that_were_deleted_by_hand_leave_at_the_next_day()
    {
        var day = new DateOnly(2026, 11, 22);
        await using var connection = await database.OpenConnectionAsync();
        var (kept, deleted) = (Entry(new Random(1)), Entry(new Random(2)));
        await PublishAsync(connection, kept);
        await PublishAsync(connection, deleted);
        await CatchUpAsync(day);
        await connection.ExecuteAsync("delete from datasets where dataset_id = @DatasetId", deleted);
        live.Remove(deleted.DatasetId);
        await CatchUpAsync(day.AddDays(1));
        await AssertAveragesAsync(day.AddDays(1));
    }

    [Fact]
    public async Task An_entry_that_cannot_be_read_holds_up_nobody()
    {
        var day = new DateOnly(2026, 11, 22);
        await using var connection = await database.OpenConnectionAsync();
        await CatalogueTables.ApplyAsync(connection, [Change(Guid.CreateVersion7(), 1) with { Entry = """{"name":null}""" }], CancellationToken.None);
        await PublishAsync(connection, Entry(new Random(1)));
        await CatchUpAsync(day);
        await AssertAveragesAsync(day);
    }

    [Fact]
    public async Task Two_at_once_count_each_change_once()
    {
        var day = new DateOnly(2026, 11, 22);
        await using (var connection = await database.OpenConnectionAsync())
        {
            for (var seed = 0; seed < 60; seed++)
            {
                await PublishAsync(connection, Entry(new Random(seed)));
            }
        }

        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Task.Run(() => CatchUpAsync(day))));
        await AssertAveragesAsync(day);
    }

    private async Task HappenAsync(NpgsqlConnection connection, Random random, DateOnly day)
    {
        var some = live.Count == 0 ? null : live.Values.ElementAt(random.Next(live.Count));
        switch (random.Next(10))
        {
            case 0 or 1 when some is not null:
                await WithdrawAsync(connection, some.DatasetId);
                break;
            case 2 or 3 or 4 when some is not null:
                await PublishAsync(connection, Entry(random) with { DatasetId = some.DatasetId, City = some.City, Version = versions[some.DatasetId] + 1 });
                break;
            default:
                var entry = Entry(random);
                if (random.Next(2) == 0)
                {
                    await UpdatedAsync(connection, entry, new DateTimeOffset(day, new TimeOnly(4, 0), TimeSpan.Zero).AddDays(-random.Next(5)));
                }

                await PublishAsync(connection, entry);
                break;
        }
    }

    /// <summary>A full pull of one city that finds fewer entries, and some changed.</summary>
    private async Task RebuildAsync(NpgsqlConnection connection, Random random)
    {
        foreach (var entry in live.Values.Where(entry => entry.City == "changsha").ToList())
        {
            if (random.Next(3) == 0)
            {
                live.Remove(entry.DatasetId);
            }
            else if (random.Next(3) == 0)
            {
                live[entry.DatasetId] = entry with { Version = ++versions[entry.DatasetId], Theme = "Z0000" };
            }
        }

        await using var transaction = await connection.BeginTransactionAsync();
        await CatalogueTables.ReplaceAsync(
            connection, "changsha", Guid.NewGuid(), long.MaxValue, [.. live.Values.Where(entry => entry.City == "changsha").Select(entry => Change(entry))], parts: null, CancellationToken.None);
        await transaction.CommitAsync();
    }

    /// <summary>As the leader does, in small batches; with a random number some are cut off before they commit.</summary>
    private async Task CatchUpAsync(DateOnly day, Random? interrupted = null)
    {
        await using var connection = await database.OpenConnectionAsync();
        for (var more = true; more;)
        {
            await using var transaction = await connection.BeginTransactionAsync();
            more = await QualityTables.StepAsync(connection, day, 7, NullLogger.Instance, CancellationToken.None);
            if (interrupted?.Next(4) == 0)
            {
                await transaction.RollbackAsync();
                more = true;
                continue;
            }

            await transaction.CommitAsync();
        }
    }

    /// <summary>As the city tells when the data behind an entry was last updated.</summary>
    private async Task UpdatedAsync(NpgsqlConnection connection, DatasetEntry entry, DateTimeOffset at)
    {
        updated[entry.DatasetId] = at;
        await FigureTables.ApplyAsync(connection, entry.City, [new FiguresChange { Change = ++cityChange, DatasetId = entry.DatasetId, OpenCorrections = 0, RunningGrants = 0, Grants = 0, Deliveries = 0, DataUpdatedAt = at }], CancellationToken.None);
    }

    private async Task AssertAveragesAsync(DateOnly day)
    {
        var scored = live.Values.Select(entry => (Entry: entry, EntryQuality.Of(entry, updated.TryGetValue(entry.DatasetId, out var at) ? at : null, day).Dimensions)).ToList();
        var expected = scored.SelectMany(s => new[] { (s.Entry, Department: s.Entry.DepartmentCode, s.Dimensions), (s.Entry, Department: "", s.Dimensions) })
            .GroupBy(s => (s.Entry.City, s.Department, s.Entry.OpenToSociety))
            .Select(g => Line(g.Key.City, g.Key.Department, g.Key.OpenToSociety, g.Count(), Sum(g.Select(s => s.Dimensions.Select(d => (long)d.Points))), Sum(g.Select(s => s.Dimensions.Select(d => (long)d.Max)))))
            .Order(StringComparer.Ordinal);
        Assert.NotEmpty(live);
        Assert.Equal(expected, await RowsAsync(day));
        await using var connection = await database.OpenConnectionAsync();
        Assert.Equal(live.Count, await connection.ExecuteScalarAsync<int>("select count(*) from quality_scores"));

        static long[] Sum(IEnumerable<IEnumerable<long>> rows) => [.. rows.Aggregate(new long[6].AsEnumerable(), (sum, row) => sum.Zip(row, (a, b) => a + b))];
    }

    private async Task<List<string>> RowsAsync(DateOnly day)
    {
        await using var connection = await database.OpenConnectionAsync();
        var rows = await connection.QueryAsync<AverageRow>("select day, city, department, open, department_name, rule_set, entries, points, maxima from quality_averages where day = @day and entries > 0", new { day });
        return [.. rows.Select(row => Line(row.City, row.Department, row.Open, row.Entries, row.Points, row.Maxima)).Order(StringComparer.Ordinal)];
    }

    private static string Line(string city, string department, bool open, int entries, long[] points, long[] maxima) =>
        string.Create(CultureInfo.InvariantCulture, $"{city} {department} {open} {entries} {string.Join(',', points)} of {string.Join(',', maxima)}");

    private static DatasetEntry Entry(Random random) => ScoredEntries.Open with
    {
        DatasetId = Guid.CreateVersion7(),
        Version = 1,
        City = Cities[random.Next(Cities.Length)],
        DepartmentCode = Departments[random.Next(Departments.Length)],
        Theme = random.Next(2) == 0 ? "C0300" : "Z0000",
        Abstract = random.Next(2) == 0 ? ScoredEntries.Open.Abstract : "无",
        UpdateFrequency = new[] { "realtime", "daily", "monthly", "irregular" }[random.Next(4)],
        OpenToSociety = random.Next(2) == 0,
        Grade = random.Next(1, 6),
    };

    private async Task PublishAsync(NpgsqlConnection connection, DatasetEntry entry)
    {
        live[entry.DatasetId] = entry;
        versions[entry.DatasetId] = entry.Version;
        Assert.Equal(1, await CatalogueTables.ApplyAsync(connection, [Change(entry)], CancellationToken.None));
    }

    private async Task WithdrawAsync(NpgsqlConnection connection, Guid id)
    {
        var entry = live[id];
        live.Remove(id);
        Assert.Equal(1, await CatalogueTables.ApplyAsync(connection, [Change(id, ++versions[id]) with { City = entry.City }], CancellationToken.None));
    }

    private CityChange Change(DatasetEntry entry) => Change(entry.DatasetId, entry.Version) with { City = entry.City, Entry = JsonSerializer.Serialize(entry, Json.Options) };

    private CityChange Change(Guid id, int version) => new() { City = "changsha", Epoch = epoch, Change = ++cityChange, DatasetId = id, Version = version };
}
