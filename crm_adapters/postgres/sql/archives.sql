-- The statements of archives, in the form of statements.sql. They run without time limits, on a connection of their own.

-- name: archived_groups
select name, array(select permission from group_permission where group_name = name)
from app_group order by name collate "C"

-- name: archived_records
-- All records of a resource, with what is kept beside their documents.
select id, version, convert_to(document::text, 'UTF8'){beside} from {table} order by id

-- name: archived_events
-- All events, without the order in which they were committed: within a record it is that of its versions.
select convert_to(concat(
    '{"resource":"', resource, '","record":"', record, '","version":', version, ',"kind":"', kind,
    '","at":"', replace(to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z'),
    '","actor":', coalesce(actor::text, 'null'), ',"actor_name":', to_json(actor_name),
    ',"request_id":', to_json(request_id), ',"changes":', changes, ',"cause":', coalesce(cause, '{}'), '}'), 'UTF8')
from event order by seq

-- name: archived_stays
select lead, pipeline, stage, entered_at, left_at, to_stage, spent, left_again_at from lead_stay order by lead, id

-- name: forget_stays
delete from lead_stay

-- name: lock_empty
-- Let nobody else write until the end of the transaction.
lock table app_user, event in share row exclusive mode

-- name: is_filled
-- Whether somebody uses the database already. Events come with every record, but a folded history may have none.
select exists (select from app_user) or exists (select from event)

-- name: has_records
select exists (select from {table})

-- name: begin_filling
-- Take away the groups of an empty database. The pending lists of GIN indexes grow large, so that they are updated a few
-- times instead of all the time.
with settings as (select set_config('gin_pending_list_limit', '64MB', true))
delete from app_group using settings

-- name: fill_users
insert into app_user (id, username, password_hash, first_name, last_name, email, is_superuser, is_active)
overriding system value
values (
    %(id)s, %(username)s, %(password_hash)s, %(first_name)s, %(last_name)s, %(email)s, %(is_superuser)s, %(is_active)s)

-- name: end_filling
-- The next user gets the next id.
select setval(pg_get_serial_sequence('app_user', 'id'), coalesce(max(id), 0) + 1, false) from app_user
