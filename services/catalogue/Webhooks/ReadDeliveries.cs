using Dapper;
using Exchange.Hosting;
using Exchange.Hosting.Webhooks;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Webhooks;

/// <summary>What was sent to a webhook, each attempt with its answer; one that was given up, or went astray behind the receiver's door, is sent again.</summary>
internal static class ReadDeliveries
{
    public static void Map(RouteGroupBuilder webhooks)
    {
        webhooks.MapGet("/{id:guid}/deliveries", ListAsync).AllowCallers(KeepWebhooks.Keepers).WithSummary("The deliveries of a webhook with their attempts, newest first; kept for 30 days.");
        webhooks.MapPost("/{id:guid}/deliveries/{delivery:guid}/again", AgainAsync).AllowCallers(KeepWebhooks.Keepers).WritesOnce()
            .WithSummary("Sends a delivery again at once, under the same webhook-id.");
    }

    private static async Task<Results<Ok<DeliveryList>, Refused>> ListAsync(Guid id, Caller caller, City city, Database database, int? limit, string? cursor, CancellationToken cancel)
    {
        var faults = new Faults();
        var size = Pages.Limit(limit, faults);
        var after = Pages.After(cursor, faults);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        await using var connection = await database.OpenAsync(cancel);
        if (!await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "select exists (select from webhooks where webhook_id = @id and department = @department)", new { id, department = KeepWebhooks.DepartmentOf(caller, city) }, cancellationToken: cancel)))
        {
            return Pipeline.NotFound();
        }

        var rows = (await connection.QueryAsync<Delivery>(new CommandDefinition("""
            select d.delivery_id as id, d.notice_id, n.type, n.exchange_id, d.state, d.attempts, d.next_try, d.created_at, d.ended_at
            from webhook_deliveries d join notices n using (notice_id)
            where d.webhook_id = @id and (@after::uuid is null or d.delivery_id < @after)
            order by d.delivery_id desc
            limit @size
            """, new { id, after, size = size + 1 }, cancellationToken: cancel))).AsList();
        var page = rows.Take(size).ToList();
        var attempts = await WebhookLog.AttemptsAsync(connection, page.Select(d => d.Id), cancel);
        return TypedResults.Ok(new DeliveryList([.. page.Select(d => d with { Log = [.. attempts[d.Id]] })], rows.Count > size ? Pages.Cursor(page[^1].Id) : null));
    }

    private static async Task<Results<NoContent, Refused>> AgainAsync(
        Guid id, Guid delivery, Caller caller, City city, WebhookSettings settings, Transaction transaction, CancellationToken cancel) =>
        // The row stays ours until the commit: whoever removes the webhook meanwhile finds what is queued here.
        await transaction.Connection.ExecuteScalarAsync<bool>(new CommandDefinition("""
            select true from webhooks where webhook_id = @id and department = @department and removed_at is null for share
            """, new { id, department = KeepWebhooks.DepartmentOf(caller, city) }, cancellationToken: cancel))
        && await WebhookLog.AgainAsync(transaction.Connection, id, delivery, settings, cancel)
            ? TypedResults.NoContent()
            : Pipeline.NotFound();

    internal sealed record DeliveryList(IReadOnlyList<Delivery> Items, string? Next);

    /// <summary>One notice to one webhook.</summary>
    internal sealed record Delivery
    {
        /// <summary>Also the <c>webhook-id</c> of every attempt.</summary>
        public required Guid Id { get; init; }

        public required Guid NoticeId { get; init; }

        public required string Type { get; init; }

        public Guid? ExchangeId { get; init; }

        /// <summary>waiting, done or failed.</summary>
        public required string State { get; init; }

        public required int Attempts { get; init; }

        /// <summary>While it waits.</summary>
        public DateTimeOffset? NextTry { get; init; }

        public required DateTimeOffset CreatedAt { get; init; }

        public DateTimeOffset? EndedAt { get; init; }

        public IReadOnlyList<WebhookAttempt> Log { get; init; } = [];
    }
}
