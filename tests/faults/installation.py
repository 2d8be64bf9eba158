"""An installation of the CRM that can be killed, frozen and started again: ``crm serve`` with its own PostgreSQL."""

import contextlib
import os
import pathlib
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import httpx
import psutil
import psycopg

from crm_adapters.embedded.cluster import LOCK, PORT, processes_of, recorded_pid
from tests.faults.servers import free_port, until
from tests.http.conftest import PASSWORD, Api

CRM: Final = pathlib.Path(sys.executable).parent / "crm"
SECONDS: Final = 30.0


class Installation:
    """A server on one port, however often it is started.

    Args:
        data_dir: where the embedded PostgreSQL is; one that its own user can enter.
        database_url: another database than the embedded one.
        host: where the server listens.
        within: a command that runs the server's, as ``ip netns exec``.
        settings: further settings in its environment.
    """

    def __init__(
        self,
        data_dir: pathlib.Path,
        database_url: str = "",
        *,
        host: str = "127.0.0.1",
        within: Sequence[str | pathlib.Path] = (),
        **settings: str,
    ) -> None:
        self.data_dir, self._database_url = data_dir, database_url
        self.log = data_dir.with_suffix(".log")
        self.url = f"http://{host}:{(port := free_port())}"
        self._command = [*within, CRM, "serve", "--host", host, "--port", str(port)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
        self._environment = environment | {
            "CRM_DATABASE_URL": database_url,
            "CRM_DATA_DIR": str(data_dir),
            "CRM_ADMIN_PASSWORD": PASSWORD,
            "CRM_WEBHOOK_ALLOW": "127.0.0.0/8,10.251.0.0/16",
            "CRM_WEBHOOK_RETRY_DELAYS": ",".join(["0.5"] * 40),
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.thaw()
        if self._process:
            self.stop()

    # Its life

    def start(self) -> None:
        """Start the server and wait until it is ready."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        until(self.is_ready, "crm serve is ready")

    def is_ready(self) -> bool:
        """Whether it is; it must not have ended."""
        assert self._server.poll() is None, self.log.read_text()[-2000:]
        try:
            return httpx.get(f"{self.url}/readyz", timeout=SECONDS).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> int:
        """End it as an administrator would; gives its exit code."""
        server, self._process = self._server, None
        server.send_signal(signal.SIGTERM)
        return server.wait(SECONDS)

    def api(self) -> Api:
        """The administrator's requests, each on a connection of its own: none is one that a kill has broken."""
        return Api(
            lambda method, path, **options: httpx.request(method, f"{self.url}{path}", timeout=SECONDS, **options)
        ).as_user("admin")

    # Its PostgreSQL

    @property
    def database_url(self) -> str:
        """The embedded database, as it can be reached now."""
        if self._database_url:
            return self._database_url
        sockets = (self.data_dir / LOCK).read_text()
        return f"postgresql://postgres@/crm?host={quote(sockets)}&port={PORT}"

    @property
    def cluster(self) -> pathlib.Path:
        return (self.data_dir / "postgres").resolve()

    # What befalls it

    def kill_server(self) -> None:
        """End the server with all its workers at once; its PostgreSQL goes on."""
        os.killpg(self._server.pid, signal.SIGKILL)
        self._server.wait(SECONDS)
        self.start()

    def kill_both(self) -> None:
        """End everything at once, as a power cut would but for the disk."""
        os.killpg(self._server.pid, signal.SIGKILL)
        self._signal_postgres(signal.SIGKILL)
        self._server.wait(SECONDS)
        self.start()

    def kill_worker(self) -> None:
        """End what answers requests; the process that looks after it goes on."""
        workers = [each for each in psutil.Process(self._server.pid).children() if "spawn_main" in str(each.cmdline())]
        random.choice(workers).kill()  # noqa: S311  # any will do

    def kill_postmaster(self) -> None:
        os.kill(recorded_pid(self.cluster), signal.SIGKILL)

    def kill_backend(self) -> None:
        """End one of the processes that serve our connections, by which PostgreSQL restarts all."""
        backends = self._ask("select pid from pg_stat_activity where application_name = 'crm' and pid <> %s")
        os.kill(random.choice(backends), signal.SIGKILL)  # noqa: S311  # any will do

    def terminate_connections(self) -> None:
        """Have PostgreSQL close all connections, as an administrator or a pooler that restarts does."""
        self._ask("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'crm' and pid <> %s")

    def freeze(self) -> None:
        """Let PostgreSQL neither answer nor hang up."""
        self._signal_postgres(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal_postgres(signal.SIGCONT)

    def _signal_postgres(self, number: signal.Signals) -> None:
        for pid in processes_of(self.cluster):
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                os.kill(pid, number)

    def _ask(self, statement: str) -> list[int]:
        with psycopg.connect(self.database_url) as connection:
            rows = connection.execute(statement.encode(), (connection.info.backend_pid,)).fetchall()
        return [row[0] for row in rows]

    @property
    def _server(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "it was not started"
        return self._process
