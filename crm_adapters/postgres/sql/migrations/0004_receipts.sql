-- Receipts of requests with an idempotency key: written in the commit of the change, kept for a day.
create table receipt (
    user_id bigint not null references app_user (id) on delete cascade,
    key text not null check (length(key) between 1 and 255),
    fingerprint bytea not null,
    record uuid not null,
    version integer not null,
    body json not null,
    created_at timestamptz not null default now(),
    primary key (user_id, key)
);
create index receipt_created_at on receipt (created_at);
