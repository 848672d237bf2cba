using System.Net.Sockets;
using Dapper;
using Exchange.Local;
using Exchange.Local.Accounts;
using Exchange.Local.Check;
using Exchange.Tests.Flow;
using Microsoft.IdentityModel.JsonWebTokens;
using Npgsql;

namespace Exchange.Tests.Faults;

/// <summary>An exchange whose parts die: its own stack, shared by the fault tests, which leave it whole and at rest.</summary>
[CollectionDefinition(Name)]
public sealed class FaultyExchange : ICollectionFixture<FaultFixture>
{
    public const string Name = "faulty exchange";
}

/// <summary>One more, for the tests that make up news in quantities: no city has such entries, so the checker finds that later.</summary>
[CollectionDefinition(Name)]
public sealed class ExchangeWithInventedNews : ICollectionFixture<FaultFixture>
{
    public const string Name = "exchange with invented news";
}

/// <summary>
/// Of each service a second process can be started beside the first (<c>changsha-2</c>); some lines run over a <see cref="Wire"/>.
/// The client goes to whichever gateway it can connect to, as behind a load balancer.
/// </summary>
public class FaultFixture : ExchangeFixture
{
    private static readonly (string Process, string Target)[] Lines =
    [
        ("zhuzhou", Postgresql), ("zhuzhou", Rabbitmq), ("changsha", Postgresql), ("changsha", Rabbitmq), ("xiangtan", Rabbitmq), ("audit", Rabbitmq), ("gateway", "xiangtan"),
    ];

    private readonly Dictionary<(string Process, string Target), Wire> wires = [];

    internal const string Postgresql = "postgresql";
    internal const string Rabbitmq = "rabbitmq";

    /// <summary>The line from a process to a server or to another process.</summary>
    internal Wire Line(string process, string target) => wires[(process, target)];

    internal void MendLines()
    {
        foreach (var wire in wires.Values)
        {
            wire.Mend();
        }
    }

    private protected override StackOptions Options()
    {
        var options = base.Options();
        return options with
        {
            Replicas = new Dictionary<string, int>(StringComparer.Ordinal) { [Stack.Gateway] = 2, [Stack.Audit] = 2, ["changsha"] = 2, ["zhuzhou"] = 2 },
            Services = [Stack.Gateway, Stack.Audit, "changsha", "zhuzhou", "xiangtan"],
            Settings = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                // Those who test the way out ask for it.
                ["Service__Drain"] = "00:00:00",
                ["City__ChangesPart"] = StandingFaultTests.Part.ToString(System.Globalization.CultureInfo.InvariantCulture),
                ["Standing__Every"] = "00:00:00.2",
                ["Standing__LastingAfter"] = "1",
                ["Standing__FirstRetry"] = "00:00:00.5",
            },
            Detour = (process, target, port) =>
            {
                if (!Lines.Contains((process, target)))
                {
                    return port;
                }

                lock (wires)
                {
                    if (!wires.TryGetValue((process, target), out var wire))
                    {
                        wires[(process, target)] = wire = new Wire(port);
                    }

                    return wire.Port;
                }
            },
        };
    }

    private protected override HttpClient Connect() => new(new SocketsHttpHandler
    {
        // Shorter than a drain, so that no kept connection outlives its server unseen.
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(1),
        ConnectCallback = async (asked, cancel) =>
        {
            var port = asked.DnsEndPoint.Port;
            int[] ports = port == Stack.PublicAddress.Port ? [port, Stack.Address(Stack.Gateway + "-2").Port] : [port];
            foreach (var next in ports)
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                try
                {
                    await socket.ConnectAsync("127.0.0.1", next, cancel);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch (SocketException) when (next != ports[^1])
                {
                    socket.Dispose();
                }
            }

            throw new InvalidOperationException("The loop returns or throws.");
        },
    })
    {
        BaseAddress = Stack.PublicAddress,
        Timeout = TimeSpan.FromSeconds(60),
    };

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        foreach (var wire in wires.Values)
        {
            await wire.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }
}

/// <summary>A participant who goes on where a part died: the same act under the same key until it is answered.</summary>
internal static class Patiently
{
    public static async Task<Answer> ActPatientlyAsync(this Participant participant, string path, object? body = null, string? etag = null)
    {
        var key = Guid.NewGuid().ToString();
        return await Deaths.InsistAsync(() => participant.PostAsync(path, body, etag, key));
    }

    /// <summary>A request of Zhuzhou's labour department, drafted, signed and submitted whatever dies meanwhile; answers the id.</summary>
    public static async Task<string> SubmitPatientlyAsync(this FaultFixture exchange, Guid dataset)
    {
        var officer = exchange.Who("zhuzhou", "officer");
        var draft = await Eventually.GetAsync(
            () => officer.ActPatientlyAsync("/api/cities/zhuzhou/requests", ExchangeFixture.RequestBody(dataset)),
            a => !a.Text.Contains("unknown-dataset", StringComparison.Ordinal), show: a => a.Text);
        var id = draft.Succeeded("draft")["id"].GetString()!;
        var signed = (await exchange.Who("zhuzhou", "sharing_head").ActPatientlyAsync($"/api/cities/zhuzhou/requests/{id}/sign-off", etag: draft.ETag)).Succeeded("sign off");
        (await officer.ActPatientlyAsync($"/api/cities/zhuzhou/requests/{id}/submit", etag: signed.ETag)).Succeeded("submit");
        return id;
    }
}

/// <summary>What fault tests look at behind the services' backs.</summary>
internal static class BehindTheScenes
{
    /// <summary>A connection as the service's owner, past any wire.</summary>
    public static async Task<NpgsqlConnection> AdminAsync(this ExchangeFixture exchange, string service, string name = "test")
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(exchange.Stack.Databases.ConnectionString(service, "owner")) { ApplicationName = name, Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    /// <summary>Waits until everything committed so far has left the service.</summary>
    public static async Task DrainedAsync(this ExchangeFixture exchange, string service, TimeSpan? within = null)
    {
        await using var connection = await exchange.AdminAsync(service);
        await Eventually.GetAsync(
            () => connection.ExecuteScalarAsync<long>("select count(*) from service.outbox where sent_at is null and quarantined_at is null"), n => n == 0, within, n => $"{service} has {n} rows unsent");
    }

    /// <summary>What waits in a queue, as its leader counts it now (what rabbitmqctl lists is up to five seconds old), without what a consumer has in hand.</summary>
    public static async Task<long> QueueDepthAsync(this ExchangeFixture exchange, string queue) =>
        (await Surroundings.Of(exchange.Stack).QueuesAsync(default)).SingleOrDefault(q => q.Name == queue)?.Messages ?? -1;

    /// <summary>Moves the clocks of all processes, or of these. A process looks at its clock's file every now and then: everyone signs in anew until gateway and cities have seen the new time.</summary>
    public static async Task MoveClockAsync(this ExchangeFixture exchange, TimeSpan offset, params string[] processes)
    {
        if (processes.Length == 0)
        {
            exchange.Stack.MoveClock(offset);
        }

        foreach (var process in processes)
        {
            exchange.Stack.MoveClock(offset, process);
        }

        foreach (var city in exchange.Stack.Cities.Select(c => c.Name))
        {
            await Eventually.GetAsync(
                async () =>
                {
                    exchange.SignOut();
                    var officer = exchange.Who(city, "officer");
                    var issued = new JsonWebToken(await officer.TokenAsync()).IssuedAt;
                    var answer = await Deaths.InsistAsync(() => officer.GetAsync(new Uri(exchange.Stack.Address(city), "/requests?limit=1").AbsoluteUri));
                    return (issued, answer);
                },
                seen => seen.answer.Status == 200 && (seen.issued - (DateTime.UtcNow + offset)).Duration() < TimeSpan.FromMinutes(1),
                show: seen => $"{city}, token of {seen.issued:O}: {seen.answer.Text}");
        }

        exchange.SignOut();
    }

    /// <summary>Everything has left, arrived and been taken in, and every invariant holds.</summary>
    /// <param name="exchange">The exchange.</param>
    /// <param name="invented">Invariants that a test has broken itself, with news that no city has.</param>
    public static Task AtRestAsync(this ExchangeFixture exchange, params Invariant[] invented) => exchange.CheckedAsync(report => report.Broken.All(invented.Contains));

    /// <summary>Checks until the report is as expected: what is on its way arrives meanwhile.</summary>
    public static Task<Report> CheckedAsync(this ExchangeFixture exchange, Func<Report, bool> expected) =>
        Eventually.GetAsync(() => Invariants.Of(exchange.Stack).CheckAsync(TimeSpan.Zero), expected, TimeSpan.FromSeconds(30), report => report.ToString());

    public static async Task NothingSetAsideAsync(this ExchangeFixture exchange)
    {
        var aside = exchange.Stack.ServiceNames.SelectMany(Exchange.Hosting.Messaging.Topology.SetAside).ToHashSet(StringComparer.Ordinal);
        Assert.DoesNotContain(await Surroundings.Of(exchange.Stack).QueuesAsync(default), q => aside.Contains(q.Name) && q.Messages > 0);
    }
}
