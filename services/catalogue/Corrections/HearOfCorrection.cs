using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using MassTransit;

namespace Exchange.Catalogue.Corrections;

/// <summary>Data that a department here has received was wrong and is corrected: its officers are told once, whoever found the error (art. 26).</summary>
internal sealed class HearOfCorrection(Transaction transaction, SharingStore store, Notices notices) : IConsumer<DataCorrected>
{
    public async Task Consume(ConsumeContext<DataCorrected> context)
    {
        var (told, cancel) = (context.Message, context.CancellationToken);
        context.Require(told.OwningCity);
        if (await store.FindAsync(told.ExchangeId, Side.Asking, cancel) is not { } stored || stored.Process.Ask.OwningCity != told.OwningCity)
        {
            throw new InvalidOperationException($"{told.OwningCity} corrects data of exchange {told.ExchangeId}, which this city never asked it for.");
        }

        var details = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["correction"] = told.CorrectionId.ToString(),
            ["field"] = told.Field,
            ["error_from"] = ReceiveCorrection.Day(told.ErrorFrom),
            ["error_to"] = ReceiveCorrection.Day(told.ErrorTo),
        };
        var ask = stored.Process.Ask;
        await notices.AddAsync(
            new Notice { Type = "data.corrected", Department = ask.AskingDepartment, Role = Roles.Officer, ExchangeId = told.ExchangeId, DatasetId = told.DatasetId, Reference = stored.Reference, Details = details }, cancel);
        await transaction.RecordAsync(new AuditRecord
        {
            Type = "correction.told",
            ExchangeId = told.ExchangeId,
            Requesting = ask.AskingDepartment,
            Providing = ask.OwningDepartment,
            Service = told.DatasetId,
            Approval = stored.Reference,
            Result = "corrected",
            Details = details,
        }, cancel);
    }
}
