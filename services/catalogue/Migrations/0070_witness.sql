-- The city as a witness of the audit log: what it has cosigned. It keeps no leaf, only how far each log has grown.

create table witness_key (                     -- the public half; a start without the private one is refused
    public_key bytea primary key,
    created_at timestamptz not null default clock_timestamp()
);
create unique index witness_has_one_key on witness_key ((true));

create table witnessed (                       -- per log the largest tree that was cosigned; a smaller one or another of the same size never is
    origin       text primary key,
    size         bigint not null check (size >= 0),
    root         bytea not null check (octet_length(root) = 32),
    note         text not null,                -- empty before the first cosignature
    cosigned_at  timestamptz not null
);

create table witness_evidence (                -- checkpoints that the log signed and that contradict what was cosigned: for whoever has to explain them
    origin      text not null,
    size        bigint not null,
    root        bytea not null,
    note        text not null,
    cosigned    text not null,                 -- the note it contradicts
    seen_at     timestamptz not null,
    primary key (origin, size, root)
);

revoke delete, truncate on witnessed from {{app}};
revoke update, delete, truncate on witness_key, witness_evidence from {{app}};
