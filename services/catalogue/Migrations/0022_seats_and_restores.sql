-- Which process sends a delivery, so that the next one in its place can end what it left open; and how a city notices that its database was restored.

alter table deliveries
    add column seat    text,                     -- machine and address: one living process at a time
    add column process uuid;                     -- that process; another one in the same seat means that this one is gone

-- A database that was restored from a dump has another oid than the one it was dumped from.
create table this_database (
    one boolean primary key default true check (one),
    oid oid not null
);
insert into this_database (oid) select oid from pg_database where datname = current_database();

-- The number is the owning city's word: a mirror writes down what it is told, even if a number was given twice.
drop index sharing_requests_by_reference;
create unique index sharing_requests_by_reference on sharing_requests (reference) where side = 'owning';
