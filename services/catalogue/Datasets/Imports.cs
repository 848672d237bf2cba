using System.Security.Cryptography;
using System.Text.Json;
using Dapper;
using Exchange.Hosting;
using Microsoft.AspNetCore.WebUtilities;
using Npgsql;
using NpgsqlTypes;

namespace Exchange.Catalogue.Datasets;

/// <summary>How far an import at work is; written by the work, told by the heartbeat.</summary>
internal sealed class ImportProgress
{
    public volatile bool Writing;
    public volatile int RowsTotal;
    public volatile int RowsRead;
    public volatile int EntriesTotal;
    public volatile int EntriesWritten;
}

/// <summary>Wakes the worker of this process; others find what waits by looking.</summary>
internal sealed class ImportSignal : IDisposable
{
    private readonly SemaphoreSlim woken = new(0, 1);

    public Task WakeAsync()
    {
        try
        {
            woken.Release();
        }
        catch (SemaphoreFullException)
        {
            // It is awake already.
        }

        return Task.CompletedTask;
    }

    public async Task WaitAsync(TimeSpan longest, CancellationToken cancel) => await woken.WaitAsync(longest, cancel);

    public void Dispose() => woken.Dispose();
}

/// <summary>An import as its row tells of it, without the content.</summary>
internal sealed record Import
{
    public required Guid ImportId { get; init; }
    public required string DepartmentCode { get; init; }
    public required string State { get; init; }
    public required long Bytes { get; init; }
    public required string Sha256 { get; init; }
    public required string SubmittedByName { get; init; }
    public required DateTimeOffset SubmittedAt { get; init; }
    public DateTimeOffset? StartedAt { get; init; }
    public DateTimeOffset? EndedAt { get; init; }
    public required int Attempt { get; init; }
    public required int RowsTotal { get; init; }
    public required int RowsRead { get; init; }
    public required int EntriesTotal { get; init; }
    public required int EntriesWritten { get; init; }
    public string? FaultsJson { get; init; }
    public int? FaultsTotal { get; init; }
    public string? RefusedBy { get; init; }
    public string? ResultJson { get; init; }

    public bool Ended => State is "done" or "refused" or "failed";

    /// <summary>Reading is half of it, writing the other; a beginning is shown and the end only when it is there.</summary>
    public int Percent => State switch
    {
        "waiting" => 0,
        "reading" => Part(RowsRead, RowsTotal, 0),
        "writing" => Part(EntriesWritten, EntriesTotal, 50),
        _ => 100,
    };

    public IReadOnlyList<Fault> Faults => FaultsJson is null ? [] : JsonSerializer.Deserialize<IReadOnlyList<Fault>>(FaultsJson, Json.Options)!;

    public ImportResult? Result => ResultJson is null ? null : JsonSerializer.Deserialize<ImportResult>(ResultJson, Json.Options);

    /// <summary>Why it came to nothing; null when it did not.</summary>
    public Refused? Refusal
    {
        get
        {
            if (State is not ("refused" or "failed"))
            {
                return null;
            }

            if (State == "failed")
            {
                return new(DatasetRefusals.ImportFailed);
            }

            if (RefusedBy is { } type)
            {
                return new(new[] { DatasetRefusals.CodeTaken, DatasetRefusals.NameTaken, DatasetRefusals.ForeignDepartment }.Single(r => r.Type == type));
            }

            var faults = new Faults();
            foreach (var fault in Faults)
            {
                faults.Add(fault);
            }

            return new(faults, CsvFaults.Summary(FaultsTotal!.Value));
        }
    }

    public ImportView ToView(City city, ServiceSettings service, string language, bool whole = true)
    {
        var self = $"{service.PublicAddress}/api/cities/{city.Id}/datasets/imports/{ImportId}";
        return new ImportView
        {
            Id = ImportId,
            State = State,
            Percent = Percent,
            RowsRead = RowsRead,
            RowsTotal = RowsTotal,
            EntriesWritten = EntriesWritten,
            EntriesTotal = EntriesTotal,
            Bytes = Bytes,
            Sha256 = Sha256,
            Attempt = Attempt,
            SubmittedBy = SubmittedByName,
            SubmittedAt = SubmittedAt,
            StartedAt = StartedAt,
            EndedAt = EndedAt,
            Result = whole ? Result : null,
            Problem = whole && Refusal is { } refusal ? refusal.ToProblem(language, service.PublicAddress) with { Instance = self } : null,
            Links = new(self, Ended ? self + "/report" : null),
        };
    }

    private static int Part(int done, int total, int from) => from + (total == 0 ? 0 : (int)Math.Min(49, done * 50L / total));
}

/// <summary>An import's place in the table of imports.</summary>
internal static class Imports
{
    /// <summary>A department's tables that may wait at a time: more than one person sends, and far less than would fill the disk.</summary>
    private const int MostWaiting = 5;

    private const string Columns = """
        import_id, department_code, state, bytes, sha256, submitted_by_name, submitted_at, started_at, ended_at, attempt, rows_total, rows_read, entries_total, entries_written
        """;

    /// <summary>
    /// Keeps a table for the worker and says under which id; null when too many wait. What the department's last waiting table says is not kept again:
    /// a sender who did not hear the answer gets the same one.
    /// </summary>
    public static async Task<Guid?> KeepAsync(NpgsqlConnection connection, Stream body, string? charset, string department, Caller caller, DateTimeOffset now, CancellationToken cancel)
    {
        await using var kept = new FileBufferingReadStream(body, 1 << 20);
        var sha256 = Convert.ToHexStringLower(await SHA256.HashDataAsync(kept, cancel));
        // Two senders of one department see each other; the lock that an import at work holds is another one.
        await connection.ExecuteAsync(new CommandDefinition("select pg_advisory_xact_lock(hashtextextended('imports of ' || @department, 0))", new { department }, cancellationToken: cancel));
        var waiting = (await connection.QueryAsync<(Guid Id, string Sha256, string? Charset)>(new CommandDefinition("""
            select import_id, sha256, charset from imports where department_code = @department and state in ('waiting', 'reading', 'writing') order by position desc
            """, new { department }, cancellationToken: cancel))).ToList();
        if (waiting is [var last, ..] && last.Sha256 == sha256 && last.Charset == charset)
        {
            return last.Id;
        }

        if (waiting.Count >= MostWaiting)
        {
            return null;
        }

        var id = Guid.CreateVersion7(now);
        var bytes = kept.Length;
        kept.Position = 0;
        await using var insert = new NpgsqlCommand("""
            insert into imports (import_id, department_code, state, content, charset, bytes, sha256, submitted_by, submitted_by_name, submitted_at)
            values ($1, $2, 'waiting', $3, $4, $5, $6, $7, $8, $9)
            """, connection);
        insert.Parameters.Add(new() { Value = id });
        insert.Parameters.Add(new() { Value = department });
        insert.Parameters.Add(new() { Value = kept, NpgsqlDbType = NpgsqlDbType.Bytea });
        insert.Parameters.Add(new() { Value = (object?)charset ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        insert.Parameters.Add(new() { Value = bytes });
        insert.Parameters.Add(new() { Value = sha256 });
        insert.Parameters.Add(new() { Value = caller.Subject });
        insert.Parameters.Add(new() { Value = caller.Name });
        insert.Parameters.Add(new() { Value = now.UtcDateTime });
        await insert.ExecuteNonQueryAsync(cancel);
        return id;
    }

    public static async Task<Import?> FindAsync(NpgsqlConnection connection, Guid id, string department, CancellationToken cancel) =>
        await connection.QuerySingleOrDefaultAsync<Import>(new CommandDefinition($"""
            select {Columns}, faults::text as faults_json, faults_total, refused_by, result::text as result_json from imports where import_id = @id and department_code = @department
            """, new { id, department }, cancellationToken: cancel));

    public static async Task<IReadOnlyList<Import>> RecentAsync(NpgsqlConnection connection, string department, int limit, CancellationToken cancel) =>
        [.. await connection.QueryAsync<Import>(new CommandDefinition($"""
            select {Columns}, faults_total, refused_by from imports where department_code = @department order by position desc limit @limit
            """, new { department, limit }, cancellationToken: cancel))];

    /// <summary>
    /// The oldest import that nobody is at, now ours for the length of the lease. A department's later table waits for the earlier one, or old content could
    /// be written over new.
    /// </summary>
    public static async Task<ImportJob?> TakeAsync(NpgsqlConnection connection, TimeSpan lease, DateTimeOffset now, CancellationToken cancel) =>
        await connection.QuerySingleOrDefaultAsync<ImportJob>(new CommandDefinition("""
            update imports set attempt = attempt + 1, failures = failures + case when state = 'waiting' then 0 else 1 end, state = 'reading', lease_until = clock_timestamp() + @lease,
                started_at = coalesce(started_at, @now), rows_read = 0, entries_total = 0, entries_written = 0
            where import_id = (
                select i.import_id from imports i
                where i.state in ('waiting', 'reading', 'writing') and (i.lease_until is null or i.lease_until < clock_timestamp())
                  and not exists (select 1 from imports e where e.department_code = i.department_code and e.position < i.position and e.state in ('waiting', 'reading', 'writing'))
                order by i.position
                limit 1
                for update skip locked)
            returning import_id, department_code, charset, submitted_by, submitted_by_name, attempt, failures
            """, new { lease, now }, cancellationToken: cancel));

    /// <summary>Tells how far it is and that somebody is at it; false when another has taken it up.</summary>
    public static async Task<bool> TellAsync(NpgsqlConnection connection, ImportJob job, ImportProgress progress, TimeSpan lease, CancellationToken cancel) =>
        await connection.ExecuteAsync(new CommandDefinition("""
            update imports set state = @state, rows_total = @RowsTotal, rows_read = @RowsRead, entries_total = @EntriesTotal, entries_written = @EntriesWritten, lease_until = clock_timestamp() + @lease
            where import_id = @ImportId and attempt = @Attempt and state in ('reading', 'writing')
            """, new { job.ImportId, job.Attempt, state = progress.Writing ? "writing" : "reading", progress.RowsTotal, progress.RowsRead, progress.EntriesTotal, progress.EntriesWritten, lease }, cancellationToken: cancel)) == 1;

    /// <summary>In the transaction that writes the entries: false when another has taken the import up, whose effect it then is.</summary>
    public static async Task<bool> EndAsync(NpgsqlConnection connection, ImportJob job, ImportProgress progress, ImportResult result, DateTimeOffset now, CancellationToken cancel) =>
        await connection.ExecuteAsync(new CommandDefinition("""
            update imports set state = 'done', result = @result::jsonb, content = null, lease_until = null, ended_at = @now,
                rows_total = @RowsTotal, rows_read = @RowsTotal, entries_total = @EntriesTotal, entries_written = @EntriesTotal
            where import_id = @ImportId and attempt = @Attempt and state in ('reading', 'writing')
            """, new { job.ImportId, job.Attempt, result = JsonSerializer.Serialize(result, Json.Options), progress.RowsTotal, progress.EntriesTotal, now }, cancellationToken: cancel)) == 1;

    public static async Task RefuseAsync(NpgsqlConnection connection, ImportJob job, ImportProgress progress, CsvFaults? faults, Rule? rule, DateTimeOffset now, CancellationToken cancel) =>
        await connection.ExecuteAsync(new CommandDefinition("""
            update imports set state = @state, faults = @listed::jsonb, faults_total = @total, refused_by = @rule, content = null, lease_until = null, ended_at = @now,
                rows_total = @RowsTotal, rows_read = @RowsRead, entries_total = @EntriesTotal, entries_written = 0
            where import_id = @ImportId and attempt = @Attempt and state in ('reading', 'writing')
            """, new
        {
            job.ImportId,
            job.Attempt,
            state = rule == DatasetRefusals.ImportFailed ? "failed" : "refused",
            listed = faults is null ? null : JsonSerializer.Serialize(faults.Listed.All, Json.Options),
            total = faults?.Total,
            rule = rule?.Type,
            progress.RowsTotal,
            progress.RowsRead,
            progress.EntriesTotal,
            now,
        }, cancellationToken: cancel));

    /// <summary>To be taken up again, at once or after a while.</summary>
    public static async Task GiveBackAsync(NpgsqlConnection connection, ImportJob job, bool failed, TimeSpan after, CancellationToken cancel) =>
        await connection.ExecuteAsync(new CommandDefinition("""
            update imports set state = 'waiting', failures = failures + @failed::int, lease_until = clock_timestamp() + @after, rows_read = 0, entries_total = 0, entries_written = 0
            where import_id = @ImportId and attempt = @Attempt and state in ('reading', 'writing')
            """, new { job.ImportId, job.Attempt, failed, after }, cancellationToken: cancel));

    public static async Task DropOldAsync(NpgsqlConnection connection, DateTimeOffset before, CancellationToken cancel) =>
        await connection.ExecuteAsync(new CommandDefinition("delete from imports where ended_at < @before", new { before }, cancellationToken: cancel));
}

/// <summary>An import that this process is at.</summary>
internal sealed record ImportJob
{
    public required Guid ImportId { get; init; }
    public required string DepartmentCode { get; init; }
    public string? Charset { get; init; }
    public required string SubmittedBy { get; init; }
    public required string SubmittedByName { get; init; }
    public required int Attempt { get; init; }
    public required int Failures { get; init; }
}

/// <summary>An import in the background, as its department's officers see it.</summary>
internal sealed record ImportView
{
    public required Guid Id { get; init; }

    /// <summary>waiting, reading, writing; at the end done, refused (the table has faults) or failed (ours).</summary>
    public required string State { get; init; }

    /// <summary>0 to 100; begins anew when another process has to take it up.</summary>
    public required int Percent { get; init; }

    /// <summary>Spreadsheet rows, the header included.</summary>
    public required int RowsRead { get; init; }

    public required int RowsTotal { get; init; }

    /// <summary>Entries written so far; they count, all at once, with state done.</summary>
    public required int EntriesWritten { get; init; }

    public required int EntriesTotal { get; init; }

    public required long Bytes { get; init; }

    /// <summary>Of the file as it came.</summary>
    public required string Sha256 { get; init; }

    /// <summary>How often it was taken up.</summary>
    public required int Attempt { get; init; }

    public required string SubmittedBy { get; init; }

    public required DateTimeOffset SubmittedAt { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>State done: what it did. Left out in lists.</summary>
    public ImportResult? Result { get; init; }

    /// <summary>State refused or failed: why. Left out in lists.</summary>
    public Problem? Problem { get; init; }

    public required ImportLinks Links { get; init; }
}

/// <param name="Report">Once it has ended; JSON, or CSV by Accept or format=csv.</param>
internal sealed record ImportLinks(string Self, string? Report);
