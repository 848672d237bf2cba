-- What the cross-city catalogue shows of each dataset besides its entry: open corrections, grants, deliveries, and when its data last changed.

create table dataset_figures (                   -- only datasets that have something to show
    dataset_id       uuid primary key,
    open_corrections int not null,
    running_grants   int not null,
    grants           int not null,               -- ever
    deliveries       bigint not null,            -- opened, whatever became of them
    data_updated_at  timestamptz,
    change           bigint not null             -- of the figures' own feed; each number is given once
);
create unique index dataset_figures_in_order on dataset_figures (change);

create table figures_feed (                      -- one row; its lock makes numbers follow the order of commits
    one      boolean primary key default true check (one),
    epoch    uuid not null default gen_random_uuid(),
    change   bigint not null default 0,
    swept_at timestamptz                         -- the figures are true as of then
);
insert into figures_feed default values;

-- Datasets whose figures may have changed, and by how many deliveries: rows are only ever added, in the transaction of the change itself, and taken away by the one
-- sweep. So nothing is missed or counted twice, nobody waits for anybody, and no delivery is ever counted again.
create table figure_marks (
    position   bigint generated always as identity primary key,
    dataset_id uuid not null,
    deliveries int not null default 0
);

-- By trigger, so that no way to change a grant, a correction or rows can forget it. Whoever writes may have another search path than the service.
create function mark_deliveries() returns trigger language plpgsql set search_path from current as $$
begin
    insert into figure_marks (dataset_id, deliveries)
    select g.dataset_id, count(*) from opened o join grants g using (exchange_id) group by g.dataset_id;
    return null;
end $$;
create trigger figures_of_deliveries after insert on deliveries referencing new table as opened for each statement execute function mark_deliveries();

create function mark_figures() returns trigger language plpgsql set search_path from current as $$
begin
    if tg_op = 'DELETE' then
        insert into figure_marks (dataset_id) values (old.dataset_id);
    else
        insert into figure_marks (dataset_id) values (new.dataset_id);
    end if;
    return null;
end $$;
create trigger figures_of_grants after insert or delete or update of state on grants for each row execute function mark_figures();
create trigger figures_of_rows after insert or delete or update of loaded_at on dataset_rows for each row execute function mark_figures();
create trigger figures_of_corrections after insert or update of state on corrections for each row when (new.side = 'owning') execute function mark_figures();
-- A row that is lost is counted anew.
create trigger figures_lost after delete on dataset_figures for each row execute function mark_figures();

insert into figure_marks (dataset_id)
select dataset_id from grants
union select dataset_id from dataset_rows
union select dataset_id from corrections where side = 'owning';
