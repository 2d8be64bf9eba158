"""PostgreSQL servers of the wheel that replicate, and a PgBouncer in front of one; on ports of 127.0.0.1."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from crm_adapters.embedded.cluster import Layout, lay_out, run
from tests.markdown import blocks

SECONDS = 60.0
#: Another major version than that of the wheel, from Debian.
OLDER = Path("/usr/lib/postgresql/15/bin")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def until(true: Callable[[], bool], what: str) -> float:
    """Wait, and tell how long it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < SECONDS, f"never: {what}"
        time.sleep(0.02)  # another process has no event to wait for
    return time.monotonic() - began


class Postgres:
    """A server in a directory, which may be started again after it was killed."""

    def __init__(self, layout: Layout) -> None:
        self.layout, self.port = layout, free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=3) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def start(self, *settings: str) -> None:
        account, binaries, cluster, log = self.layout
        everywhere = ("listen_addresses=127.0.0.1", f"unix_socket_directories={cluster}", "wal_level=replica")
        options = [part for each in (*everywhere, *settings) for part in ("-c", each)]
        command = [str(binaries / "postgres"), "-D", str(cluster), "-p", str(self.port), *options]
        self.process = run(command, account, log)
        until(self.answers, "the server answers")

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.layout.log.read_text()
        with suppress(psycopg.OperationalError):
            return bool(self.execute("select 1"))
        return False

    def kill(self) -> None:
        """As a power cut would."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        self._end(signal.SIGINT)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(SECONDS)
            self.process = None

    def standby(self, directory: Path) -> "Postgres":
        """A copy that follows this one; not yet started."""
        account, binaries, _, _ = self.layout
        directory.mkdir(mode=0o700)
        account.own(directory)
        copy = Layout(account, binaries, directory / "postgres", directory / "postgres.log")
        source = f"host=127.0.0.1 port={self.port} user=postgres"
        tool = [str(binaries / "pg_basebackup"), "-d", source, "-D", str(copy.cluster)]
        made = run([*tool, "-R", "--checkpoint=fast", "--wal-method=stream"], account, copy.log)
        assert made.wait(SECONDS) == 0, copy.log.read_text()
        return Postgres(copy)

    def promote(self) -> None:
        assert self.execute("select pg_promote()") == [(True,)]


@contextmanager
def primary(directory: Path, *settings: str) -> Iterator[Postgres]:
    """A running server with a database `crm`."""
    directory.mkdir()
    server = Postgres(lay_out(directory))
    server.start(*settings)
    server.execute("create database crm template template0")
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def standby(of: Postgres, directory: Path, *settings: str) -> Iterator[Postgres]:
    """A running copy of a server."""
    server = of.standby(directory)
    with running(server, *settings):
        yield server


@contextmanager
def running(server: Postgres, *settings: str) -> Iterator[None]:
    """Run a server for the block."""
    server.start(*settings)
    try:
        yield
    finally:
        server.stop()


def upgradable(directory: Path) -> tuple[Postgres, Postgres]:
    """Two empty servers that do not run: one of an older major version, and one that pg_upgrade can make of it."""
    directory.mkdir()
    wheel = lay_out(directory)
    old = _empty(directory / "old", wheel._replace(binaries=OLDER))
    return old, _empty(directory / "new", wheel, "--no-data-checksums")


def _empty(directory: Path, like: Layout, *options: str) -> Postgres:
    directory.mkdir(mode=0o700)
    like.account.own(directory)
    layout = like._replace(cluster=directory / "postgres", log=directory / "postgres.log")
    alike = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
    command = [str(layout.binaries / "initdb"), "-D", str(layout.cluster), *alike, *options]
    assert run(command, layout.account, layout.log).wait(SECONDS) == 0, layout.log.read_text()
    return Postgres(layout)


def upgrade(old: Postgres, new: Postgres) -> None:
    """Make an empty server of the version of the wheel what an older one was, by pg_upgrade."""
    account, binaries, cluster, log = new.layout
    clusters = ("-b", old.layout.binaries, "-B", binaries, "-d", old.layout.cluster, "-D", cluster, "-U", "postgres")
    # It wants to write where it runs.
    inside = ["sh", "-c", 'cd "$0" && exec "$@"', str(cluster.parent), str(binaries / "pg_upgrade")]
    assert run([*inside, *map(str, clusters)], account, log).wait(SECONDS) == 0, log.read_text()


@contextmanager
def pgbouncer(server: Postgres, directory: Path, *settings: str) -> Iterator[int]:
    """A running PgBouncer in transaction mode; gives its port."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "PgBouncer is missing: apt-get install pgbouncer"
    port, settings_file = free_port(), directory / "pgbouncer.ini"
    # It connects as one user, whoever asks, as `auth_type = any` has it. What is given later wins.
    lines = blocks("docs/how-to/scale-out.md")["PgBouncer 1"].text.replace("port=5432", f"port={server.port}")
    settings_file.write_text("\n".join((lines.replace("6432", str(port)), *settings, "")))
    settings_file.chmod(0o644)
    account = server.layout.account
    process = run([program, str(settings_file)], account, directory / "pgbouncer.log")
    try:
        until(lambda: is_open(port), "PgBouncer listens")
        yield port
    finally:
        process.terminate()
        process.wait(SECONDS)


def is_open(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
