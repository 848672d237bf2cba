using System.Globalization;
using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Corrections;

/// <summary>
/// The providing department has verified, corrects where it was wrong, and tells the result (art. 26): the asking side always, and of an error everyone else who received that
/// data since it began.
/// </summary>
internal static class AnswerCorrection
{
    public sealed record Body
    {
        /// <summary>corrected or not_an_error.</summary>
        public string? Result { get; init; }

        /// <summary>What was found; told to the asking side.</summary>
        public string? Explanation { get; init; }

        /// <summary>First day on which the data was wrong, in Beijing; when corrected.</summary>
        public DateOnly? ErrorFrom { get; init; }

        /// <summary>Last day on which it was.</summary>
        public DateOnly? ErrorTo { get; init; }
    }

    public static void Map(RouteGroupBuilder corrections) =>
        corrections.MapPost("/{id:guid}/answer", PostAsync).AllowPersons(Roles.Reviewer).WritesOnce()
            .WithSummary("Tells the result of a correction; of an error everyone who received the data since it began is told (art. 26). Needs If-Match.");

    private static async Task<Results<Ok<CorrectionView>, Refused>> PostAsync(
        Guid id, Body body, Caller caller, Transaction transaction, Clocks clocks, ServiceSettings service, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        var connection = transaction.Connection;
        if (await Correction.FindAsync(connection, id, Side.Owning, cancel) is not { } correction || !correction.MaySee(caller))
        {
            return Pipeline.NotFound();
        }

        if (http.IfMatch(correction.Version) is { } stale)
        {
            return stale;
        }

        if (caller.Department != correction.OwningDepartment)
        {
            return new Refused(SharingRules.WrongDepartment);
        }

        if (correction.State == "answered")
        {
            return new Refused(CorrectionRules.Answered);
        }

        var now = clock.Now();
        var faults = Check(body, LegalDay.Of(now));
        if (faults.Any)
        {
            return new Refused(faults);
        }

        var received = body.Result == "corrected" ? await ReceiversAsync(transaction, correction, body.ErrorFrom!.Value, cancel) : [];
        correction = correction with
        {
            State = "answered",
            Version = correction.Version + 1,
            Result = body.Result,
            Explanation = body.Explanation,
            ErrorFrom = body.ErrorFrom,
            ErrorTo = body.ErrorTo,
            Told = body.Result == "corrected" ? received.Count : null,
            AnsweredAt = now,
        };
        // The clock first, as its sweep takes the two rows.
        await clocks.StopAsync(id, CorrectionClocks.Clock, now, cancel);
        // Of two reviewers at once the second changes nothing.
        if (await connection.ExecuteAsync(new CommandDefinition("""
            update corrections set state = 'answered', version = @Version, result = @Result, explanation = @Explanation, error_from = @ErrorFrom, error_to = @ErrorTo, told = @Told,
                answered_by = @Subject, answered_at = @AnsweredAt
            where correction_id = @CorrectionId and side = 'owning' and state = 'received' and version = @Version - 1
            """, new { correction.CorrectionId, correction.Version, correction.Result, correction.Explanation, correction.ErrorFrom, correction.ErrorTo, correction.Told, caller.Subject, correction.AnsweredAt }, cancellationToken: cancel)) == 0)
        {
            return new Refused(RouteWrites.VersionChanged);
        }

        await transaction.SendAsync(Answered(correction), correction.AskingCity, correction.ExchangeId, cancel);
        foreach (var receiver in received)
        {
            await transaction.SendAsync(Corrected(correction, receiver.ExchangeId), receiver.AskingCity, receiver.ExchangeId, cancel);
        }

        await RecordAsync(transaction, correction, caller, cancel);
        http.SetETag(correction.Version);
        return TypedResults.Ok(CorrectionView.Of(correction, service.PublicAddress));
    }

    /// <summary>Every fault at once.</summary>
    internal static Faults Check(Body body, DateOnly today)
    {
        var faults = new Faults();
        if (body.Result is not ("corrected" or "not_an_error"))
        {
            faults.Add("result", "one-of", CorrectionRules.Article, new("须为 corrected（已更正）或 not_an_error（数据无误）。", "It is corrected or not_an_error."));
        }

        faults.RequireText("explanation", body.Explanation, CorrectionRules.Article);
        if (body.Result == "corrected")
        {
            Require("error_from", body.ErrorFrom);
            Require("error_to", body.ErrorTo);
        }
        else if (body.Result == "not_an_error" && (body.ErrorFrom ?? body.ErrorTo) is not null)
        {
            faults.Add(body.ErrorFrom is null ? "error_to" : "error_from", "no-error", CorrectionRules.Article, new("数据无误的，不填错误期间。", "Data without an error has no days of error."));
        }

        if (body.ErrorTo > today)
        {
            faults.Add("error_to", "future", CorrectionRules.Article, new("错误期间不得晚于今天；请先更正数据再答复。", "The error has ended by today; correct the data first, then answer."));
        }

        if (body.ErrorFrom > body.ErrorTo)
        {
            faults.Add("error_from", "after-end", CorrectionRules.Article, new("错误开始日不得晚于结束日。", "The error does not begin after its end."));
        }

        return faults;

        void Require(string field, DateOnly? day)
        {
            if (day is null)
            {
                faults.Add(field, "required", CorrectionRules.Article, new("已更正的，须写明错误期间的起止日。", "Of an error that is corrected, state its first and last day."));
            }
        }
    }

    /// <summary>Every exchange that had a delivery of the item since the error began, whatever became of the grant.</summary>
    private static async Task<IReadOnlyList<Receiver>> ReceiversAsync(Transaction transaction, Correction correction, DateOnly from, CancellationToken cancel) =>
        [.. await transaction.Connection.QueryAsync<Receiver>(new CommandDefinition("""
            select g.exchange_id, g.asking_city
            from grants g
            where g.dataset_id = @DatasetId
              and exists (select from deliveries d where d.exchange_id = g.exchange_id and d.opened_at >= @since and @Field = any(coalesce(d.fields, g.fields)))
            order by g.exchange_id
            """, new { correction.DatasetId, correction.Field, since = LegalDay.EndOf(from.AddDays(-1)) }, cancellationToken: cancel))];

    private static Task<Guid> RecordAsync(Transaction transaction, Correction correction, Caller caller, CancellationToken cancel)
    {
        var details = new Dictionary<string, string>(StringComparer.Ordinal);
        if (correction is { ErrorFrom: { } from, ErrorTo: { } to })
        {
            details["error_from"] = ReceiveCorrection.Day(from);
            details["error_to"] = ReceiveCorrection.Day(to);
            details["told"] = correction.Told!.Value.ToString(CultureInfo.InvariantCulture);
        }

        return transaction.RecordAsync(correction.Record("correction.answered", details, new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["reviewer"] = caller.Subject,
            ["explanation"] = correction.Explanation!,
        }), cancel);
    }

    private static CorrectionAnswered Answered(Correction c) => new()
    {
        CorrectionId = c.CorrectionId,
        ExchangeId = c.ExchangeId,
        OwningCity = c.OwningCity,
        Version = c.Version,
        Due = c.Due!,
        Result = c.Result!,
        Explanation = c.Explanation!,
        ErrorFrom = c.ErrorFrom,
        ErrorTo = c.ErrorTo,
        AnsweredAt = c.AnsweredAt!.Value,
    };

    private static DataCorrected Corrected(Correction c, Guid exchange) => new()
    {
        CorrectionId = c.CorrectionId,
        ExchangeId = exchange,
        OwningCity = c.OwningCity,
        DatasetId = c.DatasetId,
        Field = c.Field,
        ErrorFrom = c.ErrorFrom!.Value,
        ErrorTo = c.ErrorTo!.Value,
        CorrectedAt = c.AnsweredAt!.Value,
    };

    private sealed record Receiver
    {
        public required Guid ExchangeId { get; init; }
        public required string AskingCity { get; init; }
    }
}
