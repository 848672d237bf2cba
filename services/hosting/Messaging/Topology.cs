using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Exchange.Contracts;

namespace Exchange.Hosting.Messaging;

/// <summary>
/// Every exchange, queue and permission of the broker, in one place: the launcher imports it before any service starts, services only use it.
/// Addressed messages carry the routing key <c>from.to</c>; topic permissions let a service write only as itself and bind only what is meant for it.
/// </summary>
public static class Topology
{
    /// <summary>City to city, and the audit service to each source.</summary>
    public const string Addressed = "exchange.addressed";

    /// <summary>Changes of the catalogue, to everyone; and between the cities what each knows of it.</summary>
    public const string Datasets = "exchange.datasets";

    /// <summary>Audit records, to the audit service alone: nothing else is bound here, so that <c>mandatory</c> means it.</summary>
    public const string Audit = "exchange.audit";

    /// <summary>Name of the dataset feed, also the last part of its routing key.</summary>
    public const string DatasetFeed = "datasets";

    /// <summary>Last part of the routing key under which a city tells what it knows of everyone's catalogue; for cities alone.</summary>
    public const string KnownCatalogue = "catalogue";

    /// <summary>Messages that tell how things stand: only the newest of each counts, and the next one comes by itself.</summary>
    public static readonly IReadOnlyList<string> StateMessages = [typeof(CatalogueKnown).FullName!, typeof(CatalogueCopied).FullName!, typeof(RecordsLogged).FullName!];

    public const string AuditService = "audit";

    public const string GatewayService = "gateway";

    public static string AddressedQueue(string city) => $"{city}.addressed";

    public static string DatasetsQueue(string service) => $"{service}.datasets";

    public const string AuditQueue = "audit.records";

    public static string DeadLetter(string service) => $"{service}.dead";

    /// <summary>The arguments a queue is declared with. Every declaration anywhere uses these, or the broker refuses the second one.</summary>
    public static Dictionary<string, object> Arguments(string queue) => queue == DeadLetter(ServiceOf(queue)) ? new(StringComparer.Ordinal) { ["x-queue-type"] = "quorum" } : new(StringComparer.Ordinal)
    {
        ["x-queue-type"] = "quorum",
        ["x-delivery-limit"] = 100,
        ["x-dead-letter-exchange"] = DeadLetter(ServiceOf(queue)),
        ["x-dead-letter-strategy"] = "at-least-once",
        ["x-overflow"] = "reject-publish",
    };

    /// <summary>The queues that a service consumes.</summary>
    public static IReadOnlyList<string> Queues(string service) => service switch
    {
        AuditService => [AuditQueue],
        _ => [AddressedQueue(service), DatasetsQueue(service)],
    };

    /// <summary>The queues in which messages of a service are set aside.</summary>
    public static IEnumerable<string> SetAside(string service) => Queues(service).SelectMany(queue => (string[])[queue + "_error", queue + "_skipped"]).Append(DeadLetter(service));

    public static IEnumerable<string> AllQueues(string service) => Queues(service).Concat(SetAside(service));

    /// <summary>A file for <c>rabbitmqctl import_definitions</c>.</summary>
    /// <param name="vhost">Virtual host; made if missing.</param>
    /// <param name="passwords">Service name → its broker password, for the cities, gateway and audit.</param>
    public static JsonObject Definitions(string vhost, IReadOnlyDictionary<string, string> passwords)
    {
        JsonArray users = [], permissions = [], topicPermissions = [], exchanges = [], queues = [], bindings = [];
        foreach (var exchange in (string[])[Addressed, Datasets, Audit])
        {
            exchanges.Add(Exchange(exchange, "topic"));
        }

        foreach (var (service, password) in passwords)
        {
            users.Add(new JsonObject { ["name"] = service, ["password_hash"] = PasswordHash(password), ["hashing_algorithm"] = "rabbit_password_hashing_sha256", ["tags"] = "" });
            var publishes = service switch { AuditService => "addressed|audit", GatewayService => "audit", _ => "addressed|datasets|audit" };
            permissions.Add(new JsonObject
            {
                ["user"] = service,
                ["vhost"] = vhost,
                ["configure"] = $"^{service}\\..*$",
                ["write"] = $"^({service}\\..*|exchange\\.({publishes}))$",
                ["read"] = $"^{service}\\..*$",
            });
            foreach (var exchange in (string[])[Addressed, Datasets, Audit])
            {
                topicPermissions.Add(new JsonObject { ["user"] = service, ["vhost"] = vhost, ["exchange"] = exchange, ["write"] = $"^{service}\\.", ["read"] = $"^\\*\\.{service}$" });
            }

            exchanges.Add(Exchange(DeadLetter(service), "fanout"));
            queues.Add(Queue(DeadLetter(service), Json(Arguments(DeadLetter(service)))));
            bindings.Add(Binding(DeadLetter(service), DeadLetter(service), ""));

            foreach (var queue in Queues(service))
            {
                exchanges.Add(Exchange(queue, "fanout"));
                queues.Add(Queue(queue, Json(Arguments(queue))));
                bindings.Add(Binding(queue, queue, ""));
                // MassTransit declares these two itself when it first needs them, with the arguments of the queue they belong to.
                foreach (var side in (string[])["_error", "_skipped"])
                {
                    exchanges.Add(Exchange(queue + side, "fanout"));
                    queues.Add(Queue(queue + side, Json(Arguments(queue))));
                    bindings.Add(Binding(queue + side, queue + side, ""));
                }
            }

            foreach (var queue in Queues(service))
            {
                (string Exchange, string Key)[] sources = queue switch
                {
                    AuditQueue => [(Audit, "*.audit")],
                    _ when queue == AddressedQueue(service) => [(Addressed, $"*.{service}")],
                    _ when service == GatewayService => [(Datasets, $"*.{DatasetFeed}")],
                    _ => [(Datasets, $"*.{DatasetFeed}"), (Datasets, $"*.{KnownCatalogue}")],
                };
                foreach (var (exchange, key) in sources)
                {
                    bindings.Add(Binding(exchange, queue, key));
                }
            }
        }

        return new JsonObject
        {
            ["vhosts"] = new JsonArray(new JsonObject { ["name"] = vhost }),
            ["users"] = users,
            ["permissions"] = permissions,
            ["topic_permissions"] = topicPermissions,
            ["exchanges"] = exchanges,
            ["queues"] = queues,
            ["bindings"] = bindings,
        };

        static JsonObject Json(Dictionary<string, object> arguments) => new(arguments.Select(a => KeyValuePair.Create(a.Key, (JsonNode?)JsonValue.Create(a.Value))));
        JsonObject Exchange(string name, string type) => new() { ["name"] = name, ["vhost"] = vhost, ["type"] = type, ["durable"] = true, ["auto_delete"] = false, ["internal"] = false, ["arguments"] = new JsonObject() };
        JsonObject Queue(string name, JsonObject arguments) => new() { ["name"] = name, ["vhost"] = vhost, ["durable"] = true, ["auto_delete"] = false, ["arguments"] = arguments };
        JsonObject Binding(string source, string queue, string key) => new() { ["source"] = source, ["vhost"] = vhost, ["destination"] = queue, ["destination_type"] = "queue", ["routing_key"] = key, ["arguments"] = new JsonObject() };
    }

    private static string ServiceOf(string queue) => queue[..queue.IndexOf('.', StringComparison.Ordinal)];

    /// <summary>RabbitMQ's own form: base64 of a 4-byte salt and SHA-256 of salt and password.</summary>
    private static string PasswordHash(string password)
    {
        var salt = RandomNumberGenerator.GetBytes(4);
        return Convert.ToBase64String([.. salt, .. SHA256.HashData([.. salt, .. Encoding.UTF8.GetBytes(password)])]);
    }
}
