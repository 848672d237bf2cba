using System.Globalization;
using System.Text.Json;
using Dapper;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Audit.Search;

/// <summary>
/// What deserves a second look, found by rules that need no training: each finding says in a sentence what is odd and rests on records whose proofs can be had.
/// A finding is no accusation; the auditor judges. Each kind is one query over the period that was asked for.
/// </summary>
internal static class Flags
{
    private const int UsualDays = 31;
    private const int MostDays = 93;

    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/flags", HandleAsync).AllowCallers(Roles.Auditor, Roles.Authority).IsALook("flags").WithSummary("无需训练的疑点提示 · What deserves a second look, by rules that need no training");

    /// <param name="caller">Auditors see all, an authority what its city took part in.</param>
    /// <param name="database">The log's database.</param>
    /// <param name="settings">From when on something is pointed out.</param>
    /// <param name="clock">Business time.</param>
    /// <param name="kind">One kind of finding; all when left out.</param>
    /// <param name="department">Credit code of the asking or providing department.</param>
    /// <param name="from">Begin of the period; 31 days before its end when left out.</param>
    /// <param name="to">End of the period; now when left out.</param>
    /// <param name="cursor">Next of the page before.</param>
    /// <param name="limit">Findings per page.</param>
    /// <param name="cancel">Ends the queries with the request.</param>
    internal static async Task<Results<Ok<FlagPage>, Refused>> HandleAsync(
        Caller caller, Database database, FlagSettings settings, TimeProvider clock, string? kind, string? department, DateTimeOffset? from, DateTimeOffset? to, string? cursor, int? limit, CancellationToken cancel)
    {
        var faults = new Faults();
        var size = Pages.Limit(limit, faults);
        var before = Pages.After(cursor, faults);
        var until = to?.ToUniversalTime() ?? clock.Now();
        var since = from?.ToUniversalTime() ?? until.AddDays(-UsualDays);
        if (kind is not null && FlagKind.All.All(known => known.Name != kind))
        {
            var kinds = FlagKind.All.Select(known => known.Name).ToList();
            faults.Add("kind", "unknown", null, new($"可选：{string.Join("、", kinds)}。", $"One of: {string.Join(", ", kinds)}."));
        }
        if (since >= until || until - since > TimeSpan.FromDays(MostDays))
        {
            faults.Add("from", "period", null, new($"期间须为 1 到 {MostDays} 天。", $"The period has at most {MostDays} days."));
        }
        if (faults.Any)
        {
            return new Refused(faults);
        }
        var asked = new
        {
            All = Visibility.SeesAll(caller),
            OwnCity = Visibility.Oversees(caller),
            department,
            From = since,
            To = until,
            before,
            Limit = size + 1,
            settings.VolumeTimes,
            settings.VolumeDays,
            settings.VolumeBytes,
            settings.BulkRecords,
            settings.BulkBytes,
            settings.OpensAt,
            settings.ClosesAt,
            settings.BurstRefusals,
            settings.UnusedDays,
            OfficeCalendar.Off,
            OfficeCalendar.Work,
        };
        await using var connection = await database.OpenAsync(cancel);
        List<(FlagKind Kind, FlagRow Row)> found = [];
        foreach (var one in FlagKind.All.Where(known => kind is null || known.Name == kind))
        {
            found.AddRange((await connection.QueryAsync<FlagRow>(new CommandDefinition(one.Query, asked, cancellationToken: cancel))).Select(row => (one, row)));
        }
        // PostgreSQL's order of ids, in which the pages go on.
        found.Sort((a, b) => b.Row.Key.ToByteArray(bigEndian: true).AsSpan().SequenceCompareTo(a.Row.Key.ToByteArray(bigEndian: true)));
        // One record may deserve several flags; they stay on one page.
        var end = Math.Min(size, found.Count);
        while (end < found.Count && end > 0 && found[end].Row.Key == found[end - 1].Row.Key)
        {
            end++;
        }
        return TypedResults.Ok(new FlagPage(since, until, [.. found.Take(end).Select(f => f.Kind.Tell(f.Row))], end < found.Count ? Pages.Cursor(found[end - 1].Row.Key) : null));
    }
}

/// <summary>Days off and make-up working days of the State Council's notices that came with this release; a year that is not among them has its weekends only.</summary>
internal static class OfficeCalendar
{
    static OfficeCalendar()
    {
        List<DateTime> off = [], work = [];
        var assembly = typeof(OfficeCalendar).Assembly;
        foreach (var name in assembly.GetManifestResourceNames().Where(name => name.StartsWith("calendar.", StringComparison.Ordinal)))
        {
            using var json = JsonDocument.Parse(assembly.GetManifestResourceStream(name)!);
            off.AddRange(json.RootElement.GetProperty("off").EnumerateArray().Select(day => day.GetDateTime()));
            work.AddRange(json.RootElement.GetProperty("work").EnumerateArray().Select(day => day.GetDateTime()));
        }
        (Off, Work) = ([.. off], [.. work]);
    }

    public static DateTime[] Off { get; }

    public static DateTime[] Work { get; }
}

/// <summary>One rule.</summary>
/// <param name="Name">Word on the wire.</param>
/// <param name="Severity">high, medium or low.</param>
/// <param name="Query">Finds rows by the period, the caller's view and the settings.</param>
/// <param name="Sentence">Says what was found.</param>
internal sealed record FlagKind(string Name, string Severity, string Query, Func<FlagRow, Text> Sentence)
{
    public static readonly IReadOnlyList<FlagKind> All =
    [
        new("volume_beyond_grant", "high", FlagQueries.VolumeBeyondGrant, row => Told(
            $"{row.What} 交付 {row.Amount} 字节，是该授权此前每日中位数（{row.Usual:0} 字节）的 {row.Amount / Math.Max(1, row.Usual ?? 1):0} 倍；授权本身未限定数量，故与其自身历史比较。",
            $"On {row.What} it delivered {row.Amount} bytes, {row.Amount / Math.Max(1, row.Usual ?? 1):0} times its median day before ({row.Usual:0} bytes); the grant names no volume, so it is compared with its own history.")),
        new("bulk_outside_hours", "medium", FlagQueries.BulkOutsideHours, row => Told(
            $"{row.What}（北京时间，非工作时间）交付 {row.Amount} 行、{row.Usual:0} 字节。",
            $"At {row.What} in Beijing, outside office hours, {row.Amount} rows and {row.Usual:0} bytes were delivered.")),
        new("refusal_burst", "medium", FlagQueries.RefusalBurst, row => Told(
            $"该部门一小时内因规则 {row.What} 被拒 {row.Amount} 次。",
            $"Within an hour this department was refused {row.Amount} times by the rule {row.What}.")),
        new("use_after_end", "high", FlagQueries.UseAfterEnd, row => Told(
            $"授权已不可用（{row.What}）之后仍完成交付。",
            $"A delivery was completed after the grant could no longer be used ({row.What}).")),
        new("late_answer", "medium", FlagQueries.LateAnswer, row => Told(
            $"期限已过：{row.What}。",
            $"A legal clock ran out: {row.What}.")),
        new("unused_grant", "low", FlagQueries.UnusedGrant, row => Told(
            $"授权生效 {row.Amount} 天而未取用数据。",
            $"The grant was active for {row.Amount} days without a delivery.")),
        new("purpose_differs", "high", FlagQueries.PurposeDiffers, row => Told(
            $"用途“{row.What}”与批准的用途“{row.Agreed}”不同。",
            $"The purpose “{row.What}” is not the one that was approved, “{row.Agreed}”.")),
    ];

    public Flag Tell(FlagRow row) => new()
    {
        Kind = Name,
        Severity = Severity,
        At = row.At,
        ExchangeId = row.ExchangeId,
        Requesting = row.Requesting,
        Providing = row.Providing,
        Sentence = Sentence(row),
        Events = [.. row.Events.Zip(row.Years, (id, year) => new FlagEvent(id, string.Create(CultureInfo.InvariantCulture, $"/api/audit/log/{year}/proof/{id}")))],
        Links = row.ExchangeId is null ? new Dictionary<string, string>() : new Dictionary<string, string>(StringComparer.Ordinal) { ["timeline"] = $"/api/audit/exchanges/{row.ExchangeId}" },
    };

    private static Text Told(FormattableString zh, FormattableString en) => new(zh.ToString(CultureInfo.InvariantCulture), en.ToString(CultureInfo.InvariantCulture));
}

/// <param name="From">Begin of the period.</param>
/// <param name="To">End of the period.</param>
/// <param name="Items">Newest first.</param>
/// <param name="Next">Cursor of the next page; absent on the last.</param>
internal sealed record FlagPage(DateTimeOffset From, DateTimeOffset To, IReadOnlyList<Flag> Items, string? Next) : IShows
{
    long IShows.Shown => Items.Count;
}

internal sealed record Flag
{
    /// <summary>volume_beyond_grant, bulk_outside_hours, refusal_burst, use_after_end, late_answer, unused_grant or purpose_differs.</summary>
    public required string Kind { get; init; }

    /// <summary>high, medium or low.</summary>
    public required string Severity { get; init; }

    public required DateTimeOffset At { get; init; }

    public Guid? ExchangeId { get; init; }

    /// <summary>Credit code of the asking department.</summary>
    public string? Requesting { get; init; }

    /// <summary>Credit code of the providing department.</summary>
    public string? Providing { get; init; }

    /// <summary>What was found, in both languages.</summary>
    public required Text Sentence { get; init; }

    /// <summary>The records it rests on, at most twenty.</summary>
    public required IReadOnlyList<FlagEvent> Events { get; init; }

    public required IReadOnlyDictionary<string, string> Links { get; init; }
}

/// <param name="EventId">The record.</param>
/// <param name="Proof">Where its proof file is.</param>
internal sealed record FlagEvent(Guid EventId, string Proof);

internal sealed record FlagRow
{
    /// <summary>The newest record it rests on.</summary>
    public required Guid Key { get; init; }
    public required DateTimeOffset At { get; init; }
    public Guid? ExchangeId { get; init; }
    public string? Requesting { get; init; }
    public string? Providing { get; init; }
    public required Guid[] Events { get; init; }
    public required int[] Years { get; init; }
    public long? Amount { get; init; }
    public double? Usual { get; init; }
    public string? What { get; init; }
    public string? Agreed { get; init; }
}
