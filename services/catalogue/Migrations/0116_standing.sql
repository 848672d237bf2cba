-- Regular exchange: in the asking city what is pulled, when and how it goes; in the owning city what it is told of that. The copy and its position lie together in schema data, so that they change together.

create table standing_exchanges (
    exchange_id   uuid primary key,
    department    text not null,                -- whose machine identity pulls
    owning_city   text not null,
    state         text not null check (state in ('active', 'paused', 'ended', 'disposed')),
    revision      int not null default 1,       -- ETag: what persons decided
    version       bigint not null default 1,    -- of what the owning city is told; the highest counts
    every_minutes int check (every_minutes between 5 and 10080),
    daily_at      text check (daily_at ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'),   -- in Beijing
    purpose       text not null,                -- which the pulls state: the one that was agreed when it was set up or its times were changed
    set_by        text not null,
    set_by_name   text not null,
    set_at        timestamptz not null,
    next_run_at   timestamptz,                  -- null: it does not run
    up_to_date_at timestamptz,                  -- when the last pull that succeeded began
    last_pull     jsonb,
    running       jsonb,
    faults        int not null default 0,       -- in a row
    faulty_since  timestamptz,
    reason        text,                         -- why it is not going on; a word
    said          text,                         -- what the other side said to that
    check ((every_minutes is null) <> (daily_at is null)),
    check (state = 'active' or next_run_at is null)
);
create index standing_exchanges_to_run on standing_exchanges (next_run_at) where state = 'active';

create table standing_receivers (
    exchange_id uuid primary key references grants,
    version     bigint not null,
    told        jsonb not null,
    heard_at    timestamptz not null
);
