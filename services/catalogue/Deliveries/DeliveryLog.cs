using System.Diagnostics;
using System.Text.Json;
using System.Threading.Channels;
using Dapper;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;

namespace Exchange.Catalogue.Deliveries;

/// <summary>
/// Writes openings and ends of deliveries with their audit records. What is waiting while one transaction commits goes into the next one together:
/// small calls share a commit, and a lone one waits for nobody. Each caller goes on only once its own row is committed.
/// </summary>
internal sealed partial class DeliveryLog(IServiceScopeFactory scopes, Quotas quotas, TimeProvider clock, Seat seat, ILogger<DeliveryLog> log) : BackgroundService
{
    private const int MostAtOnce = 64;

    private readonly Channel<Entry> waiting = Channel.CreateUnbounded<Entry>(new UnboundedChannelOptions { SingleReader = true });

    /// <summary>
    /// Not opened when the grant ended or changed since it was looked up: the row is written under the active grant that is enforced or not at all. Nor when a quota does not cover it: the allowance says which.
    /// </summary>
    public async Task<(bool Opened, Allowance? Allowance)> OpenAsync(Guid delivery, Grant grant, string subject, Shipment shipment)
    {
        var entry = new Entry(delivery, grant, shipment, clock.Now()) { Subject = subject };
        return (await WriteAsync(entry), entry.Allowance);
    }

    /// <summary>False when the sweep ended it before.</summary>
    /// <param name="cut">Why this side cut it; null when it did not.</param>
    public Task<bool> CloseAsync(Guid delivery, Grant grant, Shipment shipment, string outcome, string? cut, long bytes, string sha256) =>
        WriteAsync(new Entry(delivery, grant, shipment, clock.Now()) { End = new End(outcome, cut, shipment.Rows?.Invoke(), bytes, sha256) });

    /// <summary>The facts of a delivery as its row keeps them.</summary>
    public static IReadOnlyDictionary<string, string>? FactsOf(string? stored) => stored is null ? null : JsonSerializer.Deserialize<Dictionary<string, string>>(stored, Json.Options);

    public override Task StopAsync(CancellationToken cancellationToken)
    {
        // What comes from here on is written by its own caller; what waits is still written here.
        waiting.Writer.TryComplete();
        return base.StopAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (await waiting.Reader.WaitToReadAsync(CancellationToken.None))
        {
            List<Entry> batch = [];
            while (batch.Count < MostAtOnce && waiting.Reader.TryRead(out var entry))
            {
                batch.Add(entry);
            }

            await WriteTogetherAsync(batch);
        }
    }

    /// <summary>Not cancelled with the call: what may have been committed is waited for, and an opened delivery is always ended.</summary>
    private async Task<bool> WriteAsync(Entry entry)
    {
        if (waiting.Writer.TryWrite(entry) && await entry.Written.Task)
        {
            return true;
        }

        if (entry.BeyondQuota)
        {
            return false;
        }

        // Alone, and waiting for whoever holds the grant: this answer is final.
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(CancellationToken.None);
        // Nothing that others wait for is held meanwhile.
        await transaction.Connection.ExecuteAsync("select from grants where exchange_id = @ExchangeId for share", entry.Grant);
        if (!(await StoreAsync(transaction, [entry], "for share of g")).Contains(entry.Delivery))
        {
            return false;
        }

        await transaction.CommitAsync(CancellationToken.None);
        return true;
    }

    /// <summary>Whoever finds no place in the common transaction, or all of them when its content is at fault, is told to write alone. While the database is away, or when it was lost during the COMMIT, all get the fault.</summary>
    private async Task WriteTogetherAsync(List<Entry> batch)
    {
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
            HashSet<Guid> stored;
            try
            {
                await transaction.BeginAsync(CancellationToken.None);
                // One grant that is being changed must not hold up the others.
                stored = await StoreAsync(transaction, batch, "for share of g skip locked");
            }
            catch (Exception fault) when (!TransientFault.Is(fault))
            {
                LogApart(log, fault, batch.Count);
                batch.ForEach(e => e.Written.SetResult(false));
                return;
            }

            await transaction.CommitAsync(CancellationToken.None);
            batch.ForEach(e => e.Written.SetResult(stored.Contains(e.Delivery)));
        }
        catch (Exception fault)
        {
            batch.ForEach(e => e.Written.TrySetException(fault));
        }
    }

    /// <summary>The deliveries whose row was written; only they get a record.</summary>
    private async Task<HashSet<Guid>> StoreAsync(Transaction transaction, IReadOnlyList<Entry> entries, string locking)
    {
        var stored = await EndAsync(transaction, [.. entries.Where(e => e.End is not null)]);
        List<Entry> ended = [.. entries.Where(e => stored.Contains(e.Delivery))];
        List<Entry> openings = [.. entries.Where(e => e.End is null)];
        var period = quotas.Period;
        var used = await Quotas.AddAsync(transaction, period, openings.Concat(ended).SelectMany(e => e.Uses));
        stored.UnionWith(await OpenAsync(transaction, Within(openings, period, used), locking));
        if (openings.Where(e => !stored.Contains(e.Delivery)).SelectMany(e => e.Uses).ToList() is { Count: > 0 } unused)
        {
            await Quotas.AddAsync(transaction, period, unused.Select(u => u with { Calls = -u.Calls }));
        }

        foreach (var entry in entries.Where(e => stored.Contains(e.Delivery)))
        {
            // The record belongs to the trace of its own call.
            Activity.Current = entry.Trace;
            await transaction.RecordAsync(Record(entry));
        }

        return stored;
    }

    /// <summary>Those that their quotas cover: of openings that share a commit the first ones take what is left.</summary>
    private List<Entry> Within(List<Entry> openings, DateTimeOffset period, Dictionary<string, QuotaUse> used)
    {
        foreach (var entry in Enumerable.Reverse(openings))
        {
            var (own, department) = (used[Quotas.HolderOf(entry.Grant)], used[Quotas.DepartmentOf(entry.Grant)]);
            entry.Allowance = quotas.AllowanceOf(entry.Grant, period, own, department);
            used[own.Holder] = own with { Calls = own.Calls - 1 };
            used[department.Holder] = department with { Calls = department.Calls - 1 };
        }

        return [.. openings.Where(e => !e.BeyondQuota)];
    }

    private async Task<IEnumerable<Guid>> OpenAsync(Transaction transaction, List<Entry> openings, string locking) =>
        openings.Count == 0 ? [] : await transaction.Connection.QueryAsync<Guid>($"""
            insert into deliveries (delivery_id, exchange_id, subject, form, fields, treatments, row_filter, purpose_code, opened_at, facts, file_name, seat, process)
            select o.delivery_id, o.exchange_id, o.subject, o.form,
                   array(select f from unnest(g.fields) with ordinality as u (f, place) where g.treatments ->> f is distinct from 'dropped' order by place),
                   g.treatments, g.row_filter, o.purpose, o.at, o.facts::jsonb, o.file_name, @Name, @Process
            from unnest(@Delivery, @ExchangeId, @Subject, @Form, @Purpose, @At, @ChangedAt, @Facts, @FileName) o (delivery_id, exchange_id, subject, form, purpose, at, changed_at, facts, file_name)
            join grants g on g.exchange_id = o.exchange_id and g.state = 'active' and g.changed_at = o.changed_at {locking}
            returning delivery_id
            """, new
        {
            Delivery = openings.Select(e => e.Delivery).ToArray(),
            ExchangeId = openings.Select(e => e.Grant.ExchangeId).ToArray(),
            Subject = openings.Select(e => e.Subject).ToArray(),
            Form = openings.Select(e => e.Shipment.Form).ToArray(),
            Purpose = openings.Select(e => e.Grant.PurposeCode).ToArray(),
            Facts = openings.Select(e => e.Shipment.Facts is { } facts ? JsonSerializer.Serialize(facts, Json.Options) : null).ToArray(),
            FileName = openings.Select(e => e.Shipment.FileName).ToArray(),
            At = openings.Select(e => e.At.UtcDateTime).ToArray(),
            ChangedAt = openings.Select(e => e.Grant.ChangedAt.UtcDateTime).ToArray(),
            seat.Name,
            seat.Process,
        });

    private static async Task<HashSet<Guid>> EndAsync(Transaction transaction, List<Entry> ends) =>
        ends.Count == 0 ? [] : [.. await transaction.Connection.QueryAsync<Guid>("""
            update deliveries d set ended_at = e.at, outcome = e.outcome, rows = e.rows, bytes = e.bytes, sha256 = e.sha256
            from unnest(@Delivery, @At, @Outcome, @Rows, @Bytes, @Sha256) e (delivery_id, at, outcome, rows, bytes, sha256)
            where d.delivery_id = e.delivery_id and d.ended_at is null
            returning d.delivery_id
            """, new
        {
            Delivery = ends.Select(e => e.Delivery).ToArray(),
            At = ends.Select(e => e.At.UtcDateTime).ToArray(),
            Outcome = ends.Select(e => e.End!.Outcome).ToArray(),
            Rows = ends.Select(e => e.End!.Rows).ToArray(),
            Bytes = ends.Select(e => e.End!.Bytes).ToArray(),
            Sha256 = ends.Select(e => e.End!.Sha256).ToArray(),
        })];

    private static AuditRecord Record(Entry entry)
    {
        var details = new Dictionary<string, string>(entry.Shipment.Facts ?? new Dictionary<string, string>(), StringComparer.Ordinal)
        {
            ["delivery_id"] = entry.Delivery.ToString(),
            ["form"] = entry.Shipment.Form,
        };
        var record = new AuditRecord
        {
            Type = entry.End is null ? "delivery.opened" : "delivery.ended",
            ExchangeId = entry.Grant.ExchangeId,
            Requesting = entry.Grant.AskingDepartment,
            Providing = entry.Grant.OwningDepartment,
            Service = entry.Grant.DatasetId,
            ServiceVersion = entry.Grant.DatasetVersion,
            Purpose = entry.Grant.LegalBasis,
            Details = details,
        };
        if (entry.End is not { } end)
        {
            // Which fields left treated and how, and by which ones rows were chosen; never a value.
            if (GrantedScope.Compact(entry.Grant.Treatments) is { } treatments)
            {
                details["treatments"] = treatments;
            }

            if (GrantedScope.Compact(entry.Grant.Rows) is { } rows)
            {
                details["rows_by"] = rows;
            }

            if (entry.Grant.PurposeCode is { } purpose)
            {
                details["purpose_code"] = purpose;
            }

            var openings = new Dictionary<string, string>(StringComparer.Ordinal) { ["officer"] = entry.Subject! };
            if (entry.Shipment.FileName is { } name)
            {
                // Departments name files after persons too.
                openings["file"] = name;
            }

            return record with { Openings = openings };
        }

        details["sha256"] = end.Sha256;
        if (end.Cut is { } cut)
        {
            details["cut"] = cut;
        }

        return record with { Result = end.Outcome, Records = end.Rows, Bytes = end.Bytes };
    }

    private sealed record Entry(Guid Delivery, Grant Grant, Shipment Shipment, DateTimeOffset At)
    {
        /// <summary>Who opened it; null for an end.</summary>
        public string? Subject { get; init; }

        public End? End { get; init; }

        /// <summary>How an opening stands with its quotas; null until it was counted.</summary>
        public Allowance? Allowance { get; set; }

        public bool BeyondQuota => Allowance?.Exceeded(Shipment.Bytes) is not null;

        /// <summary>What it takes of the quotas of its grant and of its department.</summary>
        public IEnumerable<QuotaUse> Uses
        {
            get
            {
                var own = End is null ? new QuotaUse(Quotas.HolderOf(Grant), 1, 0, 0) : new QuotaUse(Quotas.HolderOf(Grant), 0, End.Rows ?? 0, End.Bytes);
                return [own, own with { Holder = Quotas.DepartmentOf(Grant) }];
            }
        }

        public Activity? Trace { get; } = Activity.Current;

        public TaskCompletionSource<bool> Written { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed record End(string Outcome, string? Cut, long? Rows, long Bytes, string Sha256);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} openings and ends of deliveries could not be written together; each is written alone")]
    private static partial void LogApart(ILogger log, Exception fault, int count);
}
