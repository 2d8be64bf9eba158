"""The workers of a server: processes of granian that answer requests, replaced when they end."""

import importlib.util
import logging
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from crm_core.use_cases.installed_resources import register_installed
from crm_http.server import composition
from crm_http.server.errors import FailedError
from crm_http.server.garbage import importing
from crm_http.settings import Settings
from crm_http.telemetry.logs import logging_config

if TYPE_CHECKING:
    from granian.server.common import AbstractServer

    from crm_http.middleware import RequestMiddleware

logger: Final = logging.getLogger("crm.serving")

#: Seconds that a worker has to finish accepted requests; together with stopping the embedded server it is below 15 s.
_WORKER_SECONDS: Final = 10
#: The most bytes that the head of a request may have.
_MAX_HEAD_BYTES: Final = 65_536
#: Connections of a worker: a thousand of those who wait for changes, and as many others. granian itself would share a
#: thousand among all workers, and count those that are idle.
MAX_CONNECTIONS: Final = 2_048
#: The server gives up if workers end more often than this within a number of seconds.
_MAX_ENDS: Final = 3
_ENDS_SECONDS: Final = 60.0


def granian_server(settings: Settings, address: str) -> "AbstractServer[Any]":
    """Return the server that starts the workers, on an address that is a number."""
    from granian import Granian  # noqa: PLC0415 - the other commands need not wait for it
    from granian.constants import HTTPModes, Interfaces, Loops  # noqa: PLC0415
    from granian.http import HTTP1Settings  # noqa: PLC0415
    from granian.log import LogLevels  # noqa: PLC0415

    return Granian(
        target="crm_http.server.workers:load",
        address=address,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        loop=Loops.uvloop if importlib.util.find_spec("uvloop") else Loops.asyncio,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=_MAX_HEAD_BYTES),
        websockets=False,
        backpressure=_connections(),
        log_level=LogLevels.warning,
        log_dictconfig=logging_config(settings),
        respawn_failed_workers=True,
        workers_kill_timeout=_WORKER_SECONDS,
    )


def _connections() -> int:
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    return connections_within(limit)


def connections_within(files: int) -> int:
    """Return how many connections a worker accepts if it may open a number of files.

    Without a file left for a connection, the server would try to accept it again and again.
    """
    return MAX_CONNECTIONS if files == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, max(1, files // 2))


def run_workers(settings: Settings, address: str) -> None:
    """Serve until a signal says to stop. Raises FailedError if the workers end again and again.

    granian gives up if a worker that it has just replaced ends too, as after two kills in a few seconds. Then it is
    started again.
    """
    # A forked worker would share memory, locks held by threads and the handlers of signals with this process. A
    # spawned one starts clean, and a signal that comes early simply ends it.
    multiprocessing.set_start_method("spawn", force=True)
    ends: deque[float] = deque(maxlen=_MAX_ENDS)
    while not _serve_once(granian_server(settings, address)):
        ends.append(time.monotonic())
        if len(ends) == _MAX_ENDS and ends[-1] - ends[0] < _ENDS_SECONDS:
            raise FailedError("The workers end again and again: see the log above.")
        logger.error("the workers have ended; starting new ones")


def _serve_once(server: "AbstractServer[Any]") -> bool:
    """Serve; return whether a signal ended that."""
    # granian would restart the workers when the terminal is closed.
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    on_hang_up = signal.SIG_IGN if ignored else server.signal_handler_interrupt
    server.on_startup(lambda: signal.signal(signal.SIGHUP, on_hang_up))
    try:
        # Not by name: granian's own loader puts the working directory first in the search path of modules.
        server.serve(target_loader=load, wrap_loader=False)
    except SystemExit:
        return bool(server.interrupt_signal)
    return True


def load() -> "RequestMiddleware":
    """Return the app of a worker. The worker ends when its parent process is killed."""
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    # What is loaded by then stays. Searching it for garbage would stop all requests for some 50 ms now and then.
    with importing():
        register_installed()
        return composition.app()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # at once: a new server needs the port
