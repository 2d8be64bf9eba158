-- The statements of runs of imports, by name.

-- name: create_import
insert into import_run (
    id, resource, file, options, digest, fingerprint, bars, state, "row", header, report, created_at, undo
)
values (
    %(id)s::uuid, %(resource)s::text, %(file)s::text, %(options)s::jsonb, %(digest)s::bytea, %(fingerprint)s::bytea,
    %(bars)s::boolean, %(state)s::text, %(row)s::bigint, %(header)s::jsonb, %(report)s::jsonb,
    %(created_at)s::timestamptz, %(undo)s::jsonb
)
on conflict (fingerprint) where bars do nothing
returning id

-- name: unbar_import
-- A run that is undone may be done once more.
update import_run set bars = false where id = %(id)s::uuid

-- name: barring_import
select
    id, resource, file, options::text, digest, fingerprint, state, "row", header::text,
    report::text, created_at, undo::text
from import_run where fingerprint = %(fingerprint)s::bytea and bars

-- name: import_run
select
    id, resource, file, options::text, digest, fingerprint, state, "row", header::text,
    report::text, created_at, undo::text
from import_run where id = %(id)s::uuid

-- name: latest_imports
select
    id, resource, file, options::text, digest, fingerprint, state, "row", header::text,
    report::text, created_at, undo::text
from import_run order by id desc limit %(limit)s::bigint

-- name: claim_import
update import_run set claim = %(claim)s::uuid, claimed_until = now() + make_interval(secs => %(seconds)s::float8)
where
    id = %(id)s::uuid and state in ('checking', 'writing')
    and (claimed_until is null or claimed_until <= now())
returning
    id, resource, file, options::text, digest, fingerprint, state, "row", header::text,
    report::text, created_at, undo::text

-- name: release_import
update import_run set claim = null, claimed_until = null where id = %(id)s::uuid and claim = %(claim)s::uuid

-- name: save_import
update import_run
set
    state = %(state)s::text, "row" = %(row)s::bigint, header = %(header)s::jsonb, report = %(report)s::jsonb, undo = %(undo)s::jsonb,
    bars = bars and %(bars)s::boolean, claimed_until = now() + make_interval(secs => %(seconds)s::float8)
where
    id = %(id)s::uuid and claim = %(claim)s::uuid and state in ('checking', 'writing')
    and %(after)s::bigint in (-1, "row")
returning id

-- name: cancel_import
update import_run set state = 'cancelled', bars = bars and "row" > 0 and undo is null
where id = %(id)s::uuid and state in ('checking', 'writing')
returning id

-- name: forget_refused_rows
delete from import_refused_row where run = %(id)s::uuid

-- name: forget_old_refused_rows
delete from import_refused_row using import_run where run = id and created_at < %(before)s::timestamptz

-- name: keep_refused_rows
insert into import_refused_row (run, "row", problems, cells)
select %(id)s::uuid, new.*
from unnest(%(rows)s::bigint[], %(problems)s::text[]::jsonb[], %(cells)s::text[]::jsonb[]) as new ("row", problems, cells)
on conflict (run, "row") do update set problems = excluded.problems, cells = excluded.cells

-- name: refused_rows
select "row", problems::text, cells::text
from import_refused_row where run = %(id)s::uuid and "row" > %(after)s::bigint
order by "row" limit %(limit)s::bigint
