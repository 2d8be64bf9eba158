"""The tables. Texts are compared by code point and with their trailing blanks, as the contract wants them.

``json`` would be a ``longtext`` with a check, and documents were checked before: they are kept byte for byte.
"""

from typing import Final

_ID: Final = "char(36) character set ascii"
_TABLES: Final = (
    f"""record (
        resource varchar(40) not null, id {_ID} not null, version int not null, document longtext not null,
        hidden longtext not null, primary key (resource, id)
    )""",
    f"""event (
        seq bigint not null auto_increment primary key, tick bigint not null, resource varchar(40) not null,
        record {_ID} not null, version int not null, at datetime(6) not null, request_id text not null,
        event longtext not null, unique key (record, version), key (tick, seq), key (request_id(100))
    )""",
    f"stays (lead {_ID} primary key, stays longtext not null)",
    "catalog (entity varchar(40) primary key, version int not null)",
    f"""receipt (
        user bigint not null, name varchar(255) not null, kept_at datetime(6) not null,
        fingerprint varbinary(64) not null, record {_ID} not null, version int not null, body longtext not null,
        primary key (user, name)
    )""",
    # Locks: who changes records, and who claims deliveries, takes its row first.
    "turn (name varchar(10) primary key)",
    "feed (tick bigint not null, forgotten bigint not null, tag binary(4) not null)",
    "follower (name varchar(255) primary key, position text not null)",
    f"""delivery (
        seq bigint not null auto_increment unique, id {_ID} primary key, webhook {_ID} not null, record {_ID} not null,
        version int not null, type varchar(80) not null, priority int not null, method varchar(10) not null,
        url text not null, headers text not null, body longblob not null, state varchar(10) not null,
        next_at datetime(6) not null, created_at datetime(6) not null, attempts int not null default 0,
        claims int not null default 0, status int, error text not null, answer text not null, attempted_at datetime(6),
        finished_at datetime(6), key (finished_at), key (webhook, created_at, id), key (record, version)
    )""",
    f"""endpoint (
        webhook {_ID} primary key, failures int not null, failing_since datetime(6) not null,
        paused_until datetime(6) not null
    )""",
    f"""secret (
        number bigint not null auto_increment primary key, webhook {_ID} not null, secret varchar(200) not null,
        until datetime(6), key (webhook)
    )""",
    """app_user (
        id bigint not null auto_increment primary key, username varchar(150) not null unique, password text not null,
        first_name varchar(150) not null, last_name varchar(150) not null, email varchar(254) not null,
        is_superuser boolean not null default false, is_active boolean not null default true
    )""",
    "app_group (name varchar(150) primary key)",
    "permission (app_group varchar(150) not null, name varchar(150) not null, primary key (app_group, name))",
    "membership (user bigint not null, app_group varchar(150) not null, primary key (user, app_group))",
    f"""token (
        hash binary(32) primary key, id {_ID} not null, user bigint not null, prefix varchar(40) not null,
        permissions longtext, created_at datetime(6) not null, last_used_at datetime(6) not null, key (user)
    )""",
    f"""calendar (
        hash binary(32) primary key, id {_ID} not null, user bigint not null, prefix varchar(40) not null,
        name text not null, created_at datetime(6) not null, last_used_at datetime(6) not null, key (user)
    )""",
    "failed_login (name varchar(700) primary key, count int not null, latest datetime(6) not null)",
    """login_address (
        user bigint not null, address varchar(100) not null, at datetime(6) not null, primary key (user, address)
    )""",
)
TABLES: Final = tuple(table.split()[0] for table in _TABLES)
CREATE: Final = tuple(
    f"create table if not exists {table} engine = innodb character set utf8mb4 collate utf8mb4_nopad_bin"
    for table in _TABLES
)
