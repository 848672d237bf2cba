using Dapper;
using Exchange.Catalogue.Departments;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Npgsql;
using CommandBehavior = System.Data.CommandBehavior;

namespace Exchange.Catalogue.Datasets;

/// <summary>
/// Imports the tables that wait, one at a time per process. Whoever is at one holds a lease by the database's clock and tells how far it is outside the import's
/// transaction. The import ends in the transaction that writes its entries, and only for the attempt that is the newest: killed, frozen or cut off at any step,
/// it is taken up again and has one effect.
/// </summary>
internal sealed partial class RunImports(Database database, ImportSignal signal, TimeProvider clock, ILogger<RunImports> log) : BackgroundService
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Tell = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Kept = TimeSpan.FromDays(30);
    private const int MostFailures = 5;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        long? dropped = null;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (dropped is null || clock.GetElapsedTime(dropped.Value) > TimeSpan.FromMinutes(10))
                {
                    await using var connection = await database.OpenAsync(stoppingToken);
                    await Imports.DropOldAsync(connection, clock.GetUtcNow() - Kept, stoppingToken);
                    dropped = clock.GetTimestamp();
                }

                if (!await NextAsync(stoppingToken))
                {
                    await signal.WaitAsync(Look, stoppingToken);
                }
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(log, fault);
                await Task.Delay(Look, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (Exception) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
        }
    }

    /// <summary>Takes up the next import and sees it to an end of this attempt; false when none waits.</summary>
    private async Task<bool> NextAsync(CancellationToken stopping)
    {
        ImportJob? job;
        await using (var connection = await database.OpenAsync(stopping))
        {
            job = await Imports.TakeAsync(connection, Lease, clock.Now(), stopping);
        }

        if (job is null)
        {
            return false;
        }

        var progress = new ImportProgress();
        if (job.Failures >= MostFailures)
        {
            await using var connection = await database.OpenAsync(stopping);
            await Imports.RefuseAsync(connection, job, progress, null, DatasetRefusals.ImportFailed, clock.Now(), stopping);
            return true;
        }

        using var work = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        using var ended = new CancellationTokenSource();
        var telling = TellAsync(job, progress, work, ended.Token);
        try
        {
            await RunAsync(job, progress, telling, ended, work.Token);
        }
        catch (Exception fault)
        {
            await ended.CancelAsync();
            await telling;
            if (work.IsCancellationRequested && !stopping.IsCancellationRequested)
            {
                LogLost(log, job.ImportId);
                return true;
            }

            var transient = stopping.IsCancellationRequested || TransientFault.Is(fault);
            if (!transient)
            {
                LogFailed(log, fault, job.ImportId);
            }

            // Without the database even this fails; the lease then runs out.
            await using var connection = await database.OpenAsync(CancellationToken.None);
            await Imports.GiveBackAsync(connection, job, failed: !transient, stopping.IsCancellationRequested ? TimeSpan.Zero : TimeSpan.FromSeconds(2), CancellationToken.None);
        }

        return true;
    }

    private async Task RunAsync(ImportJob job, ImportProgress progress, Task telling, CancellationTokenSource ended, CancellationToken cancel)
    {
        var faults = new CsvFaults();
        await using var connection = await database.OpenAsync(cancel);
        if (await ListDepartments.FindAsync(connection, job.DepartmentCode, cancel) is not { } department)
        {
            await RefuseAsync(null, DatasetRefusals.ForeignDepartment);
            return;
        }

        await using var file = await OpenAsync(connection, job, faults, cancel);
        CatalogueTable? table = null;
        if (file is not null)
        {
            progress.RowsTotal = file.Rows;
            table = await ImportCatalogue.ReadAsync(file, department, faults, progress, cancel);
        }

        if (table is null || faults.Any)
        {
            await RefuseAsync(faults, null);
            return;
        }

        progress.RowsRead = progress.RowsTotal;
        progress.EntriesTotal = table.Entries.Count;
        progress.Writing = true;
        var caller = new Caller { Subject = job.SubmittedBy, Name = job.SubmittedByName, ClientId = job.SubmittedBy, IsPerson = true, Department = department.Code, Roles = new HashSet<string>(StringComparer.Ordinal) { Roles.Officer } };
        var now = clock.Now();
        await using (var transaction = await connection.BeginTransactionAsync(cancel))
        {
            // A process that is frozen here must not hold the department's lock for ever: past the lease the server ends its session.
            await connection.ExecuteAsync(new CommandDefinition($"set local idle_in_transaction_session_timeout = {(int)Lease.TotalMilliseconds}", cancellationToken: cancel));
            var (result, taken) = await ImportCatalogue.WriteAsync(connection, table, department, caller, faults, progress, now, cancel);
            if (result is not null)
            {
                await StopTellingAsync();
                if (await Imports.EndAsync(connection, job, progress, result, clock.Now(), cancel))
                {
                    await transaction.CommitAsync(CancellationToken.None);
                    LogDone(log, job.ImportId, result.Created, result.Revised, result.Unchanged);
                }
                else
                {
                    LogLost(log, job.ImportId);
                }

                return;
            }

            await transaction.RollbackAsync(cancel);
            await RefuseAsync(taken is null ? faults : null, taken);
        }

        async Task RefuseAsync(CsvFaults? told, Rule? rule)
        {
            await StopTellingAsync();
            await Imports.RefuseAsync(connection, job, progress, told, rule, clock.Now(), cancel);
        }

        async Task StopTellingAsync()
        {
            await ended.CancelAsync();
            await telling;
        }
    }

    private static async Task<CsvFile?> OpenAsync(NpgsqlConnection connection, ImportJob job, CsvFaults faults, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("select content from imports where import_id = $1 and attempt = $2 and content is not null", connection);
        command.Parameters.Add(new() { Value = job.ImportId });
        command.Parameters.Add(new() { Value = job.Attempt });
        await using var reader = await command.ExecuteReaderAsync(CommandBehavior.SequentialAccess | CommandBehavior.SingleRow, cancel);
        if (!await reader.ReadAsync(cancel))
        {
            throw new OperationCanceledException("Another process has taken the import up.");
        }

        await using var content = await reader.GetStreamAsync(0, cancel);
        return await CsvFile.KeepAsync(content, job.Charset, faults, cancel);
    }

    /// <summary>The heartbeat, with the progress as its news. Stops the work when another process has taken it up.</summary>
    private async Task TellAsync(ImportJob job, ImportProgress progress, CancellationTokenSource work, CancellationToken ended)
    {
        using var timer = new PeriodicTimer(Tell);
        while (!ended.IsCancellationRequested)
        {
            try
            {
                await timer.WaitForNextTickAsync(ended);
                await using var connection = await database.OpenAsync(ended);
                if (!await Imports.TellAsync(connection, job, progress, Lease, ended))
                {
                    await work.CancelAsync();
                    return;
                }
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception fault) when (TransientFault.Is(fault))
            {
                LogLater(log, fault);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Import {Import} done: {Created} entries created, {Revised} revised, {Unchanged} unchanged")]
    private static partial void LogDone(ILogger log, Guid import, int created, int revised, int unchanged);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Import {Import} was taken up by another process; this one lets go")]
    private static partial void LogLost(ILogger log, Guid import);

    [LoggerMessage(Level = LogLevel.Error, Message = "Import {Import} stopped at a fault and is tried again")]
    private static partial void LogFailed(ILogger log, Exception fault, Guid import);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Imports wait for the database")]
    private static partial void LogLater(ILogger log, Exception fault);
}
