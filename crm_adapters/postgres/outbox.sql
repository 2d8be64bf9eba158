-- The statements of the outbox and of its log, in the form of queries.sql. All time is the database's.

-- name: append_deliveries
-- Part of the statements that write records: what webhooks are told of those that were written.
insert into delivery (id, webhook, record, version, type, method, url, headers, body, error, state, finished_at)
select
    new.id, webhook, record, version, type, method, url, headers::json, body, error,
    case error when '' then 'pending' else 'dead' end, case error when '' then null else now() end
from unnest(
    %(delivery_ids)b::uuid[], %(delivery_webhooks)b::uuid[], %(delivery_records)b::uuid[],
    %(delivery_versions)b::integer[], %(delivery_types)b::text[], %(delivery_methods)b::text[],
    %(delivery_urls)b::text[], %(delivery_headers)b::text[], %(delivery_bodies)b::bytea[], %(delivery_errors)b::text[]
) as new (id, webhook, record, version, type, method, url, headers, body, error)
join put on put.id = record

-- name: claim
-- Of each endpoint some that are due are examined. Those that come first of their record are claimed, in rounds over
-- the endpoints. Others are put off: until the one before is due again, or while that is being sent for a second, though
-- its end wakes them. So what waits behind a failing delivery costs nothing until that is tried again.
with endpoints as (
    select
        webhook.id, coalesce(failures, 0) > 0 as is_failing,
        greatest(0, case when failures > 0 then 1 else %(each)s end - coalesce(count, 0)) as slots
    from webhook
    left join endpoint on endpoint.webhook = webhook.id
    left join unnest(%(busy)b::uuid[], %(counts)b::integer[]) as busy (webhook, count) on busy.webhook = webhook.id
    where is_active and coalesce(paused_until <= now(), true)
), placed as (
    select
        due.id, due.next_at, slots, retry_at,
        row_number() over (partition by endpoints.id, retry_at is null order by due.next_at) as place
    from endpoints cross join lateral (
        select id, record, version, next_at from delivery
        where webhook = endpoints.id and finished_at is null and next_at <= now()
        order by next_at limit case when slots = 0 then 0 when is_failing then 32 else slots * 2 end
    ) as due left join lateral (
        select greatest(now() + interval '1 second', case state when 'pending' then next_at end) as retry_at
        from delivery as earlier
        where webhook = endpoints.id and record = due.record and finished_at is null and version < due.version
        order by version limit 1
    ) as blocker on true
), chosen as (
    (select id, retry_at from placed where retry_at is null and place <= slots order by place, next_at limit %(most)s)
    union all
    select id, retry_at from placed where retry_at is not null
), held as (
    select due.id, retry_at
    from chosen cross join lateral (
        select id from delivery
        where id = chosen.id and finished_at is null and next_at <= now() for update skip locked
    ) as due
), put_off as (
    update delivery set next_at = retry_at from held where delivery.id = held.id and retry_at is not null
    returning delivery.id
), claimed as (
    update delivery
    set state = 'sending', attempts = attempts + 1, next_at = now() + %(lease)s::interval
    from held where delivery.id = held.id and retry_at is null
    returning delivery.id, webhook, attempts, method, url, headers, body
)
select
    (select count(*) from put_off), claimed.*, secret, case when previous_until > now() then previous_secret end
from (select) as always
left join claimed on true
left join webhook on webhook.id = claimed.webhook

-- name: settle
-- What came of attempts, where they are the latest. The end of a delivery wakes the next of its record; a success
-- forgives its endpoint; the others' failures are counted.
with settled as (
    update delivery set
        state = new.state, status = new.status, error = new.error, answer = new.answer, attempted_at = now(),
        next_at = case new.state when 'pending' then now() + make_interval(secs => wait) else next_at end,
        finished_at = case new.state when 'pending' then null else now() end
    from unnest(
        %(ids)b::uuid[], %(numbers)b::integer[], %(states)b::text[], %(waits)b::float8[], %(statuses)b::integer[],
        %(errors)b::text[], %(answers)b::text[], %(blamed)b::boolean[]
    ) as new (id, number, state, wait, status, error, answer, is_blamed)
    where delivery.id = new.id and attempts = number and delivery.state = 'sending'
    returning webhook, record, version, delivery.state, is_blamed
), woken as (
    update delivery set next_at = now()
    from settled cross join lateral (
        select id from delivery as later
        where later.webhook = settled.webhook and later.record = settled.record
            and finished_at is null and later.version > settled.version
        order by later.version limit 1
    ) as following
    where delivery.id = following.id and delivery.state = 'pending' and settled.state <> 'pending' and next_at > now()
), forgiven as (
    delete from endpoint where webhook in (select webhook from settled where state = 'delivered')
)
insert into endpoint (webhook, failures)
select webhook, count(*) filter (where is_blamed) from settled
group by webhook having bool_or(is_blamed) and not bool_or(state = 'delivered') order by webhook
on conflict (webhook) do update set failures = endpoint.failures + excluded.failures
returning webhook, failures, now() - failing_since

-- name: release
-- Give back what was claimed and not tried.
update delivery set state = 'pending', attempts = attempts - 1, next_at = now()
from unnest(%(ids)b::uuid[], %(numbers)b::integer[]) as given (id, number)
where delivery.id = given.id and attempts = number and state = 'sending'

-- name: pause
-- Nothing is sent to an endpoint for some time.
update endpoint set paused_until = now() + make_interval(secs => %(seconds)s) where webhook = %(webhook)s

-- name: forgive
-- Forget that an endpoint failed.
delete from endpoint where webhook = %(webhook)s

-- name: clean
-- Some of what was finished long ago, and some of what a webhook left that is gone.
with recursive webhooks (id) as (
    (select webhook from delivery order by webhook limit 1)
    union all
    select (select webhook from delivery where webhook > webhooks.id order by webhook limit 1)
    from webhooks where webhooks.id is not null
), left_over as (
    (select delivery.id from delivery
     where finished_at < now() - case state when 'delivered' then %(delivered)s::interval else %(dead)s::interval end
        and finished_at < now() - least(%(delivered)s::interval, %(dead)s::interval)
     limit %(most)s)
    union all
    (select delivery.id from webhooks join delivery on delivery.webhook = webhooks.id
     where not exists (select from webhook where webhook.id = webhooks.id)
     limit %(most)s)
), forgotten as (
    delete from endpoint where not exists (select from webhook where webhook.id = endpoint.webhook)
)
delete from delivery where id in (select id from left_over) returning id

-- name: wake
select pg_notify('crm_outbox', %(sender)s)

-- name: log
-- Deliveries of a webhook, the newest first.
select
    id, record, type, state, attempts, status, error, created_at, attempted_at,
    case when finished_at is null then next_at end, finished_at, method, url, headers, body, answer
from delivery
where webhook = %(webhook)s and (%(state)s::text is null or state = %(state)s::text)
    and (created_at, id) < (coalesce(%(at)s::timestamptz, 'infinity'), coalesce(%(id)s::uuid, id))
order by created_at desc, id desc limit %(limit)s

-- name: logged
-- One of them.
select
    id, record, type, state, attempts, status, error, created_at, attempted_at,
    case when finished_at is null then next_at end, finished_at, method, url, headers, body, answer
from delivery where webhook = %(webhook)s and id = %(id)s

-- name: redeliver
-- From the first attempt on, unless it cannot be sent at all or is being sent just now.
update delivery set state = 'pending', attempts = 0, next_at = now(), finished_at = null
where webhook = %(webhook)s and id = %(id)s and state <> 'sending' and url <> ''

-- name: recover
-- Likewise some of those that died since a moment, until now.
update delivery set state = 'pending', attempts = 0, next_at = now(), finished_at = null
where id in (
    select id from delivery
    where webhook = %(webhook)s and state = 'dead' and finished_at between %(since)s and now() and url <> '' limit %(most)s)
returning id

-- name: secret
select secret from webhook where id = %(webhook)s

-- name: rotate_secret
update webhook
set previous_secret = secret, previous_until = now() + %(overlap)s, secret = %(secret)s where id = %(webhook)s
