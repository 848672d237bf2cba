-- The last good OpenAPI document of each service.
create table api_documents (
    part       text primary key,
    document   text not null,
    fetched_at timestamptz not null default clock_timestamp()
);
