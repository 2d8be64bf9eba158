"""The parameters of connections, and single connections without the settings of a session."""

from typing import Any, Final, TypeAlias

from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict

from crm_adapters.postgres.connection.timeouts import (
    CONNECT_TIMEOUT,
    KEEPALIVE_COUNT,
    KEEPALIVE_IDLE,
    KEEPALIVE_INTERVAL,
    TCP_TIMEOUT,
)

Connection: TypeAlias = AsyncConnection[Any]


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
