-- The data authority's desk: entries that are given back in review, and the list of what runs by its last day.
alter table dataset_history drop constraint dataset_history_event_check;
alter table dataset_history add constraint dataset_history_event_check
    check (event in ('drafted', 'revised', 'imported', 'assessed', 'approved', 'submitted', 'published', 'returned', 'withdrawn', 'rows_loaded', 'standing_sign_off_given', 'file_stored', 'file_removed',
                     'service_described', 'service_removed'));

create index clocks_running on clocks (due_on, subject, clock) where stopped_at is null;   -- GET /authority/clocks
