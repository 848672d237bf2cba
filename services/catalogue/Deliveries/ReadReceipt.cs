using System.Globalization;
using System.Text.Json;
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
        var receipts = await connection.QueryAsync<DeliveryRow>(new CommandDefinition(Select + " order by opened_at desc limit 100", new { id }, cancellationToken: cancel));
        return TypedResults.Ok<IReadOnlyList<Receipt>>([.. receipts.Select(Receipt.Of)]);
    }

    private static async Task<Results<Ok<Receipt>, Refused>> GetAsync(Guid id, Guid delivery, Caller caller, City city, Database database, CancellationToken cancel)
    {
        if (await ReadGrants.FindAsync(database, id, caller, city, cancel) is null)
        {
            return Pipeline.NotFound();
        }

        await using var connection = await database.OpenAsync(cancel);
        var receipt = await connection.QuerySingleOrDefaultAsync<DeliveryRow>(new CommandDefinition(Select + " and delivery_id = @delivery", new { id, delivery }, cancellationToken: cancel));
        return receipt is null ? Pipeline.NotFound() : TypedResults.Ok(Receipt.Of(receipt));
    }

    private const string Select = """
        select delivery_id, exchange_id, form, fields, treatments::text as treatments, facts::text as facts, file_name, purpose_code, opened_at, ended_at, outcome, rows, bytes, sha256,
               received_sha256, received_bytes, received_rows, acknowledged_at,
               (received_sha256, received_bytes, coalesce(received_rows, rows)) is not distinct from (sha256, bytes, rows) as received_equal
        from deliveries where exchange_id = @id
        """;

    internal sealed record DeliveryRow
    {
        public required Guid DeliveryId { get; init; }
        public required Guid ExchangeId { get; init; }
        public required string Form { get; init; }
        public string[]? Fields { get; init; }
        public string? Treatments { get; init; }
        public string? Facts { get; init; }
        public string? FileName { get; init; }
        public string? PurposeCode { get; init; }
        public required DateTimeOffset OpenedAt { get; init; }
        public DateTimeOffset? EndedAt { get; init; }
        public string? Outcome { get; init; }
        public long? Rows { get; init; }
        public long? Bytes { get; init; }
        public string? Sha256 { get; init; }
        public string? ReceivedSha256 { get; init; }
        public long? ReceivedBytes { get; init; }
        public long? ReceivedRows { get; init; }
        public DateTimeOffset? AcknowledgedAt { get; init; }
        public required bool ReceivedEqual { get; init; }
    }

    internal sealed record Receipt
    {
        public required Guid DeliveryId { get; init; }
        public required Guid ExchangeId { get; init; }

        /// <summary>csv, json, ndjson, file, service or preview.</summary>
        public required string Form { get; init; }

        /// <summary>The fields that left; absent for deliveries of before.</summary>
        public IReadOnlyList<string>? Fields { get; init; }

        /// <summary>How they were treated, by name, in the words of the grant's terms; absent when all went plain.</summary>
        public IReadOnlyDictionary<string, string>? Treatments { get; init; }

        /// <summary>Which file was sent, or of which one a preview; absent for rows.</summary>
        public FileSent? File { get; init; }

        /// <summary>The purpose that the call stated, by the code of the words agreed; absent for deliveries of before.</summary>
        public string? PurposeCode { get; init; }

        public required DateTimeOffset OpenedAt { get; init; }
        public DateTimeOffset? EndedAt { get; init; }

        /// <summary>complete, aborted or failed; absent while it runs.</summary>
        public string? Outcome { get; init; }

        public long? Rows { get; init; }

        /// <summary>Of the body; of one that broke off, what the receiver can have got at most.</summary>
        public long? Bytes { get; init; }

        /// <summary>Lower-case hex over those bytes, uncompressed.</summary>
        public string? Sha256 { get; init; }

        /// <summary>What the receiver says it got; absent until it does.</summary>
        public Acknowledgement? Acknowledgement { get; init; }

        public static Receipt Of(DeliveryRow row) => new()
        {
            DeliveryId = row.DeliveryId,
            ExchangeId = row.ExchangeId,
            Form = row.Form,
            Fields = row.Fields,
            Treatments = row.Treatments is null ? null : JsonSerializer.Deserialize<Dictionary<string, string>>(row.Treatments, Json.Options),
            File = FileSent.Of(row),
            PurposeCode = row.PurposeCode,
            OpenedAt = row.OpenedAt,
            EndedAt = row.EndedAt,
            Outcome = row.Outcome,
            Rows = row.Rows,
            Bytes = row.Bytes,
            Sha256 = row.Sha256,
            Acknowledgement = row.AcknowledgedAt is not { } at ? null : new Acknowledgement
            {
                Result = row.ReceivedEqual ? Acknowledgement.Equal : Acknowledgement.Different,
                Sha256 = row.ReceivedSha256!,
                Bytes = row.ReceivedBytes!.Value,
                Rows = row.ReceivedRows,
                At = at,
            },
        };
    }
    internal sealed record FileSent
    {
        public required string Name { get; init; }
        public required int Version { get; init; }

        /// <summary>Of the whole file, whatever was sent of it.</summary>
        public required string Sha256 { get; init; }

        /// <summary>As Content-Range says it; absent when the whole file was asked for.</summary>
        public string? Range { get; init; }

        public static FileSent? Of(DeliveryRow row) => row.FileName is not { } name || DeliveryLog.FactsOf(row.Facts) is not { } facts ? null : new()
        {
            Name = name,
            Version = int.Parse(facts["file_version"], CultureInfo.InvariantCulture),
            Sha256 = facts["file_sha256"],
            Range = facts.GetValueOrDefault("range"),
        };
    }
}
