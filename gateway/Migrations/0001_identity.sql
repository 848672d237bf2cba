-- The gateway's own issuer: accounts (imported from a file), signing keys, failed attempts.

create table accounts (
    client_id   text primary key check (length(client_id) between 1 and 100),
    secret_hash text not null,
    subject     text not null,
    sub_type    text not null check (sub_type in ('person', 'client')),
    name        text not null,
    city        text,
    department  text,
    roles       text[] not null
);

create table signing_keys (                   -- ids only: the private keys are files that the database never sees
    kid        text primary key,
    signs_from timestamptz not null,          -- ten minutes after it appeared in the JWKS; the first key signs at once
    created_at timestamptz not null default clock_timestamp()
);

create table sign_in_failures (               -- by a hash of the client id, so that guessed ids cannot fill the table
    bucket       int primary key,
    failures     int not null,
    since        timestamptz not null,
    locked_until timestamptz
);
