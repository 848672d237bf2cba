-- People who are signed in at the portal, and what they have written there but not sent.

create table portal_sessions (
    key_hash   bytea primary key,             -- SHA-256 of the random key in the cookie: a copy of the table opens no session
    subject    text not null,
    ticket     bytea not null,
    started_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at   timestamptz                    -- kept for a while: a form that arrives late is kept for whoever wrote it
);
create index portal_sessions_of_subject on portal_sessions (subject);  -- log-out everywhere

create table portal_forms (
    subject text not null,
    form    text not null,                    -- the page's address, or a name that the page gives
    fields  jsonb not null,
    kept_at timestamptz not null,
    primary key (subject, form)
);
