-- Quality scores of the catalogue's entries, and their averages day by day.

create table quality_progress (               -- one row; its lock makes one writer at a time
    one      boolean primary key default true check (one),
    epoch    uuid,                            -- of the catalogue that is followed; null before the first step
    change   bigint not null default 0,       -- every change up to this one is scored
    figures  bigint not null default 0,       -- and what the cities said of their data up to this one
    rule_set int not null default 0,
    day      date,                            -- newest day of the averages; never goes back
    swept    uuid                             -- entries up to this id are scored anew for that day; null when all are
);
insert into quality_progress default values;

create table quality_scores (                 -- of what stands in the catalogue; points and maxima by dimension, in the order of the code
    dataset_id uuid primary key,
    city       text not null,
    department text not null,
    open       boolean not null,
    points     int[] not null,
    maxima     int[] not null
);

create table quality_averages (               -- sums, so that an average is exact; the newest day's rows follow the scores, older ones never change
    day             date not null,
    city            text not null,
    department      text not null,            -- credit code; '' for the whole city
    open            boolean not null,         -- of the entries that are open to society, and apart from them of the others
    department_name text not null,
    rule_set        int not null,
    entries         int not null check (entries >= 0),
    points          bigint[] not null,
    maxima          bigint[] not null,
    primary key (day, city, department, open)
);
