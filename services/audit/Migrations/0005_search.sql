-- Search: each index hands its question's records over in the order of time, so that a page reads what it shows and neither sorts nor scans a month.
-- `year, idx` behind the time makes the order total: a cursor names one place in it. An append pays for every index here; there are as few as there are questions.

create index records_of_requesting on records (requesting, at, year, idx) where requesting is not null;    -- what a department asked for, in a span of time
create index records_of_providing on records (providing, at, year, idx) where providing is not null;       -- what it provided; "department" is both, merged
create index records_of_dataset on records (service, at, year, idx) where service is not null;             -- who used a dataset
create index records_by_time on records (at, year, idx);                                                   -- a span of time with no department: by city, source, type, or "complete"

-- Which exchanges rest on a legal basis. The text may be long, so its hash stands for it: eight bytes a record.
create index records_of_purpose on records (hashtextextended(purpose, 0), at, year, idx) where purpose is not null;

-- Refused, failed, aborted, every state of a request. Two of three reports of a delivery say "complete": those are most of any month and found by time.
create index records_of_result on records (result, at, year, idx) where result is not null and result <> 'complete';

-- The few records that do not name all parties themselves (a gateway's report of before, a conflict): they belong to the parties of their exchange.
create index records_lacking_parties on records (at, year, idx) where exchange_id is not null and (requesting is null or providing is null or service is null);

create table saved_queries (                   -- filters of the search that a person keeps under a name
    query_id   uuid primary key,
    owner      text not null,                  -- subject; seen by nobody else
    name       text not null check (length(name) between 1 and 100),
    filters    jsonb not null,
    version    int not null,
    created_at timestamptz not null,
    changed_at timestamptz not null,
    unique (owner, name)
);
