-- How far the log has taken up each source's records without a gap; told to the source.

create table taken_up (
    source text primary key,
    seq    bigint not null,
    digest bytea not null check (octet_length(digest) = 32)   -- of that record: the next one names it
);
insert into taken_up (source, seq, digest)
select distinct on (r.source) r.source, r.seq, e.digest
from records r
join events e on e.event_id = r.event_id
join (
    select source, max(seq) as seq
    from (select source, seq, row_number() over (partition by source order by seq) as place from (select distinct source, seq from records where seq is not null) numbers) numbered
    where seq = place
    group by source) whole on whole.source = r.source and whole.seq = r.seq
order by r.source, r.year desc, r.idx desc;
