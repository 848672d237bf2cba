using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;

namespace Exchange.Catalogue.Standing;

/// <summary>
/// Runs the standing exchanges of the city as a receiver: pulls what is due, ends what has no grant any more and disposes of the copy when the data was disposed of (arts. 27, 29). One process leads, by a lease; what is due
/// stays due until a pull has ended, so a process that dies leaves it to the next one. What keeps two from doing the same is the copy's own position (<see cref="IncomingRows.ApplyAsync"/>).
/// </summary>
internal sealed partial class RunStanding(IServiceScopeFactory scopes, Database database, Leases leases, PullChanges pulls, PulledTables tables, StandingSettings settings, TimeProvider clock, ILogger<RunStanding> log) : BackgroundService
{
    private const string Lease = "standing";
    private const int MostAtOnce = 4;
    private static readonly TimeSpan LeaseDuration = TimeSpan.FromSeconds(5);

    private readonly Dictionary<Guid, (Task Task, PullProgress Progress)> running = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        CancellationTokenSource? leading = null;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (await leases.AcquireAsync(Lease, LeaseDuration + settings.Every, stoppingToken) is null)
                {
                    await (leading?.CancelAsync() ?? Task.CompletedTask);
                    leading = null;
                }
                else
                {
                    leading ??= CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
                    await TurnAsync(leading.Token);
                }
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(log, fault);
            }

            await Task.Delay(settings.Every, TimeProvider.System, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await Task.WhenAll(running.Values.Select(r => r.Task));
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await leases.ReleaseAsync(Lease, cancellationToken);
        }
        catch (Exception fault) when (TransientFault.Is(fault))
        {
            // The lease runs out by itself.
        }
    }

    private async Task TurnAsync(CancellationToken cancel)
    {
        foreach (var (id, _) in running.Where(r => r.Value.Task.IsCompleted).ToList())
        {
            running.Remove(id);
        }

        await using var connection = await database.OpenAsync(cancel);
        foreach (var over in await connection.QueryAsync<Guid>(new CommandDefinition(Over, cancellationToken: cancel)))
        {
            await ApartAsync(over, () => EndAsync(over, cancel), cancel);
        }

        foreach (var (id, method) in await connection.QueryAsync<(Guid, string?)>(new CommandDefinition(Disposed, cancellationToken: cancel)))
        {
            if (!running.ContainsKey(id))
            {
                await ApartAsync(id, () => DisposeAsync(id, method, cancel), cancel);
            }
        }

        foreach (var due in await connection.QueryAsync<Due>(new CommandDefinition(ToRun, new { now = clock.Now(), most = MostAtOnce, busy = running.Keys.ToArray() }, cancellationToken: cancel)))
        {
            if (running.Count < MostAtOnce)
            {
                var progress = new PullProgress(clock.Now());
                running[due.ExchangeId] = (RunAsync(due, progress, cancel), progress);
            }
        }

        // What a process that died had under way does not show as running for ever.
        await connection.ExecuteAsync(new CommandDefinition("update standing_exchanges set running = null where running is not null and exchange_id <> all(@busy)", new { busy = running.Keys.ToArray() }, cancellationToken: cancel));
        foreach (var (id, run) in running)
        {
            await connection.ExecuteAsync(new CommandDefinition("update standing_exchanges set running = @now::jsonb where exchange_id = @id and running is not null",
                new { id, now = JsonSerializer.Serialize(Shown(run.Progress), Json.Options) }, cancellationToken: cancel));
        }
    }

    /// <summary>One exchange that cannot be ended or disposed of just now, such as a copy that is being read, holds up no other; the next turn comes to it again.</summary>
    private async Task ApartAsync(Guid id, Func<Task> act, CancellationToken cancel)
    {
        try
        {
            await act();
        }
        catch (Exception fault) when (!cancel.IsCancellationRequested)
        {
            LogHeld(log, fault.Message, id);
        }
    }

    private static RunningPull Shown(PullProgress progress) => new(progress.StartedAt, progress.Whole, progress.Rows, progress.Bytes);

    private async Task RunAsync(Due due, PullProgress progress, CancellationToken cancel)
    {
        try
        {
            await using (var connection = await database.OpenAsync(cancel))
            {
                await connection.ExecuteAsync(new CommandDefinition("update standing_exchanges set running = @now::jsonb where exchange_id = @ExchangeId",
                    new { due.ExchangeId, now = JsonSerializer.Serialize(Shown(progress), Json.Options) }, cancellationToken: cancel));
            }

            var outcome = due.Mirror == SharingState.Suspended.Word()
                ? new PullOutcome.Waits(StandingWords.Suspended, null, settings.FirstRetry)
                : await pulls.RunAsync(new PullOrder(due.ExchangeId, due.Department, due.OwningCity, due.Purpose), progress, cancel);
            await TakeDownAsync(due, progress, outcome, cancel);
        }
        catch (Exception fault)
        {
            if (!cancel.IsCancellationRequested)
            {
                LogBroken(log, fault, due.ExchangeId);
                // It is due still. Whatever is wrong with our own tables is not asked again at once.
                await Task.Delay(settings.FirstRetry, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task TakeDownAsync(Due due, PullProgress progress, PullOutcome outcome, CancellationToken cancel)
    {
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(cancel);
        var store = scope.ServiceProvider.GetRequiredService<StandingStore>();
        var before = (await StandingExchange.FindAsync(transaction.Connection, due.ExchangeId, cancel, locked: true))!;
        var now = clock.Now();
        switch (outcome)
        {
            case PullOutcome.Done(var pull):
                // Who asked for a run meanwhile gets another one.
                var next = before.NextRunAt > progress.StartedAt ? before.NextRunAt.Value : before.Schedule.After(progress.StartedAt);
                var done = await store.ChangeAsync(due.ExchangeId, """
                    running = null, last_pull = @pull::jsonb, up_to_date_at = @StartedAt, faults = 0, faulty_since = null,
                    reason = case when state in ('active', 'paused') then null else reason end, said = null, next_run_at = case when state = 'active' then @next end
                    """, new { pull = JsonSerializer.Serialize(pull, Json.Options), pull.StartedAt, next }, cancel);
                if (before.Faults >= settings.LastingAfter)
                {
                    await store.RecordAsync("standing.recovered", done, due.DatasetId, due.OwningDepartment, officer: null, cancel);
                }

                break;
            case PullOutcome.Fault(var reason, var said):
                var retry = now + TimeSpan.FromTicks((long)Math.Min(settings.LongestRetry.Ticks, settings.FirstRetry.Ticks * Math.Pow(2, Math.Min(before.Faults, 30))));
                var faulty = await store.ChangeAsync(due.ExchangeId, """
                    running = null, faults = faults + 1, faulty_since = coalesce(faulty_since, @now), reason = case when state in ('active', 'paused') then @reason else reason end, said = @said,
                    next_run_at = case when state = 'active' then @retry end
                    """, new { now, reason, said, retry }, cancel);
                if (faulty.Faults == settings.LastingAfter)
                {
                    await TellOfLastingAsync(scope.ServiceProvider, store, due, faulty, cancel);
                }

                break;
            case PullOutcome.Waits(var reason, var said, var pause):
                // Nothing is wrong with the way; what was refused may be allowed later.
                var later = now + (pause ?? settings.LongestRetry);
                if ((before.Reason, before.Said, before.State) == (reason, said, "active"))
                {
                    await transaction.Connection.ExecuteAsync(new CommandDefinition("update standing_exchanges set running = null, next_run_at = @later where exchange_id = @ExchangeId", new { due.ExchangeId, later }, cancellationToken: cancel));
                    break;
                }

                var waiting = await store.ChangeAsync(due.ExchangeId, """
                    running = null, faults = 0, faulty_since = null, reason = case when state in ('active', 'paused') then @reason else reason end, said = @said, next_run_at = case when state = 'active' then @later end
                    """, new { reason, said, later }, cancel);
                if (reason is StandingWords.Refused or StandingWords.NoAccess)
                {
                    await TellOfLastingAsync(scope.ServiceProvider, store, due, waiting, cancel);
                }

                break;
        }

        await transaction.CommitAsync(cancel);
    }

    /// <summary>People are told, and the log, of what does not pass by itself.</summary>
    private static async Task TellOfLastingAsync(IServiceProvider services, StandingStore store, Due due, StandingExchange standing, CancellationToken cancel)
    {
        await store.RecordAsync("standing.failing", standing, due.DatasetId, due.OwningDepartment, officer: null, cancel);
        await services.GetRequiredService<Notices>().AddAsync(new Notice
        {
            Type = "standing.failing",
            Department = due.Department,
            Role = Roles.Officer,
            ExchangeId = due.ExchangeId,
            DatasetId = due.DatasetId,
            Reference = due.Reference,
            Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["reason"] = standing.Reason ?? "" },
        }, cancel);
    }

    private async Task EndAsync(Guid id, CancellationToken cancel)
    {
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(cancel);
        var store = scope.ServiceProvider.GetRequiredService<StandingStore>();
        if (await StandingExchange.FindAsync(transaction.Connection, id, cancel, locked: true) is { State: "active" or "paused" }
            && await scope.ServiceProvider.GetRequiredService<SharingStore>().FindAsync(id, Side.Asking, cancel) is { } stored)
        {
            var ended = await store.ChangeAsync(id, "state = 'ended', next_run_at = null, faults = 0, faulty_since = null, reason = @GrantEnded, said = null, revision = revision + 1", new { StandingWords.GrantEnded }, cancel);
            await store.RecordAsync("standing.ended", ended, stored.Process.Ask.DatasetId, stored.Process.Ask.OwningDepartment, officer: null, cancel);
            await transaction.CommitAsync(cancel);
        }
    }

    /// <summary>First the copy, then the word that it is gone: a crash in between repeats the first, which is safe.</summary>
    private async Task DisposeAsync(Guid id, string? method, CancellationToken cancel)
    {
        await tables.DisposeAsync(id, method == Disposals.Seal, cancel);
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(cancel);
        var store = scope.ServiceProvider.GetRequiredService<StandingStore>();
        if (await StandingExchange.FindAsync(transaction.Connection, id, cancel, locked: true) is { State: "ended" }
            && await scope.ServiceProvider.GetRequiredService<SharingStore>().FindAsync(id, Side.Asking, cancel) is { } stored)
        {
            var gone = await store.ChangeAsync(id, "state = 'disposed', running = null, revision = revision + 1", new { }, cancel);
            await store.RecordAsync("standing.disposed", gone, stored.Process.Ask.DatasetId, stored.Process.Ask.OwningDepartment, officer: null, cancel);
            await transaction.CommitAsync(cancel);
        }
    }

    private const string Over = """
        select s.exchange_id
        from standing_exchanges s join sharing_requests r on r.exchange_id = s.exchange_id and r.side = 'asking'
        where s.state in ('active', 'paused') and r.state in ('ended', 'terminated', 'disposed', 'archived', 'withdrawn')
        """;

    private const string Disposed = """
        select s.exchange_id, coalesce(r.disposal ->> 'method', r.grant_terms ->> 'disposal')
        from standing_exchanges s join sharing_requests r on r.exchange_id = s.exchange_id and r.side = 'asking'
        where s.state = 'ended' and r.state in ('disposed', 'archived', 'withdrawn')
        """;

    private const string ToRun = """
        select s.exchange_id, s.department, s.owning_city, r.state as mirror, r.dataset_id, r.owning_department, r.reference, s.purpose
        from standing_exchanges s join sharing_requests r on r.exchange_id = s.exchange_id and r.side = 'asking'
        where s.state = 'active' and s.next_run_at <= @now and s.exchange_id <> all(@busy) and r.state in ('active', 'suspended')
        order by s.next_run_at
        limit @most
        """;

    private sealed record Due
    {
        public required Guid ExchangeId { get; init; }
        public required string Department { get; init; }
        public required string OwningCity { get; init; }
        public required string Mirror { get; init; }
        public required Guid DatasetId { get; init; }
        public string? OwningDepartment { get; init; }
        public string? Reference { get; init; }
        public required string Purpose { get; init; }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Standing exchanges wait for a moment")]
    private static partial void LogLater(ILogger log, Exception fault);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Exchange {Exchange} is ended or its copy disposed of a moment later ({Reason})")]
    private static partial void LogHeld(ILogger log, string reason, Guid exchange);

    [LoggerMessage(Level = LogLevel.Error, Message = "The pull of exchange {Exchange} broke off at a fault of this city's own; it is tried again")]
    private static partial void LogBroken(ILogger log, Exception fault, Guid exchange);
}
