using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Hosting.Messaging;
using Exchange.Local;
using Exchange.Tests.Faults;

namespace Exchange.Tests.Flow.Year;

/// <summary>An exchange whose clocks stand at the beginning of 2026 and are moved on day by day.</summary>
[CollectionDefinition(Name)]
public sealed class ExchangeOfAYear : ICollectionFixture<YearFixture>
{
    public const string Name = "exchange of a year";
}

public sealed class YearFixture : ExchangeFixture
{
    /// <summary>Monday, nine in the morning in Beijing.</summary>
    private static readonly DateTimeOffset Start = new(2026, 1, 5, 1, 0, 0, TimeSpan.Zero);

    private readonly Dictionary<string, long> sealedBefore = new(StringComparer.Ordinal);
    private readonly DateTimeOffset began = DateTimeOffset.UtcNow;

    /// <summary>Days after the first.</summary>
    public int Day { get; private set; }

    public DateOnly Today => On(Day);

    public static DateOnly On(int day) => LegalDay.Of(Start).AddDays(day);

    internal IEnumerable<string> Cities => Stack.Cities.Select(c => c.Name);

    private protected override StackOptions Options()
    {
        var options = base.Options();
        return options with
        {
            Clock = Start - began,
            Settings = new Dictionary<string, string>(options.Settings, StringComparer.Ordinal)
            {
                ["City__SweepEvery"] = "00:00:00.1",
                // A new key is announced ten minutes before it signs; here a day takes a second.
                ["Gateway__SigningKeyLifetime"] = "1000.00:00:00",
            },
        };
    }

    /// <summary>Nine in the morning of that day everywhere, and what the night has left for the sweeps is done.</summary>
    public async Task MoveToAsync(int day)
    {
        Day = day;
        await this.MoveClockAsync(Start.AddDays(day) - began);
        await SettleAsync();
    }

    /// <summary>Nothing is left to send, to take in or to sweep.</summary>
    public async Task SettleAsync()
    {
        do
        {
            foreach (var city in Cities)
            {
                await using var connection = await this.AdminAsync(city);
                await Eventually.TrueAsync(() => connection.ExecuteScalarAsync<bool>("""
                    select not exists (select from service.clocks where stopped_at is null and next_step is not null and next_on <= @today)
                       and not exists (select from service.grants where state in ('issued', 'active', 'suspended') and valid_until < @today)
                       and (@person or not exists (select from service.sharing_requests where side = 'owning' and state = 'under_review' and sharing_class = 'unconditional'))
                       and not exists (select from service.sharing_requests where side = 'owning' and state in ('refused', 'disposed', 'withdrawn') and changed_at <= @old)
                    """, new { today = Today, old = Start.AddDays(Day - 30), person = city == "xiangtan" }), TimeSpan.FromSeconds(60));
            }
        }
        while (await ArriveAsync());
    }

    /// <summary>Waits for every addressed message that was not waited for yet; false when there was none.</summary>
    private async Task<bool> ArriveAsync()
    {
        var any = false;
        foreach (var city in Cities)
        {
            await this.DrainedAsync(city);
            await using var connection = await this.AdminAsync(city);
            var sent = (await connection.QueryAsync<(Guid Id, string Key, long Sealed)>(
                "select id, routing_key, sealed from service.outbox where kind = 'message' and exchange = @Addressed and sealed > @last order by sealed",
                new { Topology.Addressed, last = sealedBefore.GetValueOrDefault(city) })).AsList();
            if (sent.Count == 0)
            {
                continue;
            }

            any = true;
            sealedBefore[city] = sent[^1].Sealed;
            foreach (var to in sent.GroupBy(m => m.Key.Split('.')[1]).Where(g => Cities.Contains(g.Key)))
            {
                await using var receiver = await this.AdminAsync(to.Key);
                var ids = to.Select(m => m.Id).ToArray();
                await Eventually.GetAsync(() => receiver.ExecuteScalarAsync<int>("select count(distinct message_id) from service.inbox where message_id = any(@ids)", new { ids }), n => n == ids.Length);
            }
        }

        return any;
    }
}
