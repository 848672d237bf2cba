using System.Globalization;
using Exchange.Hosting.Messaging;
using Exchange.Local.Accounts;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Exchange.Local.Check;

/// <summary>Messages in a queue, those handed out and not yet acknowledged included where the broker tells, and how many consumers it has.</summary>
internal sealed record QueueState(string Name, long Messages, long Consumers);

/// <summary>Where the exchange that is checked has its parts. Nothing here writes.</summary>
internal sealed record Surroundings
{
    public required IReadOnlyList<string> Cities { get; init; }

    /// <summary>Connection string of a service's running role.</summary>
    public required Func<string, string> Database { get; init; }

    /// <summary>All queues; throws a <see cref="LocalFault"/> while the broker is away.</summary>
    public required Func<CancellationToken, Task<IReadOnlyList<QueueState>>> Queues { get; init; }

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
        Queues = stack.Rabbit is { } rabbit ? ct => OfPrivateAsync(rabbit.ControlAsync, ct) : ct => OfForeignAsync(stack.ServiceNames, stack.BrokerUri, ct),
        Addresses = service => [.. stack.ProcessesOf(service).Select(stack.Address)],
        PublicAddress = stack.PublicAddress,
        Reader = stack.Accounts.FirstOrDefault(a => a.Roles.Contains("officer")),
    };

    public static async Task<IReadOnlyList<QueueState>> OfPrivateAsync(Func<IEnumerable<string>, CancellationToken, Task<Servers.Command.Outcome>> control, CancellationToken ct)
    {
        var listed = await control(["-q", "-t", "20", "list_queues", "-p", Servers.PrivateRabbit.VirtualHost, "--no-table-headers", "name", "messages", "consumers"], ct);
        if (listed.Code != 0)
            throw new LocalFault(listed.Text.Split('\n')[0]);
        return [.. listed.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split('\t')).Where(c => c.Length == 3).Select(c => new QueueState(c[0], Number(c[1]), Number(c[2])))];

        // A queue whose leader is just being chosen has no numbers yet.
        static long Number(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
    }

    /// <summary>A broker that others run: each service looks at its own queues. What is handed out to a consumer is not counted there.</summary>
    public static async Task<IReadOnlyList<QueueState>> OfForeignAsync(IEnumerable<string> services, Func<string, string> uriOf, CancellationToken ct)
    {
        var states = new List<QueueState>();
        foreach (var service in services)
        {
            try
            {
                await using var connection = await new ConnectionFactory { Uri = new Uri(uriOf(service)), AutomaticRecoveryEnabled = false, ClientProvidedName = "check" }.CreateConnectionAsync(ct);
                foreach (var queue in Topology.Queues(service).SelectMany(q => (string[])[q, q + "_error", q + "_skipped"]).Append(Topology.DeadLetter(service)))
                {
                    await using var channel = await connection.CreateChannelAsync(cancellationToken: ct);
                    try
                    {
                        var declared = await channel.QueueDeclarePassiveAsync(queue, ct);
                        states.Add(new QueueState(queue, declared.MessageCount, declared.ConsumerCount));
                    }
                    catch (OperationInterruptedException)
                    {
                        // It is missing, which the check tells.
                    }
                }
            }
            catch (BrokerUnreachableException fault)
            {
                throw new LocalFault(fault.InnerException?.Message ?? fault.Message);
            }
        }
        return states;
    }
}
