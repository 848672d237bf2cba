using System.Text.Json;
using System.Text.Json.Serialization;
using Dapper;
using Exchange.Catalogue.Deliveries;
using Exchange.Catalogue.Requests;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Standing;

/// <summary>The owning side's view of a receiver that keeps a copy: what it was sent and acknowledged, as this city knows itself, and beside it what the receiver tells.</summary>
internal static class ReadReceiver
{
    public static void Map(RouteGroupBuilder approvals) => approvals.MapGet("/{id:guid}/standing", GetAsync).AllowCallers()
        .WithSummary("How far a receiver of changes has come: what was last sent and acknowledged, since when it is behind, and how its own city says that its standing exchange goes.");

    private static async Task<Results<Ok<ReceiverView>, Refused>> GetAsync(
        Guid id, Caller caller, Transaction transaction, SharingStore requests, CancellationToken cancel)
    {
        await transaction.BeginAsync(cancel);
        if (await requests.FindAsync(id, Side.Owning, cancel) is not { } stored || !ReadRequests.MaySee(caller, stored))
        {
            return Pipeline.NotFound();
        }

        var connection = transaction.Connection;
        var told = await connection.QuerySingleOrDefaultAsync<(string Told, DateTimeOffset HeardAt)?>(new CommandDefinition(
            "select told::text, heard_at from standing_receivers where exchange_id = @id", new { id }, cancellationToken: cancel));
        var sent = (await connection.QueryAsync<Sent>(new CommandDefinition("""
            (select 'last' as which, delivery_id, opened_at, ended_at, outcome, rows, bytes, facts ->> 'state' as state, facts ->> 'since' as since, acknowledged_at, received_sha256 = sha256 as equal
             from deliveries where exchange_id = @id and form = 'changes' order by opened_at desc limit 1)
            union all
            (select 'reached', delivery_id, opened_at, ended_at, outcome, rows, bytes, facts ->> 'state', facts ->> 'since', acknowledged_at, received_sha256 = sha256
             from deliveries where exchange_id = @id and form = 'changes' and outcome = 'complete' and received_sha256 = sha256 and facts ->> 'more' is null order by opened_at desc limit 1)
            """, new { id }, cancellationToken: cancel))).ToDictionary(s => s.Which, StringComparer.Ordinal);
        if (told is null && sent.Count == 0)
        {
            return Pipeline.NotFound();
        }

        // The number of a state is a UUIDv7: when its rows were loaded. The first load after it is what the receiver lacks.
        var reached = sent.GetValueOrDefault("reached");
        var behind = reached is null ? null : await connection.QuerySingleOrDefaultAsync<DateTimeOffset?>(new CommandDefinition("""
            select min(at) from dataset_history where dataset_id = @DatasetId and event = 'rows_loaded' and at > @loaded
            """, new { stored.Process.Ask.DatasetId, loaded = DateTimeOffset.FromUnixTimeMilliseconds(Convert.ToInt64(reached.State[..12], 16)).AddMilliseconds(1) }, cancellationToken: cancel));
        return TypedResults.Ok(new ReceiverView
        {
            Id = id,
            LastDelivery = sent.GetValueOrDefault("last"),
            Acknowledged = reached,
            BehindSince = behind,
            Receiver = told is { } heard ? JsonSerializer.Deserialize<StandingExchangeProgressed>(heard.Told, Json.Options) : null,
            Reason = told is { } with && JsonSerializer.Deserialize<StandingExchangeProgressed>(with.Told, Json.Options)!.Reason is { } reason ? StandingWords.Of(reason) : null,
            HeardAt = told?.HeardAt,
        });
    }

    /// <summary>What this city knows of a receiver, and what it tells.</summary>
    internal sealed record ReceiverView
    {
        /// <summary>The id of the exchange.</summary>
        public required Guid Id { get; init; }

        /// <summary>The newest delivery of changes, running, complete or broken.</summary>
        public Sent? LastDelivery { get; init; }

        /// <summary>The newest one of which the receiver said that it got what was sent: there it stands.</summary>
        public Sent? Acknowledged { get; init; }

        /// <summary>When the rows were loaded that it has not acknowledged; null while it has what there is, or never acknowledged anything.</summary>
        public DateTimeOffset? BehindSince { get; init; }

        /// <summary>What its own city tells: state, times, last pull, faults.</summary>
        public StandingExchangeProgressed? Receiver { get; init; }

        /// <summary>Why it does not go on there.</summary>
        public Text? Reason { get; init; }

        public DateTimeOffset? HeardAt { get; init; }
    }

    internal sealed record Sent
    {
        [JsonIgnore]
        public string Which { get; init; } = "";

        public required Guid DeliveryId { get; init; }
        public required DateTimeOffset OpenedAt { get; init; }
        public DateTimeOffset? EndedAt { get; init; }

        /// <summary>complete, aborted or failed; absent while it runs.</summary>
        public string? Outcome { get; init; }

        /// <summary>Rows inserted, changed and deleted.</summary>
        public long? Rows { get; init; }

        public long? Bytes { get; init; }

        /// <summary>The state of the rows that it brought, as a number.</summary>
        public required string State { get; init; }

        /// <summary>The state it began with; <c>nothing</c> when everything was sent.</summary>
        public required string Since { get; init; }

        public DateTimeOffset? AcknowledgedAt { get; init; }

        /// <summary>The receiver got what was sent, by its own digest.</summary>
        public bool? Equal { get; init; }
    }
}
