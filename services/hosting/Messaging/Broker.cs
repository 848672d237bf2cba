using System.ComponentModel.DataAnnotations;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Exchange.Hosting.Messaging;

public sealed record BrokerSettings
{
    /// <summary>amqp(s)://user:password@host:port/vhost; the user is this service's own.</summary>
    [Required, RegularExpression("^amqps?://.+$")]
    public string Uri { get; init; } = "";
}

/// <summary>Connections to the broker that the relay and the start-up check use; consumers have MassTransit's own.</summary>
public sealed class Broker(BrokerSettings settings, ServiceSettings service)
{
    public static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);

    public Task<IConnection> ConnectAsync(string purpose, CancellationToken cancel) => new ConnectionFactory
    {
        Uri = new Uri(settings.Uri),
        ClientProvidedName = $"{service.Name} {purpose}",
        AutomaticRecoveryEnabled = false,
        RequestedConnectionTimeout = TimeSpan.FromSeconds(5),
        RequestedHeartbeat = Heartbeat,
    }.CreateConnectionAsync(cancel);

    /// <summary>Throws <see cref="UnusableQueueException"/> when a queue of this service is not there or is declared otherwise; does nothing while the broker is away.</summary>
    public async Task CheckQueuesAsync(CancellationToken cancel)
    {
        IConnection connection;
        try
        {
            connection = await ConnectAsync("start-up check", cancel);
        }
        catch (BrokerUnreachableException)
        {
            return;
        }

        await using (connection)
        {
            foreach (var queue in Topology.AllQueues(service.Name))
            {
                await using var channel = await connection.CreateChannelAsync(cancellationToken: cancel);
                try
                {
                    // Passively it is only looked for; then as the topology has it, which the broker refuses where anything differs.
                    await channel.QueueDeclarePassiveAsync(queue, cancel);
                    await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, Topology.Arguments(queue)!, cancellationToken: cancel);
                }
                catch (OperationInterruptedException fault)
                {
                    throw new UnusableQueueException(queue, fault);
                }
            }
        }
    }
}

/// <summary>The topology was not imported, or somebody declared a queue otherwise.</summary>
public sealed class UnusableQueueException(string queue, OperationInterruptedException fault) : Exception(
    fault.ShutdownReason?.ReplyCode == Constants.NotFound
        ? $"Queue {queue} is missing. Import the broker's definitions (deploy/up does) before starting this service."
        : $"Queue {queue} is there, but not as the topology declares it: {fault.ShutdownReason?.ReplyText ?? fault.Message}. "
            + $"Take out what it holds, delete it (rabbitmqctl delete_queue {queue}) and import the broker's definitions (deploy/up does).",
    fault);
