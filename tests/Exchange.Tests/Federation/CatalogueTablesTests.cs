using System.Runtime.CompilerServices;
using Dapper;
using Exchange.Gateway.Federation;
using Exchange.Hosting;
using FsCheck;
using FsCheck.Fluent;
using Npgsql;

namespace Exchange.Tests.Federation;

[Collection(GatewayStack.CollectionName)]
[Trait("needs", "server")]
public sealed class CatalogueTablesTests(GatewayStack gateway) : IAsyncLifetime
{
    private static readonly Guid Epoch = Guid.NewGuid();
    private NpgsqlDataSource database = null!;

    public async ValueTask InitializeAsync()
    {
        RuntimeHelpers.RunClassConstructor(typeof(Database).TypeHandle);
        var name = $"tables_{Guid.NewGuid():N}";
        await gateway.Stack.Databases.CreateAsync("gateway", isCity: false, name, null, TestContext.Current.CancellationToken);
        await using (var owner = new NpgsqlConnection(gateway.Stack.Databases.ConnectionString("gateway", "owner", name)))
        {
            var migration = typeof(CatalogueTables).Assembly.GetManifestResourceNames().Single(resource => resource.EndsWith("0002_federation.sql", StringComparison.Ordinal));
            using var sql = new StreamReader(typeof(CatalogueTables).Assembly.GetManifestResourceStream(migration)!);
            await owner.ExecuteAsync(await sql.ReadToEndAsync());
        }

        database = NpgsqlDataSource.Create(gateway.Stack.Databases.ConnectionString("gateway", "app", name));
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public void Any_order_of_the_same_events_ends_in_the_same_state()
    {
        var histories =
            from lengths in Gen.Choose(1, 5).ArrayOf(4)
            let events = lengths.SelectMany((length, id) => Enumerable.Range(1, length).Select(version => (Id: id, Version: version, Ends: version == length && length % 2 == 0))).ToArray()
            from order in Gen.Shuffle(events.Concat(events.Take(3)).ToArray())
            select (events, order);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(40), Prop.ForAll(histories.ToArbitrary(), history =>
        {
            var inOrder = FinalState(history.events);
            Assert.Equal(inOrder, FinalState(history.order));
            return true;
        }));
    }

    [Fact]
    public async Task Two_appliers_at_once_number_without_gap_or_double()
    {
        await using (var connection = await database.OpenConnectionAsync())
        {
            await ClearAsync(connection);
        }

        var ids = Enumerable.Range(0, 40).Select(_ => Guid.CreateVersion7()).ToArray();
        var written = await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(async () =>
        {
            await using var connection = await database.OpenConnectionAsync();
            var changed = 0;
            for (var version = 1; version <= 5; version++)
            {
                foreach (var id in ids)
                {
                    changed += await ApplyAsync(connection, Change(id, version, 1 + (worker * 1000)));
                }
            }

            return changed;
        })));
        await using var after = await database.OpenConnectionAsync();
        Assert.Equal(written.Sum(), await after.ExecuteScalarAsync<long>("select change from catalogue"));
        Assert.Equal(written.Sum(), await after.ExecuteScalarAsync<long>("select max(change) from datasets"));
        Assert.Equal(40, await after.ExecuteScalarAsync<int>("select count(*) from datasets where version = 5"));
    }

    [Fact]
    public async Task A_full_pull_keeps_what_a_message_brought_meanwhile_and_touches_only_what_differs()
    {
        await using var connection = await database.OpenConnectionAsync();
        await ClearAsync(connection);
        var (same, stale, gone, newer) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await ApplyAsync(connection, Change(same, 1, 1));
        await ApplyAsync(connection, Change(stale, 1, 2));
        await ApplyAsync(connection, Change(gone, 1, 3));
        await ApplyAsync(connection, Change(newer, 7, 9));
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            await CatalogueTables.ReplaceAsync(connection, "changsha", Epoch, 5, [Change(same, 1, 1), Change(stale, 2, 4), Change(newer, 6, 5)], CancellationToken.None);
            await transaction.CommitAsync();
        }

        var rows = (await connection.QueryAsync<(Guid Id, int Version, bool Tombstone, long Change)>("select dataset_id, version, tombstone, change from datasets")).ToDictionary(row => row.Id);
        Assert.Equal((1, false, 1L), (rows[same].Version, rows[same].Tombstone, rows[same].Change));
        Assert.Equal((2, false), (rows[stale].Version, rows[stale].Tombstone));
        Assert.Equal((1, true), (rows[gone].Version, rows[gone].Tombstone));
        Assert.Equal((7, false, 4L), (rows[newer].Version, rows[newer].Tombstone, rows[newer].Change));
        Assert.Equal(6, await connection.ExecuteScalarAsync<long>("select change from catalogue"));
    }

    [Fact]
    public async Task A_citys_position_moves_over_what_is_whole_and_stops_at_a_gap()
    {
        await using var connection = await database.OpenConnectionAsync();
        await ClearAsync(connection);
        await connection.ExecuteAsync("delete from city_feeds; insert into city_feeds (city, epoch, change) values ('changsha', @Epoch, 3)", new { Epoch });
        foreach (var (changes, position) in new (long[], long)[] { ([2, 3, 4, 5], 5), ([9, 7, 6], 7), ([9], 7), ([8, 9], 9), ([1, 2], 9), ([11], 9), ([10, 12, 11], 12) })
        {
            await ApplyAsync(connection, [.. changes.Select(change => Change(Guid.CreateVersion7(), 1, change))]);
            Assert.Equal(position, await connection.ExecuteScalarAsync<long>("select change from city_feeds where city = 'changsha'"));
        }

        // One entry several times in one batch: its newest version, under one number.
        var id = Guid.CreateVersion7();
        var before = await connection.ExecuteScalarAsync<long>("select change from catalogue");
        Assert.Equal(1, await ApplyAsync(connection, Change(id, 1, 13), Change(id, 3, 15), Change(id, 2, 14)));
        Assert.Equal((3, before + 1), await connection.QuerySingleAsync<(int, long)>("select version, change from datasets where dataset_id = @id", new { id }));
        Assert.Equal(15, await connection.ExecuteScalarAsync<long>("select change from city_feeds where city = 'changsha'"));
    }

    private string FinalState(IEnumerable<(int Id, int Version, bool Ends)> events)
    {
        using var connection = database.OpenConnection();
        connection.Execute(Clear);
        List<CityChange> batch = [];
        foreach (var (id, version, ends) in events)
        {
            var change = Change(new Guid(id + 1, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0]), version, version);
            batch.Add(ends ? change with { Entry = null } : change);
            // One by one, or several at once: it comes to the same.
            if (batch.Count > version % 3)
            {
                ApplyAsync(connection, [.. batch]).GetAwaiter().GetResult();
                batch.Clear();
            }
        }

        if (batch.Count > 0)
        {
            ApplyAsync(connection, [.. batch]).GetAwaiter().GetResult();
        }

        return connection.ExecuteScalar<string>("select string_agg(dataset_id || ':' || version || ':' || tombstone || ':' || coalesce(entry, '') || ':' || row_hash, ' ' order by dataset_id) from datasets")!;
    }

    private static async Task<int> ApplyAsync(NpgsqlConnection connection, params CityChange[] changes)
    {
        await using var transaction = await connection.BeginTransactionAsync();
        var changed = await CatalogueTables.ApplyAsync(connection, changes, CancellationToken.None);
        await transaction.CommitAsync();
        return changed;
    }

    private static Task<int> ClearAsync(NpgsqlConnection connection) => connection.ExecuteAsync(Clear);

    private static CityChange Change(Guid id, int version, long change) => new()
    {
        City = "changsha",
        Epoch = Epoch,
        Change = change,
        DatasetId = id,
        Version = version,
        Entry = $$"""{"version":{{version}}}""",
    };

    private const string Clear = "delete from datasets; update catalogue set change = 0";
}
