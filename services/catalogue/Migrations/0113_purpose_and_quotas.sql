-- The purpose that each call must state, and what a grant and a department have used of their quotas.

alter table grants
    add column purpose     text,                -- 使用场景 as it is agreed now; null only where no request says it
    add column quota_calls bigint check (quota_calls > 0),     -- per period; null: the city's setting
    add column quota_rows  bigint check (quota_rows > 0),
    add column quota_bytes bigint check (quota_bytes > 0);

update grants g set purpose = coalesce(s.grant_terms ->> 'purpose', s.scenario) from sharing_requests s where s.exchange_id = g.exchange_id and s.side = 'owning';

alter table deliveries add column purpose_code text;            -- as the call stated it; null in deliveries of before

create table quota_use (                        -- one row per holder and period, shared by all processes of the city; a restart finds it as it was
    holder text not null,                       -- a grant, or an asking department with its city
    period timestamptz not null,                -- its beginning
    calls  bigint not null,
    rows   bigint not null,
    bytes  bigint not null,
    primary key (holder, period)
) with (fillfactor = 50);                       -- written at each commit of deliveries: updates stay in their page
