using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using MassTransit;

namespace Exchange.Gateway.Federation;

/// <summary>Takes what the cities publish into the read model: the newest version wins, whatever order or number of times it comes in.</summary>
internal sealed class ApplyDatasets(Transaction transaction, GatewaySettings settings) : IConsumer<DatasetPublished>, IConsumer<DatasetWithdrawn>
{
    public Task Consume(ConsumeContext<DatasetPublished> context) =>
        context.Message.Entry.City == context.Message.City
            ? ApplyAsync(context, CityChange.Of(context.Message))
            : throw new InvalidOperationException($"A message of {context.Message.City} carries an entry of {context.Message.Entry.City}.");

    public Task Consume(ConsumeContext<DatasetWithdrawn> context) => ApplyAsync(context, CityChange.Of(context.Message));

    private async Task ApplyAsync(ConsumeContext context, CityChange change)
    {
        context.Require(change.City);
        if (!settings.Cities.ContainsKey(change.City))
        {
            throw new InvalidOperationException($"No city {change.City} is configured here.");
        }

        await CatalogueTables.ApplyAsync(transaction.Connection, change, context.CancellationToken);
    }
}
