-- What every service has: outbox, inbox, leases, feed, audit source, idempotency keys, refusals.

create table leases (
    name       text primary key,
    holder     uuid not null,
    token      bigint not null,              -- fencing: counts up whenever the holder changes
    expires_at timestamptz not null          -- the database's clock, never the process's
);

create table outbox (
    id                uuid primary key,       -- message id on the wire; event id of an audit record
    position          bigint generated always as identity,
    kind              text not null check (kind in ('message', 'record')),
    exchange          text not null,
    routing_key       text not null,
    type              text not null,
    content           text not null,          -- JSON as the use case wrote it
    correlation_id    uuid,
    traceparent       text,
    feed              text,                   -- set for events that the relay numbers in a change feed
    feed_key          uuid,
    feed_version      int,
    feed_tombstone    boolean,
    created_at        timestamptz not null default clock_timestamp(),
    sealed            bigint,                 -- order of sending, given by the relay after commit
    body              bytea,                  -- final bytes; from here on never anything else is sent
    source_seq        bigint,                 -- audit records: gap-free per source
    sent_at           timestamptz,
    hold_until        timestamptz,            -- returned by the broker: tried again then
    quarantined_at    timestamptz,
    quarantine_reason text,
    check (quarantined_at is null or sealed is null)
);
create index outbox_to_seal on outbox (position) where sealed is null and quarantined_at is null;
create index outbox_to_send on outbox (sealed) where sealed is not null and sent_at is null;
create index outbox_sent on outbox (sent_at) where sent_at is not null;
create index outbox_quarantined on outbox (quarantined_at) where quarantined_at is not null;

create table outbox_counters (                -- one row; the relay's, locked in its sealing transaction
    one         boolean primary key default true check (one),
    sealed      bigint not null default 0,
    source_seq  bigint not null default 0,
    source_hash bytea                         -- SHA-256 of the bytes of the last audit record
);
insert into outbox_counters default values;

create table inbox (
    message_id  uuid not null,
    consumer    text not null,
    received_at timestamptz not null default clock_timestamp(),
    primary key (message_id, consumer)
);
create index inbox_age on inbox (received_at);

create table feeds (
    feed   text primary key,
    epoch  uuid not null,
    change bigint not null
);
create table feed_entries (                   -- newest change per key: enough to bring any reader up to date
    feed      text not null references feeds,
    key       uuid not null,
    change    bigint not null,
    version   int not null,
    tombstone boolean not null,
    message   text not null,                  -- the numbered message
    type      text not null,
    row_hash  bigint not null,                -- first 64 bits of SHA-256 over key|version|tombstone
    primary key (feed, key)
);
create unique index feed_entries_in_order on feed_entries (feed, change);

create table audit_openings (                 -- erasable: without these a commitment says nothing
    event_id uuid not null,
    name     text not null,
    key      bytea not null,
    value    text not null,
    primary key (event_id, name)
);

create table idempotency_keys (
    subject      text not null,
    key          text not null,
    operation    text not null,
    body_hash    bytea not null,
    status       int not null,
    headers      jsonb not null,
    body         bytea not null,
    created_at   timestamptz not null default clock_timestamp(),
    primary key (subject, key)
);
create index idempotency_keys_age on idempotency_keys (created_at);

create table refusals (                       -- identical ones as one with a count, until their time is over
    subject    text not null,                 -- '' stands for strangers
    rule       text not null,
    path       text not null,
    since      timestamptz not null,          -- start of the minute (strangers: hour)
    until      timestamptz not null,
    count      bigint not null,
    city       text,
    department text,
    primary key (subject, rule, path, since)
);
create index refusals_due on refusals (until);
