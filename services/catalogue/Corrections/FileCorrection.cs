using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Requests;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Corrections;

/// <summary>
/// The asking side found data inaccurate or incomplete and files a correction (校核, art. 26). It names one record of one person or thing: what is written here may be personal data
/// and goes to the two sides only; the log has commitments.
/// </summary>
internal static class FileCorrection
{
    public sealed record Body
    {
        /// <summary>The granted data item that is wrong.</summary>
        public string? Field { get; init; }

        /// <summary>Key of the record, as received.</summary>
        public string? Record { get; init; }

        /// <summary>What stands there; left out when something is missing.</summary>
        public string? Wrong { get; init; }

        /// <summary>What is right.</summary>
        public string? Right { get; init; }

        /// <summary>What it rests on.</summary>
        public string? Evidence { get; init; }

        /// <summary>Day on which the error is believed to have begun, in Beijing.</summary>
        public DateOnly? Since { get; init; }
    }

    public static void Map(RouteGroupBuilder requests) =>
        requests.MapPost("/{id:guid}/correct", PostAsync).AllowPersons(Roles.Officer).WritesOnce()
            .WithSummary("Reports an error in data received under this exchange; the provider verifies and answers within ten working days (art. 26).");

    private static async Task<Results<Created<CorrectionView>, Refused>> PostAsync(
        Guid id, Body body, Caller caller, SharingStore store, Transaction transaction, City city, ServiceSettings service, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        if (await store.FindAsync(id, Side.Asking, cancel) is not { } stored || !ReadRequests.MaySee(caller, stored))
        {
            return Pipeline.NotFound();
        }

        var request = stored.Process;
        if (caller.Department != request.Ask.AskingDepartment)
        {
            return new Refused(SharingRules.WrongDepartment);
        }

        if (Refusal(request.State) is { } refusal)
        {
            return new Refused(refusal);
        }

        var now = clock.Now();
        var faults = Check(body, request.Grant?.Fields ?? request.Ask.Fields, LegalDay.Of(now));
        if (faults.Any)
        {
            return new Refused(faults);
        }

        var correction = new Correction
        {
            CorrectionId = Guid.CreateVersion7(now),
            Side = SharingStore.Word(Side.Asking),
            State = "filed",
            Version = 1,
            ExchangeId = id,
            Reference = stored.Reference,
            AskingCity = request.Ask.AskingCity,
            AskingDepartment = request.Ask.AskingDepartment,
            OwningCity = request.Ask.OwningCity,
            OwningDepartment = request.Ask.OwningDepartment!,
            DatasetId = request.Ask.DatasetId,
            Field = body.Field!,
            RecordKey = body.Record!.Trim(),
            WrongValue = body.Wrong,
            RightValue = body.Right!,
            Evidence = body.Evidence!,
            Since = body.Since,
            FiledBy = caller.Subject,
            FiledAt = now,
        };
        await Correction.InsertAsync(transaction, correction, cancel);
        await transaction.SendAsync(Message(correction), correction.OwningCity, id, cancel);
        await transaction.RecordAsync(correction.Record("correction.filed", openings: new Dictionary<string, string>(correction.Texts(), StringComparer.Ordinal) { ["officer"] = caller.Subject }), cancel);
        http.SetETag(correction.Version);
        return TypedResults.Created($"{service.PublicAddress}/api/cities/{city.Id}/corrections/{correction.CorrectionId}", CorrectionView.Of(correction, service.PublicAddress));
    }

    /// <summary>There is something to correct once data flows, and until it is disposed of.</summary>
    internal static Rule? Refusal(SharingState state) => state switch
    {
        SharingState.Active or SharingState.Suspended or SharingState.Ended or SharingState.Terminated => null,
        SharingState.Disposed or SharingState.Archived => SharingRules.AlreadyDisposed,
        _ => CorrectionRules.NothingReceived,
    };

    /// <summary>Every fault at once.</summary>
    internal static Faults Check(Body body, IReadOnlyList<string> granted, DateOnly today)
    {
        var faults = new Faults();
        faults.RequireText("field", body.Field, CorrectionRules.Article, 63);
        if (!string.IsNullOrWhiteSpace(body.Field) && !granted.Contains(body.Field, StringComparer.Ordinal))
        {
            faults.Add("field", "not-granted-field", CorrectionRules.Article, new($"须为已授权的数据项：{string.Join("、", granted)}。", $"It is one of the granted data items: {string.Join(", ", granted)}."));
        }

        faults.RequireText("record", body.Record, CorrectionRules.Article, 500);
        faults.CheckText("wrong", body.Wrong, CorrectionRules.Article);
        faults.RequireText("right", body.Right, CorrectionRules.Article);
        faults.RequireText("evidence", body.Evidence, CorrectionRules.Article);
        if (body.Since > today)
        {
            faults.Add("since", "future", CorrectionRules.Article, new("错误开始的日期不得晚于今天。", "The error has not begun after today."));
        }

        return faults;
    }

    private static CorrectionFiled Message(Correction c) => new()
    {
        CorrectionId = c.CorrectionId,
        ExchangeId = c.ExchangeId,
        AskingCity = c.AskingCity,
        OwningCity = c.OwningCity,
        Field = c.Field,
        Record = c.RecordKey,
        Wrong = c.WrongValue,
        Right = c.RightValue,
        Evidence = c.Evidence,
        Since = c.Since,
        FiledAt = c.FiledAt,
    };
}
