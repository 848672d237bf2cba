using System.Globalization;
using System.Text.RegularExpressions;
using Dapper;
using Exchange.Hosting.Messaging;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Exchange.Hosting;

/// <summary>What operators may see and do about messages that could not be sent.</summary>
internal static partial class Operations
{
    public static void MapOperations(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/operations/quarantine").AllowOperators().WithTags("operations");
        group.MapGet("", ListAsync).WithSummary("Outbox rows whose content could not be sent, with the reason; never their content.");
        group.MapPost("/{id:guid}/requeue", RequeueAsync).WithSummary("Hands a quarantined row to the relay again.");
        routes.MapGet("/operations/state", StateAsync).AllowOperators().WithTags("operations")
            .WithSummary("How the service's messages stand: the outbox and the age of its oldest row, the relay, and how many messages each of its queues holds.");
        routes.MapPost("/operations/outbox/resend", ResendAsync).AllowOperators().Writes().WithTags("operations")
            .WithSummary("Sends again what was sent since a time and is still kept (seven days): the same ids and bytes, for an addressee whose database was restored. What is known there already is recognised.");
    }

    /// <summary>Each process answers for itself whether it leads; the rest is the same for all of a service. Queues are absent while the broker is away.</summary>
    private static async Task<Ok<ServiceState>> StateAsync(Database database, SetAside aside, RelayState relay, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var outbox = await connection.QuerySingleAsync<OutboxState>(new CommandDefinition("""
            select count(*) filter (where quarantined_at is null) as waiting,
                   coalesce(extract(epoch from max(clock_timestamp() - created_at) filter (where quarantined_at is null)), 0)::float8 as oldest_seconds,
                   count(*) filter (where quarantined_at is not null) as quarantined
            from outbox
            where sent_at is null
            """, cancellationToken: cancel));
        return TypedResults.Ok(new ServiceState(outbox, new RelayPart(relay.Leading, relay.BrokerConnected, relay.Blocked), await aside.QueuesAsync(cancel)));
    }

    private static async Task<Ok<IReadOnlyList<QuarantinedRow>>> ListAsync(Database database, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var rows = await connection.QueryAsync<QuarantinedRow>("""
            select id, type, routing_key, quarantined_at, quarantine_reason as reason from outbox where quarantined_at is not null order by quarantined_at limit 500
            """);
        return TypedResults.Ok<IReadOnlyList<QuarantinedRow>>([.. rows]);
    }

    private static async Task<Results<NoContent, Refused>> RequeueAsync(Guid id, Database database, RelaySignal relay, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var requeued = await connection.ExecuteAsync("update outbox set quarantined_at = null, quarantine_reason = null where id = @id and quarantined_at is not null", new { id });
        relay.Wake();
        return requeued == 1 ? TypedResults.NoContent() : Pipeline.NotFound();
    }

    /// <summary>Same ids, same bytes, same order: inbox, versions and event ids make a repetition harmless, so more than needed may be sent. How things stood then is not told again: it would be news.</summary>
    private static async Task<Results<Ok<Resent>, Refused>> ResendAsync(Resend body, Caller caller, Transaction transaction, ServiceSettings service, CancellationToken cancel)
    {
        var faults = new Faults();
        if (body.Since is null)
        {
            faults.Add("since", "required", null, new("请填写起始时间。", "Say since when."));
        }

        if (body.To is { } to && !RoutingName.IsMatch(to))
        {
            faults.Add("to", "form", null, new("应为服务名或路由键，如 changsha 或 zhuzhou.changsha。", "This must be a service or a routing key, such as changsha or zhuzhou.changsha."));
        }

        if (faults.Any)
        {
            return new Refused(faults);
        }

        var resent = await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            update outbox set sent_at = null, hold_until = null
            where sent_at >= @Since and (@keys::text[] is null or routing_key = any(@keys)) and type <> all(@states)
            """, new { body.Since, keys = KeysOf(service.Name, body.To), states = Topology.StateMessages.ToArray() }, commandTimeout: 300, cancellationToken: cancel));
        await transaction.RecordAsync(new AuditRecord
        {
            Type = "messages.resent",
            Result = "resent",
            Details = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["count"] = resent.ToString(CultureInfo.InvariantCulture),
                ["since"] = body.Since!.Value.UtcDateTime.ToString("O", CultureInfo.InvariantCulture),
                ["to"] = body.To ?? "all",
            },
            Openings = new Dictionary<string, string>(StringComparer.Ordinal) { ["operator"] = caller.Subject },
        }, cancel);
        return TypedResults.Ok(new Resent(resent));
    }

    /// <summary>What a service gets from this one: what is addressed to it, and the changes of the catalogue; the log gets the records alone.</summary>
    private static string[]? KeysOf(string from, string? to) => to switch
    {
        null => null,
        _ when to.Contains('.', StringComparison.Ordinal) => [to],
        Topology.AuditService => [$"{from}.{Topology.AuditService}"],
        _ => [$"{from}.{to}", $"{from}.{Topology.DatasetFeed}"],
    };

    [GeneratedRegex(@"^[a-z][a-z0-9]{1,30}(\.[a-z][a-z0-9]{1,30})?\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 100)]
    private static partial Regex RoutingName { get; }

    /// <summary>What to send again.</summary>
    internal sealed record Resend
    {
        /// <summary>From when on, by this service's database clock: a while before the moment the addressee was restored to.</summary>
        public DateTimeOffset? Since { get; init; }

        /// <summary>A service (what it gets from this one) or a routing key; everything when left out.</summary>
        public string? To { get; init; }
    }

    internal sealed record Resent(int Messages);

    /// <param name="Outbox">What waits to be sent.</param>
    /// <param name="Relay">What sends it.</param>
    /// <param name="Queues">What waits here to be taken up, and what was set aside; absent while the broker is away.</param>
    internal sealed record ServiceState(OutboxState Outbox, RelayPart Relay, IReadOnlyList<SetAside.QueueDepth>? Queues);

    /// <param name="Leading">This process sends; another one of the service may in its place.</param>
    /// <param name="BrokerConnected">The broker takes its messages.</param>
    /// <param name="Blocked">Why the broker takes none although it is there; absent when it does.</param>
    internal sealed record RelayPart(bool Leading, bool BrokerConnected, string? Blocked);

    internal sealed record OutboxState
    {
        /// <summary>Rows not sent yet.</summary>
        public required long Waiting { get; init; }

        /// <summary>Age of the oldest of them, in seconds; 0 when there is none.</summary>
        public required double OldestSeconds { get; init; }

        /// <summary>Rows whose content could not be sent.</summary>
        public required long Quarantined { get; init; }
    }

    internal sealed record QuarantinedRow
    {
        public required Guid Id { get; init; }
        public required string Type { get; init; }
        public required string RoutingKey { get; init; }
        public required DateTimeOffset QuarantinedAt { get; init; }
        public required string Reason { get; init; }
    }
}
