using Dapper;
using Exchange.Hosting;
using Exchange.Hosting.Webhooks;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Gateway.Searches;

/// <summary>What a saved search's address was sent, each attempt with its answer; one that was given up, or went astray behind the receiver's door, is sent again.</summary>
internal static class ReadMatches
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        var searches = routes.MapGroup("/api/catalogue/searches").WithTags("searches");
        searches.MapGet("/{id:guid}/deliveries", ListAsync).AllowCallers(KeepSearches.Keepers).WithSummary("The deliveries of a saved search with their attempts, newest first; kept for 30 days.");
        searches.MapPost("/{id:guid}/deliveries/{delivery:guid}/again", AgainAsync).AllowCallers(KeepSearches.Keepers).WritesOnce()
            .WithSummary("Sends a delivery again before all others, under the same webhook-id.");
    }

    private static async Task<Results<Ok<MatchList>, Refused>> ListAsync(Guid id, Caller caller, Database database, int? limit, string? cursor, CancellationToken cancel)
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
            "select exists (select from saved_searches where search_id = @id and owner = @owner)", new { id, owner = KeepSearches.OwnerOf(caller) }, cancellationToken: cancel)))
        {
            return Pipeline.NotFound();
        }

        var rows = (await connection.QueryAsync<Delivery>(new CommandDefinition("""
            select delivery_id as id, type, dataset_id, state, attempts, next_try, created_at, ended_at
            from webhook_deliveries
            where webhook_id = @id and (@after::uuid is null or delivery_id < @after)
            order by delivery_id desc
            limit @size
            """, new { id, after, size = size + 1 }, cancellationToken: cancel))).AsList();
        var page = rows.Take(size).ToList();
        var attempts = await WebhookLog.AttemptsAsync(connection, page.Select(d => d.Id), cancel);
        return TypedResults.Ok(new MatchList([.. page.Select(d => d with { Log = [.. attempts[d.Id]] })], rows.Count > size ? Pages.Cursor(page[^1].Id) : null));
    }

    private static async Task<Results<NoContent, Refused>> AgainAsync(Guid id, Guid delivery, Caller caller, WebhookSettings settings, Transaction transaction, CancellationToken cancel) =>
        // The row stays ours until the commit: whoever removes the search meanwhile finds what is queued here.
        await transaction.Connection.ExecuteScalarAsync<bool>(new CommandDefinition("""
            select true from saved_searches where search_id = @id and owner = @owner and removed_at is null for share
            """, new { id, owner = KeepSearches.OwnerOf(caller) }, cancellationToken: cancel))
        && await WebhookLog.AgainAsync(transaction.Connection, id, delivery, settings, cancel)
            ? TypedResults.NoContent()
            : Pipeline.NotFound();

    internal sealed record MatchList(IReadOnlyList<Delivery> Items, string? Next);

    /// <summary>One change, told to one search.</summary>
    internal sealed record Delivery
    {
        /// <summary>Also the <c>webhook-id</c> of every attempt.</summary>
        public required Guid Id { get; init; }

        /// <summary>The event's type.</summary>
        public required string Type { get; init; }

        public required Guid DatasetId { get; init; }

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
