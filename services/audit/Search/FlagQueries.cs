namespace Exchange.Audit.Search;

/// <summary>The rules as SQL, one per kind. Order is the log's own (year, idx): a source's clock could lie, its place in the log cannot.</summary>
internal static class FlagQueries
{
    /// <summary>What the caller may see and asked for, of a record <c>r</c> of an exchange.</summary>
    private const string Mine = """
        (@All or exists (select from exchanges x where x.exchange_id = r.exchange_id and @OwnCity = any(x.sources)))
          and (@department::text is null or r.requesting = @department or r.providing = @department)
        """;

    private const string Page = """
        where @before::uuid is null or key < @before
        order by key desc limit @Limit
        """;

    // A grant names fields, purpose and term, but no volume: its own days are the measure.
    public const string VolumeBeyondGrant = $"""
        with days as materialized (
            select r.exchange_id, (r.at at time zone 'Asia/Shanghai')::date as day, sum(coalesce(r.bytes, 0))::bigint as volume, max(r.at) as last_at,
                   min(r.requesting) as requesting, min(r.providing) as providing,
                   (array_agg(r.event_id order by r.event_id desc))[1:20] as events, (array_agg(r.year order by r.event_id desc))[1:20] as years
            from records r
            where r.type = 'delivery.ended' and r.at >= @From - interval '93 days' and r.at < @To and {Mine}
            group by 1, 2)
        select * from (
            select d.events[1] as key, d.last_at as at, d.exchange_id, d.requesting, d.providing, d.events, d.years, d.volume as amount, usual.median as usual, d.day::text as what
            from days d
            cross join lateral (
                select percentile_cont(0.5) within group (order by o.volume) as median, count(*) as days from days o where o.exchange_id = d.exchange_id and o.day < d.day) usual
            where d.last_at >= @From and d.volume >= @VolumeBytes and usual.days >= @VolumeDays and d.volume > @VolumeTimes * usual.median) found
        {Page}
        """;

    public const string BulkOutsideHours = $"""
        select * from (
            select r.event_id as key, r.at, r.exchange_id, r.requesting, r.providing, array[r.event_id] as events, array[r.year] as years,
                   coalesce(r.records, 0) as amount, coalesce(r.bytes, 0)::float8 as usual, to_char(l.there, 'YYYY-MM-DD HH24:MI') as what
            from records r
            cross join lateral (select r.at at time zone 'Asia/Shanghai' as there) l
            where r.type = 'delivery.ended' and r.at >= @From and r.at < @To and (r.records >= @BulkRecords or r.bytes >= @BulkBytes) and {Mine}
              and (extract(hour from l.there) < @OpensAt or extract(hour from l.there) >= @ClosesAt or l.there::date = any(@Off::date[])
                   or (extract(isodow from l.there) > 5 and l.there::date <> all(@Work::date[])))) found
        {Page}
        """;

    // A record counts identical refusals of a minute. The burst is found once, where it crosses the limit.
    public const string RefusalBurst = $"""
        select * from (
            select b.event_id as key, b.at, null::uuid as exchange_id, b.requesting, null::text as providing, b.events[greatest(1, cardinality(b.events) - 19):] as events, b.years[greatest(1, cardinality(b.years) - 19):] as years,
                   b.total::bigint as amount, b.rule as what
            from (
                select r.event_id, r.at, r.requesting, r.rule, r.n, sum(r.n) over hour as total, array_agg(r.event_id) over hour as events, array_agg(r.year) over hour as years
                from (
                    select event_id, year, at, requesting, details ->> 'rule' as rule, coalesce((details ->> 'count')::bigint, 1) as n
                    from records
                    where type = 'refusal' and requesting is not null and at >= @From - interval '1 hour' and at < @To
                      and (@All or source = @OwnCity or details ->> 'city' = @OwnCity) and (@department::text is null or requesting = @department)) r
                window hour as (partition by r.requesting, r.rule order by r.at range between interval '1 hour' preceding and current row)) b
            where b.at >= @From and b.total >= @BurstRefusals and b.total - b.n < @BurstRefusals) found
        {Page}
        """;

    // Judged by where the delivery was opened: one that was under way when its grant ended is the stream's matter, and ends as aborted.
    public const string UseAfterEnd = $"""
        select * from (
            select r.event_id as key, r.at, r.exchange_id, r.requesting, r.providing,
                   case when over.after then array[r.event_id, s.event_id] else array[r.event_id, u.event_id] end as events,
                   case when over.after then array[r.year, s.year] else array[r.year, u.year] end as years,
                   case when over.after then s.type else 'use_until ' || u.day end as what
            from records r
            cross join lateral (
                select coalesce(o.year, r.year) as year, coalesce(o.idx, r.idx) as idx, coalesce(o.at, r.at) as at
                from (select) one left join records o on o.delivery_id = r.delivery_id and o.type = 'delivery.opened' and o.source = r.source
                order by 1, 2 limit 1) opened
            left join lateral (
                select s.event_id, s.year, s.type from records s
                where s.exchange_id = r.exchange_id and s.source = r.source and (s.year, s.idx) < (opened.year, opened.idx)
                  and s.type in ('grant.activated', 'grant.resumed', 'grant.suspended', 'grant.ended', 'grant.terminated', 'disposal.recorded', 'exchange.archived')
                order by s.year desc, s.idx desc limit 1) s on true
            left join lateral (
                select u.event_id, u.year, u.details ->> 'use_until' as day from records u
                where u.exchange_id = r.exchange_id and u.source = r.source and (u.year, u.idx) < (opened.year, opened.idx) and jsonb_exists(u.details, 'use_until')
                order by u.year desc, u.idx desc limit 1) u on true
            cross join lateral (select coalesce(s.type not in ('grant.activated', 'grant.resumed'), false) as after, coalesce(to_char(opened.at at time zone 'Asia/Shanghai', 'YYYY-MM-DD') > u.day, false) as expired) over
            where r.type = 'delivery.ended' and r.result = 'complete' and r.at >= @From and r.at < @To and (over.after or over.expired) and {Mine}) found
        {Page}
        """;

    // The city's own word that a clock ran out, and a reply that came after the date its own records gave, in case that word was never said.
    public const string LateAnswer = $"""
        select * from (
            select r.event_id as key, r.at, r.exchange_id, r.requesting, r.providing, array[r.event_id] as events, array[r.year] as years,
                   concat_ws(' ', r.details ->> 'clock', coalesce(r.details ->> 'due', r.details ->> 'reply_due')) as what
            from records r
            where r.type = 'clock.breached' and r.at >= @From and r.at < @To
              and (@All or r.source = @OwnCity or exists (select from exchanges x where x.exchange_id = r.exchange_id and @OwnCity = any(x.sources)))
              and (@department::text is null or r.requesting = @department or r.providing = @department)
            union all
            select r.event_id, r.at, r.exchange_id, r.requesting, r.providing, array[r.event_id, due.event_id], array[r.year, due.year], 'reply ' || due.day
            from records r
            cross join lateral (
                select d.event_id, d.year, d.details ->> 'reply_due' as day from records d
                where d.exchange_id = r.exchange_id and d.source = r.source and (d.year, d.idx) < (r.year, r.idx) and jsonb_exists(d.details, 'reply_due')
                order by d.year desc, d.idx desc limit 1) due
            where r.type = 'reply.signed_off' and r.at >= @From and r.at < @To and to_char(r.at at time zone 'Asia/Shanghai', 'YYYY-MM-DD') > due.day and {Mine}
              and not exists (select from records b where b.exchange_id = r.exchange_id and b.type = 'clock.breached' and b.details ->> 'clock' = 'reply')) found
        {Page}
        """;

    // Found on the day it becomes true.
    public const string UnusedGrant = $"""
        select * from (
            select r.event_id as key, r.at + make_interval(days => @UnusedDays) as at, r.exchange_id, r.requesting, r.providing, array[r.event_id] as events, array[r.year] as years, @UnusedDays::bigint as amount
            from records r
            where r.type = 'grant.activated' and r.at >= @From - make_interval(days => @UnusedDays) and r.at < @To - make_interval(days => @UnusedDays) and {Mine}
              and not exists (
                select from records d
                where d.exchange_id = r.exchange_id and (d.year, d.idx) > (r.year, r.idx) and d.at < r.at + make_interval(days => @UnusedDays)
                  and d.type in ('delivery.opened', 'delivery.ended', 'grant.suspended', 'grant.ended', 'grant.terminated', 'disposal.recorded'))) found
        {Page}
        """;

    // Once per exchange and purpose, at the first record that names it in the period.
    public const string PurposeDiffers = $"""
        select * from (
            select distinct on (r.exchange_id, r.purpose) r.event_id as key, r.at, r.exchange_id, r.requesting, r.providing,
                   array[r.event_id, a.event_id] as events, array[r.year, a.year] as years, r.purpose as what, a.purpose as agreed
            from records r
            cross join lateral (
                select a.event_id, a.year, a.purpose from records a
                where a.exchange_id = r.exchange_id and (a.year, a.idx) < (r.year, r.idx) and a.purpose is not null
                  and (a.type in ('reply.signed_off', 'grant.activated') or (a.type = 'change.signed_off' and coalesce(a.details ->> 'change', '') <> 'refused'))
                order by a.year desc, a.idx desc limit 1) a
            where r.type in ('delivery.ended', 'change.asked', 'change.received') and r.purpose <> a.purpose and r.at >= @From and r.at < @To and {Mine}
            order by r.exchange_id, r.purpose, r.year, r.idx) found
        {Page}
        """;
}
