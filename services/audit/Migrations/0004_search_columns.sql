-- What searches, pairing and flags ask for beyond 0001; derived from the leaves like the rest.

alter table records
    add column purpose text,
    add column approval text,
    add column records bigint,              -- how many data records a delivery carried
    add column details jsonb;

update records r
set purpose = e ->> 'purpose', approval = e ->> 'approval', records = (e ->> 'records')::bigint, details = e -> 'details'
from (select year, idx, convert_from(bytes, 'UTF8')::jsonb -> 'event' as e from leaves) l
where l.year = r.year and l.idx = r.idx;
