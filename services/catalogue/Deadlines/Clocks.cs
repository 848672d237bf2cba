using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Catalogue.Deadlines;

/// <summary>What a running clock tells, in this order, each once: before its last day, after it, and the longer it is late the higher up.</summary>
internal enum ClockStep
{
    Reminder,
    Breach,

    /// <summary>To the head of the department that is late.</summary>
    Head,

    /// <summary>To the city's data authority.</summary>
    Authority,
}

/// <summary>The one writer of <c>clocks</c>. A clock is counted from a day by working days, so that a provisional date can be counted anew.</summary>
internal sealed class Clocks(Transaction transaction, City city, WorkingDays days)
{
    /// <param name="subject">The exchange, correction or dataset it is about.</param>
    /// <param name="clock">Its word.</param>
    /// <param name="version">Of the subject, when it started.</param>
    /// <param name="department">Who has to act.</param>
    /// <param name="due">Its last day.</param>
    /// <param name="now">Business time.</param>
    /// <param name="cancel">Ends it with the request.</param>
    public Task StartAsync(Guid subject, string clock, int version, string? department, LegalDate due, DateTimeOffset now, CancellationToken cancel)
    {
        var today = LegalDay.Of(now);
        return transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into clocks (subject, clock, for_version, department, due_on, provisional, started_at, from_day, days, next_step, next_on)
            values (@subject, @clock, @version, @department, @On, @Provisional, @now, @today, @left, 'reminder', @remind)
            """, new { subject, clock, version, department, due.On, due.Provisional, now, today, left = days.Left(today, due.On), remind = RemindOn(today, due.On) }, cancellationToken: cancel));
    }

    public Task StopAsync(Guid subject, string clock, DateTimeOffset now, CancellationToken cancel) =>
        transaction.Connection.ExecuteAsync(new CommandDefinition(
            "update clocks set stopped_at = @now where subject = @subject and clock = @clock and stopped_at is null", new { subject, clock, now }, cancellationToken: cancel));

    /// <summary>For those who work on many subjects at once, on a connection of their own.</summary>
    public static Task StopAsync(NpgsqlConnection connection, Guid[] subjects, string clock, DateTimeOffset now, CancellationToken cancel) =>
        connection.ExecuteAsync(new CommandDefinition(
            "update clocks set stopped_at = @now where subject = any(@subjects) and clock = @clock and stopped_at is null", new { subjects, clock, now }, cancellationToken: cancel));

    /// <summary>The clock runs to another day: extended, or counted anew. What was told for an earlier last day comes again for a later one.</summary>
    public Task MoveAsync(RunningClock clock, LegalDate due, CancellationToken cancel)
    {
        var later = due.On > clock.DueOn;
        ClockStep? step = later ? ClockStep.Reminder : clock.NextStep is null ? null : clock.Step;
        DateOnly? on = step switch
        {
            ClockStep.Reminder => RemindOn(clock.FromDay ?? clock.DueOn, due.On),
            ClockStep.Breach => due.On.AddDays(1),
            ClockStep.Head => Later(due.On, city.Limits.EscalateAfter),
            ClockStep.Authority => Later(due.On, 2 * city.Limits.EscalateAfter),
            _ => null,
        };
        return transaction.Connection.ExecuteAsync(new CommandDefinition("""
            update clocks set due_on = @On, provisional = @Provisional, days = @left, next_step = @step, next_on = @next, breached_on = case when @later then null else breached_on end
            where subject = @Subject and clock = @Clock and for_version = @ForVersion and stopped_at is null
            """, new
        {
            due.On,
            due.Provisional,
            left = clock.FromDay is { } from ? days.Left(from, due.On) : (int?)null,
            step = step?.ToString().ToLowerInvariant(),
            next = on,
            later,
            clock.Subject,
            clock.Clock,
            clock.ForVersion,
        }, cancellationToken: cancel));
    }

    /// <summary>The one that runs for a subject; null when none does.</summary>
    public Task<RunningClock?> FindAsync(Guid subject, string clock, CancellationToken cancel) =>
        transaction.Connection.QuerySingleOrDefaultAsync<RunningClock>(new CommandDefinition(
            Running + " and subject = @subject and clock = @clock for update", new { subject, clock }, cancellationToken: cancel));

    /// <summary>A clock whose next step is due, its row locked until the step is written; what another process holds is skipped.</summary>
    public static Task<RunningClock?> NextAsync(Transaction transaction, DateOnly today, CancellationToken cancel) =>
        transaction.Connection.QuerySingleOrDefaultAsync<RunningClock>(new CommandDefinition(Running + """
             and next_on <= @today and next_step is not null
            order by next_on, started_at
            limit 1
            for update skip locked
            """, new { today }, cancellationToken: cancel));

    /// <summary>A clock whose date was provisional and is not what the calendar says now.</summary>
    public async Task<RunningClock?> ToRecountAsync(CancellationToken cancel)
    {
        var rows = await transaction.Connection.QueryAsync<RunningClock>(new CommandDefinition(Running + " and provisional and days is not null for update skip locked", cancellationToken: cancel));
        return rows.FirstOrDefault(clock => Recounted(clock) != new LegalDate(clock.DueOn, true));
    }

    public LegalDate Recounted(RunningClock clock) => clock.Days is > 0 ? days.Add(clock.FromDay!.Value, clock.Days.Value) : new LegalDate(clock.DueOn, false);

    /// <summary>The step is told; the next one has its day.</summary>
    public Task SteppedAsync(RunningClock clock, ClockStep step, DateOnly today, CancellationToken cancel)
    {
        var (next, on) = step switch
        {
            ClockStep.Reminder => (ClockStep.Breach, clock.DueOn.AddDays(1)),
            ClockStep.Breach => (ClockStep.Head, Later(clock.DueOn, city.Limits.EscalateAfter)),
            ClockStep.Head => (ClockStep.Authority, Later(clock.DueOn, 2 * city.Limits.EscalateAfter)),
            _ => ((ClockStep?)null, (DateOnly?)null),
        };
        return transaction.Connection.ExecuteAsync(new CommandDefinition("""
            update clocks set next_step = @next, next_on = @on, breached_on = case when @breach then @today else breached_on end
            where subject = @Subject and clock = @Clock and for_version = @ForVersion
            """, new { next = next?.ToString().ToLowerInvariant(), on, breach = step == ClockStep.Breach, today, clock.Subject, clock.Clock, clock.ForVersion }, cancellationToken: cancel));
    }

    private DateOnly Later(DateOnly due, int workingDays) => days.Add(due, workingDays).On.AddDays(1);

    // The city's number of working days before the last one; on the last one when the clock is shorter than that.
    private DateOnly RemindOn(DateOnly today, DateOnly due)
    {
        var on = days.Back(due, city.Limits.RemindBefore);
        return on > today ? on : due;
    }

    private const string Running = """
        select subject, clock, for_version, department, due_on, provisional, from_day, days, next_step
        from clocks
        where stopped_at is null
        """;
}

/// <summary>A clock that runs.</summary>
internal sealed record RunningClock
{
    public required Guid Subject { get; init; }
    public required string Clock { get; init; }
    public required int ForVersion { get; init; }
    public string? Department { get; init; }
    public required DateOnly DueOn { get; init; }
    public required bool Provisional { get; init; }
    public DateOnly? FromDay { get; init; }
    public int? Days { get; init; }
    public string? NextStep { get; init; }

    public ClockStep Step => Enum.Parse<ClockStep>(NextStep!, ignoreCase: true);
}
