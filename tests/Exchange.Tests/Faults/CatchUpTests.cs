using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Datasets;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Exchange.Tests.Flow;
using Npgsql;
using RabbitMQ.Client;

namespace Exchange.Tests.Faults;

/// <summary>A city that missed news, or believes what the owner never said, is set right by messages.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class CatchUpTests(ExchangeFixture exchange)
{
    [Fact]
    public async Task A_city_that_lost_news_and_one_that_heard_of_versions_a_restored_owner_never_gave_are_set_right_at_the_next_start()
    {
        var lost = await PublishAsync();
        var ahead = await PublishAsync();
        var ghost = Guid.CreateVersion7();
        await using var xiangtan = await exchange.AdminAsync("xiangtan");
        await Eventually.TrueAsync(async () => await xiangtan.ExecuteScalarAsync<long>("select count(*) from service.known_datasets where dataset_id = any(@ids)", new { ids = new[] { lost, ahead } }) == 2);
        await xiangtan.ExecuteAsync("""
            delete from service.known_datasets where dataset_id = @lost;
            update service.known_datasets set version = 7 where dataset_id = @ahead;
            insert into service.known_datasets (dataset_id, city, version, withdrawn, entry) values (@ghost, 'changsha', 3, false, '{}');
            """, new { lost, ahead, ghost });

        await AskAgainAsync();

        await EqualsFeedAsync(xiangtan);
        Assert.Equal(1, await xiangtan.ExecuteScalarAsync<int>("select version from service.known_datasets where dataset_id = @ahead", new { ahead }));
        await exchange.NothingSetAsideAsync();
    }

    [Fact]
    public async Task The_pages_of_a_copy_may_come_in_any_order_and_twice_and_news_since_the_asking_stays()
    {
        await using var xiangtan = await exchange.AdminAsync("xiangtan");
        var heardSince = await PublishAsync();
        await Eventually.TrueAsync(async () => await xiangtan.ExecuteScalarAsync<bool>("select exists (select from service.known_datasets where dataset_id = @heardSince)", new { heardSince }));
        var entry = JsonSerializer.Deserialize<DatasetEntry>(await xiangtan.ExecuteScalarAsync<string>("select entry from service.known_datasets where dataset_id = @heardSince", new { heardSince }) ?? "", Json.Options)!;
        var ask = await xiangtan.ExecuteScalarAsync<long>("select last_value from service.catalogue_asks");
        var (one, two, gone) = (entry with { DatasetId = Guid.CreateVersion7() }, entry with { DatasetId = Guid.CreateVersion7(), Version = 4 }, new WithdrawnEntry(Guid.CreateVersion7(), 2));
        var (count, hash) = FeedHash.Of([(one.DatasetId, one.Version, false), (two.DatasetId, two.Version, false), (gone.DatasetId, gone.Version, true)]);
        var page = new CatalogueCopied { City = "changsha", Ask = ask, Copy = Guid.CreateVersion7(), Page = 1, Pages = 2, Count = count, Hash = hash, Entries = [one], Withdrawn = [gone] };

        // A copy whose pages do not give its digest takes nothing away.
        await SendAsync(page with { Copy = Guid.CreateVersion7(), Pages = 1 });
        await SendAsync(page with { Page = 2, Entries = [two], Withdrawn = [] });
        await SendAsync(page with { Page = 2, Entries = [two], Withdrawn = [] });
        Assert.False(await xiangtan.ExecuteScalarAsync<bool>("select exists (select from service.known_datasets where dataset_id = @DatasetId)", one));
        await SendAsync(page);

        await Eventually.TrueAsync(async () => await xiangtan.ExecuteScalarAsync<long>(
            "select count(*) from service.known_datasets where (dataset_id = @one and version = 1) or (dataset_id = @two and version = 4) or (dataset_id = @gone and withdrawn)",
            new { one = one.DatasetId, two = two.DatasetId, gone = gone.DatasetId }) == 3);
        Assert.True(await xiangtan.ExecuteScalarAsync<bool>("select exists (select from service.known_datasets where dataset_id = @heardSince)", new { heardSince }));
        Assert.Equal(0, await xiangtan.ExecuteScalarAsync<long>("select count(*) from service.catalogue_pages where copy = @Copy", page));

        // None of it was so: the owner's own next copy says it.
        await AskAgainAsync();
        await EqualsFeedAsync(xiangtan);
        await exchange.NothingSetAsideAsync();
    }

    [Fact]
    public void A_copy_has_pages_of_a_hundred_entries_or_a_megabyte_and_one_page_of_nothing()
    {
        Assert.Empty(Assert.Single(CopyCatalogue.PagesOf([])));
        Assert.Equal([100, 100, 5], CopyCatalogue.PagesOf([.. Enumerable.Range(1, 205).Select(n => Change(n, 10))]).Select(page => page.Count));
        Assert.Equal([1, 2, 1], CopyCatalogue.PagesOf([Change(1, 2_000_000), Change(2, 400_000), Change(3, 400_000), Change(4, 400_000)]).Select(page => page.Count));

        static FeedChange Change(int n, int size) => new(n, Guid.CreateVersion7(), 1, false, "x", new string('x', size));
    }

    private async Task<Guid> PublishAsync() => (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();

    /// <summary>Xiangtan asks when it starts; that Changsha may have answered it a moment ago is forgotten.</summary>
    private async Task AskAgainAsync()
    {
        await exchange.Stack.StopAsync("xiangtan");
        await using (var changsha = await exchange.AdminAsync("changsha"))
        {
            await changsha.ExecuteAsync("delete from service.catalogue_answers");
        }

        await exchange.Stack.StartAsync("xiangtan");
    }

    private async Task EqualsFeedAsync(NpgsqlConnection xiangtan)
    {
        await using var changsha = await exchange.AdminAsync("changsha");
        await Eventually.GetAsync(
            async () => (
                Feed: string.Join('\n', await changsha.QueryAsync<string>("select key || ' ' || version || ' ' || tombstone from service.feed_entries order by key")),
                Known: string.Join('\n', await xiangtan.QueryAsync<string>("select dataset_id || ' ' || version || ' ' || withdrawn from service.known_datasets where city = 'changsha' order by dataset_id"))),
            seen => seen.Feed == seen.Known,
            show: seen => $"the feed\n{seen.Feed}\nand what is known\n{seen.Known}");
    }

    private async Task SendAsync(CatalogueCopied page)
    {
        await using var connection = await new ConnectionFactory { Uri = new Uri(exchange.Stack.BrokerUri("changsha")) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        var body = MessageJson.Envelope(Guid.CreateVersion7(), null, "changsha", Topology.Addressed, typeof(CatalogueCopied).FullName!, JsonSerializer.SerializeToUtf8Bytes(page, MessageJson.Options), DateTimeOffset.UtcNow);
        await channel.BasicPublishAsync(Topology.Addressed, "changsha.xiangtan", mandatory: true, new BasicProperties { ContentType = MessageJson.ContentType, Persistent = true }, body);
    }
}
