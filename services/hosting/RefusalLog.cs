using System.Collections.Concurrent;
using System.Globalization;
using Dapper;
using Exchange.Hosting.Messaging;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Exchange.Hosting;

/// <summary>
/// Refusals on their way to the log. Identical ones of one caller, rule and minute become one leaf with a count, those of strangers one summary per rule and hour,
/// so that nobody can fill the log by knocking. Counts are gathered in memory for a second at most and then kept in a table until their time is over.
/// </summary>
internal sealed partial class RefusalLog(Database database, IServiceScopeFactory scopes, TimeProvider clock, ILogger<RefusalLog> log) : BackgroundService
{
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<Refusal, long> counts = new();

    public void Note(Caller? caller, Rule rule, string path)
    {
        var now = clock.GetUtcNow();
        var length = caller is null ? TimeSpan.FromHours(1) : TimeSpan.FromMinutes(1);
        var since = new DateTimeOffset(now.Ticks - (now.Ticks % length.Ticks), TimeSpan.Zero);
        counts.AddOrUpdate(new(caller?.Subject ?? "", rule.Type, caller is null ? "" : path, since, since + length, caller?.City, caller?.Department), 1, (_, n) => n + 1);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Turn, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                await StoreAsync(CancellationToken.None);
                await RecordAsync(stoppingToken);
            }
            catch (Exception fault) when (TransientFault.Is(fault))
            {
                LogKept(log, fault.Message);
            }
        }
    }

    private async Task StoreAsync(CancellationToken cancel)
    {
        foreach (var refusal in counts.Keys)
        {
            if (!counts.TryRemove(refusal, out var count))
            {
                continue;
            }

            try
            {
                await using var connection = await database.OpenAsync(cancel);
                await connection.ExecuteAsync("""
                    insert into refusals (subject, rule, path, since, until, count, city, department)
                    values (@Subject, @Rule, @Path, @Since, @Until, @count, @City, @Department)
                    on conflict (subject, rule, path, since) do update set count = refusals.count + excluded.count
                    """, new { refusal.Subject, refusal.Rule, refusal.Path, refusal.Since, refusal.Until, count, refusal.City, refusal.Department });
            }
            catch
            {
                counts.AddOrUpdate(refusal, count, (_, n) => n + count);
                throw;
            }
        }
    }

    private async Task RecordAsync(CancellationToken cancel)
    {
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(cancel);
        var due = await transaction.Connection.QueryAsync<DueRefusal>("""
            delete from refusals
            where (subject, rule, path, since) in (select subject, rule, path, since from refusals where until < @now order by until limit 100 for update skip locked)
            returning subject, rule, path, since, count, city, department
            """, new { now = clock.GetUtcNow() });
        foreach (var refusal in due)
        {
            var details = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["rule"] = refusal.Rule,
                ["count"] = refusal.Count.ToString(CultureInfo.InvariantCulture),
                ["since"] = refusal.Since.ToString("O", CultureInfo.InvariantCulture),
                ["by"] = refusal.Subject.Length == 0 ? "strangers" : "caller",
            };
            if (refusal.Path.Length > 0)
            {
                details["route"] = refusal.Path;
            }

            if (refusal.City is { } city)
            {
                details["city"] = city;
            }

            await transaction.RecordAsync(new AuditRecord
            {
                Type = "refusal",
                Requesting = refusal.Department,
                Result = "refused",
                Details = details,
                Openings = refusal.Subject.Length == 0 ? new Dictionary<string, string>(StringComparer.Ordinal) : new Dictionary<string, string>(StringComparer.Ordinal) { ["subject"] = refusal.Subject },
            }, cancel);
        }

        await transaction.CommitAsync(cancel);
    }

    private sealed record Refusal(string Subject, string Rule, string Path, DateTimeOffset Since, DateTimeOffset Until, string? City, string? Department);

    private sealed record DueRefusal
    {
        public required string Subject { get; init; }
        public required string Rule { get; init; }
        public required string Path { get; init; }
        public required DateTimeOffset Since { get; init; }
        public required long Count { get; init; }
        public string? City { get; init; }
        public string? Department { get; init; }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Refusals wait for the database ({Reason})")]
    private static partial void LogKept(ILogger log, string reason);
}
