-- A key that was replaced has an end; a year that was retired keeps its checkpoints and the top of its tree.

alter table log_keys add column ends_at timestamptz;
grant update (ends_at) on log_keys to {{app}};

alter table logs add column retired_at timestamptz;

create table holds (                           -- why a year must not be retired, whatever its age
    hold_id     uuid primary key,
    year        int not null,
    reason      text not null,
    placed_by   text not null,
    placed_at   timestamptz not null,
    released_by text,
    released_at timestamptz
);
create index holds_of_year on holds (year) where released_at is null;

create table retirements (                     -- two persons: an operator and an auditor
    year         int primary key references logs,
    ground       text not null,
    asked_by     text not null,
    asked_at     timestamptz not null,
    confirmed_by text,
    confirmed_at timestamptz
);

-- What keeps a year from being retired: it is open, too young, held, or an exchange with a leaf in it still runs or is kept.
create function why_not_retired(which int, today timestamptz, keep_years int) returns table (reason text, exchanges bigint) language sql stable as $$
    select 'open', null::bigint where not exists (select from logs where year > which)
    union all
    select 'too_young', null where make_timestamptz(which + 1 + keep_years, 1, 1, 0, 0, 0, 'UTC') > today
    union all
    select 'held', null where exists (select from holds where year = which and released_at is null)
    union all
    select 'exchanges_kept', count(*) from (
        select distinct r.exchange_id from records r where r.year = which and r.exchange_id is not null) x
    join exchanges e using (exchange_id)
    where e.last_at > today - make_interval(years => keep_years)
       or not exists (
            select from records a
            where a.exchange_id = x.exchange_id and a.type = 'exchange.archived' and (a.details ->> 'retain_until')::date < (today at time zone 'Asia/Shanghai')::date)
          and coalesce(e.last_result, '') not in ('signed_off', 'refused', 'withdrawn')   -- never came to a service, and is as old
    having count(*) > 0
$$;

-- The one way in which leaves ever go. The running role cannot delete them; this can, after two different persons agreed and nothing keeps the year.
create function retire_year(which int, today timestamptz, keep_years int) returns int language plpgsql security definer set search_path = service, pg_temp as $$
declare
    highest int;
begin
    if not exists (select from retirements where year = which and confirmed_by is not null and confirmed_by <> asked_by) then
        raise exception 'the retirement of % was not confirmed by a second person', which;
    end if;
    if keep_years < 3 or exists (select from why_not_retired(which, today, keep_years)) then
        raise exception 'something keeps the log of %', which;
    end if;
    delete from conflicts where year = which;
    delete from events where year = which;
    delete from records where year = which;
    delete from leaves where year = which;
    select max(level) into highest from tiles where year = which;
    delete from tiles where year = which and level < highest;
    delete from cosignatures where year = which and size < (select max(size) from checkpoints where year = which);
    delete from checkpoints where year = which and size < (select max(size) from checkpoints where year = which);
    delete from late_records where year = which;
    delete from deliveries_seen d where not exists (select from records r where r.delivery_id = d.delivery_id);
    delete from decisions_seen d where not exists (select from records r where r.exchange_id = d.exchange_id);
    delete from exchanges x where not exists (select from records r where r.exchange_id = x.exchange_id);
    update logs set retired_at = today where year = which;
    return highest;
end $$;
revoke execute on function retire_year(int, timestamptz, int) from public;
grant execute on function retire_year(int, timestamptz, int) to {{app}};
