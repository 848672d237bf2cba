using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using MassTransit;

namespace Exchange.Catalogue.Requests;

/// <summary>The asking city's mirror takes over the owning city's newest version; older and repeated ones change nothing.</summary>
internal sealed class FollowRequest(SharingStore store) : IConsumer<RequestProgressed>
{
    public async Task Consume(ConsumeContext<RequestProgressed> context)
    {
        var news = context.Message;
        context.Require(news.OwningCity);
        var outcome = await store.FollowAsync(news, context.CancellationToken);
        if (outcome is SharingOutcome.Refused refused)
        {
            throw new InvalidOperationException($"News of request {news.ExchangeId} version {news.Version} do not fit: {refused.Rule.Title.En}");
        }
    }
}
