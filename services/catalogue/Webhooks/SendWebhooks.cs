using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Hosting;
using Exchange.Hosting.Webhooks;
using Npgsql;

namespace Exchange.Catalogue.Webhooks;

/// <summary>Sends notices to departments' systems.</summary>
internal sealed class SendWebhooks(Database database, WebhookSettings settings, IHostEnvironment environment, TimeProvider clock, ILogger<SendWebhooks> log)
    : WebhookSender(database, settings, environment, clock, log)
{
    /// <summary>One delivery for each webhook that takes this notice, in the notice's transaction. Whoever removes a webhook meanwhile waits, and finds what was queued.</summary>
    public static async Task QueueAsync(Transaction transaction, Notice notice, Guid id, City city, WebhookSettings settings, CancellationToken cancel)
    {
        var webhooks = (await transaction.Connection.QueryAsync<Guid>(new CommandDefinition("""
            select webhook_id from webhooks
            where removed_at is null and (types = '{}' or @Type = any(types))
              and (department = @Department or (@Department::text is null and (@Role <> 'authority' or department = @Code)))
            for share
            """, new { notice.Type, notice.Department, notice.Role, city.Authority.Code }, cancellationToken: cancel))).AsList();
        if (webhooks.Count > 0)
        {
            await transaction.Connection.ExecuteAsync(new CommandDefinition("""
                insert into webhook_deliveries (delivery_id, webhook_id, notice_id, state, next_try, give_up_at)
                select delivery, webhook, @id, 'waiting', clock_timestamp(), clock_timestamp() + @GiveUpAfter from unnest(@deliveries, @webhooks) as f (delivery, webhook)
                """, new { id, settings.GiveUpAfter, deliveries = webhooks.Select(_ => Guid.CreateVersion7()).ToArray(), webhooks = webhooks.ToArray() }, cancellationToken: cancel));
        }
    }

    /// <summary>The longest waiting delivery of each webhook that has none on its way.</summary>
    protected override async Task<IReadOnlyList<ClaimedDelivery>> ClaimAsync(NpgsqlConnection connection, TimeSpan lease, int most, CancellationToken cancel) =>
        [.. (await connection.QueryAsync<Claimed>(new CommandDefinition("""
            update webhook_deliveries d
            set attempts = d.attempts + 1, leased_till = clock_timestamp() + @lease
            from webhooks w, notices n
            where w.webhook_id = d.webhook_id and n.notice_id = d.notice_id and d.delivery_id in (
                select c.delivery_id from webhook_deliveries c
                where c.state = 'waiting' and c.next_try <= clock_timestamp() and (c.leased_till is null or c.leased_till < clock_timestamp())
                  and not exists (
                    select from webhook_deliveries o
                    where o.webhook_id = c.webhook_id and o.state = 'waiting' and o.delivery_id <> c.delivery_id
                      and (o.leased_till > clock_timestamp() or (o.next_try <= clock_timestamp() and (o.next_try, o.delivery_id) < (c.next_try, c.delivery_id))))
                limit @most
                for update skip locked)
            returning d.delivery_id, d.attempts, w.url, w.secret, n.notice_id, n.type, n.exchange_id, n.dataset_id, n.reference, n.details::text as details, n.at
            """, new { lease, most }, cancellationToken: cancel))).Select(claimed => claimed.Delivery())];

    /// <summary>What a receiver gets.</summary>
    internal sealed record Message(Guid Id, string Type, DateTimeOffset At, Guid? ExchangeId, Guid? DatasetId, string? Reference, IReadOnlyDictionary<string, string> Details);

    private sealed record Claimed
    {
        public required Guid DeliveryId { get; init; }
        public required int Attempts { get; init; }
        public required string Url { get; init; }
        public required byte[] Secret { get; init; }
        public required Guid NoticeId { get; init; }
        public required string Type { get; init; }
        public Guid? ExchangeId { get; init; }
        public Guid? DatasetId { get; init; }
        public string? Reference { get; init; }
        public required string Details { get; init; }
        public required DateTimeOffset At { get; init; }

        public ClaimedDelivery Delivery() => new(DeliveryId, Attempts, Url, Secret, "application/json", JsonSerializer.SerializeToUtf8Bytes(
            new Message(NoticeId, Type, At, ExchangeId, DatasetId, Reference, JsonSerializer.Deserialize<Dictionary<string, string>>(Details, Json.Options)!), Json.Options));
    }
}
