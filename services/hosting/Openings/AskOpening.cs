using System.Text.RegularExpressions;
using Dapper;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Exchange.Hosting.Openings;

/// <summary>A case auditor asks to see what the commitments of named records were made of, under a case number and for a time.</summary>
internal static partial class AskOpening
{
    private const int MostEvents = 50;
    private const int UsualDays = 7;
    private const int MostDays = 30;

    /// <summary>Held while a case is opened or an erasure confirmed: neither may overlook the other.</summary>
    public const string Lock = "select pg_advisory_xact_lock(hashtextextended('openings', 0))";

    public static void Map(RouteGroupBuilder openings) => openings.MapPost("", HandleAsync).AllowPersons().WritesOnce()
        .WithSummary("申请开封 · Ask to open the commitments of named records, under a case number");

    private static async Task<Results<Created<OpeningView>, Refused>> HandleAsync(Body body, Caller caller, Transaction transaction, ServiceSettings service, TimeProvider clock, CancellationToken cancel)
    {
        if (!caller.Has(Roles.CaseAuditor))
        {
            return new Refused(OpeningRules.CaseAuditorsOnly);
        }
        var now = clock.Now();
        var events = body.EventIds ?? [];
        var names = body.Names ?? [];
        var until = body.Until?.ToUniversalTime() ?? now.AddDays(UsualDays);
        var faults = new Faults();
        if (body.CaseNumber is null || !CaseNumber.IsMatch(body.CaseNumber) || LongNumber.IsMatch(body.CaseNumber))
        {
            faults.Add("case_number", "case-number", "GB/T 39477", new("请填写案号（含数字，最多 60 个字符，不得含证件号码）。", "Name the case by its number: with digits, at most 60 characters, no document number."));
        }
        faults.RequireText("reason", body.Reason, "GB/T 39477", longest: 1000);
        OpeningRules.CheckNames(faults, names);
        if (until <= now || until > now.AddDays(MostDays))
        {
            faults.Add("until", "range", "GB/T 39477", new($"须在今后 {MostDays} 天之内。", $"It lies within the next {MostDays} days."));
        }
        if (events.Count is 0 or > MostEvents)
        {
            faults.Add("event_ids", "count", "GB/T 39477", new($"须指明 1 到 {MostEvents} 条记录；不得批量开封。", $"Name 1 to {MostEvents} records; there is no opening in bulk."));
        }
        else
        {
            await transaction.Connection.ExecuteAsync(new CommandDefinition(Lock, cancellationToken: cancel));
            await CheckEventsAsync(transaction, events, names, faults, cancel);
        }
        if (faults.Any)
        {
            return new Refused(faults);
        }
        var opening = new OpeningCase
        {
            CaseId = Guid.CreateVersion7(now),
            CaseNumber = body.CaseNumber!,
            Reason = body.Reason!,
            AskedBy = caller.Subject,
            AskedAt = now,
            EventIds = [.. events.Distinct()],
            Names = [.. names.Distinct(StringComparer.Ordinal)],
            Until = until,
            State = "asked",
        };
        await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into opening_cases (case_id, case_number, reason, asked_by, asked_at, event_ids, names, until, state)
            values (@CaseId, @CaseNumber, @Reason, @AskedBy, @AskedAt, @EventIds, @Names, @Until, @State)
            """, opening, cancellationToken: cancel));
        await transaction.RecordAsync(opening.Record("opening.asked", "asked", new(StringComparer.Ordinal) { ["asked_by"] = caller.Subject, ["reason"] = opening.Reason }), cancel);
        return TypedResults.Created($"{service.PublicAddress}{OpeningRoutes.PublicPath(service)}/{opening.CaseId}", OpeningView.Of(opening, service, now));
    }

    private static async Task CheckEventsAsync(Transaction transaction, IReadOnlyList<Guid> events, IReadOnlyList<string> names, Faults faults, CancellationToken cancel)
    {
        var rows = (await transaction.Connection.QueryAsync<Field>(new CommandDefinition("""
            select o.event_id, o.name, o.sealed is null or m.erasure_id is not null as erased
            from audit_openings o join opening_months m on m.month = o.month
            where o.event_id = any(@Events)
            """, new { Events = events.ToArray() }, cancellationToken: cancel))).ToLookup(row => row.EventId);
        foreach (var (i, id) in events.Index())
        {
            var fields = rows[id].Where(field => names.Count == 0 || names.Contains(field.Name, StringComparer.Ordinal)).ToList();
            if (!rows[id].Any())
            {
                faults.Add($"event_ids[{i}]", "no-openings", null, new("本服务没有这条记录的可开封内容：编号不是本服务的，或该记录不含承诺。", "Nothing to open here: the record is not of this service, or holds no commitment."));
            }
            else if (fields.Count == 0)
            {
                faults.Add($"event_ids[{i}]", "no-such-field", null, new($"该记录的字段为：{string.Join("、", rows[id].Select(f => f.Name))}。", $"The record's fields are: {string.Join(", ", rows[id].Select(f => f.Name))}."));
            }
            else if (fields.TrueForAll(field => field.Erased))
            {
                faults.Add($"event_ids[{i}]", "erased", "个人信息保护法 第47条", new("该内容已销毁，无法开封。", "It was erased and can never be opened."));
            }
        }
    }

    // It stands in clear in the log for ever, so it must be the number of a case and not of a person.
    [GeneratedRegex(@"^(?=[^\d]*\d)[\p{L}\d（）()〔〕\[\] _/.\-]{1,60}\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 100)]
    private static partial Regex CaseNumber { get; }

    [GeneratedRegex(@"\d{11}", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 100)]
    private static partial Regex LongNumber { get; }

    internal sealed record Body
    {
        /// <summary>Number of the case, which stands in the log in clear.</summary>
        public string? CaseNumber { get; init; }

        /// <summary>Why these records; only a commitment to it goes into the log.</summary>
        public string? Reason { get; init; }

        /// <summary>1 to 50 records.</summary>
        public IReadOnlyList<Guid>? EventIds { get; init; }

        /// <summary>Fields of those records, such as <c>officer</c>; all when left out.</summary>
        public IReadOnlyList<string>? Names { get; init; }

        /// <summary>Until when it may be read: at most 30 days, 7 when left out.</summary>
        public DateTimeOffset? Until { get; init; }
    }

    private sealed record Field
    {
        public required Guid EventId { get; init; }
        public required string Name { get; init; }
        public required bool Erased { get; init; }
    }
}
