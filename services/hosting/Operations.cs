using Dapper;
using Exchange.Hosting.Messaging;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Exchange.Hosting;

/// <summary>What operators may see and do about messages that could not be sent.</summary>
internal static class Operations
{
    public static void MapOperations(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/operations/quarantine").AllowOperators().WithTags("operations");
        group.MapGet("", ListAsync).WithSummary("Outbox rows whose content could not be sent, with the reason; never their content.");
        group.MapPost("/{id:guid}/requeue", RequeueAsync).WithSummary("Hands a quarantined row to the relay again.");
    }

    private static async Task<Ok<IReadOnlyList<QuarantinedRow>>> ListAsync(Database database, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var rows = await connection.QueryAsync<QuarantinedRow>("""
            select id, type, routing_key, quarantined_at, quarantine_reason as reason from outbox where quarantined_at is not null order by quarantined_at limit 500
            """);
        return TypedResults.Ok<IReadOnlyList<QuarantinedRow>>([.. rows]);
    }

    private static async Task<Results<NoContent, Refused>> RequeueAsync(Guid id, Database database, RelaySignal relay, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var requeued = await connection.ExecuteAsync("update outbox set quarantined_at = null, quarantine_reason = null where id = @id and quarantined_at is not null", new { id });
        relay.Wake();
        return requeued == 1 ? TypedResults.NoContent() : Pipeline.NotFound();
    }

    internal sealed record QuarantinedRow
    {
        public required Guid Id { get; init; }
        public required string Type { get; init; }
        public required string RoutingKey { get; init; }
        public required DateTimeOffset QuarantinedAt { get; init; }
        public required string Reason { get; init; }
    }
}
