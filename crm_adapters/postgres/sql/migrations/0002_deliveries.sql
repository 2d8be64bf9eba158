-- The secrets of webhooks, and the outbox: their deliveries, written in the commit of the change.

-- A secret of 244 random bits is created in the commit of its webhook; no document contains it.
alter table webhook
    add column secret text not null
        default 'whsec_' || encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'base64'),
    add column old_secrets text[] not null default '{}',
    add column old_until timestamptz[] not null default '{}';

-- Why the system disabled a webhook.
update webhook set version = version + 1, document = (left(document::text, -1) || ',"disabled_reason":null}')::json;

-- The failures of an endpoint since its last success; no row means no failure. Here and below no foreign key refers to
-- webhook: each write would lock the webhook's row, and deleting a webhook would take long. Remaining rows are never
-- claimed, and are deleted by the clean-up.
create table endpoint (
    webhook uuid primary key,
    failures integer not null default 0 check (failures >= 0),
    failing_since timestamptz not null default now(),
    paused_until timestamptz
);

create table delivery (
    id uuid primary key,
    webhook uuid not null,
    record uuid not null,
    version integer not null check (version > 0),
    -- The ordering key. It is one column, so that only its own index can be used to search for it: without statistics
    -- the planner might otherwise read all waiting deliveries of an endpoint.
    lane uuid not null generated always as (md5(webhook::text || record::text)::uuid) stored,
    type text not null,
    method text not null,
    url text not null,
    headers json not null,
    body bytea not null,
    state text not null default 'pending' check (state in ('pending', 'sending', 'delivered', 'dead')),
    attempts integer not null default 0 check (attempts >= 0),
    claims integer not null default 0, -- only grows, so that a late result is never mistaken for that of a newer claim
    next_at timestamptz not null default now(), -- when it is due; while it is being sent, the end of the lease
    status integer,
    error text not null default '',
    answer text not null default '',
    created_at timestamptz not null default now(),
    attempted_at timestamptz,
    finished_at timestamptz,
    check ((finished_at is null) = (state in ('pending', 'sending')))
) with (autovacuum_vacuum_scale_factor = 0.02);
alter table delivery alter column body set storage external; -- kept too briefly to be worth compressing

create index delivery_due on delivery (webhook, next_at) where finished_at is null;
create index delivery_lane on delivery (lane, version) where finished_at is null;
create index delivery_log on delivery (webhook, created_at, id);
create index delivery_dead on delivery (webhook, created_at, id) where state = 'dead';
create index delivery_finished on delivery (state, finished_at) where finished_at is not null;
