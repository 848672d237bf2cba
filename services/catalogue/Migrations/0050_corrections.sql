-- Errors found in received data (校核, art. 26), each department's rules for it, and the catalogue's own duties (art. 17).

create table corrections (                       -- on both sides; the owning city's row is the one that counts
    correction_id     uuid not null,
    side              text not null check (side in ('asking', 'owning')),
    state             text not null check (state in ('filed', 'received', 'answered')),
    version           int not null,              -- every change is guarded by the one before it
    exchange_id       uuid not null,
    reference         text,
    asking_city       text not null,
    asking_department text not null,
    owning_city       text not null,
    owning_department text not null,
    dataset_id        uuid not null,
    field             text not null,
    record_key        text not null,             -- this and the next three may be personal data: they are told to the two sides only
    wrong_value       text,
    right_value       text not null,
    evidence          text not null,
    since             date,
    filed_by          text,                      -- subject; in the asking city only
    filed_at          timestamptz not null,
    due_on            date,
    due_provisional   boolean,
    result            text check (result in ('corrected', 'not_an_error')),
    explanation       text,
    error_from        date,
    error_to          date,
    told              int,                       -- to how many exchanges; in the owning city only
    answered_by       text,                      -- subject; in the owning city only
    answered_at       timestamptz,
    primary key (correction_id, side),
    check ((state = 'answered') = (result is not null)),
    check ((state = 'filed') = (due_on is null)),
    check (coalesce(result = 'corrected', false) = (error_from is not null and error_to is not null)),
    check (error_from <= error_to)
);
create index corrections_of_asking on corrections (asking_department, correction_id) where side = 'asking';
create index corrections_of_owning on corrections (owning_department, correction_id) where side = 'owning';
create index corrections_open on corrections (dataset_id) where side = 'owning' and state = 'received';

-- What was transferred: a grant may be changed afterwards. Null: a delivery of before, of the items its grant has.
alter table deliveries add column fields text[];

-- Who received a dataset since a day: told when it is corrected. Grants that ended count too.
create index grants_ever_of_a_dataset on grants (dataset_id);

alter table departments
    add column correction_rules   text,          -- 校核规则, art. 26
    add column correction_channel text;          -- where to turn to with an error

create table duty_changes (                      -- a law, State Council decision or duty changed and the entry has to follow (art. 17)
    duty_change_id       uuid primary key,
    dataset_id           uuid not null references datasets,
    what                 text not null check (what in ('law', 'state_council_decision', 'department_duty')),
    changed_on           date not null,          -- the clock counts from here
    reference            text not null,          -- the document
    stated_by            text not null,
    stated_by_name       text not null,
    stated_at            timestamptz not null,
    due_on               date not null,
    due_provisional      boolean not null,
    extension_days       int,
    extension_reason     text,
    extension_asked_by   text,
    extension_asked_at   timestamptz,
    extension_outcome    text check (extension_outcome in ('consented', 'denied')),
    extension_answer     text,
    extension_answered_by text,
    extension_answered_at timestamptz,
    met_at               timestamptz,            -- when a newer text went to review, or the entry was withdrawn
    met_version          int,
    check ((extension_days is null) = (extension_asked_by is null)),
    -- Another person consents.
    check (extension_outcome is distinct from 'consented' or extension_answered_by <> extension_asked_by)
);
create index duty_changes_of_a_dataset on duty_changes (dataset_id, duty_change_id);
