-- Who publishes, what they publish, and how each entry came to be what it is.

create table departments (
    code           text primary key check (length(code) = 18),
    name           text not null unique,
    office_name    text not null,              -- 共享工作机构, art. 11
    office_contact text not null,
    revision       int not null default 1,     -- ETag
    changed_at     timestamptz not null,
    changed_by     text                        -- null: as the city's settings file has it
);

create table datasets (
    dataset_id        uuid primary key,
    department_code   text not null references departments,
    code              text unique,             -- 信息资源代码
    name              text not null,           -- of the newest version
    revision          int not null default 1,  -- ETag: counts every change of anything below
    last_version      int not null,            -- highest number given, tombstones included
    working_version   int,                     -- the version on its way to publication
    published_version int,                     -- the version that all departments see
    released_on       date,                    -- first publication, a day in Beijing
    created_at        timestamptz not null,
    check (working_version <= last_version and published_version <= last_version)
);
-- The key of the import where an entry has no code.
create unique index datasets_by_name on datasets (department_code, name) where code is null;
create index datasets_of_department on datasets (department_code, dataset_id);

create table dataset_versions (
    dataset_id       uuid not null references datasets,
    version          int not null,
    state            text not null check (state in ('draft', 'assessed', 'approved', 'in_review', 'published', 'replaced', 'withdrawn')),
    entry            jsonb not null,
    drafted_by       text not null,
    drafted_by_name  text not null,
    drafted_at       timestamptz not null,
    secrecy_result   text check (secrecy_result in ('not_secret', 'secret')),
    secrecy_note     text,
    secrecy_by       text,
    secrecy_at       timestamptz,
    personal_result  text check (personal_result in ('not_applicable', 'passed', 'failed')),
    personal_note    text,
    personal_by      text,
    personal_at      timestamptz,
    approved_by      text,
    approved_by_name text,
    approved_at      timestamptz,
    published_by     text,
    published_by_name text,
    published_at     timestamptz,
    withdrawn_by     text,
    withdrawn_at     timestamptz,
    withdrawn_reason text,
    primary key (dataset_id, version),
    -- Art. 13: nothing passes without both assessments and the approval; art. 16: nor into the catalogue without the authority.
    check (state in ('draft', 'withdrawn') or (secrecy_result = 'not_secret' and personal_result in ('not_applicable', 'passed'))),
    check (state in ('draft', 'assessed', 'withdrawn') or approved_by is not null),
    check (state not in ('published', 'replaced') or published_by is not null),
    -- Three different persons.
    check (approved_by <> drafted_by),
    check (published_by <> drafted_by and published_by <> approved_by)
);
create unique index dataset_versions_published on dataset_versions (dataset_id) where state = 'published';

create table dataset_history (
    position   bigint generated always as identity primary key,
    dataset_id uuid not null references datasets,
    version    int not null,
    event      text not null check (event in ('drafted', 'revised', 'imported', 'assessed', 'approved', 'submitted', 'published', 'withdrawn', 'rows_loaded', 'standing_sign_off_given')),
    changes    jsonb,                          -- [{field, from, to}], field by field
    note       text,
    by_subject text not null,
    by_name    text not null,
    by_role    text not null,
    at         timestamptz not null
);
create index dataset_history_of_one on dataset_history (dataset_id, position);

create table dataset_rows (                    -- the table in schema data that holds a dataset's rows now
    dataset_id uuid primary key references datasets,
    version    int not null,                   -- entry version whose fields the rows follow
    fields     jsonb not null,                 -- those fields; the n-th is column cn
    table_name text not null unique,
    row_count  bigint not null,
    bytes      bigint not null,
    sha256     text not null,                  -- of the file as it came
    loaded_at  timestamptz not null,
    loaded_by  text not null
);

create table retired_row_tables (              -- no longer pointed to; dropped when nobody can still be reading
    table_name text primary key,
    retired_at timestamptz not null default clock_timestamp()
);

create table standing_sign_offs (              -- given once per version; an automatic reply names person and date
    dataset_id    uuid not null,
    version       int not null,
    reply         text not null check (reply in ('approve', 'refuse')),
    cited_law     text,
    given_by      text not null,
    given_by_name text not null,
    given_at      timestamptz not null,
    primary key (dataset_id, version),
    foreign key (dataset_id, version) references dataset_versions,
    check ((reply = 'refuse') = (cited_law is not null))
);
