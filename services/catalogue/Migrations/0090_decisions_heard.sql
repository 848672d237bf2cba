create table decisions_heard (                   -- the owning cities' decisions that this city, as the asking one, has recorded
    exchange_id uuid not null,
    version     int not null,
    decided_at  timestamptz not null,            -- a city restored to an older dump decides a second time under the same version
    primary key (exchange_id, version, decided_at)
);
revoke update, delete, truncate on decisions_heard from {{app}};
