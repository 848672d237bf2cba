-- Changes since a cursor: what tells the rows of a table apart, and what a replaced table needs to be compared with the one in its place.

alter table dataset_rows add column key text[] check (key <> '{}');   -- data items of the entry that name a row; null: it has none

alter table retired_row_tables                  -- null in rows of before: nobody has a cursor to them
    add column dataset_id uuid,
    add column version    int,
    add column fields     jsonb,
    add column key        text[],
    add column row_count  bigint,
    add column sha256     text,
    add column loaded_at  timestamptz;
create index retired_row_tables_of_a_dataset on retired_row_tables (dataset_id);

create index deliveries_of_changes on deliveries (exchange_id, opened_at) where form = 'changes';

-- Replaced tables at which a receiver with a running grant may stand: what it was last sent, and what it acknowledged before. Dropped once it acknowledged something newer, or with time.
create view compared_row_tables as
select r.table_name, r.retired_at
from retired_row_tables r
where exists (
    select from grants g join deliveries d using (exchange_id)
    where g.dataset_id = r.dataset_id and g.state in ('issued', 'active', 'suspended')
      and d.form = 'changes' and d.outcome = 'complete' and 'rows_' || (d.facts ->> 'state') = r.table_name
      and not exists (
        select from deliveries later
        where later.exchange_id = d.exchange_id and later.form = 'changes' and later.opened_at > d.opened_at
          and later.received_sha256 = later.sha256));
