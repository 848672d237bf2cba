-- Foreign catalogues that join read-only. Their entries stand in datasets, their position and freshness in city_feeds, as a city's do.

create table harvest_sources (
    source      text primary key,
    next_run_at timestamptz not null default clock_timestamp(),
    failures    int not null default 0,       -- in a row; each doubles the wait
    fingerprint text,                         -- of the settings that the marks belong to
    marks       text,                         -- JSON: what the source's pages answered as ETag and Last-Modified in the last whole run; null: read without conditions
    confirmed   uuid[] not null default '{}'  -- entries whose removal an operator has confirmed
);

create table harvest_runs (                   -- the newest 50 of each source
    run_id     uuid primary key,
    source     text not null,
    started_at timestamptz not null,
    ended_at   timestamptz not null,
    outcome    text not null check (outcome in ('complete', 'unchanged', 'incomplete', 'held_back', 'failed')),
    rule       text,                          -- why it failed
    reason_zh  text,
    reason_en  text,
    calls      int not null,
    bytes      bigint not null,
    stated     int,                           -- entries by the source's own count
    read       int not null default 0,
    taken      int not null default 0,
    faulty     int not null default 0,        -- read and not taken
    kept       int not null default 0,        -- of those, shown as they were before
    added      int not null default 0,
    changed    int not null default 0,
    removed    int not null default 0,
    removal    uuid[] not null default '{}',  -- held back
    shown      int not null default 0,        -- in the catalogue afterwards
    fault_count int not null default 0
);
create index harvest_runs_of_source on harvest_runs (source, run_id);

create table harvest_faults (                 -- of each source's newest run that read anything
    source     text not null,
    number     int not null,
    run_id     uuid not null,
    identifier text,
    taken      boolean not null,
    field      text not null,
    rule       text not null,
    zh         text not null,
    en         text not null,
    primary key (source, number)
);
