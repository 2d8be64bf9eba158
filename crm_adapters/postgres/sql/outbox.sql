-- The statements of the outbox and its log, in the form of statements.sql. All times are the database's.
-- delivery.lane is the ordering key: a webhook and a record, whose deliveries are sent in the order of their versions.
-- The column keeps its name because workers of the previous version still run while a server is upgraded.

-- name: append_deliveries
-- Part of the statements that write records: the deliveries of the records that were written. A body that several
-- deliveries share is passed once.
insert into delivery (
    id, webhook, record, version, type, method, url, headers, body, error, priority, state, finished_at
)
select
    new.id, webhook, record, version, type, method, url, headers::json, (%(bodies)b::bytea[])[body], error,
    priority, case error when '' then 'pending' else 'dead' end, case error when '' then null else now() end
from unnest(
    %(delivery_ids)b::uuid[], %(delivery_webhooks)b::uuid[], %(delivery_records)b::uuid[],
    %(delivery_versions)b::integer[], %(delivery_types)b::text[], %(delivery_methods)b::text[],
    %(delivery_urls)b::text[], %(delivery_headers)b::text[], %(delivery_bodies)b::integer[], %(delivery_errors)b::text[],
    %(delivery_priorities)b::smallint[]
) as new (id, webhook, record, version, type, method, url, headers, body, error, priority)
join put on put.id = record

-- name: claim
-- Claim due deliveries, taking one of each endpoint per round, by their priority, and return them with the webhooks of which some due
-- deliveries wait behind an earlier one of the same record: those are for put_off. With each comes its last request, and
-- its webhook as it is now. Rows are updated by arrays of ids, so that the planner uses the primary key whatever it
-- estimates.
with endpoints as (
    select
        webhook.id, coalesce(failures, 0) > 0 as is_failing,
        greatest(0, case when failures > 0 then %(per_failing)s else %(per_healthy)s end - coalesce(count, 0)) as slots
    from webhook
    left join endpoint on endpoint.webhook = webhook.id
    left join unnest(%(in_flight)b::uuid[], %(counts)b::integer[]) as in_flight (webhook, count)
        on in_flight.webhook = webhook.id
    where is_active and coalesce(paused_until <= now(), true)
), candidates as (
    select
        due.id, endpoints.id as webhook, slots, due.next_at, is_first,
        row_number() over (partition by endpoints.id, is_first order by priority, due.next_at) as place
    from endpoints cross join (values (0), (1)) as priorities (priority) cross join lateral (
        select
            id, next_at, not exists (
                select from delivery as earlier
                where earlier.lane = delivery.lane and earlier.version < delivery.version
                    and earlier.finished_at is null) as is_first
        from delivery
        where webhook = endpoints.id and delivery.priority = priorities.priority
            and finished_at is null and next_at <= now()
        order by next_at limit case when slots = 0 then 0 when is_failing then 32 else slots * 2 end
    ) as due
), chosen as (
    select id, place, next_at from candidates where is_first and place <= slots order by place, next_at limit %(limit)s
), locked as (
    select due.id
    from chosen cross join lateral (
        select id from delivery
        where id = chosen.id and finished_at is null and next_at <= now() for update skip locked
    ) as due
), claimed as (
    update delivery
    set state = 'sending', attempts = attempts + 1, claims = claims + 1, next_at = now() + %(lease)s::interval
    where id = any(array(select id from locked))
    returning id, webhook, attempts, claims, body, method, url, headers
)
select
    array(select distinct webhook from candidates where not is_first), claimed.*,
    webhook.document ->> 'method', webhook.document ->> 'url', webhook.document -> 'headers',
    array(select webhook.secret union all select old from unnest(old_secrets, old_until) as o (old, until)
          where until > now() limit 10),
    case when position('{attributes.' in webhook.document::text) > 0 then (
        select json_object_agg(attribute.name, attribute.document -> 'former_names')
        from attribute where entity = crm_model_entity(webhook.model)) end
from (select) as always
left join claimed on true
left join chosen on chosen.id = claimed.id
left join webhook on webhook.id = claimed.webhook
order by chosen.place, chosen.next_at

-- name: put_off
-- Put off due deliveries that wait behind an earlier one of their record until that one is due again, so that they
-- cost nothing until then. While the earlier one is being sent, they are put off for one second: another process may
-- record its result at this moment without seeing them. An earlier one of a lower priority gets theirs, as they wait for
-- it.
with waiting as (
    select
        due.id, greatest(now() + interval '1 second', case state when 'pending' then next_at end) as retry_at,
        blocker.id as blocker, due.priority
    from unnest(%(webhooks)b::uuid[]) as endpoint (id)
    cross join (values (0), (1)) as priorities (priority) cross join lateral (
        select id, lane, version, delivery.priority from delivery
        where webhook = endpoint.id and delivery.priority = priorities.priority
            and finished_at is null and next_at <= now()
        order by next_at limit 64 for update skip locked
    ) as due cross join lateral (
        select id, state, next_at from delivery as earlier
        where earlier.lane = due.lane and earlier.version < due.version and earlier.finished_at is null
        order by earlier.version limit 1
    ) as blocker
), hurried as (
    update delivery set priority = 0 where id = any(array(
        select later.id from waiting cross join lateral (
            select id from delivery
            where id = waiting.blocker and delivery.priority > waiting.priority for update skip locked
        ) as later
    ))
)
update delivery set next_at = (select retry_at from waiting where waiting.id = delivery.id)
where id = any(array(select id from waiting))
returning id

-- name: record_results
-- Record the results of claims that are still the latest. When a delivery ends, the next one of its record becomes due.
-- A delivery that was cancelled during its attempt stays so, unless it was accepted.
-- A success resets the health of its endpoint; other failures are counted, in one order, so that processes do not
-- deadlock. Returns the health of the endpoints that failed.
with recorded as (
    update delivery set
        state = case when delivery.state = 'sending' or new.state = 'delivered' then new.state else delivery.state end,
        status = new.status, error = new.error, answer = new.answer, attempted_at = now(),
        method = coalesce(new.method, delivery.method), url = coalesce(new.url, delivery.url),
        headers = coalesce(new.headers::json, delivery.headers),
        next_at = case new.state when 'pending' then now() + make_interval(secs => wait) else next_at end,
        finished_at = case
            when delivery.state = 'sending' and new.state = 'pending' then null
            when delivery.state = 'sending' or new.state = 'delivered' then now()
            else delivery.finished_at end
    from unnest(
        %(ids)b::uuid[], %(claims)b::integer[], %(states)b::text[], %(waits)b::float8[], %(statuses)b::integer[],
        %(errors)b::text[], %(answers)b::text[], %(blamed)b::boolean[],
        %(methods)b::text[], %(urls)b::text[], %(headers)b::text[]
    ) as new (id, claims, state, wait, status, error, answer, is_blamed, method, url, headers)
    where delivery.id = any(%(ids)b::uuid[]) and delivery.id = new.id
        and delivery.claims = new.claims and delivery.state in ('sending', 'cancelled')
    returning webhook, lane, version, delivery.state, is_blamed
), following as (
    select next.id
    from recorded cross join lateral (
        select id, state, attempts, next_at from delivery as later
        where later.lane = recorded.lane and later.version > recorded.version and finished_at is null
        order by later.version limit 1
    ) as next
    where recorded.state <> 'pending' and next.state = 'pending' and next.attempts = 0 and next.next_at > now()
), made_due as (
    update delivery set next_at = now() where id = any(array(select id from following)) and state = 'pending'
), per_endpoint as (
    select webhook, count(*) filter (where is_blamed) as failures, bool_or(state = 'delivered') as has_success
    from recorded group by webhook
), locked as (
    select webhook from endpoint where webhook = any(array(select webhook from per_endpoint))
    order by webhook for update
), reset as (
    delete from endpoint
    where webhook = any(array(select webhook from locked)) and webhook in (select webhook from per_endpoint where has_success)
)
insert into endpoint (webhook, failures)
select webhook, failures from per_endpoint
where failures > 0 and not has_success and (select count(*) from locked) >= 0
order by webhook
on conflict (webhook) do update set failures = endpoint.failures + excluded.failures
returning webhook, failures, now() - failing_since

-- name: release
-- Release attempts that were begun and have not ended.
update delivery set state = 'pending', next_at = now()
from unnest(%(ids)b::uuid[], %(claims)b::integer[]) as given (id, claims)
where delivery.id = any(%(ids)b::uuid[]) and delivery.id = given.id
    and delivery.claims = given.claims and state = 'sending'

-- name: pause
-- Send nothing to an endpoint for some seconds.
update endpoint set paused_until = now() + make_interval(secs => %(seconds)s) where webhook = %(webhook)s

-- name: reset_health
-- Forget the failures of an endpoint.
delete from endpoint where webhook = %(webhook)s

-- name: clean
-- Delete some deliveries that finished long ago or whose webhook was deleted, and receipts that have expired. The
-- recursive part lists the webhooks that have deliveries by one index look-up each.
with recursive webhooks (id) as (
    (select webhook from delivery order by webhook limit 1)
    union all
    select (select webhook from delivery where webhook > webhooks.id order by webhook limit 1)
    from webhooks where webhooks.id is not null
), old_delivered as (
    select id from delivery
    where state = 'delivered' and finished_at < now() - %(delivered)s::interval limit %(limit)s for update skip locked
), old_dead as (
    select id from delivery
    where state = 'dead' and finished_at < now() - %(dead)s::interval limit %(limit)s for update skip locked
), old_cancelled as (
    select id from delivery
    where state = 'cancelled' and finished_at < now() - %(cancelled)s::interval limit %(limit)s for update skip locked
), orphans as (
    select theirs.id
    from webhooks cross join lateral (
        select id from delivery where webhook = webhooks.id limit %(limit)s for update skip locked
    ) as theirs
    where not exists (select from webhook where webhook.id = webhooks.id)
), expired as (
    select id from old_delivered union all select id from old_dead union all select id from old_cancelled union all select id from orphans
), receipts as (
    delete from receipt where created_at < now() - %(receipts)s::interval
), orphaned_endpoints as (
    delete from endpoint where not exists (select from webhook where webhook.id = endpoint.webhook)
)
delete from delivery where id = any(array(select id from expired)) returning id

-- name: notify
select pg_notify('crm_outbox', %(sender)s)

-- name: log
-- Deliveries of a webhook, the newest first; {states} is a condition on their states.
select
    id, record, type, state, attempts, status, error, created_at, attempted_at,
    case when finished_at is null then next_at end, finished_at
from delivery
where webhook = %(webhook)s and {states}
    and (created_at, id) < (coalesce(%(at)s::timestamptz, 'infinity'), coalesce(%(id)s::uuid, id))
order by created_at desc, id desc limit %(limit)s

-- name: logged
-- One delivery, with its request and the last answer.
select
    id, record, type, state, attempts, status, error, created_at, attempted_at,
    case when finished_at is null then next_at end, finished_at, method, url, headers, body, answer
from delivery where webhook = %(webhook)s and id = %(id)s

-- name: redeliver
-- Send a delivery again from its first attempt on, unless it is being sent, or has neither a body nor a URL (release
-- 0.1.0) and so cannot be sent at all.
update delivery set state = 'pending', attempts = 0, next_at = now(), finished_at = null
where webhook = %(webhook)s and id = %(id)s and state <> 'sending' and (url <> '' or body <> '')

-- name: recover
-- Do the same for some of those that died between two moments.
update delivery set state = 'pending', attempts = 0, next_at = now(), finished_at = null
where id = any(array(
    select id from delivery
    where webhook = %(webhook)s and state = 'dead' and finished_at between %(since)s and %(until)s
        and (url <> '' or body <> '')
    limit %(limit)s for update skip locked))
returning id

-- name: cancel
-- Finish a delivery that is not finished; the next one of its record becomes due.
with cancelled as (
    update delivery set state = 'cancelled', finished_at = now()
    where webhook = %(webhook)s and id = %(id)s and finished_at is null
    returning lane, version
), following as (
    select next.id
    from cancelled cross join lateral (
        select id, state, attempts from delivery as later
        where later.lane = cancelled.lane and later.version > cancelled.version and finished_at is null
        order by later.version limit 1
    ) as next
    where next.state = 'pending' and next.attempts = 0
)
update delivery set next_at = now() where id = any(array(select id from following)) and state = 'pending'

-- name: moment
select now()

-- name: secret
select secret from webhook where id = %(webhook)s

-- name: first_secret
-- The secret that a webhook was created with; a rotation keeps the one before until the next.
select secret from webhook where id = %(webhook)s and cardinality(old_secrets) = 0

-- name: rotate_secret
-- Set a new secret; earlier ones still sign until they expire.
update webhook set
    secret = %(secret)s,
    old_secrets = secret || array(select old from unnest(old_secrets, old_until) as o (old, until) where until > now()),
    old_until = (now() + %(overlap)s::interval)
        || array(select until from unnest(old_secrets, old_until) as o (old, until) where until > now())
where id = %(webhook)s

-- name: statistics
-- How many deliveries wait, the age in seconds of the oldest, and how many are dead.
select waiting, oldest, dead from (
    select count(*) as waiting, coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as oldest
    from delivery where finished_at is null
) as unfinished, (select count(*) as dead from delivery where state = 'dead') as given_up
