using System.Diagnostics;
using System.Text.Json;
using Dapper;
using Exchange.Hosting.Messaging;
using Exchange.Hosting.Openings;
using Npgsql;

namespace Exchange.Hosting;

/// <summary>Where an event stands in a change feed: consumers keep the newest version of each key, a tombstone ends it.</summary>
public sealed record FeedEntry(string Feed, Guid Key, int Version, bool Tombstone);

/// <summary>
/// The one transaction of a use case: its rows, the messages that follow from them and the audit records commit together or not at all.
/// Scoped: the route or consumer pipeline opens and commits it, the use case only works in it. Nothing here talks to the broker.
/// </summary>
public sealed class Transaction(Database database, RelaySignal relay, OpeningStore store, ServiceSettings service, TimeProvider clock) : IAsyncDisposable
{
    /// <summary>
    /// For transactions that hold what another process of the service waits for, and that wait for nothing but the database: a process that is frozen in one
    /// (stopped, paused machine) keeps its session open for hours. The server ends it instead, which also rolls back what was begun.
    /// </summary>
    public const string MayNotFreeze = "set local idle_in_transaction_session_timeout = '5s'";

    private readonly List<OutboxRow> outbox = [];
    private readonly List<AuditOpening> openings = [];
    private NpgsqlConnection? connection;
    private NpgsqlTransaction? transaction;

    public NpgsqlConnection Connection => connection ?? throw new InvalidOperationException("The transaction is not open: mark the route with Writes() or WritesOnce().");

    public async Task BeginAsync(CancellationToken cancel)
    {
        connection = await database.OpenAsync(cancel);
        transaction = await connection.BeginTransactionAsync(cancel);
    }

    /// <summary>Sends to one city (or this one) through the outbox.</summary>
    public Task SendAsync<T>(T message, string toCity, Guid correlation, CancellationToken cancel = default)
        where T : class
    {
        cancel.ThrowIfCancellationRequested();
        outbox.Add(Row(message, Topology.Addressed, $"{service.Name}.{toCity}") with { CorrelationId = correlation });
        return Task.CompletedTask;
    }

    /// <summary>Publishes a numbered change: the relay gives <c>epoch</c> and <c>change</c> after the commit.</summary>
    public Task PublishFeedAsync<T>(T message, FeedEntry entry, CancellationToken cancel = default)
        where T : class
    {
        cancel.ThrowIfCancellationRequested();
        outbox.Add(Row(message, Topology.Datasets, $"{service.Name}.{entry.Feed}") with
        {
            CorrelationId = entry.Key,
            Feed = entry.Feed,
            FeedKey = entry.Key,
            FeedVersion = entry.Version,
            FeedTombstone = entry.Tombstone,
        });
        return Task.CompletedTask;
    }

    /// <summary>
    /// Publishes what only the newest of counts. While an earlier one waits for the broker nothing is added: an outage leaves one behind and not thousands. False then.
    /// </summary>
    public async Task<bool> PublishStateAsync<T>(T message, string exchange, string to, CancellationToken cancel = default)
        where T : class
    {
        var row = Row(message, exchange, $"{service.Name}.{to}");
        if (await Connection.ExecuteScalarAsync<bool>(new CommandDefinition(StateWaits, new { row.Type, row.RoutingKey }, cancellationToken: cancel)))
        {
            return false;
        }

        outbox.Add(row);
        return true;
    }

    /// <summary>Writes an audit record; returns its event id, under which a proof can be had.</summary>
    public Task<Guid> RecordAsync(AuditRecord record, CancellationToken cancel = default)
    {
        cancel.ThrowIfCancellationRequested();
        var now = clock.Now();
        var id = Guid.CreateVersion7(now);
        var (content, secrets) = record.Draft(id, service.Name, now);
        openings.AddRange(secrets);
        outbox.Add(new OutboxRow
        {
            Id = id,
            Kind = "record",
            Exchange = Topology.Audit,
            RoutingKey = $"{service.Name}.audit",
            Type = record.Type,
            Content = content.ToJsonString(MessageJson.Options),
            CorrelationId = record.ExchangeId,
            Traceparent = Activity.Current?.Id,
        });
        return Task.FromResult(id);
    }

    public async Task CommitAsync(CancellationToken cancel)
    {
        if (outbox.Count > 0)
        {
            await Connection.ExecuteAsync(new CommandDefinition(InsertOutbox, new
            {
                Id = outbox.Select(r => r.Id).ToArray(),
                Kind = outbox.Select(r => r.Kind).ToArray(),
                Exchange = outbox.Select(r => r.Exchange).ToArray(),
                RoutingKey = outbox.Select(r => r.RoutingKey).ToArray(),
                Type = outbox.Select(r => r.Type).ToArray(),
                Content = outbox.Select(r => r.Content).ToArray(),
                CorrelationId = outbox.Select(r => r.CorrelationId).ToArray(),
                Traceparent = outbox.Select(r => r.Traceparent).ToArray(),
                Feed = outbox.Select(r => r.Feed).ToArray(),
                FeedKey = outbox.Select(r => r.FeedKey).ToArray(),
                FeedVersion = outbox.Select(r => r.FeedVersion).ToArray(),
                FeedTombstone = outbox.Select(r => r.FeedTombstone).ToArray(),
            }, cancellationToken: cancel));
        }

        if (openings.Count > 0)
        {
            await store.AddAsync(Connection, openings, cancel);
        }

        // From here the caller's going away must not leave the outcome unknown to us.
        await transaction!.CommitAsync(CancellationToken.None);
        if (outbox.Count > 0)
        {
            relay.Wake();
        }
    }

    public async Task RollbackAsync()
    {
        outbox.Clear();
        openings.Clear();
        await transaction!.RollbackAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        if (transaction is not null)
        {
            await transaction.DisposeAsync();
        }

        if (connection is not null)
        {
            await connection.DisposeAsync();
        }
    }

    private OutboxRow Row<T>(T message, string exchange, string routingKey)
        where T : class => new()
        {
            Id = Guid.CreateVersion7(clock.GetUtcNow()),
            Kind = "message",
            Exchange = exchange,
            RoutingKey = routingKey,
            Type = message.GetType().FullName!,
            Content = JsonSerializer.Serialize(message, message.GetType(), MessageJson.Options),
            Traceparent = Activity.Current?.Id,
        };

    private sealed record OutboxRow
    {
        public required Guid Id { get; init; }
        public required string Kind { get; init; }
        public required string Exchange { get; init; }
        public required string RoutingKey { get; init; }
        public required string Type { get; init; }
        public required string Content { get; init; }
        public Guid? CorrelationId { get; init; }
        public string? Traceparent { get; init; }
        public string? Feed { get; init; }
        public Guid? FeedKey { get; init; }
        public int? FeedVersion { get; init; }
        public bool? FeedTombstone { get; init; }
    }

    private const string InsertOutbox = """
        insert into outbox (id, kind, exchange, routing_key, type, content, correlation_id, traceparent, feed, feed_key, feed_version, feed_tombstone)
        select * from unnest(@Id, @Kind, @Exchange, @RoutingKey, @Type, @Content, @CorrelationId, @Traceparent, @Feed, @FeedKey, @FeedVersion, @FeedTombstone)
        """;

    // Two halves, each of which has its index.
    private const string StateWaits = """
        select exists (select from outbox where sealed is null and quarantined_at is null and type = @Type and routing_key = @RoutingKey)
            or exists (select from outbox where sealed is not null and sent_at is null and type = @Type and routing_key = @RoutingKey)
        """;
}
