using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Exchange.Hosting.Messaging;

/// <summary>
/// Messages that were set aside: <c>_error</c> (a fault of their content), <c>_skipped</c> (nobody here knows their type) and <c>.dead</c> (delivered too often).
/// Their number is an alarm (readiness, the log, the gauge <c>exchange.set_aside</c>) until an operator has mended the cause and puts them back.
/// </summary>
public sealed partial class SetAside : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(15);

    private readonly Broker broker;
    private readonly ServiceSettings service;
    private readonly ILogger<SetAside> log;
    private readonly ConcurrentDictionary<string, long> depths = new(StringComparer.Ordinal);
    private readonly Meter meter = new("Exchange");

    public SetAside(Broker broker, ServiceSettings service, ILogger<SetAside> log)
    {
        (this.broker, this.service, this.log) = (broker, service, log);
        meter.CreateObservableGauge("exchange.set_aside", () => depths.Select(d => new Measurement<long>(d.Value, new KeyValuePair<string, object?>("queue", d.Key))), description: "Messages set aside, by queue");
    }

    /// <summary>Queues that hold something, as last seen.</summary>
    public IEnumerable<KeyValuePair<string, long>> Held => depths.Where(d => d.Value > 0);

    internal static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/operations/set-aside").AllowOperators().WithTags("operations");
        group.MapGet("", async (SetAside aside, CancellationToken cancel) => TypedResults.Ok(await aside.CountAsync(cancel)))
            .WithSummary("How many messages each error, skipped and dead-letter queue of this service holds.");
        group.MapPost("/{queue}/requeue", RequeueAsync)
            .WithSummary("Puts the messages of such a queue back where they came from, each once; the inbox lets none have its effect twice.");
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                foreach (var queue in await CountAsync(stoppingToken))
                {
                    if (queue.Messages > depths.GetValueOrDefault(queue.Queue))
                    {
                        LogHeld(log, queue.Queue, queue.Messages);
                    }

                    depths[queue.Queue] = queue.Messages;
                }
            }
            catch (Exception fault) when (fault is BrokerUnreachableException or OperationInterruptedException or AlreadyClosedException || TransientFault.Is(fault))
            {
                // The relay says that the broker is away.
            }

            await Task.Delay(Every, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public override void Dispose()
    {
        meter.Dispose();
        base.Dispose();
    }

    /// <summary>All queues of the service; null while the broker is away.</summary>
    internal async Task<IReadOnlyList<QueueDepth>?> QueuesAsync(CancellationToken cancel)
    {
        try
        {
            return await CountAsync(Topology.AllQueues(service.Name), cancel);
        }
        catch (Exception fault) when (fault is BrokerUnreachableException or OperationInterruptedException or AlreadyClosedException || TransientFault.Is(fault))
        {
            return null;
        }
    }

    private Task<IReadOnlyList<QueueDepth>> CountAsync(CancellationToken cancel) => CountAsync(Topology.SetAside(service.Name), cancel);

    private async Task<IReadOnlyList<QueueDepth>> CountAsync(IEnumerable<string> queues, CancellationToken cancel)
    {
        await using var connection = await broker.ConnectAsync("set aside", cancel);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancel);
        var counted = new List<QueueDepth>();
        foreach (var queue in queues)
        {
            counted.Add(new QueueDepth(queue, await channel.MessageCountAsync(queue, cancel)));
        }

        return counted;
    }

    private static async Task<Results<Ok<Requeued>, Refused>> RequeueAsync(string queue, SetAside aside, CancellationToken cancel) =>
        Topology.SetAside(aside.service.Name).Contains(queue, StringComparer.Ordinal) ? TypedResults.Ok(new Requeued(await aside.PutBackAsync(queue, cancel))) : Pipeline.NotFound();

    /// <summary>Each message is published and confirmed before it is taken out, so a crash in between leaves it in both places: the inbox knows its id.</summary>
    private async Task<int> PutBackAsync(string queue, CancellationToken cancel)
    {
        using var within = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        within.CancelAfter(TimeSpan.FromSeconds(60));
        cancel = within.Token;
        await using var connection = await broker.ConnectAsync("requeue", cancel);
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true), cancel);
        var waiting = await channel.MessageCountAsync(queue, cancel);
        var moved = 0;
        while (moved < waiting && await channel.BasicGetAsync(queue, autoAck: false, cancel) is { } message)
        {
            var properties = new BasicProperties(message.BasicProperties);
            var home = Home(queue, properties.Headers);
            properties.Headers = properties.Headers?.Where(h => !h.Key.StartsWith("MT-Fault-", StringComparison.Ordinal) && !h.Key.StartsWith("x-", StringComparison.Ordinal)).ToDictionary();
            // Every queue has a fanout exchange of its own name.
            // Its own routing key still says who sent it.
            await channel.BasicPublishAsync(home, message.RoutingKey, mandatory: true, properties, message.Body, cancel);
            await channel.BasicAckAsync(message.DeliveryTag, multiple: false, cancel);
            moved++;
        }

        return moved;
    }

    private string Home(string queue, IDictionary<string, object?>? headers)
    {
        if (queue != Topology.DeadLetter(service.Name))
        {
            return queue[..queue.LastIndexOf('_')];
        }

        return headers?.TryGetValue("x-first-death-queue", out var first) == true && first is byte[] name ? Encoding.UTF8.GetString(name) : Topology.Queues(service.Name)[0];
    }

    internal sealed record QueueDepth(string Queue, long Messages);

    internal sealed record Requeued(int Messages);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Queue} holds {Count} message(s) that were set aside. See /operations/set-aside; mend the cause, then requeue them")]
    private static partial void LogHeld(ILogger log, string queue, long count);
}
