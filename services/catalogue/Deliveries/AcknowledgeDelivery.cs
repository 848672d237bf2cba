using System.Text.RegularExpressions;
using Dapper;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Deliveries;

/// <summary>
/// The receiver's own report of a delivery: the digest and length it computed. With the owning city's end and the gateway's report it is the third independent one. It is given once and
/// need not be; one that differs is kept and recorded all the same, since a receiver that got something else is what the log must show.
/// </summary>
internal static partial class AcknowledgeDelivery
{
    private static readonly Rule StillRunning = new("delivery-not-ended", StatusCodes.Status409Conflict, "第29条",
        new("该次交付尚未结束，不能确认。", "The delivery has not ended, so there is nothing to acknowledge yet."),
        new("请在数据接收完毕后再确认；若传输已中断，片刻后即可确认或重新获取。", "Acknowledge once all data is there; after a broken transfer wait a moment, or fetch again."));

    private static readonly Rule AcknowledgedOtherwise = new("acknowledged-otherwise", StatusCodes.Status409Conflict, "第29条",
        new("该次交付已经确认，且内容不同；确认不能更改。", "The delivery was acknowledged with another content; an acknowledgement does not change."),
        new("如重新获取了数据，请确认新的那次交付。", "If you fetched the data again, acknowledge that delivery."));

    private static readonly Text FetchAgain = new(
        "收到的内容与提供方发出的不一致，此确认已如实记录。请重新获取数据，并确认新的那次交付；仍不一致时请联系提供方的共享工作机构。",
        "What was received is not what the provider sent; the acknowledgement is recorded as it is. Fetch the data again and acknowledge that delivery; if it differs again, ask the provider's sharing office.");

    public static void Map(RouteGroupBuilder grants) =>
        grants.MapPost("/{id:guid}/deliveries/{delivery:guid}/acknowledge", PostAsync).AllowCallers(Roles.Integrator, Roles.Officer).Writes()
            .WithSummary("接收确认 · The asking side says what it received: SHA-256 and bytes of the uncompressed body, rows if it counted them. The same again changes nothing.");

    private static async Task<Results<Ok<Acknowledgement>, Refused>> PostAsync(
        Guid id, Guid delivery, Body body, Caller caller, City city, Database database, Transaction transaction, TimeProvider clock, CancellationToken cancel)
    {
        var faults = new Faults();
        var sha256 = body.Sha256?.Trim().ToLowerInvariant() ?? "";
        if (!Digest().IsMatch(sha256))
        {
            faults.Add("sha256", "digest", null, new("须为接收内容的 SHA-256（64 位十六进制）。", "It is the SHA-256 of what was received, 64 hexadecimal digits."));
        }

        if (body.Bytes is not >= 0)
        {
            faults.Add("bytes", "count", null, new("须为接收的字节数。", "It is the number of bytes received."));
        }

        if (body.Rows is < 0)
        {
            faults.Add("rows", "count", null, new("不能为负数。", "It is not negative."));
        }

        if (faults.Any)
        {
            return new Refused(faults);
        }

        if (await ReadGrants.FindAsync(database, id, caller, city, cancel) is not { } grant || caller.City != grant.AskingCity || caller.Department != grant.AskingDepartment)
        {
            return Pipeline.NotFound();
        }

        // Locked: of two acknowledgements at once the second finds the first.
        var sent = await transaction.Connection.QuerySingleOrDefaultAsync<SentRow>(new CommandDefinition("""
            select form, ended_at is not null as ended, rows, bytes, sha256, received_sha256, received_bytes, received_rows, acknowledged_at
            from deliveries where exchange_id = @id and delivery_id = @delivery for update
            """, new { id, delivery }, cancellationToken: cancel));
        if (sent is null)
        {
            return Pipeline.NotFound();
        }

        if (!sent.Ended)
        {
            return new Refused(StillRunning) { RetryAfter = 2 };
        }

        var equal = sha256 == sent.Sha256 && body.Bytes == sent.Bytes && (body.Rows is null || body.Rows == sent.Rows);
        if (sent.AcknowledgedAt is { } before)
        {
            return (sent.ReceivedSha256, sent.ReceivedBytes, sent.ReceivedRows) == (sha256, body.Bytes, body.Rows)
                ? TypedResults.Ok(Answer(before))
                : new Refused(AcknowledgedOtherwise, new(
                    $"已确认：SHA-256 {sent.ReceivedSha256}，{sent.ReceivedBytes} 字节{(sent.ReceivedRows is { } zh ? $"，{zh} 行" : "")}。",
                    $"Acknowledged: SHA-256 {sent.ReceivedSha256}, {sent.ReceivedBytes} bytes{(sent.ReceivedRows is { } en ? $", {en} rows" : "")}."));
        }

        var now = clock.Now();
        await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            update deliveries set received_sha256 = @sha256, received_bytes = @Bytes, received_rows = @Rows, acknowledged_at = @now, acknowledged_by = @Subject where delivery_id = @delivery
            """, new { delivery, sha256, body.Bytes, body.Rows, now, caller.Subject }, cancellationToken: cancel));
        await transaction.RecordAsync(new AuditRecord
        {
            Type = "delivery.acknowledged",
            ExchangeId = id,
            Requesting = grant.AskingDepartment,
            Providing = grant.OwningDepartment,
            Service = grant.DatasetId,
            ServiceVersion = grant.DatasetVersion,
            Result = equal ? Acknowledgement.Equal : Acknowledgement.Different,
            Records = body.Rows,
            Bytes = body.Bytes,
            // This city takes it down; the word is the receiver's.
            Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["delivery_id"] = delivery.ToString(), ["form"] = sent.Form, ["sha256"] = sha256, ["by"] = grant.AskingDepartment },
            Openings = new Dictionary<string, string>(StringComparer.Ordinal) { ["officer"] = caller.Subject },
        }, cancel);
        return TypedResults.Ok(Answer(now));

        Acknowledgement Answer(DateTimeOffset at) => new()
        {
            Result = equal ? Acknowledgement.Equal : Acknowledgement.Different,
            Sha256 = sha256,
            Bytes = body.Bytes!.Value,
            Rows = body.Rows,
            At = at,
            Advice = equal ? null : FetchAgain,
        };
    }

    [GeneratedRegex("^[0-9a-f]{64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Digest();

    internal sealed record Body
    {
        /// <summary>Hexadecimal SHA-256 over the uncompressed body, as the receiver computed it.</summary>
        public string? Sha256 { get; init; }

        public long? Bytes { get; init; }

        /// <summary>Rows without a heading; left out when they were not counted.</summary>
        public long? Rows { get; init; }
    }

    private sealed record SentRow
    {
        public required string Form { get; init; }
        public required bool Ended { get; init; }
        public long? Rows { get; init; }
        public long? Bytes { get; init; }
        public string? Sha256 { get; init; }
        public string? ReceivedSha256 { get; init; }
        public long? ReceivedBytes { get; init; }
        public long? ReceivedRows { get; init; }
        public DateTimeOffset? AcknowledgedAt { get; init; }
    }
}

/// <summary>What the receiver says it got.</summary>
internal sealed record Acknowledgement
{
    public const string Equal = "equal";
    public const string Different = "different";

    /// <summary>equal or different, held against what the provider sent.</summary>
    public required string Result { get; init; }

    /// <summary>As the receiver computed it.</summary>
    public required string Sha256 { get; init; }

    public required long Bytes { get; init; }
    public long? Rows { get; init; }
    public required DateTimeOffset At { get; init; }

    /// <summary>What to do when it differs.</summary>
    public Text? Advice { get; init; }
}
