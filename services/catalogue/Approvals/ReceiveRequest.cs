using Dapper;
using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Grants;
using Exchange.Catalogue.Requests;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using MassTransit;

namespace Exchange.Catalogue.Approvals;

/// <summary>A signed request arrives in the owning city: it gets its reference, its reply clock, and at once the reply its dataset's standing sign-off gives.</summary>
internal sealed class ReceiveRequest(SharingStore store, City city, WorkingDays days, PublishedEntries entries, AnswerAutomatically automatic, Transaction transaction, TimeProvider clock) : IConsumer<RequestSubmitted>
{
    public async Task Consume(ConsumeContext<RequestSubmitted> context)
    {
        var message = context.Message;
        context.Require(message.AskingCity);
        var cancel = context.CancellationToken;
        if (await store.FindAsync(message.ExchangeId, Side.Owning, cancel) is not null)
        {
            return;
        }

        var entry = await entries.FindAsync(message.DatasetId, message.DatasetVersion, cancel)
            ?? throw new InvalidOperationException($"Request {message.ExchangeId} asks for version {message.DatasetVersion} of dataset {message.DatasetId}, which this city never published.");
        var faults = new Faults();
        DraftRequest.CheckFields(message.Purpose.Fields, entry, faults);
        if (faults.Any)
        {
            throw new InvalidOperationException($"Request {message.ExchangeId} asks for what its city should have refused: {string.Join("; ", faults.All.Select(f => f.Message.En))}");
        }

        var sharing = DraftRequest.ClassOf(entry, message.Purpose.Fields);
        var ask = new Ask
        {
            ExchangeId = message.ExchangeId,
            AskingCity = message.AskingCity,
            AskingDepartment = message.DepartmentCode,
            OwningCity = city.Id,
            OwningDepartment = entry.DepartmentCode,
            DatasetId = message.DatasetId,
            DatasetVersion = message.DatasetVersion,
            SharingClass = sharing,
            Fields = message.Purpose.Fields,
            UseUntil = message.Purpose.UseUntil,
        };
        var limit = sharing == SharingClass.Unconditional ? city.Limits.ReplyUnconditional : city.Limits.ReplyConditional;
        var due = days.Add(LegalDay.Of(message.SubmittedAt), limit);
        var received = await store.CreateAsync(
            Side.Owning,
            new SharingEvent.Receive(new Submission(ask, message.SignedOffBy, message.SubmittedAt, message.Version), due),
            new RequestTexts
            {
                DepartmentName = message.DepartmentName,
                DatasetName = entry.Name,
                LegalBasis = message.Purpose.LegalBasis,
                Scenario = message.Purpose.Scenario,
                Scope = message.Purpose.Scope,
                Method = message.Purpose.Method,
            },
            cancel);
        if (received is SharingOutcome.Refused refused)
        {
            throw new InvalidOperationException($"Request {message.ExchangeId} cannot be received: {refused.Rule.Title.En}");
        }

        if (await transaction.Connection.QuerySingleOrDefaultAsync<string>(new CommandDefinition(
            "delete from early_withdrawals where exchange_id = @ExchangeId and asking_city = @AskingCity returning reason", message, cancellationToken: cancel)) is { } reason)
        {
            await store.ApplyAsync((await store.FindAsync(message.ExchangeId, Side.Owning, cancel))!, new SharingEvent.WithdrawReceived(reason, city.DisposalDue(days, clock)), cancel);
            return;
        }

        await automatic.RunAsync((await store.FindAsync(message.ExchangeId, Side.Owning, cancel))!, cancel);
    }
}
