"""`crm serve` from start to end: one process holds the port and the embedded server, and supervises the workers."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Final

from crm_http.server.bootstrap import ADMIN, bootstrap
from crm_http.server.database import embedded_log, open_database
from crm_http.server.exposed_metrics import exposed_metrics
from crm_http.server.file_stores import check_files
from crm_http.server.listening_socket import claim_port, host_and_port
from crm_http.server.signals import Stop
from crm_http.server.workers import run_workers
from crm_http.settings import Settings, unknown_names
from crm_http.telemetry.logs import configure_logging

logger: Final = logging.getLogger("crm.serving")


def serve(settings: Settings, welcome: Callable[[Mapping[str, str]], None]) -> None:
    """Serve until a signal says to stop. Raises FailedError, SettingError.

    Args:
        settings: what and where; the workers read them from the environment again.
        welcome: shows the addresses, places and login, by label.
    """
    configure_logging(settings)
    if unknown := unknown_names(os.environ):
        logger.warning("no settings, so they have no effect: %s", ", ".join(unknown))
    check_files(settings)
    stop = Stop()
    with claim_port(settings.host, settings.port) as claim, open_database(settings, stop) as url:
        password = asyncio.run(bootstrap(url, settings))
        welcome(summary(settings, password))
        _export(settings, url)
        address = str(claim.getsockname()[0])
        if sys.platform != "linux":  # elsewhere a port is shared only if the first to bind it allowed that
            claim.close()
        with exposed_metrics(url, settings):
            run_workers(settings, address)


def summary(settings: Settings, password: str | None) -> Mapping[str, str]:
    """Return what an administrator needs to know at the start, by label.

    Args:
        settings: what is served, and where its data is.
        password: of the first user, if it was made up at this start.
    """
    directory = settings.data_dir.resolve()
    address = f"http://{host_and_port(settings.host, settings.port)}{settings.root_path}"
    lines = {"Address": address, "Docs": f"{address}/docs/"}
    if settings.is_embedded:
        lines |= {
            "Data": f"{directory} (embedded PostgreSQL)",
            "Log": f"{embedded_log(settings)} (embedded PostgreSQL)",
        }
    else:
        lines |= {"Data": "the database of CRM_DATABASE_URL"}
    lines |= {"Files": f"the bucket {settings.s3_bucket}" if settings.s3_bucket else str(directory / "files")}
    if settings.metrics_port is not None:
        lines |= {"Metrics": f"http://{host_and_port(settings.metrics_host, settings.metrics_port)}/metrics"}
    if password:
        lines |= {"Login": ADMIN, "Password": f"{password} (shown this once)"}
    return lines


def _export(settings: Settings, url: str) -> None:
    """Leave the workers the settings that they need, without the admin password."""
    os.environ["CRM_DATABASE_URL"] = url
    os.environ["CRM_EMBEDDED"] = str(int(settings.is_embedded))
    os.environ.pop("CRM_ADMIN_PASSWORD", None)
