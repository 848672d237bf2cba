-- The log, one per year. Leaves, events, records, checkpoints and keys are only ever added: the running role can do nothing else to them.
-- That is hygiene; the proof that nothing was altered is in the checkpoints others hold.

create table logs (                            -- the head; the one writer's, compared and swapped on size
    year        int primary key,
    size        bigint not null check (size >= 0),
    edge        bytea not null,                -- roots of the full subtrees, largest first
    received_at timestamptz not null           -- of the newest leaf; never goes back
);

create table leaves (
    year  int not null references logs,
    idx   bigint not null check (idx >= 0),
    hash  bytea not null check (octet_length(hash) = 32),
    bytes bytea not null check (octet_length(bytes) between 1 and 65535),   -- an entry bundle counts a leaf in 16 bits
    primary key (year, idx)
);

create table events (                          -- the inbox: one event id, one leaf
    event_id uuid primary key,
    year     int not null,
    idx      bigint not null,
    digest   bytea not null check (octet_length(digest) = 32),              -- SHA-256 of the source's bytes
    foreign key (year, idx) references leaves
);

create table conflicts (                       -- another content under a known id: the leaf that tells it
    event_id uuid not null references events,
    digest   bytea not null check (octet_length(digest) = 32),
    year     int not null,
    idx      bigint not null,
    primary key (event_id, digest),
    foreign key (year, idx) references leaves
);

create table tiles (                           -- hash tiles of tlog-tiles; a narrower partial tile is a prefix of the row
    year  int not null references logs,
    level int not null check (level between 0 and 7),
    idx   bigint not null,
    bytes bytea not null check (octet_length(bytes) between 32 and 8192 and octet_length(bytes) % 32 = 0),
    primary key (year, level, idx)
);

create table checkpoints (                     -- one signed note per size, stored before anybody sees it
    year      int not null references logs,
    size      bigint not null,
    root      bytea not null check (octet_length(root) = 32),
    note      text not null,
    signed_at timestamptz not null,
    primary key (year, size)
);

create table log_keys (                        -- public halves; a start without the private ones is refused
    name       text primary key,
    public_key bytea not null,
    created_at timestamptz not null default clock_timestamp()
);

create table records (                         -- search; derived from the leaves and not covered by their proofs
    year            int not null,
    idx             bigint not null,
    event_id        uuid not null,
    type            text not null,
    exchange_id     uuid,
    source          text not null,
    seq             bigint,                    -- null for the log's own leaves
    prev            bytea,
    at              timestamptz not null,
    received_at     timestamptz not null,
    requesting      text,
    providing       text,
    service         text,
    service_version bigint,
    result          text,
    bytes           bigint,
    delivery_id     uuid,
    sha256          text,
    primary key (year, idx),
    foreign key (year, idx) references leaves
);
create index records_of_exchange on records (exchange_id, year, idx) where exchange_id is not null;    -- one exchange's timeline
create index records_of_source on records (source, seq) where seq is not null;                         -- missing sequence numbers
create index records_of_delivery on records (delivery_id) where delivery_id is not null;               -- the reports about one delivery

create table exchanges (                       -- one row per exchange, kept by the recorder from its records
    exchange_id     uuid primary key,
    requesting      text,
    providing       text,
    service         text,
    service_version bigint,
    sources         text[] not null,           -- who has reported
    first_at        timestamptz not null,
    last_at         timestamptz not null,
    last_type       text not null,
    last_result     text,
    leaves          bigint not null
);
create index exchanges_of_requesting on exchanges (requesting, exchange_id desc);
create index exchanges_of_providing on exchanges (providing, exchange_id desc);

revoke update, delete, truncate on leaves, events, conflicts, checkpoints, log_keys, records from {{app}};
revoke delete, truncate on logs, tiles, exchanges from {{app}};
