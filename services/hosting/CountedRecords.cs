using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Dapper;
using Exchange.Hosting.Messaging;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Exchange.Hosting;

/// <summary>An act that goes to the log together with identical ones of the same time, as one record with a count.</summary>
public sealed record CountedAct
{
    /// <summary>Type of the record.</summary>
    public required string Type { get; init; }

    /// <summary>Who did it: for the erasable store. Empty for strangers.</summary>
    public required string Subject { get; init; }

    /// <summary>Credit code of their department.</summary>
    public string? Department { get; init; }

    public required string Result { get; init; }

    /// <summary>What makes it the same act, in clear.</summary>
    public required IReadOnlyDictionary<string, string> Details { get; init; }

    /// <summary>What makes it the same act and may be personal.</summary>
    public IReadOnlyDictionary<string, string> Openings { get; init; } = new Dictionary<string, string>();

    /// <summary>How long identical ones are gathered; the time begins on the clock's whole minute or hour.</summary>
    public TimeSpan Within { get; init; } = TimeSpan.FromMinutes(1);
}

/// <summary>
/// Frequent acts on their way to the log: refusals and looks. Identical ones of one caller and minute become one leaf with a count, refusals of strangers one summary per rule and hour,
/// so that nobody can fill the log by knocking. They stand in a table until their time is over.
/// </summary>
public sealed partial class CountedRecords(Database database, IServiceScopeFactory scopes, TimeProvider clock, ILogger<CountedRecords> log) : BackgroundService
{
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<string, Counted> waiting = new(StringComparer.Ordinal);

    /// <summary>Counted in memory for a second at most: a crash may lose it.</summary>
    public void Note(CountedAct act)
    {
        var counted = Of(act, 0);
        waiting.AddOrUpdate(Convert.ToHexString(counted.Key), counted, (_, same) => same with { Count = same.Count + 1 });
    }

    /// <summary>Committed when this returns.</summary>
    /// <param name="act">What was done.</param>
    /// <param name="records">How many data records it touched; the leaf tells their sum.</param>
    /// <param name="cancel">Ends the statement.</param>
    public Task StoreAsync(CountedAct act, long records, CancellationToken cancel) => StoreAsync(Of(act, records), cancel);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Turn, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                await StoreWaitingAsync(CancellationToken.None);
                await RecordAsync(stoppingToken);
            }
            catch (Exception fault) when (TransientFault.Is(fault))
            {
                LogKept(log, fault.Message);
            }
        }
    }

    private Counted Of(CountedAct act, long records)
    {
        var now = clock.GetUtcNow();
        var since = new DateTimeOffset(now.Ticks - (now.Ticks % act.Within.Ticks), TimeSpan.Zero);
        var content = JsonSerializer.Serialize(act with { Details = Sorted(act.Details), Openings = Sorted(act.Openings) });
        return new Counted
        {
            Key = SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{since.Ticks} {content}"))),
            Act = content,
            Since = since,
            Until = since + act.Within,
            Count = 1,
            Records = records,
        };

        static SortedDictionary<string, string> Sorted(IReadOnlyDictionary<string, string> members) => new(members.ToDictionary(), StringComparer.Ordinal);
    }

    private async Task StoreAsync(Counted counted, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into counted_acts (key, act, since, until, count, records)
            values (@Key, @Act, @Since, @Until, @Count, @Records)
            on conflict (key) do update set count = counted_acts.count + excluded.count, records = counted_acts.records + excluded.records
            """, counted, cancellationToken: cancel));
    }

    private async Task StoreWaitingAsync(CancellationToken cancel)
    {
        foreach (var key in waiting.Keys)
        {
            if (!waiting.TryRemove(key, out var counted))
            {
                continue;
            }

            try
            {
                await StoreAsync(counted, cancel);
            }
            catch
            {
                waiting.AddOrUpdate(key, counted, (_, same) => same with { Count = same.Count + counted.Count });
                throw;
            }
        }
    }

    private async Task RecordAsync(CancellationToken cancel)
    {
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(cancel);
        var due = await transaction.Connection.QueryAsync<Counted>("""
            delete from counted_acts
            where key in (select key from counted_acts where until < @now order by until limit 100 for update skip locked)
            returning key, act, since, until, count, records
            """, new { now = clock.GetUtcNow() });
        foreach (var counted in due)
        {
            var act = JsonSerializer.Deserialize<CountedAct>(counted.Act)!;
            await transaction.RecordAsync(new AuditRecord
            {
                Type = act.Type,
                Requesting = act.Department,
                Result = act.Result,
                Records = counted.Records > 0 ? counted.Records : null,
                Details = new Dictionary<string, string>(act.Details, StringComparer.Ordinal)
                {
                    ["count"] = counted.Count.ToString(CultureInfo.InvariantCulture),
                    ["since"] = counted.Since.ToString("O", CultureInfo.InvariantCulture),
                },
                Openings = act.Subject.Length == 0 ? act.Openings : new Dictionary<string, string>(act.Openings, StringComparer.Ordinal) { ["subject"] = act.Subject },
            }, cancel);
        }

        await transaction.CommitAsync(cancel);
    }

    private sealed record Counted
    {
        /// <summary>One per act and time.</summary>
        public required byte[] Key { get; init; }
        public required string Act { get; init; }
        public required DateTimeOffset Since { get; init; }
        public required DateTimeOffset Until { get; init; }
        public required long Count { get; init; }
        public required long Records { get; init; }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Refusals and looks wait for the database ({Reason})")]
    private static partial void LogKept(ILogger log, string reason);
}
