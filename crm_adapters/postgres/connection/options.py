"""Connection parameters and session settings, which also work behind a transaction pooler such as PgBouncer."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict

from crm_adapters.postgres.connection.timeouts import (
    CONNECT_TIMEOUT,
    IDLE_IN_TRANSACTION_TIMEOUT,
    KEEPALIVE_COUNT,
    KEEPALIVE_IDLE,
    KEEPALIVE_INTERVAL,
    LOCK_TIMEOUT,
    STATEMENT_TIMEOUT,
    TCP_TIMEOUT,
)

Connection: TypeAlias = AsyncConnection[Any]

#: The settings for every statement of a request.
SETTINGS: Final[Mapping[str, str]] = {
    "statement_timeout": f"{STATEMENT_TIMEOUT}s",
    "lock_timeout": f"{LOCK_TIMEOUT}s",
    "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_TIMEOUT}s",
    "timezone": "UTC",
    "jit": "off",
}
_SET: Final = b"""
select set_config(name, setting, false) from unnest(%(names)s::text[], %(settings)s::text[]) as own (name, setting)"""
SET_LOCAL: Final = (
    "select " + ", ".join(f"set_config('{name}', '{setting}', true)" for name, setting in SETTINGS.items())
).encode()

#: A server that has silently disappeared is noticed within ten seconds.
_KEEPALIVE: Final = {
    "connect_timeout": str(CONNECT_TIMEOUT),
    "keepalives_idle": str(KEEPALIVE_IDLE),
    "keepalives_interval": str(KEEPALIVE_INTERVAL),
    "keepalives_count": str(KEEPALIVE_COUNT),
    "tcp_user_timeout": str(TCP_TIMEOUT * 1000),  # milliseconds
}


def parameters(conninfo: str, *, target_session_attrs: str = "read-write", **own: str) -> dict[str, str]:
    """Return the parameters for libpq: those of the URL, and our defaults for the others.

    Args:
        conninfo: a libpq URL or connection string.
        target_session_attrs: which of several hosts to connect to, if the URL names several.
        own: further parameters, unless the URL sets them.
    """
    known = {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}
    has_several_hosts = "," in known.get("host", known.get("hostaddr", ""))
    chosen = {"target_session_attrs": target_session_attrs} if has_several_hosts else {}
    return {**_KEEPALIVE, "application_name": "crm", **chosen, **own, **known}


async def connect(
    conninfo: str,
    *,
    application_name: str = "crm",
    autocommit: bool = False,
    target_session_attrs: str = "read-write",
) -> Connection:
    """Return a new connection without our time limits and without prepared statements, which poolers mix up."""
    return await AsyncConnection.connect(
        **parameters(conninfo, target_session_attrs=target_session_attrs, application_name=application_name),  # type: ignore[arg-type]  # all are libpq's own
        autocommit=autocommit,
        prepare_threshold=None,
    )


async def is_behind_pooler(connection: Connection) -> bool:
    """Return whether a pooler such as PgBouncer answers, which lends a server for one transaction at a time."""
    cursor = await connection.execute("select pg_backend_pid()", prepare=False)
    return await cursor.fetchone() != (connection.info.backend_pid,)


async def begin_session(connection: Connection) -> None:
    """Apply our settings to a new connection: for all of its life, or behind a pooler, in each transaction.

    Settings in the URL's ``options`` stay as they are.
    """
    if await is_behind_pooler(connection):
        connection.prepare_threshold = None
        return
    options = connection.info.get_parameters().get("options", "")
    settings = {name: setting for name, setting in SETTINGS.items() if f"{name}=" not in options}
    params = {"names": list(settings), "settings": list(settings.values())}
    await connection.execute(_SET, params, prepare=False)


def is_pooled(connection: Connection) -> bool:
    """Return whether the connection goes through a pooler, so that nothing of a session outlives its transaction."""
    return connection.prepare_threshold is None


@asynccontextmanager
async def transaction(connection: Connection) -> AsyncIterator[None]:
    """Run a transaction with our settings."""
    async with connection.transaction():
        if is_pooled(connection):
            await connection.execute(SET_LOCAL)
        yield
