alter table decisions_heard add column audit_event uuid;   -- the record that tells of it; of what was heard before this column it is not known
