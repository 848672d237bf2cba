-- The cross-city catalogue as the cities published it.

create table catalogue (                      -- one row; its lock makes numbers follow the order of commits
    one    boolean primary key default true check (one),
    epoch  uuid not null default gen_random_uuid(),
    change bigint not null default 0
);
insert into catalogue default values;

create table datasets (                       -- newest version per entry; what was withdrawn stays as a tombstone
    dataset_id  uuid primary key,
    city        text not null,
    version     int not null,
    tombstone   boolean not null,
    entry       text,                         -- JSON of the entry, handed out byte for byte; null for a tombstone
    row_hash    bigint,                       -- as in the city's feed; null when a full pull no longer found the entry there
    city_epoch  uuid not null,
    city_change bigint not null,              -- number of this change in the city's feed
    change      bigint not null,              -- number in ours: gap-free as given, newest per entry as kept
    check (tombstone or entry is not null)
);
create unique index datasets_in_order on datasets (change);
create index datasets_of_city on datasets (city);

create table city_feeds (                     -- how far each city is applied, and how we know
    city           text primary key,
    epoch          uuid not null,
    change         bigint not null,           -- every change up to this one is applied
    as_of          timestamptz,               -- of the newest digest that was wholly applied
    digest_at      timestamptz,               -- of the newest digest at all
    digest_change  bigint not null default 0,
    rebuilding     boolean not null default false,
    rebuild_wanted boolean not null default false
);
