"""Examines the database servers for administrators, on separate connections."""

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Final

import attrs
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from crm_adapters.postgres.connection.errors import translated
from crm_adapters.postgres.connection.options import Connection, connect
from crm_adapters.postgres.connection.session import fetch, is_behind_pooler
from crm_adapters.postgres.connection.timeouts import MAX_REPLICA_LAG
from crm_adapters.postgres.records.replica import PRIMARY_IS_AT, REPLICA_IS_AT
from crm_adapters.postgres.sql import migrations
from crm_core.errors import UnavailableError

_SETTINGS: Final = (
    *("fsync", "full_page_writes", "synchronous_commit", "max_connections", "superuser_reserved_connections"),
    *("statement_timeout", "transaction_timeout", "idle_session_timeout"),
)
#: The values with which a session begins, before our own settings.
_READ_SETTINGS: Final = b"select name, reset_val from pg_settings where name = any(%(names)s)"
_NOW: Final = b"select extract(epoch from clock_timestamp())::float8"
_LOGIN_ADDRESSES: Final = b"select address, count(*) from login_address group by address"
_UNIQUE_ATTRIBUTES: Final = b"""
select entity || '.' || name, coalesce(indisvalid, false), progress.pid is not null
from attribute
left join pg_index on indexrelid = to_regclass('unique_' || replace(id::text, '-', ''))
left join pg_stat_progress_create_index as progress on index_relid = indexrelid
where document ->> 'is_unique' <> 'false' and (indisvalid is not true or document ->> 'is_unique' = 'building')
order by 1"""
_STUCK_IMPORTS: Final = b"""
select id::text, exists (select from import_file where run = import_run.id)
from import_run
where state in ('checking', 'writing') and (claimed_until is null or claimed_until <= now())
    and updated_at < now() - make_interval(mins => %(minutes)s)
order by id"""
_POLL_INTERVAL: Final = 0.05


@attrs.frozen(kw_only=True)
class Examination:
    """The state of a server that answers.

    Attributes:
        place: host, port and database.
        version: the version as a number, 150004 for 15.4.
        is_pooled: whether a pooler is in between.
        settings: some of the server's settings by name, in its own units.
        clock_ahead: by how many seconds the server's clock is ahead of ours, exact to the round-trip time.
        unfit: why this database cannot hold the CRM; empty if it can.
        pending: the names of the migrations that are missing.
        foreign_resources: the resources that the database has tables of, and that no package registers here.
        is_foreign_era: whether the transaction ids of the change feed are those of another server.
    """

    place: str
    version: int
    is_pooled: bool
    settings: Mapping[str, str]
    clock_ahead: float
    unfit: str
    pending: Sequence[str]
    foreign_resources: Sequence[str]
    is_foreign_era: bool


async def examine(conninfo: str) -> Examination:
    """Return the state of the primary. Raises UnavailableError."""
    with translated():
        async with await connect(conninfo, autocommit=True) as connection:
            pending = await migrations.pending(connection)
            return Examination(
                place=f"{connection.info.host}:{connection.info.port}/{connection.info.dbname}",
                version=connection.info.server_version,
                is_pooled=await is_behind_pooler(connection),
                settings=dict(await fetch(connection, _READ_SETTINGS, {"names": list(_SETTINGS)})),
                clock_ahead=await _clock_ahead(connection),
                unfit=await _unfit(connection),
                pending=pending,
                foreign_resources=await migrations.foreign_resources(connection),
                is_foreign_era=not pending and await migrations.is_foreign_era(connection),
            )


async def _clock_ahead(connection: Connection) -> float:
    before = time.time()
    [(theirs,)] = await fetch(connection, _NOW, {})
    after = time.time()
    return float(theirs - min(max(theirs, before), after))


async def _unfit(connection: Connection) -> str:
    try:
        await migrations.check_fitness(connection)
    except migrations.UnfitDatabaseError as error:
        return str(error)
    return ""


def hosts(conninfo: str) -> Mapping[str, str]:
    """Return a connection string for each host that a URL names, by ``host:port``."""
    known = conninfo_to_dict(conninfo)
    names, ports = str(known.get("host") or "").split(","), str(known.get("port") or "5432").split(",")
    return {
        f"{host}:{port}": make_conninfo(conninfo, host=host, port=port, target_session_attrs="any")
        for host, port in zip(names, cycle(ports), strict=False)
    }


async def role(conninfo: str) -> str:
    """Return whether a host is the ``primary``, a ``standby``, or ``gone``."""
    try:
        with translated():
            async with await connect(conninfo, autocommit=True) as connection:
                [(is_standby,)] = await fetch(connection, b"select pg_is_in_recovery()", {})
    except UnavailableError:
        return "gone"
    return "standby" if is_standby else "primary"


async def login_addresses(conninfo: str) -> Mapping[str, int]:
    """Return the addresses from which users have logged in, with the number of users. Raises UnavailableError."""
    with translated():
        async with await connect(conninfo, autocommit=True) as connection:
            return dict(await fetch(connection, _LOGIN_ADDRESSES, {}))


async def unbuilt_attributes(conninfo: str) -> Mapping[str, bool]:
    """Return the unique attributes that are not known to have their index, and whether it is being built.

    Raises UnavailableError.
    """
    with translated():
        async with await connect(conninfo, autocommit=True) as connection:
            rows = await fetch(connection, _UNIQUE_ATTRIBUTES, {})
    return {name: is_valid or is_built for name, is_valid, is_built in rows}


async def stuck_imports(conninfo: str, minutes: int) -> Mapping[str, bool]:
    """Return the imports that nobody has carried out for some minutes, and whether servers have their files.

    Raises UnavailableError.
    """
    with translated():
        async with await connect(conninfo, autocommit=True) as connection:
            return dict(await fetch(connection, _STUCK_IMPORTS, {"minutes": minutes}))


async def seconds_behind(primary: str, replica: str) -> float | None:
    """Return the seconds until a replica has what the primary has now.

    It is infinite beyond MAX_REPLICA_LAG, and None if the server is not a replica. Raises UnavailableError.
    """
    with translated():
        async with (
            await connect(primary, autocommit=True) as first,
            await connect(replica, autocommit=True, target_session_attrs="standby") as second,
        ):
            [(position,)] = await fetch(first, PRIMARY_IS_AT, {})
            return await _seconds_until(second, position)


async def _seconds_until(replica: Connection, position: int) -> float | None:
    began = time.monotonic()
    while rows := await fetch(replica, REPLICA_IS_AT, {}):
        took = time.monotonic() - began
        if rows[0][1] >= position:
            return took
        if took > MAX_REPLICA_LAG:
            return math.inf
        await asyncio.sleep(_POLL_INTERVAL)
    return None
