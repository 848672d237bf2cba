-- How old the witnesses' word is, as the log told it last; null before any were agreed on.
alter table audit_mark add column witnessed_at timestamptz;
