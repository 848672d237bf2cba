-- Catalogue tables that were sent to be imported in the background. An import ends in the transaction that writes its entries: it has one effect however often it is taken up.

create table imports (
    import_id         uuid primary key,
    position          bigint generated always as identity unique, -- order of coming: a department's imports are done one after the other
    department_code   text not null references departments,
    state             text not null check (state in ('waiting', 'reading', 'writing', 'done', 'refused', 'failed')),
    content           bytea,                  -- as it came; deleted with the end
    charset           text,                   -- as Content-Type had it
    bytes             bigint not null,
    sha256            text not null,
    submitted_by      text not null,
    submitted_by_name text not null,
    submitted_at      timestamptz not null,
    started_at        timestamptz,
    ended_at          timestamptz,
    attempt           int not null default 0, -- fencing: whoever has an older number is no longer the one at work
    failures          int not null default 0, -- attempts that ended without a word or by a fault of ours
    lease_until       timestamptz,            -- the database's clock; nobody takes it up before
    rows_total        int not null default 0,
    rows_read         int not null default 0,
    entries_total     int not null default 0,
    entries_written   int not null default 0,
    faults            jsonb,                  -- refused: the first ones, in both languages
    faults_total      int,
    refused_by        text,                   -- refused by a rule as a whole: its type
    result            jsonb,
    check ((state in ('waiting', 'reading', 'writing')) = (content is not null)),
    check ((state in ('done', 'refused', 'failed')) = (ended_at is not null)),
    check ((state = 'done') = (result is not null))
);
create index imports_to_do on imports (position) where state in ('waiting', 'reading', 'writing');
create index imports_of_department on imports (department_code, position);
create index imports_ended on imports (ended_at) where ended_at is not null;
