-- Webhooks' secrets, and the outbox: what they are told, written in the commit of the change.

-- A secret is made with its webhook, in the same commit, of 244 random bits; no document shows it.
alter table webhook
    add column secret text not null
        default 'whsec_' || encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'base64'),
    add column old_secrets text[] not null default '{}',
    add column old_until timestamptz[] not null default '{}';

-- Why the system switched one off.
update webhook set version = version + 1, document = (left(document::text, -1) || ',"disabled_reason":null}')::json;

-- How an endpoint has been doing since its last success; no row is no failure. Here and below nothing refers to
-- webhook by a foreign key: each write would lock the webhook's row, and the end of a webhook would take long. What is
-- left of one is never claimed, and cleaned away.
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
    -- What must keep its order. One column, so that no other index than its own can be used to look there: where rows
    -- are not counted yet, the planner would as soon read all that an endpoint has waiting.
    lane uuid not null generated always as (md5(webhook::text || record::text)::uuid) stored,
    type text not null,
    method text not null,
    url text not null,
    headers json not null,
    body bytea not null,
    state text not null default 'pending' check (state in ('pending', 'sending', 'delivered', 'dead')),
    attempts integer not null default 0 check (attempts >= 0),
    claims integer not null default 0, -- only ever grows, so that no late result is taken for a newer one's
    next_at timestamptz not null default now(), -- when it is due; while it is being sent, the end of the lease
    status integer,
    error text not null default '',
    answer text not null default '',
    created_at timestamptz not null default now(),
    attempted_at timestamptz,
    finished_at timestamptz,
    check ((finished_at is null) = (state in ('pending', 'sending')))
) with (autovacuum_vacuum_scale_factor = 0.02);
alter table delivery alter column body set storage external; -- it is not kept for long enough to be worth compressing

create index delivery_due on delivery (webhook, next_at) where finished_at is null;
create index delivery_lane on delivery (lane, version) where finished_at is null;
create index delivery_log on delivery (webhook, created_at, id);
create index delivery_dead on delivery (webhook, created_at, id) where state = 'dead';
create index delivery_finished on delivery (state, finished_at) where finished_at is not null;
