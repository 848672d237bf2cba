using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using MassTransit;

namespace Exchange.Gateway.Federation;

/// <summary>
/// Takes what the cities publish into the read model, the messages that are here at the same time in one transaction: the newest version wins, whatever order or number of times it comes in.
/// The inbox only tells that a message came: it is the versions that keep it from having its effect twice.
/// </summary>
internal sealed class ApplyDatasets(GroupCommit<ApplyDatasets.Arrived> together, Database database, GatewaySettings settings) : IConsumer<DatasetPublished>, IConsumer<DatasetWithdrawn>
{
    /// <summary>Messages in hand.</summary>
    public const int AtOnce = 256;

    /// <summary>A change with the message that brought it and the endpoint it came to.</summary>
    internal sealed record Arrived(CityChange Change, Guid MessageId, string Consumer);

    public Task Consume(ConsumeContext<DatasetPublished> context) =>
        context.Message.Entry.City == context.Message.City
            ? TakeAsync(context, CityChange.Of(context.Message))
            : throw new InvalidOperationException($"A message of {context.Message.City} carries an entry of {context.Message.Entry.City}.");

    public Task Consume(ConsumeContext<DatasetWithdrawn> context) => TakeAsync(context, CityChange.Of(context.Message));

    public static async Task CommitAsync(Database database, IReadOnlyList<Arrived> arrived, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await CatalogueTables.ApplyAsync(connection, [.. arrived.Select(one => one.Change)], cancel);
        await connection.ExecuteAsync(new CommandDefinition("insert into inbox (message_id, consumer) select * from unnest(@Ids, @Consumers) on conflict do nothing", new
        {
            Ids = arrived.Select(one => one.MessageId).ToArray(),
            Consumers = arrived.Select(one => one.Consumer).ToArray(),
        }, cancellationToken: cancel));
        await transaction.CommitAsync(cancel);
    }

    private async Task TakeAsync(ConsumeContext context, CityChange change)
    {
        context.Require(change.City);
        if (!settings.Cities.ContainsKey(change.City))
        {
            throw new InvalidOperationException($"No city {change.City} is configured here.");
        }

        var arrived = new Arrived(change, context.MessageId!.Value, context.ReceiveContext.InputAddress.AbsolutePath);
        try
        {
            await together.CommitAsync([arrived]);
        }
        catch (Exception fault) when (!TransientFault.Is(fault))
        {
            // One content among them cannot be stored: alone, it is the only one that fails.
            await CommitAsync(database, [arrived], context.CancellationToken);
        }
    }
}
