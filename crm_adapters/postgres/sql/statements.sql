-- Every statement of the adapter that does not depend on the filters of a list. {table} is the table of a resource.
-- Each begins with its name on a line of its own, then a comment. Arrays are sent in binary format (%b): in text format
-- every quote in their documents would have to be escaped.
--
-- PostgreSQL plans a statement anew at each call as long as plans for the values at hand seem cheaper than one for any
-- values, and for one id they seem cheaper than for the ten that it assumes. Statements of every request therefore hide
-- their values in a subquery, as in any((select %(ids)b::uuid[])::uuid[]): all plans seem the same then, and the sixth
-- call on a connection keeps its plan. To plan took a third of the time of a read, and half of that of a list.

-- name: read_records
-- Read records by id.
select id, version, document from {table} where id = any((select %(ids)b::uuid[])::uuid[])

-- name: lock_records
-- Read records by id and lock them until the end of the transaction; in the order of ids, so that no two transactions
-- deadlock.
select id, version, document from {table} where id = any((select %(ids)b::uuid[])::uuid[]) order by id for update

-- name: hold_to_remove
-- Lock records that a change of many records removes; in the order of ids, as the following ones.
select id from {table} where id = any((select %(ids)b::uuid[])::uuid[]) order by id for update

-- name: hold_to_change
-- Lock records that a change of many records changes. Others can still refer to them.
select id from {table} where id = any((select %(ids)b::uuid[])::uuid[]) order by id for no key update

-- name: hold_to_refer
-- Keep records that a change of many records refers to from being removed.
select id from {table} where id = any((select %(ids)b::uuid[])::uuid[]) order by id for key share

-- name: hold_unchanged
-- Keep records that a change of many records is based on as they are; returns those that are still so.
select stored.id from {table} as stored
join unnest((select %(ids)b::uuid[]), %(versions)b::integer[]) as known (id, version)
    on stored.id = known.id and stored.version = known.version
order by stored.id for share of stored

-- name: allow_time
-- Allow a change of many records, which holds their locks, more time than other statements of requests.
select
    set_config('statement_timeout', %(seconds)s || 's', true),
    set_config('idle_in_transaction_session_timeout', %(seconds)s || 's', true)

-- name: hold_entity
-- Keep writers of a table waiting until the end of the transaction. Others can read it.
lock table {table} in share row exclusive mode

-- name: holders
-- The records that hold a value of an attribute: with %(item)s those whose value is this text or a list with it, with
-- %(unlike)s those that do not hold the same under this name.
select id, (attributes -> %(name)s)::text from {table}
where attributes ? %(name)s and (%(item)s::text is null
    or attributes @> jsonb_build_object(%(name)s::text, %(item)s::text)
    or attributes @> jsonb_build_object(%(name)s::text, jsonb_build_array(%(item)s::text)))
    and (%(unlike)s::text is null or attributes -> %(name)s is distinct from attributes -> %(unlike)s)
order by id

-- name: count_holders
select count(*) from {table} where attributes ? %(name)s

-- name: held_values
-- The different values of an attribute, and how many records hold each.
select value::text, count(*) from (
    select attributes -> %(name)s as value from {table} where attributes ? %(name)s) as held
group by value

-- name: first_holders
-- The first records after one that hold a value of an attribute. Null parameters limit nothing.
select id from {table}
where attributes ? %(name)s and id > %(after)s
    and (%(unlike)s::text is null or attributes -> %(name)s is distinct from attributes -> %(unlike)s)
    and (%(values)s::text[] is null
        or attributes -> %(name)s = any(array(select value::jsonb from unnest(%(values)s::text[]) as wanted (value))))
order by id limit %(limit)s

-- name: changed_fields
-- The names of the fields that changed after a version of a record.
select distinct split_part(name, '.', 1) collate "C" from event, json_object_keys(changes) as name
where record = %(record)s and version > %(since)s order by 1

-- name: history
-- Events of a record, the newest first.
select resource, record, version, kind, actor, actor_name, request_id, at, changes, cause from event
where record = %(record)s and resource = %(resource)s and version < %(before)s
order by version desc limit %(limit)s

-- name: lineage
-- The events of a record from the latest one that holds all of it, up to a version.
select resource, record, version, kind, actor, actor_name, request_id, at, changes, cause from event
where record = %(record)s and resource = %(resource)s and version <= %(version)s and version >= (
    select version from event
    where record = %(record)s and resource = %(resource)s and version <= %(version)s and kind = any(%(whole)s)
    order by version desc limit 1)
order by version

-- name: deletions_since
-- What deletions since a time recorded, some at a time.
select seq, changes from event where kind = 'deleted' and seq > %(after)s and at >= %(since)s order by seq limit %(limit)s

-- name: followers
-- The events that followed from a change of a record in the same commit.
select resource, record, version, kind, actor, actor_name, request_id, at, changes, cause from event
where cause is not null and cause ->> 'record' = %(record)s::text and cause ->> 'resource' = %(resource)s
    and (cause ->> 'version')::integer = %(version)s
order by seq

-- name: named
-- The records whose field is exactly one of some texts; two of each text, by id. They are ordered by the text of the id,
-- so that the planner does not go through all records by the index of ids.
select wanted.text, found.id
from unnest(%(texts)s::text[]) as wanted (text) cross join lateral (
    select id from {table} where {place} = {wanted_place} and {column} = wanted.text
    order by id::text limit 2
) as found

-- name: events_of_run
-- Events of a run of an import. The first condition is that of the index event_import.
select resource, record, version, kind, actor, actor_name, request_id, at, changes, cause from event
where left(request_id, 7) = 'import ' and request_id = %(request_id)s
    and (record, version) < (%(record)s::uuid, %(version)s::integer)
order by record desc, version desc limit %(limit)s

-- name: once_referring
-- The records of a resource that ever referred to a record. Both names are literals, so that the planner can use the
-- partial indexes `event_service` and so on.
select distinct record from event where resource = {resource} and changes -> {field} ->> 'to' = %(id)s

-- name: mentions
-- Records in whose documents a text occurs, found by reading all of them.
select id from {table}
where exists (select from unnest(%(texts)s::text[]) as text where position(text in document::text) > 0)
order by id limit %(limit)s

-- name: erase_events
-- Take the values out of the events of erased records before their erasure (erased_events.erased_changes).
update event set changes = (
    select ('{' || coalesce(string_agg(
        to_json(key)::text || ':' || case when key = any(%(kept)s::text[]) then value::text else '{}' end,
        ',' order by place), '') || '}')::json
    from json_each(changes) with ordinality as members (key, value, place))
from unnest(%(ids)s::uuid[], %(versions)s::integer[]) as erased (id, last)
where record = erased.id and version < erased.last and resource = %(resource)s

-- name: erase_copies
-- Take the values of a field out of a record's events, but its latest value (erased_events.without_copies).
update event set changes = (
    select ('{' || string_agg(
        to_json(key)::text || ':' || case when key <> %(field)s then value::text else '{' || concat_ws(',',
            case when value -> 'from' is not null then '"from":null' end,
            case when value -> 'to' is not null then
                '"to":' || case when event.version = latest.version then (value -> 'to')::text else 'null' end end)
            || '}' end,
        ',' order by place) || '}')::json
    from json_each(changes) with ordinality as members (key, value, place))
from (
    select max(version) as version from event
    where record = %(id)s and resource = %(resource)s and changes -> %(field)s is not null
) as latest
where record = %(id)s and resource = %(resource)s and changes -> %(field)s is not null

-- name: erase_deliveries
-- Delete the deliveries of erased records before their erasure, and of webhooks.
delete from delivery using unnest(%(ids)s::uuid[], %(versions)s::integer[]) as erased (id, last)
where record = erased.id and version < erased.last or webhook = erased.id

-- name: erase_receipts
-- Take the answers out of the receipts of records, and of requests about many records, which have no version.
update receipt set body = %(answer)s::json
where record = any(%(ids)s::uuid[])
    or version = 0 and exists (select from unnest(%(ids)s::uuid[]) as id where position(id::text in body::text) > 0)

-- name: lock_folding
-- Let no erasure change events until the end of the transaction; a number that nothing else locks but lock_erasing.
select pg_advisory_xact_lock(7021791811)

-- name: lock_erasing
-- Wait for a transaction that folds events; others may erase at the same time.
select pg_advisory_xact_lock_shared(7021791811)

-- name: past_events
-- Events after a record, by record and version, and whether the change feed can still show each.
select resource, record, version, kind, at, seq > (select last_seq from tick order by id limit 1) from event
where record > %(after)s order by record, version limit %(limit)s

-- name: events_to_fold
-- The events of records up to a version, from the latest one that holds all of the record on.
select resource, record, version, kind, actor, actor_name, request_id, at, changes, cause
from unnest(%(ids)s::uuid[], %(versions)s::integer[]) as folded (id, last)
join event on record = folded.id and version <= folded.last and version >= (
    select version from event as whole
    where whole.record = folded.id and whole.version <= folded.last and whole.kind in ('created', 'baseline')
    order by version desc limit 1)
order by record, version

-- name: fold_events
-- Make baselines of events, and delete those before them, and those of records that are gone; returns how many went.
with baselines as (
    update event set kind = 'baseline', changes = new.changes::json, cause = null
    from unnest(%(ids)s::uuid[], %(versions)s::integer[], %(changes)s::text[]) as new (id, version, changes)
    where event.record = new.id and event.version = new.version
), folded as (
    delete from event using unnest(%(ids)s::uuid[], %(versions)s::integer[]) as new (id, version)
    where event.record = new.id and event.version < new.version returning 1
), gone as (
    delete from event using unnest(%(gone_ids)s::uuid[], %(gone_versions)s::integer[]) as gone (id, version)
    where event.record = gone.id and event.version <= gone.version returning 1
)
select (select count(*) from folded) + (select count(*) from gone)

-- name: rename_author
-- Rename the author of tasks and notes in some records after one; returns the last of them, and how many changed.
with page as (
    select id from {table} where id > %(after)s order by id limit %(limit)s
), changed as (
    update {table} as stored set
        version = version + 1,
        document = regexp_replace(document::text, %(pattern)s, %(replacement)s, 'g')::json
    from page
    where stored.id = page.id and document::text ~ %(pattern)s
        and regexp_replace(document::text, %(pattern)s, %(replacement)s, 'g') <> document::text
    returning 1
)
select (select id from page order by id desc limit 1), (select count(*) from changed)

-- name: rename_actor
-- Rename a user in some events after one; returns the last of them.
with page as (
    select seq from event where seq > %(after)s order by seq limit %(limit)s
), changed as (
    update event set
        actor_name = case when actor = %(user)s then %(name)s else actor_name end,
        changes = regexp_replace(changes::text, %(pattern)s, %(replacement)s, 'g')::json
    from page where event.seq = page.seq and (actor = %(user)s or changes::text ~ %(pattern)s)
)
select max(seq) from page

-- name: rename_in_deliveries
update delivery set body = convert_to(
    regexp_replace(convert_from(body, 'UTF8'), %(pattern)s, %(replacement)s, 'g'), 'UTF8')
where position(convert_to('"user_name"', 'UTF8') in body) > 0 and convert_from(body, 'UTF8') ~ %(pattern)s

-- name: rename_in_receipts
update receipt set body = regexp_replace(body::text, %(pattern)s, %(replacement)s, 'g')::json
where body::text ~ %(pattern)s

-- name: erase_user
with user_before as (
    select username from app_user where id = %(user_id)s
), tokens as (
    delete from token where user_id = %(user_id)s
), calendars as (
    delete from calendar where user_id = %(user_id)s
), memberships as (
    delete from membership where user_id = %(user_id)s
), addresses as (
    delete from login_address where user_id = %(user_id)s
), failures as (
    delete from failed_login using user_before where right(key, length(username) + 1) = ' ' || username
)
update app_user set
    username = %(username)s, first_name = '', last_name = '', email = '', password_hash = %(password_hash)s,
    is_active = false, is_superuser = false
where id = %(user_id)s

-- name: existing
-- Which of the ids exist.
select id from {table} where id = any((select %(ids)b::uuid[])::uuid[])

-- name: users
-- Which of the ids are those of users.
select id from app_user where id = any((select %(ids)b::bigint[])::bigint[])

-- name: active_users
-- Which of the ids are those of users who are not disabled.
select id from app_user where id = any((select %(ids)b::bigint[])::bigint[]) and is_active

-- name: page
-- The documents of a page of a list. If more records follow, one more row has the id and value of the last record. A page
-- ends at %(limit)s records or before it exceeds %(most_bytes)s bytes, but has at least one record. {estimate} is a number
-- of at least %(one_more)s that the planner can see, so that it plans for a page and not for a tenth of all. The documents
-- are not joined here: the server would copy them five times, into memory that it has to ask the system for each time.
select
    case when fits then document end,
    case when not fits then last_id end,
    case when not fits then last_value end
from (
    select *, place <= %(limit)s and (place = 1 or bytes <= %(most_bytes)s) as fits from (
        select
            document, size, row_number() over places as place, sum(size) over places as bytes,
            lag(id) over places as last_id, lag({value}) over places as last_value
        from {table} where {conditions}
        window places as (order by {order} rows unbounded preceding) order by {order} limit {estimate}
    ) as ordered
    where place <= 2 or bytes - size <= %(most_bytes)s limit %(one_more)s
) as page

-- name: agenda
-- A page of the agenda, with the {names} of the records, and how many tasks were found. It ends as `page` does.
with found as (
    select *, row_number() over places as place, sum(octet_length(task)) over places as bytes
    from ({ranges}) as ranges window places as (order by due, item, record)
    order by place limit %(one_more)s
)
select
    resource, record,
    case resource {names} end,
    nullif(due, 'infinity'), item, convert_to(task, 'UTF8'), (select count(*) from found)
from found where place <= %(limit)s and (place = 1 or bytes <= %(most_bytes)s) order by place

-- name: agenda_range
-- Part of the statement above: tasks of one resource that are done, or that are not, in one range of an index.
-- {estimate} as in `page`.
select * from (
    select resource, record, item, due, task from task where {conditions} order by due, item, record limit {estimate}
) as ordered limit %(one_more)s

-- name: read_definitions
-- The catalog of an entity: its version, attribute definitions and active webhooks.
select
    (select version from catalog where entity = %(entity)s),
    coalesce((select json_agg(document) from attribute where entity = %(entity)s), '[]'),
    coalesce((select json_agg(document) from webhook where is_active and model = (
        select catalog.model from catalog where entity = %(entity)s)), '[]')

-- name: lock_values
-- Lock values of unique attributes until the end of the transaction, in one order, so that no two deadlock.
select pg_advisory_xact_lock(hashtextextended(value, 0)) from (
    select value from unnest(%(values)b::text[]) as named (value) order by value) as ordered

-- name: insert_records
-- Insert records, their events, deliveries and receipts, if the {guards} hold; returns the ids that were written.
with put as (
    insert into {table} (id, version, document{hidden})
    select id, version, document::json{hidden}
    from unnest((select %(ids)b::uuid[]), %(versions)b::integer[], %(documents)b::text[]{hidden_values})
        as new (id, version, document{hidden})
    where {guards}
    returning id
), appended as ({append_events}), deliveries as ({append_deliveries}), receipts as ({append_receipts})
select id from put

-- name: update_records
-- Update records in the same way, where the stored version is the one before.
with put as (
    update {table} as stored set version = new.version, document = new.document::json{hidden_set}
    from unnest((select %(ids)b::uuid[]), %(versions)b::integer[], %(documents)b::text[]{hidden_values})
        as new (id, version, document{hidden})
    where stored.id = new.id and stored.version = new.version - 1 and {guards}
    returning stored.id
), appended as ({append_events}), deliveries as ({append_deliveries}), receipts as ({append_receipts})
select id from put

-- name: update_free_records
-- Do the same, but skip records that another transaction has locked, so that they do not delay the others. It writes
-- the single updates of concurrent requests (records/commits.py).
with free as (
    select id, version from {table} where id = any((select %(ids)b::uuid[])::uuid[]) for update skip locked
), put as (
    update {table} as stored set version = new.version, document = new.document::json{hidden_set}
    from unnest((select %(ids)b::uuid[]), %(versions)b::integer[], %(documents)b::text[]{hidden_values})
        as new (id, version, document{hidden})
    join free on free.id = new.id and free.version = new.version - 1
    where stored.id = new.id and {guards}
    returning stored.id
), appended as ({append_events}), deliveries as ({append_deliveries}), receipts as ({append_receipts})
select id from put

-- name: delete_records
-- Delete records in the same way.
with put as (
    delete from {table} as stored
    using unnest((select %(ids)b::uuid[]), %(versions)b::integer[]) as new (id, version)
    where stored.id = new.id and stored.version = new.version - 1 and {guards}
    returning stored.id
), appended as ({append_events}), deliveries as ({append_deliveries})
select id from put

-- name: append_erasures
-- Append the events of erasures of records that were deleted before, and their deliveries; returns all ids.
with put as (
    select id from unnest((select %(ids)b::uuid[]), %(versions)b::integer[]) as new (id, version) where {guards}
), appended as ({append_events}), deliveries as ({append_deliveries})
select id from put

-- name: append_events
-- Part of the four statements above: one event for each record that was written.
insert into event (resource, record, version, kind, actor, actor_name, request_id, at, changes, cause)
select %(resource)s, new.id, new.version, %(kind)s, actor, actor_name, request_id, at, changes::json, cause::json
from unnest(
    (select %(ids)b::uuid[]), %(versions)b::integer[], %(actors)b::bigint[], %(actor_names)b::text[],
    %(request_ids)b::text[], %(ats)b::timestamptz[], %(changes)b::text[], %(causes)b::text[]
) as new (id, version, actor, actor_name, request_id, at, changes, cause)
join put using (id)

-- name: append_receipts
-- Part of the three statements that put records: the receipts of requests that were answered with the records. It fails
-- if one has a receipt already, maybe an expired one (keep_receipt).
insert into receipt (user_id, key, fingerprint, record, version, body)
select user_id, key, fingerprint, new.id, new.version, document::json
from unnest(
    (select %(ids)b::uuid[]), %(versions)b::integer[], %(documents)b::text[], %(receipt_users)b::bigint[],
    %(receipt_keys)b::text[], %(receipt_fingerprints)b::bytea[]
) as new (id, version, document, user_id, key, fingerprint)
join put using (id)

-- name: catalogs_unchanged
-- A guard of the four statements above: the catalogs still have the versions that the decision was based on.
(select count(*)
 from unnest((select %(entities)s::text[]), %(catalog_versions)s::integer[]) as known (entity, version)
 join catalog using (entity, version)) = cardinality(%(entities)s::text[])

-- name: record_unchanged
-- A guard of the four statements above: a record that was read, but is not written, does not change before the commit.
(select count(*) from (
    select from {table} where id = {id} and version = {version} for share) as unchanged) = 1

-- name: receipts
-- The receipts of requests with these idempotency keys.
select user_id, key, fingerprint, record, version, body
from receipt join unnest((select %(users)b::bigint[]), %(keys)b::text[]) as wanted (user_id, key) using (user_id, key)
where created_at > now() - %(kept)s::interval

-- name: keep_receipt
-- Keep a receipt, in place of an expired one; returns no row if there is one that has not expired.
insert into receipt as kept (user_id, key, fingerprint, record, version, body)
values (%(user)s, %(key)s, %(fingerprint)s, %(record)s, %(version)s, %(body)s::json)
on conflict (user_id, key) do update set
    fingerprint = excluded.fingerprint, record = excluded.record, version = excluded.version, body = excluded.body,
    created_at = now()
    where kept.created_at <= now() - %(kept)s::interval
returning key

-- name: authenticate
-- Tokens with the ids of their users, the version of the directory and the users' last transactions, in one snapshot,
-- and with what each token is narrowed to.
select token.hash, user_id, directory.version, {written}, token.permissions, last_used_at < now() - interval '1 minute'
from token, directory
where token.hash = any((select %(hashes)b::bytea[])::bytea[]) and last_used_at > now() - make_interval(days => %(token_days)s)

-- name: authenticate_ahead
-- The same, with records by id, in the same snapshot. A row has either a token or a record.
select * from ({authenticate}) as tokens full join ({read_records}) as records on false

-- name: sessions
-- Users with their permissions, the versions of the catalogs and the version of the directory, in one snapshot.
select
    app_user.id, username, first_name, last_name, email, is_active, is_superuser,
    array(select group_name from membership where user_id = app_user.id),
    array(select distinct permission from membership join group_permission using (group_name)
          where user_id = app_user.id),
    (select json_object_agg(entity, version) from catalog),
    directory.version
from app_user, directory where app_user.id = any(%(users)b)

-- name: written
-- Part of `authenticate` if there is a replica: the last transaction with an event of the user. Ids that this server has
-- not given out yet are another's, from which the database was restored.
coalesce((
    select xid::text::bigint from event
    where actor = token.user_id and xid < pg_snapshot_xmax(pg_current_snapshot())
    order by xid desc limit 1), 0)

-- name: touch_tokens
-- Record the use of tokens, at most once a minute for each.
update token set last_used_at = now() where hash = any(%(hashes)b) and last_used_at < now() - interval '1 minute'

-- name: credentials
select id, password_hash from app_user where username = %(username)s and is_active

-- name: set_password
-- With if_hash only if that is still the current hash: another password may have been set since it was read.
update app_user set password_hash = %(password_hash)s
where id = %(user_id)s and password_hash = coalesce(%(if_hash)s::text, password_hash)

-- name: add_token
-- For an active user, and with if_hash only if that is still the current hash. Expired tokens are deleted. The lock
-- makes a new password wait for the token, so that it revokes this one too.
with gone as (
    delete from token where user_id = %(user_id)s and last_used_at < now() - make_interval(days => %(token_days)s)
)
insert into token (id, hash, user_id, prefix, permissions)
select %(id)s, %(hash)s, id, %(prefix)s, %(permissions)s::text[] from app_user
where id = %(user_id)s and is_active and password_hash = coalesce(%(if_hash)s::text, password_hash)
for share
returning hash

-- name: revoke_token
delete from token where hash = %(hash)s returning hash

-- name: revoke_tokens
-- Calendars too: they show what their user may view.
with calendars as (
    delete from calendar where user_id = %(user_id)s and prefix = coalesce(%(prefix)s::text, prefix) returning hash
), tokens as (
    delete from token where user_id = %(user_id)s and prefix = coalesce(%(prefix)s::text, prefix) returning hash
)
select hash from tokens union all select hash from calendars

-- name: revoke_token_of
delete from token
where user_id = %(user_id)s and id = %(id)s and last_used_at > now() - make_interval(days => %(token_days)s)
returning hash

-- name: find_token
select id, prefix, permissions, created_at, last_used_at from token
where hash = %(hash)s and last_used_at > now() - make_interval(days => %(token_days)s)

-- name: list_tokens
-- Null parameters limit nothing.
select id, prefix, permissions, created_at, last_used_at from token
where user_id = %(user_id)s and last_used_at > now() - make_interval(days => %(token_days)s)
    and (%(before)s::timestamptz is null or (created_at, id) < (%(before)s::timestamptz, %(before_id)s::uuid))
order by created_at desc, id desc limit %(limit)s::bigint

-- name: add_calendar
-- For an active user. Expired calendars are deleted.
with gone as (
    delete from calendar where user_id = %(user_id)s and last_used_at < now() - make_interval(days => %(token_days)s)
)
insert into calendar (id, hash, user_id, prefix, name)
select %(id)s, %(hash)s, id, %(prefix)s, %(name)s from app_user where id = %(user_id)s and is_active
for share
returning id, name, prefix, created_at, last_used_at

-- name: list_calendars
select id, name, prefix, created_at, last_used_at from calendar
where user_id = %(user_id)s and last_used_at > now() - make_interval(days => %(token_days)s)
order by created_at desc, id desc

-- name: find_calendar
-- Whose calendar it is, and whether its use was recorded within a minute.
select user_id, last_used_at >= now() - interval '1 minute' from calendar
where hash = %(hash)s and last_used_at > now() - make_interval(days => %(token_days)s)

-- name: touch_calendar
update calendar set last_used_at = now() where hash = %(hash)s

-- name: revoke_calendar
delete from calendar
where user_id = %(user_id)s and id = %(id)s and last_used_at > now() - make_interval(days => %(token_days)s)
returning id

-- name: members
select id, username, first_name, last_name, email
from app_user join membership on membership.user_id = app_user.id
where group_name = %(group)s and is_active order by id

-- name: failures
select key, count, latest from failed_login where key = any(%(keys)s)

-- name: add_failure
-- Count one more failure against each key; delete counts that have expired.
with gone as (
    delete from failed_login where latest < %(now)s - %(forget_after)s and key <> all(%(keys)s)
)
insert into failed_login as kept (key, count, latest)
select key, 1, %(now)s from unnest(%(keys)s::text[]) as new (key) order by key
on conflict (key) do update set
    count = case when kept.latest < %(now)s - %(forget_after)s then 1 else kept.count + 1 end,
    latest = %(now)s
returning key, count, latest

-- name: forget_failures
delete from failed_login where key = %(key)s

-- name: remember_address
-- Keep the time of a login from an address; those of the user that are forgotten anyway go.
with gone as (
    delete from login_address
    where user_id = %(user_id)s and address <> %(address)s and latest < %(now)s - %(forget_after)s
)
insert into login_address (user_id, address, latest) values (%(user_id)s, %(address)s, %(now)s)
on conflict (user_id, address) do update set latest = excluded.latest

-- name: knows_address
select 1 from login_address join app_user on app_user.id = user_id
where username = %(username)s and address = %(address)s and latest >= %(since)s

-- name: add_user
insert into app_user (username, password_hash, first_name, last_name, email, is_superuser)
values (%(username)s, %(password_hash)s, %(first_name)s, %(last_name)s, %(email)s, %(is_superuser)s)
on conflict (username) do nothing returning id

-- name: add_memberships
insert into membership (user_id, group_name) select %(user_id)s, unnest(%(groups)s::text[]) on conflict do nothing

-- name: remove_memberships
delete from membership where user_id = %(user_id)s and group_name <> all(%(groups)s::text[])

-- name: find_user
select id, username, first_name, last_name, email, is_active, is_superuser,
    array(select group_name from membership where user_id = app_user.id order by 1)
from app_user where username = %(username)s

-- name: actor_of
select id, username, first_name, last_name, email, is_active, is_superuser,
    array(select group_name from membership where user_id = app_user.id order by 1),
    array(select distinct permission from membership join group_permission using (group_name)
          where user_id = app_user.id)
from app_user where id = %(id)s or username = %(username)s

-- name: list_users
select id, username, first_name, last_name, email, is_active, is_superuser,
    array(select group_name from membership where user_id = app_user.id order by 1)
from app_user order by id

-- name: change_user
-- Null parameters change nothing.
update app_user set
    first_name = coalesce(%(first_name)s::text, first_name),
    last_name = coalesce(%(last_name)s::text, last_name),
    email = coalesce(%(email)s::text, email),
    is_superuser = coalesce(%(is_superuser)s::boolean, is_superuser),
    is_active = coalesce(%(is_active)s::boolean, is_active)
where id = %(user_id)s

-- name: list_groups
select name, array(select permission from group_permission where group_name = name order by 1)
from app_group order by name

-- name: add_group
insert into app_group (name) values (%(name)s) on conflict do nothing returning name

-- name: grant
insert into group_permission (group_name, permission) select %(name)s, unnest(%(permissions)s::text[])
on conflict do nothing

-- name: revoke
delete from group_permission where group_name = %(name)s and permission = any(%(permissions)s::text[])
