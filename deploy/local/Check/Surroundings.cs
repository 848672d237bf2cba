using System.Globalization;
using Exchange.Hosting.Messaging;
using Exchange.Local.Accounts;
using Exchange.Local.Servers;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Exchange.Local.Check;

/// <summary>Messages that wait in a queue, and how many consumers it has.</summary>
internal sealed record QueueState(string Name, long Messages, long Consumers);

/// <summary>Where the exchange that is checked has its parts. Nothing here writes.</summary>
internal sealed record Surroundings
{
    public required IReadOnlyList<string> Cities { get; init; }

    /// <summary>Connection string of a service's running role.</summary>
    public required Func<string, string> Database { get; init; }

    /// <summary>A service's own address of the broker.</summary>
    public required Func<string, string> Broker { get; init; }

    /// <summary>rabbitmqctl of a broker of our own; null where others run it.</summary>
    public Func<IEnumerable<string>, CancellationToken, Task<Command.Outcome>>? Control { get; init; }

    /// <summary>Where a service's processes listen; one that answers is enough.</summary>
    public required Func<string, IReadOnlyList<Uri>> Addresses { get; init; }

    public required Uri PublicAddress { get; init; }

    /// <summary>Anyone with an account: asks the catalogue as a token holder.</summary>
    public Account? Reader { get; init; }

    /// <summary>The operator's trust file; null to ask the audit service for its keys.</summary>
    public string? TrustFile { get; init; }

    public IReadOnlyList<string> Services => [.. Cities, Stack.Gateway, Stack.Audit];

    public static Surroundings Of(Stack stack) => new()
    {
        Cities = [.. stack.Cities.Select(c => c.Name)],
        Database = service => stack.Databases.ConnectionString(service, "app"),
        Broker = stack.BrokerUri,
        Control = stack.Rabbit is { } rabbit ? rabbit.ControlAsync : null,
        Addresses = service => [.. stack.ProcessesOf(service).Select(stack.Address)],
        PublicAddress = stack.PublicAddress,
        Reader = stack.Accounts.FirstOrDefault(a => a.Roles.Contains("officer")),
    };

    /// <summary>Every queue there is, as its leader counts it now. Throws a <see cref="LocalFault"/> while the broker is away.</summary>
    public async Task<IReadOnlyList<QueueState>> QueuesAsync(CancellationToken ct)
    {
        var states = new List<QueueState>();
        try
        {
            foreach (var service in Services)
            {
                var factory = new ConnectionFactory { Uri = new Uri(Broker(service)), AutomaticRecoveryEnabled = false, ClientProvidedName = "check", RequestedConnectionTimeout = TimeSpan.FromSeconds(5) };
                await using var connection = await factory.CreateConnectionAsync(ct);
                foreach (var queue in Topology.AllQueues(service))
                {
                    await using var channel = await connection.CreateChannelAsync(cancellationToken: ct);
                    try
                    {
                        var declared = await channel.QueueDeclarePassiveAsync(queue, ct);
                        states.Add(new QueueState(queue, declared.MessageCount, declared.ConsumerCount));
                    }
                    catch (OperationInterruptedException missing) when (missing.ShutdownReason?.ReplyCode == Constants.NotFound)
                    {
                        // The check tells that it is not there.
                    }
                }
            }
            return states;
        }
        catch (Exception fault) when (fault is BrokerUnreachableException or OperationInterruptedException or AlreadyClosedException or IOException or TimeoutException)
        {
            throw new LocalFault(fault.GetBaseException().Message);
        }
    }

    /// <summary>Messages that were handed to a consumer which has not acknowledged them, by queue. These numbers are up to five seconds old, and asking costs a second of a processor.</summary>
    public async Task<IReadOnlyDictionary<string, long>> UnacknowledgedAsync(CancellationToken ct)
    {
        if (Control is null || await Control(["-q", "-t", "20", "list_queues", "-p", PrivateRabbit.VirtualHost, "--no-table-headers", "name", "messages_unacknowledged"], ct) is not { Code: 0 } listed)
            return new Dictionary<string, long>();
        return listed.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split('\t')).Where(c => c.Length == 2)
            .ToDictionary(c => c[0], c => long.TryParse(c[1], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0, StringComparer.Ordinal);
    }
}
