using Exchange.Catalogue.Deadlines;
using Exchange.Hosting;

namespace Exchange.Catalogue.Statistics;

/// <summary>From which day to which the figures are taken, in Beijing.</summary>
internal sealed record Period(DateOnly From, DateOnly To)
{
    /// <summary>The current year where nothing else is asked for.</summary>
    public static Period Of(DateOnly? from, DateOnly? to, DateOnly today, Faults faults)
    {
        var period = new Period(from ?? new DateOnly((to ?? today).Year, 1, 1), to ?? new DateOnly((from ?? today).Year, 12, 31));
        if (period.From > period.To)
        {
            faults.Add("to", "before-from", null, new("截止日早于起始日。", "The last day is before the first."));
        }

        return period;
    }
}

/// <summary>What is counted, in SQL: the figures and the rows behind them are taken from the same text, so that they cannot differ.</summary>
internal static class Counted
{
    /// <summary>The clocks of the regulation's measures (arts. 17, 21, 22, 26, 27); others that run are shown beside them.</summary>
    public static readonly IReadOnlyList<string> Measures = ["reply", "delivery", "correction", "catalogue_update", "catalogue_review", "disposal"];

    public const string Received = "received";
    public const string Asked = "asked";
    public const string Refusals = "refusals";
    public const string Supplements = "supplements";
    public const string Extensions = "extensions";

    public static readonly IReadOnlyList<string> OfRequests = [Received, Asked, Refusals, Supplements, Extensions];

    /// <summary>How a clock stands: a day is on time until its end in Beijing.</summary>
    public static readonly IReadOnlyList<string> Outcomes = ["on_time", "late", "open", "open_late"];

    /// <summary>
    /// One row per subject and clock: the newest. A clock that was set anew in the same moment (extended, counted anew) has waited since its first start; one that started
    /// again later has not. It belongs to the period in which that wait began.
    /// </summary>
    public const string Clocks = """
        with steps as (
            select c.*, lag(stopped_at) over (partition by subject, clock order by for_version, started_at) is distinct from started_at as anew
            from clocks c),
        waits as (
            select s.*, max(started_at) filter (where anew) over (partition by subject, clock order by for_version, started_at) as began
            from steps s),
        newest as (
            select distinct on (subject, clock) subject, clock, department, due_on, provisional,
                   (began at time zone interval '8 hours')::date as began_on, (stopped_at at time zone interval '8 hours')::date as stopped_on
            from waits
            order by subject, clock, for_version desc, started_at desc),
        counted as (
            select *, coalesce(stopped_on, @today) - began_on as waited,
                   case when stopped_on <= due_on then 'on_time' when stopped_on > due_on then 'late' when due_on < @today then 'open_late' else 'open' end as outcome
            from newest
            where began_on between @From and @To)
        """;

    /// <summary>Requests by the day on which they were received here, or on the asking side sent (a draft: written).</summary>
    public const string Requests = """
        with placed as (
            select exchange_id, side, state, reference, asking_city, dispute is not null as disputed, coalesce(reply ->> 'outcome' = 'refused', false) as refused,
                   coalesce(reply ->> 'outcome' = 'approved', false) as agreed,
                   coalesce(reply -> 'grounds', '[]') as grounds, coalesce((extension ->> 'working_days')::int, 0) as extended_by,
                   case when side = 'owning' then owning_department else asking_department end as department,
                   (case when side = 'owning' then received_at else coalesce(submitted_at, created_at) end at time zone interval '8 hours')::date as day
            from sharing_requests),
        counted as (
            select p.*, case when side = 'owning' then (select count(*)::int from sharing_history h where h.exchange_id = p.exchange_id and h.side = 'owning' and h.event = 'ask_supplement') else 0 end as supplements
            from placed p
            where day between @From and @To)
        """;

    public static DateOnly Today(TimeProvider clock) => LegalDay.Of(clock.GetUtcNow());
}
