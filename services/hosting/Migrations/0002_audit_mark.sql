-- How far the audit log has taken up this source's records, as the audit service told it.

create table audit_mark (
    one      boolean primary key default true check (one),
    taken_up bigint not null,
    told_at  timestamptz
);
-- Records sent before this was watched count as taken up; their rows may be gone.
insert into audit_mark (taken_up)
select least(c.source_seq, coalesce((select min(o.source_seq) from outbox o where o.source_seq is not null and o.sent_at is null) - 1, c.source_seq)) from outbox_counters c;

create index outbox_of_records on outbox (source_seq) where source_seq is not null;   -- the oldest record that is not taken up
