using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using MassTransit;

namespace Exchange.Catalogue.Approvals;

/// <summary>
/// The asking city takes its request back. Before the answer it is withdrawn; after it the grant ends as not needed; after the end nothing happens.
/// A withdrawal that overtook its request waits for it in a table, not in the queue, or it would hold up the very request it waits for.
/// </summary>
internal sealed class ReceiveWithdrawal(SharingStore store, City city, WorkingDays days, Transaction transaction, TimeProvider clock) : IConsumer<RequestWithdrawn>
{
    public async Task Consume(ConsumeContext<RequestWithdrawn> context)
    {
        var message = context.Message;
        context.Require(message.AskingCity);
        if (await store.FindAsync(message.ExchangeId, Side.Owning, context.CancellationToken) is not { } stored)
        {
            await transaction.Connection.ExecuteAsync(new CommandDefinition(
                "insert into early_withdrawals (exchange_id, asking_city, reason) values (@ExchangeId, @AskingCity, @Reason) on conflict do nothing", message, cancellationToken: context.CancellationToken));
            return;
        }

        if (stored.Process.Ask.AskingCity != message.AskingCity)
        {
            throw new InvalidOperationException($"{message.AskingCity} withdraws request {message.ExchangeId}, which is {stored.Process.Ask.AskingCity}'s.");
        }

        var outcome = await store.ApplyAsync(stored, new SharingEvent.WithdrawReceived(message.Reason, city.DisposalDue(days, clock)), context.CancellationToken);
        switch (outcome)
        {
            case SharingOutcome.Refused refused:
                throw new InvalidOperationException($"The withdrawal of request {message.ExchangeId} does not fit: {refused.Rule.Title.En}");
            case SharingOutcome.Ignored:
                await store.RecordIgnoredAsync(stored, "request.withdrawn", context.CancellationToken);
                break;
        }
    }
}
