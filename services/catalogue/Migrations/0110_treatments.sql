-- What a grant says about each field's treatment and about the rows, and what a delivery had of it.

alter table grants
    add column treatments jsonb check (jsonb_typeof(treatments) = 'object'),  -- field: word; a field that is not named goes plain
    add column row_filter jsonb check (jsonb_typeof(row_filter) = 'object');

alter table deliveries                          -- fields are those that left; dropped ones are not among them
    add column treatments jsonb,
    add column row_filter jsonb;

alter table standing_sign_offs
    add column treatments jsonb check (jsonb_typeof(treatments) = 'object');

create table grants_key (                       -- tells the city's key for grants from another one; the key itself is a file
    key_check  bytea primary key check (octet_length(key_check) = 32),
    created_at timestamptz not null default clock_timestamp()
);
create unique index grants_have_one_key on grants_key ((true));

revoke update, delete, truncate on grants_key from {{app}};
