-- When a change was taken in, for those who follow the catalogue; and searches that are kept, with what each of them was told.

alter table datasets add column changed_at timestamptz not null default clock_timestamp();

create table saved_searches (
    search_id  uuid primary key,
    owner      text not null,                     -- credit code of a department, or the account of who has none
    name       text not null,
    query      text not null,                     -- JSON, as the search takes its parameters
    url        text not null,
    secret     bytea not null,                    -- signs what is sent; shown once, when the search is saved
    since      bigint not null,                   -- changes up to this one are in search_matches from the start
    created_by text not null,
    created_at timestamptz not null,
    stopped_at timestamptz,                       -- too much waited for it
    removed_at timestamptz
);
create index saved_searches_of_an_owner on saved_searches (owner, search_id) where removed_at is null;

create table search_matches (                     -- what each search was last told: a row is "this version matches", none is "does not match"
    dataset_id uuid not null,
    search_id  uuid not null references saved_searches,
    version    int not null,
    primary key (dataset_id, search_id)
);
create index search_matches_of_a_search on search_matches (search_id);

create table search_follower (                    -- one row; whoever holds its lock tells the searches, and every change up to this one is told
    one    boolean primary key default true check (one),
    epoch  uuid not null,
    change bigint not null
);
insert into search_follower (epoch, change) select epoch, change from catalogue;

create table webhook_deliveries (                 -- one change to one search, sent as it stands here
    delivery_id uuid primary key,                 -- the receiver's webhook-id, the same in every attempt
    webhook_id  uuid not null references saved_searches,
    position    bigint generated always as identity,
    type        text not null,
    dataset_id  uuid not null,
    body        text not null,
    state       text not null check (state in ('waiting', 'done', 'failed')),
    attempts    int not null default 0,
    next_try    timestamptz,                      -- by the database's clock, as is the lease
    leased_till timestamptz,
    give_up_at  timestamptz not null,
    created_at  timestamptz not null default clock_timestamp(),
    ended_at    timestamptz,
    check ((state = 'waiting') = (next_try is not null))
);
create index webhook_deliveries_in_order on webhook_deliveries (webhook_id, position) where state = 'waiting';
create index webhook_deliveries_of_a_search on webhook_deliveries (webhook_id, delivery_id);
create index webhook_deliveries_ended on webhook_deliveries (ended_at) where ended_at is not null;

create table webhook_attempts (
    delivery_id uuid not null references webhook_deliveries,
    attempt     int not null,
    at          timestamptz not null default clock_timestamp(),
    status      int,                              -- null: no answer
    error       text,
    took_ms     int not null,
    primary key (delivery_id, attempt)
);
