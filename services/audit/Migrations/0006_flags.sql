-- Flags look at the few types of records they rest on, by time. Deliveries are a third of all records; the rest is rare.
create index records_for_flags on records (type, at)
where type in ('delivery.ended', 'refusal', 'clock.breached', 'reply.signed_off', 'grant.activated', 'change.asked', 'change.received');
