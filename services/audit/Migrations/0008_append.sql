-- Appending is three COPYs. That events and records belong to a leaf is what the writer's one transaction makes true and what the verifier and the check recompute;
-- a foreign key asked it again of every row and was a third of the append's work.

alter table leaves drop constraint leaves_year_fkey;
alter table events drop constraint events_year_idx_fkey;
alter table records drop constraint records_year_idx_fkey;
