using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Dapper;
using Npgsql;

namespace Exchange.Tests.Faults;

/// <summary>
/// Writers whose transactions take their places in the outbox in one order and commit in another; some hold what is first open until the relay has sent on what came
/// later. <see cref="HoldsAsync"/> is what must be true of the city's numbers and of everyone who listens, whatever happened to the relay meanwhile.
/// </summary>
internal sealed class Race(FaultFixture exchange, Schedule schedule, string city) : IAsyncDisposable
{
    private const int Writers = 4;

    private readonly Guid[] datasets = [.. Enumerable.Range(0, 40).Select(_ => Guid.CreateVersion7())];
    private readonly Dictionary<Guid, int> newest = [];
    private readonly List<Guid> records = [];
    private readonly List<NpgsqlConnection> writers = [];

    public static async Task<Race> OfAsync(FaultFixture exchange, Schedule schedule, string city)
    {
        var race = new Race(exchange, schedule, city);
        for (var i = 0; i < Writers; i++)
        {
            race.writers.Add(await exchange.AdminAsync(city, "writer"));
        }

        return race;
    }

    /// <summary>At least this many transactions. What waits for the relay only happens when there is one.</summary>
    public async Task RunAsync(int transactions, bool relayWorks = true)
    {
        schedule.Note($"{transactions} transactions{(relayWorks ? "" : " without a relay")}");
        for (var done = 0; done < transactions;)
        {
            var open = 2 + schedule.Next(Writers - 1);
            var chosen = schedule.Shuffle(datasets).Take(open);
            var begun = new List<(NpgsqlTransaction Transaction, Guid Last)>();
            foreach (var (writer, dataset) in writers.Zip(chosen))
            {
                begun.Add(await WriteAsync(writer, dataset));
            }

            var overtaken = relayWorks && schedule.Chance(0.04);
            foreach (var (index, (transaction, last)) in schedule.Shuffle(begun).Index())
            {
                await transaction.CommitAsync();
                await transaction.DisposeAsync();
                if (overtaken && index == 0)
                {
                    // The others hold lower places than this one may have, and the relay is past it.
                    await SentAsync(last);
                }
            }

            done += open;
        }
    }

    public async Task HoldsAsync(string? frozen = null)
    {
        await exchange.DrainedAsync(city, TimeSpan.FromSeconds(60));
        await using var outbox = await exchange.AdminAsync(city);
        Assert.Equal(0, await outbox.ExecuteScalarAsync<int>("select count(*) from service.outbox where quarantined_at is not null"));

        var (rows, distinct, lowest, highest) = await outbox.QuerySingleAsync<(long, long, long, long)>("select count(*), count(distinct sealed), min(sealed), max(sealed) from service.outbox");
        Assert.Equal((rows, rows, rows), (distinct, highest - lowest + 1, await outbox.ExecuteScalarAsync<long>("select sealed from service.outbox_counters") - lowest + 1));

        await SequenceHoldsAsync(outbox);
        await FeedHoldsAsync(outbox);
        await ListenersHoldAsync(outbox, frozen);
    }

    /// <summary>What was published for the race leaves the catalogue again.</summary>
    public async Task ClearAsync()
    {
        await using var outbox = await exchange.AdminAsync(city);
        await OutboxRows.WithdrawAllAsync(outbox, city, newest);
        await exchange.HeardAsync(city);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var writer in writers)
        {
            await writer.DisposeAsync();
        }
    }

    private async Task<(NpgsqlTransaction Transaction, Guid Last)> WriteAsync(NpgsqlConnection writer, Guid dataset)
    {
        var transaction = await writer.BeginTransactionAsync();
        var changes = 1 + schedule.Next(2);
        for (var i = 0; i < changes; i++)
        {
            newest[dataset] = newest.GetValueOrDefault(dataset) + 1;
            await OutboxRows.PublishAsync(writer, city, dataset, newest[dataset]);
        }

        var last = await OutboxRows.RecordAsync(writer, city);
        records.Add(last);
        return (transaction, last);
    }

    private async Task SentAsync(Guid id)
    {
        await using var outbox = await exchange.AdminAsync(city);
        await Eventually.TrueAsync(() => outbox.ExecuteScalarAsync<bool>("select sent_at is not null from service.outbox where id = @id", new { id }), TimeSpan.FromSeconds(60));
    }

    /// <summary>Audit records: numbered without a gap, each naming the hash of the one before.</summary>
    private static async Task SequenceHoldsAsync(NpgsqlConnection outbox)
    {
        var chain = (await outbox.QueryAsync<(long Seq, byte[] Body)>("select source_seq, body from service.outbox where source_seq is not null order by source_seq")).AsList();
        for (var i = 1; i < chain.Count; i++)
        {
            Assert.Equal(chain[i - 1].Seq + 1, chain[i].Seq);
            Assert.Equal(Convert.ToBase64String(SHA256.HashData(chain[i - 1].Body)), JsonNode.Parse(chain[i].Body)!["prev"]!.GetValue<string>());
        }

        Assert.Equal(chain[^1].Seq, await outbox.ExecuteScalarAsync<long>("select source_seq from service.outbox_counters"));
    }

    /// <summary>Changes: numbered without a gap, those of one dataset in the order of its versions.</summary>
    private static async Task FeedHoldsAsync(NpgsqlConnection outbox)
    {
        var changes = (await outbox.QueryAsync<(long Change, Guid Key, int Version)>("""
            select (convert_from(body, 'utf8')::jsonb -> 'message' ->> 'change')::bigint as change, feed_key, feed_version from service.outbox where feed is not null order by change
            """)).AsList();
        Assert.All(changes.Index().Skip(1), c => Assert.Equal(changes[c.Index - 1].Change + 1, c.Item.Change));
        Assert.Equal(changes[^1].Change, await outbox.ExecuteScalarAsync<long>("select change from service.feeds where feed = 'datasets'"));
        foreach (var dataset in changes.GroupBy(c => c.Key))
        {
            Assert.Equal(dataset.Select(c => c.Version).Order(), dataset.Select(c => c.Version));
            Assert.Equal(dataset.Count(), dataset.Select(c => c.Version).Distinct().Count());
        }
    }

    private async Task ListenersHoldAsync(NpgsqlConnection outbox, string? frozen)
    {
        await exchange.HeardAsync(city, frozen: frozen);
        await using var audit = await exchange.AdminAsync("audit");
        var numbered = await outbox.ExecuteScalarAsync<long>("select source_seq from service.outbox_counters");
        var logged = await Eventually.GetAsync(
            () => audit.QuerySingleAsync<(long Rows, long Distinct, long Highest)>("select count(*), count(distinct seq), max(seq) from service.records where source = @city", new { city }),
            l => l.Highest == numbered && l.Rows >= numbered, TimeSpan.FromSeconds(60));
        Assert.Equal((numbered, numbered), (logged.Rows, logged.Distinct));
        Assert.Equal(records.Count, await audit.ExecuteScalarAsync<int>("select count(*) from service.events where event_id = any(@ids)", new { ids = records.ToArray() }));
        Assert.Equal(0, await audit.ExecuteScalarAsync<int>("select count(*) from service.conflicts"));
    }
}
