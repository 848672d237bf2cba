using System.Text.Json;
using Dapper;
using Exchange.Tests.Flow;

namespace Exchange.Tests.Faults;

/// <summary>Two processes of a city send its notices: each attempt is one process's.</summary>
[Collection(FaultyExchange.Name)]
[Trait("needs", "server")]
public sealed class WebhooksOfTwoTests(FaultFixture exchange)
{
    private const int Webhooks = 6;
    private const int Notices = 20;

    [Fact]
    public async Task What_two_processes_send_arrives_once_and_in_order()
    {
        await using var receiver = new WebhookReceiver();
        await receiver.StartAsync();
        var head = exchange.Who("changsha", "sharing_head");
        await exchange.Stack.StartAsync("changsha-2");
        List<Guid> made = [];
        try
        {
            for (var i = 0; i < Webhooks; i++)
            {
                made.Add((await head.PostAsync("/api/cities/changsha/webhooks", new { Url = $"{receiver.Address}/{i}", Types = new[] { "request.recount" } })).Succeeded("make")["id"].GetGuid());
            }

            await using var city = await exchange.AdminAsync("changsha");
            await city.ExecuteAsync("""
                with told as (
                    insert into service.notices (notice_id, department, role, type, details, at)
                    select gen_random_uuid(), @department, 'officer', 'request.recount', jsonb_build_object('n', n::text), clock_timestamp() from generate_series(1, @Notices) as n
                    returning notice_id, details ->> 'n' as n)
                insert into service.webhook_deliveries (delivery_id, webhook_id, notice_id, state, next_try, give_up_at)
                select gen_random_uuid(), webhook, notice_id, 'waiting', clock_timestamp() - interval '1 hour' + n::int * interval '1 second', clock_timestamp() + interval '1 day'
                from told, unnest(@made) as webhook
                """, new { department = head.Account.Department, Notices, made = made.ToArray() });

            await Eventually.GetAsync(
                () => city.ExecuteScalarAsync<long>("select count(*) from service.webhook_deliveries where webhook_id = any(@made) and state = 'done'", new { made = made.ToArray() }),
                n => n == Webhooks * Notices, show: n => $"{n} done");

            Assert.Equal(Webhooks * Notices, receiver.Received.Count);
            Assert.Equal(Webhooks * Notices, receiver.Received.Select(c => c.Id).Distinct(StringComparer.Ordinal).Count());
            Assert.All(receiver.Received.GroupBy(c => c.Path), calls => Assert.Equal(
                Enumerable.Range(1, Notices).Select(n => $"{n}"), calls.Select(c => JsonDocument.Parse(c.Body).RootElement.GetProperty("details").GetProperty("n").GetString())));
            Assert.Equal(1, await city.ExecuteScalarAsync<int>("select max(attempts) from service.webhook_deliveries where webhook_id = any(@made)", new { made = made.ToArray() }));
        }
        finally
        {
            foreach (var id in made)
            {
                await head.SendAsync(HttpMethod.Delete, $"/api/cities/changsha/webhooks/{id}", null, null, default);
            }

            await exchange.Stack.StopAsync("changsha-2");
        }
    }
}
