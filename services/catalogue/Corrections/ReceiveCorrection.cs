using System.Globalization;
using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using MassTransit;

namespace Exchange.Catalogue.Corrections;

/// <summary>A correction arrives in the owning city: its clock starts, the reviewers are told and the asking city learns the date (art. 26). What comes twice changes nothing.</summary>
internal sealed class ReceiveCorrection(Transaction transaction, SharingStore store, City city, WorkingDays days, Clocks clocks, Notices notices, TimeProvider clock) : IConsumer<CorrectionFiled>
{
    public async Task Consume(ConsumeContext<CorrectionFiled> context)
    {
        var (filed, cancel) = (context.Message, context.CancellationToken);
        context.Require(filed.AskingCity);
        if (await store.FindAsync(filed.ExchangeId, Side.Owning, cancel) is not { } stored || stored.Process.Ask.AskingCity != filed.AskingCity)
        {
            throw new InvalidOperationException($"Correction {filed.CorrectionId} is about request {filed.ExchangeId}, which {filed.AskingCity} never made here.");
        }

        var ask = stored.Process.Ask;
        if (stored.Process.Grant is not { } grant || !grant.Fields.Concat(ask.Fields).Contains(filed.Field, StringComparer.Ordinal))
        {
            throw new InvalidOperationException($"Correction {filed.CorrectionId} is about a data item that request {filed.ExchangeId} was never granted.");
        }

        var now = clock.Now();
        var due = days.Add(LegalDay.Of(filed.FiledAt), city.Limits.Correction);
        var correction = new Correction
        {
            CorrectionId = filed.CorrectionId,
            Side = SharingStore.Word(Side.Owning),
            State = "received",
            Version = 2,
            ExchangeId = filed.ExchangeId,
            Reference = stored.Reference,
            AskingCity = ask.AskingCity,
            AskingDepartment = ask.AskingDepartment,
            OwningCity = ask.OwningCity,
            OwningDepartment = ask.OwningDepartment!,
            DatasetId = ask.DatasetId,
            Field = filed.Field,
            RecordKey = filed.Record,
            WrongValue = filed.Wrong,
            RightValue = filed.Right,
            Evidence = filed.Evidence,
            Since = filed.Since,
            FiledAt = filed.FiledAt,
            DueOn = due.On,
            DueProvisional = due.Provisional,
        };
        if (!await Correction.InsertAsync(transaction, correction, cancel))
        {
            return;
        }

        await clocks.StartAsync(correction.CorrectionId, CorrectionClocks.Clock, correction.Version, correction.OwningDepartment, due, now, cancel);
        await notices.AddAsync(NoticeOf(correction, "correction.received", correction.OwningDepartment, Roles.Reviewer), cancel);
        await transaction.RecordAsync(correction.Record("correction.received", new Dictionary<string, string>(StringComparer.Ordinal) { ["due"] = Day(due.On) }, correction.Texts()), cancel);
        await transaction.SendAsync(Received(correction, now), correction.AskingCity, correction.ExchangeId, cancel);
    }

    /// <summary>Names the case, never what is in it.</summary>
    public static Notice NoticeOf(Correction correction, string type, string? department, string role)
    {
        var details = new Dictionary<string, string>(StringComparer.Ordinal) { ["correction"] = correction.CorrectionId.ToString(), ["field"] = correction.Field };
        if (correction is { DueOn: { } due, Result: null })
        {
            details["due"] = Day(due);
        }

        if (correction.Result is { } result)
        {
            details["result"] = result;
        }

        return new Notice { Type = type, Department = department, Role = role, ExchangeId = correction.ExchangeId, DatasetId = correction.DatasetId, Reference = correction.Reference, Details = details };
    }

    public static CorrectionReceived Received(Correction correction, DateTimeOffset at) => new()
    {
        CorrectionId = correction.CorrectionId,
        ExchangeId = correction.ExchangeId,
        OwningCity = correction.OwningCity,
        Version = correction.Version,
        Due = correction.Due!,
        At = at,
    };

    public static string Day(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}
