using Exchange.Hosting;
using Exchange.Hosting.Messaging;

namespace Exchange.Local.Check;

/// <summary>What the checks look at: each database as of one moment, the queues, and the sharing rows that several of them need.</summary>
internal sealed class View(Surroundings exchange, IReadOnlyList<QueueState>? queues, IReadOnlyDictionary<string, long> unacknowledged, TimeSpan settle) : IAsyncDisposable
{
    private readonly Dictionary<string, Snapshot> open = new(StringComparer.Ordinal);
    private readonly Dictionary<string, CitySharing> sharing = new(StringComparer.Ordinal);

    public Surroundings Exchange => exchange;

    /// <summary>What is older than this should have been sent.</summary>
    public TimeSpan Settle => settle;

    /// <summary>Null while the broker is away.</summary>
    public IReadOnlyDictionary<string, QueueState>? Queues { get; } = queues?.ToDictionary(q => q.Name, StringComparer.Ordinal);

    public IEnumerable<Snapshot> Cities => exchange.Cities.Where(open.ContainsKey).Select(c => open[c]);

    public IEnumerable<Snapshot> All => exchange.Services.Where(open.ContainsKey).Select(s => open[s]);

    public Snapshot? this[string service] => open.GetValueOrDefault(service);

    public CitySharing? Sharing(string city) => sharing.GetValueOrDefault(city);

    /// <summary>The audit service comes last: what a source shows as sent has had its time to be logged.</summary>
    public static async Task<View> OpenAsync(Surroundings exchange, IReadOnlyList<QueueState>? queues, IReadOnlyDictionary<string, long> unacknowledged, TimeSpan settle, CancellationToken ct)
    {
        var view = new View(exchange, queues, unacknowledged, settle);
        foreach (var service in exchange.Services)
        {
            try
            {
                var snapshot = await Snapshot.TakeAsync(service, exchange.Database(service), ct);
                view.open.Add(service, snapshot);
                if (exchange.Cities.Contains(service))
                    view.sharing.Add(service, await CitySharing.ReadAsync(snapshot, ct));
            }
            catch (Exception fault) when (TransientFault.Is(fault) || fault is Npgsql.PostgresException)
            {
                // Settling has told that it is away; each check tells what it could not compare.
            }
        }
        return view;
    }

    /// <summary>Tells for which services a check could say nothing. Never silently less than asked.</summary>
    public void RequireDatabases(Tally tally, IEnumerable<string> services)
    {
        foreach (var service in services.Where(s => !open.ContainsKey(s)))
            tally.Find(service, "database", service, new("可以比对", "it can be compared"), new("数据库无应答，未比对", "its database does not answer: not compared"), Settling.DatabaseBack);
    }

    /// <summary>How many messages meant for this queue lie aside, wait or are in a consumer's hands; these are not lost. Null while the broker is away.</summary>
    public long? Waiting(string queue)
    {
        if (Queues is null)
            return null;
        string[] places = [queue, queue + "_error", queue + "_skipped", Topology.DeadLetter(queue.Split('.')[0])];
        return places.Sum(p => Queues.TryGetValue(p, out var state) ? state.Messages : 0) + unacknowledged.GetValueOrDefault(queue);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var snapshot in open.Values)
            await snapshot.DisposeAsync();
    }
}

/// <summary>The sharing rows of one city.</summary>
internal sealed class CitySharing
{
    public required IReadOnlyDictionary<(Guid Id, string Side), RequestRow> Requests { get; init; }

    /// <summary>In the order of writing.</summary>
    public required ILookup<(Guid Id, string Side), HistoryRow> History { get; init; }

    public static async Task<CitySharing> ReadAsync(Snapshot city, CancellationToken ct) => new()
    {
        Requests = (await city.ListAsync<RequestRow>("""
            select exchange_id, side, state, version, asking_city, asking_department, owning_city, owning_department, dataset_id, dataset_version, fields, use_until, reference,
                   drafted_by, signed_off_by, submitted_at, reply::text as reply, grant_terms::text as grant_terms, change::text as change,
                   jsonb_build_array(suspension, change, consultation, dispute, disposal, disposal_due, retain_until)::text as use, end_reason, pending
            from sharing_requests
            """, ct: ct)).ToDictionary(r => (r.ExchangeId, r.Side)),
        History = (await city.ListAsync<HistoryRow>("""
            select exchange_id, side, version, event, state, by_subject, audit_event from sharing_history order by exchange_id, side, position
            """, ct: ct)).ToLookup(h => (h.ExchangeId, h.Side)),
    };
}

internal sealed record RequestRow
{
    public required Guid ExchangeId { get; init; }
    public required string Side { get; init; }
    public required string State { get; init; }
    public required int Version { get; init; }
    public required string AskingCity { get; init; }
    public required string AskingDepartment { get; init; }
    public required string OwningCity { get; init; }
    public string? OwningDepartment { get; init; }
    public required Guid DatasetId { get; init; }
    public required int DatasetVersion { get; init; }
    public required string[] Fields { get; init; }
    public required DateOnly UseUntil { get; init; }
    public string? Reference { get; init; }
    public string? DraftedBy { get; init; }
    public string? SignedOffBy { get; init; }
    public DateTimeOffset? SubmittedAt { get; init; }
    public string? Reply { get; init; }
    public string? GrantTerms { get; init; }
    public string? Change { get; init; }

    /// <summary>All that both cities know of use and end.</summary>
    public string? Use { get; init; }
    public string? EndReason { get; init; }
    public string? Pending { get; init; }
}

internal sealed record HistoryRow
{
    public required Guid ExchangeId { get; init; }
    public required string Side { get; init; }
    public required int Version { get; init; }
    public required string Event { get; init; }
    public required string State { get; init; }
    public string? BySubject { get; init; }
    public Guid? AuditEvent { get; init; }
}
