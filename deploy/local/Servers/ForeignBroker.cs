using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Exchange.Local.Servers;

/// <summary>A RabbitMQ that someone else runs: its operator imports our definitions once, we check that every service can sign in.</summary>
internal static class ForeignBroker
{
    public static async Task RequireAsync(
        string uri, string file, Func<string, string> definitions, Func<string, string> uriOf, IEnumerable<string> services, CancellationToken ct)
    {
        var virtualHost = System.Uri.UnescapeDataString(new Uri(uri).AbsolutePath.TrimStart('/'));
        if (virtualHost.Length == 0)
            throw new LocalFault("EXCHANGE_RABBITMQ needs a virtual host: amqp://host:port/exchange");
        // Always: another version or another city may need more queues than were imported once, and the services then say which.
        Files.WriteText(file, definitions(virtualHost));
        foreach (var service in services)
        {
            if (await RefusalAsync(uriOf(service), ct) is not { } refusal)
                continue;
            throw new LocalFault($"""
                The RabbitMQ named in EXCHANGE_RABBITMQ does not let '{service}' in: {refusal}
                Its users, queues and permissions are in {file}.
                Import that file on the broker, then start again:
                    rabbitmqctl import_definitions {file}
                """);
        }
    }

    private static async Task<string?> RefusalAsync(string uri, CancellationToken ct)
    {
        try
        {
            await using var connection = await new ConnectionFactory { Uri = new Uri(uri), AutomaticRecoveryEnabled = false }.CreateConnectionAsync(ct);
            return null;
        }
        catch (BrokerUnreachableException fault)
        {
            return fault.InnerException?.Message ?? fault.Message;
        }
    }
}
