using System.Text.RegularExpressions;
using Dapper;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Exchange.Hosting.Openings;

/// <summary>The owning city's authority asks to forget what commitments were made of: a month when its retention is over, named records earlier when a law demands it.</summary>
internal static partial class AskErasure
{
    private const int MostEvents = 1000;

    public static void Map(RouteGroupBuilder openings) => openings.MapPost("/erasures", HandleAsync).AllowPersons().WritesOnce()
        .WithSummary("提出销毁 · Ask to erase what commitments were made of, of named records or of a month, on a legal ground");

    private static async Task<Results<Created<ErasureView>, Refused>> HandleAsync(Body body, Caller caller, Transaction transaction, ServiceSettings service, TimeProvider clock, CancellationToken cancel)
    {
        if (!caller.IsAuthority(service))
        {
            return new Refused(OpeningRules.AuthorityOnly);
        }
        var now = clock.Now();
        var events = (body.EventIds ?? []).Distinct().ToArray();
        var names = body.Names ?? [];
        var month = Month.Parse(body.Month);
        var faults = new Faults();
        if (body.Ground is null || !Ground.IsMatch(body.Ground))
        {
            faults.Add("ground", "legal-ground", "个人信息保护法 第47条", new("请写明法律依据，如《个人信息保护法》第四十七条。", "Name the law and article in Chinese, such as 《个人信息保护法》第四十七条."));
        }
        OpeningRules.CheckNames(faults, names);
        if (events.Length > MostEvents || (events.Length == 0) == (body.Month is null))
        {
            faults.Add("event_ids", "events-or-month", null, new($"请指明最多 {MostEvents} 条记录，或一个月份，二者择一。", $"Name at most {MostEvents} records, or a month, and not both."));
        }
        if (body.Month is not null && names.Count > 0)
        {
            faults.Add("names", "not-with-month", null, new("按月销毁不分字段。", "A month is erased with all its fields."));
        }
        if (body.Month is not null && month is null)
        {
            faults.Add("month", "form", null, new("格式为 2023-10。", "Its form is 2023-10."));
        }
        else if (month is { } past)
        {
            await CheckMonthAsync(transaction, past, service, now, faults, cancel);
        }
        else
        {
            await CheckEventsAsync(transaction, events, names, faults, cancel);
        }
        if (faults.Any)
        {
            return new Refused(faults);
        }
        var erasure = new Erasure
        {
            ErasureId = Guid.CreateVersion7(now),
            EventIds = events,
            Month = month?.ToString(),
            Names = [.. names.Distinct(StringComparer.Ordinal)],
            Ground = body.Ground!,
            AskedBy = caller.Subject,
            AskedAt = now,
            State = "asked",
        };
        await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into opening_erasures (erasure_id, event_ids, month, names, ground, asked_by, asked_at, state)
            values (@ErasureId, @EventIds, @Month, @Names, @Ground, @AskedBy, @AskedAt, @State)
            """, erasure, cancellationToken: cancel));
        await transaction.RecordAsync(erasure.Record("erasure.asked", new(StringComparer.Ordinal) { ["asked_by"] = caller.Subject }), cancel);
        return TypedResults.Created($"{service.PublicAddress}{OpeningRoutes.PublicPath(service)}/erasures", ErasureView.Of(erasure));
    }

    private static async Task CheckMonthAsync(Transaction transaction, Month month, ServiceSettings service, DateTimeOffset now, Faults faults, CancellationToken cancel)
    {
        if (month.Next.Begin.AddYears(service.OpeningYears) is var end && end > now)
        {
            faults.Add("month", "retention", "网络数据安全管理条例 第12条", new(
                $"保存期至少 {service.OpeningYears} 年，至 {end:yyyy-MM-dd} 止；法律要求提前删除的，请逐条指明记录。",
                $"Kept for at least {service.OpeningYears} years, until {end:yyyy-MM-dd}; name single records where a law demands it earlier."));
        }
        else if (await transaction.Connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "select not exists (select from opening_months where month = @Month and erasure_id is null)", new { Month = month.ToString() }, cancellationToken: cancel)))
        {
            faults.Add("month", "nothing-there", null, new("该月没有可销毁的内容。", "Nothing of that month is left to erase."));
        }
    }

    private static async Task CheckEventsAsync(Transaction transaction, Guid[] events, IReadOnlyList<string> names, Faults faults, CancellationToken cancel)
    {
        var there = (await transaction.Connection.QueryAsync<Guid>(new CommandDefinition("""
            select distinct o.event_id from audit_openings o join opening_months m on m.month = o.month
            where o.event_id = any(@events) and (cardinality(@Names) = 0 or o.name = any(@Names)) and o.sealed is not null and m.erasure_id is null
            """, new { events, Names = names.ToArray() }, cancellationToken: cancel))).ToHashSet();
        foreach (var (i, _) in events.Index().Where(e => !there.Contains(e.Item)))
        {
            faults.Add($"event_ids[{i}]", "nothing-there", null, new("本服务没有这条记录的内容，或已销毁。", "This service holds nothing of that record, or it is erased already."));
        }
    }

    // It stands in clear in the log for ever: a law and its article, in which no person can be named.
    [GeneratedRegex("^《[^《》]{2,60}》第[一二三四五六七八九十百零〇0-9]{1,8}条(第[一二三四五六七八九十0-9]{1,4}款)?(第[一二三四五六七八九十0-9]{1,4}项)?\\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 100)]
    private static partial Regex Ground { get; }

    internal sealed record Body
    {
        /// <summary>At most 1,000 records.</summary>
        public IReadOnlyList<Guid>? EventIds { get; init; }

        /// <summary>A month in Beijing whose retention is over, such as 2023-10.</summary>
        public string? Month { get; init; }

        /// <summary>Law and article, such as 《个人信息保护法》第四十七条.</summary>
        public string? Ground { get; init; }

        /// <summary>Fields of the named records; all when left out.</summary>
        public IReadOnlyList<string>? Names { get; init; }
    }
}
