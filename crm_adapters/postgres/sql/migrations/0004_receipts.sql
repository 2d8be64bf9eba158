-- That a request with an idempotency key was carried out: kept in the commit of its effect, for a day.
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
