using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using MassTransit;

namespace Exchange.Gateway.Federation;

/// <summary>
/// Takes what the cities publish into the read model, the messages that are here at the same time in one transaction: the newest version wins, whatever order or number of times it comes in,
/// so the versions are the inbox.
/// </summary>
internal sealed class ApplyDatasets(GroupCommit<CityChange> together, Database database, GatewaySettings settings) : IConsumer<DatasetPublished>, IConsumer<DatasetWithdrawn>
{
    /// <summary>Messages in hand.</summary>
    public const int AtOnce = 256;

    public Task Consume(ConsumeContext<DatasetPublished> context) =>
        context.Message.Entry.City == context.Message.City
            ? ApplyAsync(context, CityChange.Of(context.Message))
            : throw new InvalidOperationException($"A message of {context.Message.City} carries an entry of {context.Message.Entry.City}.");

    public Task Consume(ConsumeContext<DatasetWithdrawn> context) => ApplyAsync(context, CityChange.Of(context.Message));

    public static async Task ApplyAsync(Database database, IReadOnlyList<CityChange> changes, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await CatalogueTables.ApplyAsync(connection, changes, cancel);
        await transaction.CommitAsync(cancel);
    }

    private async Task ApplyAsync(ConsumeContext context, CityChange change)
    {
        context.Require(change.City);
        if (!settings.Cities.ContainsKey(change.City))
        {
            throw new InvalidOperationException($"No city {change.City} is configured here.");
        }

        try
        {
            await together.CommitAsync([change]);
        }
        catch (Exception fault) when (!TransientFault.Is(fault))
        {
            // One content among them cannot be stored: alone, it is the only one that fails.
            await ApplyAsync(database, [change], context.CancellationToken);
        }
    }
}
