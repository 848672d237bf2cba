using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Dapper;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;

namespace Exchange.Catalogue.Deliveries;

/// <summary>What a grant, and an asking department over all its grants, may take from this city in a period; 0: as much as it wants. The provider can set another limit for one grant.</summary>
internal sealed record QuotaSettings
{
    /// <summary>Counted in Beijing from midnight; a day or a part of one.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "1.00:00:00")]
    public TimeSpan Period { get; init; } = TimeSpan.FromDays(1);

    [Range(0, long.MaxValue)]
    public long GrantCalls { get; init; } = 100_000;

    [Range(0, long.MaxValue)]
    public long GrantRows { get; init; }

    [Range(0, long.MaxValue)]
    public long GrantBytes { get; init; }

    [Range(0, long.MaxValue)]
    public long DepartmentCalls { get; init; } = 1_000_000;

    [Range(0, long.MaxValue)]
    public long DepartmentRows { get; init; }

    [Range(0, long.MaxValue)]
    public long DepartmentBytes { get; init; }
}

/// <summary>What was used of a quota in its period; a row of <c>quota_use</c>.</summary>
internal sealed record QuotaUse(string Holder, long Calls, long Rows, long Bytes);

/// <summary>One limit, and what is used of it.</summary>
/// <param name="Name">Its name in the headers: <c>grant-calls</c>, <c>department-bytes</c>, ….</param>
/// <param name="Unit">calls, rows or bytes.</param>
/// <param name="Limit">In one period.</param>
/// <param name="Used">In this one.</param>
internal sealed record QuotaLine(string Name, string Unit, long Limit, long Used)
{
    public long Left => Math.Max(0, Limit - Used);
}

/// <summary>How a caller stands with the quotas that it is under, its own call counted.</summary>
/// <param name="Lines">Those that are limited.</param>
/// <param name="Resets">When the period ends.</param>
/// <param name="Period">How long it is.</param>
internal sealed record Allowance(IReadOnlyList<QuotaLine> Lines, DateTimeOffset Resets, TimeSpan Period)
{
    private static readonly Rule UsedUp = new("quota-used-up", StatusCodes.Status429TooManyRequests, "第22条",
        new("本周期的配额已用完。", "The quota of this period is used up."),
        new("请在 Retry-After 所示时间后重试；确需更多时，请提供部门调整该授权的配额，部门总量由该市运维人员设定。", "Come again after Retry-After; if you need more, ask the provider to raise this grant's quota; the total of a department is set by that city's operators."));

    /// <summary>The limit that a call with so many bytes does not fit into; null: it may begin.</summary>
    public QuotaLine? Exceeded(long announcedBytes) =>
        Lines.FirstOrDefault(line => line.Unit == "calls" ? line.Used > line.Limit : line.Used >= line.Limit || (line.Unit == "bytes" && announcedBytes > line.Left));

    /// <summary>The limit that what was sent goes beyond; null: none.</summary>
    public QuotaLine? Beyond(long rows, long bytes) => Lines.FirstOrDefault(line => line.Unit == "rows" ? rows > line.Left : line.Unit == "bytes" && bytes > line.Left);

    public Refused Refusal(QuotaLine line, DateTimeOffset now) => new(UsedUp, new(
        $"{line.Name}：每周期 {line.Limit}，已用 {Math.Min(line.Used, line.Limit)}。",
        $"{line.Name}: {line.Limit} in a period, {Math.Min(line.Used, line.Limit)} used."))
    { RetryAfter = Seconds(now) };

    /// <summary>draft-ietf-httpapi-ratelimit-headers-10; a unit that it does not register stands in <c>qu</c> under its own name.</summary>
    public void Tell(HttpResponse response, DateTimeOffset now)
    {
        if (Lines.Count == 0)
        {
            return;
        }

        response.Headers["RateLimit-Policy"] = string.Join(", ", Lines.Select(line => string.Create(CultureInfo.InvariantCulture, $"\"{line.Name}\";q={line.Limit}{UnitOf(line)};w={Period.TotalSeconds:0}")));
        response.Headers["RateLimit"] = string.Join(", ", Lines.Select(line => string.Create(CultureInfo.InvariantCulture, $"\"{line.Name}\";r={line.Left};t={Seconds(now)}")));
    }

    private static string UnitOf(QuotaLine line) => line.Unit switch
    {
        "calls" => "",
        "bytes" => ";qu=\"content-bytes\"",
        _ => $";qu=\"{line.Unit}\"",
    };

    private int Seconds(DateTimeOffset now) => Math.Max(1, (int)Math.Ceiling((Resets - now).TotalSeconds));
}

/// <summary>
/// Quotas of calls, rows and bytes. They are counted in the city's database in the transactions of openings and ends: all processes of the city share them, and a restart refills nothing.
/// A call is counted when it is opened, rows and bytes when it ends. A transfer that would go beyond is cut there; of those that run at the same time each knows what had ended when it began.
/// </summary>
internal sealed class Quotas(QuotaSettings settings, TimeProvider clock)
{
    private static readonly TimeSpan Beijing = TimeSpan.FromHours(8);

    /// <summary>When the period that is running began.</summary>
    public DateTimeOffset Period
    {
        get
        {
            var there = clock.GetUtcNow().ToOffset(Beijing);
            var midnight = new DateTimeOffset(there.Date, Beijing);
            return midnight.AddTicks((there - midnight).Ticks / settings.Period.Ticks * settings.Period.Ticks).ToUniversalTime();
        }
    }

    public static string HolderOf(Grant grant) => grant.ExchangeId.ToString();

    public static string DepartmentOf(Grant grant) => $"{grant.AskingCity}/{grant.AskingDepartment}";

    public Allowance AllowanceOf(Grant grant, DateTimeOffset period, QuotaUse own, QuotaUse department)
    {
        QuotaLine[] all =
        [
            new("grant-calls", "calls", grant.QuotaCalls ?? settings.GrantCalls, own.Calls),
            new("grant-rows", "rows", grant.QuotaRows ?? settings.GrantRows, own.Rows),
            new("grant-bytes", "bytes", grant.QuotaBytes ?? settings.GrantBytes, own.Bytes),
            new("department-calls", "calls", settings.DepartmentCalls, department.Calls),
            new("department-rows", "rows", settings.DepartmentRows, department.Rows),
            new("department-bytes", "bytes", settings.DepartmentBytes, department.Bytes),
        ];
        // A part of a day that does not divide it ends with it.
        var next = period + settings.Period;
        var midnight = new DateTimeOffset(period.ToOffset(Beijing).Date.AddDays(1), Beijing);
        return new Allowance([.. all.Where(line => line.Limit > 0)], next < midnight ? next : midnight.ToUniversalTime(), settings.Period);
    }

    public async Task<Allowance> ReadAsync(Database database, Grant grant, CancellationToken cancel)
    {
        var period = Period;
        await using var connection = await database.OpenAsync(cancel);
        var used = (await connection.QueryAsync<QuotaUse>(new CommandDefinition(
            "select holder, calls, rows, bytes from quota_use where period = @period and holder = any(@holders)",
            new { period, holders = new[] { HolderOf(grant), DepartmentOf(grant) } }, cancellationToken: cancel))).ToDictionary(u => u.Holder, StringComparer.Ordinal);
        return AllowanceOf(grant, period, Of(HolderOf(grant)), Of(DepartmentOf(grant)));

        QuotaUse Of(string holder) => used.GetValueOrDefault(holder) ?? new QuotaUse(holder, 0, 0, 0);
    }

    /// <summary>Adds what is used, and says how each holder stands then. The rows stay locked until the commit, always in the same order.</summary>
    public static async Task<Dictionary<string, QuotaUse>> AddAsync(Transaction transaction, DateTimeOffset period, IEnumerable<QuotaUse> uses)
    {
        var added = uses.GroupBy(u => u.Holder, StringComparer.Ordinal)
            .Select(g => new QuotaUse(g.Key, g.Sum(u => u.Calls), g.Sum(u => u.Rows), g.Sum(u => u.Bytes))).OrderBy(u => u.Holder, StringComparer.Ordinal).ToList();
        return added.Count == 0 ? [] : (await transaction.Connection.QueryAsync<QuotaUse>("""
            insert into quota_use as q (holder, period, calls, rows, bytes)
            select holder, @period, calls, rows, bytes from unnest(@Holder, @Calls, @Rows, @Bytes) u (holder, calls, rows, bytes)
            on conflict (holder, period) do update set calls = q.calls + excluded.calls, rows = q.rows + excluded.rows, bytes = q.bytes + excluded.bytes
            returning holder, calls, rows, bytes
            """, new
        {
            period,
            Holder = added.Select(u => u.Holder).ToArray(),
            Calls = added.Select(u => u.Calls).ToArray(),
            Rows = added.Select(u => u.Rows).ToArray(),
            Bytes = added.Select(u => u.Bytes).ToArray(),
        })).ToDictionary(u => u.Holder, StringComparer.Ordinal);
    }
}
