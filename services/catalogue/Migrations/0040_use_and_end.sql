-- During use and at the end (arts. 25 to 29): suspension, change of scope, consultation, dispute, disposal, archive; the clocks with their steps; notices.

alter table sharing_requests
    add column suspension   jsonb,
    add column change       jsonb,
    add column consultation jsonb,
    add column dispute      jsonb,
    add column disposal_due date,
    add column disposal_due_provisional boolean,
    add column disposal     jsonb,
    add column retain_until date,
    add column prepared     jsonb;                -- waits for a second person; in the asking city only
create index sharing_requests_to_archive on sharing_requests (changed_at) where side = 'owning' and state in ('refused', 'disposed', 'withdrawn');

-- Every legal clock of the city, whatever it is about. It steps at most once per step: the row is locked while it does.
alter table sharing_clocks rename to clocks;
alter table clocks rename column exchange_id to subject;              -- an exchange, a correction or a dataset
alter table clocks drop constraint sharing_clocks_clock_check;
alter table clocks
    add column department text,                                        -- who has to act
    add column from_day   date,                                        -- counted from here, so that a provisional date can be counted anew
    add column days       int,
    add column next_step  text check (next_step in ('reminder', 'breach', 'head', 'authority')),  -- null: nothing more to tell
    add column next_on    date,
    add column breached_on date;
update clocks c set next_step = 'breach', next_on = due_on + 1, from_day = (started_at at time zone interval '8 hours')::date,
       department = (select case when c.clock = 'disposal' then asking_department else owning_department end from sharing_requests r where r.exchange_id = c.subject and r.side = 'owning')
where stopped_at is null;
create index clocks_to_step on clocks (next_on) where stopped_at is null and next_step is not null;
create index clocks_of_a_subject on clocks (subject, clock);

create table notices (                            -- what people of a department are told
    notice_id   uuid primary key,
    position    bigint generated always as identity unique,
    department  text,                             -- null: all departments of the city
    role        text not null,                    -- for whom in it
    type        text not null,
    exchange_id uuid,
    dataset_id  uuid,
    reference   text,
    details     jsonb not null,
    at          timestamptz not null
);
create index notices_of_a_department on notices (department, position);
create index notices_of_an_exchange on notices (exchange_id) where exchange_id is not null;
