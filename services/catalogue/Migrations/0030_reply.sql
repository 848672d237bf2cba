-- The reply's exceptions (art. 21): what is missing is asked for once, the clock is extended with the authority's consent; a draft is written anew (art. 20).

alter table sharing_requests
    add column revised_by      text[] not null default '{}',  -- whoever else wrote at the draft: none of them signs it
    add column supplement      jsonb,
    add column extension_asked jsonb,                          -- waits for the authority; in the owning city only
    add column extension       jsonb;

create table supplements (                                     -- what was supplied, on both sides
    exchange_id uuid not null,
    side        text not null,
    note        text not null,
    at          timestamptz not null,
    primary key (exchange_id, side)
);

alter table sharing_history add column note text;              -- why a proposal was returned or an extension asked for or denied; inside this city
