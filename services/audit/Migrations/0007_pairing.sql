-- What completeness asks, kept by the append in its own transaction from the search rows, so that no report reads the whole log. Derived: empty the tables, set the mark back and start the service.

create table paired (                          -- up to this leaf the tables below say what the log says
    one  boolean primary key default true check (one),
    year int not null,
    idx  bigint not null
);
insert into paired (year, idx) values (0, -1);

create table deliveries_seen (                 -- one row per delivery: what each party reported
    delivery_id     uuid primary key,
    exchange_id     uuid,
    requesting      text,
    providing       text,
    city            text,                      -- the owning city, as it reported itself
    since           timestamptz not null,      -- when the log first heard of it
    opened          boolean not null,
    ended           boolean not null,
    gateway         boolean not null,
    city_result     text,
    city_bytes      bigint,
    city_sha256     text,
    gateway_result  text,
    gateway_bytes   bigint,
    gateway_sha256  text,
    receiver_result text,                      -- null before the receiver acknowledges, which it need not
    receiver_bytes  bigint,
    receiver_sha256 text,
    contradicted    boolean not null,          -- one party reported twice, and differently
    -- When one side says complete, both must say the same; two transfers that broke off may have got differently far.
    unequal         boolean not null generated always as (
        contradicted
        or (ended and gateway and ('complete' in (coalesce(city_result, ''), coalesce(gateway_result, '')))
            and (city_result is distinct from gateway_result or city_bytes is distinct from gateway_bytes or city_sha256 is distinct from gateway_sha256))
        or (receiver_result is not null
            and (receiver_result <> 'equal' or (ended and (receiver_bytes is distinct from city_bytes or receiver_sha256 is distinct from city_sha256))))) stored
);
create index deliveries_with_a_fault on deliveries_seen (delivery_id) where not opened or not ended or not gateway or unequal;

create table decisions_seen (                  -- one row per step that both cities report
    subject        uuid not null,              -- the exchange, or the correction
    step           text not null,
    exchange_id    uuid,
    requesting     text,
    providing      text,
    asking_city    text,
    owning_city    text,
    newest_at      timestamptz not null,       -- when the log last heard of it
    asking         bigint not null,            -- how often each city reported it
    owning         bigint not null,
    ignored        bigint not null,            -- acts that the owning city reports to have come too late to change anything
    asking_version bigint,
    owning_version bigint,
    asking_said    text,                       -- what must be the same on both sides
    owning_said    text,
    asking_terms   text,                       -- what must be the same when both speak of one version
    owning_terms   text,
    asking_event   uuid,
    owning_event   uuid,
    unequal        boolean not null generated always as (
        asking_event is not null and owning_event is not null
        and (asking_said is distinct from owning_said or (asking_version = owning_version and asking_terms is distinct from owning_terms))) stored,
    primary key (subject, step)
);
create index decisions_with_a_fault on decisions_seen (newest_at) where asking > owning + ignored or owning > asking or unequal;

create table sources_seen (                    -- the highest number of each source
    source text primary key,
    seq    bigint not null,
    digest bytea not null
);

create table number_faults (                   -- numbers that came twice or name another predecessor when they came; the report looks at them again
    source text not null,
    seq    bigint not null,
    primary key (source, seq)
);

create table source_days (
    source  text not null,
    day     date not null,                     -- in Beijing, by the source's time
    records bigint not null,                   -- numbered records of that day
    hours   int not null,                      -- bit h: the heartbeat of the hour h of that day
    closed  bigint,                            -- how many the source says it wrote
    primary key (source, day)
);

create table late_records (                    -- records that the log received more than a minute after they were made
    year     int not null,
    idx      bigint not null,
    source   text not null,
    day      date not null,
    event_id uuid not null,
    delay    interval not null,
    primary key (year, idx)
);
create index late_records_of_a_day on late_records (source, day, year, idx);

revoke delete, truncate on paired, deliveries_seen, decisions_seen, sources_seen, number_faults, source_days, late_records from {{app}};

create table keys_told (                       -- the log's keys of which a leaf tells
    public_key bytea primary key
);

revoke update, delete, truncate on keys_told from {{app}};
