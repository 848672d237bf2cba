-- A city that joined later or missed news catches up: what it asked, whom it answered, and the copies that are not whole yet.

create sequence catalogue_asks minvalue 0;                    -- number of the last asking
select nextval('catalogue_asks');

alter table known_datasets add column heard_in bigint not null default 0;   -- the asking after which it was heard: what an owner's copy for a later asking does not hold is no more

create table catalogue_answers (                 -- by the owner: each asker once per interval
    city        text primary key,
    answered_at timestamptz not null             -- the database's clock
);

create table catalogue_pages (                   -- by the asker: until all pages of a copy are there
    city    text not null,
    copy    uuid not null,
    page    int not null,
    ask     bigint not null,
    message text not null,
    primary key (city, copy, page)
);
