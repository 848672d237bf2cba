-- What commitments were made of, sealed: value and commitment key under a data key of the row, that key under the month's, and the month's only as a file.
-- Before the first release key and value stood here in clear. They are not carried over: an UPDATE would leave them in the table's pages, only a dropped table leaves the disk.
drop table audit_openings;

create table audit_openings (
    event_id    uuid not null,               -- UUIDv7: a month is a range of them
    name        text not null,
    month       text not null,
    wrapped_key bytea,
    sealed      bytea,
    erasure_id  uuid,                        -- of what was erased only this is left
    primary key (event_id, name),
    check ((sealed is null) = (wrapped_key is null) and (sealed is null) = (erasure_id is not null))
);

create table opening_months (
    month        text primary key check (month ~ '^[0-9]{4}-[0-9]{2}$'),
    key_check    bytea not null,             -- tells another key from this one and opens nothing
    made_at      timestamptz not null default clock_timestamp(),
    erasure_id   uuid,                       -- from here on nothing of the month is opened; its key file is about to go
    destroyed_at timestamptz                 -- file and rows are gone
);

create table opening_cases (
    case_id        uuid primary key,
    case_number    text not null,
    reason         text not null,
    asked_by       text not null,
    asked_at       timestamptz not null,
    event_ids      uuid[] not null,
    names          text[] not null,          -- empty: all fields
    until          timestamptz not null,
    state          text not null check (state in ('asked', 'approved', 'refused')),
    authority_by   text,
    authority_at   timestamptz,
    auditor_by     text,
    auditor_at     timestamptz,
    refused_by     text,
    refused_at     timestamptz,
    refusal_reason text,
    check (state <> 'approved' or (authority_by is not null and auditor_by is not null)),
    check (asked_by is distinct from authority_by and asked_by is distinct from auditor_by and (authority_by is null or authority_by is distinct from auditor_by))
);
create index opening_cases_that_hold on opening_cases (until) where state in ('asked', 'approved');    -- what an erasure may not touch

create table opening_erasures (
    erasure_id   uuid primary key,
    event_ids    uuid[] not null,            -- empty: the month
    month        text,
    names        text[] not null,
    ground       text not null,
    asked_by     text not null,
    asked_at     timestamptz not null,
    state        text not null check (state in ('asked', 'confirmed')),
    confirmed_by text check (confirmed_by is distinct from asked_by),
    confirmed_at timestamptz,
    erased       bigint,
    check ((month is null) = (cardinality(event_ids) > 0))
);

-- Looks into the log are counted as refusals are: identical ones as one with a count, until their time is over.
create table counted_acts (
    key     bytea primary key,               -- SHA-256 of the act and the time it falls in
    act     text not null,
    since   timestamptz not null,
    until   timestamptz not null,
    count   bigint not null,
    records bigint not null
);
create index counted_acts_due on counted_acts (until);

insert into counted_acts (key, act, since, until, count, records)
select sha256(convert_to(concat_ws(E'\n', subject, rule, path, since), 'UTF8')),
       jsonb_build_object('Type', 'refusal', 'Subject', subject, 'Department', department, 'Result', 'refused', 'Within', until - since, 'Openings', '{}'::jsonb,
           'Details', jsonb_strip_nulls(jsonb_build_object('rule', rule, 'by', case subject when '' then 'strangers' else 'caller' end, 'route', nullif(path, ''), 'city', city)))::text,
       since, until, count, 0
from refusals;
drop table refusals;
