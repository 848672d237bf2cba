using System.Text.Json.Serialization;
using Dapper;
using Npgsql;

namespace Exchange.Hosting.Webhooks;

/// <summary>One attempt of a delivery; a number that is missing belongs to a process that ended meanwhile.</summary>
public sealed record WebhookAttempt
{
    [JsonIgnore]
    public Guid DeliveryId { get; init; }

    [JsonPropertyName("attempt")]
    public required int Number { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>HTTP status; absent when nobody answered.</summary>
    public int? Status { get; init; }

    public string? Error { get; init; }

    public required int TookMs { get; init; }
}

/// <summary>What became of a service's deliveries, and what their owner may do about it. Whose a webhook is, the service has checked.</summary>
public static class WebhookLog
{
    public static async Task<ILookup<Guid, WebhookAttempt>> AttemptsAsync(NpgsqlConnection connection, IEnumerable<Guid> deliveries, CancellationToken cancel) =>
        (await connection.QueryAsync<WebhookAttempt>(new CommandDefinition("""
            select delivery_id, attempt as number, at, status, error, took_ms from webhook_attempts where delivery_id = any(@ids) order by delivery_id, attempt
            """, new { ids = deliveries.ToArray() }, cancellationToken: cancel))).ToLookup(a => a.DeliveryId);

    /// <summary>Sends a delivery again at once, under the same webhook-id; false when the webhook has none such.</summary>
    public static async Task<bool> AgainAsync(NpgsqlConnection connection, Guid webhook, Guid delivery, WebhookSettings settings, CancellationToken cancel) =>
        await connection.ExecuteAsync(new CommandDefinition("""
            update webhook_deliveries set state = 'waiting', next_try = clock_timestamp(), give_up_at = clock_timestamp() + @GiveUpAfter, ended_at = null
            where webhook_id = @webhook and delivery_id = @delivery
            """, new { webhook, delivery, settings.GiveUpAfter }, cancellationToken: cancel)) > 0;

    /// <summary>What waits for a webhook that was removed is not sent any more.</summary>
    public static Task DropAsync(NpgsqlConnection connection, Guid webhook, CancellationToken cancel) => connection.ExecuteAsync(new CommandDefinition("""
        update webhook_deliveries set state = 'failed', next_try = null, leased_till = null, ended_at = clock_timestamp() where webhook_id = @webhook and state = 'waiting'
        """, new { webhook }, cancellationToken: cancel));
}
