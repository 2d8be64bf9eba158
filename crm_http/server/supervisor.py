"""`crm serve`: one process that holds the port and the embedded server, and looks after the workers that answer."""

import asyncio
import errno
import gc
import importlib.util
import logging
import multiprocessing
import os
import resource
import secrets
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from crm_http.server import composition
from crm_http.server.composition import FailedError
from crm_http.settings import Settings
from crm_http.telemetry.logs import configure_logging, logging_config

if TYPE_CHECKING:
    from granian.server.common import AbstractServer

    from crm_http.middleware import RequestMiddleware

logger = logging.getLogger("crm.serving")

_ADMIN: Final = "admin"
#: How long a worker may take to answer what it accepted; with the embedded server's stop it must stay below 15 s.
_WORKER_SECONDS: Final = 10
_HELD_SECONDS: Final = 8
#: The most that the head of a request may have.
_HEAD_BYTES: Final = 65_536
#: Connections of a worker. The server itself would part a thousand among all, and let those that are idle hold it.
MOST_CONNECTIONS: Final = 1_024
#: So many ends of all workers within so many seconds are too many.
_MOST_ENDS: Final = 3
_ENDS_SECONDS: Final = 60.0
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stop:
    """Makes a SystemExit of the first signal to stop, so that what is open is closed in order. More change nothing.

    Args:
        code: what the process then exits with.

    Attributes:
        instead: what the first signal does, if not that.
    """

    def __init__(self, code: int = 0) -> None:
        self.failed = False
        self._code = code
        self._asked = self._held = False
        self.instead: Callable[[], object] | None = None
        signal.signal(signal.SIGALRM, self._exit)
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` has it
                signal.signal(number, self._ask)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let a signal wait for the end of this, so that a child just made is not forgotten; but not for long."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            signal.alarm(0)
        if self._asked:
            raise SystemExit(self._code)

    def fail(self) -> None:
        """Stop because something failed for good; from any thread."""
        self.failed = True
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    def ignore(self) -> None:
        """Let no signal disturb what is being closed."""
        self._asked = True

    def _ask(self, number: int, frame: FrameType | None) -> None:
        is_first, self._asked = not self._asked, True
        if is_first and self.instead:
            self.instead()
        elif is_first and self._held:
            signal.alarm(_HELD_SECONDS)
        elif is_first:
            self._exit(number, frame)

    def _exit(self, _number: int, _frame: FrameType | None) -> None:
        raise SystemExit(self._code)


@contextmanager
def open_database(settings: Settings, stop: Stop) -> Iterator[str]:
    """Give the URL of the database; no signal leaves an embedded server behind. Raises FailedError."""
    with ExitStack() as stack:
        with stop.held():
            url = stack.enter_context(composition.database_url(settings, on_failure=stop.fail))
        stack.callback(stop.ignore)
        yield url
    if stop.failed:
        raise FailedError("PostgreSQL ended too often to be started again: see postgres.log in the data directory.")


def serve(settings: Settings, welcome: Callable[[Mapping[str, str]], None]) -> None:
    """Serve until a signal says to stop. Raises FailedError, SettingError.

    Args:
        settings: what and where; the workers read them from the environment again.
        welcome: shows what somebody needs for the start, by label.
    """
    configure_logging(settings)
    composition.check_files(settings)
    stop = Stop()
    with _claim(settings.host, settings.port) as claim, open_database(settings, stop) as url:
        password = asyncio.run(_prepare(url, settings))
        welcome(_welcome(settings, password))
        _export(settings, url)
        address = str(claim.getsockname()[0])
        if sys.platform != "linux":  # elsewhere a port is shared only if those who were first said so
            claim.close()
        with composition.exposed_metrics(url, settings):
            _run(settings, address)


def _claim(host: str, port: int) -> socket.socket:
    """Bind the port, so that nobody else can be listening there.

    Workers share it by SO_REUSEPORT, by which another server of ours would share it unnoticed. So it is bound without
    that at first, and stays bound, but never listens.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # A name such as localhost may be both, and those who can reach it by IPv6 can by IPv4.
        family, kind, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
        claim = socket.socket(family, kind)
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of before may linger
        claim.bind(address)
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError as error:
        is_taken = error.errno == errno.EADDRINUSE
        reason = "another process listens there" if is_taken else error.strerror or str(error)
        raise FailedError(
            f"Cannot listen on {_netloc(host, port)}: {reason}. Choose by --host and --port, or CRM_HOST and CRM_PORT."
        ) from error
    return claim


def _netloc(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _prepare(url: str, settings: Settings) -> str | None:
    """Migrate, and make the first user where there is none; gives a password that was made up for it."""
    await composition.migrate(url)
    async with composition.manage(url) as accounts:
        if await accounts.users():
            return None
        password = settings.admin_password or secrets.token_urlsafe(12)
        password_hash = await composition.hash_password(password)
        # Another server may do the same at the same moment: only one of them made it, and knows the password.
        if await accounts.add_user(_ADMIN, password_hash, is_superuser=True) is None:
            return None
    return None if settings.admin_password else password


def _welcome(settings: Settings, password: str | None) -> Mapping[str, str]:
    address, place = f"http://{_netloc(settings.host, settings.port)}", settings.data_dir.resolve()
    told = {"Address": address, "Docs": f"{address}/docs/"}
    if settings.is_embedded:
        told |= {"Data": f"{place} (embedded PostgreSQL)", "Log": f"{place / composition.LOG} (embedded PostgreSQL)"}
    else:
        told |= {"Data": "the database of CRM_DATABASE_URL"}
    told |= {"Files": f"the bucket {settings.s3_bucket}" if settings.s3_bucket else str(place / "files")}
    if settings.metrics_port is not None:
        told |= {"Metrics": f"http://{_netloc(settings.metrics_host, settings.metrics_port)}/metrics"}
    if password:
        told |= {"Login": _ADMIN, "Password": f"{password} (shown this once)"}
    return told


def _export(settings: Settings, url: str) -> None:
    """Leave to the workers what they need, and nothing that they do not."""
    os.environ["CRM_DATABASE_URL"] = url
    os.environ["CRM_EMBEDDED"] = str(int(settings.is_embedded))
    os.environ.pop("CRM_ADMIN_PASSWORD", None)


def _server(settings: Settings, address: str) -> "AbstractServer[Any]":
    from granian import Granian  # noqa: PLC0415 - the other commands shall not wait for it
    from granian.constants import HTTPModes, Interfaces, Loops  # noqa: PLC0415
    from granian.http import HTTP1Settings  # noqa: PLC0415
    from granian.log import LogLevels  # noqa: PLC0415

    return Granian(
        target="crm_http.server.supervisor:load",
        address=address,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        loop=Loops.uvloop if importlib.util.find_spec("uvloop") else Loops.asyncio,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=_HEAD_BYTES),
        websockets=False,
        backpressure=_connections(),
        log_level=LogLevels.warning,
        log_dictconfig=logging_config(settings),
        respawn_failed_workers=True,
        workers_kill_timeout=_WORKER_SECONDS,
    )


def _connections() -> int:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return connections_within(most)


def connections_within(files: int) -> int:
    """How many connections a worker takes: with no file left for one the server would turn in circles."""
    return MOST_CONNECTIONS if files == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, max(1, files // 2))


def _run(settings: Settings, address: str) -> None:
    """Serve until a signal says to stop.

    granian gives up when a worker that it has just replaced ends too, as two kills in a few seconds make happen. Then
    it is started anew, unless that goes on. Raises FailedError.
    """
    # A forked worker would share memory, locks held by threads and the handlers of signals with this process. One
    # that is spawned begins afresh, and a signal that comes early simply ends it.
    multiprocessing.set_start_method("spawn", force=True)
    ends: deque[float] = deque(maxlen=_MOST_ENDS)
    while not _serve_once(_server(settings, address)):
        ends.append(time.monotonic())
        if len(ends) == _MOST_ENDS and ends[-1] - ends[0] < _ENDS_SECONDS:
            raise FailedError("The workers end again and again: see the log above.")
        logger.error("the workers have ended; starting others")


def _serve_once(server: "AbstractServer[Any]") -> bool:
    """Serve, and tell whether that ended as it was asked to."""
    # granian would begin afresh when the terminal is closed.
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    on_hang_up = signal.SIG_IGN if ignored else server.signal_handler_interrupt
    server.on_startup(lambda: signal.signal(signal.SIGHUP, on_hang_up))
    try:
        # Not by name: granian's own loader puts the working directory before all other places of modules.
        server.serve(target_loader=load, wrap_loader=False)
    except SystemExit:
        return bool(server.interrupt_signal)
    return True


def load() -> "RequestMiddleware":
    """The app of a worker. The worker ends when the process that looks after it was killed."""
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    app = composition.app()
    # What is there by now stays. Looking through it for garbage would stop all requests for some 50 ms now and then.
    gc.collect()
    gc.freeze()
    return app


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # at once: whoever starts the server again needs the port
