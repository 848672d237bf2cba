-- Departments' own interfaces that are called under grants: what may be called, and how it proves that the exchange calls.

create table dataset_services (
    dataset_id       uuid primary key references datasets,
    entry_version    int not null,              -- published version under which it was described
    description      jsonb not null,            -- address, operations, names that pass, limits
    credential       text,                      -- value of the header credential_name, sent with each call and shown to nobody
    credential_name  text,
    described_at     timestamptz not null,
    described_by     text not null,
    check ((credential is null) = (credential_name is null))
);

alter table dataset_history drop constraint dataset_history_event_check;
alter table dataset_history add constraint dataset_history_event_check
    check (event in ('drafted', 'revised', 'imported', 'assessed', 'approved', 'submitted', 'published', 'withdrawn', 'rows_loaded', 'standing_sign_off_given', 'file_stored', 'file_removed',
                     'service_described', 'service_removed'));
