using System.Collections.Concurrent;
using System.Globalization;
using Dapper;
using Exchange.Local;
using Exchange.Tests.Flow;

namespace Exchange.Tests.Faults;

/// <summary>Three cities publish, revise and withdraw while the broker goes twice, a city and a gateway die, and somebody deletes rows of the read model: it ends as the union of the cities.</summary>
[Collection(FaultyExchange.Name)]
[Trait("needs", "server")]
[Trait("length", "long")]
public sealed class CatalogueChaosTests(FaultFixture exchange)
{
    private static readonly string[] Cities = ["changsha", "zhuzhou", "xiangtan"];

    [Fact]
    public Task The_catalogue_is_the_union_of_its_cities_whatever_dies() => ChaosAsync(changes: 60);

    [Fact]
    public Task After_20_000_changes_the_catalogue_is_the_union_of_its_cities() => ChaosAsync(changes: 20_000);

    private Task ChaosAsync(int changes) => exchange.RunAsync(async schedule =>
    {
        await exchange.Stack.StartAsync(Stack.Gateway + "-2");
        try
        {
            var done = 0;
            var reached = Enumerable.Range(0, changes + 1).Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).ToArray();
            var kinds = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
            var workers = Cities.SelectMany(city => Enumerable.Range(0, 2).Select(_ => (City: city, Seed: schedule.Next(int.MaxValue)))).Select(worker => Task.Run(() => WorkAsync(worker.City, new Random(worker.Seed)))).ToArray();

            await reached[changes / 6].Task;
            await RestartBrokerAsync();
            await reached[changes / 3].Task;
            schedule.Note("kill changsha");
            await exchange.KillNoticedAsync("changsha");
            await exchange.ReviveAsync("changsha");
            await reached[changes / 2].Task;
            var replica = schedule.Pick([Stack.Gateway, Stack.Gateway + "-2"]);
            schedule.Note($"kill {replica}");
            await exchange.Stack.KillAsync(replica);
            await exchange.Stack.StartAsync(replica);
            await reached[changes * 2 / 3].Task;
            await RestartBrokerAsync();
            await reached[changes * 5 / 6].Task;
            await using (var gateway = await exchange.AdminAsync(Stack.Gateway))
            {
                var deleted = await gateway.ExecuteAsync("delete from service.datasets where dataset_id in (select dataset_id from service.datasets order by random() limit (select greatest(1, count(*) / 100) from service.datasets))");
                schedule.Note(string.Create(CultureInfo.InvariantCulture, $"deleted {deleted} rows"));
            }

            await Task.WhenAll(workers);
            Assert.Equal(["publish", "revise", "withdraw"], kinds.Keys.Order(StringComparer.Ordinal));

            // The same hash on both sides, city by city, and each replica's index with it; then the checker compares every entry's text.
            foreach (var city in Cities)
            {
                var union = await Eventually.GetAsync(
                    async () => (Theirs: await HashAsync(city, "select count(*) || ' ' || coalesce(bit_xor(row_hash), 0) from service.feed_entries where feed = 'datasets'"),
                        Ours: await HashAsync(Stack.Gateway, $"select count(*) || ' ' || coalesce(bit_xor(row_hash), 0) from service.datasets where city = '{city}' and row_hash is not null")),
                    hashes => hashes.Theirs == hashes.Ours,
                    TimeSpan.FromSeconds(60),
                    hashes => $"{city} has {hashes.Theirs}, the catalogue {hashes.Ours}");
                Assert.NotEqual("0 0", union.Theirs);
            }

            var standing = await HashAsync(Stack.Gateway, "select count(*)::text from service.datasets where not tombstone");
            foreach (var address in exchange.Stack.ProcessesOf(Stack.Gateway).Select(exchange.Stack.Address))
            {
                await Eventually.GetAsync(
                    () => exchange.Who("changsha", "officer").GetAsync(new Uri(address, "/api/catalogue/datasets?limit=1").AbsoluteUri),
                    answer => answer.Status == 200 && answer["total"].GetRawText() == standing,
                    show: answer => $"{address} should find {standing}: {answer.Text}");
            }

            await exchange.AtRestAsync();

            async Task WorkAsync(string city, Random random)
            {
                List<Guid> live = [];
                while (Volatile.Read(ref done) < changes)
                {
                    var kind = live.Count < 2 || random.Next(10) < 4 ? "publish" : random.Next(2) == 0 ? "revise" : "withdraw";
                    try
                    {
                        var at = live.Count == 0 ? 0 : random.Next(live.Count);
                        switch (kind)
                        {
                            case "publish":
                                live.Add((await exchange.PublishAsync(city, "conditional", rowsToo: false)).GetProperty("dataset_id").GetGuid());
                                break;
                            case "revise":
                                (await exchange.RepublishAsync(city, live[at], "conditional")).Succeeded("publish again");
                                break;
                            default:
                                var head = exchange.Who(city, "department_head");
                                var path = $"/api/cities/{city}/datasets/{live[at]}";
                                live.RemoveAt(at);
                                (await head.PostAsync(path + "/withdraw", new { Reason = "示例" }, (await head.GetAsync(path)).Succeeded("read").ETag)).Succeeded("withdraw");
                                break;
                        }

                        kinds.AddOrUpdate(kind, 1, (_, count) => count + 1);
                        var now = Interlocked.Increment(ref done);
                        if (now <= changes)
                        {
                            reached[now].SetResult();
                        }
                    }
                    catch (Exception fault) when (fault is LocalFault or HttpRequestException or OperationCanceledException)
                    {
                        // Something died under it; what became of this entry only its city knows, and the next ones tell whether it is back.
                        live.Clear();
                        await Deaths.InsistAsync(() => exchange.Who(city, "officer").GetAsync($"/api/cities/{city}/datasets?limit=1"));
                    }
                }
            }
        }
        finally
        {
            await exchange.Stack.StopAsync(Stack.Gateway + "-2");
        }

        async Task RestartBrokerAsync()
        {
            schedule.Note("kill the broker");
            await exchange.Stack.KillBrokerAsync();
            await exchange.Stack.StartBrokerAsync();
        }

        async Task<string> HashAsync(string service, string sql)
        {
            await using var connection = await exchange.AdminAsync(service);
            return (await connection.ExecuteScalarAsync<string>(sql))!;
        }
    });
}
