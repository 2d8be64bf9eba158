-- Imports over HTTP (decisions 99 to 103): who began a run, how far it is, and its file, so that any server goes on.

alter table import_run
add column user_id integer not null default 0,
-- What the run may do at most; null for all that its user may do.
add column permissions text[],
-- When its state began, and when it last went on.
add column since timestamptz,
add column updated_at timestamptz,
-- The rows of the file; 0 until all were looked at.
add column total bigint not null default 0;

update import_run set since = created_at, updated_at = created_at;

alter table import_run
alter column since set not null,
alter column updated_at set not null;

create index import_run_user on import_run (user_id, id);
create index import_run_active on import_run (id) where state in ('checking', 'writing');

-- The file of a run, in pieces; it is deleted with the end of the run.
create table import_file (
    run uuid not null references import_run on delete cascade,
    number integer not null,
    content bytea not null,
    primary key (run, number)
);

-- Workbooks are compressed already, and compressing takes longer than storing the others as they are.
alter table import_file alter column content set storage external;
