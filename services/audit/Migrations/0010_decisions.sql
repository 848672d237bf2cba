-- Decisions are matched one by one, with the request's version in the step's name: nothing is left to compare only under one version.

alter table decisions_seen drop column unequal, drop column asking_version, drop column owning_version, drop column asking_terms, drop column owning_terms;
alter table decisions_seen add column unequal boolean not null generated always as (
    asking_event is not null and owning_event is not null and asking_said is distinct from owning_said) stored;
create index decisions_with_a_fault on decisions_seen (newest_at) where asking > owning + ignored or owning > asking or unequal;
