using System.Globalization;
using System.Reflection;
using Dapper;
using Exchange.Hosting.Messaging;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Exchange.Hosting;

/// <summary>
/// What a source says in the log of itself, so that its silence is seen: the start and the stop of each process, one heartbeat per source and clock hour, and after each day in Beijing
/// how many records it wrote in it. Hours and days have a primary key: of several processes one tells each. An hour that passed unsaid is never made up; a day is.
/// </summary>
internal sealed partial class SignsOfLife(IServiceScopeFactory scopes, IHostEnvironment environment, TimeProvider clock, ILogger<SignsOfLife> log) : BackgroundService
{
    /// <summary>How long after its end a day is closed: a use case that began before midnight has committed by then.</summary>
    internal static readonly TimeSpan Grace = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Beijing = TimeSpan.FromHours(8);
    private static readonly TimeSpan LastWord = TimeSpan.FromSeconds(3);

    private bool started;
    private DateTimeOffset beaten;
    private DateOnly closed;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (!started)
                {
                    await TellAsync("service.started", stoppingToken);
                    started = true;
                }

                await LookAsync(stoppingToken);
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(log, fault.Message);
            }

            await Task.Delay(Every, TimeProvider.System, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (!started)
        {
            return;
        }

        using var within = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        within.CancelAfter(LastWord);
        try
        {
            await TellAsync("service.stopped", within.Token);
        }
        catch (Exception fault) when (fault is OperationCanceledException || TransientFault.Is(fault))
        {
            // The heartbeats that do not come tell it too.
        }
    }

    /// <summary>Asks the database only when an hour has turned or a day has become due.</summary>
    internal async Task LookAsync(CancellationToken cancel)
    {
        var now = clock.Now();
        var hour = new DateTimeOffset(now.Ticks - (now.Ticks % TimeSpan.TicksPerHour), TimeSpan.Zero);
        if (hour != beaten)
        {
            await BeatAsync(hour, cancel);
            beaten = hour;
        }

        var last = DateOnly.FromDateTime((now - Grace).ToOffset(Beijing).DateTime).AddDays(-1);
        if (last != closed)
        {
            while (await CloseAsync(last, cancel) > 0)
            {
            }

            closed = last;
        }
    }

    private async Task TellAsync(string type, CancellationToken cancel)
    {
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(cancel);
        var program = Assembly.GetEntryAssembly();
        await transaction.RecordAsync(new AuditRecord
        {
            Type = type,
            Details = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["process"] = Environment.ProcessId.ToString(CultureInfo.InvariantCulture),
                ["instance"] = Environment.MachineName,
                ["program"] = program?.GetName().Name ?? "",
                ["version"] = program?.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "",
                ["environment"] = environment.EnvironmentName,
            },
        }, cancel);
        await transaction.CommitAsync(cancel);
    }

    private async Task BeatAsync(DateTimeOffset hour, CancellationToken cancel)
    {
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(cancel);
        if (await transaction.Connection.ExecuteAsync(new CommandDefinition("insert into heartbeats (hour) values (@hour) on conflict do nothing", new { hour }, cancellationToken: cancel)) == 0)
        {
            return;
        }

        var numbered = await transaction.Connection.ExecuteScalarAsync<long>(new CommandDefinition("select source_seq from outbox_counters", cancellationToken: cancel));
        await transaction.RecordAsync(new AuditRecord
        {
            Type = "source.heartbeat",
            Details = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["hour"] = hour.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
                ["numbered"] = numbered.ToString(CultureInfo.InvariantCulture),
            },
        }, cancel);
        await transaction.CommitAsync(cancel);
    }

    /// <summary>Closes the oldest open days up to this one, a month of them at most; returns how many.</summary>
    private async Task<int> CloseAsync(DateOnly last, CancellationToken cancel)
    {
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(cancel);
        var days = (await transaction.Connection.QueryAsync<ClosedDay>(new CommandDefinition(Close, new { last }, cancellationToken: cancel))).AsList();
        foreach (var day in days.OrderBy(d => d.Day))
        {
            var details = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["day"] = day.Day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
                ["count"] = day.Records.ToString(CultureInfo.InvariantCulture),
            };
            if (day is { FirstEvent: { } first, LastEvent: { } final })
            {
                details["first"] = first.ToString();
                details["last"] = final.ToString();
            }

            await transaction.RecordAsync(new AuditRecord { Type = "source.day_closed", Details = details }, cancel);
        }

        await transaction.CommitAsync(cancel);
        return days.Count;
    }

    private sealed record ClosedDay
    {
        public required DateOnly Day { get; init; }
        public required long Records { get; init; }
        public Guid? FirstEvent { get; init; }
        public Guid? LastEvent { get; init; }
    }

    // A record's time stands in front in its id (UUIDv7), so a day is a range of the primary key. Rows are kept for seven days after they were sent. From the first heartbeat on:
    // of days before it some rows may be gone.
    private const string Close = """
        insert into closed_days (day, records, first_event, last_event)
        select d.day, r.records, r.first_event::uuid, r.last_event::uuid
        from (select coalesce((select max(day) + 1 from closed_days), (select min(hour at time zone interval '8 hours')::date from heartbeats)) as first_day) f,
            lateral (select generate_series(f.first_day, least(@last, f.first_day + 30), interval '1 day')::date as day) d,
            lateral (
                select count(*) as records, min(id::text) as first_event, max(id::text) as last_event
                from outbox
                where kind = 'record'
                  and id >= (lpad(to_hex((extract(epoch from d.day::timestamp at time zone interval '8 hours') * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
                  and id < (lpad(to_hex((extract(epoch from (d.day + 1)::timestamp at time zone interval '8 hours') * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid) r
        order by d.day
        on conflict (day) do nothing
        returning day, records, first_event, last_event
        """;

    [LoggerMessage(Level = LogLevel.Warning, Message = "Signs of life are told to the log later ({Reason})")]
    private static partial void LogLater(ILogger log, string reason);
}
