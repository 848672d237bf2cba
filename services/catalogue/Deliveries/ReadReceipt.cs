using Dapper;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Deliveries;

/// <summary>What a delivery sent, for both parties: the receiver compares the SHA-256 with the one it computed.</summary>
internal static class ReadReceipt
{
    public static void Map(RouteGroupBuilder grants)
    {
        grants.MapGet("/{id:guid}/deliveries", ListAsync).AllowCallers().WithSummary("The newest 100 deliveries under a grant.");
        grants.MapGet("/{id:guid}/deliveries/{delivery:guid}", GetAsync).AllowCallers().WithSummary("The receipt of one delivery: rows, bytes and SHA-256 of the uncompressed body.");
    }

    private static async Task<Results<Ok<IReadOnlyList<Receipt>>, Refused>> ListAsync(Guid id, Caller caller, City city, Database database, CancellationToken cancel)
    {
        if (await ReadGrants.FindAsync(database, id, caller, city, cancel) is null)
        {
            return Pipeline.NotFound();
        }

        await using var connection = await database.OpenAsync(cancel);
        var receipts = await connection.QueryAsync<Receipt>(new CommandDefinition(Select + " order by opened_at desc limit 100", new { id }, cancellationToken: cancel));
        return TypedResults.Ok<IReadOnlyList<Receipt>>([.. receipts]);
    }

    private static async Task<Results<Ok<Receipt>, Refused>> GetAsync(Guid id, Guid delivery, Caller caller, City city, Database database, CancellationToken cancel)
    {
        if (await ReadGrants.FindAsync(database, id, caller, city, cancel) is null)
        {
            return Pipeline.NotFound();
        }

        await using var connection = await database.OpenAsync(cancel);
        var receipt = await connection.QuerySingleOrDefaultAsync<Receipt>(new CommandDefinition(Select + " and delivery_id = @delivery", new { id, delivery }, cancellationToken: cancel));
        return receipt is null ? Pipeline.NotFound() : TypedResults.Ok(receipt);
    }

    private const string Select = "select delivery_id, exchange_id, form, opened_at, ended_at, outcome, rows, bytes, sha256 from deliveries where exchange_id = @id";

    internal sealed record Receipt
    {
        public required Guid DeliveryId { get; init; }
        public required Guid ExchangeId { get; init; }

        /// <summary>csv or json.</summary>
        public required string Form { get; init; }

        public required DateTimeOffset OpenedAt { get; init; }
        public DateTimeOffset? EndedAt { get; init; }

        /// <summary>complete, aborted or failed; absent while it runs.</summary>
        public string? Outcome { get; init; }

        public long? Rows { get; init; }
        public long? Bytes { get; init; }

        /// <summary>Lower-case hex over the uncompressed body.</summary>
        public string? Sha256 { get; init; }
    }
}
