-- Files of published file entries, every version of each; and what a delivery sent beside its form.

create table dataset_files (
    dataset_id    uuid not null references datasets,
    name          text not null,                -- as its department named it; what lies on the disk is named by stored_as alone
    file_version  int not null,                 -- counts up per name; a number is never given again
    entry_version int not null,                 -- entry version under which it was handed in
    format        text not null,                -- the entry's format then, which its content was checked against
    fields        text[] not null,              -- the entry's data items then: a grant opens it when it has them all, since a file is not cut
    stored_as     uuid not null unique,
    bytes         bigint not null check (bytes > 0),
    sha256        text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    stored_at     timestamptz not null,
    stored_by     text not null,
    stored_by_name text not null,
    removed_at    timestamptz,                  -- gone for everyone; the row stays as a record
    removed_by    text,
    primary key (dataset_id, name, file_version),
    check ((removed_at is null) = (removed_by is null))
);

alter table dataset_history drop constraint dataset_history_event_check;
alter table dataset_history add constraint dataset_history_event_check
    check (event in ('drafted', 'revised', 'imported', 'assessed', 'approved', 'submitted', 'published', 'withdrawn', 'rows_loaded', 'standing_sign_off_given', 'file_stored', 'file_removed'));

alter table deliveries
    add column facts     jsonb,                 -- of a file: version, digest of the whole, range
    add column file_name text;
