-- What the witnesses answered. The first line dates the tree; the newest shows that the witness still sees no larger one.

create table cosignatures (
    year      int not null,
    size      bigint not null,
    witness   text not null,
    line      text not null,
    newest    text not null,
    first_at  timestamptz not null default clock_timestamp(),
    newest_at timestamptz not null default clock_timestamp(),
    primary key (year, size, witness),
    foreign key (year, size) references checkpoints
);
create index cosignatures_of_witness on cosignatures (year, witness, size desc);    -- how far a witness has come

revoke delete, truncate on cosignatures from {{app}};
