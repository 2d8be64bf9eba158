-- The addresses from which users have logged in: from there an account that others guess at is not slowed (decision 23).

create table login_address (
    user_id bigint not null references app_user (id) on delete cascade,
    address text not null,
    latest timestamptz not null,
    primary key (user_id, address)
);
