-- Which signs of life this source has given to the log: of several processes one writes each.

create table heartbeats (
    hour timestamptz primary key              -- clock hour, UTC
);
create table closed_days (
    day         date primary key,             -- in Beijing
    records     bigint not null,              -- as told in the record that closed it
    first_event uuid,
    last_event  uuid
);

revoke update, delete, truncate on heartbeats, closed_days from {{app}};

create table agreements_taken (               -- each trust.json this source has gone by, as told to the log
    position bigint generated always as identity primary key,
    digest   bytea not null                   -- SHA-256 of the file
);

revoke update, delete, truncate on agreements_taken from {{app}};
