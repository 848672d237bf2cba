using System.Net.Sockets;
using Dapper;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exchange.Hosting.Messaging;

/// <summary>The endpoints of a service: which consumers read which queue. Failure policy, inbox and queue arguments are the same for all and live here.</summary>
public sealed class Endpoints
{
    internal List<Endpoint> All { get; } = [];

    /// <summary>Consumers in the order of arrival, each message once (inbox), in the scoped <see cref="Transaction"/>.</summary>
    public Endpoints Consume(string queue, params Type[] consumers)
    {
        All.Add(new(queue, bus =>
        {
            foreach (var consumer in consumers)
            {
                bus.AddConsumer(consumer);
            }
        }, consumers, AtOnce: null));
        return this;
    }

    /// <summary>One consumer that takes up to so many messages at the same time and keeps its own inbox, such as a table of event ids or of versions.</summary>
    public Endpoints ConsumeTogether<TConsumer>(string queue, int atOnce)
        where TConsumer : class, IConsumer
    {
        All.Add(new(queue, bus => bus.AddConsumer<TConsumer>(), [typeof(TConsumer)], AtOnce: atOnce));
        return this;
    }

    internal sealed record Endpoint(string Queue, Action<IBusRegistrationConfigurator> Register, IReadOnlyList<Type> Consumers, int? AtOnce);
}

internal static class Bus
{
    public static void AddBus(this IServiceCollection services, BrokerSettings settings, Endpoints endpoints)
    {
        services.Configure<MassTransitHostOptions>(options =>
        {
            options.StopTimeout = TimeSpan.FromSeconds(10);
            options.ConsumerStopTimeout = TimeSpan.FromSeconds(5);
        });
        services.AddMassTransit(bus =>
        {
            // A government's servers tell nobody outside what they run.
            bus.DisableUsageTelemetry();
            // A broker that is away degrades: writes go on and the outbox keeps what is to be sent.
            bus.ConfigureHealthCheckOptions(health => health.MinimalFailureStatus = Microsoft.Extensions.Diagnostics.HealthChecks.HealthStatus.Degraded);
            foreach (var endpoint in endpoints.All)
            {
                endpoint.Register(bus);
            }

            bus.UsingRabbitMq((context, rabbit) =>
            {
                rabbit.Host(new Uri(settings.Uri), host =>
                {
                    host.PublisherConfirmation = true;
                    // What a frozen process has in hand goes to another one after two of these.
                    host.Heartbeat(Broker.Heartbeat);
                });
                rabbit.ConfigureJsonSerializerOptions(options =>
                {
                    options.Encoder = MessageJson.Options.Encoder;
                    return options;
                });
                rabbit.PublishTopology.BrokerTopologyOptions = PublishBrokerTopologyOptions.FlattenHierarchy;
                foreach (var endpoint in endpoints.All)
                {
                    rabbit.ReceiveEndpoint(endpoint.Queue, receive => Configure(receive, endpoint, context));
                }
            });
        });
    }

    private static void Configure(IRabbitMqReceiveEndpointConfigurator receive, Endpoints.Endpoint endpoint, IBusRegistrationContext context)
    {
        receive.ConfigureConsumeTopology = false;
        receive.PublishFaults = false;
        foreach (var (name, value) in Topology.Arguments(endpoint.Queue))
        {
            receive.SetQueueArgument(name, value);
        }

        receive.UseFilter(new PauseWhileAway(context.GetRequiredService<ILogger<PauseWhileAway>>(), context.GetRequiredService<IHostApplicationLifetime>()));
        if (endpoint.AtOnce is { } atOnce)
        {
            receive.PrefetchCount = atOnce;
            receive.ConcurrentMessageLimit = atOnce;
        }
        else
        {
            receive.PrefetchCount = 64;
            receive.ConcurrentMessageLimit = 1;
            receive.UseConsumeFilter(typeof(InboxFilter<>), context);
        }

        foreach (var consumer in endpoint.Consumers)
        {
            context.ConfigureConsumer(consumer, receive);
        }
    }
}

/// <summary>
/// The failure policy: while something is away (database, network) the message waits here and with it the endpoint, without end; only a fault of the
/// content itself leaves this filter and goes to the error queue with its reason.
/// </summary>
internal sealed partial class PauseWhileAway(ILogger<PauseWhileAway> log, IHostApplicationLifetime life) : IFilter<ConsumeContext>
{
    public async Task Send(ConsumeContext context, IPipe<ConsumeContext> next)
    {
        var pause = TimeSpan.FromMilliseconds(100);
        while (true)
        {
            try
            {
                await next.Send(context);
                return;
            }
            catch (Exception fault) when (context.CancellationToken.IsCancellationRequested || life.ApplicationStopping.IsCancellationRequested)
            {
                // The channel is gone or this process stops: neither done nor faulty. A cancellation goes back to the queue, never to the error queue.
                throw new OperationCanceledException("The message goes back to its queue.", fault, context.CancellationToken);
            }
            catch (Exception fault) when (TransientFault.Is(fault))
            {
                LogPaused(log, context.MessageId, fault.Message);
            }

            await Task.Delay(pause, context.CancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = TimeSpan.FromMilliseconds(Math.Min(pause.TotalMilliseconds * 2, 5000) * (0.8 + (Random.Shared.NextDouble() * 0.4)));
        }
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("pause-while-away");

    [LoggerMessage(Level = LogLevel.Warning, Message = "Message {MessageId} waits, something is away: {Reason}")]
    private static partial void LogPaused(ILogger log, Guid? messageId, string reason);
}

/// <summary>Opens the use case's transaction around the consumer and lets each message have its effect once.</summary>
internal sealed class InboxFilter<T>(Transaction transaction) : IFilter<ConsumeContext<T>>
    where T : class
{
    public async Task Send(ConsumeContext<T> context, IPipe<ConsumeContext<T>> next)
    {
        await transaction.BeginAsync(context.CancellationToken);
        var first = await transaction.Connection.ExecuteAsync($"""
            {Transaction.MayNotFreeze};
            insert into inbox (message_id, consumer) values (@MessageId, @consumer) on conflict do nothing
            """, new { context.MessageId, consumer = context.ReceiveContext.InputAddress.AbsolutePath });
        if (first == 0)
        {
            await transaction.RollbackAsync();
            // It was consumed, if earlier: without this it would go to the skipped queue as a message nobody knows.
            await context.NotifyConsumed(TimeSpan.Zero, nameof(InboxFilter<T>));
            return;
        }

        await next.Send(context);
        await transaction.CommitAsync(context.CancellationToken);
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("inbox");
}

/// <summary>Who really sent a message: the broker lets a service publish under its own routing key only.</summary>
public static class Sender
{
    /// <summary>Throws when the message came under another name than the one it speaks in.</summary>
    public static void Require(this ConsumeContext context, string claimed)
    {
        if (context.TryGetPayload<RabbitMqBasicConsumeContext>(out var delivery) && delivery.RoutingKey?.Split('.')[0] != claimed)
        {
            throw new InvalidOperationException($"A message in the name of {claimed} came under the routing key {delivery.RoutingKey}.");
        }
    }
}

/// <summary>Tells "something is away, wait" from "this content is wrong".</summary>
public static class TransientFault
{
    public static bool Is(Exception fault) => fault switch
    {
        // Connection (08), resources (53), operator intervention (57), deadlock and serialisation (40), lock not available (55P03), frozen in a transaction (25P03).
        PostgresException { SqlState: var state } => state[..2] is "08" or "53" or "57" or "40" || state is "55P03" or "25P03",
        NpgsqlException or SocketException or TimeoutException or IOException or HttpRequestException or OperationCanceledException => true,
        ObjectDisposedException => true,
        AggregateException several => several.InnerExceptions.All(Is),
        { InnerException: { } inner } => Is(inner),
        _ => false,
    };
}
