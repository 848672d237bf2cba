-- What the cities say of their datasets besides the entries.

create table figures_position (                  -- one row; its lock makes numbers follow the order of commits
    one    boolean primary key default true check (one),
    change bigint not null default 0
);
insert into figures_position default values;

create table dataset_figures (
    dataset_id       uuid primary key,
    city             text not null,
    open_corrections int not null,
    running_grants   int not null,
    grants           int not null,
    deliveries       bigint not null,
    data_updated_at  timestamptz,
    city_change      bigint not null,            -- number in the city's feed of figures; 0: the city no longer has figures of it
    change           bigint not null             -- number in ours, by which the replicas follow
);
create unique index dataset_figures_in_order on dataset_figures (change);
create index dataset_figures_of_city on dataset_figures (city);

alter table city_feeds
    add column figures_epoch  uuid,
    add column figures_change bigint not null default 0,   -- every change up to this one is applied
    add column figures_as_of  timestamptz;                 -- null: the city has not told its figures yet
