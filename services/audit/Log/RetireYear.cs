using Dapper;
using Exchange.Hosting;
using Exchange.Hosting.Transparency;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace Exchange.Audit.Log;

/// <summary>
/// A year's log retires when it has been closed for the years that the law asks for (第29条: three), every exchange with a leaf in it was archived and is no longer kept, and
/// no hold exists. An operator asks for it, an auditor confirms; nothing retires by itself. Its last checkpoint with the cosignatures and the top of its tree stay for ever,
/// and the retirement is a leaf. Proof files that were taken away before go on verifying.
/// </summary>
internal static class RetireYear
{
    private static readonly Rule Kept = new("log-kept", StatusCodes.Status409Conflict, "第29条",
        new("该年度日志尚须保留。", "This year's log has to be kept."),
        new("请查看保留原因；保留期满、无保全要求后再申请。", "See what keeps it; ask again once that is over."));

    private static readonly Rule SecondPerson = new("second-person", StatusCodes.Status403Forbidden, "GB/T 45396 7.2",
        new("销毁须由申请人以外的审计人员确认。", "An auditor other than the one who asked confirms a deletion."),
        new("请由另一名审计人员确认。", "Have an auditor confirm who did not ask."));

    private static readonly Rule NotAsked = new("retirement-not-asked", StatusCodes.Status409Conflict, "GB/T 45396 7.2",
        new("尚无人申请销毁该年度日志，或已确认。", "Nobody has asked for this year's retirement, or it was confirmed before."),
        new("请先由运维人员提出申请。", "An operator asks for it first."));

    private static readonly Rule Retired = new("log-retired", StatusCodes.Status410Gone, "第29条",
        new("该年度日志保留期满，已依规销毁；仅保留最后的检查点。", "This year's log was retired after its retention; its last checkpoint is kept."),
        new("此前下载的证明文件仍可离线核验。", "Proof files downloaded before still verify."));

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/retirement", ListAsync).AllowCallers(Roles.Auditor, Roles.Operator).WithSummary("日志留存与销毁 · Which years may retire, and what keeps the others");
        routes.MapPost("/log/{year:int}/holds", HoldAsync).AllowPersons(Roles.Auditor).WritesOnce().WithSummary("保全 · Keeps a year's log whatever its age");
        routes.MapPost("/log/{year:int}/holds/{hold:guid}/release", ReleaseAsync).AllowPersons(Roles.Auditor).Writes().WithSummary("解除保全 · Releases a hold");
        routes.MapPost("/log/{year:int}/retirement", AskAsync).AllowOperators().Writes().WithSummary("申请销毁 · An operator asks to retire a year's log");
        routes.MapPost("/log/{year:int}/retirement/confirm", ConfirmAsync).AllowPersons(Roles.Auditor).Writes().WithSummary("确认销毁 · An auditor confirms; the leaves are deleted");
    }

    /// <summary>What to answer where nothing was found: gone for good, or never there.</summary>
    public static async Task<Refused> MissingAsync(NpgsqlConnection connection, int year, CancellationToken cancel) =>
        await connection.ExecuteScalarAsync<bool>(new CommandDefinition("select exists (select from logs where year = @year and retired_at is not null)", new { year }, cancellationToken: cancel))
            ? new Refused(Retired)
            : Pipeline.NotFound();

    internal static async Task<Ok<Retirements>> ListAsync(Database database, LogSettings settings, TimeProvider clock, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var years = await connection.QueryAsync<YearRow>(new CommandDefinition("""
            select l.year, l.size, l.retired_at, r.asked_at from logs l left join retirements r using (year) order by l.year
            """, cancellationToken: cancel));
        List<Retirement> items = [];
        foreach (var row in years)
        {
            var keeps = row.RetiredAt is null ? await KeepsAsync(connection, row.Year, settings, clock, cancel) : [];
            var holds = (await connection.QueryAsync<Hold>(new CommandDefinition("select hold_id, reason, placed_at from holds where year = @Year and released_at is null order by placed_at", row, cancellationToken: cancel))).AsList();
            items.Add(new Retirement(row.Year, row.Size, row.RetiredAt is null && keeps.Count == 0, keeps, holds, row.AskedAt, row.RetiredAt));
        }
        return TypedResults.Ok(new Retirements(items));
    }

    internal static async Task<Results<Ok<Hold>, Refused>> HoldAsync(int year, HoldOrder order, Caller caller, Transaction transaction, TimeProvider clock, CancellationToken cancel)
    {
        var faults = new Faults();
        faults.RequireText("reason", order.Reason, "GB/T 45396", 500);
        if (faults.Any)
        {
            return new Refused(faults);
        }
        if (!await transaction.Connection.ExecuteScalarAsync<bool>(new CommandDefinition("select exists (select from logs where year = @year and retired_at is null)", new { year }, cancellationToken: cancel)))
        {
            return await MissingAsync(transaction.Connection, year, cancel);
        }
        var hold = new Hold { HoldId = Guid.CreateVersion7(clock.Now()), Reason = order.Reason!.Trim(), PlacedAt = clock.Now() };
        await transaction.Connection.ExecuteAsync(new CommandDefinition("insert into holds (hold_id, year, reason, placed_by, placed_at) values (@HoldId, @year, @Reason, @Subject, @PlacedAt)",
            new { hold.HoldId, year, hold.Reason, caller.Subject, hold.PlacedAt }, cancellationToken: cancel));
        await transaction.RecordAsync(Record("log.held", year, caller, ("hold_id", hold.HoldId.ToString()), hold.Reason), cancel);
        return TypedResults.Ok(hold);
    }

    internal static async Task<Results<NoContent, Refused>> ReleaseAsync(int year, Guid hold, Caller caller, Transaction transaction, TimeProvider clock, CancellationToken cancel)
    {
        var released = await transaction.Connection.ExecuteAsync(new CommandDefinition("update holds set released_by = @Subject, released_at = @Now where hold_id = @hold and year = @year and released_at is null",
            new { hold, year, caller.Subject, Now = clock.Now() }, cancellationToken: cancel));
        if (released == 0)
        {
            return Pipeline.NotFound();
        }
        await transaction.RecordAsync(Record("log.hold_released", year, caller, ("hold_id", hold.ToString()), null), cancel);
        return TypedResults.NoContent();
    }

    internal static async Task<Results<Accepted, Refused>> AskAsync(int year, RetirementOrder order, Caller caller, Transaction transaction, LogSettings settings, TimeProvider clock, CancellationToken cancel)
    {
        var faults = new Faults();
        faults.RequireText("ground", order.Ground, "第29条", 500);
        if (faults.Any)
        {
            return new Refused(faults);
        }
        if (await RefusalAsync(transaction.Connection, year, settings, clock, cancel) is { } refused)
        {
            return refused;
        }
        await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into retirements (year, ground, asked_by, asked_at) values (@year, @Ground, @Subject, @Now)
            on conflict (year) do update set ground = excluded.ground, asked_by = excluded.asked_by, asked_at = excluded.asked_at where retirements.confirmed_by is null
            """, new { year, Ground = order.Ground!.Trim(), caller.Subject, Now = clock.Now() }, cancellationToken: cancel));
        await transaction.RecordAsync(Record("log.retirement_asked", year, caller, ("ground", order.Ground.Trim()), null), cancel);
        return TypedResults.Accepted((string?)null);
    }

    internal static async Task<Results<NoContent, Refused>> ConfirmAsync(int year, Caller caller, Transaction transaction, LogSettings settings, Origins origins, TimeProvider clock, CancellationToken cancel)
    {
        var connection = transaction.Connection;
        if (await RefusalAsync(connection, year, settings, clock, cancel) is { } refused)
        {
            return refused;
        }
        var asked = await connection.QuerySingleOrDefaultAsync<AskedRow>(new CommandDefinition("select asked_by, ground from retirements where year = @year and confirmed_by is null for update", new { year }, cancellationToken: cancel));
        if (asked is null)
        {
            return new Refused(NotAsked);
        }
        if (asked.AskedBy == caller.Subject)
        {
            return new Refused(SecondPerson);
        }
        var now = clock.Now();
        // Nothing is appended or signed while leaves go.
        await connection.ExecuteAsync(new CommandDefinition("select pg_advisory_xact_lock(@Append), pg_advisory_xact_lock(@Sign)", new { Append = LogWriter.LockKey, Sign = Checkpoints.SignCheckpoints.LockKey }, cancellationToken: cancel));
        await connection.ExecuteAsync(new CommandDefinition("update retirements set confirmed_by = @Subject, confirmed_at = @now where year = @year", new { year, caller.Subject, now }, cancellationToken: cancel));
        var last = (await Checkpoints.ReadCheckpoints.NewestAsync(connection, year, cancel))!;
        var tree = Checkpoint.Parse(Note.Parse(last.Note)!.Text)!;
        await connection.ExecuteAsync(new CommandDefinition("select retire_year(@year, @now, @RetainYears)", new { year, now, settings.RetainYears }, commandTimeout: 3600, cancellationToken: cancel));
        var record = Record("log.retired", year, caller, ("ground", asked.Ground), null);
        await transaction.RecordAsync(record with
        {
            Details = new Dictionary<string, string>(record.Details, StringComparer.Ordinal)
            {
                ["origin"] = origins.Of(year),
                ["size"] = tree.Size.ToString(System.Globalization.CultureInfo.InvariantCulture),
                ["root"] = Convert.ToBase64String(tree.Root),
            },
            Openings = new Dictionary<string, string>(record.Openings, StringComparer.Ordinal) { ["asked_by"] = asked.AskedBy },
        }, cancel);
        return TypedResults.NoContent();
    }

    private static async Task<Refused?> RefusalAsync(NpgsqlConnection connection, int year, LogSettings settings, TimeProvider clock, CancellationToken cancel)
    {
        if (!await connection.ExecuteScalarAsync<bool>(new CommandDefinition("select exists (select from logs where year = @year and retired_at is null)", new { year }, cancellationToken: cancel)))
        {
            return await MissingAsync(connection, year, cancel);
        }
        var keeps = await KeepsAsync(connection, year, settings, clock, cancel);
        return keeps.Count == 0 ? null : new Refused(Kept, new($"保留原因：{string.Join("、", keeps)}。", $"It is kept by: {string.Join(", ", keeps)}."));
    }

    private static async Task<IReadOnlyList<string>> KeepsAsync(NpgsqlConnection connection, int year, LogSettings settings, TimeProvider clock, CancellationToken cancel) =>
        (await connection.QueryAsync<string>(new CommandDefinition("select reason || coalesce(': ' || exchanges, '') from why_not_retired(@year, @Now, @RetainYears)", new { year, Now = clock.Now(), settings.RetainYears }, cancellationToken: cancel))).AsList();

    private static AuditRecord Record(string type, int year, Caller caller, (string Name, string Value) detail, string? reason)
    {
        Dictionary<string, string> openings = new(StringComparer.Ordinal) { ["officer"] = caller.Subject };
        if (reason is not null)
        {
            openings["reason"] = reason;
        }
        return new AuditRecord
        {
            Type = type,
            Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["year"] = year.ToString(System.Globalization.CultureInfo.InvariantCulture), [detail.Name] = detail.Value },
            Openings = openings,
        };
    }

    internal sealed record HoldOrder(string? Reason);

    internal sealed record RetirementOrder(string? Ground);

    internal sealed record Retirements(IReadOnlyList<Retirement> Items);

    /// <param name="Year">The log.</param>
    /// <param name="Size">Its leaves.</param>
    /// <param name="Due">True when it may retire.</param>
    /// <param name="KeptBy"><c>open</c>, <c>too_young</c>, <c>held</c>, or <c>exchanges_kept</c> with their number.</param>
    /// <param name="Holds">Those in force.</param>
    /// <param name="AskedAt">When an operator asked for it.</param>
    /// <param name="RetiredAt">When its leaves were deleted.</param>
    internal sealed record Retirement(int Year, long Size, bool Due, IReadOnlyList<string> KeptBy, IReadOnlyList<Hold> Holds, DateTimeOffset? AskedAt, DateTimeOffset? RetiredAt);

    internal sealed record Hold
    {
        public required Guid HoldId { get; init; }
        public required string Reason { get; init; }
        public required DateTimeOffset PlacedAt { get; init; }
    }

    private sealed record YearRow
    {
        public required int Year { get; init; }
        public required long Size { get; init; }
        public DateTimeOffset? RetiredAt { get; init; }
        public DateTimeOffset? AskedAt { get; init; }
    }

    private sealed record AskedRow
    {
        public required string AskedBy { get; init; }
        public required string Ground { get; init; }
    }
}
