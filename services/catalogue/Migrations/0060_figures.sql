-- Figures about the clocks, a calendar that is loaded while the service runs, records of use (art. 29), and notices sent to departments' own systems.

create table calendar_years (                     -- over the years that came with the release
    year      int primary key,
    off       date[] not null,
    work      date[] not null,
    source    text not null,
    loaded_by text not null,
    loaded_at timestamptz not null
);

create table use_records (                        -- in the asking city; rows are added and never changed
    record_id   uuid primary key,
    exchange_id uuid not null,
    scenario    text not null,
    process     text not null,
    result      text not null,
    storage     text not null,
    destruction text,
    by_subject  text not null,
    by_name     text not null,
    at          timestamptz not null,
    audit_event uuid not null
);
create index use_records_of_an_exchange on use_records (exchange_id, record_id);
revoke update, delete on use_records from {{app}};

create table webhooks (
    webhook_id uuid primary key,
    department text not null,
    url        text not null,
    types      text[] not null,                   -- empty: all
    secret     bytea not null,                    -- signs what is sent; shown once, when the webhook is made
    created_by text not null,
    created_at timestamptz not null,
    removed_at timestamptz
);
create index webhooks_of_a_department on webhooks (department) where removed_at is null;

create table webhook_deliveries (                 -- one notice to one webhook
    delivery_id uuid primary key,                 -- the receiver's webhook-id, the same in every attempt
    webhook_id  uuid not null references webhooks,
    notice_id   uuid not null references notices,
    state       text not null check (state in ('waiting', 'done', 'failed')),
    attempts    int not null default 0,
    next_try    timestamptz,                      -- by the database's clock, as is the lease
    leased_till timestamptz,
    give_up_at  timestamptz not null,
    created_at  timestamptz not null default clock_timestamp(),
    ended_at    timestamptz,
    check ((state = 'waiting') = (next_try is not null))
);
create index webhook_deliveries_to_send on webhook_deliveries (next_try) where state = 'waiting';
create index webhook_deliveries_of_a_webhook on webhook_deliveries (webhook_id, delivery_id);

create table webhook_attempts (
    delivery_id uuid not null references webhook_deliveries,
    attempt     int not null,
    at          timestamptz not null default clock_timestamp(),
    status      int,                              -- null: no answer
    error       text,
    took_ms     int not null,
    primary key (delivery_id, attempt)
);
