using System.Text.Json;
using Exchange.Contracts;
using Exchange.Gateway.Federation;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;

namespace Exchange.Gateway.Harvest;

internal enum RunOutcome
{
    /// <summary>Everything was read and the catalogue shows it.</summary>
    Complete,

    /// <summary>The source says that nothing changed since the last whole run.</summary>
    Unchanged,

    /// <summary>What was read is shown, but the source has more than it gave, or entries that cannot be told apart: nothing was removed.</summary>
    Incomplete,

    /// <summary>What was read is shown, but so much would go that an operator must confirm it first.</summary>
    HeldBack,

    /// <summary>The source was not read to the end. Nothing was touched.</summary>
    Failed,
}

/// <summary>What a run did. <c>Read = Taken + Faulty</c>; afterwards the catalogue shows the taken, the kept and what waits to be removed.</summary>
internal sealed record RunReport
{
    public required Guid RunId { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public DateTimeOffset EndedAt { get; init; }
    public RunOutcome Outcome { get; init; }
    public string? Rule { get; init; }
    public Text? Reason { get; init; }
    public int Calls { get; init; }
    public long Bytes { get; init; }
    public int? Stated { get; init; }
    public int Read { get; init; }
    public int Taken { get; init; }
    public int Faulty { get; init; }
    public int Kept { get; init; }
    public int Added { get; init; }
    public int Changed { get; init; }
    public int Removed { get; init; }
    public IReadOnlyList<Guid> Removal { get; init; } = [];
    public int FaultCount { get; init; }
}

/// <param name="NextIn">When the source is read again.</param>
/// <param name="Marks">Of a whole run whose every page had one.</param>
/// <param name="Faults">Null leaves the list of the run before.</param>
internal sealed record RunEnd(TimeSpan NextIn, IReadOnlyList<PageMark>? Marks, IReadOnlyList<EntryFault>? Faults);

/// <summary>A fault of one entry; <paramref name="Taken"/> tells whether the entry stands in the catalogue all the same.</summary>
internal sealed record EntryFault(string? Identifier, bool Taken, Fault Fault);

/// <summary>
/// One reading of one source, by the replica that leads it. First everything is read and compared with the catalogue, then the differences are applied in steps of their own transactions,
/// each fenced by the lease: the cities' changes never wait long behind a source's, and a run that dies leaves whole entries, from where the next one goes on. Nothing is removed before
/// everything else is applied, and only by a run that read everything.
/// </summary>
internal sealed partial class HarvestRun(Database database, Leases leases, ServiceSettings service, TimeProvider clock, ILogger<HarvestRun> log)
{
    internal const int StepSize = 100;

    public static string LeaseOf(string source) => $"harvest.{source}";

    private static TimeSpan LeaseTime(Source source) => source.Limits.Request + source.Pause + SourceClient.LongestWait + TimeSpan.FromSeconds(30);

    /// <summary>Null when another replica reads the source, or <paramref name="isWanted"/> under the lease says that it no longer needs to be read.</summary>
    public async Task<RunReport?> RunAsync(Source source, Func<CancellationToken, Task<bool>> isWanted, CancellationToken cancel)
    {
        if (await leases.AcquireAsync(LeaseOf(source.Id), LeaseTime(source), cancel) is not { } token)
        {
            return null;
        }

        try
        {
            return await isWanted(cancel) ? await LeadAsync(source, token, cancel) : null;
        }
        finally
        {
            await leases.ReleaseAsync(LeaseOf(source.Id), CancellationToken.None);
        }
    }

    private async Task<RunReport> LeadAsync(Source source, long token, CancellationToken cancel)
    {
        var run = new RunReport { RunId = Guid.CreateVersion7(), StartedAt = clock.Now() };
        HarvestTables.SourceRow row;
        await using (var connection = await database.OpenAsync(cancel))
        {
            row = await HarvestTables.ReadSourceAsync(connection, source.Id, cancel);
        }

        using var client = new SourceClient(source, service.PublicAddress, stop => KeepLeadingAsync(source, token, stop));
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limited.CancelAfter(source.Limits.Run);
        RunEnd end;
        try
        {
            if (await IsUnchangedAsync(source, row, client, limited.Token))
            {
                run = run with { Outcome = RunOutcome.Unchanged };
                end = new RunEnd(source.Every, null, null);
            }
            else
            {
                var picture = new Picture(source.Limits);
                await ReadAsync(source, client, picture, limited.Token);
                (run, end) = await ApplyAsync(source, run, row, picture, client.Marks, token, cancel);
            }
        }
        catch (RunRefusedException refused)
        {
            (run, end) = Failed(refused.Rule, refused.Text, refused.After);
        }
        catch (Exception fault) when (fault is not (OperationCanceledException or LeadLostException))
        {
            // Whatever it was: a source is not called again at once because of it.
            LogBroken(log, fault, source.Id);
            (run, end) = Failed("internal-error", new("网关内部出错，详见日志。", "The gateway failed; its log says how."), null);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            (run, end) = Failed("too-long", new($"整次读取未在 {source.Limits.Run} 内完成。", $"The run did not end within {source.Limits.Run}."), null);
        }

        run = run with { EndedAt = clock.Now(), Calls = client.Calls, Bytes = client.Bytes };
        await StepAsync(source, token, connection => HarvestTables.FinishAsync(connection, source, run, end, cancel), cancel);
        return run;

        (RunReport, RunEnd) Failed(string rule, Text reason, TimeSpan? after) =>
            (run with { Outcome = RunOutcome.Failed, Rule = rule, Reason = reason }, new RunEnd(BackOff(source, row.Failures, after), null, null));
    }

    /// <summary>Half a minute, doubled with each failure, up to the source's own interval; never before the source asked to be called again, if that is within a day.</summary>
    internal static TimeSpan BackOff(Source source, int failures, TimeSpan? after)
    {
        var wait = TimeSpan.FromSeconds(30) * Math.Pow(2, Math.Min(failures, 16));
        wait = wait < source.Every ? wait : source.Every;
        var asked = after > TimeSpan.FromDays(1) ? TimeSpan.FromDays(1) : after;
        return asked > wait ? asked.Value : wait;
    }

    private static async Task ReadAsync(Source source, SourceClient client, Picture picture, CancellationToken cancel) => await (source.Kind switch
    {
        SourceKind.Ckan => ReadCkan.ReadAsync(source, client, picture, cancel),
        SourceKind.Dcat => ReadDcat.ReadAsync(source, client, picture, cancel),
        _ => ReadDataJson.ReadAsync(source, client, picture, cancel),
    });

    /// <summary>
    /// Asks for each page of the last whole run whether it is still the same. Not when the settings have changed since, nor when the catalogue no longer shows what that run left there:
    /// then only reading heals it.
    /// </summary>
    private static async Task<bool> IsUnchangedAsync(Source source, HarvestTables.SourceRow row, SourceClient client, CancellationToken cancel)
    {
        if (row.Marks is null || row.Fingerprint != source.Fingerprint || row.RebuildWanted || row.Left != row.Shown)
        {
            return false;
        }

        foreach (var mark in JsonSerializer.Deserialize<IReadOnlyList<PageMark>>(row.Marks, Json.Options)!)
        {
            if (!await client.IsUnchangedAsync(mark, source.Kind == SourceKind.Dcat ? ReadDcat.Accept : ReadDataJson.Accept, cancel))
            {
                return false;
            }
        }

        return true;
    }

    private async Task<(RunReport Run, RunEnd End)> ApplyAsync(
        Source source, RunReport run, HarvestTables.SourceRow row, Picture picture, List<PageMark?> marks, long token, CancellationToken cancel)
    {
        Dictionary<Guid, Standing> standing;
        await using (var connection = await database.OpenAsync(cancel))
        {
            standing = await HarvestTables.ReadStandingAsync(connection, source.Id, cancel);
        }

        var now = clock.Now();
        var seen = new HashSet<Guid>();
        var faults = new List<EntryFault>();
        var changes = new List<(Guid Id, int Version, string? Entry)>();
        var (taken, kept, added, nameless) = (0, 0, 0, 0);
        foreach (var item in picture.Items)
        {
            DatasetEntry? entry = null;
            if (!MapEntry.IsIdentified(item))
            {
                nameless++;
            }
            else if (!seen.Add(MapEntry.IdOf(source.Id, item.Identifier!)))
            {
                SourceFaults.Twice(item.Faults);
            }
            else
            {
                entry = MapEntry.Map(source, item, now);
                var was = standing.GetValueOrDefault(MapEntry.IdOf(source.Id, item.Identifier!));
                if (entry is null)
                {
                    kept += was?.Hash is null ? 0 : 1;
                }
                else if (was?.Hash is null || !was.Hash.AsSpan().SequenceEqual(HarvestTables.HashOf(entry)))
                {
                    added += was?.Hash is null ? 1 : 0;
                    var version = (was?.Version ?? 0) + 1;
                    changes.Add((entry.DatasetId, version, JsonSerializer.Serialize(entry with
                    {
                        Version = version,
                        PublishedAt = now,
                        ReleasedOn = !HarvestTables.IsReleaseAssumed(entry) ? entry.ReleasedOn
                            : was is { ReleasedOn: var first } && first != default ? first
                            : DateOnly.FromDateTime(now.ToOffset(TimeSpan.FromHours(8)).DateTime),
                    }, Json.Options)));
                }
            }

            taken += entry is null ? 0 : 1;
            faults.AddRange(item.Faults.All.Select(fault => new EntryFault(item.Identifier, entry is not null, fault)));
        }

        var live = standing.Where(s => s.Value.Hash is not null).ToList();
        var missing = live.Where(s => !seen.Contains(s.Key)).ToList();
        var whole = nameless == 0 && (picture.Stated is null || picture.Stated == picture.Items.Count);
        var suspicious = missing.Count > source.LargestRemoval * live.Count && !missing.TrueForAll(s => row.Confirmed.Contains(s.Key));
        foreach (var step in changes.Chunk(StepSize))
        {
            await StepAsync(source, token, connection => HarvestTables.ApplyAsync(connection, source.Id, step, cancel), cancel);
        }

        var removes = whole && !suspicious;
        foreach (var step in removes ? missing.Chunk(StepSize) : [])
        {
            await StepAsync(source, token, connection => HarvestTables.ApplyAsync(connection, source.Id, step.Select(s => (s.Key, s.Value.Version + 1, (string?)null)), cancel), cancel);
        }

        run = run with
        {
            Outcome = !whole ? RunOutcome.Incomplete : suspicious ? RunOutcome.HeldBack : RunOutcome.Complete,
            Stated = picture.Stated,
            Read = picture.Items.Count,
            Taken = taken,
            Faulty = picture.Items.Count - taken,
            Kept = kept,
            Added = added,
            Changed = changes.Count - added,
            Removed = removes ? missing.Count : 0,
            Removal = removes ? [] : [.. missing.Select(s => s.Key)],
            FaultCount = faults.Count,
        };
        var known = run.Outcome == RunOutcome.Complete && marks.TrueForAll(mark => mark is not null) ? marks.Select(mark => mark!).ToList() : null;
        return (run, new RunEnd(source.Every, known, [.. faults.Take(HarvestTables.MostFaults)]));
    }

    private async Task StepAsync(Source source, long token, Func<Npgsql.NpgsqlConnection, Task> act, CancellationToken cancel)
    {
        await KeepLeadingAsync(source, token, cancel);
        await using var connection = await database.OpenAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (!await leases.FenceAsync(connection, LeaseOf(source.Id), token, cancel))
        {
            throw new LeadLostException(source.Id);
        }

        await act(connection);
        await transaction.CommitAsync(cancel);
    }

    private async Task KeepLeadingAsync(Source source, long token, CancellationToken cancel)
    {
        if (await leases.AcquireAsync(LeaseOf(source.Id), LeaseTime(source), cancel) != token)
        {
            throw new LeadLostException(source.Id);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The run of source {Source} failed")]
    private static partial void LogBroken(ILogger log, Exception fault, string source);
}

/// <summary>Another replica took the source over while this one was away.</summary>
internal sealed class LeadLostException(string source) : Exception($"The run of {source} is another replica's now.");
