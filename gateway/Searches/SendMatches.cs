using System.Text;
using Dapper;
using Exchange.Gateway.Federation;
using Exchange.Hosting;
using Exchange.Hosting.Webhooks;
using Npgsql;

namespace Exchange.Gateway.Searches;

/// <summary>Sends what saved searches are told. To one search strictly in order: what comes later waits until the earlier is taken or given up.</summary>
internal sealed class SendMatches(Database database, WebhookSettings settings, IHostEnvironment environment, TimeProvider clock, ILogger<SendMatches> log)
    : WebhookSender(database, settings, environment, clock, log)
{
    /// <summary>The first of each search. Whoever claims the same one meanwhile waits for its row, finds it leased and leaves it.</summary>
    protected override async Task<IReadOnlyList<ClaimedDelivery>> ClaimAsync(NpgsqlConnection connection, TimeSpan lease, int most, CancellationToken cancel) =>
        [.. (await connection.QueryAsync<Claimed>(new CommandDefinition("""
            with first as materialized (
                select f.delivery_id
                from saved_searches s cross join lateral (
                    select d.delivery_id, d.next_try, d.leased_till from webhook_deliveries d
                    where d.webhook_id = s.search_id and d.state = 'waiting'
                    order by d.position
                    limit 1) f
                where s.removed_at is null and f.next_try <= clock_timestamp() and (f.leased_till is null or f.leased_till < clock_timestamp())
                order by f.next_try
                limit @most)
            update webhook_deliveries d
            set attempts = d.attempts + 1, leased_till = clock_timestamp() + @lease
            from saved_searches s
            where s.search_id = d.webhook_id and d.delivery_id in (select delivery_id from first)
              and d.state = 'waiting' and (d.leased_till is null or d.leased_till < clock_timestamp())
            returning d.delivery_id, d.attempts, s.url, s.secret, d.body
            """, new { lease, most }, cancellationToken: cancel)))
            .Select(claimed => new ClaimedDelivery(claimed.DeliveryId, claimed.Attempts, claimed.Url, claimed.Secret, CloudEvent.MediaType, Encoding.UTF8.GetBytes(claimed.Body)))];

    private sealed record Claimed
    {
        public required Guid DeliveryId { get; init; }
        public required int Attempts { get; init; }
        public required string Url { get; init; }
        public required byte[] Secret { get; init; }
        public required string Body { get; init; }
    }
}
