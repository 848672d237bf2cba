using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using MassTransit;

namespace Exchange.Catalogue.Approvals;

/// <summary>The asking city takes its request back. Before the answer it is withdrawn; after it the grant ends as not needed; after the end nothing happens.</summary>
internal sealed class ReceiveWithdrawal(SharingStore store) : IConsumer<RequestWithdrawn>
{
    public async Task Consume(ConsumeContext<RequestWithdrawn> context)
    {
        var message = context.Message;
        var stored = await store.FindAsync(message.ExchangeId, Side.Owning, context.CancellationToken)
            ?? throw new TimeoutException($"The withdrawal of request {message.ExchangeId} overtook the request; it waits for it.");
        var outcome = await store.ApplyAsync(stored, new SharingEvent.WithdrawReceived(message.Reason), context.CancellationToken);
        if (outcome is SharingOutcome.Refused refused)
        {
            throw new InvalidOperationException($"The withdrawal of request {message.ExchangeId} does not fit: {refused.Rule.Title.En}");
        }
    }
}
