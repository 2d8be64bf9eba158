"""Opens the database that the settings name: that of an external server, or of an embedded one, which it starts."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from crm_adapters.embedded.cluster import LOG
from crm_adapters.embedded.server import EmbeddedServerError, embedded_server
from crm_adapters.webhooks.policy import policy_of
from crm_http.server.errors import FailedError
from crm_http.server.signals import Stop
from crm_http.settings import SettingError, Settings


@contextmanager
def open_database(settings: Settings, stop: Stop) -> Iterator[str]:
    """Yield the URL of the database; no signal leaves an embedded server behind. Raises FailedError, SettingError."""
    with ExitStack() as stack:
        with stop.deferred():
            url = stack.enter_context(_database_url(settings, on_failure=stop.fail))
        stack.callback(stop.ignore)
        yield url
    if stop.has_failed:
        raise FailedError("PostgreSQL ended too often to be started again: see postgres.log in the data directory.")


@contextmanager
def _database_url(settings: Settings, *, on_failure: Callable[[], None]) -> Iterator[str]:
    check_database(settings)
    if settings.database_url is not None:
        yield settings.database_url
        return
    try:
        with embedded_server(settings.data_dir, on_failure=on_failure) as url:
            yield url
    except EmbeddedServerError as error:
        raise FailedError(str(error)) from error


def embedded_log(settings: Settings) -> Path:
    """Return the path of the embedded server's log."""
    return settings.data_dir.resolve() / LOG


def check_database(settings: Settings) -> None:
    """Raise SettingError if the driver, or the policy for webhooks, would not take a setting."""
    _check_networks(settings)
    if settings.database_replica_url is not None:
        _check_url(settings.database_replica_url, "CRM_DATABASE_REPLICA_URL")
    if settings.database_url is not None:
        _check_url(settings.database_url, "CRM_DATABASE_URL")


def _check_networks(settings: Settings) -> None:
    try:
        policy_of(settings.webhook_allow)
    except ValueError as error:
        raise SettingError(
            "CRM_WEBHOOK_ALLOW has a network that carries IPv4 addresses inside, such as 64:ff9b::/96: "
            "name the IPv4 network itself."
        ) from error


def _check_url(url: str, setting: str) -> None:
    """Refuse what libpq would misread: its own messages may show parts of a password, and these do not."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        parts = {"host": "@"}
    if "@" in str(parts.get("host") or "") or not str(parts.get("port") or "0").replace(",", "").isdigit():
        raise SettingError(
            f"{setting} cannot be read: it takes a libpq URL, postgresql://user@host/name, "
            "with signs such as @ and / in a password percent-encoded."
        )
