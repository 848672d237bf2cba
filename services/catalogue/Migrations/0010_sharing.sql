-- The sharing process of both sides, what was granted and what was delivered.

create table known_datasets (                    -- everyone's catalogue as this city heard of it, so that a request can be checked before it leaves
    dataset_id uuid primary key,
    city       text not null,
    version    int not null,
    withdrawn  boolean not null,
    entry      text not null                     -- the newest entry, kept when it is withdrawn: names stay readable
);

create table sharing_requests (
    exchange_id              uuid not null,
    side                     text not null check (side in ('asking', 'owning')),
    state                    text not null check (state in ('draft', 'signed_off', 'submitted', 'under_review', 'supplement_asked', 'decided', 'approved',
                                                            'refused', 'active', 'suspended', 'terminated', 'ended', 'disposed', 'archived', 'withdrawn')),
    version                  int not null,       -- every change is guarded by the one before it
    asking_city              text not null,
    asking_department        text not null,
    asking_department_name   text not null,
    owning_city              text not null,
    owning_department        text,
    dataset_id               uuid not null,
    dataset_version          int not null,
    dataset_name             text not null,
    sharing_class            text,
    legal_basis              text not null,      -- art. 20: basis, scenario, scope, method, fields, term
    scenario                 text not null,
    scope                    text not null,
    method                   text not null,
    fields                   text[] not null,
    use_until                date not null,
    reference                text,               -- given by the owning city; null before it acknowledged
    drafted_by               text,
    signed_off_by            text,
    submitted_at             timestamptz,
    received_at              timestamptz,
    reply_due                date,
    reply_due_provisional    boolean,
    delivery_due             date,
    delivery_due_provisional boolean,
    proposed_by              text,
    proposal                 jsonb,
    reply                    jsonb,
    grant_terms              jsonb,
    end_reason               text,
    pending                  text,               -- an act of the asking city that the owning city has not answered yet; on its mirror only
    created_at               timestamptz not null,
    changed_at               timestamptz not null,
    primary key (exchange_id, side)
);
-- On both sides when a city asks itself.
create unique index sharing_requests_by_reference on sharing_requests (reference, side);
create index sharing_requests_of_a_department on sharing_requests (side, asking_department, exchange_id);
create index sharing_requests_to_answer on sharing_requests (side, owning_department, exchange_id);

create table sharing_history (                   -- one row per applied event
    exchange_id uuid not null,
    side        text not null,
    version     int not null,
    event       text not null,
    state       text not null,
    at          timestamptz not null,
    by_subject  text,                            -- null when a message, a clock or a standing sign-off did it
    by_name     text,
    audit_event uuid,
    position    bigint generated always as identity,
    primary key (exchange_id, side, position)
);

create table early_withdrawals (                 -- a withdrawal that overtook its request waits here for it
    exchange_id uuid primary key,
    asking_city text not null,
    reason      text not null
);

create table reference_numbers (
    year int primary key,
    last int not null
);

create table sharing_clocks (                    -- legal clocks (arts. 21, 22); the term of use is the grant's own date
    exchange_id uuid not null,
    clock       text not null check (clock in ('reply', 'delivery')),
    for_version int not null,                    -- a timer for an older version does nothing
    due_on      date not null,
    provisional boolean not null,
    started_at  timestamptz not null,
    stopped_at  timestamptz,
    primary key (exchange_id, clock, for_version)
);

create table grants (
    exchange_id       uuid primary key,
    asking_city       text not null,
    asking_department text not null,
    owning_department text not null,
    dataset_id        uuid not null,
    dataset_version   int not null,
    fields            text[] not null,
    state             text not null check (state in ('issued', 'active', 'suspended', 'ended')),
    valid_from        date not null,
    valid_until       date not null,
    issued_at         timestamptz not null,
    changed_at        timestamptz not null,
    end_reason        text
);
create index grants_of_a_dataset on grants (dataset_id) where state in ('issued', 'active', 'suspended');
create index grants_that_run_out on grants (valid_until) where state in ('issued', 'active', 'suspended');

create table deliveries (                        -- one transfer under a grant: opened before the first byte, ended with what was sent
    delivery_id uuid primary key,
    exchange_id uuid not null references grants,
    subject     text not null,
    form        text not null,
    opened_at   timestamptz not null,
    seen_at     timestamptz not null default clock_timestamp(),   -- while it runs: the process that sends it is alive
    ended_at    timestamptz,
    outcome     text check (outcome in ('complete', 'aborted', 'failed')),
    rows        bigint,
    bytes       bigint,
    sha256      text,
    check ((ended_at is null) = (outcome is null))
);
create index deliveries_of_a_grant on deliveries (exchange_id, opened_at);
create index deliveries_running on deliveries (seen_at) where ended_at is null;
