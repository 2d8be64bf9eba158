"""How this adapter connects, and what holds in its sessions; also where a pooler lends them for a transaction only."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict

Connection: TypeAlias = AsyncConnection[Any]

#: What holds for every statement of a request.
SETTINGS: Final[Mapping[str, str]] = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
    "timezone": "UTC",
    "jit": "off",
}
_SET: Final = b"""
select set_config(name, setting, false) from unnest(%(names)s::text[], %(settings)s::text[]) as own (name, setting)"""
SET_LOCAL: Final = (
    "select " + ", ".join(f"set_config('{name}', '{setting}', true)" for name, setting in SETTINGS.items())
).encode()

#: So that a server that is gone without a word is noticed within about ten seconds.
_KEEPALIVE: Final = {
    "connect_timeout": "3",
    "keepalives_idle": "4",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}


def parameters(conninfo: str, *, wanted: str = "read-write", **own: str) -> dict[str, str]:
    """What libpq is told: what the URL says, and where it is silent, what suits us.

    Args:
        conninfo: a libpq URL or connection string.
        wanted: which of several hosts is looked for (``target_session_attrs``).
        own: further parameters for which the URL is asked first.
    """
    known = {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}
    several = {"target_session_attrs": wanted} if "," in known.get("host", known.get("hostaddr", "")) else {}
    return {**_KEEPALIVE, "application_name": "crm", **several, **own, **known}


async def connect(
    conninfo: str, *, application_name: str = "crm", autocommit: bool = False, wanted: str = "read-write"
) -> Connection:
    """A connection of one's own, without our limits of time, and without prepared statements: poolers mix those up."""
    return await AsyncConnection.connect(
        **parameters(conninfo, wanted=wanted, application_name=application_name),  # type: ignore[arg-type]  # all are libpq's own
        autocommit=autocommit,
        prepare_threshold=None,
    )


async def is_behind_pooler(connection: Connection) -> bool:
    """Whether somebody else answers than was connected to: PgBouncer, say, which lends servers for a transaction."""
    cursor = await connection.execute("select pg_backend_pid()", prepare=False)
    return await cursor.fetchone() != (connection.info.backend_pid,)


async def begin_session(connection: Connection) -> None:
    """Have our settings hold on a new connection: for all of its life, or where it is pooled, in each transaction.

    What the URL sets by ``options`` stays.
    """
    if await is_behind_pooler(connection):
        connection.prepare_threshold = None
        return
    options = connection.info.get_parameters().get("options", "")
    settings = {name: setting for name, setting in SETTINGS.items() if f"{name}=" not in options}
    params = {"names": list(settings), "settings": list(settings.values())}
    await connection.execute(_SET, params, prepare=False)


def is_pooled(connection: Connection) -> bool:
    """Whether nothing may be left in the session of a connection: the next transaction may have another one."""
    return connection.prepare_threshold is None


@asynccontextmanager
async def transaction(connection: Connection) -> AsyncIterator[None]:
    """A transaction in which our settings hold."""
    async with connection.transaction():
        if is_pooled(connection):
            await connection.execute(SET_LOCAL)
        yield
