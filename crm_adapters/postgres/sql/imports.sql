-- The statements of runs of imports, by name.

-- name: import_columns
-- Part of the statements that return runs.
id, resource, file, options::text, digest, fingerprint, created_at, user_id, permissions, state, since, updated_at, total,
"row", header::text, report::text, undo::text

-- name: create_import
insert into import_run (
    id, resource, file, options, digest, fingerprint, bars, created_at, user_id, permissions, state, since, updated_at,
    total, "row", header, report, undo
)
values (
    %(id)s::uuid, %(resource)s::text, %(file)s::text, %(options)s::jsonb, %(digest)s::bytea, %(fingerprint)s::bytea,
    %(bars)s::boolean, %(created_at)s::timestamptz, %(user)s::integer, %(permissions)s::text[], %(state)s::text,
    %(since)s::timestamptz, %(updated_at)s::timestamptz, %(total)s::bigint, %(row)s::bigint, %(header)s::jsonb,
    %(report)s::jsonb, %(undo)s::jsonb
)
on conflict (fingerprint) where bars do nothing
returning id

-- name: unbar_import
-- A run that is undone may be done once more.
update import_run set bars = false where id = %(id)s::uuid

-- name: barring_import
select {columns} from import_run where fingerprint = %(fingerprint)s::bytea and bars

-- name: import_run
select {columns} from import_run where id = %(id)s::uuid

-- name: latest_imports
select {columns} from import_run
where (%(user)s::integer is null or user_id = %(user)s::integer) and (%(before)s::uuid is null or id < %(before)s::uuid)
order by id desc limit %(limit)s::bigint

-- name: claim_import
update import_run set claim = %(claim)s::uuid, claimed_until = now() + make_interval(secs => %(seconds)s::float8)
where
    id = %(id)s::uuid and state in ('checking', 'writing')
    and (claimed_until is null or claimed_until <= now())
returning {columns}

-- name: claim_next_import
update import_run set claim = %(claim)s::uuid, claimed_until = now() + make_interval(secs => %(seconds)s::float8)
where id = (
    select id from import_run
    where
        state in ('checking', 'writing') and (claimed_until is null or claimed_until <= now())
        and (undo ->> 'is_queued' = 'true' or exists (select from import_file where run = import_run.id))
    order by id limit 1
    for update skip locked
)
returning {columns}

-- name: renew_import
update import_run set claimed_until = now() + make_interval(secs => %(seconds)s::float8)
where id = %(id)s::uuid and claim = %(claim)s::uuid

-- name: release_import
update import_run set claim = null, claimed_until = null where id = %(id)s::uuid and claim = %(claim)s::uuid

-- name: save_import
update import_run
set
    state = %(state)s::text, since = %(since)s::timestamptz, updated_at = %(updated_at)s::timestamptz,
    total = %(total)s::bigint, "row" = %(row)s::bigint, header = %(header)s::jsonb, report = %(report)s::jsonb,
    undo = %(undo)s::jsonb, bars = bars and %(bars)s::boolean, claimed_until = now() + make_interval(secs => %(seconds)s::float8)
where
    id = %(id)s::uuid and claim = %(claim)s::uuid and state in ('checking', 'writing')
    and %(after)s::bigint in (-1, "row")
returning id

-- name: cancel_import
with gone as (delete from import_file where run = %(id)s::uuid)
update import_run set state = 'cancelled', since = now(), bars = bars and "row" > 0 and undo is null
where id = %(id)s::uuid and state in ('checking', 'writing')
returning id

-- name: forget_refused_rows
delete from import_refused_row where run = %(id)s::uuid

-- name: forget_old_imports
-- Forget the refused rows of earlier runs, and cancel those with a stored file, which nobody has carried out.
with
    refused as (delete from import_refused_row using import_run where run = id and created_at < %(before)s::timestamptz),
    gone as (delete from import_file using import_run where run = id and created_at < %(before)s::timestamptz returning run)
update import_run set state = 'cancelled', since = now(), bars = bars and "row" > 0 where id in (select run from gone)

-- name: keep_import_file
insert into import_file (run, number, content) values (%(id)s::uuid, %(number)s::integer, %(content)s::bytea)

-- name: import_file
select content from import_file where run = %(id)s::uuid and number = %(number)s::integer

-- name: forget_import_file
delete from import_file where run = %(id)s::uuid

-- name: forget_texts_in_refused_rows
delete from import_refused_row using unnest(%(texts)s::text[]) as sought (text)
where position(lower(text) in lower(cells::text)) > 0 or position(lower(text) in lower(problems::text)) > 0

-- name: imports_with_texts
select {columns} from import_run
where exists (
    select from unnest(%(texts)s::text[]) as sought (text)
    where position(lower(text) in lower(report::text)) > 0 or position(lower(text) in lower(file)) > 0
)

-- name: rewrite_import
update import_run set file = %(file)s::text, report = %(report)s::jsonb where id = %(id)s::uuid

-- name: keep_refused_rows
insert into import_refused_row (run, "row", problems, cells)
select %(id)s::uuid, new.*
from unnest(%(rows)s::bigint[], %(problems)s::text[]::jsonb[], %(cells)s::text[]::jsonb[]) as new ("row", problems, cells)
on conflict (run, "row") do update set problems = excluded.problems, cells = excluded.cells

-- name: refused_rows
select "row", problems::text, cells::text
from import_refused_row where run = %(id)s::uuid and "row" > %(after)s::bigint
order by "row" limit %(limit)s::bigint
